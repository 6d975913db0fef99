#include "limequat/http/router.h"

#include <gtest/gtest.h>

namespace limequat::http {
namespace {

Handler Named(const std::string& name) {
  return [name](const Request&, Context&) -> Result<Response> { return Reply(200, name); };
}

Access Anybody() { return Access::Public("test"); }

std::string PatternFor(const Router& router, Method method, std::string_view path) {
  const Router::Match match = router.Find(method, path);
  return match.route == nullptr ? "" : match.route->pattern;
}

TEST(Router, MatchesSegments) {
  Router router;
  router.Add(Method::kGet, "/version", Anybody(), {}, Named("v"))
      .Add(Method::kGet, "/v2.6/agents/latest", Anybody(), {}, Named("l"))
      .Add(Method::kGet, "/v2.6/agents/{id}", Anybody(), {}, Named("a"))
      .Add(Method::kGet, "/", Anybody(), {}, Named("r"));
  EXPECT_EQ(PatternFor(router, Method::kGet, "/version"), "/version");
  EXPECT_EQ(PatternFor(router, Method::kGet, "/version/"), "/version");
  EXPECT_EQ(PatternFor(router, Method::kGet, "/"), "/");
  EXPECT_EQ(PatternFor(router, Method::kGet, "/v2.6/agents/latest"), "/v2.6/agents/latest");
  const Router::Match match = router.Find(Method::kGet, "/v2.6/agents/foo%20bar");
  ASSERT_NE(match.route, nullptr);
  ASSERT_EQ(match.parameters.size(), 1U);
  EXPECT_EQ(match.parameters[0].first, "id");
  EXPECT_EQ(match.parameters[0].second, "foo%20bar");
}

TEST(Router, DoesNotMatch) {
  Router router;
  router.Add(Method::kGet, "/v2.6/agents/{id}", Anybody(), {}, Named("a"));
  for (const char* path : {"/", "//", "/v2.6/agents", "/v2.6/agents/", "/v2.6/agents//",
                           "/v2.6/agents/x/y", "/v2.6/agents/x//", "/V2.6/agents/x",
                           "/v2.6//agents/x", "//v2.6/agents/x", "/v2.6/agents%2fx"}) {
    const Router::Match match = router.Find(Method::kGet, path);
    EXPECT_EQ(match.route, nullptr) << path;
    EXPECT_FALSE(match.method_differs) << path;
  }
}

TEST(Router, SaysWhichMethodsExist) {
  Router router;
  router.Add(Method::kGet, "/a", Anybody(), {}, Named("g"))
      .Add(Method::kPut, "/{x}", Anybody(), {}, Named("p"))
      .Add(Method::kPut, "/a", Anybody(), {}, Named("q"));
  const Router::Match match = router.Find(Method::kDelete, "/a");
  EXPECT_EQ(match.route, nullptr);
  EXPECT_TRUE(match.method_differs);
  EXPECT_EQ(match.allowed, (std::vector<Method>{Method::kGet, Method::kPut}));
  const Router::Match found = router.Find(Method::kPut, "/a");
  EXPECT_EQ(found.route->pattern, "/{x}");  // the earlier route wins
  EXPECT_FALSE(found.method_differs);
  EXPECT_TRUE(found.allowed.empty());
}

TEST(Router, RefusalIsEmptyUnlessReplaced) {
  Router router;
  const Response empty = router.Refuse({}, 404, NotFound("x", "y"));
  EXPECT_EQ(empty.status, 404);
  EXPECT_EQ(empty.content_type, "text/html; charset=UTF-8");
  EXPECT_EQ(std::get<std::string>(empty.body), "");
  router.OnRefusal(
      [](const Request&, int status, const Error& why) { return Reply(status, why.id); });
  EXPECT_EQ(std::get<std::string>(router.Refuse({}, 404, NotFound("x", "y")).body), "x");
}

TEST(Access, RolesAllowOnlyThemselves) {
  const Access access = Access::Roles({"operator", "verifier"});
  Principal principal;
  EXPECT_FALSE(access.Allows(principal));
  EXPECT_FALSE(access.is_public());
  principal.role = "agent";
  EXPECT_FALSE(access.Allows(principal));
  principal.role = "verifier";
  EXPECT_TRUE(access.Allows(principal));
  EXPECT_EQ(access.Describe(), "roles: operator verifier");
}

TEST(Access, PublicAllowsEverybodyAndSaysWhy) {
  const Access access = Access::Public("it tells versions only");
  EXPECT_TRUE(access.Allows({}));
  EXPECT_TRUE(access.is_public());
  EXPECT_EQ(access.Describe(), "public: it tells versions only");
}

// No roles would read as "public", an empty role as "anonymous", no reason as "unthought".
TEST(Access, RefusesWhatWouldFailOpen) {
  EXPECT_DEATH(Access::Roles({}), "");
  EXPECT_DEATH(Access::Roles({"operator", ""}), "");
  EXPECT_DEATH(Access::Public(""), "");
}

TEST(Responder, FirstAnswerWins) {
  std::vector<int> statuses;
  {
    Responder responder([&](Result<Response> response) { statuses.push_back(response->status); });
    responder(Reply(201, ""));
    responder(Reply(202, ""));
  }
  EXPECT_EQ(statuses, (std::vector<int>{201}));
}

TEST(Responder, DroppedIsAnError) {
  std::string id;
  {
    Responder responder([&](Result<Response> response) { id = response.error().id; });
    const Responder moved = std::move(responder);
    EXPECT_EQ(id, "");
  }
  EXPECT_EQ(id, "http.unanswered");
}

}  // namespace
}  // namespace limequat::http
