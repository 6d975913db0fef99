#include "limequat/http/server.h"

#include <algorithm>
#include <utility>

#include "limequat/base/check.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/http/server_internal.h"
#include "limequat/telemetry/log.h"

namespace limequat::http {
namespace {

constexpr int kMaxLogsPerSecond = 10;
constexpr std::chrono::milliseconds kAcceptPause{100};

// Whom a limit for one address counts: an IPv6 host has a whole /64 to itself.
std::string CountedAddress(const asio::ip::address& address) {
  if (!address.is_v6() || address.to_v6().is_v4_mapped()) return address.to_string();
  const asio::ip::address_v6::bytes_type bytes = address.to_v6().to_bytes();
  return std::string(bytes.begin(), bytes.begin() + 8);
}

Status CheckOptions(const ListenOptions& options) {
  const ServerLimits& limits = options.limits;
  if (limits.max_header_bytes < 256 || limits.max_header_bytes > (1U << 20U)) {
    return Malformed("http.limits", "max_header_bytes is not between 256 bytes and 1 MiB");
  }
  return {};
}

}  // namespace

ServerCore::ServerCore(Runtime::Impl& runtime, std::shared_ptr<const Router> router,
                       ListenOptions options, SslContext ssl)
    : runtime_(runtime),
      router_(std::move(router)),
      options_(std::move(options)),
      ssl_(std::move(ssl)),
      io_(*runtime.io.front()),
      acceptor_(io_.executor()),
      pause_(io_.executor()),
      bodies_(options_.limits.max_body_bytes_in_flight) {
  for (const Router::Route& route : router_->routes())
    running_.emplace_back(route.options.max_running);
}

Status ServerCore::Listen() {
  ErrorCodeOfAsio error;
  const asio::ip::address address = asio::ip::make_address(options_.address, error);
  const auto fail = [&](std::string_view what) {
    return Unavailable("http.listen", std::string(what) + " " +
                                          EscapeForDisplay(options_.address, 64) + " port " +
                                          std::to_string(options_.port) + ": " + error.message());
  };
  if (error) return fail("not an address:");
  const tcp::endpoint endpoint(address, options_.port);
  acceptor_.open(endpoint.protocol(), error);
  if (error) return fail("cannot open a socket for");
  acceptor_.set_option(asio::socket_base::reuse_address(true), error);
  acceptor_.bind(endpoint, error);
  if (error) return fail("cannot bind");
  acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) return fail("cannot listen on");
  port_ = acceptor_.local_endpoint(error).port();
  return {};
}

void ServerCore::Start() {
  io_.Post([self = shared_from_this()] {
    asio::co_spawn(self->io_.executor(), self->Accept(self), [](std::exception_ptr) {});
  });
}

Awaitable<void> ServerCore::Accept(std::shared_ptr<ServerCore> self) {
  while (!stopping_) {
    const std::size_t index = runtime_.next_io.fetch_add(1, std::memory_order_relaxed);
    IoThread& io = *runtime_.io[index % runtime_.io.size()];
    IoSocket socket(io.executor());
    tcp::endpoint from;
    ErrorCodeOfAsio error;
    co_await acceptor_.async_accept(socket, from, Into(error));
    if (!error) {
      Take(std::move(socket), from, io);
    } else if (!stopping_ && error != asio::error::connection_aborted) {
      // Out of descriptors, most likely: trying at once would only burn the processor.
      telemetry::LogWarning("http.accept", {{"reason", error.message()}});
      pause_.expires_after(kAcceptPause);
      co_await pause_.async_wait(Into(error));
    }
  }
  static_cast<void>(self);
}

void ServerCore::Take(IoSocket socket, const tcp::endpoint& from, IoThread& io) {
  ErrorCodeOfAsio ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.native_non_blocking(true, ignored);
  const std::string counted = CountedAddress(from.address());
  std::shared_ptr<Connection> connection;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || connections_.size() >= options_.limits.max_connections) return;
    std::size_t& count = by_address_[counted];
    if (count >= options_.limits.max_connections_per_address) return;
    ++count;
    connection = std::make_shared<Connection>(shared_from_this(), io, std::move(socket),
                                              from.address().to_string(), counted);
    connections_.insert(connection);
  }
  connection->Start();
}

void ServerCore::Remove(const std::shared_ptr<Connection>& connection, const std::string& counted) {
  const std::lock_guard lock(mutex_);
  if (connections_.erase(connection) == 0) return;
  if (const auto it = by_address_.find(counted); --it->second == 0) by_address_.erase(it);
  if (connections_.empty()) emptied_.notify_all();
}

std::size_t ServerCore::connections() const {
  const std::lock_guard lock(mutex_);
  return connections_.size();
}

std::shared_ptr<void> ServerCore::Enter(const Router::Route& route) {
  const auto index = static_cast<std::size_t>(&route - router_->routes().data());
  Budget::Lease lease = running_.at(index).Open();
  if (!lease.Grow(1)) return nullptr;
  return std::make_shared<Budget::Lease>(std::move(lease));
}

bool ServerCore::MayLog() {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (now - log_second_ >= std::chrono::seconds(1)) {
    log_second_ = now;
    logged_ = 0;
  }
  return ++logged_ <= kMaxLogsPerSecond;
}

// False: the runtime has ended, nothing runs any more.
template <class Action>
bool ServerCore::ForEach(Action action) {
  std::vector<std::shared_ptr<Connection>> all;
  {
    const std::lock_guard lock(mutex_);
    all.assign(connections_.begin(), connections_.end());
  }
  bool alive = true;
  for (const auto& connection : all) {
    alive = connection->io().Post([connection, action] { action(*connection); }) && alive;
  }
  return alive;
}

void ServerCore::StopNow() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  io_.Post([self = shared_from_this()] {
    ErrorCodeOfAsio ignored;
    self->acceptor_.close(ignored);
    self->pause_.cancel();
  });
  gate_.Close();
  ForEach([](Connection& connection) { connection.Abort(); });
}

void ServerCore::Stop(std::chrono::milliseconds grace) {
  LQ_CHECK(!runtime_.OnIoThread());
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  io_.Post([self = shared_from_this()] {
    ErrorCodeOfAsio ignored;
    self->acceptor_.close(ignored);
    self->pause_.cancel();
  });
  const auto empty = [this] { return connections_.empty(); };
  bool alive = ForEach([](Connection& connection) { connection.BeginStop(); });
  if (alive) {
    std::unique_lock lock(mutex_);
    emptied_.wait_for(lock, grace, empty);
  }
  alive = ForEach([](Connection& connection) { connection.Abort(); }) && alive;
  gate_.CloseAndWait();
  if (alive) {
    std::unique_lock lock(mutex_);
    emptied_.wait(lock, empty);
    return;
  }
  // The runtime ended first: nobody else will let go of them.
  std::unordered_set<std::shared_ptr<Connection>> left;
  const std::lock_guard lock(mutex_);
  left.swap(connections_);
}

// --- Server -----------------------------------------------------------------------

struct Server::Impl {
  std::shared_ptr<ServerCore> core;
  CancelToken::Registration runtime_stops;
};

Result<std::unique_ptr<Server>> Server::Listen(Runtime& runtime,
                                               std::shared_ptr<const Router> router,
                                               ListenOptions options) {
  LQ_CHECK(router != nullptr);
  LQ_RETURN_IF_ERROR(CheckOptions(options));
  SslContext ssl;
  if (options.tls) {
    LQ_ASSIGN_OR_RETURN(ssl, CreateServerContext(*options.tls));
  }
  auto impl = std::make_shared<Impl>();
  impl->core = std::make_shared<ServerCore>(runtime.impl(), std::move(router), std::move(options),
                                            std::move(ssl));
  LQ_RETURN_IF_ERROR(impl->core->Listen());
  impl->runtime_stops =
      runtime.impl().stopping.token().OnCancel([weak = std::weak_ptr(impl->core)] {
        if (const auto core = weak.lock()) core->StopNow();
      });
  impl->core->Start();
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::~Server() { Stop(); }

std::uint16_t Server::port() const { return impl_->core->port(); }

std::size_t Server::connections() const { return impl_->core->connections(); }

void Server::Stop(std::chrono::milliseconds grace) { impl_->core->Stop(grace); }

}  // namespace limequat::http
