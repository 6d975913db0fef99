#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <boost/asio/basic_socket_acceptor.hpp>

#include "limequat/http/connection.h"
#include "limequat/http/job_gate.h"

namespace limequat::http {

// What the connections of one server share.
class ServerCore : public std::enable_shared_from_this<ServerCore> {
 public:
  using Acceptor = asio::basic_socket_acceptor<tcp, IoExecutor>;

  ServerCore(Runtime::Impl& runtime, std::shared_ptr<const Router> router, ListenOptions options,
             SslContext ssl);

  Status Listen();
  void Start();
  void Stop(std::chrono::milliseconds grace);
  // The part of Stop that does not wait.
  void StopNow();

  Runtime::Impl& runtime() { return runtime_; }
  const Router& router() const { return *router_; }
  const std::shared_ptr<const Router>& shared_router() const { return router_; }
  const ListenOptions& options() const { return options_; }
  SSL_CTX* ssl() const { return ssl_.get(); }
  std::uint16_t port() const { return port_; }
  std::size_t connections() const;
  bool stopping() const { return stopping_.load(); }
  JobGate& gate() { return gate_; }
  const Budget& bodies() const { return bodies_; }
  // A place among the running requests of `route`; nullptr: there are max_running.
  std::shared_ptr<void> Enter(const Router::Route& route);
  void Remove(const std::shared_ptr<Connection>& connection, const std::string& address);
  // False when too much has been logged in this second: strangers cause these records.
  bool MayLog();

 private:
  Awaitable<void> Accept(std::shared_ptr<ServerCore> self);
  void Take(IoSocket socket, const tcp::endpoint& from, IoThread& io);
  template <class Action>
  bool ForEach(Action action);

  Runtime::Impl& runtime_;
  const std::shared_ptr<const Router> router_;
  const ListenOptions options_;
  const SslContext ssl_;
  IoThread& io_;  // of the acceptor
  Acceptor acceptor_;
  IoTimer pause_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  JobGate gate_;
  const Budget bodies_;
  std::vector<Budget> running_;  // in the order of the router's routes

  mutable std::mutex mutex_;
  std::condition_variable emptied_;
  std::unordered_set<std::shared_ptr<Connection>> connections_;
  std::unordered_map<std::string, std::size_t> by_address_;
  std::chrono::steady_clock::time_point log_second_{};
  int logged_ = 0;
};

}  // namespace limequat::http
