#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "limequat/http/server_test_support.h"

namespace limequat::http {
namespace {

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
