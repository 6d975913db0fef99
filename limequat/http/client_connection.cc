#include <algorithm>
#include <exception>
#include <utility>

#include <boost/asio/ip/basic_resolver.hpp>
#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/http/client_internal.h"
#include "limequat/http/response.h"
#include "limequat/telemetry/log.h"

namespace limequat::http {
namespace {

constexpr std::size_t kMaxResponseHeader = 64U << 10U;
constexpr std::size_t kKeptBuffer = 4U << 10U;

bool SetByConnection(std::string_view name) {
  return EqualName(name, "Content-Length") || EqualName(name, "Transfer-Encoding") ||
         EqualName(name, "Connection") || EqualName(name, "Host");
}

bool IsAddress(const std::string& host) {
  ErrorCodeOfAsio error;
  asio::ip::make_address(host, error);
  return !error;
}

}  // namespace

ClientConnection::ClientConnection(std::shared_ptr<ClientPool> pool, EndpointState& state,
                                   IoThread& io)
    : endpoint(state.shared_from_this()),
      pool_(std::move(pool)),
      io_(io),
      host_(state.key.host),
      port_(state.key.port),
      use_tls_(state.key.tls),
      trust_(state.trust),
      resolver_(io_.executor()),
      watchdog_(io_.executor()),
      parser_(kMaxResponseHeader) {}

ClientConnection::~ClientConnection() = default;

void ClientConnection::Start() {
  watchdog_.Start(shared_from_this(), [this] { Expired(); });
  asio::co_spawn(io_.executor(), Run(shared_from_this()),
                 [self = shared_from_this()](std::exception_ptr failure) {
                   if (failure) {
                     telemetry::LogError("http.client_exception",
                                         {{"what", DescribeException(failure)}});
                   }
                   self->watchdog_.Stop();
                   ErrorCodeOfAsio ignored;
                   if (self->transport_) self->transport_->socket().close(ignored);
                 });
}

void ClientConnection::Abort() {
  aborted_ = true;
  ErrorCodeOfAsio ignored;
  resolver_.cancel();
  if (connecting_) connecting_->close(ignored);
  if (transport_) transport_->Abort();
}

void ClientConnection::Expired() {
  if (!transport_) {
    expired_ = true;
    ErrorCodeOfAsio ignored;
    resolver_.cancel();
    if (connecting_) connecting_->close(ignored);
    return;
  }
  if (const std::shared_ptr<Call> call = std::exchange(call_, nullptr)) {
    pool_->Finish(call, Unavailable("http.client.timeout", "no answer before the deadline"));
  }
  Abort();
}

void ClientConnection::Close() {
  if (call_) {
    GiveUp(call_, Unavailable("http.client.closed", "the client was closed"));
  } else {
    Abort();
  }
}

void ClientConnection::GiveUp(const std::shared_ptr<Call>& call, const Error& why) {
  if (call_ != call) return;
  const std::shared_ptr<Call> owned = std::exchange(call_, nullptr);
  pool_->Finish(owned, why);
  Abort();
}

// --- connecting -------------------------------------------------------------------

Error ClientConnection::ConnectError(std::string_view what) const {
  return Unavailable("http.client.connect",
                     fmt::format("{} port {}: {}", EscapeForDisplay(host_, 253), port_, what));
}

Awaitable<ErrorCodeOfAsio> ClientConnection::ConnectTo(const tcp::endpoint& address) {
  ErrorCodeOfAsio error;
  connecting_.emplace(io_.executor());
  connecting_->open(address.protocol(), error);
  if (!error) co_await connecting_->async_connect(address, Into(error));
  if (!error) {
    connecting_->set_option(tcp::no_delay(true), error);
    connecting_->native_non_blocking(true, error);
    transport_.emplace(std::move(*connecting_));
  }
  connecting_.reset();
  co_return error;
}

Awaitable<std::optional<Error>> ClientConnection::ConnectSocket() {
  ErrorCodeOfAsio error;
  std::vector<tcp::endpoint> addresses;
  if (const auto literal = asio::ip::make_address(host_, error); !error) {
    addresses.emplace_back(literal, port_);
  } else {
    const auto found = co_await resolver_.async_resolve(
        host_, std::to_string(port_), asio::ip::resolver_base::numeric_service, Into(error));
    if (expired_) co_return ConnectError("no address in time");
    if (error) co_return ConnectError("no address: " + error.message());
    for (const auto& entry : found) addresses.push_back(entry.endpoint());
  }
  // Each address has its share of the time, so that a dead one does not hide the next.
  const Clock::time_point end = Clock::now() + pool_->options().connect_timeout;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const auto left = std::max(end - Clock::now(), Clock::duration::zero());
    watchdog_.Set(Clock::now() + left / static_cast<std::int64_t>(addresses.size() - i));
    expired_ = false;
    error = co_await ConnectTo(addresses[i]);
    if (!error || aborted_) break;
  }
  if (!transport_) co_return ConnectError(expired_ ? "no connection in time" : error.message());
  co_return std::nullopt;
}

Awaitable<std::optional<Error>> ClientConnection::Handshake() {
  check_.emplace(*trust_, host_);
  TlsSession& session = transport_->StartTls(pool_->ssl(), TlsSession::Role::kClient, *check_);
  if (!IsAddress(host_)) session.SetServerName(host_);
  if (co_await transport_->Handshake() == Io::kDone) co_return std::nullopt;
  if (session.refusal()) {
    co_return Untrusted("http.client.certificate",
                        fmt::format("{} port {}: {}", EscapeForDisplay(host_, 253), port_,
                                    session.refusal()->message));
  }
  co_return ConnectError(aborted_ ? "no TLS handshake in time" : "TLS: " + transport_->failure());
}

Awaitable<std::optional<Error>> ClientConnection::Connect() {
  watchdog_.Set(Clock::now() + pool_->options().connect_timeout);
  if (std::optional<Error> error = co_await ConnectSocket()) co_return error;
  if (!use_tls_) co_return std::nullopt;
  watchdog_.Set(Clock::now() + pool_->options().connect_timeout);
  co_return co_await Handshake();
}

// --- requests ---------------------------------------------------------------------

void ClientConnection::Serialize(const ClientRequest& request) {
  out_.clear();
  const bool bracketed = host_.find(':') != std::string::npos;
  const bool default_port = port_ == (use_tls_ ? 443 : 80);
  fmt::format_to(std::back_inserter(out_), "{} {} HTTP/1.1\r\nHost: {}{}{}",
                 MethodName(request.method), request.target, bracketed ? "[" : "", host_,
                 bracketed ? "]" : "");
  if (!default_port) fmt::format_to(std::back_inserter(out_), ":{}", port_);
  out_ += "\r\n";
  for (const auto& [name, value] : request.headers) {
    if (!SetByConnection(name)) out_.append(name).append(": ").append(value).append("\r\n");
  }
  const bool has_body = request.method != Method::kGet && request.method != Method::kDelete;
  if (has_body || !request.body.empty()) {
    fmt::format_to(std::back_inserter(out_), "Content-Length: {}\r\n", request.body.size());
  }
  out_.append("\r\n").append(request.body);
}

void ClientConnection::Begin(std::shared_ptr<Call> call) {
  if (call->cancelled) {
    pool_->Finish(call, Unavailable("http.client.cancelled", "the request was cancelled"));
    if (!ended_) GoOn(pool_->Released(shared_from_this()));
    return;
  }
  if (ended_) {
    // It was given to this connection while that ended: nothing has been sent.
    pool_->Ended(nullptr, call);
    return;
  }
  Write(std::move(call));
}

void ClientConnection::Write(std::shared_ptr<Call> call) {
  call_ = std::move(call);
  Serialize(call_->request);
  parser_.Reset(call_->request.max_response);
  body_ = pool_->bodies().Open();
  watchdog_.Set(call_->deadline);
  unsent_ = out_;
  Io io = Io::kDone;
  while (!unsent_.empty() && io == Io::kDone) io = transport_->TryWrite(unsent_);
  // A failure is seen by the reader, which may find an answer before it.
  if (unsent_.empty() || io == Io::kFailed) return;
  writing_ = true;
  asio::co_spawn(io_.executor(), WriteRest(shared_from_this()), [](std::exception_ptr) {});
}

Awaitable<void> ClientConnection::WriteRest(std::shared_ptr<ClientConnection> self) {
  while (!unsent_.empty() && co_await transport_->WriteSome(unsent_) == Io::kDone) {
  }
  writing_ = false;
  static_cast<void>(self);
}

void ClientConnection::GoOn(ClientPool::Next next) {
  if (next.call) {
    Begin(std::move(next.call));
  } else if (next.retired) {
    Abort();
  } else {
    watchdog_.Set(Clock::now() + pool_->options().idle_timeout);
    if (out_.capacity() > kKeptBuffer) out_ = {};
  }
}

Awaitable<void> ClientConnection::Run(std::shared_ptr<ClientConnection> self) {
  if (const std::optional<Error> error = co_await Connect()) {
    ended_ = true;
    pool_->ConnectFailed(self, *error);
    co_return;
  }
  GoOn(pool_->Established(self));
  Io io = Io::kDone;
  while (io == Io::kDone) {
    std::size_t count = 0;
    const std::span<char> scratch = io_.scratch();
    io = co_await transport_->Read(scratch, count);
    if (io == Io::kDone && !Received({scratch.data(), count})) break;
  }
  ReadLoopEnded(io);
}

// False: the connection cannot be used any more.
bool ClientConnection::Received(std::string_view data) {
  if (!call_) return false;  // an answer to nothing
  std::string_view input = data;
  if (!buffer_.empty()) {
    buffer_.append(data);
    input = buffer_;
  }
  const Parsed parsed = parser_.Feed(input);
  std::optional<Error> error;
  if (parsed == Parsed::kFailed) {
    error = Malformed(parser_.too_long() ? "http.client.too_long" : "http.client.malformed",
                      std::string(parser_.failure()));
  } else if (!body_.Grow(parser_.response().body.size())) {
    error = Unavailable("http.client.bodies_in_flight", "too many answers are being received");
  }
  if (error) {
    pool_->Finish(std::exchange(call_, nullptr), *std::move(error));
    return false;
  }
  if (parsed == Parsed::kDone) return Answered(input);
  if (buffer_.empty()) {
    buffer_.assign(input);
  } else {
    buffer_.erase(0, buffer_.size() - input.size());
  }
  return true;
}

bool ClientConnection::Answered(std::string_view rest) {
  const std::shared_ptr<Call> call = std::exchange(call_, nullptr);
  ClientResponse response = std::move(parser_.response());
  const Budget::Lease held = std::move(body_);
  const bool usable = parser_.keep_alive() && rest.empty() && unsent_.empty() && !writing_;
  kept_ = true;
  buffer_.clear();
  if (usable) GoOn(pool_->Released(shared_from_this()));
  pool_->Finish(call, std::move(response));
  return usable;
}

void ClientConnection::ReadLoopEnded(Io io) {
  ended_ = true;
  std::shared_ptr<Call> call = std::exchange(call_, nullptr);
  std::shared_ptr<Call> unanswered;
  // Servers of HTTP/1.0 (Keylime's Python agent) end a body by closing the socket, and
  // TLS with it. Who reads the body must notice if it is cut: a JSON document shows it.
  const bool ended = io == Io::kEnd || (io == Io::kCut && parser_.http10());
  if (call && ended && parser_.begun() && parser_.FeedEnd() == Parsed::kDone) {
    pool_->Finish(call, std::move(parser_.response()));
  } else if (call && kept_ && !parser_.begun() && !aborted_ && call->MayRepeat()) {
    unanswered = std::move(call);
  } else if (call) {
    pool_->Finish(call,
                  Unavailable("http.client.closed",
                              fmt::format("{} port {}: {}", EscapeForDisplay(host_, 253), port_,
                                          io == Io::kEnd ? "closed before the answer was complete"
                                                         : transport_->failure())));
  }
  Abort();
  pool_->Ended(shared_from_this(), unanswered);
}

}  // namespace limequat::http
