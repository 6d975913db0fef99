#include "limequat/http/transport.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

namespace limequat::http {
namespace {

// After so many reads without a wait, others on the thread have their turn.
constexpr int kMaxTurns = 16;

}  // namespace

Io Transport::TryRead(std::span<char> into, std::size_t& count) {
  if (aborted_) return Io::kFailed;
  if (tls_) return tls_->Read(into, count);
  for (;;) {
    const ssize_t result = recv(socket_.native_handle(), into.data(), into.size(), 0);
    if (result > 0) {
      count = static_cast<std::size_t>(result);
      return Io::kDone;
    }
    if (result == 0) return Io::kEnd;
    if (errno == EAGAIN) return Io::kWantRead;
    if (errno != EINTR) {
      failure_ = std::strerror(errno);
      return Io::kFailed;
    }
  }
}

Io Transport::TryWrite(std::string_view& data) {
  if (aborted_) return Io::kFailed;
  if (tls_) return tls_->Write(data);
  for (;;) {
    const ssize_t result = send(socket_.native_handle(), data.data(), data.size(), MSG_NOSIGNAL);
    if (result >= 0) {
      data.remove_prefix(static_cast<std::size_t>(result));
      return Io::kDone;
    }
    if (errno == EAGAIN) return Io::kWantWrite;
    if (errno != EINTR) {
      failure_ = std::strerror(errno);
      return Io::kFailed;
    }
  }
}

Awaitable<Io> Transport::WaitFor(Io io) {
  if (aborted_) co_return Io::kFailed;
  turns_ = 0;
  ErrorCodeOfAsio error;
  co_await socket_.async_wait(io == Io::kWantRead ? IoSocket::wait_read : IoSocket::wait_write,
                              Into(error));
  if (error && failure_.empty()) failure_ = error.message();
  co_return error || aborted_ ? Io::kFailed : Io::kDone;
}

Awaitable<Io> Transport::Handshake() {
  for (;;) {
    const Io io = aborted_ ? Io::kFailed : tls_->Handshake();
    if (io != Io::kWantRead && io != Io::kWantWrite) co_return io;
    if (co_await WaitFor(io) != Io::kDone) co_return Io::kFailed;
  }
}

Awaitable<Io> Transport::Read(std::span<char> into, std::size_t& count) {
  if (++turns_ > kMaxTurns) {
    turns_ = 0;
    co_await asio::post(socket_.get_executor(), asio::use_awaitable_t<IoExecutor>());
  }
  for (;;) {
    const Io io = TryRead(into, count);
    if (io != Io::kWantRead && io != Io::kWantWrite) co_return io;
    if (co_await WaitFor(io) != Io::kDone) co_return Io::kFailed;
  }
}

Awaitable<Io> Transport::WriteSome(std::string_view& data) {
  for (;;) {
    const Io io = TryWrite(data);
    if (io != Io::kWantRead && io != Io::kWantWrite) co_return io;
    if (co_await WaitFor(io) != Io::kDone) co_return Io::kFailed;
  }
}

Awaitable<void> Transport::Drain(std::span<char> scratch, std::size_t limit) {
  while (limit > 0 && !aborted_) {
    const ssize_t result = recv(socket_.native_handle(), scratch.data(), scratch.size(), 0);
    if (result > 0) {
      limit -= std::min(limit, static_cast<std::size_t>(result));
    } else if (result == 0 || errno != EAGAIN || co_await WaitFor(Io::kWantRead) != Io::kDone) {
      co_return;
    }
  }
}

void Transport::Abort() {
  aborted_ = true;
  ErrorCodeOfAsio ignored;
  socket_.cancel(ignored);
}

void Transport::ShutdownWrite() {
  if (aborted_) return;
  if (tls_) tls_->Shutdown();
  ErrorCodeOfAsio ignored;
  socket_.shutdown(IoSocket::shutdown_send, ignored);
}

Transport::PeerState Transport::LookAtPeer() {
  pollfd state{socket_.native_handle(), POLLIN | POLLRDHUP, 0};
  if (poll(&state, 1, 0) < 0 || (state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0) {
    return PeerState::kGone;
  }
  return (state.revents & POLLIN) != 0 ? PeerState::kSent : PeerState::kQuiet;
}

std::string Transport::failure() const {
  if (tls_ && !tls_->failure().empty()) return tls_->failure();
  return failure_.empty() ? "the connection was closed" : failure_;
}

// --- Watchdog ---------------------------------------------------------------------

void Watchdog::Start(const std::shared_ptr<void>& owner, std::function<void()> expired) {
  owner_ = owner;
  expired_ = std::move(expired);
}

void Watchdog::Set(Clock::time_point when) {
  when_ = when;
  if (when < armed_) Arm(when);
}

void Watchdog::Stop() {
  when_ = armed_ = kNever;
  expired_ = nullptr;
  timer_.cancel();
}

void Watchdog::Arm(Clock::time_point when) {
  armed_ = when;
  timer_.expires_at(when);
  timer_.async_wait([owner = owner_, this](const ErrorCodeOfAsio& error) {
    if (error) return;  // armed again or stopped
    if (const auto alive = owner.lock()) Fired();
  });
}

void Watchdog::Fired() {
  armed_ = kNever;
  if (when_ == kNever || !expired_) return;
  if (when_ > Clock::now()) {
    Arm(when_);
    return;
  }
  when_ = kNever;
  expired_();
}

}  // namespace limequat::http
