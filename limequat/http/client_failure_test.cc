#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "limequat/http/client_test_support.h"

namespace limequat::http {
namespace {

TEST_F(HttpClient, DeadServer) {
  const ReservedPort gone;
  const auto client = Make();
  std::vector<Answer> answers;
  for (int i = 0; i < 50; ++i) answers.push_back(Start(*client, gone.plain(), Request(), In(5s)));
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
  Answer answer = Start(*client, server.endpoint(), Request(), In(2s));
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

}  // namespace
}  // namespace limequat::http
