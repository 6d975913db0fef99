// The part of Connection that sends answers: texts, produced bodies, event streams.

#include <algorithm>
#include <utility>

#include "limequat/base/check.h"
#include "limequat/http/connection.h"
#include "limequat/http/server_internal.h"
#include "limequat/telemetry/log.h"

namespace limequat::http {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kCoalesced = 64U << 10U;  // head and body go out together up to here
constexpr std::size_t kKeptBuffer = 4U << 10U;

}  // namespace

// The waker of one stream. The source may keep it longer than the connection lives.
class Waker final : public EventWaker {
 public:
  Waker(const std::shared_ptr<Connection>& connection)
      : connection_(connection), io_(connection->io().weak_from_this()) {}

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
      error = Internal("http.piece_too_long", "a produced piece is longer than kMaxPiece");
      co_return std::nullopt;
    }
    co_return *std::move(piece);
  }
}

// That the client went away is nothing to report.
void Connection::LogCutOff(const Turn& turn, const Error& why) {
  if (peer_gone_ || transport_.aborted() || !server_->MayLog()) return;
  telemetry::LogWarning("http.body_cut_off", {{"id", why.id},
                                              {"message", why.message},
                                              {"path", turn.held->request.path},
                                              {"request_id", turn.exchange->request_id()}});
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
      LogCutOff(turn, *error);
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

// Has the next events fetched and sends them. How many; nullopt: the stream is to be cut off.
Awaitable<std::optional<std::size_t>> Connection::PullEvents(
    Turn& turn, const std::shared_ptr<Response>& response,
    const std::shared_ptr<EventWaker>& new_waker) {
  const Clock::time_point until = Clock::now() + turn.route->options.timeout;
  turn.exchange->SetDeadline(until);
  Status pulled = PostJob(
      turn, OpenTicket(),
      [response, new_waker, exchange = turn.exchange, running = turn.running](Delivery& delivery) {
        EventStream& source = std::get<EventStream>(response->body);
        if (new_waker) source.subscribe(new_waker);
        delivery.events = source.next(*exchange);
      },
      LanePool::Bound::kIgnored);
  std::string text;
  std::size_t count = 0;
  if (!pulled) {
  } else if (!co_await AwaitDelivery(until)) {
    pulled = Unavailable("http.timeout", "the next events were not there in time");
  } else if (!delivery_->events) {
    pulled = delivery_->response->error();
  } else if (const Result<std::vector<Event>>& events = *delivery_->events; !events) {
    pulled = events.error();
  } else if (events->size() > kMaxEventsPerBatch) {
    pulled = Internal("http.events_too_many", "more than kMaxEventsPerBatch events at once");
  } else {
    count = events->size();
    for (const Event& event : *events) {
      if (pulled) pulled = AppendEvent(event, text);
    }
  }
  if (!pulled) {
    LogCutOff(turn, pulled.error());
    co_return std::nullopt;
  }
  if (!text.empty() && !co_await SendPiece(turn, text)) co_return std::nullopt;
  co_return count;
}

// True: the stream ends in order.
Awaitable<bool> Connection::PumpEvents(Turn& turn, const std::shared_ptr<Response>& response,
                                       const std::shared_ptr<Waker>& waker) {
  const std::chrono::seconds keep_alive = std::get<EventStream>(response->body).keep_alive;
  Clock::time_point quiet_until = Clock::now() + keep_alive;
  std::shared_ptr<EventWaker> new_waker = waker;  // subscribed with the first pull
  bool full = false;
  for (;;) {
    if (transport_.aborted() || peer_gone_) co_return false;
    if (stopping_ || Clock::now() >= turn.end) co_return true;
    if (waker->TakeNews() || full) {
      const auto count = co_await PullEvents(turn, response, std::exchange(new_waker, nullptr));
      if (!count) co_return false;
      full = *count == kMaxEventsPerBatch;
      if (*count > 0) quiet_until = Clock::now() + keep_alive;
      continue;
    }
    if (waker->closing()) co_return true;
    wait_.expires_at(std::min(quiet_until, turn.end));
    ErrorCodeOfAsio ignored;
    co_await wait_.async_wait(Into(ignored));
    if (Clock::now() < quiet_until) continue;
    if (!co_await SendPiece(turn, ":\n\n")) co_return false;
    quiet_until = Clock::now() + keep_alive;
  }
}

}  // namespace limequat::http
