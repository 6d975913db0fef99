// The part of Connection that has requests handled by workers and watches the client meanwhile.

#include <exception>
#include <utility>

#include "limequat/http/connection.h"
#include "limequat/http/server_internal.h"
#include "limequat/telemetry/log.h"

namespace limequat::http {
namespace {

constexpr std::chrono::milliseconds kProbeInterval{100};

}  // namespace

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
  Responder responder([weak = weak_from_this(), io = io_.weak_from_this(), ticket,
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
    if (transport_.aborted()) co_return false;
    co_return co_await Refuse(turn, 503, Unavailable("http.timeout", "no answer in time"));
  }
  Result<Response> response = *std::move(delivery_->response);
  if (response) co_return co_await Send(turn, *std::move(response));
  const Error& why = response.error();
  const bool dropped = why.id == "http.unanswered" && server_->stopping();
  co_return co_await Refuse(turn, dropped ? 503 : HttpStatus(why.code), why);
}

void Connection::RunGuarded(Job& job, Delivery& delivery) {
  try {
    job(delivery);
  } catch (...) {
    telemetry::LogError("http.handler_exception",
                        {{"what", DescribeException(std::current_exception())}});
    delivery.response = Internal("http.handler_exception", "a defect in a handler");
  }
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
    IoThread& io = self->io_;
    io.Post([self = std::move(self), ticket, delivery = std::move(delivery)]() mutable {
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
  switch (transport_.LookAtPeer()) {
    case Transport::PeerState::kGone:
      peer_gone_ = true;
      exchange_->Cancel();
      WakeUp();
      break;
    case Transport::PeerState::kQuiet:  // woken for what has been read meanwhile
      WatchPeer();
      break;
    case Transport::PeerState::kSent:
      // The next request or the notice that TLS ends: unread, it would make every wait
      // end at once.
      probe_.expires_after(kProbeInterval);
      probe_.async_wait([self = shared_from_this()](const ErrorCodeOfAsio& error) {
        if (!error) self->PeerReadable();
      });
      break;
  }
}

}  // namespace limequat::http
