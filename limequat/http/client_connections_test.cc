#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "limequat/http/client_test_support.h"

namespace limequat::http {
namespace {

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
  options.connect_timeout = 1s;
  const auto client = Make(std::move(options));
  Endpoint stuck = silent.endpoint();
  stuck.tls = true;
  stuck.trust = Anchored(TestCa("authority").certificate());
  const auto begin = std::chrono::steady_clock::now();
  Answer hanging = Start(*client, stuck, Request(), In(10s));
  // Waits for the other's handshake, then is served.
  EXPECT_EQ(Text(client->SendAndWait(server.plain(), Request(), In(10s))), "200");
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 1s);
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

}  // namespace
}  // namespace limequat::http
