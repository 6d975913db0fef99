#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/http/exchange.h"
#include "limequat/http/parser.h"
#include "limequat/http/response.h"
#include "limequat/http/router.h"
#include "limequat/http/runtime_internal.h"
#include "limequat/http/server.h"
#include "limequat/http/transport.h"

namespace limequat::http {

class ServerCore;
class Waker;

// A connection of a server: reads one request after another, has it handled on its
// lane, writes the answer. Everything runs on one I/O thread; workers deliver by post.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<ServerCore> server, IoThread& io, IoSocket socket, std::string address,
             std::string counted);
  ~Connection();

  // On any thread, once.
  void Start();
  // On the connection's thread: idle ones end, others finish the request under way.
  void BeginStop();
  void Abort();
  void WakeUp() { wait_.cancel(); }
  IoThread& io() const { return io_; }

 private:
  using Clock = std::chrono::steady_clock;

  // What a worker hands back.
  struct Delivery {
    std::optional<Result<Response>> response;
    std::optional<Result<std::optional<std::string>>> piece;
    std::optional<Result<std::vector<Event>>> events;
  };
  using Job = std::move_only_function<void(Delivery&)>;
  // Counts a request in its route's max_running while somebody holds it.
  using Running = std::shared_ptr<void>;

  // A request on its way to an answer.
  struct Turn {
    std::shared_ptr<HeldRequest> held;
    std::shared_ptr<Exchange> exchange;
    const Router::Route* route = nullptr;
    std::string echoed_id;
    std::string allowed;  // for 405
    Running running;
    bool keep_alive = false;
    bool http11 = true;
    bool no_body = false;  // HEAD
    Clock::time_point deadline = Clock::time_point::max();
    Clock::time_point end = Clock::time_point::max();  // of the answer, sent completely
  };

  Awaitable<void> Serve(std::shared_ptr<Connection> self);
  Awaitable<bool> Handshake();
  Awaitable<Parsed> ReadHead();
  Awaitable<Parsed> ReadMore();
  Parsed FeedBuffer();
  // These return whether the connection goes on.
  Awaitable<bool> ServeOne();
  Awaitable<bool> Admit(Turn& turn);
  Awaitable<bool> RefuseUnread(Turn& turn, int status, Error why);
  Awaitable<bool> SkipBody();
  Awaitable<bool> ReadBody(Turn& turn);
  Awaitable<bool> Handle(Turn& turn);
  Awaitable<bool> Refuse(Turn& turn, int status, const Error& why);
  Awaitable<bool> Send(Turn& turn, Response response);
  Awaitable<bool> SendText(Turn& turn, const Response& response, std::string_view body);
  Awaitable<bool> SendProduced(Turn& turn, std::shared_ptr<Response> response);
  Awaitable<bool> SendEvents(Turn& turn, std::shared_ptr<Response> response);
  Awaitable<std::optional<std::size_t>> PullEvents(Turn& turn,
                                                   const std::shared_ptr<Response>& response,
                                                   const std::shared_ptr<EventWaker>& new_waker);
  Awaitable<bool> PumpEvents(Turn& turn, const std::shared_ptr<Response>& response,
                             const std::shared_ptr<Waker>& waker);
  Awaitable<std::optional<std::string>> NextPiece(Turn& turn,
                                                  const std::shared_ptr<Response>& response,
                                                  std::optional<Error>& error);
  void LogCutOff(const Turn& turn, const Error& why);
  bool StartStream(Turn& turn, Response& response);
  Awaitable<bool> SendPiece(const Turn& turn, std::string_view piece);
  Awaitable<bool> Write(const Turn& turn, std::string_view data);
  Awaitable<void> Close();

  static void RunGuarded(Job& job, Delivery& delivery);
  // What is delivered with another ticket than the last one is ignored.
  std::uint64_t OpenTicket();
  Status PostJob(Turn& turn, std::uint64_t ticket, Job job, LanePool::Bound bound);
  // Suspends until the delivery is there; false: the time passed or the connection ended.
  Awaitable<bool> AwaitDelivery(Clock::time_point until);
  void Deliver(std::uint64_t ticket, Delivery delivery);
  void WatchPeer();
  void PeerReadable();
  Status RunHandler(Turn& turn);
  Turn NewTurn();

  const std::shared_ptr<ServerCore> server_;
  IoThread& io_;
  Transport transport_;
  Watchdog watchdog_;
  IoTimer wait_;
  IoTimer probe_;
  std::shared_ptr<Peer> peer_;
  const std::string counted_;  // the address as the server counts it
  std::optional<ClientCertificateCheck> check_;
  RequestParser parser_;
  std::string buffer_;  // received and not yet used
  std::string out_;
  std::shared_ptr<Exchange> exchange_;  // of the request under way
  std::uint64_t ticket_ = 0;
  std::optional<Delivery> delivery_;
  bool idle_ = true;
  bool stopping_ = false;
  bool watching_ = false;
  bool peer_gone_ = false;
};

}  // namespace limequat::http
