#include <algorithm>
#include <exception>
#include <utility>

#include "limequat/base/check.h"
#include "limequat/base/escape.h"
#include "limequat/crypto/digest.h"
#include "limequat/http/client_internal.h"
#include "limequat/http/response.h"
#include "limequat/http/url.h"
#include "limequat/telemetry/log.h"

namespace limequat::http {
namespace {

using std::chrono::milliseconds;

// What can be refused before anything is sent. Fails closed: TLS without an
// expectation of the server would be encryption towards anybody.
std::optional<Error> Refusal(const Endpoint& endpoint, const ClientRequest& request) {
  const auto host_character = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '-' || c == '_' || c == ':';
  };
  if (endpoint.host.empty() || endpoint.port == 0 ||
      !std::ranges::all_of(endpoint.host, host_character)) {
    return Malformed("http.client.host",
                     "no host or port: " + EscapeForDisplay(endpoint.host, 253));
  }
  const ServerTrust* trust = endpoint.trust.get();
  if (endpoint.tls != (trust != nullptr)) {
    return Untrusted("http.client.certificate",
                     "TLS needs a trusted certificate, and only TLS has one");
  }
  if (trust != nullptr && trust->pinned.has_value() == !trust->anchors.empty()) {
    return Untrusted("http.client.certificate",
                     "either a pinned certificate or anchors are needed");
  }
  if (!IsOriginForm(request.target)) {
    return Malformed("http.client.target", "no path: " + EscapeForDisplay(request.target, 128));
  }
  for (const auto& [name, value] : request.headers) {
    if (!IsSendable(name, value)) {
      return Internal("http.header", "header " + EscapeForDisplay(name, 64) + " cannot be sent");
    }
  }
  return std::nullopt;
}

Error Closed() { return Unavailable("http.client.closed", "the client was closed"); }

void AppendSized(Bytes& bytes, ByteView part) {
  for (std::size_t size = part.size(), i = 0; i < 8; ++i, size >>= 8U) {
    bytes.push_back(static_cast<std::uint8_t>(size & 0xffU));
  }
  Append(bytes, part);
}

}  // namespace

std::size_t EndpointKeyHash::operator()(const EndpointKey& key) const {
  const std::hash<std::string_view> hash;
  return hash(key.host) ^ (hash(key.trust) * 31) ^ (key.port * std::size_t{0x9e3779b9}) ^
         (key.tls ? 1U : 0U);
}

ClientPool::ClientPool(Runtime& runtime, ClientOptions options, SslContext ssl)
    : runtime_(runtime),
      options_(std::move(options)),
      ssl_(std::move(ssl)),
      bodies_(options_.max_response_bytes_in_flight),
      strand_(runtime.CreateStrand()),
      io_(*runtime.impl().io.front()) {}

// A digest of the content, computed once for each object.
std::string ClientPool::TrustDigest(const std::shared_ptr<const ServerTrust>& trust) {
  if (!trust) return {};
  if (const auto known = trusts_.find(trust.get()); known != trusts_.end()) {
    if (known->second.trust.lock() == trust) return known->second.digest;
  }
  Bytes content{static_cast<std::uint8_t>(trust->check_host ? 1 : 0)};
  if (trust->pinned) AppendSized(content, trust->pinned->ToDer());
  content.push_back(0);
  for (const crypto::Certificate& anchor : trust->anchors) AppendSized(content, anchor.ToDer());
  const crypto::Digest digest = crypto::Hash(crypto::HashAlgorithm::kSha256, content);
  std::string text(AsText(digest.bytes()));
  if (trusts_.size() > 2 * endpoints_.size() + 64) {
    std::erase_if(trusts_, [](const auto& entry) { return entry.second.trust.expired(); });
  }
  trusts_.insert_or_assign(trust.get(), KnownTrust{trust, text});
  return text;
}

// --- requests ---------------------------------------------------------------------

void ClientPool::Send(const Endpoint& where, ClientRequest request, Deadline deadline,
                      const CancelToken& cancel, Client::Completion done) {
  auto call = std::make_shared<Call>();
  std::optional<Error> error = Refusal(where, request);
  call->request = std::move(request);
  call->deadline = deadline;
  call->done = std::move(done);
  call->on_cancel = cancel.OnCancel([pool = weak_from_this(), weak = std::weak_ptr(call)] {
    const auto self = pool.lock();
    const auto cancelled = weak.lock();
    if (!self || !cancelled) return;
    cancelled->cancelled = true;
    self->io_.Post([self, weak] {
      self->GiveUp(weak, Unavailable("http.client.cancelled", "the request was cancelled"));
    });
  });
  Actions actions;
  std::shared_ptr<ClientConnection> given;
  {
    const std::lock_guard lock(mutex_);
    ++active_;
    if (!error && closed_) error = Closed();
    if (!error) {
      EndpointState& endpoint =
          StateFor({where.host, where.port, where.tls, TrustDigest(where.trust)}, where.trust);
      endpoint.asker = runtime_.impl().ThisIo();
      error = Enqueue(call, endpoint, given, actions);
      DropIfUnused(endpoint);
    }
  }
  if (error) {
    FinishSoon(call, *std::move(error));
  } else if (given && given->io().OnThisThread() && given->CanWrite(*call)) {
    given->Write(call);
  } else if (given) {
    if (!given->io().Post([given, call] { given->Begin(call); })) Finish(call, Closed());
  }
  Perform(std::move(actions));
}

std::optional<Error> ClientPool::Enqueue(const std::shared_ptr<Call>& call, EndpointState& endpoint,
                                         std::shared_ptr<ClientConnection>& given,
                                         Actions& actions) {
  call->endpoint = endpoint.shared_from_this();
  if (!endpoint.idle.empty()) {
    given = endpoint.idle.back();
    TakeFromIdle(given);
    Give(call, given);
    return std::nullopt;
  }
  if (call->cancelled) return Unavailable("http.client.cancelled", "the request was cancelled");
  if (endpoint.waiting.size() >= options_.max_waiting_per_endpoint ||
      waiting_ >= options_.max_waiting) {
    return Unavailable("http.client.queue_full",
                       "too many requests wait for " + EscapeForDisplay(endpoint.key.host, 253));
  }
  Wait(call, endpoint, false);
  OpenConnections(endpoint, actions);
  return std::nullopt;
}

void ClientPool::Wait(const std::shared_ptr<Call>& call, EndpointState& endpoint, bool first) {
  call->place = Call::Place::kWaiting;
  call->endpoint = endpoint.shared_from_this();
  call->position =
      endpoint.waiting.insert(first ? endpoint.waiting.begin() : endpoint.waiting.end(), call);
  ++waiting_;
  const auto left = call->deadline - std::chrono::steady_clock::now();
  call->timer = runtime_.After(
      std::chrono::ceil<milliseconds>(
          std::clamp<Deadline::duration>(left, milliseconds(0), std::chrono::hours(24))),
      strand_, [pool = weak_from_this(), weak = std::weak_ptr(call)] {
        if (const auto self = pool.lock()) {
          self->GiveUp(weak,
                       Unavailable("http.client.timeout", "no connection before the deadline"));
        }
      });
}

void ClientPool::Unlist(Call& call) {
  call.endpoint->waiting.erase(call.position);
  --waiting_;
}

void ClientPool::Give(const std::shared_ptr<Call>& call,
                      const std::shared_ptr<ClientConnection>& connection) {
  call->place = Call::Place::kGiven;
  call->connection = connection;
  call->timer.Cancel();
}

// The deadline of a waiting request, or the cancellation of any.
void ClientPool::GiveUp(const std::weak_ptr<Call>& weak, const Error& why) {
  const std::shared_ptr<Call> call = weak.lock();
  if (!call) return;
  bool given = false;
  std::shared_ptr<ClientConnection> connection;
  {
    const std::lock_guard lock(mutex_);
    if (call->place == Call::Place::kGiven) {
      given = true;
      connection = call->connection.lock();
    } else if (call->place == Call::Place::kWaiting) {
      EndpointState& endpoint = *call->endpoint;
      Unlist(*call);
      call->place = Call::Place::kDone;
      DropIfUnused(endpoint);
    } else {
      return;
    }
  }
  if (given) {
    // Without a connection it is being finished at this moment.
    if (connection)
      connection->io().Post([connection, call, why] { connection->GiveUp(call, why); });
  } else {
    Finish(call, why);
  }
}

void ClientPool::Finish(const std::shared_ptr<Call>& call, Result<ClientResponse> result) {
  call->on_cancel = {};
  call->timer = {};
  Client::Completion done = std::exchange(call->done, nullptr);
  try {
    done(std::move(result));
    done = nullptr;
  } catch (...) {
    telemetry::LogError("http.client_completion_exception",
                        {{"what", DescribeException(std::current_exception())}});
  }
  const std::lock_guard lock(mutex_);
  call->place = Call::Place::kDone;
  if (--active_ == 0) finished_.notify_all();
}

// Never inside Send.
void ClientPool::FinishSoon(const std::shared_ptr<Call>& call, Error why) {
  if (io_.Post([self = shared_from_this(), call, why] { self->Finish(call, why); })) return;
  Finish(call, std::move(why));
}

// --- connections ------------------------------------------------------------------

bool ClientPool::MakeRoom(Actions& actions) {
  if (connecting_ >= options_.max_connecting) return false;
  if (connections_.size() < options_.max_connections) return true;
  if (idle_order_.empty()) return false;
  CloseIdle(idle_order_.front().lock(), actions);
  return true;
}

void ClientPool::OpenConnections(EndpointState& endpoint, Actions& actions) {
  while (!closed_ && endpoint.waiting.size() > endpoint.connecting &&
         endpoint.connections < options_.max_connections_per_endpoint) {
    if (!MakeRoom(actions)) {
      if (!endpoint.starved) starved_.push_back(&endpoint);
      endpoint.starved = true;
      return;
    }
    IoThread& io = endpoint.asker != nullptr ? *endpoint.asker : runtime_.impl().NextIo();
    auto connection = std::make_shared<ClientConnection>(shared_from_this(), endpoint, io);
    connections_.emplace(connection.get(), connection);
    ++endpoint.connections;
    ++endpoint.connecting;
    ++connecting_;
    actions.start.push_back(std::move(connection));
  }
}

// Those that wait for room open connections in the order in which they came.
void ClientPool::ServeStarved(Actions& actions) {
  while (!starved_.empty()) {
    EndpointState& endpoint = *starved_.front();
    if (!endpoint.waiting.empty() && !MakeRoom(actions)) return;
    starved_.pop_front();
    endpoint.starved = false;
    OpenConnections(endpoint, actions);
    DropIfUnused(endpoint);
  }
}

void ClientPool::TakeFromIdle(const std::shared_ptr<ClientConnection>& connection) {
  if (!connection->is_idle) return;
  connection->is_idle = false;
  std::erase(connection->endpoint->idle, connection);
  idle_order_.erase(connection->idle_position);
}

ClientPool::Next ClientPool::NextFor(const std::shared_ptr<ClientConnection>& connection) {
  if (closed_ || connection->retired) return {.call = nullptr, .retired = true};
  EndpointState& endpoint = *connection->endpoint;
  if (!endpoint.waiting.empty()) {
    std::shared_ptr<Call> call = endpoint.waiting.front();
    Unlist(*call);
    Give(call, connection);
    return {.call = std::move(call)};
  }
  connection->is_idle = true;
  connection->idle_position = idle_order_.insert(idle_order_.end(), connection);
  endpoint.idle.push_back(connection);
  return {};
}

ClientPool::Next ClientPool::Established(const std::shared_ptr<ClientConnection>& connection) {
  Actions actions;
  Next next;
  {
    const std::lock_guard lock(mutex_);
    --connecting_;
    --connection->endpoint->connecting;
    next = NextFor(connection);
    ServeStarved(actions);
  }
  Perform(std::move(actions));
  return next;
}

ClientPool::Next ClientPool::Released(const std::shared_ptr<ClientConnection>& connection) {
  Actions actions;
  Next next;
  {
    const std::lock_guard lock(mutex_);
    next = NextFor(connection);
    // It may have to give way at once.
    if (connection->is_idle) ServeStarved(actions);
  }
  Perform(std::move(actions));
  return next;
}

void ClientPool::ConnectFailed(const std::shared_ptr<ClientConnection>& connection,
                               const Error& why) {
  Actions actions;
  {
    const std::lock_guard lock(mutex_);
    const std::shared_ptr<EndpointState> state = Forget(connection);
    EndpointState& endpoint = *state;
    --connecting_;
    --endpoint.connecting;
    // While other connections live they serve those who wait.
    if (endpoint.connections == 0) {
      actions.why = why;
      while (!endpoint.waiting.empty()) {
        actions.fail.push_back(endpoint.waiting.front());
        Unlist(*actions.fail.back());
        actions.fail.back()->place = Call::Place::kDone;
      }
    }
    ServeStarved(actions);
    DropIfUnused(endpoint);
  }
  Perform(std::move(actions));
}

void ClientPool::Ended(const std::shared_ptr<ClientConnection>& connection,
                       const std::shared_ptr<Call>& unanswered) {
  Actions actions;
  {
    const std::lock_guard lock(mutex_);
    const std::shared_ptr<EndpointState> endpoint = connection ? Forget(connection) : nullptr;
    if (unanswered && closed_) {
      actions.fail.push_back(unanswered);
      actions.why = Closed();
    } else if (unanswered) {
      unanswered->repeated = true;
      EndpointState& again = StateFor(unanswered->endpoint->key, unanswered->endpoint->trust);
      // What the server did to one kept connection it has likely done to all.
      while (!again.idle.empty()) CloseIdle(again.idle.back(), actions);
      Wait(unanswered, again, true);
      OpenConnections(again, actions);
    }
    if (endpoint) {
      OpenConnections(*endpoint, actions);
      DropIfUnused(*endpoint);
    }
    ServeStarved(actions);
  }
  Perform(std::move(actions));
}

EndpointState& ClientPool::StateFor(const EndpointKey& key,
                                    const std::shared_ptr<const ServerTrust>& trust) {
  std::shared_ptr<EndpointState>& state = endpoints_[key];
  if (!state) state = std::make_shared<EndpointState>(key, trust);
  return *state;
}

void ClientPool::DropIfUnused(EndpointState& endpoint) {
  if (endpoint.connections > 0 || !endpoint.waiting.empty() || endpoint.starved) return;
  const auto it = endpoints_.find(endpoint.key);
  if (it != endpoints_.end() && it->second.get() == &endpoint) endpoints_.erase(it);
}

// The pool knows `connection` no more. Its endpoint, nullptr if that was so before.
std::shared_ptr<EndpointState> ClientPool::Forget(
    const std::shared_ptr<ClientConnection>& connection) {
  std::shared_ptr<EndpointState> endpoint = connection->endpoint;
  if (!endpoint) return nullptr;
  TakeFromIdle(connection);
  connection->endpoint = nullptr;
  connection->retired = true;
  --endpoint->connections;
  connections_.erase(connection.get());
  return endpoint;
}

void ClientPool::CloseIdle(const std::shared_ptr<ClientConnection>& idle, Actions& actions) {
  actions.close.push_back(idle);
  const std::shared_ptr<EndpointState> endpoint = Forget(actions.close.back());
  DropIfUnused(*endpoint);
}

void ClientPool::Forget(const Endpoint& where) {
  Actions actions;
  {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<ClientConnection>> all;
    for (const auto& [raw, weak] : connections_) {
      if (auto connection = weak.lock()) all.push_back(std::move(connection));
    }
    for (const std::shared_ptr<ClientConnection>& connection : all) {
      const EndpointKey& key = connection->endpoint->key;
      if (key.host != where.host || key.port != where.port) continue;
      connection->retired = true;  // closes when the request under way is answered
      if (connection->is_idle) CloseIdle(connection, actions);
    }
  }
  Perform(std::move(actions));
}

void ClientPool::Perform(Actions actions) {
  for (const auto& connection : actions.start) {
    if (!connection->io().Post([connection] { connection->Start(); }))
      ConnectFailed(connection, Closed());
  }
  for (const auto& connection : actions.close) {
    if (!connection->io().Post([connection] { connection->Close(); })) connection->Close();
  }
  for (const auto& call : actions.fail) FinishSoon(call, *actions.why);
}

void ClientPool::Close(WaitForAll wait) {
  Actions actions;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    actions.why = Closed();
    for (const auto& [key, endpoint] : endpoints_) {
      while (!endpoint->waiting.empty()) {
        const std::shared_ptr<Call> call = endpoint->waiting.front();
        Unlist(*call);
        call->place = Call::Place::kDone;
        actions.fail.push_back(call);
      }
    }
    while (!idle_order_.empty()) CloseIdle(idle_order_.front().lock(), actions);
    for (const auto& [raw, weak] : connections_) {
      // Without an owner: the runtime has ended and taken the connection along.
      if (auto connection = weak.lock()) actions.close.push_back(std::move(connection));
    }
  }
  Perform(std::move(actions));
  if (wait == WaitForAll::kNo) return;
  std::unique_lock lock(mutex_);
  finished_.wait(lock, [this] { return active_ == 0; });
}

}  // namespace limequat::http
