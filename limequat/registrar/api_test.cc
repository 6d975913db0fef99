#include "limequat/registrar/api.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/registrar/api_for_test.h"

// Every route: who may call it, its methods and limits; reading and removing.

namespace limequat::registrar {
namespace {

using http::Method;

// --- every route --------------------------------------------------------------------

TEST_F(RegistrarApiTest, Cve_2026_1709_TheTableOfRoutes) {
  std::vector<std::string> table;
  for (const auto& route : router_->routes()) {
    std::string rule = route.access.Describe();
    if (rule.starts_with("public")) rule = "public";
    table.push_back(fmt::format("{} {} {} {} {}", http::MethodName(route.method), route.pattern,
                                rule, http::LaneName(route.options.lane), route.options.max_body));
  }
  EXPECT_THAT(table,
              ::testing::UnorderedElementsAre(
                  "GET /version public health 65536", "GET /api/v1/health public health 65536",
                  "POST /{version}/agents/{id} public evidence 262144",
                  "PUT /{version}/agents/{id} public evidence 262144",
                  "PUT /{version}/agents/{id}/activate public evidence 262144",
                  "POST /{version}/agents/{id}/activate public evidence 262144",
                  "GET /{version}/agents roles: operator administration 65536",
                  "GET /{version}/agents/{id} roles: operator administration 65536",
                  "DELETE /{version}/agents/{id} roles: operator administration 65536",
                  "GET /api/v1/agents/{id} roles: operator administration 65536"));
}

TEST_F(RegistrarApiTest, Attack_A16_WhatIsRegisteredIsForOperators) {
  Activated("m1");
  for (const As as : {As::kPlain, As::kNobody, As::kService}) {
    for (const auto& [method, target] :
         {std::pair(Method::kGet, "/v2.6/agents"), std::pair(Method::kGet, "/v2.6/agents/m1"),
          std::pair(Method::kDelete, "/v2.6/agents/m1")}) {
      const Answer answer = Call(method, target, {}, as);
      EXPECT_EQ(answer.status, 403) << target;
      const json::Value errors = answer.At({"errors"});
      ASSERT_TRUE(errors.as_array() != nullptr && errors.as_array()->size() == 1) << answer.body;
      EXPECT_EQ(*errors.as_array()->at(0).as_object()->Find("title")->as_string(), "Forbidden");
    }
    EXPECT_EQ(Get("/api/v1/agents/m1", as).Error(), "403 http.access");
  }
  EXPECT_EQ(Get("/v2.6/agents/m1").Told(), "200 Success") << "nobody removed it";
}

TEST_F(RegistrarApiTest, AgentsNeedNoCertificate) {
  for (const As as : {As::kPlain, As::kNobody, As::kService, As::kOperator}) {
    EXPECT_EQ(Get("/version", as).status, 200);
    EXPECT_EQ(Get("/api/v1/health", as).status, 200);
    EXPECT_EQ(
        Call(Method::kPost, "/v2.6/agents/m1", wire::WriteRegistration(tpm_.Registration()), as)
            .Told(),
        "200 Success");
    EXPECT_EQ(Call(Method::kPut, "/v2.6/agents/m2", wire::WriteActivation(std::string(96, 'a')), as)
                  .status,
              404);
  }
}

TEST_F(RegistrarApiTest, OtherMethodsAndPaths) {
  for (const auto& [method, target] :
       {std::pair(Method::kPatch, "/v2.6/agents/m1"), std::pair(Method::kPost, "/v2.6/agents"),
        std::pair(Method::kGet, "/v2.6/agents/m1/activate"), std::pair(Method::kPost, "/version"),
        std::pair(Method::kDelete, "/v2.6/agents/m1/activate")}) {
    const Answer answer = Call(method, target);
    EXPECT_EQ(answer.status, 405) << target;
    EXPECT_EQ(answer.body, "") << target;
    EXPECT_EQ(answer.content_type, "text/html; charset=UTF-8") << target;
  }
  EXPECT_EQ(Call(Method::kDelete, "/api/v1/agents/m1").Error(), "405 http.method");
  for (const char* target : {"/", "/versions", "/v2.6", "/v2.6/agents/m1/x"}) {
    EXPECT_EQ(Get(target).status, 404) << target;
    EXPECT_EQ(Get(target).body, "") << target;
  }
  EXPECT_EQ(Get("/api/v1/agents").Error(), "404 http.route");
}

TEST_F(RegistrarApiTest, OtherVersionsAreUnknownPaths) {
  Activated("m1");
  for (const char* version : {"v1.0", "v3.0", "v3", "2.6", "x"}) {
    const std::string agents = fmt::format("/{}/agents", version);
    const std::string body = wire::WriteRegistration(tpm_.Registration());
    for (const Answer& answer :
         {Get(agents), Get(agents + "/m1"), Call(Method::kPost, agents + "/m2", body),
          Call(Method::kPut, agents + "/m1", "{}"), Call(Method::kDelete, agents + "/m1")}) {
      EXPECT_EQ(answer.status, 404) << agents;
      EXPECT_EQ(answer.body, "") << agents;
      EXPECT_EQ(answer.content_type, "text/html; charset=UTF-8") << agents;
    }
  }
  EXPECT_EQ(Get("/v2/agents/m1").status, 200);
  EXPECT_EQ(*store_->HasChallenge("m2"), Store::Waiting::kNo);
}

TEST_F(RegistrarApiTest, BodyAboveTheLimitIs413) {
  for (const auto& [length, status] : {std::pair(262'145, 413), std::pair(262'144, 100)}) {
    http::RawClient client(plain_->port());
    const auto answer = client.Exchange(
        fmt::format("POST /v2.6/agents/m1 HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n"
                    "Expect: 100-continue\r\n\r\n",
                    length));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, status) << length;
  }
}

TEST_F(RegistrarApiTest, VersionsAndHealth) {
  const Answer version = Get("/version", As::kPlain);
  EXPECT_EQ(version.Told(), "200 Success");
  EXPECT_EQ(version.Text({"results", "current_version"}), "2.6");
  EXPECT_EQ(json::Serialize(version.At({"results", "supported_versions"})),
            R"(["2.0","2.1","2.2","2.3","2.4","2.5","2.6"])");
  EXPECT_TRUE(version.body.starts_with("{\n    \"code\": 200")) << version.body;
  EXPECT_EQ(Get("/api/v1/health", As::kPlain).body, R"({"status":"ok"})");
}

TEST_F(RegistrarApiTest, HealthIs503WithoutADatabase) {
  std::filesystem::remove(folder_ / "registrar.db");
  const auto nothing = [](sql::Connection&) -> Status { return {}; };
  EXPECT_EQ(store_->database().Write({}, nothing).error().id, "sql.storage");
  for (const As as : {As::kPlain, As::kNobody, As::kOperator}) {
    const Answer answer = Get("/api/v1/health", as);
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.body, R"({"status":"degraded"})");
  }
}

// --- reading and removing -----------------------------------------------------------

TEST_F(RegistrarApiTest, LongListsComeWhole) {
  Activated("m1");
  for (const int count : {1, 1000, 1001}) {
    Execute(fmt::format(
        "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {}) "
        "INSERT OR IGNORE INTO agents SELECT printf('n%04d', n), record, activated_us "
        "FROM agents, number WHERE agent_id = 'm1'",
        count));
    const Answer answer = Get("/v2.6/agents");
    EXPECT_EQ(answer.Told(), "200 Success");
    const json::Value uuids = answer.At({"results", "uuids"});
    ASSERT_NE(uuids.as_array(), nullptr) << answer.body;
    ASSERT_EQ(uuids.as_array()->size(), static_cast<std::size_t>(count) + 1);
    EXPECT_EQ(*uuids.as_array()->front().as_string(), "m1");
    EXPECT_EQ(*uuids.as_array()->back().as_string(), fmt::format("n{:04}", count));
  }
}

TEST_F(RegistrarApiTest, UnknownMachine) {
  EXPECT_EQ(Get("/v2.6/agents/m1").Told(), "404 Agent with ID 'm1' not found");
  EXPECT_EQ(Get("/v2.6/agents/a%20b").Told(), "404 Agent with ID 'a%20b' not found");
  EXPECT_EQ(Call(Method::kDelete, "/v2.6/agents/m1").Told(), "404 Agent with ID 'm1' not found");
  EXPECT_EQ(Get("/api/v1/agents/m1").Error(), "404 registrar.unknown_agent");
  EXPECT_EQ(Get("/api/v1/agents/a%20b").Error(), "400 wire.agent_id");
}

TEST_F(RegistrarApiTest, Removes) {
  Activated("m1");
  EXPECT_EQ(Call(Method::kDelete, "/v2.6/agents/m1").Told(), "200 Success");
  EXPECT_EQ(Get("/v2.6/agents/m1").status, 404);
  Register("m2", tpm_.Registration());
  EXPECT_EQ(Call(Method::kDelete, "/v2.6/agents/m2").Told(), "200 Success")
      << "one that waits for its activation, too";
  EXPECT_EQ(*store_->HasChallenge("m2"), Store::Waiting::kNo);
}

TEST_F(RegistrarApiTest, IdentityOfAGenuineTpm) {
  Activated("m1");
  const Answer answer = Get("/api/v1/agents/m1");
  EXPECT_EQ(answer.status, 200);
  const auto identity = wire::ParseRegistrarIdentity(answer.document);
  ASSERT_TRUE(identity) << answer.body;
  EXPECT_EQ(identity->identity, wire::Identity::kVerified) << identity->why;
  EXPECT_EQ(identity->why, "");
  ASSERT_NE(identity->findings.as_array(), nullptr);
  EXPECT_FALSE(identity->findings.as_array()->empty());
  const auto ek = tpm::PublicArea::FromTpm2b(tpm_.Registration().ek_tpm);
  EXPECT_EQ(identity->ek_fingerprint,
            crypto::Hash(crypto::HashAlgorithm::kSha256, ek->key().ToSpkiDer()).hex());
}

TEST_F(RegistrarApiTest, Attack_A12_IdentityOfAStrangersTpmIsNotVerified) {
  tpm_ = SoftwareTpm(testing::Manufacturer());
  Activated("m1");
  const auto identity = wire::ParseRegistrarIdentity(Get("/api/v1/agents/m1").document);
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->identity, wire::Identity::kUnverified);
  EXPECT_NE(identity->why, "");
}

TEST_F(RegistrarApiTest, RecordThatCannotBeReadIsOurDefect) {
  Activated("m1");
  Execute("UPDATE agents SET record = 'rubbish'");
  EXPECT_EQ(Get("/api/v1/agents/m1").Error(), "500 registrar.store.record");
  EXPECT_EQ(Get("/v2.6/agents/m1").status, 500);
  EXPECT_EQ(Register("m1", tpm_.Registration()).Told(),
            "500 The registrar cannot store the registration now");
  EXPECT_EQ(Call(Method::kDelete, "/v2.6/agents/m1").Told(), "200 Success");
}

}  // namespace
}  // namespace limequat::registrar
