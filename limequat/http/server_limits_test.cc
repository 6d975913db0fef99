#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "limequat/http/server_test_support.h"

namespace limequat::http {
namespace {

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
  // The worker that called the handler lets go of the request a moment after it has answered.
  EXPECT_TRUE(
      Eventually([&] { return StatusOf(server, Post("/keep", std::string(600, 'x'))) == 200; }));
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
  ListenOptions tls_options = options;
  // Enough for the good client, too; to wait for the slow ones in turn would take 80 s.
  tls_options.limits.handshake_timeout = 2s;
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
  auto answer = good.Exchange(Get("/version"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  for (const auto& client : slow) EXPECT_TRUE(client->Closed());
  answer = good.Exchange(Get("/version"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
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
  options.limits.idle_timeout = 1s;  // also from the connection to the request
  const TestServer server(Basic(), std::move(options));
  RawClient silent(server.port());
  RawClient used(server.port());
  const auto answer = used.Exchange(Get("/version"));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_TRUE(silent.Closed());
  EXPECT_TRUE(used.Closed());
}

TEST(Server, ClientThatReadsNothingIsClosed) {
  const std::string large(20'000'000, 'x');
  Gate asked;
  const TestServer server(
      With(Method::kGet, "/large", {.stall_timeout = 100ms}, [&](const Request&, Context&) {
        asked.Open();
        return Result<Response>(Reply(200, large));
      }));
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(Get("/large")));
  ASSERT_TRUE(asked.Wait());
  EXPECT_TRUE(Eventually([&] { return server.server->connections() == 0; }));
}

TEST(Server, AnswerHasATimeInAll) {
  const std::string large(20'000'000, 'x');
  Gate asked;
  const TestServer server(
      With(Method::kGet, "/large", {.max_duration = 150ms}, [&](const Request&, Context&) {
        asked.Open();
        return Result<Response>(Reply(200, large));
      }));
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(Get("/large")));
  ASSERT_TRUE(asked.Wait());
  EXPECT_TRUE(Eventually([&] { return server.server->connections() == 0; }));
}

}  // namespace
}  // namespace limequat::http
