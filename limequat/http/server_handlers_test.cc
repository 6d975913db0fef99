#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "limequat/http/server_test_support.h"

namespace limequat::http {
namespace {

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
  std::atomic<bool> started = false;
  std::atomic<bool> cancelled = false;
  const TestServer server(
      With(Method::kGet, "/slow", {.timeout = 50ms}, [&](const Request&, Context& context) {
        started = true;
        cancelled = Eventually([&] { return context.cancel().cancelled(); });
        EXPECT_TRUE(release.Wait());
        return Result<Response>(Reply(200, "late"));
      }));
  RawClient client(server.port());
  // A deadline that passes before a worker has the time for it is 503 too, and tells less.
  ASSERT_TRUE(Eventually([&] {
    const auto answer = client.Exchange(Get("/slow"));
    EXPECT_EQ(answer ? answer->status : -1, 503);
    return started || testing::Test::HasFailure();
  }));
  // The late answer goes nowhere, the connection goes on.
  release.Open();
  EXPECT_EQ(client.Exchange(Post("/echo", "x"))->body, "x");
  EXPECT_TRUE(Eventually([&] { return cancelled.load(); }));
}

TEST(Server, RequestWhoseDeadlinePassesInTheQueueIsNeverStarted) {
  Gate busy;
  Gate release;
  Gate passed;
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
  TestServer server(std::move(router), {}, OneEvidenceWorker());
  RawClient blocking(server.port());
  ASSERT_TRUE(blocking.Send(Get("/block")));
  ASSERT_TRUE(busy.Wait());
  EXPECT_EQ(StatusOf(server, Get("/short")), 503);
  ASSERT_TRUE(server.runtime.Post(Lane::kEvidence, [&] { passed.Open(); }));
  release.Open();
  EXPECT_EQ(blocking.Receive()->status, 200);
  ASSERT_TRUE(passed.Wait());  // and so has the request that was queued before
  EXPECT_EQ(started, 0);
  // A worker that has time for it starts it.
  EXPECT_TRUE(Eventually([&] { return StatusOf(server, Get("/short")) == 200; }));
  EXPECT_GT(started, 0);
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

}  // namespace
}  // namespace limequat::http
