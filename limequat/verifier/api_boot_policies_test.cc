#include <fmt/format.h>
#include <gtest/gtest.h>

#include "limequat/policy/testing/boot_values.h"
#include "limequat/verifier/api_for_test.h"
#include "limequat/wire/own_api.h"

// /api/v1/boot-policies, and Keylime's /mbpolicies.

namespace limequat::verifier {
namespace {

using appraise::testing::FakeMachine;

std::string Good() { return json::Serialize(policy::testing::Reference()); }
std::string Body(std::string_view reference) {
  return json::Serialize(json::Object{{"mb_policy", reference}});
}
std::string HashOf(std::string_view body) {
  return crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(body)).hex();
}

class BootPoliciesApiTest : public ApiTest {
 protected:
  BootPoliciesApiTest() {
    agent_.Change([](FakeMachine& machine) {
      machine.BootFromLog(policy::testing::Boot().Log());
      machine.Run("/usr/bin/init", "init 1");
    });
  }
  ApiAnswer Enrol(wire::EnrolRequest request) {
    return Post("/v2.6/agents/m1", wire::WriteEnrolRequest(request));
  }

  AgentPeer agent_{verifiers_};
};

TEST_F(BootPoliciesApiTest, PushesListsAndShows) {
  EXPECT_EQ(Get("/api/v1/boot-policies").body, R"({"policies":[]})");
  EXPECT_EQ(
      Put("/api/v1/boot-policies/web", Good()).body,
      fmt::format(R"({{"name":"web","hash":"{}","machines_appraised_again":0}})", HashOf(Good())));
  EXPECT_EQ(Get("/api/v1/boot-policies").body,
            fmt::format(R"({{"policies":[{{"name":"web","hash":"{}","signed_by":null}}]}})",
                        HashOf(Good())));
  EXPECT_EQ(Get("/api/v1/boot-policies/web").body, Good());
  EXPECT_EQ(Get("/api/v1/boot-policies/other").Error(), "404 verifier.unknown_policy");
}

TEST_F(BootPoliciesApiTest, Attack_A10_ReferenceThatSaysNothingIsRefused) {
  for (const char* body : {"", "{}", "null", "[]", "0", "\"\""}) {
    EXPECT_EQ(Put("/api/v1/boot-policies/web", body).Error(), "400 verifier.policy_says_nothing")
        << body;
  }
  EXPECT_EQ(Put("/api/v1/boot-policies/web", "{").Error(), "400 verifier.boot_policy");
  EXPECT_EQ(Put("/api/v1/boot-policies/a%20b", Good()).Error(), "400 wire.agent_id");
  EXPECT_EQ(Get("/api/v1/boot-policies").body, R"({"policies":[]})");
}

TEST_F(BootPoliciesApiTest, OneInUseIsNotRemoved) {
  ASSERT_EQ(Put("/api/v1/boot-policies/web", Good()).status, 200);
  wire::EnrolRequest request = RequestFor(agent_);
  request.mb_policy_name = "web";
  ASSERT_EQ(Enrol(request).status, 200);
  const ApiAnswer refused = Delete("/api/v1/boot-policies/web");
  EXPECT_EQ(refused.Error(), "409 verifier.policy_in_use");
  EXPECT_EQ(refused.Text({"error", "message"}), "the policy web is in use by 1 machine: m1");
  ASSERT_EQ(Delete("/api/v1/agents/m1").status, 200);
  EXPECT_EQ(Delete("/api/v1/boot-policies/web").body, R"({"name":"web"})");
  EXPECT_EQ(Delete("/api/v1/boot-policies/web").Error(), "404 verifier.unknown_policy");
  EXPECT_EQ(Delete("/api/v1/boot-policies/a%20b").Error(), "400 wire.agent_id");
}

TEST_F(BootPoliciesApiTest, Attack_A11_RemovalForgetsNoRelease) {
  json::Object values = policy::testing::Values();
  values.Set("name", "fleet");
  const auto release = [&](std::int64_t number) {
    values.Set("release", number);
    return Put("/api/v1/boot-policies/fleet", json::Serialize(values));
  };
  ASSERT_EQ(release(2).status, 200);
  ASSERT_EQ(Delete("/api/v1/boot-policies/fleet").status, 200);
  EXPECT_EQ(release(1).Error(), "409 verifier.policy_release");
  EXPECT_EQ(release(2).Error(), "409 verifier.policy_release");
  EXPECT_EQ(release(3).status, 200);
}

TEST_F(BootPoliciesApiTest, KeylimesAnswers) {
  EXPECT_EQ(Post("/v2.6/mbpolicies/web", "").status, 400);
  EXPECT_EQ(Put("/v2.6/mbpolicies/web", Body(Good())).status, 409);
  EXPECT_EQ(Post("/v2.6/mbpolicies/web", Body(Good())).status, 201);
  const ApiAnswer again = Post("/v2.6/mbpolicies/web", Body(Good()));
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.Text({"status"}), "Measured boot policy with name web already exists");
  EXPECT_EQ(Put("/v2.6/mbpolicies/web", Body(Good())).status, 201);
  EXPECT_EQ(Put("/v2.6/mbpolicies/other", Body(Good())).Text({"status"}),
            "Measured boot policy with name other does not already exist");
  EXPECT_EQ(Get("/v2.0/mbpolicies/").body,
            R"({"code":200,"status":"Success","results":{"mbpolicy names":["web"]}})");
  EXPECT_EQ(Get("/v2.6/mbpolicies/web").Text({"results", "mb_policy"}), Good());
  EXPECT_EQ(Get("/v2.6/mbpolicies/other").Text({"status"}), "Measured boot policy other not found");
  EXPECT_EQ(Post("/v2.6/mbpolicies/bad", Body("{")).status, 400);
  EXPECT_EQ(Post("/v2.6/mbpolicies/bad", "{").status, 400);
  EXPECT_EQ(Get("/v3.0/mbpolicies/").status, 404);
  EXPECT_EQ(Delete("/v2.6/mbpolicies/other").status, 404);
  const ApiAnswer removed = Delete("/v2.6/mbpolicies/web");
  EXPECT_EQ(removed.status, 204);
  EXPECT_EQ(removed.body, "");
}

TEST_F(BootPoliciesApiTest, KeylimesEnrolmentWithAPolicyThatCameAlong) {
  wire::EnrolRequest request = RequestFor(agent_);
  request.mb_policy = Good();
  ASSERT_EQ(Enrol(request).status, 200);
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_EQ(Get("/v2.6/agents/m1").Int({"results", "has_mb_refstate"}), 1);
  EXPECT_EQ(Get("/v2.6/mbpolicies/m1").Text({"results", "mb_policy"}), Good());
  EXPECT_EQ(Delete("/v2.6/mbpolicies/m1").Text({"status"}),
            "Can't delete mb_policy as it's currently in use by agent m1");
  EXPECT_EQ(Get("/api/v1/agents/m1").Text({"baseline"}), "by boot policy");
  EXPECT_TRUE(Get("/api/v1/agents/m1").Text({"boot_policy"}).starts_with("example: m1 ("));
  EXPECT_EQ(Get("/api/v1/agents/m1").Text({"boot_reference"}), "m1");
}

TEST_F(BootPoliciesApiTest, KeylimesEnrolmentByName) {
  wire::EnrolRequest request = RequestFor(agent_);
  request.mb_policy_name = "web";
  const ApiAnswer unknown = Enrol(request);
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(unknown.Text({"status"}), "Could not find mb_policy with name web!");
  ASSERT_EQ(Post("/v2.6/mbpolicies/web", Body(Good())).status, 201);
  request.mb_policy = Good();
  const ApiAnswer conflict = Enrol(request);
  EXPECT_EQ(conflict.status, 409);
  EXPECT_EQ(conflict.Text({"status"}),
            "mb_policy with name web already exists. Please use a different name or delete the "
            "mb_policy from the verifier.");
  request.mb_policy = "{}";
  ASSERT_EQ(Enrol(request).status, 200);
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_EQ(StateOf("m1").enrolment->boot_policy_name, "web");
}

// Our own API, from the push to the machine's view; Keylime's takes them as it takes any text.
TEST_F(BootPoliciesApiTest, ReferenceValuesForModels) {
  json::Object values = policy::testing::Values();
  values.Set("name", "fleet");
  ASSERT_EQ(Put("/api/v1/boot-policies/fleet", json::Serialize(values)).status, 200);
  values.Set("exit_boot_services", false);
  EXPECT_EQ(Put("/api/v1/boot-policies/fleet", json::Serialize(values)).Error(),
            "409 verifier.policy_release");
  EXPECT_EQ(Put("/api/v1/boot-policies/other", json::Serialize(values)).Error(),
            "403 verifier.policy_name");
  EXPECT_EQ(Put("/v2.6/mbpolicies/fleet", Body(json::Serialize(values))).status, 409);
  const wire::OwnEnrolment own{.enrolment = wire::WriteEnrolRequest(RequestFor(agent_)),
                               .identity = "verified",
                               .identity_detail = "chain ok",
                               .ek_fingerprint = std::string(64, 'e'),
                               .policy_names = {},
                               .boot_reference_name = "fleet",
                               .boot_policy = {},
                               .model = "R640"};
  ASSERT_EQ(Post("/api/v1/agents/m1", wire::WriteOwnEnrolment(own)).status, 201);
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  const std::string shown = Get("/api/v1/agents/m1").Text({"boot_policy"});
  EXPECT_TRUE(shown.starts_with("example: fleet (")) << shown;
  EXPECT_TRUE(shown.ends_with(", release 3, model R640)")) << shown;
}

// Keylime's tenant sends "{}" without a policy.
TEST_F(BootPoliciesApiTest, EmptyPolicyOfAnEnrolmentIsNone) {
  wire::EnrolRequest request = RequestFor(agent_);
  request.mb_policy = "{}";
  ASSERT_EQ(Enrol(request).status, 200);
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_EQ(StateOf("m1").enrolment->reference.boot, nullptr);
  EXPECT_EQ(Get("/v2.6/agents/m1").Int({"results", "has_mb_refstate"}), 0);
}

}  // namespace
}  // namespace limequat::verifier
