#include "limequat/verifier/api.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/verifier/api_for_test.h"

// What holds for every route: who may call it, its methods, its limits, its errors.

namespace limequat::verifier {
namespace {

using http::Method;

class ApiRoutesTest : public ApiTest {
 protected:
  // A target that the pattern matches.
  static std::string TargetOf(std::string pattern) {
    const auto set = [&](std::string_view name, std::string_view value) {
      const std::size_t at = pattern.find(name);
      if (at != std::string::npos) pattern.replace(at, name.size(), value);
    };
    set("{version}", "v2.6");
    set("{id}", "m1");
    set("{name}", "base");
    set("{number}", "1");
    return pattern;
  }
  static bool IsOwn(const std::string& target) { return target.starts_with("/api/"); }
};

TEST_F(ApiRoutesTest, Cve_2026_1709_TheTableOfRoutes) {
  std::vector<std::string> table;
  for (const auto& route : router().routes()) {
    std::string rule = route.access.Describe();
    if (rule.starts_with("public")) rule = "public";
    table.push_back(fmt::format("{} {} {} {} {}", http::MethodName(route.method), route.pattern,
                                rule, http::LaneName(route.options.lane), route.options.max_body));
  }
  EXPECT_THAT(table,
              ::testing::UnorderedElementsAre(
                  "GET /version public health 65536",
                  "GET /{version}/agents roles: operator administration 65536",
                  "GET /{version}/agents/{id} roles: operator administration 65536",
                  "POST /{version}/agents/{id} roles: operator administration 104857600",
                  "DELETE /{version}/agents/{id} roles: operator administration 65536",
                  "GET /api/v1/health public health 65536",
                  "GET /api/v1/agents roles: operator administration 65536",
                  "GET /api/v1/agents/{id} roles: operator administration 65536",
                  "POST /api/v1/agents/{id} roles: operator administration 104857600",
                  "PATCH /api/v1/agents/{id} roles: operator administration 65536",
                  "DELETE /api/v1/agents/{id} roles: operator administration 65536",
                  "GET /api/v1/agents/{id}/boot-log roles: operator administration 65536",
                  "GET /api/v1/agents/{id}/findings roles: operator administration 65536",
                  "GET /api/v1/policies roles: operator administration 65536",
                  "GET /api/v1/policies/{name} roles: operator administration 65536",
                  "DELETE /api/v1/policies/{name} roles: operator administration 65536",
                  "PUT /api/v1/policies/{name} roles: operator administration 104857600",
                  "PUT /api/v1/policies/{name}/key roles: operator administration 65536",
                  "GET /api/v1/policies/{name}/versions roles: operator administration 65536",
                  "POST /api/v1/policies/{name}/rollback roles: operator administration 65536",
                  "GET /api/v1/labels roles: operator administration 65536",
                  "GET /api/v1/labels/{label} roles: operator administration 65536",
                  "PUT /api/v1/labels/{label} roles: operator administration 65536",
                  "DELETE /api/v1/labels/{label} roles: operator administration 65536",
                  "GET /api/v1/boot-policies roles: operator administration 65536",
                  "GET /api/v1/boot-policies/{name} roles: operator administration 65536",
                  "DELETE /api/v1/boot-policies/{name} roles: operator administration 65536",
                  "PUT /api/v1/boot-policies/{name} roles: operator administration 33554432",
                  "GET /{version}/allowlists roles: operator administration 65536",
                  "GET /{version}/allowlists/{name} roles: operator administration 65536",
                  "POST /{version}/allowlists/{name} roles: operator administration 104857600",
                  "PUT /{version}/allowlists/{name} roles: operator administration 104857600",
                  "DELETE /{version}/allowlists/{name} roles: operator administration 65536",
                  "GET /{version}/mbpolicies roles: operator administration 65536",
                  "GET /{version}/mbpolicies/{name} roles: operator administration 65536",
                  "POST /{version}/mbpolicies/{name} roles: operator administration 33558528",
                  "PUT /{version}/mbpolicies/{name} roles: operator administration 33558528",
                  "DELETE /{version}/mbpolicies/{name} roles: operator administration 65536",
                  "GET /api/v1/incidents roles: operator administration 65536",
                  "POST /api/v1/incidents/{number}/close roles: operator administration 65536"));
}

TEST_F(ApiRoutesTest, Attack_A16_OnlyOperatorsMayCall) {
  AgentPeer agent(verifiers_);
  ASSERT_TRUE(Enrol("m1", agent));
  for (const auto& route : router().routes()) {
    const std::string target = TargetOf(route.pattern);
    for (const As as : {As::kNobody, As::kService}) {
      const ApiAnswer answer = Call(route.method, target, "{}", as);
      if (route.access.is_public()) {
        EXPECT_EQ(answer.status, 200) << target;
        continue;
      }
      EXPECT_EQ(answer.status, 403) << http::MethodName(route.method) << " " << target;
      if (IsOwn(target)) {
        EXPECT_EQ(answer.Error(), "403 http.access") << target;
        EXPECT_EQ(answer.Text({"error", "code"}), "permission_denied") << target;
      } else {
        const json::Value errors = answer.At({"errors"});
        ASSERT_TRUE(errors.as_array() != nullptr && errors.as_array()->size() == 1) << answer.body;
        const json::Object& error = *errors.as_array()->at(0).as_object();
        EXPECT_EQ(*error.Find("status")->as_string(), "403");
        EXPECT_EQ(*error.Find("title")->as_string(), "Forbidden");
      }
    }
  }
  EXPECT_NE(fleet().Find("m1"), nullptr) << "nobody removed it";
  EXPECT_EQ(store().ListPolicies()->size(), 1U) << "nobody pushed a policy";
}

TEST_F(ApiRoutesTest, OtherMethodsAre405) {
  std::set<std::pair<std::string, Method>> known;
  for (const auto& route : router().routes()) known.emplace(TargetOf(route.pattern), route.method);
  for (const auto& route : router().routes()) {
    const std::string target = TargetOf(route.pattern);
    for (const Method method :
         {Method::kGet, Method::kPost, Method::kPut, Method::kPatch, Method::kDelete}) {
      if (known.contains({target, method})) continue;
      const ApiAnswer answer = Call(method, target);
      EXPECT_EQ(answer.status, 405) << http::MethodName(method) << " " << target;
      if (IsOwn(target)) {
        EXPECT_EQ(answer.Error(), "405 http.method") << target;
      } else {
        EXPECT_EQ(answer.body, "") << target;
        EXPECT_EQ(answer.content_type, "text/html; charset=UTF-8") << target;
      }
    }
  }
}

TEST_F(ApiRoutesTest, UnknownPathsAre404) {
  for (const char* target : {"/", "/v2.6", "/v2.6/agents/m1/stop", "/versions", "/metrics"}) {
    const ApiAnswer answer = Get(target);
    EXPECT_EQ(answer.status, 404) << target;
    EXPECT_EQ(answer.body, "") << target;
    EXPECT_EQ(answer.content_type, "text/html; charset=UTF-8") << target;
  }
  for (const char* target : {"/api/v1", "/api/v2/agents", "/api/v1/agents/m1/findings/x"}) {
    const ApiAnswer answer = Get(target);
    EXPECT_EQ(answer.Error(), "404 http.route") << target;
    EXPECT_EQ(answer.content_type, "application/json") << target;
  }
}

TEST_F(ApiRoutesTest, BodiesAboveTheLimitAre413) {
  constexpr std::size_t kUpload = 104'857'600;
  constexpr std::size_t kOrdinary = 65'536;
  const std::tuple<const char*, const char*, std::size_t> kRoutes[] = {
      {"POST", "/v2.6/agents/m1", kUpload},
      {"POST", "/api/v1/agents/m1", kUpload},
      {"PUT", "/api/v1/policies/base", kUpload},
      {"POST", "/api/v1/incidents/1/close", kOrdinary}};
  for (const auto& [method, target, limit] : kRoutes) {
    EXPECT_EQ(StatusOfLength(method, target, limit + 1), 413) << target;
    EXPECT_EQ(StatusOfLength(method, target, limit), 100) << target;
  }
}

}  // namespace
}  // namespace limequat::verifier
