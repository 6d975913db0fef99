#include "limequat/http/client.h"

#include <array>
#include <atomic>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "limequat/http/client_test_support.h"

namespace limequat::http {
namespace {

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
