#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "limequat/crypto/certificate.h"
#include "limequat/crypto/key.h"
#include "limequat/http/router.h"
#include "limequat/http/runtime.h"

namespace limequat::http {

// An authority whose client certificates prove a role.
struct ClientAuthority {
  std::string role;
  std::vector<crypto::Certificate> anchors;
};

struct ServerTls {
  std::vector<crypto::Certificate> chain;  // leaf first
  std::string private_key_pem;
  // Client certificates must chain to one of these (purpose TLS client). A
  // certificate that does not is refused in the handshake, it never counts as none.
  std::vector<ClientAuthority> client_authorities;
  bool require_client_certificate = false;  // refuse the handshake without one
};

struct ServerLimits {
  std::size_t max_connections = 4096;  // more are closed at once
  std::size_t max_connections_per_address = 1024;
  std::size_t max_header_bytes = 32U << 10U;
  std::chrono::milliseconds handshake_timeout{5'000};
  std::chrono::milliseconds header_timeout{5'000};  // from the first byte of a request
  std::chrono::milliseconds idle_timeout{75'000};   // between requests
  // All bodies together, from the first byte received until their Request is destroyed: 503 beyond.
  std::size_t max_body_bytes_in_flight = 256U << 20U;
};

struct ListenOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  // 0: any free one, see port()
  std::optional<ServerTls> tls;
  ServerLimits limits;
};

// Serves one router on one address: HTTP/1.1, kept connections, TLS 1.2 and 1.3.
// A full lane is answered 503, and so is a request whose deadline passes while it
// waits or runs (one that waits is never started). An exception that leaves a
// handler is a defect and is answered 500.
class Server {
 public:
  // Binds and listens; requests are served from here on. kUnavailable
  // ("http.listen") if the address cannot be bound, kMalformed for bad key material.
  static Result<std::unique_ptr<Server>> Listen(Runtime& runtime,
                                                std::shared_ptr<const Router> router,
                                                ListenOptions options);
  ~Server();  // as Stop

  std::uint16_t port() const;
  std::size_t connections() const;
  // Stops accepting, cancels the contexts of running requests, closes connections
  // after `grace`. When it returns, no handler, Producer or event source runs or
  // will run: it waits for those that do, so never call it from one. Order of destruction in a
  // program: servers, clients, databases, runtime.
  void Stop(std::chrono::milliseconds grace = std::chrono::milliseconds(2'000));

 private:
  struct Impl;
  explicit Server(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

}  // namespace limequat::http
