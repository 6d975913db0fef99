#include "limequat/http/connection.h"

#include <exception>
#include <utility>

#include "limequat/crypto/random.h"
#include "limequat/http/server_internal.h"
#include "limequat/http/url.h"
#include "limequat/telemetry/log.h"

namespace limequat::http {
namespace {

using std::chrono::milliseconds;

// A refused body up to this size is read and thrown away, so that the connection and its
// handshake are not lost when many are told to come back later.
constexpr std::uint64_t kMaxSkippedBody = 64U << 10U;
// How long and how much is read from a client that is still sending when it has been
// answered; without that it would see a reset instead of the answer.
constexpr milliseconds kLinger{1'000};
constexpr std::size_t kMaxLinger = 1U << 20U;
constexpr std::size_t kKeptBuffer = 4U << 10U;

}  // namespace

Connection::Connection(std::shared_ptr<ServerCore> server, IoThread& io, IoSocket socket,
                       std::string address, std::string counted)
    : server_(std::move(server)),
      io_(io),
      transport_(std::move(socket)),
      watchdog_(io_.executor()),
      wait_(io_.executor()),
      probe_(io_.executor()),
      peer_(std::make_shared<Peer>()),
      counted_(std::move(counted)) {
  peer_->address = std::move(address);
}

Connection::~Connection() = default;

void Connection::Start() {
  io_.Post([self = shared_from_this()] {
    self->watchdog_.Start(self, [raw = self.get()] { raw->Abort(); });
    asio::co_spawn(self->io_.executor(), self->Serve(self), [self](std::exception_ptr failure) {
      if (failure) {
        telemetry::LogError("http.connection_exception", {{"what", DescribeException(failure)}});
      }
      if (self->exchange_) self->exchange_->Cancel();
      self->watchdog_.Stop();
      self->probe_.cancel();
      ErrorCodeOfAsio ignored;
      self->transport_.socket().close(ignored);
      self->server_->Remove(self, self->counted_);
    });
  });
}

void Connection::BeginStop() {
  stopping_ = true;
  if (exchange_) exchange_->Cancel();
  if (idle_ || peer_gone_) Abort();
  WakeUp();
}

void Connection::Abort() {
  if (exchange_) exchange_->Cancel();
  transport_.Abort();
  WakeUp();
}

Awaitable<void> Connection::Serve(std::shared_ptr<Connection> self) {
  if (co_await Handshake()) {
    while (!stopping_ && co_await ServeOne()) {
      exchange_.reset();
    }
    co_await Close();
  }
  static_cast<void>(self);
}

Awaitable<bool> Connection::Handshake() {
  const ListenOptions& options = server_->options();
  if (!options.tls) co_return true;
  check_.emplace(*options.tls);
  const TlsSession& session =
      transport_.StartTls(server_->ssl(), TlsSession::Role::kServer, *check_);
  watchdog_.Set(Clock::now() + options.limits.handshake_timeout);
  if (co_await transport_.Handshake() == Io::kDone) {
    peer_->principal = std::move(check_->principal());
    co_return true;
  }
  if (server_->MayLog()) {
    const std::string reason = session.refusal()      ? session.refusal()->message
                               : transport_.aborted() ? "not complete in time"
                                                      : transport_.failure();
    telemetry::LogInfo("http.handshake_failed", {{"peer", peer_->address}, {"reason", reason}});
  }
  co_return false;
}

// --- reading ----------------------------------------------------------------------

Parsed Connection::FeedBuffer() {
  std::string_view input = buffer_;
  const Parsed parsed = parser_.Feed(input);
  buffer_.erase(0, buffer_.size() - input.size());
  return parsed;
}

Awaitable<Parsed> Connection::ReadMore() {
  std::size_t count = 0;
  const std::span<char> scratch = io_.scratch();
  if (co_await transport_.Read(scratch, count) != Io::kDone) co_return Parsed::kFailed;
  buffer_.append(scratch.data(), count);
  co_return Parsed::kNeedMore;
}

Awaitable<Parsed> Connection::ReadHead() {
  const ServerLimits& limits = server_->options().limits;
  parser_.Reset(limits.max_header_bytes);
  bool begun = !buffer_.empty();
  idle_ = !begun;
  watchdog_.Set(Clock::now() + (begun ? limits.header_timeout : limits.idle_timeout));
  if (!begun && buffer_.capacity() > kKeptBuffer) buffer_.shrink_to_fit();
  for (;;) {
    if (const Parsed parsed = FeedBuffer(); parsed != Parsed::kNeedMore) co_return parsed;
    if (co_await ReadMore() == Parsed::kFailed) {
      transport_.Abort();  // nobody to answer
      co_return Parsed::kFailed;
    }
    if (!begun) {
      begun = true;
      idle_ = false;
      watchdog_.Set(Clock::now() + limits.header_timeout);
    }
  }
}

Awaitable<bool> Connection::SkipBody() {
  while (!parser_.complete()) {
    const Parsed parsed = FeedBuffer();
    parser_.body().clear();
    if (parsed == Parsed::kDone) break;
    if (parsed == Parsed::kFailed || co_await ReadMore() == Parsed::kFailed) co_return false;
  }
  co_return true;
}

Awaitable<bool> Connection::ReadBody(Turn& turn) {
  const std::size_t max_body = turn.route->options.max_body;
  while (!parser_.complete()) {
    const Parsed parsed = FeedBuffer();
    const std::string& body = parser_.body();
    if (parsed == Parsed::kFailed) {
      co_return co_await RefuseUnread(turn, parser_.failure_status(),
                                      Malformed("http.body", std::string(parser_.failure())));
    }
    if (body.size() > max_body) {
      co_return co_await RefuseUnread(turn, 413,
                                      Malformed("http.body_too_long", "the body is too long"));
    }
    if (!turn.held->body.Grow(body.size())) {
      co_return co_await RefuseUnread(
          turn, 503, Unavailable("http.bodies_in_flight", "too many bodies are being received"));
    }
    if (parsed == Parsed::kDone) break;
    if (co_await ReadMore() == Parsed::kFailed) {
      transport_.Abort();
      co_return false;
    }
  }
  turn.held->request.body = std::move(parser_.body());
  co_return true;
}

// --- one request ------------------------------------------------------------------

Connection::Turn Connection::NewTurn() {
  Turn turn;
  turn.held = std::make_shared<HeldRequest>();
  turn.held->body = server_->bodies().Open();
  return turn;
}

Awaitable<bool> Connection::ServeOne() {
  const Parsed head = co_await ReadHead();
  if (transport_.aborted()) co_return false;
  Turn turn = NewTurn();
  if (head == Parsed::kFailed) {
    co_return co_await Refuse(turn, parser_.failure_status(),
                              Malformed("http.request", std::string(parser_.failure())));
  }
  Request& request = turn.held->request;
  request.headers = std::move(parser_.headers());
  request.tls = transport_.tls().has_value();
  turn.echoed_id = SanitizeRequestId(request.headers.Find("X-Request-ID").value_or(""));
  turn.http11 = parser_.http11();
  turn.keep_alive = parser_.keep_alive() && !stopping_;
  turn.no_body = parser_.is_head();
  turn.exchange = exchange_ = std::make_shared<Exchange>(
      peer_, turn.echoed_id.empty() ? crypto::RandomAlphanumeric(16) : turn.echoed_id);
  if (!co_await Admit(turn)) co_return turn.keep_alive && !transport_.aborted();
  co_return co_await Handle(turn);
}

// Decides in the order that RouteOptions promises and reads the body. False: the
// request has been answered, or the connection has ended.
Awaitable<bool> Connection::Admit(Turn& turn) {
  Request& request = turn.held->request;
  const auto refuse = [&](int status, Error why) {
    return RefuseUnread(turn, status, std::move(why));
  };
  turn.deadline = Clock::now() + server_->options().limits.header_timeout;
  watchdog_.Set(turn.deadline);
  Status target = SplitTarget(parser_.target(), request);
  const std::optional<Method> method = parser_.method();
  if (!method)
    co_return co_await refuse(501, Unsupported("http.method", "this method is not served"));
  if (!target) co_return co_await refuse(400, std::move(target).error());
  request.method = *method;
  if (parser_.unknown_expectation()) {
    co_return co_await refuse(417, Unsupported("http.expectation", "unknown expectation"));
  }
  Router::Match match = server_->router().Find(*method, request.path);
  if (match.route == nullptr) {
    if (!match.method_differs)
      co_return co_await refuse(404, NotFound("http.route", "no such path"));
    Error why = Unsupported("http.method", "this path has other methods");
    for (const Method allowed : match.allowed) {
      turn.allowed += (turn.allowed.empty() ? "" : ", ") + std::string(MethodName(allowed));
    }
    co_return co_await refuse(405, std::move(why));
  }
  turn.route = match.route;
  request.path_parameters = std::move(match.parameters);
  const RouteOptions& options = match.route->options;
  turn.deadline = Clock::now() + options.timeout;
  watchdog_.Set(turn.deadline);
  turn.exchange->SetDeadline(turn.deadline);
  if (!match.route->access.Allows(peer_->principal)) {
    co_return co_await refuse(403, PermissionDenied("http.access", "not allowed for this caller"));
  }
  turn.running = server_->Enter(*match.route);
  if (!turn.running) {
    co_return co_await refuse(503, Unavailable("http.route_busy", "too many such requests run"));
  }
  if (parser_.content_length() > options.max_body) {
    co_return co_await refuse(413, Malformed("http.body_too_long", "the body is too long"));
  }
  if (parser_.expects_continue() && turn.http11 && !parser_.complete() && buffer_.empty() &&
      !co_await Write(turn, "HTTP/1.1 100 Continue\r\n\r\n")) {
    co_return false;
  }
  watchdog_.Set(turn.deadline);
  co_return co_await ReadBody(turn);
}

// Answers a request whose body has not been read. Always false, for Admit.
Awaitable<bool> Connection::RefuseUnread(Turn& turn, int status, Error why) {
  if (!parser_.complete()) {
    const bool small = !parser_.chunked() && parser_.content_length() <= kMaxSkippedBody &&
                       !parser_.expects_continue() && status != 413;
    if (!small || !turn.keep_alive || !co_await SkipBody()) {
      turn.keep_alive = false;
    }
  }
  turn.keep_alive = co_await Refuse(turn, status, why);
  co_return false;
}

Awaitable<void> Connection::Close() {
  if (transport_.aborted()) co_return;
  idle_ = true;  // Stop need not wait for this
  watchdog_.Set(Clock::now() + kLinger);
  transport_.ShutdownWrite();
  co_await transport_.Drain(io_.scratch(), kMaxLinger);
}

}  // namespace limequat::http
