#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "limequat/crypto/certificate.h"
#include "limequat/http/cancel.h"
#include "limequat/http/message.h"
#include "limequat/http/runtime.h"

namespace limequat::http {

// Whom a client takes for the right server. System trust stores are never used.
struct ServerTrust {
  // Exactly this certificate (compared as DER) is the server, whatever its names
  // and dates: how a registered self-signed certificate is trusted.
  std::optional<crypto::Certificate> pinned;
  // Or: the chain ends in one of these and the certificate names the host.
  std::vector<crypto::Certificate> anchors;
  // With `anchors`: whether the host's name or address must be in the certificate.
  bool check_host = true;
};

// Where to and as whom. Requests with equal endpoints share kept connections.
struct Endpoint {
  std::string host;  // name or address, no brackets
  std::uint16_t port = 0;
  bool tls = false;
  std::shared_ptr<const ServerTrust> trust;  // required with tls; compared by content fingerprint
};

struct ClientRequest {
  Method method = Method::kGet;
  std::string target = "/";
  Headers headers;
  std::string body;  // sent with Content-Length; content type from headers
  std::size_t max_response =
      16U << 20U;  // a longer body ends as kMalformed ("http.client.too_long")
  // Sending it twice does no harm although the method is POST or PATCH.
  bool may_repeat = false;
};

struct ClientResponse {
  int status = 0;
  Headers headers;
  std::string body;
};

struct ClientOptions {
  // Identity for mutual TLS; empty: none.
  std::vector<crypto::Certificate> chain;
  std::string private_key_pem;
  std::size_t max_connections_per_endpoint = 4;
  std::size_t max_waiting_per_endpoint = 256;  // further requests end as kUnavailable
  // All endpoints together, those being opened included; further requests wait in
  // order, at most max_waiting of them (kUnavailable beyond). Idle ones give way, the oldest first.
  std::size_t max_connections = 16'384;
  std::size_t max_waiting = 16'384;
  std::size_t max_connecting = 64;                         // handshakes at once
  std::size_t max_response_bytes_in_flight = 256U << 20U;  // all bodies being received together
  std::chrono::milliseconds connect_timeout{5'000};        // name look-up, connect and handshake
  std::chrono::milliseconds idle_timeout{60'000};
};

// An HTTP/1.1 client with kept connections. Thread-safe.
class Client {
 public:
  static Result<std::unique_ptr<Client>> Create(Runtime& runtime, ClientOptions options);
  // Ends every request with kUnavailable; returns when every `done` has returned.
  // Not on an I/O thread.
  ~Client();

  using Completion = std::move_only_function<void(Result<ClientResponse>)>;

  // Sends and calls `done` exactly once, on an I/O thread: with any status the
  // server gave, or an Error: kUnavailable ("http.client.connect", ".timeout",
  // ".closed", ".cancelled", ".queue_full", ".bodies_in_flight"), kUntrusted
  // (".certificate": the server is not the one expected; also `tls` without trust,
  // trust without `tls`, or pinned together with anchors: refused before connecting),
  // kMalformed (the answer is not HTTP or too long; a target with control characters).
  // A body of HTTP/1.0 that ends with the connection may have been cut even under
  // TLS; one of HTTP/1.1 never is (".closed"). A request on a kept connection
  // that the server had closed is sent again once if nothing of an answer was read
  // and the method is GET, PUT or DELETE or may_repeat is set. Redirects are not
  // followed. `done` is never called inside Send or under a lock and must not block.
  void Send(const Endpoint& endpoint, ClientRequest request, Deadline deadline, CancelToken cancel,
            Completion done);

  // Send and wait: for command-line tools. Not to be called on a thread of the runtime.
  Result<ClientResponse> SendAndWait(const Endpoint& endpoint, ClientRequest request,
                                     Deadline deadline, CancelToken cancel = {});

  // Closes kept connections of this host and port (a machine was removed).
  void Forget(const Endpoint& endpoint);

 private:
  struct Impl;
  explicit Client(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

// Splits "https://host:8881/path" (IPv6 in brackets). kMalformed ("http.url")
// for anything else; user info and fragments are refused.
struct Url {
  bool tls = false;
  std::string host;
  std::uint16_t port = 0;
  std::string target;
};
Result<Url> ParseUrl(std::string_view url);

// `text` percent-encoded for a query value or one path segment.
std::string PercentEncode(std::string_view text);

}  // namespace limequat::http
