#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "limequat/base/encoding.h"
#include "limequat/verifier/api_for_test.h"

// Keylime's /allowlists.

namespace limequat::verifier {
namespace {

std::string Body(std::string_view policy) {
  return json::Serialize(
      json::Object{{"tpm_policy", "{}"}, {"runtime_policy", Base64Encode(AsBytes(policy))}});
}

class KeylimePoliciesTest : public ApiTest {
 protected:
  KeylimePoliciesTest() {
    agent_.Change(
        [](appraise::testing::FakeMachine& machine) { machine.Run("/usr/bin/a", "content"); });
  }

  AgentPeer agent_{verifiers_};
};

TEST_F(KeylimePoliciesTest, KeylimesAnswers) {
  const std::string policy = PolicyListing("/usr/bin/a");
  EXPECT_EQ(Get("/v2.6/allowlists/").body,
            R"({"code":200,"status":"Success","results":{"runtimepolicy names":[]}})");
  EXPECT_EQ(Post("/v2.6/allowlists/web", "").Text({"status"}), "Expected non zero content length");
  const ApiAnswer early = Put("/v2.6/allowlists/web", Body(policy));
  EXPECT_EQ(early.status, 404);
  EXPECT_EQ(early.Text({"status"}),
            "Runtime policy with name web does not already exist, use POST to create");
  const ApiAnswer created = Post("/v2.6/allowlists/web", Body(policy));
  EXPECT_EQ(created.status, 201);
  EXPECT_EQ(created.Text({"status"}), "Created");
  const ApiAnswer again = Post("/v2.6/allowlists/web", Body(policy));
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.Text({"status"}), "Runtime policy with name web already exists");
  EXPECT_EQ(Put("/v2.6/allowlists/web", Body(PolicyListing("/usr/bin/b"))).status, 201);
  EXPECT_EQ(Get("/v2.0/allowlists").body,
            R"({"code":200,"status":"Success","results":{"runtimepolicy names":["web"]}})");
  const ApiAnswer shown = Get("/v2.6/allowlists/web");
  EXPECT_EQ(shown.Text({"results", "runtime_policy"}), PolicyListing("/usr/bin/b"));
  EXPECT_NE(shown.body.find(R"("name":"web","tmp_policy":null)"), std::string::npos) << shown.body;
  EXPECT_EQ(Get("/v2.6/allowlists/other").Text({"status"}), "Runtime policy other not found");
  EXPECT_EQ(Delete("/v2.6/allowlists/other").status, 404);
  const ApiAnswer removed = Delete("/v2.6/allowlists/web");
  EXPECT_EQ(removed.status, 204);
  EXPECT_EQ(removed.body, "");
  EXPECT_EQ(Get("/v2.6/allowlists/web").status, 404);
  EXPECT_TRUE(store().ListPolicyVersions("web")->empty());
}

TEST_F(KeylimePoliciesTest, OtherVersionsAreUnknown) {
  EXPECT_EQ(Get("/v3.0/allowlists").status, 404);
  EXPECT_EQ(Get("/v3.0/allowlists/web").status, 404);
  EXPECT_EQ(Post("/v3.0/allowlists/web", Body(PolicyListing("/usr/bin/a"))).status, 404);
  EXPECT_EQ(Put("/v3.0/allowlists/web", Body(PolicyListing("/usr/bin/a"))).status, 404);
  EXPECT_EQ(Delete("/v3.0/allowlists/web").status, 404);
  EXPECT_TRUE(store().ListPolicies()->empty());
}

// Keylime answers 500 to some of them, and finds others when a machine attests (Q19).
TEST_F(KeylimePoliciesTest, WhatIsRefusedIsNotStored) {
  appraise::testing::FakeMachine machine;
  machine.Run("/usr/bin/a", "content");
  for (const std::string& body :
       {std::string("{"), std::string("[]"), std::string("{}"),
        std::string(R"({"runtime_policy": null})"), std::string(R"({"runtime_policy": "%"})"),
        Body(""), Body("{"), Body("{}"), Body(machine.PolicyText({"["})),
        std::string(R"({"runtime_policy_key": "%", "runtime_policy": ""})")}) {
    EXPECT_EQ(Post("/v2.6/allowlists/web", body).status, 400) << body;
  }
  EXPECT_EQ(Post("/v2.6/allowlists/a%20b", Body(PolicyListing("/usr/bin/a"))).status, 400);
  EXPECT_TRUE(store().ListPolicies()->empty());
}

// A key that comes along is no root, but what is sent must verify with it (attack A11).
TEST_F(KeylimePoliciesTest, Attack_A11_KeyThatComesAlongMustHaveSigned) {
  const auto key = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256);
  const std::string body = json::Serialize(
      json::Object{{"runtime_policy", Base64Encode(AsBytes(PolicyListing("/usr/bin/a")))},
                   {"runtime_policy_key", Base64Encode(AsBytes(key.public_key().ToPem()))}});
  const ApiAnswer answer = Post("/v2.6/allowlists/web", body);
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.Text({"status"}), "Runtime policy is not signed!");
  EXPECT_TRUE(store().ListPolicies()->empty());
}

// A name that is pinned to a key stays so, also over this API and after it was removed.
TEST_F(KeylimePoliciesTest, Attack_A11_PinnedNameStaysPinned) {
  ASSERT_EQ(Post("/v2.6/allowlists/web", Body(PolicyListing("/usr/bin/a"))).status, 201);
  const auto key = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256);
  ASSERT_EQ(Put("/api/v1/policies/web/key", key.public_key().ToPem()).status, 200);
  EXPECT_EQ(Put("/v2.6/allowlists/web", Body(PolicyListing("/usr/bin/b"))).status, 400);
  ASSERT_EQ(Delete("/v2.6/allowlists/web").status, 204);
  EXPECT_EQ(Post("/v2.6/allowlists/web", Body(PolicyListing("/usr/bin/b"))).status, 400);
  EXPECT_TRUE(store().ListPolicies()->empty());
}

std::string Labelled(std::string_view file, std::uint64_t release, std::string_view name = "web") {
  return *policy::LabelPolicy(PolicyListing(file),
                              {.name = std::string(name), .release = release, .window = {}});
}

// What was signed once does not come back by way of a removal, whoever sends it.
TEST_F(KeylimePoliciesTest, Attack_A11_RemovalForgetsNoRelease) {
  ASSERT_EQ(Post("/v2.6/allowlists/web", Body(Labelled("/usr/bin/a", 2))).status, 201);
  ASSERT_EQ(Delete("/v2.6/allowlists/web").status, 204);
  for (const std::string& old : {Labelled("/usr/bin/b", 1), Labelled("/usr/bin/b", 2),
                                 Labelled("/usr/bin/a", 2), PolicyListing("/usr/bin/b")}) {
    EXPECT_EQ(Post("/v2.6/allowlists/web", Body(old)).status, 409) << old;
    EXPECT_EQ(Put("/api/v1/policies/web", old).Error(), "409 verifier.policy_release") << old;
    EXPECT_FALSE(EnrolWith("m1", agent_, Fleet::PolicyChoice{.name = "web", .body = old})) << old;
  }
  EXPECT_TRUE(store().ListPolicies()->empty());
  ASSERT_EQ(Post("/v2.6/allowlists/web", Body(Labelled("/usr/bin/b", 3))).status, 201);
  ASSERT_EQ(Delete("/v2.6/allowlists/web").status, 204);
  EXPECT_EQ(Post("/v2.6/allowlists/web", Body(Labelled("/usr/bin/c", 3))).status, 409);
  EXPECT_EQ(Post("/v2.6/allowlists/other", Body(PolicyListing("/usr/bin/b"))).status, 201);
}

// A machine takes the policy of its own name with it. The tenant updates a machine by removing
// and adding it, so that what goes may come back, and nothing older.
TEST_F(KeylimePoliciesTest, Attack_A11_AMachinesRemovalForgetsNoRelease) {
  const auto enrol = [&](const std::string& body) {
    return EnrolWith("m1", agent_, Fleet::PolicyChoice{.name = "m1", .body = body});
  };
  const std::string present = Labelled("/usr/bin/a", 2, "m1");
  ASSERT_TRUE(enrol(present));
  ASSERT_EQ(Delete("/v2.6/agents/m1").status, 200);
  ASSERT_TRUE(store().ListPolicies()->empty());
  EXPECT_FALSE(enrol(Labelled("/usr/bin/a", 1, "m1")));
  EXPECT_FALSE(enrol(PolicyListing("/usr/bin/a")));
  EXPECT_TRUE(enrol(present));
}

TEST_F(KeylimePoliciesTest, MachinesFollowTheName) {
  ASSERT_EQ(Post("/v2.6/allowlists/web", Body(agent_.PolicyText())).status, 201);
  wire::EnrolRequest request = RequestFor(agent_);
  request.runtime_policy.reset();
  request.runtime_policy_name = "web";
  ASSERT_EQ(Post("/v2.6/agents/m1", wire::WriteEnrolRequest(request)).status, 200);
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  ASSERT_EQ(Put("/v2.6/allowlists/web", Body(PolicyListing("/other"))).status, 201);
  EXPECT_TRUE(Becomes("m1", Integrity::kFail));
}

// Keylime answers 500 if more than one machine uses it (Q17).
TEST_F(KeylimePoliciesTest, PolicyInUseStays) {
  ASSERT_EQ(Post("/v2.6/allowlists/web", Body(agent_.PolicyText())).status, 201);
  AgentPeer other(verifiers_);
  ASSERT_TRUE(EnrolWith("m1", agent_, Fleet::PolicyChoice{.name = "web", .body = {}}));
  ASSERT_TRUE(EnrolWith("m2", other, Fleet::PolicyChoice{.name = "web", .body = {}}));
  const ApiAnswer refused = Delete("/v2.6/allowlists/web");
  EXPECT_EQ(refused.status, 409);
  EXPECT_TRUE(refused.Text({"status"})
                  .starts_with("Can't delete allowlist as it's currently in use by agent m"))
      << refused.body;
  EXPECT_EQ(Get("/v2.6/allowlists/web").status, 200);
  ASSERT_EQ(Delete("/v2.6/agents/m1").status, 200);
  ASSERT_EQ(Delete("/v2.6/agents/m2").status, 200);
  EXPECT_EQ(Delete("/v2.6/allowlists/web").status, 204);
}

// It is stored as with an enrolment over this API, and the machine is unpoliced.
TEST_F(KeylimePoliciesTest, Attack_A10_PolicyThatSaysNothingMakesNoMachineGood) {
  const std::string empty = appraise::testing::FakeMachine().PolicyText();
  ASSERT_EQ(Post("/v2.6/allowlists/web", Body(empty)).status, 201);
  ASSERT_TRUE(EnrolWith("m1", agent_, Fleet::PolicyChoice{.name = "web", .body = {}}));
  EXPECT_TRUE(Becomes("m1", Integrity::kUnpoliced));
}

}  // namespace
}  // namespace limequat::verifier
