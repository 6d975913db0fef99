#include "limequat/http/server.h"

#include <gtest/gtest.h>

#include "limequat/http/test_support.h"

namespace limequat::http {
namespace {

Router Echo() {
  Router router;
  router.Add(Method::kPost, "/echo", Access::Public("test"), {},
             [](const Request& request, Context&) -> Result<Response> {
               return Reply(200, request.body);
             });
  return router;
}

TEST(Server, AnswersPlain) {
  TestServer server(Echo());
  auto client = Client::Create(server.runtime, {});
  ASSERT_TRUE(client.has_value());
  for (int i = 0; i < 3; ++i) {
    auto answer = (*client)->SendAndWait(
        server.plain(),
        {.method = Method::kPost, .target = "/echo", .headers = {}, .body = "hello"}, In(5s));
    ASSERT_TRUE(answer.has_value()) << answer.error().message;
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "hello");
  }
  EXPECT_EQ(server.server->connections(), 1U);
}

TEST(Server, AnswersOverTls) {
  const TestCa ca("authority");
  ListenOptions options;
  options.tls = TlsOf(ca.Server());
  TestServer server(Echo(), std::move(options));
  auto client = Client::Create(server.runtime, {});
  ASSERT_TRUE(client.has_value());
  for (int i = 0; i < 3; ++i) {
    auto answer = (*client)->SendAndWait(
        server.tls(Anchored(ca.certificate())),
        {.method = Method::kPost, .target = "/echo", .headers = {}, .body = "hello"}, In(5s));
    ASSERT_TRUE(answer.has_value()) << answer.error().message;
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "hello");
  }
  EXPECT_EQ(server.server->connections(), 1U);
}

}  // namespace
}  // namespace limequat::http
