#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "limequat/http/asio_internal.h"
#include "limequat/http/tls_internal.h"

namespace limequat::http {

// A connected socket, plain or under TLS. Sockets are used without Asio's own TLS
// stream: that keeps 70 KB of buffers for each connection and copies every byte
// twice, and a verifier keeps ten thousand connections open. All members on the
// thread of the socket's context.
class Transport {
 public:
  explicit Transport(IoSocket socket) : socket_(std::move(socket)) {}

  IoSocket& socket() { return socket_; }
  TlsSession& StartTls(SSL_CTX* context, TlsSession::Role role, PeerCheck& check) {
    return tls_.emplace(context, socket_.native_handle(), role, check);
  }
  const std::optional<TlsSession>& tls() const { return tls_; }

  // These never wait.
  Io TryRead(std::span<char> into, std::size_t& count);
  Io TryWrite(std::string_view& data);

  // These suspend and end with kDone, kEnd or kFailed.
  Awaitable<Io> Handshake();
  Awaitable<Io> Read(std::span<char> into, std::size_t& count);
  // Some of `data`; removes it from the front.
  Awaitable<Io> WriteSome(std::string_view& data);
  // Suspends until the socket may be ready again after `io`; kFailed when aborted.
  Awaitable<Io> WaitFor(Io io);

  // Reads and throws away what the peer still sends, under TLS too, `limit` bytes at most.
  Awaitable<void> Drain(std::span<char> scratch, std::size_t limit);

  // Whatever waits ends with kFailed, and so does everything after.
  void Abort();
  bool aborted() const { return aborted_; }
  // Tells the peer that nothing follows.
  void ShutdownWrite();
  // What the kernel knows about the peer; reads nothing. kGone: it has closed its side
  // or reset the connection, whatever it sent before.
  enum class PeerState { kQuiet, kSent, kGone };
  PeerState LookAtPeer();

  // For logs, after kFailed.
  std::string failure() const;

 private:
  IoSocket socket_;
  std::optional<TlsSession> tls_;
  bool aborted_ = false;
  int turns_ = 0;  // reads in a row that did not have to wait
  std::string failure_;
};

// Calls `expired` once a set time has passed. Setting a time again and again is
// cheap: the timer is only re-armed when the new time is earlier than the armed one.
class Watchdog {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr Clock::time_point kNever = Clock::time_point::max();

  explicit Watchdog(IoExecutor executor) : timer_(executor) {}

  // `owner` keeps the watchdog alive; `expired` runs on its thread. Call it once.
  void Start(const std::shared_ptr<void>& owner, std::function<void()> expired);
  void Set(Clock::time_point when);
  void Stop();

 private:
  void Arm(Clock::time_point when);
  void Fired();

  IoTimer timer_;
  std::weak_ptr<void> owner_;
  std::function<void()> expired_;
  Clock::time_point when_ = kNever;
  Clock::time_point armed_ = kNever;
};

}  // namespace limequat::http
