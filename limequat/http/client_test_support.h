#pragma once

// What the tests of the client share: a server that can do everything wrong, and a client
// on a runtime of the test's.

#include <cerrno>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "limequat/base/check.h"
#include "limequat/http/client.h"
#include "limequat/http/test_support.h"
#include "limequat/http/tls_internal.h"

namespace limequat::http {

// A listening socket whose connections a test handles by hand.
class RawServer {
 public:
  explicit RawServer(int backlog = 16) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    LQ_CHECK(bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    LQ_CHECK(listen(fd_, backlog) == 0);
    socklen_t size = sizeof address;
    LQ_CHECK(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;
  ~RawServer() { close(fd_); }

  Endpoint endpoint() const {
    return {.host = "127.0.0.1", .port = port_, .tls = false, .trust = nullptr};
  }

  class Connection {
   public:
    explicit Connection(int fd) : fd_(fd) {
      const timeval timeout{10, 0};
      setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    }
    Connection(Connection&& other) noexcept
        : fd_(std::exchange(other.fd_, -1)), tls_(std::move(other.tls_)) {}
    Connection& operator=(Connection&&) = delete;
    ~Connection() { Close(); }
    // One request without a body; empty when the client has closed. A client that does
    // neither fails the test.
    std::string Read() {
      std::string text;
      char c = 0;
      const auto next = [&] {
        errno = 0;
        return tls_ ? SSL_read(tls_.get(), &c, 1) == 1 : recv(fd_, &c, 1, 0) == 1;
      };
      while (!text.ends_with("\r\n\r\n") && next()) text += c;
      EXPECT_NE(errno, EAGAIN) << "the client neither sends nor closes";
      return text;
    }
    void Send(std::string_view text) {
      if (tls_) {
        LQ_CHECK(SSL_write(tls_.get(), text.data(), static_cast<int>(text.size())) > 0);
        return;
      }
      LQ_CHECK(send(fd_, text.data(), text.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(text.size()));
    }
    // TLS as a server with this identity.
    void StartTls(const Identity& identity) {
      tls_.reset(MakeTls(identity));
      SSL_set_fd(tls_.get(), fd_);
      LQ_CHECK(SSL_accept(tls_.get()) == 1);
    }
    // Tells the client in order that nothing follows.
    void EndTls() { SSL_shutdown(tls_.get()); }
    // Nothing follows, but the connection can still be read.
    void ShutdownWrite() { shutdown(fd_, SHUT_WR); }
    void Close() {
      tls_.reset();
      if (fd_ >= 0) close(std::exchange(fd_, -1));
    }
    void Reset() {
      const linger hard{1, 0};
      setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
      Close();
    }

   private:
    struct FreeSsl {
      void operator()(SSL* p) const { SSL_free(p); }
    };
    static SSL* MakeTls(const Identity& identity);

    int fd_;
    std::unique_ptr<SSL, FreeSsl> tls_;
  };

  Connection Accept() {
    const int fd = accept(fd_, nullptr, nullptr);
    LQ_CHECK(fd >= 0);
    return Connection(fd);
  }

 private:
  int fd_;
  std::uint16_t port_ = 0;
};

inline SSL* RawServer::Connection::MakeTls(const Identity& identity) {
  Result<SslContext> context = CreateServerContext(TlsOf(identity));
  LQ_CHECK(context.has_value());
  SSL* tls = SSL_new(context->get());
  LQ_CHECK(tls != nullptr);
  SSL_clear_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE);
  return tls;
}

inline constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

class HttpClient : public testing::Test {
 protected:
  std::unique_ptr<Client> Make(ClientOptions options = {}) {
    Result<std::unique_ptr<Client>> client = Client::Create(runtime_, std::move(options));
    LQ_CHECK(client.has_value());
    return *std::move(client);
  }

  static ClientRequest Request(Method method = Method::kGet, std::string target = "/",
                               std::string body = "") {
    ClientRequest request;
    request.method = method;
    request.target = std::move(target);
    request.body = std::move(body);
    return request;
  }

  // The status as text, or the id of the error.
  static std::string Text(const Result<ClientResponse>& result) {
    return result ? std::to_string(result->status) : result.error().id;
  }

  using Answer = std::future<Result<ClientResponse>>;
  static Answer Start(Client& client, const Endpoint& endpoint, ClientRequest request,
                      Deadline deadline, CancelToken cancel = {}) {
    auto promise = std::make_shared<std::promise<Result<ClientResponse>>>();
    Answer answer = promise->get_future();
    client.Send(
        endpoint, std::move(request), deadline, std::move(cancel),
        [promise](Result<ClientResponse> result) { promise->set_value(std::move(result)); });
    return answer;
  }

  static Router Basic() {
    Router router;
    router.Add(Method::kGet, "/", Access::Public("test"), {},
               [](const http::Request&, Context&) { return Result<Response>(Reply(200, "ok")); });
    router.Add(Method::kPost, "/echo", Access::Public("test"), {.max_body = 8U << 20U},
               [](const http::Request& request, Context&) {
                 return Result<Response>(Reply(200, request.body));
               });
    return router;
  }

  Runtime runtime_{RuntimeOptions{}};
};

}  // namespace limequat::http
