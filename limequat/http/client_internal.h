#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "limequat/http/client.h"
#include "limequat/http/exchange.h"
#include "limequat/http/parser.h"
#include "limequat/http/runtime_internal.h"
#include "limequat/http/transport.h"

namespace limequat::http {

class ClientConnection;
struct EndpointState;

// A request on its way. Whoever takes it out of a waiting list or is the connection
// it was given to owns it and finishes it, once.
struct Call {
  enum class Place { kNew, kWaiting, kGiven, kDone };

  ClientRequest request;
  Deadline deadline;
  Client::Completion done;
  CancelToken::Registration on_cancel;
  std::atomic<bool> cancelled{false};

  // Under the pool's lock.
  Place place = Place::kNew;
  std::shared_ptr<EndpointState> endpoint;
  std::list<std::shared_ptr<Call>>::iterator position;
  std::weak_ptr<ClientConnection> connection;
  Timer timer;
  bool repeated = false;

  bool MayRepeat() const {
    return !repeated && (request.may_repeat ||
                         (request.method != Method::kPost && request.method != Method::kPatch));
  }
};

// One server as one kind of client sees it: everything that must be equal for a
// connection to be shared.
struct EndpointKey {
  std::string host;
  std::uint16_t port = 0;
  bool tls = false;
  std::string trust;  // digest of the ServerTrust's content

  friend bool operator==(const EndpointKey&, const EndpointKey&) = default;
};

struct EndpointKeyHash {
  std::size_t operator()(const EndpointKey& key) const;
};

// Under the pool's lock, but for what is const.
struct EndpointState : std::enable_shared_from_this<EndpointState> {
  EndpointState(EndpointKey endpoint_key, std::shared_ptr<const ServerTrust> server_trust)
      : key(std::move(endpoint_key)), trust(std::move(server_trust)) {}

  const EndpointKey key;
  const std::shared_ptr<const ServerTrust> trust;
  std::list<std::shared_ptr<Call>> waiting;
  std::vector<std::shared_ptr<ClientConnection>> idle;  // the last one is the warmest
  std::size_t connections = 0;                          // all: opening, busy, idle
  std::size_t connecting = 0;
  // The I/O thread that asked last: connections live where their answers are used.
  IoThread* asker = nullptr;
  bool starved = false;  // in the pool's list of those that may not open a connection yet
};

// All connections of a client. Its lock is held for moments: nothing is called back
// and nothing waits under it. What a lock section decides to do is done after it.
class ClientPool : public std::enable_shared_from_this<ClientPool> {
 public:
  ClientPool(Runtime& runtime, ClientOptions options, SslContext ssl);

  void Send(const Endpoint& endpoint, ClientRequest request, Deadline deadline,
            const CancelToken& cancel, Client::Completion done);
  void Forget(const Endpoint& endpoint);
  // Ends everything. `wait`: until every completion has returned.
  enum class WaitForAll { kNo, kYes };
  void Close(WaitForAll wait);

  const ClientOptions& options() const { return options_; }
  SSL_CTX* ssl() const { return ssl_.get(); }
  const Budget& bodies() const { return bodies_; }

  // For connections, on their threads. The next request for `connection`, or nullptr:
  // it is idle now, or `retired` if it should close.
  struct Next {
    std::shared_ptr<Call> call;
    bool retired = false;
  };
  Next Established(const std::shared_ptr<ClientConnection>& connection);
  Next Released(const std::shared_ptr<ClientConnection>& connection);
  void ConnectFailed(const std::shared_ptr<ClientConnection>& connection, const Error& why);
  // The connection has ended; `unanswered` goes to a new one.
  void Ended(const std::shared_ptr<ClientConnection>& connection,
             const std::shared_ptr<Call>& unanswered);
  void Finish(const std::shared_ptr<Call>& call, Result<ClientResponse> result);

 private:
  // What is to be done when the lock has been left.
  struct Actions {
    std::vector<std::shared_ptr<ClientConnection>> start;
    std::vector<std::shared_ptr<ClientConnection>> close;
    std::vector<std::shared_ptr<Call>> fail;
    std::optional<Error> why;
  };
  void Perform(Actions actions);

  std::string TrustDigest(const std::shared_ptr<const ServerTrust>& trust);
  std::optional<Error> Enqueue(const std::shared_ptr<Call>& call, EndpointState& endpoint,
                               std::shared_ptr<ClientConnection>& given, Actions& actions);
  void Wait(const std::shared_ptr<Call>& call, EndpointState& endpoint, bool first);
  void OpenConnections(EndpointState& endpoint, Actions& actions);
  bool MakeRoom(Actions& actions);
  void ServeStarved(Actions& actions);
  void TakeFromIdle(const std::shared_ptr<ClientConnection>& connection);
  Next NextFor(const std::shared_ptr<ClientConnection>& connection);
  void Give(const std::shared_ptr<Call>& call, const std::shared_ptr<ClientConnection>& connection);
  void Unlist(Call& call);
  EndpointState& StateFor(const EndpointKey& key, const std::shared_ptr<const ServerTrust>& trust);
  void DropIfUnused(EndpointState& endpoint);
  std::shared_ptr<EndpointState> Forget(const std::shared_ptr<ClientConnection>& connection);
  void CloseIdle(const std::shared_ptr<ClientConnection>& idle, Actions& actions);
  void GiveUp(const std::weak_ptr<Call>& weak, const Error& why);
  void FinishSoon(const std::shared_ptr<Call>& call, Error why);

  Runtime& runtime_;
  const ClientOptions options_;
  const SslContext ssl_;
  const Budget bodies_;
  const Strand strand_;
  IoThread& io_;

  std::mutex mutex_;
  std::condition_variable finished_;
  bool closed_ = false;
  std::size_t active_ = 0;  // calls whose completion has not returned
  std::unordered_map<EndpointKey, std::shared_ptr<EndpointState>, EndpointKeyHash> endpoints_;
  std::list<EndpointState*> starved_;
  std::list<std::weak_ptr<ClientConnection>> idle_order_;  // the oldest first
  std::unordered_map<ClientConnection*, std::weak_ptr<ClientConnection>> connections_;
  std::size_t waiting_ = 0;
  std::size_t connecting_ = 0;
  struct KnownTrust {
    std::weak_ptr<const ServerTrust> trust;
    std::string digest;
  };
  std::unordered_map<const ServerTrust*, KnownTrust> trusts_;
};

// One connection: a coroutine that always reads; requests are written as they are given.
class ClientConnection : public std::enable_shared_from_this<ClientConnection> {
 public:
  ClientConnection(std::shared_ptr<ClientPool> pool, EndpointState& endpoint, IoThread& io);
  ~ClientConnection();

  IoThread& io() const { return io_; }

  // On the connection's thread.
  void Start();
  void Begin(std::shared_ptr<Call> call);
  // Whether Begin would send it at once, which finishes nothing.
  bool CanWrite(const Call& call) const { return !call.cancelled && !ended_; }
  void Write(std::shared_ptr<Call> call);
  void GiveUp(const std::shared_ptr<Call>& call, const Error& why);
  void Close();

  // Under the pool's lock.
  std::shared_ptr<EndpointState> endpoint;  // nullptr: the pool does not know it any more
  bool is_idle = false;
  bool retired = false;
  std::list<std::weak_ptr<ClientConnection>>::iterator idle_position;

 private:
  using Clock = std::chrono::steady_clock;

  Awaitable<void> Run(std::shared_ptr<ClientConnection> self);
  Awaitable<std::optional<Error>> Connect();
  Awaitable<std::optional<Error>> ConnectSocket();
  Awaitable<ErrorCodeOfAsio> ConnectTo(const tcp::endpoint& address);
  Awaitable<std::optional<Error>> Handshake();
  Awaitable<void> WriteRest(std::shared_ptr<ClientConnection> self);
  void ReadLoopEnded(Io io);
  bool Received(std::string_view data);
  bool Answered(std::string_view rest);
  void GoOn(ClientPool::Next next);
  void Expired();
  void Abort();
  void Serialize(const ClientRequest& request);
  Error ConnectError(std::string_view what) const;

  const std::shared_ptr<ClientPool> pool_;
  IoThread& io_;
  const std::string host_;
  const std::uint16_t port_;
  const bool use_tls_;
  const std::shared_ptr<const ServerTrust> trust_;
  std::optional<ServerCertificateCheck> check_;
  std::optional<IoSocket> connecting_;
  asio::ip::basic_resolver<tcp, IoExecutor> resolver_;
  std::optional<Transport> transport_;
  Watchdog watchdog_;
  ResponseParser parser_;
  Budget::Lease body_;
  std::shared_ptr<Call> call_;
  std::string out_;
  std::string_view unsent_;
  std::string buffer_;
  bool writing_ = false;
  bool kept_ = false;  // has answered before
  bool aborted_ = false;
  bool expired_ = false;  // the time for connecting
  bool ended_ = false;
};

}  // namespace limequat::http
