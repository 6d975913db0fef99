#include "limequat/http/server.h"

#include <atomic>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

#include "limequat/http/test_support.h"

namespace limequat::http {
namespace {

Access Anybody() { return Access::Public("test"); }

// A router with what most tests need: "/echo" and "/version".
Router Basic() {
  Router router;
  router
      .Add(Method::kPost, "/echo", Anybody(), {},
           [](const Request& request, Context&) -> Result<Response> {
             return Reply(200, request.body);
           })
      .Add(Method::kGet, "/version", Anybody(), {.lane = Lane::kHealth},
           [](const Request&, Context&) -> Result<Response> { return Reply(200, "{}"); });
  return router;
}

Router With(Method method, std::string_view pattern, RouteOptions options, Handler handler) {
  Router router = Basic();
  router.Add(method, pattern, Anybody(), options, std::move(handler));
  return router;
}

RuntimeOptions OneEvidenceWorker(std::size_t max_queued = 16) {
  RuntimeOptions options;
  options.evidence = {.workers = 1, .max_queued = max_queued};
  return options;
}

std::string Get(std::string_view target, std::string_view more = "") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: h\r\n" + std::string(more) + "\r\n";
}

std::string Post(std::string_view target, std::string_view body, std::string_view more = "") {
  return "POST " + std::string(target) +
         " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(more) + "\r\n" + std::string(body);
}

int StatusOf(const TestServer& server, std::string_view request) {
  RawClient client(server.port());
  const auto answer = client.Exchange(request);
  return answer ? answer->status : -1;
}

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

// --- handlers ---------------------------------------------------------------------

TEST(Server, ExceptionsOfHandlersAre500) {
  Router router = Basic();
  router.Add(
      Method::kGet, "/throw", Anybody(), {},
      [](const Request&, Context&) -> Result<Response> { throw std::runtime_error("a defect"); });
  router.Add(Method::kGet, "/throw-int", Anybody(), {},
             [](const Request&, Context&) -> Result<Response> { throw 7; });
  router.AddAsync(Method::kGet, "/throw-async", Anybody(), {},
                  [](const std::shared_ptr<const Request>&, const std::shared_ptr<Context>&,
                     Responder) { throw std::runtime_error("a defect"); });
  const TestServer server(std::move(router));
  RawClient client(server.port());
  for (const char* path : {"/throw", "/throw-int", "/throw-async"}) {
    const auto answer = client.Exchange(Get(path));
    ASSERT_TRUE(answer) << path;
    EXPECT_EQ(answer->status, 500) << path;
    EXPECT_EQ(answer->body, "");
  }
  EXPECT_EQ(client.Exchange(Get("/version"))->status, 200);
}

TEST(Server, UnsendableHeaderIs500) {
  const TestServer server(With(Method::kGet, "/split", {}, [](const Request&, Context&) {
    Response response = Reply(200, "secret");
    response.headers.Set("Location", "/x\r\nSet-Cookie: y");
    return Result<Response>(std::move(response));
  }));
  RawClient client(server.port());
  const auto answer = client.Exchange(Get("/split"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 500);
  EXPECT_EQ(answer->body, "");
  EXPECT_EQ(answer->Header("Set-Cookie"), "(none)");
}

TEST(Server, AsyncHandlersAnswerLaterAndHoldNoWorker) {
  Router router = Basic();
  std::mutex mutex;
  std::vector<Responder> waiting;
  router.AddAsync(Method::kPost, "/later", Anybody(), {.lane = Lane::kEvidence},
                  [&](const std::shared_ptr<const Request>& request,
                      const std::shared_ptr<Context>& context, Responder responder) {
                    EXPECT_EQ(request->body, "x");
                    EXPECT_FALSE(context->request_id().empty());
                    const std::lock_guard lock(mutex);
                    waiting.push_back(std::move(responder));
                  });
  const TestServer server(std::move(router), {}, OneEvidenceWorker());
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<RawClient>(server.port()));
    ASSERT_TRUE(clients.back()->Send(Post("/later", "x")));
  }
  // All eight are waiting although the lane has one worker.
  ASSERT_TRUE(Eventually([&] {
    const std::lock_guard lock(mutex);
    return waiting.size() == 8;
  }));
  std::thread other([&] {
    for (Responder& responder : waiting) responder(Reply(202, "done"));
  });
  for (const auto& client : clients) {
    const auto answer = client->Receive();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 202);
  }
  other.join();
}

TEST(Server, DroppedResponderIs500) {
  Router router = Basic();
  router.AddAsync(Method::kGet, "/drop", Anybody(), {},
                  [](const std::shared_ptr<const Request>&, const std::shared_ptr<Context>&,
                     const Responder&) {});
  const TestServer server(std::move(router));
  EXPECT_EQ(StatusOf(server, Get("/drop")), 500);
}

TEST(Server, AsyncRequestAndContextOutliveTheConnection) {
  Router router = Basic();
  Gate asked;
  std::shared_ptr<const Request> kept_request;
  std::shared_ptr<Context> kept_context;
  std::optional<Responder> kept_responder;
  router.AddAsync(Method::kPost, "/keep", Anybody(), {},
                  [&](std::shared_ptr<const Request> request, std::shared_ptr<Context> context,
                      Responder responder) {
                    kept_request = std::move(request);
                    kept_context = std::move(context);
                    kept_responder.emplace(std::move(responder));
                    asked.Open();
                  });
  {
    TestServer server(std::move(router));
    RawClient client(server.port());
    ASSERT_TRUE(client.Send(Post("/keep", "body")));
    ASSERT_TRUE(asked.Wait());
    client.Close();
    EXPECT_TRUE(Eventually([&] { return kept_context->cancel().cancelled(); }));
  }
  EXPECT_EQ(kept_request->body, "body");
  EXPECT_EQ(kept_context->remote_address(), "127.0.0.1");
  EXPECT_TRUE(kept_context->principal().anonymous());
  (*kept_responder)(Reply(200, ""));
}

TEST(Server, FullLaneIs503AndOtherLanesAnswer) {
  Gate busy;
  Gate release;
  const TestServer server(With(Method::kGet, "/slow", {.lane = Lane::kEvidence},
                               [&](const Request&, Context&) {
                                 busy.Open();
                                 EXPECT_TRUE(release.Wait());
                                 return Result<Response>(Reply(200, ""));
                               }),
                          {}, OneEvidenceWorker(1));
  RawClient running(server.port());
  ASSERT_TRUE(running.Send(Get("/slow")));
  ASSERT_TRUE(busy.Wait());
  RawClient queued(server.port());
  ASSERT_TRUE(queued.Send(Get("/slow")));
  ASSERT_TRUE(Eventually([&] { return server.runtime.queued(Lane::kEvidence) == 1; }));
  EXPECT_EQ(StatusOf(server, Get("/slow")), 503);
  EXPECT_EQ(StatusOf(server, Get("/version")), 200);
  EXPECT_EQ(StatusOf(server, Post("/echo", "")), 200);
  release.Open();
  EXPECT_EQ(running.Receive()->status, 200);
  EXPECT_EQ(queued.Receive()->status, 200);
}

TEST(Server, MaxRunningIs503) {
  Gate busy;
  Gate release;
  const TestServer server(
      With(Method::kGet, "/slow", {.max_running = 1}, [&](const Request&, Context&) {
        busy.Open();
        EXPECT_TRUE(release.Wait());
        return Result<Response>(Reply(200, ""));
      }));
  RawClient running(server.port());
  ASSERT_TRUE(running.Send(Get("/slow")));
  ASSERT_TRUE(busy.Wait());
  EXPECT_EQ(StatusOf(server, Get("/slow")), 503);
  EXPECT_EQ(StatusOf(server, Get("/version")), 200);
  release.Open();
  EXPECT_EQ(running.Receive()->status, 200);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(StatusOf(server, Get("/slow")), 200);
}

TEST(Server, DeadlineCancelsAndIs503) {
  Gate release;
  std::atomic<bool> cancelled = false;
  const TestServer server(
      With(Method::kGet, "/slow", {.timeout = 50ms}, [&](const Request&, Context& context) {
        cancelled = Eventually([&] { return context.cancel().cancelled(); });
        EXPECT_TRUE(release.Wait());
        return Result<Response>(Reply(200, "late"));
      }));
  RawClient client(server.port());
  const auto answer = client.Exchange(Get("/slow"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
  // The late answer goes nowhere, the connection goes on.
  release.Open();
  EXPECT_EQ(client.Exchange(Post("/echo", "x"))->body, "x");
  EXPECT_TRUE(Eventually([&] { return cancelled.load(); }));
}

TEST(Server, RequestWhoseDeadlinePassesInTheQueueIsNeverStarted) {
  Gate busy;
  Gate release;
  std::atomic<int> started = 0;
  Router router = Basic();
  router.Add(Method::kGet, "/block", Anybody(), {.lane = Lane::kEvidence},
             [&](const Request&, Context&) {
               busy.Open();
               EXPECT_TRUE(release.Wait());
               return Result<Response>(Reply(200, ""));
             });
  router.Add(Method::kGet, "/short", Anybody(), {.lane = Lane::kEvidence, .timeout = 30ms},
             [&](const Request&, Context&) {
               ++started;
               return Result<Response>(Reply(200, ""));
             });
  const TestServer server(std::move(router), {}, OneEvidenceWorker());
  RawClient blocking(server.port());
  ASSERT_TRUE(blocking.Send(Get("/block")));
  ASSERT_TRUE(busy.Wait());
  EXPECT_EQ(StatusOf(server, Get("/short")), 503);
  release.Open();
  EXPECT_EQ(blocking.Receive()->status, 200);
  EXPECT_TRUE(Eventually([&] { return server.runtime.queued(Lane::kEvidence) == 0; }));
  RawClient again(server.port());
  EXPECT_EQ(again.Exchange(Get("/short"))->status, 200);
  EXPECT_EQ(started, 1);
}

TEST(Server, ClientThatLeavesCancelsTheContext) {
  Gate asked;
  Gate cancelled;
  const TestServer server(With(Method::kGet, "/slow", {}, [&](const Request&, Context& context) {
    const auto registration = context.cancel().OnCancel([&] { cancelled.Open(); });
    asked.Open();
    EXPECT_TRUE(cancelled.Wait());
    return Result<Response>(Reply(200, ""));
  }));
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(Get("/slow")));
  ASSERT_TRUE(asked.Wait());
  client.Close();
  EXPECT_TRUE(cancelled.Wait());
}

// Also when the next request is already there, which hides the end of the connection.
TEST(Server, ClientThatLeavesBehindAPipelinedRequestCancelsTheContext) {
  Gate asked;
  Gate cancelled;
  const TestServer server(With(Method::kGet, "/slow", {}, [&](const Request&, Context& context) {
    const auto registration = context.cancel().OnCancel([&] { cancelled.Open(); });
    asked.Open();
    EXPECT_TRUE(cancelled.Wait());
    return Result<Response>(Reply(200, ""));
  }));
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(Get("/slow")));
  ASSERT_TRUE(asked.Wait());
  ASSERT_TRUE(client.Send(Get("/version")));
  client.Close();
  EXPECT_TRUE(cancelled.Wait());
}

// --- limits -----------------------------------------------------------------------

TEST(Server, BodyBudgetIsHeldUntilTheRequestIsDestroyed) {
  Router router = Basic();
  std::mutex mutex;
  std::vector<std::shared_ptr<const Request>> kept;
  router.AddAsync(Method::kPost, "/keep", Anybody(), {},
                  [&](std::shared_ptr<const Request> request, const std::shared_ptr<Context>&,
                      Responder responder) {
                    {
                      const std::lock_guard lock(mutex);
                      kept.push_back(std::move(request));
                    }
                    responder(Reply(200, ""));
                  });
  ListenOptions options;
  options.limits.max_body_bytes_in_flight = 1000;
  const TestServer server(std::move(router), std::move(options));
  EXPECT_EQ(StatusOf(server, Post("/keep", std::string(600, 'x'))), 200);
  EXPECT_EQ(StatusOf(server, Post("/keep", std::string(600, 'x'))), 503);
  EXPECT_EQ(StatusOf(server, Post("/echo", std::string(300, 'x'))), 200);
  {
    const std::lock_guard lock(mutex);
    kept.clear();
  }
  EXPECT_EQ(StatusOf(server, Post("/keep", std::string(600, 'x'))), 200);
  const std::lock_guard lock(mutex);
  kept.clear();
}

TEST(Server, TooManyConnectionsAreClosed) {
  ListenOptions options;
  options.limits.max_connections = 2;
  const TestServer server(Basic(), std::move(options));
  RawClient first(server.port());
  auto second = std::make_unique<RawClient>(server.port());
  EXPECT_EQ(first.Exchange(Get("/version"))->status, 200);
  EXPECT_EQ(second->Exchange(Get("/version"))->status, 200);
  RawClient third(server.port());
  EXPECT_TRUE(third.Closed());
  second.reset();
  EXPECT_TRUE(Eventually([&] { return server.server->connections() == 1; }));
  EXPECT_EQ(StatusOf(server, Get("/version")), 200);
}

TEST(Server, TooManyConnectionsOfOneAddressAreClosed) {
  ListenOptions options;
  options.limits.max_connections_per_address = 1;
  const TestServer server(Basic(), std::move(options));
  {
    RawClient first(server.port());
    EXPECT_EQ(first.Exchange(Get("/version"))->status, 200);
    RawClient second(server.port());
    EXPECT_TRUE(second.Closed());
  }
  EXPECT_TRUE(Eventually([&] { return server.server->connections() == 0; }));
  EXPECT_EQ(StatusOf(server, Get("/version")), 200);
}

// One I/O thread, one worker of each lane, and clients that stop in the middle of
// everything: others are served as if they were not there, and they are closed in time.
TEST(Server, Cve_2023_38200_SlowClientsBlockNobody) {
  const TestCa ca("authority");
  RuntimeOptions threads;
  threads.administration.workers = 1;
  ListenOptions options;
  options.limits.header_timeout = 300ms;
  options.limits.handshake_timeout = 300ms;
  ListenOptions tls_options = options;
  tls_options.tls = TlsOf(ca.Server());
  const TestServer plain(
      With(Method::kPost, "/short", {.timeout = 300ms},
           [](const Request&, Context&) { return Result<Response>(Reply(200, "")); }),
      std::move(options), threads);
  const TestServer tls(Basic(), std::move(tls_options), threads);

  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < 20; ++i) {
    slow.push_back(std::make_unique<RawClient>(plain.port()));
    ASSERT_TRUE(slow.back()->Send("GET /vers"));
    slow.push_back(std::make_unique<RawClient>(plain.port()));
    ASSERT_TRUE(
        slow.back()->Send("POST /short HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n12"));
    slow.push_back(std::make_unique<RawClient>(tls.port()));  // silent before the handshake
    slow.push_back(std::make_unique<RawClient>(tls.port()));
    ASSERT_TRUE(slow.back()->Send(std::string("\x16\x03\x01\x02\x00\x01", 6)));
  }
  EXPECT_EQ(StatusOf(plain, Get("/version")), 200);
  EXPECT_EQ(StatusOf(plain, Post("/echo", "x")), 200);
  RawClient good(tls.port());
  ASSERT_TRUE(good.StartTls(nullptr));
  EXPECT_EQ(good.Exchange(Get("/version"))->status, 200);
  for (const auto& client : slow) EXPECT_TRUE(client->Closed());
  EXPECT_EQ(good.Exchange(Get("/version"))->status, 200);
}

// A trickle does not extend the time for a header.
TEST(Server, TricklingHeaderIsClosed) {
  ListenOptions options;
  options.limits.header_timeout = 100ms;
  const TestServer server(Basic(), std::move(options));
  RawClient client(server.port());
  const Deadline end = In(10s);
  bool open = true;
  for (int i = 0; open && std::chrono::steady_clock::now() < end; ++i) {
    open = client.Send(i == 0 ? "GET / HTTP/1.1\r\n" : "X: y\r\n");
    std::this_thread::sleep_for(10ms);
  }
  EXPECT_FALSE(open);
}

TEST(Server, IdleConnectionsAreClosed) {
  ListenOptions options;
  options.limits.idle_timeout = 50ms;
  const TestServer server(Basic(), std::move(options));
  RawClient silent(server.port());
  RawClient used(server.port());
  EXPECT_EQ(used.Exchange(Get("/version"))->status, 200);
  EXPECT_TRUE(silent.Closed());
  EXPECT_TRUE(used.Closed());
}

TEST(Server, ClientThatReadsNothingIsClosed) {
  const std::string large(20'000'000, 'x');
  const TestServer server(
      With(Method::kGet, "/large", {.stall_timeout = 100ms},
           [&](const Request&, Context&) { return Result<Response>(Reply(200, large)); }));
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(Get("/large")));
  ASSERT_TRUE(Eventually([&] { return server.server->connections() == 1; }));
  EXPECT_TRUE(Eventually([&] { return server.server->connections() == 0; }));
}

TEST(Server, AnswerHasATimeInAll) {
  const std::string large(20'000'000, 'x');
  const TestServer server(
      With(Method::kGet, "/large", {.max_duration = 150ms},
           [&](const Request&, Context&) { return Result<Response>(Reply(200, large)); }));
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(Get("/large")));
  ASSERT_TRUE(Eventually([&] { return server.server->connections() == 1; }));
  EXPECT_TRUE(Eventually([&] { return server.server->connections() == 0; }));
}

// --- start and stop ---------------------------------------------------------------

TEST(Server, ListenFails) {
  Runtime runtime({});
  const auto router = std::make_shared<const Router>(Basic());
  const auto error = [&](ListenOptions options) {
    Result<std::unique_ptr<Server>> server = Server::Listen(runtime, router, std::move(options));
    return server ? "listening" : server.error().id;
  };
  const TestServer taken(Basic());
  ListenOptions same;
  same.port = taken.port();
  EXPECT_EQ(error(same), "http.listen");
  ListenOptions nowhere;
  nowhere.address = "203.0.113.7";
  EXPECT_EQ(error(nowhere), "http.listen");
  ListenOptions name;
  name.address = "localhost";
  EXPECT_EQ(error(name), "http.listen");
  ListenOptions limits;
  limits.limits.max_header_bytes = 0;
  EXPECT_EQ(error(limits), "http.limits");
  ListenOptions no_certificate;
  no_certificate.tls.emplace();
  EXPECT_EQ(error(no_certificate), "http.tls.certificate");

  const TestCa ca("authority");
  ListenOptions wrong_key;
  wrong_key.tls = TlsOf(ca.Server());
  wrong_key.tls->private_key_pem = ca.Server().key.ExposePem();
  EXPECT_EQ(error(wrong_key), "http.tls.key");
  ListenOptions no_key;
  no_key.tls = TlsOf(ca.Server());
  no_key.tls->private_key_pem = "nonsense";
  EXPECT_EQ(error(no_key), "http.tls.key");
  ListenOptions nobody;
  nobody.tls = TlsOf(ca.Server());
  nobody.tls->require_client_certificate = true;
  EXPECT_EQ(error(nobody), "http.tls.authority");
  ListenOptions no_role;
  no_role.tls = TlsOf(ca.Server());
  no_role.tls->client_authorities = {{"", {ca.certificate()}}};
  EXPECT_EQ(error(no_role), "http.tls.authority");
  ListenOptions no_anchor;
  no_anchor.tls = TlsOf(ca.Server());
  no_anchor.tls->client_authorities = {{"operator", {}}};
  EXPECT_EQ(error(no_anchor), "http.tls.authority");
}

TEST(Server, ListensOnIpv6) {
  ListenOptions options;
  options.address = "::1";
  Runtime runtime({});
  const auto server =
      Server::Listen(runtime, std::make_shared<const Router>(Basic()), std::move(options));
  if (!server) GTEST_SKIP() << "no IPv6 here: " << server.error().message;
  const auto client = Client::Create(runtime, {});
  const auto answer = (*client)->SendAndWait(
      {.host = "::1", .port = (*server)->port(), .tls = false, .trust = nullptr},
      {.method = Method::kGet, .target = "/version", .headers = {}, .body = {}}, In(5s));
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(answer->status, 200);
}

TEST(Server, StopLetsARunningRequestFinish) {
  Gate asked;
  Gate cancelled;
  TestServer server(With(Method::kGet, "/slow", {}, [&](const Request&, Context& context) {
    const auto registration = context.cancel().OnCancel([&] { cancelled.Open(); });
    asked.Open();
    EXPECT_TRUE(cancelled.Wait());
    return Result<Response>(Reply(200, "done"));
  }));
  RawClient idle(server.port());
  EXPECT_EQ(idle.Exchange(Get("/version"))->status, 200);
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(Get("/slow")));
  ASSERT_TRUE(asked.Wait());
  std::thread stopper([&] { server.server->Stop(10s); });
  const auto answer = client.Receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "done");
  EXPECT_EQ(answer->Header("Connection"), "close");
  client.Close();
  EXPECT_TRUE(idle.Closed());
  stopper.join();
  EXPECT_EQ(server.server->connections(), 0U);
}

// Idle connections have nothing to finish: Stop does not wait for them.
TEST(Server, StopEndsIdleConnectionsAtOnce) {
  TestServer server(Basic());
  RawClient silent(server.port());
  RawClient used(server.port());
  EXPECT_EQ(used.Exchange(Get("/version"))->status, 200);
  ASSERT_TRUE(Eventually([&] { return server.server->connections() == 2; }));
  std::thread stopper([&] { server.server->Stop(30s); });
  EXPECT_TRUE(silent.Closed());
  EXPECT_TRUE(used.Closed());
  stopper.join();
}

TEST(Server, StopWaitsForHandlersAndStartsNone) {
  Gate busy;
  Gate release;
  std::atomic<int> ran = 0;
  std::atomic<bool> returned = false;
  TestServer server(With(Method::kGet, "/slow", {.lane = Lane::kEvidence},
                         [&](const Request&, Context&) {
                           ++ran;
                           busy.Open();
                           EXPECT_TRUE(release.Wait());
                           returned = true;
                           return Result<Response>(Reply(200, ""));
                         }),
                    {}, OneEvidenceWorker());
  RawClient first(server.port());
  RawClient second(server.port());
  ASSERT_TRUE(first.Send(Get("/slow")));
  ASSERT_TRUE(busy.Wait());
  ASSERT_TRUE(second.Send(Get("/slow")));
  ASSERT_TRUE(Eventually([&] { return server.runtime.queued(Lane::kEvidence) == 1; }));
  std::thread stopper([&] {
    server.server->Stop(20ms);
    EXPECT_TRUE(returned);
  });
  EXPECT_TRUE(first.Closed());
  release.Open();
  stopper.join();
  EXPECT_EQ(ran, 1);
}

TEST(Server, DroppedResponderWhileStoppingIs503) {
  Router router = Basic();
  Gate asked;
  std::optional<Responder> kept;
  std::shared_ptr<Context> context_of;
  router.AddAsync(Method::kGet, "/keep", Anybody(), {},
                  [&](const std::shared_ptr<const Request>&, std::shared_ptr<Context> context,
                      Responder responder) {
                    kept.emplace(std::move(responder));
                    context_of = std::move(context);
                    asked.Open();
                  });
  TestServer server(std::move(router));
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(Get("/keep")));
  ASSERT_TRUE(asked.Wait());
  std::thread stopper([&] { server.server->Stop(10s); });
  EXPECT_TRUE(Eventually([&] { return context_of->cancel().cancelled(); }));
  kept.reset();
  const auto answer = client.Receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
  client.Close();
  stopper.join();
}

TEST(Server, RuntimeMayStopFirst) {
  Gate busy;
  TestServer server(With(Method::kGet, "/slow", {}, [&](const Request&, Context& context) {
    busy.Open();
    EXPECT_TRUE(Eventually([&] { return context.cancel().cancelled(); }));
    return Result<Response>(Reply(200, ""));
  }));
  RawClient client(server.port());
  RawClient idle(server.port());
  ASSERT_TRUE(client.Send(Get("/slow")));
  ASSERT_TRUE(busy.Wait());
  server.runtime.Stop();
}

}  // namespace
}  // namespace limequat::http
