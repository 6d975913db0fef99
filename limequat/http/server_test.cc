#include "limequat/http/server.h"

#include <atomic>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "limequat/http/server_test_support.h"

namespace limequat::http {
namespace {

TEST(Server, ServesManyRequestsOnOneConnection) {
  const TestServer server(Basic());
  RawClient client(server.port());
  for (int i = 0; i < 5; ++i) {
    const auto answer = client.Exchange(Post("/echo", "hello"));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "hello");
    EXPECT_EQ(answer->Header("Content-Type"), "application/json");
    EXPECT_EQ(answer->Header("Connection"), "(none)");
  }
  EXPECT_EQ(server.server->connections(), 1U);
}

TEST(Server, GivesTheHandlerWhatWasSent) {
  Request seen;
  std::string address;
  const TestServer server(
      With(Method::kPut, "/a/{id}", {}, [&](const Request& request, Context& context) {
        seen = request;
        address = context.remote_address();
        EXPECT_TRUE(context.principal().anonymous());
        EXPECT_FALSE(context.cancel().cancelled());
        EXPECT_GT(context.deadline(), In(20s));
        return Result<Response>(Reply(204, ""));
      }));
  RawClient client(server.port());
  const auto answer = client.Exchange(
      "PUT /a/x%20y?nonce=1&mask=0x4+1 HTTP/1.1\r\nHost: h\r\nX-A: b\r\nContent-Length: "
      "2\r\n\r\nhi");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 204);
  EXPECT_EQ(answer->Header("Content-Length"), "(none)");
  EXPECT_EQ(seen.method, Method::kPut);
  EXPECT_EQ(seen.target, "/a/x%20y?nonce=1&mask=0x4+1");
  EXPECT_EQ(seen.path, "/a/x%20y");
  EXPECT_EQ(seen.PathParameter("id"), "x%20y");
  EXPECT_EQ(seen.QueryParameter("mask"), "0x4 1");
  EXPECT_EQ(seen.headers.Find("x-a"), "b");
  EXPECT_EQ(seen.body, "hi");
  EXPECT_FALSE(seen.tls);
  EXPECT_EQ(address, "127.0.0.1");
}

TEST(Server, EchoesTheRequestIdInSanitisedForm) {
  std::string id;
  const TestServer server(With(Method::kGet, "/id", {}, [&](const Request&, Context& context) {
    id = context.request_id();
    return Result<Response>(Reply(200, ""));
  }));
  RawClient client(server.port());
  auto answer =
      client.Exchange(Get("/id", "X-Request-ID: 0b6b54a0-7e7c-4b7d-9d0e-8a1f3c2b1a00\r\n"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->Header("X-Request-ID"), "0b6b54a07e7c4b7d9d0e8a1f3c2b1a00");
  EXPECT_EQ(id, "0b6b54a07e7c4b7d9d0e8a1f3c2b1a00");
  answer = client.Exchange(Get("/id"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->Header("X-Request-ID"), "");
  EXPECT_EQ(id.size(), 16U);
  answer = client.Exchange(Get("/nothing", "X-Request-ID: a.b\r\n"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->Header("X-Request-ID"), "ab");
}

// --- refusals ---------------------------------------------------------------------

TEST(Server, RefusesPathsAndMethods) {
  const TestServer server(Basic());
  RawClient client(server.port());
  auto answer = client.Exchange(Get("/nothing"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 404);
  EXPECT_EQ(answer->body, "");
  EXPECT_EQ(answer->Header("Content-Type"), "text/html; charset=UTF-8");
  answer = client.Exchange(Get("/echo"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 405);
  EXPECT_EQ(answer->Header("Allow"), "POST");
  EXPECT_EQ(StatusOf(server, "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"), 501);
  for (const char* method : {"OPTIONS", "TRACE", "BREW"}) {
    answer = client.Exchange(std::string(method) + " /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    ASSERT_TRUE(answer) << method;
    EXPECT_EQ(answer->status, 501) << method;
  }
  EXPECT_EQ(server.server->connections(), 1U);
}

TEST(Server, AnswersHeadWithoutBody) {
  Router router = Basic();
  router.OnRefusal(
      [](const Request&, int status, const Error& why) { return Reply(status, why.id); });
  const TestServer server(std::move(router));
  RawClient client(server.port());
  ASSERT_TRUE(client.Send("HEAD /echo HTTP/1.1\r\nHost: h\r\n\r\n" + Get("/version")));
  EXPECT_TRUE(client.ReadUntil("\r\n\r\n").starts_with("HTTP/1.1 501 "));
  const auto next = client.Receive();
  ASSERT_TRUE(next);
  EXPECT_EQ(next->status, 200);
}

TEST(Server, RefusalsAreWrittenByTheRouter) {
  Router router = Basic();
  router.Add(Method::kGet, "/gone", Anybody(), {},
             [](const Request&, Context&) -> Result<Response> {
               return NotFound("test.gone", "it is gone");
             });
  router.OnRefusal([](const Request& request, int status, const Error& why) {
    return Reply(status, request.path + " " + why.id);
  });
  const TestServer server(std::move(router));
  RawClient client(server.port());
  EXPECT_EQ(client.Exchange(Get("/nothing"))->body, "/nothing http.route");
  const auto answer = client.Exchange(Get("/gone"));
  EXPECT_EQ(answer->status, 404);
  EXPECT_EQ(answer->body, "/gone test.gone");
}

TEST(Server, RefusesMalformedRequestsAndCloses) {
  const TestServer server(Basic());
  const auto refused = [&](std::string_view request) {
    RawClient client(server.port());
    const auto answer = client.Exchange(request);
    if (!answer) return -1;
    EXPECT_EQ(answer->Header("Connection"), "close") << request;
    EXPECT_TRUE(client.Closed()) << request;
    return answer->status;
  };
  EXPECT_EQ(refused("nonsense\r\n\r\n"), 400);
  EXPECT_EQ(refused(std::string("\x16\x03\x01\x00", 4)), 400);
  EXPECT_EQ(refused(Post("/echo", "abc", "Transfer-Encoding: chunked\r\n")), 400);
  EXPECT_EQ(refused("GET / HTTP/2.0\r\nHost: h\r\n\r\n"), 505);
  EXPECT_EQ(refused(Get("/", "X: " + std::string(40'000, 'a') + "\r\n")), 431);
  EXPECT_EQ(refused("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"),
            400);
}

TEST(Server, RefusesTargets) {
  const TestServer server(Basic());
  EXPECT_EQ(StatusOf(server, Get("http://h/version")), 400);
  EXPECT_EQ(StatusOf(server, Get("*")), 400);
  EXPECT_EQ(StatusOf(server, Get("/version?a=%4")), 400);
  EXPECT_EQ(StatusOf(server, Get("/version?a=%41")), 200);
}

TEST(Server, LongBodyIs413Unread) {
  std::atomic<int> ran = 0;
  const TestServer server(
      With(Method::kPost, "/small", {.max_body = 4}, [&](const Request&, Context&) {
        ++ran;
        return Result<Response>(Reply(200, ""));
      }));
  EXPECT_EQ(StatusOf(server, Post("/small", "1234")), 200);
  // Nothing of the body is sent: the answer must not wait for it.
  RawClient announced(server.port());
  const auto answer =
      announced.Exchange("POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 413);
  EXPECT_EQ(answer->Header("Connection"), "close");
  EXPECT_TRUE(announced.Closed());
  EXPECT_EQ(StatusOf(server,
                     "POST /small HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
                     "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n"),
            413);
  EXPECT_EQ(StatusOf(server,
                     "POST /small HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
                     "chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"),
            200);
  EXPECT_EQ(ran, 2);
}

TEST(Server, ClientThatIsStillSendingSeesThe413) {
  const TestServer server(
      With(Method::kPost, "/small", {.max_body = 4},
           [](const Request&, Context&) { return Result<Response>(Reply(200, "")); }));
  RawClient client(server.port());
  const std::string body(800'000, 'x');
  ASSERT_TRUE(client.Send("POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 900000\r\n\r\n"));
  ASSERT_TRUE(client.Send(body));
  const auto answer = client.Receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 413);
}

TEST(Server, RefusedSmallBodyKeepsTheConnection) {
  const TestServer server(Basic());
  RawClient client(server.port());
  EXPECT_EQ(client.Exchange(Post("/nothing", "a small body"))->status, 404);
  const auto answer = client.Exchange(Post("/echo", "next"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "next");
  // A large one is not worth reading.
  ASSERT_TRUE(client.Send("POST /nothing HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n"));
  EXPECT_EQ(client.Receive()->status, 404);
  EXPECT_TRUE(client.Closed());
}

// Route, method, access, size: a stranger learns only what comes before the access rule.
TEST(Server, AccessIsCheckedBeforeSizeAndBody) {
  Router router = Basic();
  std::atomic<int> ran = 0;
  router.Add(Method::kPost, "/secret", Access::Roles({"operator"}), {.max_body = 4},
             [&](const Request&, Context&) {
               ++ran;
               return Result<Response>(Reply(200, ""));
             });
  const TestServer server(std::move(router));
  EXPECT_EQ(StatusOf(server, "POST /secret HTTP/1.1\r\nHost: h\r\nContent-Length: 999999\r\n\r\n"),
            403);
  EXPECT_EQ(StatusOf(server, Post("/secret", "1")), 403);
  EXPECT_EQ(StatusOf(server, Get("/secret")), 405);
  EXPECT_EQ(ran, 0);
}

// --- protocol ---------------------------------------------------------------------

TEST(Server, Expect100Continue) {
  const TestServer server(Basic());
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(
      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"));
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  const auto answer = client.Exchange("hi");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "hi");
  // Refused before the client has sent it.
  EXPECT_EQ(
      StatusOf(server,
               "POST /no HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"),
      404);
  EXPECT_EQ(StatusOf(server, Post("/echo", "hi", "Expect: tea\r\n")), 417);
}

TEST(Server, OldClientsAreServedOnce) {
  const TestServer server(Basic());
  RawClient client(server.port());
  const auto answer = client.Exchange("GET /version HTTP/1.0\r\n\r\n");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->Header("Connection"), "close");
  EXPECT_TRUE(client.Closed());
  RawClient kept(server.port());
  EXPECT_EQ(kept.Exchange("GET /version HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                ->Header("Connection"),
            "keep-alive");
  EXPECT_EQ(kept.Exchange("GET /version HTTP/1.0\r\n\r\n")->status, 200);
}

TEST(Server, ClosesWhenAsked) {
  const TestServer server(Basic());
  RawClient client(server.port());
  const auto answer = client.Exchange(Get("/version", "Connection: close\r\n"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->Header("Connection"), "close");
  EXPECT_TRUE(client.Closed());
}

TEST(Server, PipelinedRequestsAreHandledOneAtATime) {
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  const TestServer server(With(Method::kGet, "/n/{n}", {}, [&](const Request& request, Context&) {
    most = std::max(most.load(), ++running);
    std::this_thread::sleep_for(2ms);
    --running;
    return Result<Response>(Reply(200, std::string(request.PathParameter("n"))));
  }));
  RawClient client(server.port());
  std::string all;
  for (int i = 0; i < 20; ++i) all += Get("/n/" + std::to_string(i));
  ASSERT_TRUE(client.Send(all));
  for (int i = 0; i < 20; ++i) {
    const auto answer = client.Receive();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->body, std::to_string(i));
  }
  EXPECT_EQ(most, 1);
}

TEST(Server, HalfClosedClientGetsItsAnswer) {
  Gate asked;
  const TestServer server(With(Method::kGet, "/late", {}, [&](const Request&, Context& context) {
    asked.Open();
    EXPECT_TRUE(Eventually([&] { return context.cancel().cancelled(); }));
    return Result<Response>(Reply(200, "still"));
  }));
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(Get("/late")));
  ASSERT_TRUE(asked.Wait());
  client.ShutdownWrite();
  const auto answer = client.Receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "still");
}

TEST(Server, LargeAnswers) {
  const std::string large(5'000'000, 'x');
  const TestServer server(With(Method::kGet, "/large", {}, [&](const Request&, Context&) {
    return Result<Response>(Reply(200, large));
  }));
  RawClient client(server.port());
  const auto answer = client.Exchange(Get("/large"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, large);
  EXPECT_EQ(client.Exchange(Get("/version"))->status, 200);
}

}  // namespace
}  // namespace limequat::http
