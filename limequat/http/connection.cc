#include "limequat/http/connection.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "limequat/base/check.h"
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
constexpr std::size_t kCoalesced = 64U << 10U;  // head and body go out together up to here
constexpr milliseconds kProbeInterval{100};
constexpr std::size_t kKeptBuffer = 4U << 10U;

Error StreamError(std::string_view id, std::string message) {
  return Internal(id, std::move(message));
}

}  // namespace

// The waker of one stream. The source may keep it longer than the connection lives.
class Waker final : public EventWaker {
 public:
  Waker(const std::shared_ptr<Connection>& connection)
      : connection_(connection), io_(connection->io()) {}

  void Wake() override {
    if (!news_.exchange(true)) Post();
  }
  void Close() override {
    if (!closing_.exchange(true)) Post();
  }
  CancelToken closed() const override { return closed_.token(); }

  bool TakeNews() { return news_.exchange(false); }
  bool closing() const { return closing_.load(); }
  void Ended() { closed_.Cancel(); }

 private:
  void Post() {
    if (const std::shared_ptr<IoThread> io = io_.lock()) {
      io->Post([weak = connection_] {
        if (const auto connection = weak.lock()) connection->WakeUp();
      });
    }
  }

  const std::weak_ptr<Connection> connection_;
  const std::weak_ptr<IoThread> io_;
  std::atomic<bool> news_{true};  // the first time it is pulled without being woken
  std::atomic<bool> closing_{false};
  CancelSource closed_;
};

Connection::Connection(std::shared_ptr<ServerCore> server, std::shared_ptr<IoThread> io,
                       IoSocket socket, std::string address, std::string counted)
    : server_(std::move(server)),
      io_(std::move(io)),
      transport_(std::move(socket)),
      watchdog_(io_->executor()),
      wait_(io_->executor()),
      probe_(io_->executor()),
      peer_(std::make_shared<Peer>()),
      counted_(std::move(counted)) {
  peer_->address = std::move(address);
}

Connection::~Connection() = default;

void Connection::Start() {
  io_->Post([self = shared_from_this()] {
    self->watchdog_.Start(self, [raw = self.get()] { raw->Abort(); });
    asio::co_spawn(self->io_->executor(), self->Serve(self), [self](std::exception_ptr failure) {
      try {
        if (failure) std::rethrow_exception(failure);
      } catch (const std::exception& e) {
        telemetry::LogError("http.connection_exception", {{"what", e.what()}});
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
  if (idle_) Abort();
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
    telemetry::LogInfo(
        "http.handshake_failed",
        {{"peer", peer_->address},
         {"reason", session.refusal() ? session.refusal()->message : transport_.failure()}});
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
  const std::span<char> scratch = io_->scratch();
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
  if (Status target = SplitTarget(parser_.target(), request); !target) {
    co_return co_await refuse(400, std::move(target).error());
  }
  const std::optional<Method> method = parser_.method();
  if (!method)
    co_return co_await refuse(501, Unsupported("http.method", "this method is not served"));
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

Status Connection::RunHandler(Turn& turn) {
  const std::uint64_t ticket = OpenTicket();
  const Router::Route* route = turn.route;
  const std::shared_ptr<HeldRequest> held = turn.held;
  const std::shared_ptr<Exchange> exchange = turn.exchange;
  if (const Handler* handler = std::get_if<Handler>(&route->handler)) {
    return PostJob(
        turn, ticket,
        [handler, held, exchange, running = turn.running](Delivery& delivery) {
          delivery.response = (*handler)(held->request, *exchange);
        },
        LanePool::Bound::kChecked);
  }
  const AsyncHandler* handler = std::get_if<AsyncHandler>(&route->handler);
  // Answers by itself; the job's own delivery is empty and does not count.
  Responder responder([weak = weak_from_this(), io = std::weak_ptr<IoThread>(io_), ticket,
                       running = turn.running](Result<Response> response) mutable {
    const std::shared_ptr<IoThread> thread = io.lock();
    if (!thread) return;
    thread->Post(
        [weak, ticket, running = std::move(running), response = std::move(response)]() mutable {
          if (const auto self = weak.lock()) {
            Delivery delivery;
            delivery.response = std::move(response);
            self->Deliver(ticket, std::move(delivery));
          }
        });
  });
  return PostJob(
      turn, ticket,
      [handler, held, exchange, responder = std::move(responder)](Delivery&) mutable {
        (*handler)(std::shared_ptr<const Request>(held, &held->request), exchange,
                   std::move(responder));
      },
      LanePool::Bound::kChecked);
}

Awaitable<bool> Connection::Handle(Turn& turn) {
  watchdog_.Set(Watchdog::kNever);
  WatchPeer();
  if (Status posted = RunHandler(turn); !posted) {
    co_return co_await Refuse(turn, 503, posted.error());
  }
  if (!co_await AwaitDelivery(turn.deadline)) {
    turn.exchange->Cancel();
    co_return co_await Refuse(turn, 503, Unavailable("http.timeout", "no answer in time"));
  }
  Result<Response> response = *std::move(delivery_->response);
  if (response) co_return co_await Send(turn, *std::move(response));
  const Error& why = response.error();
  const bool dropped = why.id == "http.unanswered" && server_->stopping();
  co_return co_await Refuse(turn, dropped ? 503 : HttpStatus(why.code), why);
}

// --- waiting for workers ----------------------------------------------------------

void Connection::RunGuarded(Job& job, Delivery& delivery) {
  std::string what = "an exception of an unknown type";
  try {
    job(delivery);
    return;
  } catch (const std::exception& e) {
    what = e.what();
  } catch (...) {
  }
  telemetry::LogError("http.handler_exception", {{"what", what}});
  delivery.response = Internal("http.handler_exception", "a defect in a handler");
}

std::uint64_t Connection::OpenTicket() {
  delivery_.reset();
  return ++ticket_;
}

Status Connection::PostJob(Turn& turn, std::uint64_t ticket, Job job, LanePool::Bound bound) {
  auto work = [self = shared_from_this(), ticket, job = std::move(job), exchange = turn.exchange,
               until = turn.exchange->deadline()]() mutable {
    Delivery delivery;
    if (exchange->cancel().cancelled() || Clock::now() >= until) {
      delivery.response = Unavailable("http.cancelled", "nobody waits for this any more");
    } else if (!self->server_->gate().Enter()) {
      delivery.response = Unavailable("http.stopping", "the server is stopping");
    } else {
      RunGuarded(job, delivery);
      job = nullptr;  // before Leave: what it holds may refer to what Stop guards
      self->server_->gate().Leave();
    }
    job = nullptr;  // before the delivery: it counts as running
    if (!delivery.response && !delivery.piece && !delivery.events) return;  // answers by itself
    const std::shared_ptr<IoThread> io = self->io_;
    io->Post([self = std::move(self), ticket, delivery = std::move(delivery)]() mutable {
      self->Deliver(ticket, std::move(delivery));
    });
  };
  return server_->runtime().lane(turn.route->options.lane).Post(std::move(work), bound);
}

void Connection::Deliver(std::uint64_t ticket, Delivery delivery) {
  if (ticket != ticket_ || delivery_) return;
  delivery_ = std::move(delivery);
  WakeUp();
}

Awaitable<bool> Connection::AwaitDelivery(Clock::time_point until) {
  while (!delivery_) {
    if (transport_.aborted() || Clock::now() >= until) {
      ++ticket_;  // what comes later is not waited for
      co_return false;
    }
    wait_.expires_at(until);
    ErrorCodeOfAsio ignored;
    co_await wait_.async_wait(Into(ignored));
  }
  co_return true;
}

// Notices that the client goes away while its request is handled or its stream waits.
// One wait is under way at most; it is left there until it fires, which is cheaper
// than taking it back for each request.
void Connection::WatchPeer() {
  if (watching_) return;
  watching_ = true;
  transport_.socket().async_wait(IoSocket::wait_read,
                                 [self = shared_from_this()](const ErrorCodeOfAsio& error) {
                                   self->watching_ = false;
                                   if (!error) self->PeerReadable();
                                 });
}

void Connection::PeerReadable() {
  if (!exchange_ || idle_ || transport_.aborted()) return;
  if (transport_.PeerGone()) {
    peer_gone_ = true;
    exchange_->Cancel();
    WakeUp();
    return;
  }
  // The next request or the notice that TLS ends: unread, it would make every wait
  // end at once.
  probe_.expires_after(kProbeInterval);
  probe_.async_wait([self = shared_from_this()](const ErrorCodeOfAsio& error) {
    if (!error) self->PeerReadable();
  });
}

// --- writing ----------------------------------------------------------------------

Awaitable<bool> Connection::Write(const Turn& turn, std::string_view data) {
  const milliseconds stall = turn.route != nullptr ? turn.route->options.stall_timeout
                                                   : server_->options().limits.header_timeout;
  while (!data.empty()) {
    watchdog_.Set(std::min(Clock::now() + stall, turn.end));
    if (co_await transport_.WriteSome(data) != Io::kDone) {
      Abort();
      co_return false;
    }
  }
  co_return true;
}

Awaitable<bool> Connection::Refuse(Turn& turn, int status, const Error& why) {
  Response response = server_->router().Refuse(turn.held->request, status, why);
  if (!turn.allowed.empty() && !response.headers.Find("Allow")) {
    response.headers.Set("Allow", turn.allowed);
  }
  const std::string* text = std::get_if<std::string>(&response.body);
  if (status >= 500 && status != 501 && server_->MayLog()) {
    telemetry::LogWarning("http.refused",
                          {{"status", status},
                           {"id", why.id},
                           {"message", why.message},
                           {"path", turn.held->request.path},
                           {"peer", peer_->address},
                           {"request_id", turn.exchange ? turn.exchange->request_id() : ""}});
  }
  co_return co_await SendText(turn, response, text == nullptr ? std::string_view() : *text);
}

Awaitable<bool> Connection::Send(Turn& turn, Response response) {
  turn.end = Clock::now() + turn.route->options.max_duration;
  if (const std::string* text = std::get_if<std::string>(&response.body)) {
    co_return co_await SendText(turn, response, *text);
  }
  auto shared = std::make_shared<Response>(std::move(response));
  if (std::holds_alternative<Producer>(shared->body)) co_return co_await SendProduced(turn, shared);
  co_return co_await SendEvents(turn, shared);
}

Awaitable<bool> Connection::SendText(Turn& turn, const Response& response, std::string_view body) {
  const bool keep = turn.keep_alive && !stopping_;
  Framing framing{.http11 = turn.http11, .keep_alive = keep, .request_id = turn.echoed_id};
  if (HasBody(response.status)) framing.content_length = body.size();
  out_.clear();
  if (Status head = AppendHead(response, framing, out_); !head) {
    telemetry::LogError("http.unsendable", head.error(), {{"path", turn.held->request.path}});
    framing.content_length = 0;
    body = {};
    LQ_CHECK(AppendHead(Reply(500, "", ""), framing, out_));
  }
  if (turn.no_body || !framing.content_length) body = {};
  if (body.size() <= kCoalesced) {
    out_.append(body);
    body = {};
  }
  const bool sent = co_await Write(turn, out_) && co_await Write(turn, body);
  if (out_.capacity() > kKeptBuffer) out_ = {};
  co_return sent&& keep;
}

Awaitable<std::optional<std::string>> Connection::NextPiece(
    Turn& turn, const std::shared_ptr<Response>& response, std::optional<Error>& error) {
  for (;;) {
    const Clock::time_point until = std::min(Clock::now() + turn.route->options.timeout, turn.end);
    turn.exchange->SetDeadline(until);
    const Status posted = PostJob(
        turn, OpenTicket(),
        [response, exchange = turn.exchange, running = turn.running](Delivery& delivery) {
          delivery.piece = std::get<Producer>(response->body)(*exchange);
        },
        LanePool::Bound::kIgnored);
    if (!posted) {
      error = posted.error();
      co_return std::nullopt;
    }
    if (!co_await AwaitDelivery(until)) {
      turn.exchange->Cancel();
      error = Unavailable("http.timeout", "the next piece was not there in time");
      co_return std::nullopt;
    }
    if (!delivery_->piece) {
      error = delivery_->response->error();
      co_return std::nullopt;
    }
    Result<std::optional<std::string>> piece = *std::move(delivery_->piece);
    if (!piece) {
      error = std::move(piece).error();
      co_return std::nullopt;
    }
    if (*piece && (**piece).empty()) continue;
    if (*piece && (**piece).size() > kMaxPiece) {
      error = StreamError("http.piece_too_long", "a produced piece is longer than kMaxPiece");
      co_return std::nullopt;
    }
    co_return *std::move(piece);
  }
}

// Puts the head of a stream into out_; false if it cannot be sent.
bool Connection::StartStream(Turn& turn, Response& response) {
  turn.keep_alive = turn.keep_alive && turn.http11;
  const Framing framing{.http11 = turn.http11,
                        .keep_alive = turn.keep_alive,
                        .chunked = turn.http11,
                        .request_id = turn.echoed_id};
  out_.clear();
  const Status head = AppendHead(response, framing, out_);
  if (!head)
    telemetry::LogError("http.unsendable", head.error(), {{"path", turn.held->request.path}});
  return head.has_value();
}

Awaitable<bool> Connection::SendPiece(const Turn& turn, std::string_view piece) {
  if (turn.http11) {
    AppendChunk(piece, out_);
  } else {
    out_.append(piece);
  }
  const bool sent = co_await Write(turn, out_);
  watchdog_.Set(Watchdog::kNever);
  out_.clear();
  co_return sent;
}

Awaitable<bool> Connection::SendProduced(Turn& turn, std::shared_ptr<Response> response) {
  std::optional<Error> error;
  std::optional<std::string> piece = co_await NextPiece(turn, response, error);
  if (transport_.aborted()) co_return false;
  if (error) co_return co_await Refuse(turn, HttpStatus(error->code), *error);
  if (!StartStream(turn, *response)) {
    co_return co_await Refuse(turn, 500, Internal("http.header", "a header cannot be sent"));
  }
  while (piece) {
    if (!co_await SendPiece(turn, *piece)) co_return false;
    piece = co_await NextPiece(turn, response, error);
    if (error) {
      telemetry::LogWarning(
          "http.body_cut_off",
          {{"id", error->id}, {"message", error->message}, {"path", turn.held->request.path}});
      Abort();
      co_return false;
    }
  }
  if (turn.http11) out_ += "0\r\n\r\n";
  const bool sent = co_await Write(turn, out_);
  out_ = {};
  co_return sent&& turn.keep_alive && !stopping_;
}

Awaitable<bool> Connection::SendEvents(Turn& turn, std::shared_ptr<Response> response) {
  if (response->content_type == Response().content_type)
    response->content_type = "text/event-stream";
  response->headers.Set("Cache-Control", "no-store");
  if (!StartStream(turn, *response)) {
    co_return co_await Refuse(turn, 500, Internal("http.header", "a header cannot be sent"));
  }
  const auto waker = std::make_shared<Waker>(shared_from_this());
  bool in_order = co_await Write(turn, out_);
  out_.clear();
  watchdog_.Set(Watchdog::kNever);
  in_order = in_order && co_await PumpEvents(turn, response, waker);
  waker->Ended();
  turn.exchange->Cancel();
  if (!in_order) {
    Abort();
    co_return false;
  }
  if (turn.http11) out_ += "0\r\n\r\n";
  const bool sent = co_await Write(turn, out_);
  out_ = {};
  co_return sent&& turn.keep_alive && !stopping_;
}

// True: the stream ends in order.
Awaitable<bool> Connection::PumpEvents(Turn& turn, const std::shared_ptr<Response>& response,
                                       const std::shared_ptr<Waker>& waker) {
  EventStream& stream = std::get<EventStream>(response->body);
  const RouteOptions& options = turn.route->options;
  Clock::time_point quiet_until = Clock::now() + stream.keep_alive;
  bool subscribed = false;
  bool full = false;
  for (;;) {
    if (transport_.aborted() || peer_gone_) co_return false;
    if (stopping_ || Clock::now() >= turn.end) co_return true;
    if (waker->TakeNews() || full) {
      const Clock::time_point until = Clock::now() + options.timeout;
      turn.exchange->SetDeadline(until);
      const Status posted = PostJob(
          turn, OpenTicket(),
          [response, waker, subscribed, exchange = turn.exchange,
           running = turn.running](Delivery& delivery) {
            EventStream& source = std::get<EventStream>(response->body);
            if (!subscribed) source.subscribe(waker);
            delivery.events = source.next(*exchange);
          },
          LanePool::Bound::kIgnored);
      subscribed = true;
      if (!posted || !co_await AwaitDelivery(until) || !delivery_->events) co_return false;
      const Result<std::vector<Event>> events = *std::move(delivery_->events);
      if (!events || events->size() > kMaxEventsPerBatch) co_return false;
      full = events->size() == kMaxEventsPerBatch;
      std::string text;
      for (const Event& event : *events) {
        if (!AppendEvent(event, text)) co_return false;
      }
      if (text.empty()) continue;
      if (!co_await SendPiece(turn, text)) co_return false;
      quiet_until = Clock::now() + stream.keep_alive;
      continue;
    }
    if (waker->closing()) co_return true;
    wait_.expires_at(std::min(quiet_until, turn.end));
    ErrorCodeOfAsio ignored;
    co_await wait_.async_wait(Into(ignored));
    if (Clock::now() < quiet_until) continue;
    if (!co_await SendPiece(turn, ":\n\n")) co_return false;
    quiet_until = Clock::now() + stream.keep_alive;
  }
}

Awaitable<void> Connection::Close() {
  if (transport_.aborted()) co_return;
  idle_ = true;  // Stop need not wait for this
  watchdog_.Set(Clock::now() + kLinger);
  transport_.ShutdownWrite();
  co_await transport_.Drain(io_->scratch(), kMaxLinger);
}

}  // namespace limequat::http
