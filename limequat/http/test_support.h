#pragma once

// What the tests of this module share: certificates, a server on a free port, and a
// client so primitive that it can do everything wrong.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/ssl.h>

#include "limequat/crypto/certificate.h"
#include "limequat/crypto/key.h"
#include "limequat/http/client.h"
#include "limequat/http/router.h"
#include "limequat/http/runtime.h"
#include "limequat/http/server.h"

namespace limequat::http {

using namespace std::chrono_literals;  // NOLINT: tests

inline Deadline In(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

// A certificate with its key.
struct Identity {
  crypto::Certificate certificate;
  crypto::PrivateKey key;
};

// A certification authority of one test.
class TestCa {
 public:
  explicit TestCa(const std::string& name);
  const crypto::Certificate& certificate() const { return identity_.certificate; }
  const Identity& identity() const { return identity_; }
  // A server's certificate for localhost and 127.0.0.1.
  Identity Server(const std::string& name = "server") const;
  Identity Client(const std::string& name = "client") const;
  Identity Issue(const crypto::CertificateRequest& request) const;

 private:
  Identity identity_;
};

// A request with the names and a validity around now.
crypto::CertificateRequest Named(const std::string& common_name);
Identity SelfSigned(const crypto::CertificateRequest& request);

ServerTls TlsOf(const Identity& identity);
std::shared_ptr<const ServerTrust> Pinned(const crypto::Certificate& certificate);
std::shared_ptr<const ServerTrust> Anchored(const crypto::Certificate& anchor);

// A socket that blocks, at most for 10 seconds.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port);
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  ~RawClient();

  // TLS with this identity, without checking the server. `max_version` 0: the newest.
  // `suites`: of TLS 1.2.
  bool StartTls(const Identity* identity, int max_version = 0, const char* suites = "ALL");
  bool HasResumableSession() const;
  bool Send(std::string_view data);
  // One response: head and, by Content-Length or chunks, the body. nullopt: the
  // connection ended before it was complete.
  struct Answer {
    int status = 0;
    std::string head;
    std::string body;
    std::string Header(std::string_view name) const;
  };
  std::optional<Answer> Receive();
  std::optional<Answer> Exchange(std::string_view request);
  // Reads until `end` has been seen; what was read so far if the connection ends.
  std::string ReadUntil(std::string_view end);
  // Whether the server ends the connection before it sends anything more.
  bool Closed();
  void Close();
  void ShutdownWrite();
  int fd() const { return fd_; }

 private:
  bool Fill();

  int fd_ = -1;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  std::string received_;
};

// A port of the loopback on which nobody listens. While this lives nobody else is given it, not
// even for an outgoing connection; a server that is told the port may listen on it.
class ReservedPort {
 public:
  ReservedPort();
  ReservedPort(const ReservedPort&) = delete;
  ReservedPort& operator=(const ReservedPort&) = delete;
  ~ReservedPort();
  std::uint16_t number() const { return number_; }
  Endpoint plain() const {
    return {.host = "127.0.0.1", .port = number_, .tls = false, .trust = nullptr};
  }

 private:
  int fd_;
  std::uint16_t number_ = 0;
};

// A point that a test waits for, at most for 10 seconds.
class Gate {
 public:
  void Open();
  [[nodiscard]] bool Wait();

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
};

// Waits until `condition` holds, at most for 10 seconds.
[[nodiscard]] bool Eventually(const std::function<bool()>& condition);

// A runtime and one server for `router`.
struct TestServer {
  explicit TestServer(Router routes, ListenOptions options = {},
                      const RuntimeOptions& threads = {});
  std::uint16_t port() const { return server->port(); }
  Endpoint plain() const {
    return {.host = "127.0.0.1", .port = port(), .tls = false, .trust = nullptr};
  }
  Endpoint tls(std::shared_ptr<const ServerTrust> trust) const {
    return {.host = "127.0.0.1", .port = port(), .tls = true, .trust = std::move(trust)};
  }

  Runtime runtime;
  std::unique_ptr<Server> server;
};

}  // namespace limequat::http
