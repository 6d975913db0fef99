#include "limequat/http/client.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <functional>
#include <future>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "limequat/base/check.h"
#include "limequat/http/test_support.h"
#include "limequat/http/tls_internal.h"

namespace limequat::http {
namespace {

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

SSL* RawServer::Connection::MakeTls(const Identity& identity) {
  Result<SslContext> context = CreateServerContext(TlsOf(identity));
  LQ_CHECK(context.has_value());
  SSL* tls = SSL_new(context->get());
  LQ_CHECK(tls != nullptr);
  SSL_clear_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE);
  return tls;
}

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

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

TEST_F(HttpClient, SendsWhatItIsGiven) {
  RawServer server;
  const auto client = Make();
  ClientRequest request = Request(Method::kPost, "/a?b=c", "");
  request.headers.Set("Content-Type", "application/json")
      .Set("Host", "evil")
      .Set("Content-Length", "99");
  Answer answer = Start(*client, server.endpoint(), std::move(request), In(5s));
  RawServer::Connection connection = server.Accept();
  EXPECT_EQ(connection.Read(),
            "POST /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.endpoint().port) +
                "\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n");
  connection.Send("HTTP/1.1 201 Created\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 2\r\n\r\nhi");
  const Result<ClientResponse> result = answer.get();
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->status, 201);
  EXPECT_EQ(result->headers.Find("x-a"), "1");
  EXPECT_EQ(result->body, "hi");
}

TEST_F(HttpClient, LargeBodiesBothWays) {
  const TestServer server(Basic());
  const auto client = Make();
  const std::string body(5'000'000, 'x');
  for (int i = 0; i < 2; ++i) {
    const auto answer =
        client->SendAndWait(server.plain(), Request(Method::kPost, "/echo", body), In(20s));
    ASSERT_TRUE(answer.has_value()) << answer.error().message;
    EXPECT_EQ(answer->body, body);
  }
  EXPECT_EQ(server.server->connections(), 1U);
}

TEST_F(HttpClient, LargeBodiesOverTls) {
  const TestCa ca("authority");
  ListenOptions options;
  options.tls = TlsOf(ca.Server());
  const TestServer server(Basic(), std::move(options));
  const auto client = Make();
  const std::string body(5'000'000, 'x');
  const auto answer = client->SendAndWait(server.tls(Anchored(ca.certificate())),
                                          Request(Method::kPost, "/echo", body), In(20s));
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(answer->body, body);
}

TEST_F(HttpClient, KeepsAndBoundsConnections) {
  const TestServer server(Basic());
  ClientOptions options;
  options.max_connections_per_endpoint = 3;
  const auto client = Make(std::move(options));
  std::vector<Answer> answers;
  for (int i = 0; i < 200; ++i)
    answers.push_back(Start(*client, server.plain(), Request(), In(10s)));
  for (Answer& answer : answers) EXPECT_EQ(Text(answer.get()), "200");
  EXPECT_LE(server.server->connections(), 3U);
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(Text(client->SendAndWait(server.plain(), Request(), In(5s))), "200");
  EXPECT_LE(server.server->connections(), 3U);
}

TEST_F(HttpClient, WorksFromManyThreadsOverManyIoThreads) {
  RuntimeOptions threads;
  threads.io_threads = 3;
  const TestServer server(Basic(), {}, threads);
  Runtime runtime(threads);
  const auto client = Client::Create(runtime, {});
  std::atomic<int> good = 0;
  std::vector<std::thread> senders;
  for (int t = 0; t < 4; ++t) {
    senders.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        good += Text((*client)->SendAndWait(server.plain(), Request(), In(10s))) == "200" ? 1 : 0;
      }
    });
  }
  for (std::thread& sender : senders) sender.join();
  EXPECT_EQ(good, 400);
}

// What lets an answer be used where it arrives, without waking another thread.
TEST_F(HttpClient, AnswersOnTheIoThreadThatAsked) {
  RuntimeOptions threads;
  threads.io_threads = 3;
  const TestServer server(Basic());
  Runtime runtime(threads);
  const auto client = Client::Create(runtime, {});
  for (const char* host : {"127.0.0.1", "localhost", "::ffff:127.0.0.1"}) {
    const Strand strand = runtime.CreateStrand();
    // A kept connection of another thread must not be in the way of a new endpoint.
    Endpoint endpoint = server.plain();
    endpoint.host = host;
    for (int round = 0; round < 3; ++round) {
      std::promise<bool> same;
      strand.Post([&] {
        const std::thread::id asked = std::this_thread::get_id();
        (*client)->Send(endpoint, Request(), In(5s), {}, [&, asked](Result<ClientResponse> answer) {
          EXPECT_EQ(Text(std::move(answer)), "200");
          same.set_value(std::this_thread::get_id() == asked);
        });
      });
      EXPECT_TRUE(same.get_future().get()) << host << " " << round;
    }
  }
}

TEST_F(HttpClient, ResolvesNames) {
  const TestServer server(Basic());
  const auto client = Make();
  Endpoint endpoint = server.plain();
  endpoint.host = "localhost";
  EXPECT_EQ(Text(client->SendAndWait(endpoint, Request(), In(5s))), "200");
  endpoint.host = "name.invalid";
  EXPECT_EQ(Text(client->SendAndWait(endpoint, Request(), In(5s))), "http.client.connect");
}

TEST_F(HttpClient, RefusesWhatCannotBeSent) {
  const TestServer server(Basic());
  const auto client = Make();
  const auto send = [&](const Endpoint& endpoint, ClientRequest request) {
    return Text(client->SendAndWait(endpoint, std::move(request), In(5s)));
  };
  EXPECT_EQ(send(server.plain(), Request(Method::kGet, "/ x")), "http.client.target");
  EXPECT_EQ(send(server.plain(), Request(Method::kGet, "/\r\nX: y")), "http.client.target");
  EXPECT_EQ(send(server.plain(), Request(Method::kGet, "")), "http.client.target");
  ClientRequest split = Request();
  split.headers.Set("X", "a\r\nY: b");
  EXPECT_EQ(send(server.plain(), split), "http.header");
  Endpoint nowhere = server.plain();
  nowhere.host = "";
  EXPECT_EQ(send(nowhere, Request()), "http.client.host");
  nowhere.host = "h\r\nX: y";
  EXPECT_EQ(send(nowhere, Request()), "http.client.host");
  nowhere = server.plain();
  nowhere.port = 0;
  EXPECT_EQ(send(nowhere, Request()), "http.client.host");
  EXPECT_EQ(server.server->connections(), 0U);
}

TEST_F(HttpClient, CompletionIsNeverCalledInsideSend) {
  const auto client = Make();
  std::mutex mutex;  // a caller's lock: calling back under it would never end
  Gate done;
  {
    const std::lock_guard lock(mutex);
    client->Send({}, Request(), In(5s), {}, [&](const Result<ClientResponse>&) {
      const std::lock_guard inner(mutex);
      done.Open();
    });
  }
  EXPECT_TRUE(done.Wait());
}

// --- servers that fail ------------------------------------------------------------

TEST_F(HttpClient, DeadServer) {
  std::uint16_t port = 0;
  {
    const RawServer gone;
    port = gone.endpoint().port;
  }
  const auto client = Make();
  std::vector<Answer> answers;
  const Endpoint endpoint{.host = "127.0.0.1", .port = port, .tls = false, .trust = nullptr};
  for (int i = 0; i < 50; ++i) answers.push_back(Start(*client, endpoint, Request(), In(5s)));
  for (Answer& answer : answers) {
    const Result<ClientResponse> result = answer.get();
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().id, "http.client.connect");
    EXPECT_EQ(result.error().code, ErrorCode::kUnavailable);
  }
}

TEST_F(HttpClient, SilentHandshakeEndsWithTheConnectTimeout) {
  RawServer server;  // accepts by the kernel and says nothing
  ClientOptions options;
  options.connect_timeout = 50ms;
  const auto client = Make(std::move(options));
  Endpoint endpoint = server.endpoint();
  endpoint.tls = true;
  endpoint.trust = Anchored(TestCa("authority").certificate());
  EXPECT_EQ(Text(client->SendAndWait(endpoint, Request(), In(10s))), "http.client.connect");
}

TEST_F(HttpClient, DeadlineWhileConnecting) {
  RawServer server;
  const auto client = Make();
  Endpoint endpoint = server.endpoint();
  endpoint.tls = true;
  endpoint.trust = Anchored(TestCa("authority").certificate());
  EXPECT_EQ(Text(client->SendAndWait(endpoint, Request(), In(50ms))), "http.client.timeout");
}

TEST_F(HttpClient, DeadlineWhileWaitingForTheAnswer) {
  RawServer server;
  const auto client = Make();
  Answer answer = Start(*client, server.endpoint(), Request(), In(100ms));
  RawServer::Connection connection = server.Accept();
  EXPECT_NE(connection.Read(), "");
  connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart");
  EXPECT_EQ(Text(answer.get()), "http.client.timeout");
  EXPECT_EQ(connection.Read(), "");  // the connection is not used again
}

TEST_F(HttpClient, DeadlineInThePast) {
  const TestServer server(Basic());
  const auto client = Make();
  EXPECT_EQ(Text(client->SendAndWait(server.plain(), Request(), In(-1s))), "http.client.timeout");
  EXPECT_EQ(Text(client->SendAndWait(server.plain(), Request(), In(5s))), "200");
}

TEST_F(HttpClient, CancelWhileWaitingForTheAnswer) {
  RawServer server;
  const auto client = Make();
  CancelSource source;
  Answer answer = Start(*client, server.endpoint(), Request(), In(10s), source.token());
  RawServer::Connection connection = server.Accept();
  EXPECT_NE(connection.Read(), "");
  source.Cancel();
  EXPECT_EQ(Text(answer.get()), "http.client.cancelled");
  EXPECT_EQ(connection.Read(), "");
}

TEST_F(HttpClient, CancelInTheQueueAndBefore) {
  RawServer server;
  ClientOptions options;
  options.max_connections_per_endpoint = 1;
  const auto client = Make(std::move(options));
  CancelSource source;
  Answer first = Start(*client, server.endpoint(), Request(), In(10s));
  RawServer::Connection connection = server.Accept();
  EXPECT_NE(connection.Read(), "");
  Answer queued = Start(*client, server.endpoint(), Request(), In(10s), source.token());
  Answer behind = Start(*client, server.endpoint(), Request(), In(10s));
  source.Cancel();
  EXPECT_EQ(Text(queued.get()), "http.client.cancelled");
  EXPECT_EQ(Text(client->SendAndWait(server.endpoint(), Request(), In(10s), source.token())),
            "http.client.cancelled");
  connection.Send(kOk);
  EXPECT_EQ(Text(first.get()), "200");
  EXPECT_NE(connection.Read(), "");
  connection.Send(kOk);
  EXPECT_EQ(Text(behind.get()), "200");
}

TEST_F(HttpClient, AnswerThatIsTooLong) {
  RawServer server;
  const auto client = Make();
  for (const char* head :
       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"}) {
    ClientRequest request = Request();
    request.max_response = 4;
    Answer answer = Start(*client, server.endpoint(), std::move(request), In(5s));
    RawServer::Connection connection = server.Accept();
    EXPECT_NE(connection.Read(), "");
    connection.Send(head);
    const Result<ClientResponse> result = answer.get();
    EXPECT_EQ(Text(result), "http.client.too_long");
    EXPECT_EQ(result.error().code, ErrorCode::kMalformed);
    EXPECT_EQ(connection.Read(), "");
  }
}

// The server would only have to send slowly to have memory held for it.
TEST_F(HttpClient, AnswerThatAnnouncesTooMuchIsRefusedBeforeItsBody) {
  RawServer server;
  const auto client = Make();
  ClientRequest request = Request();
  request.max_response = 4;
  Answer answer = Start(*client, server.endpoint(), std::move(request), In(5s));
  RawServer::Connection connection = server.Accept();
  EXPECT_NE(connection.Read(), "");
  connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(Text(answer.get()), "http.client.too_long");
  EXPECT_EQ(connection.Read(), "");
}

TEST_F(HttpClient, AnswersThatAreNotHttpOrIncomplete) {
  RawServer server;
  const auto client = Make();
  const auto outcome = [&](std::string_view text, bool reset = false) {
    Answer answer = Start(*client, server.endpoint(), Request(), In(5s));
    RawServer::Connection connection = server.Accept();
    EXPECT_NE(connection.Read(), "");
    connection.Send(text);
    if (reset) {
      connection.Reset();
    } else {
      connection.Close();
    }
    return Text(answer.get());
  };
  EXPECT_EQ(outcome("SSH-2.0-x\r\n\r\n"), "http.client.malformed");
  EXPECT_EQ(outcome("HTTP/1.1 101 Switching Protocols\r\n\r\n"), "http.client.malformed");
  EXPECT_EQ(outcome(""), "http.client.closed");
  EXPECT_EQ(outcome("", true), "http.client.closed");
  EXPECT_EQ(outcome("HTTP/1.1 200 OK\r\nContent-Le"), "http.client.closed");
  EXPECT_EQ(outcome("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart"), "http.client.closed");
  EXPECT_EQ(outcome("HTTP/1.1 200 OK\r\n\r\nall of it"), "200");
  EXPECT_EQ(outcome("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n"), "204");
}

// Whoever can cut a connection could otherwise shorten a body at will.
TEST_F(HttpClient, BodyThatIsCutUnderTlsIsNotTakenForWhole) {
  RawServer server;
  const Identity identity = TestCa("authority").Server();
  Endpoint endpoint = server.endpoint();
  endpoint.tls = true;
  endpoint.trust = Pinned(identity.certificate);
  const auto client = Make();
  const auto outcome = [&](std::string_view text, bool in_order) {
    Answer answer = Start(*client, endpoint, Request(), In(5s));
    RawServer::Connection connection = server.Accept();
    connection.StartTls(identity);
    EXPECT_NE(connection.Read(), "");
    connection.Send(text);
    if (in_order) connection.EndTls();
    connection.Close();
    return Text(answer.get());
  };
  EXPECT_EQ(outcome("HTTP/1.1 200 OK\r\n\r\nall of it", true), "200");
  EXPECT_EQ(outcome("HTTP/1.1 200 OK\r\n\r\nall of it", false), "http.client.closed");
  EXPECT_EQ(outcome("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\npart", true),
            "http.client.closed");
  // Keylime's Python agent speaks HTTP/1.0 and ends without ending TLS.
  EXPECT_EQ(outcome("HTTP/1.0 200 OK\r\n\r\nall of it", false), "200");
  EXPECT_EQ(outcome("HTTP/1.0 200 OK\r\nContent-Length: 99\r\n\r\npart", false),
            "http.client.closed");
  EXPECT_EQ(outcome("HTTP/1.0 200 O", false), "http.client.closed");
}

// --- kept connections -------------------------------------------------------------

TEST_F(HttpClient, AnswerBehindTheAnswerClosesTheConnection) {
  RawServer server;
  const auto client = Make();
  Answer answer = Start(*client, server.endpoint(), Request(), In(5s));
  RawServer::Connection connection = server.Accept();
  EXPECT_NE(connection.Read(), "");
  connection.Send(std::string(kOk) + "HTTP/1.1 200 OK\r\n");
  EXPECT_EQ(Text(answer.get()), "200");
  EXPECT_EQ(connection.Read(), "");
  // Also when it comes later, unasked: it must not become the answer to the next request.
  Answer second = Start(*client, server.endpoint(), Request(), In(5s));
  RawServer::Connection other = server.Accept();
  EXPECT_NE(other.Read(), "");
  other.Send(kOk);
  EXPECT_EQ(Text(second.get()), "200");
  other.Send(kOk);
  EXPECT_EQ(other.Read(), "");
}

TEST_F(HttpClient, ConnectionCloseIsHonoured) {
  RawServer server;
  const auto client = Make();
  Answer answer = Start(*client, server.endpoint(), Request(), In(5s));
  RawServer::Connection connection = server.Accept();
  EXPECT_NE(connection.Read(), "");
  connection.Send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(Text(answer.get()), "200");
  EXPECT_EQ(connection.Read(), "");
}

// A request that meets the end of a kept connection.
class StaleConnection : public HttpClient {
 protected:
  // The client's request on the kept connection has arrived when that is closed.
  std::string Ask(ClientRequest request, bool answers_again) {
    RawServer server;
    const auto client = Make();
    Answer first = Start(*client, server.endpoint(), Request(), In(5s));
    RawServer::Connection kept = server.Accept();
    EXPECT_NE(kept.Read(), "");
    kept.Send(kOk);
    EXPECT_EQ(Text(first.get()), "200");
    Answer second = Start(*client, server.endpoint(), std::move(request), In(5s));
    EXPECT_NE(kept.Read(), "");
    kept.Close();
    if (answers_again) {
      RawServer::Connection fresh = server.Accept();
      EXPECT_NE(fresh.Read(), "");
      fresh.Send(kOk);
      return Text(second.get());
    }
    return Text(second.get());
  }
};

TEST_F(StaleConnection, IsRepeatedOnceWhereThatIsHarmless) {
  EXPECT_EQ(Ask(Request(Method::kGet), true), "200");
  EXPECT_EQ(Ask(Request(Method::kPut), true), "200");
  EXPECT_EQ(Ask(Request(Method::kDelete), true), "200");
  ClientRequest repeatable = Request(Method::kPost);
  repeatable.may_repeat = true;
  EXPECT_EQ(Ask(std::move(repeatable), true), "200");
}

TEST_F(StaleConnection, IsNotRepeatedForPostAndPatch) {
  EXPECT_EQ(Ask(Request(Method::kPost), false), "http.client.closed");
  EXPECT_EQ(Ask(Request(Method::kPatch), false), "http.client.closed");
}

TEST_F(StaleConnection, IsNotRepeatedAfterPartOfAnAnswer) {
  RawServer server;
  const auto client = Make();
  Answer first = Start(*client, server.endpoint(), Request(), In(5s));
  RawServer::Connection kept = server.Accept();
  EXPECT_NE(kept.Read(), "");
  kept.Send(kOk);
  EXPECT_EQ(Text(first.get()), "200");
  Answer second = Start(*client, server.endpoint(), Request(), In(5s));
  EXPECT_NE(kept.Read(), "");
  kept.Send("HTTP/1.1 20");
  kept.Close();
  EXPECT_EQ(Text(second.get()), "http.client.closed");
}

TEST_F(StaleConnection, IsRepeatedOnlyOnce) {
  RawServer server;
  const auto client = Make();
  Answer first = Start(*client, server.endpoint(), Request(), In(5s));
  {
    RawServer::Connection kept = server.Accept();
    EXPECT_NE(kept.Read(), "");
    kept.Send(kOk);
    EXPECT_EQ(Text(first.get()), "200");
    first = Start(*client, server.endpoint(), Request(), In(5s));
    EXPECT_NE(kept.Read(), "");
  }
  {
    RawServer::Connection fresh = server.Accept();
    EXPECT_NE(fresh.Read(), "");
  }
  EXPECT_EQ(Text(first.get()), "http.client.closed");
}

// Also when the second time is another kept connection, which would count as stale too.
TEST_F(StaleConnection, IsRepeatedOnlyOnceOnKeptConnections) {
  RawServer server;
  RawServer silent;
  ClientOptions options;
  options.max_connections_per_endpoint = 2;
  options.max_connecting = 1;
  options.connect_timeout = 60s;
  const auto client = Make(std::move(options));
  Answer first = Start(*client, server.endpoint(), Request(), In(5s));
  RawServer::Connection one = server.Accept();
  EXPECT_NE(one.Read(), "");
  Answer second = Start(*client, server.endpoint(), Request(), In(5s));
  RawServer::Connection two = server.Accept();
  EXPECT_NE(two.Read(), "");
  two.Send(kOk);
  EXPECT_EQ(Text(second.get()), "200");
  // A handshake that does not end keeps the client from opening a third one.
  Endpoint stuck = silent.endpoint();
  stuck.tls = true;
  stuck.trust = Anchored(TestCa("authority").certificate());
  Answer hanging = Start(*client, stuck, Request(), In(60s));
  const RawServer::Connection handshake = silent.Accept();

  Answer repeated = Start(*client, server.endpoint(), Request(Method::kGet, "/again"), In(5s));
  EXPECT_TRUE(two.Read().starts_with("GET /again "));
  two.ShutdownWrite();
  EXPECT_EQ(two.Read(), "");
  one.Send(kOk);
  EXPECT_EQ(Text(first.get()), "200");
  EXPECT_TRUE(one.Read().starts_with("GET /again "));
  one.Close();
  EXPECT_EQ(Text(repeated.get()), "http.client.closed");
}

// What the server did to one it has likely done to all, also where the client cannot see it.
TEST_F(StaleConnection, ClosesTheIdleOnesOfItsEndpoint) {
  RawServer server;
  const TestServer other(Basic());
  const auto client = Make();
  Answer first = Start(*client, server.endpoint(), Request(), In(5s));
  RawServer::Connection one = server.Accept();
  EXPECT_NE(one.Read(), "");
  Answer second = Start(*client, server.endpoint(), Request(), In(5s));
  RawServer::Connection two = server.Accept();
  EXPECT_NE(two.Read(), "");
  one.Send(kOk);
  EXPECT_EQ(Text(first.get()), "200");
  two.Send(kOk);
  EXPECT_EQ(Text(second.get()), "200");
  EXPECT_EQ(Text(client->SendAndWait(other.plain(), Request(), In(5s))), "200");

  Answer repeated = Start(*client, server.endpoint(), Request(), In(5s));
  EXPECT_NE(two.Read(), "");
  two.Close();
  EXPECT_EQ(one.Read(), "");
  RawServer::Connection fresh = server.Accept();
  EXPECT_NE(fresh.Read(), "");
  fresh.Send(kOk);
  EXPECT_EQ(Text(repeated.get()), "200");
  EXPECT_EQ(other.server->connections(), 1U);
}

// A restarted server has closed all of them: the first request finds out for the others.
TEST_F(HttpClient, AllKeptConnectionsOfARestartedServer) {
  RawServer server;
  const auto client = Make();
  std::vector<Answer> answers;
  std::vector<RawServer::Connection> connections;
  for (int i = 0; i < 4; ++i)
    answers.push_back(Start(*client, server.endpoint(), Request(), In(5s)));
  for (int i = 0; i < 4; ++i) {
    connections.push_back(server.Accept());
    EXPECT_NE(connections.back().Read(), "");
  }
  for (int i = 0; i < 4; ++i) connections[static_cast<std::size_t>(i)].Send(kOk);
  for (Answer& answer : answers) EXPECT_EQ(Text(answer.get()), "200");
  connections.clear();
  Answer answer = Start(*client, server.endpoint(), Request(), In(5s));
  RawServer::Connection fresh = server.Accept();
  EXPECT_NE(fresh.Read(), "");
  fresh.Send(kOk);
  EXPECT_EQ(Text(answer.get()), "200");
}

TEST_F(HttpClient, IdleConnectionsAreClosed) {
  const TestServer server(Basic());
  ClientOptions options;
  options.idle_timeout = 50ms;
  const auto client = Make(std::move(options));
  EXPECT_EQ(Text(client->SendAndWait(server.plain(), Request(), In(5s))), "200");
  EXPECT_TRUE(Eventually([&] { return server.server->connections() == 0; }));
  EXPECT_EQ(Text(client->SendAndWait(server.plain(), Request(), In(5s))), "200");
}

TEST_F(HttpClient, ForgetClosesKeptConnectionsOfOneEndpoint) {
  const TestServer server(Basic());
  const TestServer other(Basic());
  const auto client = Make();
  EXPECT_EQ(Text(client->SendAndWait(server.plain(), Request(), In(5s))), "200");
  EXPECT_EQ(Text(client->SendAndWait(other.plain(), Request(), In(5s))), "200");
  client->Forget(server.plain());
  EXPECT_TRUE(Eventually([&] { return server.server->connections() == 0; }));
  EXPECT_EQ(other.server->connections(), 1U);
}

TEST_F(HttpClient, ForgetLetsARequestFinish) {
  RawServer server;
  const auto client = Make();
  Answer answer = Start(*client, server.endpoint(), Request(), In(5s));
  RawServer::Connection connection = server.Accept();
  EXPECT_NE(connection.Read(), "");
  client->Forget(server.endpoint());
  connection.Send(kOk);
  EXPECT_EQ(Text(answer.get()), "200");
  EXPECT_EQ(connection.Read(), "");
}

// --- bounds -----------------------------------------------------------------------

TEST_F(HttpClient, BoundsWhatWaitsForOneEndpoint) {
  RawServer server;
  ClientOptions options;
  options.max_connections_per_endpoint = 1;
  options.max_waiting_per_endpoint = 2;
  const auto client = Make(std::move(options));
  Answer running = Start(*client, server.endpoint(), Request(), In(10s));
  RawServer::Connection connection = server.Accept();
  EXPECT_NE(connection.Read(), "");
  Answer first = Start(*client, server.endpoint(), Request(), In(10s));
  Answer second = Start(*client, server.endpoint(), Request(), In(10s));
  EXPECT_EQ(Text(client->SendAndWait(server.endpoint(), Request(), In(10s))),
            "http.client.queue_full");
  for (int i = 0; i < 3; ++i) {
    connection.Send(kOk);
    if (i < 2) EXPECT_NE(connection.Read(), "");
  }
  EXPECT_EQ(Text(running.get()), "200");
  EXPECT_EQ(Text(first.get()), "200");
  EXPECT_EQ(Text(second.get()), "200");
}

TEST_F(HttpClient, BoundsWhatWaitsInAll) {
  RawServer one;
  RawServer two;
  ClientOptions options;
  options.max_connections = 1;
  options.max_waiting = 1;
  const auto client = Make(std::move(options));
  Answer running = Start(*client, one.endpoint(), Request(), In(10s));
  RawServer::Connection connection = one.Accept();
  EXPECT_NE(connection.Read(), "");
  Answer waiting = Start(*client, two.endpoint(), Request(), In(10s));
  EXPECT_EQ(Text(client->SendAndWait(two.endpoint(), Request(), In(10s))),
            "http.client.queue_full");
  // The idle connection to the one gives way to the other.
  connection.Send(kOk);
  EXPECT_EQ(Text(running.get()), "200");
  RawServer::Connection next = two.Accept();
  EXPECT_NE(next.Read(), "");
  EXPECT_EQ(connection.Read(), "");
  next.Send(kOk);
  EXPECT_EQ(Text(waiting.get()), "200");
}

TEST_F(HttpClient, OldestIdleConnectionGivesWay) {
  std::vector<std::unique_ptr<TestServer>> servers;
  for (int i = 0; i < 4; ++i) servers.push_back(std::make_unique<TestServer>(Basic()));
  ClientOptions options;
  options.max_connections = 3;
  const auto client = Make(std::move(options));
  for (const auto& server : servers)
    EXPECT_EQ(Text(client->SendAndWait(server->plain(), Request(), In(5s))), "200");
  EXPECT_TRUE(Eventually([&] { return servers[0]->server->connections() == 0; }));
  for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(servers[i]->server->connections(), 1U);
}

TEST_F(HttpClient, BoundsConnectionsBeingOpened) {
  RawServer silent;
  const TestServer server(Basic());
  ClientOptions options;
  options.max_connecting = 1;
  options.connect_timeout = 200ms;
  const auto client = Make(std::move(options));
  Endpoint stuck = silent.endpoint();
  stuck.tls = true;
  stuck.trust = Anchored(TestCa("authority").certificate());
  Answer hanging = Start(*client, stuck, Request(), In(10s));
  // Waits for the other's handshake, then is served.
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(Text(client->SendAndWait(server.plain(), Request(), In(10s))), "200");
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 100ms);
  EXPECT_EQ(Text(hanging.get()), "http.client.connect");
}

TEST_F(HttpClient, BoundsAnswersInFlight) {
  RawServer server;
  ClientOptions options;
  options.max_response_bytes_in_flight = 10;
  const auto client = Make(std::move(options));
  for (int round = 0; round < 2; ++round) {
    Answer refused = Start(*client, server.endpoint(), Request(), In(5s));
    RawServer::Connection connection = server.Accept();
    EXPECT_NE(connection.Read(), "");
    connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n12345678901");
    EXPECT_EQ(Text(refused.get()), "http.client.bodies_in_flight");
    // What was taken has been given back.
    Answer fits = Start(*client, server.endpoint(), Request(), In(5s));
    RawServer::Connection next = server.Accept();
    EXPECT_NE(next.Read(), "");
    next.Send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 10\r\n\r\n1234567890");
    EXPECT_EQ(Text(fits.get()), "200");
  }
}

// --- the end ----------------------------------------------------------------------

TEST_F(HttpClient, DestructionEndsEveryRequest) {
  RawServer server;
  ClientOptions options;
  options.max_connections_per_endpoint = 1;
  auto client = Make(std::move(options));
  std::atomic<int> ended = 0;
  for (int i = 0; i < 10; ++i) {
    client->Send(server.endpoint(), Request(), In(60s), {},
                 [&](const Result<ClientResponse>& result) {
                   EXPECT_EQ(Text(result), "http.client.closed");
                   ++ended;
                 });
  }
  RawServer::Connection connection = server.Accept();
  EXPECT_NE(connection.Read(), "");
  client.reset();
  EXPECT_EQ(ended, 10);
  EXPECT_EQ(connection.Read(), "");
}

TEST_F(HttpClient, DestructionWhileConnecting) {
  RawServer server;
  auto client = Make();
  Endpoint endpoint = server.endpoint();
  endpoint.tls = true;
  endpoint.trust = Anchored(TestCa("authority").certificate());
  Answer answer = Start(*client, endpoint, Request(), In(60s));
  RawServer::Connection connection = server.Accept();
  client.reset();
  EXPECT_EQ(Text(answer.get()), "http.client.closed");
}

TEST_F(HttpClient, RuntimeMayStopFirst) {
  RawServer server;
  const auto client = Make();
  Answer answer = Start(*client, server.endpoint(), Request(), In(60s));
  RawServer::Connection connection = server.Accept();
  EXPECT_NE(connection.Read(), "");
  runtime_.Stop();
  EXPECT_EQ(Text(answer.get()), "http.client.closed");
  EXPECT_EQ(Text(client->SendAndWait(server.endpoint(), Request(), In(60s))), "http.client.closed");
}

TEST_F(HttpClient, RequestsFromACompletion) {
  const TestServer server(Basic());
  const auto client = Make();
  Gate done;
  std::atomic<int> left = 50;
  std::function<void(const Result<ClientResponse>&)> next =
      [&](const Result<ClientResponse>& result) {
        EXPECT_EQ(Text(result), "200");
        if (--left == 0) {
          done.Open();
        } else {
          client->Send(server.plain(), Request(), In(5s), {}, next);
        }
      };
  client->Send(server.plain(), Request(), In(5s), {}, next);
  EXPECT_TRUE(done.Wait());
  EXPECT_EQ(server.server->connections(), 1U);
}

TEST_F(HttpClient, CompletionThatThrowsIsSurvived) {
  const TestServer server(Basic());
  const auto client = Make();
  Gate called;
  client->Send(server.plain(), Request(), In(5s), {}, [&](const Result<ClientResponse>&) {
    called.Open();
    throw std::runtime_error("a defect");
  });
  EXPECT_TRUE(called.Wait());
  EXPECT_EQ(Text(client->SendAndWait(server.plain(), Request(), In(5s))), "200");
}

}  // namespace
}  // namespace limequat::http
