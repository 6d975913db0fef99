#include <fmt/format.h>
#include <gtest/gtest.h>

#include "limequat/policy/key_succession.h"
#include "limequat/policy/testing/boot_values.h"
#include "limequat/verifier/api_for_test.h"
#include "limequat/verifier/clock.h"
#include "limequat/wire/policy_view.h"

// /api/v1/policies.

namespace limequat::verifier {
namespace {

class PoliciesApiTest : public ApiTest {};

TEST_F(PoliciesApiTest, PushesListsAndShows) {
  EXPECT_EQ(Get("/api/v1/policies").body, R"({"policies":[]})");
  const std::string body = PolicyListing("/usr/bin/a");
  const std::string hash = crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(body)).hex();
  const ApiAnswer pushed = Put("/api/v1/policies/base", body);
  EXPECT_EQ(pushed.status, 200);
  EXPECT_EQ(
      pushed.body,
      fmt::format(R"({{"name":"base","hash":"{}","paths":1,"machines_appraised_again":0}})", hash));
  ASSERT_EQ(Put("/api/v1/policies/another", body).status, 200);
  EXPECT_EQ(Get("/api/v1/policies").body,
            fmt::format(R"({{"policies":[{{"name":"another","hash":"{0}","signed_by":null}},)"
                        R"({{"name":"base","hash":"{0}","signed_by":null}}]}})",
                        hash));
  const ApiAnswer shown = Get("/api/v1/policies/base");
  EXPECT_EQ(shown.status, 200);
  EXPECT_EQ(shown.body, body) << "as it was pushed, byte by byte";
}

TEST_F(PoliciesApiTest, MachinesBoundToItAreAppraisedAgain) {
  AgentPeer agent(verifiers_);
  ASSERT_EQ(Put("/api/v1/policies/base", agent.PolicyText()).status, 200);
  ASSERT_TRUE(EnrolWith("m1", agent, Fleet::PolicyChoice{.name = "base", .body = {}}));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_EQ(Put("/api/v1/policies/base", PolicyListing("/other")).Int({"machines_appraised_again"}),
            1);
  EXPECT_TRUE(Becomes("m1", Integrity::kFail));
}

TEST_F(PoliciesApiTest, Attack_A10_PolicyThatSaysNothingIsRefused) {
  const std::string good = PolicyListing("/usr/bin/a");
  ASSERT_EQ(Put("/api/v1/policies/base", good).status, 200);
  const std::string empty = appraise::testing::FakeMachine().PolicyText();
  appraise::testing::FakeMachine machine;
  machine.Run("/usr/bin/a", "content");
  const std::string match_all = machine.PolicyText({".*"});
  for (const std::string& body : {empty, match_all}) {
    EXPECT_EQ(Put("/api/v1/policies/base", body).Error(), "400 verifier.policy_says_nothing");
  }
  EXPECT_EQ(Get("/api/v1/policies/base").body, good);
}

TEST_F(PoliciesApiTest, WhatIsRefused) {
  const std::string good = PolicyListing("/usr/bin/a");
  EXPECT_EQ(Put("/api/v1/policies/a%20b", good).Error(), "400 wire.agent_id");
  for (const char* body : {"", "{", "[]", "{}"}) {
    const ApiAnswer answer = Put("/api/v1/policies/base", body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_EQ(answer.Text({"error", "code"}), "malformed") << body;
  }
  EXPECT_EQ(Get("/api/v1/policies").body, R"({"policies":[]})");
}

TEST_F(PoliciesApiTest, UnknownPolicy) {
  EXPECT_EQ(Get("/api/v1/policies/base").Error(), "404 verifier.unknown_policy");
}

// --- versions ------------------------------------------------------------------------

TEST_F(PoliciesApiTest, RollsBackToTheVersionBefore) {
  AgentPeer agent(verifiers_);
  const std::string good = agent.PolicyText();
  ASSERT_EQ(Put("/api/v1/policies/base", good).status, 200);
  ASSERT_TRUE(EnrolWith("m1", agent, Fleet::PolicyChoice{.name = "base", .body = {}}));
  ASSERT_EQ(Put("/api/v1/policies/base", PolicyListing("/other")).status, 200);
  ASSERT_TRUE(Becomes("m1", Integrity::kFail));
  const ApiAnswer back = Post("/api/v1/policies/base/rollback", "");
  EXPECT_EQ(back.status, 200) << back.body;
  EXPECT_EQ(back.Int({"machines_appraised_again"}), 1);
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_EQ(Get("/api/v1/policies/base").body, good);
  const auto versions = store().ListPolicyVersions("base");
  ASSERT_EQ(versions->size(), 3U);
  EXPECT_EQ(versions->at(0).hash, versions->at(2).hash);
  // As by an operator who has not seen the answer.
  EXPECT_EQ(Post("/api/v1/policies/base/rollback", "").Error(), "409 verifier.rolled_back");
  EXPECT_EQ(Get("/api/v1/policies/base").body, good);
  EXPECT_EQ(Post("/api/v1/policies/base/rollback", R"({"version":2})").status, 200);
  EXPECT_EQ(Get("/api/v1/policies/base").body, PolicyListing("/other"));
  const std::string shown = Get("/api/v1/policies/base/versions").body;
  EXPECT_TRUE(shown.starts_with(R"({"versions":[{"version":4,"hash":")")) << shown;
}

TEST_F(PoliciesApiTest, RollbackThatCannotBe) {
  EXPECT_EQ(Post("/api/v1/policies/base/rollback", "").Error(), "404 verifier.unknown_policy");
  EXPECT_EQ(Get("/api/v1/policies/base/versions").Error(), "404 verifier.unknown_policy");
  ASSERT_EQ(Put("/api/v1/policies/base", PolicyListing("/usr/bin/a")).status, 200);
  EXPECT_EQ(Post("/api/v1/policies/base/rollback", "").Error(), "404 verifier.unknown_version");
  EXPECT_EQ(Post("/api/v1/policies/base/rollback", R"({"version":9})").Error(),
            "404 verifier.unknown_version");
  EXPECT_EQ(Post("/api/v1/policies/base/rollback", R"({"version":0})").status, 400);
  EXPECT_EQ(Post("/api/v1/policies/base/rollback", "[").status, 400);
}

// --- removal ---------------------------------------------------------------------------

TEST_F(PoliciesApiTest, ARemovedPolicyIsGoneWithItsVersions) {
  ASSERT_EQ(Put("/api/v1/policies/web", PolicyListing("/usr/bin/a")).status, 200);
  ASSERT_EQ(Put("/api/v1/policies/web", PolicyListing("/usr/bin/b")).status, 200);
  ASSERT_EQ(Put("/api/v1/boot-policies/web", json::Serialize(policy::testing::Reference())).status,
            200);
  const ApiAnswer removed = Delete("/api/v1/policies/web");
  EXPECT_EQ(removed.status, 200);
  EXPECT_EQ(removed.body, R"({"name":"web"})");
  EXPECT_EQ(Get("/api/v1/policies").body, R"({"policies":[]})");
  EXPECT_EQ(Get("/api/v1/policies/web/versions").Error(), "404 verifier.unknown_policy");
  EXPECT_EQ(Get("/api/v1/boot-policies/web").status, 200) << "a name of another kind";
  EXPECT_EQ(Delete("/api/v1/policies/web").Error(), "404 verifier.unknown_policy");
  EXPECT_EQ(Delete("/api/v1/policies/a%20b").Error(), "400 wire.agent_id");
}

TEST_F(PoliciesApiTest, APolicyInUseStaysAndItsMachinesAreNamed) {
  ASSERT_EQ(Put("/api/v1/policies/web", PolicyListing("/usr/bin/a")).status, 200);
  ASSERT_EQ(Put("/api/v1/policies/base", PolicyListing("/usr/bin/b")).status, 200);
  AgentPeer agent(verifiers_);
  for (const char* id : {"m1", "m2", "m3", "m4", "m5"}) {
    ASSERT_TRUE(EnrolLayers(id, agent, {"base", "web"}));
  }
  const ApiAnswer refused = Delete("/api/v1/policies/web");
  EXPECT_EQ(refused.Error(), "409 verifier.policy_in_use");
  EXPECT_EQ(refused.Text({"error", "message"}),
            "the policy web is in use by 5 machines: m1, m2, m3 and 2 more");
  for (const char* id : {"m1", "m2", "m3", "m4"}) {
    ASSERT_EQ(Delete(fmt::format("/api/v1/agents/{}", id)).status, 200);
  }
  EXPECT_EQ(Delete("/api/v1/policies/web").Text({"error", "message"}),
            "the policy web is in use by 1 machine: m5");
  EXPECT_EQ(Get("/api/v1/policies/web").body, PolicyListing("/usr/bin/a"));
  ASSERT_EQ(Delete("/api/v1/agents/m5").status, 200);
  EXPECT_EQ(Delete("/api/v1/policies/web").status, 200);
}

// --- signed policies ------------------------------------------------------------------

std::string Labelled(std::string_view name, std::uint64_t release) {
  return *policy::LabelPolicy(PolicyListing("/usr/bin/a"),
                              {.name = std::string(name), .release = release, .window = {}});
}

TEST_F(PoliciesApiTest, Attack_A11_ASignedPolicyNeedsAKeyOfTheVerifier) {
  const auto key = crypto::PrivateKey::GenerateEd25519();
  const std::string policy = PolicyListing("/usr/bin/a");
  const std::string envelope =
      policy::WriteEnvelope(policy::kKeylimePayloadType, policy,
                            {*policy::SignPayload(policy::kKeylimePayloadType, policy, key)});
  EXPECT_EQ(Put("/api/v1/policies/base", envelope).Error(), "403 policy.signature.key");
  EXPECT_TRUE(store().ListPolicies()->empty());
}

TEST_F(PoliciesApiTest, Attack_A11_APolicyIsForItsNameOnly) {
  EXPECT_EQ(Put("/api/v1/policies/base", Labelled("web", 1)).Error(), "403 verifier.policy_name");
  EXPECT_EQ(Put("/api/v1/policies/web", Labelled("web", 1)).status, 200);
}

TEST_F(PoliciesApiTest, Attack_A11_TheReleaseOfAPolicyRises) {
  ASSERT_EQ(Put("/api/v1/policies/web", PolicyListing("/usr/bin/b")).status, 200);
  ASSERT_EQ(Put("/api/v1/policies/web", Labelled("web", 7)).status, 200);
  EXPECT_EQ(Put("/api/v1/policies/web", Labelled("web", 7)).status, 200) << "the same once more";
  EXPECT_EQ(Put("/api/v1/policies/web", Labelled("web", 6)).Error(), "409 verifier.policy_release");
  EXPECT_EQ(Put("/api/v1/policies/web", PolicyListing("/usr/bin/b")).Error(),
            "409 verifier.policy_release")
      << "one without a label";
  std::string same_release = Labelled("web", 7);
  same_release.replace(same_release.find("/usr/bin/a"), 10, "/usr/bin/c");
  EXPECT_EQ(Put("/api/v1/policies/web", same_release).Error(), "409 verifier.policy_release");
  EXPECT_EQ(Put("/api/v1/policies/web", Labelled("web", 8)).status, 200);
  EXPECT_EQ(Post("/api/v1/policies/web/rollback", "").Error(), "409 verifier.policy_release");
}

TEST_F(PoliciesApiTest, Attack_A11_RemovalForgetsNoRelease) {
  ASSERT_EQ(Put("/api/v1/policies/web", Labelled("web", 7)).status, 200);
  ASSERT_EQ(Delete("/api/v1/policies/web").status, 200);
  EXPECT_EQ(Put("/api/v1/policies/web", Labelled("web", 6)).Error(), "409 verifier.policy_release");
  EXPECT_EQ(Put("/api/v1/policies/web", Labelled("web", 7)).Error(), "409 verifier.policy_release");
  EXPECT_EQ(Put("/api/v1/policies/web", PolicyListing("/usr/bin/a")).Error(),
            "409 verifier.policy_release")
      << "one without a label";
  EXPECT_EQ(Delete("/api/v1/policies/web").Error(), "404 verifier.unknown_policy");
  EXPECT_EQ(Put("/api/v1/policies/web", Labelled("web", 8)).status, 200);
}

// --- names that are pinned to a key ------------------------------------------------------

class PinnedPoliciesTest : public PoliciesApiTest {
 protected:
  // A policy that lists this file, signed.
  static std::string Signed(std::string_view path, const crypto::PrivateKey& key) {
    const std::string policy = PolicyListing(path);
    return policy::WriteEnvelope(policy::kKeylimePayloadType, policy,
                                 {*policy::SignPayload(policy::kKeylimePayloadType, policy, key)});
  }
  ApiAnswer Pin(const crypto::PrivateKey& key) {
    return Put("/api/v1/policies/web/key", key.public_key().ToPem());
  }
  // Says that `next` takes over under the name, signed with `signer`.
  ApiAnswer HandOver(const crypto::PrivateKey& signer, const crypto::PrivateKey& next,
                     std::string name = "web", Time signed_at = Now(),
                     std::string_view type = policy::kKeySuccessionPayloadType) {
    const std::string payload = policy::WriteKeySuccession(
        {.policy_name = std::move(name), .key = next.public_key(), .signed_at = signed_at});
    return Put("/api/v1/policies/web/key",
               policy::WriteEnvelope(type, payload, {*policy::SignPayload(type, payload, signer)}));
  }

  const crypto::PrivateKey key_ = crypto::PrivateKey::GenerateEd25519();
  const crypto::PrivateKey other_ = crypto::PrivateKey::GenerateEd25519();
};

TEST_F(PinnedPoliciesTest, Attack_A11_WhatTheKeyDidNotSignIsRefused) {
  const ApiAnswer pinned = Pin(key_);
  EXPECT_EQ(pinned.body,
            fmt::format(R"({{"name":"web","key":"{}"}})", policy::KeyIdOf(key_.public_key())));
  EXPECT_EQ(Put("/api/v1/policies/web", PolicyListing("/usr/bin/a")).Error(),
            "403 policy.signature.present");
  EXPECT_EQ(Put("/api/v1/policies/web", Signed("/usr/bin/a", other_)).Error(),
            "403 policy.signature");
  EXPECT_TRUE(Put("/api/v1/policies/web", PolicyListing("/usr/bin/a"))
                  .Text({"error", "message"})
                  .starts_with(fmt::format("web is pinned to the key {}: ",
                                           policy::KeyIdOf(key_.public_key()))));
  EXPECT_TRUE(store().ListPolicies()->empty());
  EXPECT_EQ(Put("/api/v1/policies/web", Signed("/usr/bin/a", key_)).status, 200);
  EXPECT_EQ(Put("/api/v1/policies/another", PolicyListing("/usr/bin/a")).status, 200)
      << "only this name";
}

TEST_F(PinnedPoliciesTest, Attack_A11_TheKeyStaysWhateverIsPinnedNext) {
  ASSERT_EQ(Pin(key_).status, 200);
  EXPECT_EQ(Pin(key_).status, 200) << "the same once more";
  EXPECT_EQ(Pin(other_).Error(), "409 verifier.policy_key");
  EXPECT_EQ(Put("/api/v1/policies/web", Signed("/usr/bin/a", other_)).status, 403);
  Stop();
  Restart();
  EXPECT_EQ(Pin(other_).Error(), "409 verifier.policy_key");
  EXPECT_EQ(Put("/api/v1/policies/web", PolicyListing("/usr/bin/a")).status, 403);
}

TEST_F(PinnedPoliciesTest, AnotherKeyTakesOverIfThePresentOneSignsIt) {
  ASSERT_EQ(Pin(key_).status, 200);
  ASSERT_EQ(Put("/api/v1/policies/web", Signed("/usr/bin/a", key_)).status, 200);
  const ApiAnswer handed = HandOver(key_, other_);
  EXPECT_EQ(handed.status, 200);
  EXPECT_EQ(handed.body,
            fmt::format(R"({{"name":"web","key":"{}"}})", policy::KeyIdOf(other_.public_key())));
  EXPECT_EQ(Put("/api/v1/policies/web", Signed("/usr/bin/b", key_)).Error(),
            "403 policy.signature");
  EXPECT_EQ(Get("/api/v1/policies/web").body, Signed("/usr/bin/a", key_))
      << "the present one stays";
  EXPECT_EQ(Put("/api/v1/policies/web", Signed("/usr/bin/b", other_)).status, 200);
  Stop();
  Restart();
  EXPECT_EQ(Put("/api/v1/policies/web", Signed("/usr/bin/a", key_)).status, 403);
  EXPECT_EQ(HandOver(key_, other_).status, 200) << "the same once more";
}

TEST_F(PinnedPoliciesTest, Attack_A11_OnlyThePresentKeyHandsOver) {
  EXPECT_EQ(HandOver(key_, other_).Error(), "409 verifier.policy_key") << "there is none yet";
  ASSERT_EQ(Pin(key_).status, 200);
  const auto third = crypto::PrivateKey::GenerateEd25519();
  EXPECT_EQ(HandOver(other_, other_).Error(), "403 verifier.policy_key_signature");
  EXPECT_EQ(HandOver(third, other_).Error(), "403 verifier.policy_key_signature");
  EXPECT_EQ(HandOver(key_, other_, "web", Now(), policy::kKeylimePayloadType).Error(),
            "403 verifier.policy_key_signature")
      << "no policy that was signed once is a statement";
  EXPECT_EQ(HandOver(key_, other_, "base").Error(), "403 verifier.policy_name");
  EXPECT_EQ(HandOver(key_, other_, "").Error(), "403 verifier.policy_name") << "for any name";
  EXPECT_EQ(Put("/api/v1/policies/web/key", Signed("/usr/bin/a", key_)).Error(),
            "403 verifier.policy_key_signature");
  EXPECT_EQ(Put("/api/v1/policies/web", Signed("/usr/bin/a", other_)).status, 403);
  EXPECT_EQ(Put("/api/v1/policies/web", Signed("/usr/bin/a", key_)).status, 200);
}

TEST_F(PinnedPoliciesTest, Attack_A11_AStatementIsNotPlayedAgainAfterTheNextOne) {
  ASSERT_EQ(Pin(key_).status, 200);
  EXPECT_EQ(HandOver(key_, other_, "web", Now() - std::chrono::hours(1)).Error(),
            "409 verifier.policy_key")
      << "of before the key was pinned";
  EXPECT_EQ(HandOver(key_, other_, "web", Now() + std::chrono::hours(1)).Error(),
            "409 verifier.policy_key")
      << "dated ahead, it would count again";
  EXPECT_EQ(HandOver(key_, other_, "web", Now() + std::chrono::minutes(1)).status, 200)
      << "clocks differ";
}

TEST_F(PinnedPoliciesTest, AListTellsTheKeyOfEachName) {
  ASSERT_EQ(Put("/api/v1/policies/web", PolicyListing("/usr/bin/a")).status, 200);
  ASSERT_EQ(Put("/api/v1/policies/zone", PolicyListing("/usr/bin/a")).status, 200);
  ASSERT_EQ(Pin(key_).status, 200);
  ASSERT_EQ(Put("/api/v1/policies/none/key", other_.public_key().ToPem()).status, 200);
  const auto listed = wire::ParsePolicies(*json::Parse(Get("/api/v1/policies").body));
  ASSERT_TRUE(listed) << listed.error().message;
  ASSERT_EQ(listed->size(), 2U) << "a name without a policy is none yet";
  EXPECT_EQ(listed->at(0).signed_by, policy::KeyIdOf(key_.public_key()));
  EXPECT_EQ(listed->at(1).signed_by, std::nullopt);
}

TEST_F(PinnedPoliciesTest, Attack_A11_NoOtherDoorLeadsAroundTheKey) {
  ASSERT_EQ(Put("/api/v1/policies/web", PolicyListing("/usr/bin/old")).status, 200);
  ASSERT_EQ(Pin(key_).status, 200);
  ASSERT_EQ(Put("/api/v1/policies/web", Signed("/usr/bin/new", key_)).status, 200);
  EXPECT_EQ(Post("/api/v1/policies/web/rollback", "").status, 403)
      << "back to what was pushed before, unsigned";
  EXPECT_EQ(Get("/api/v1/policies/web").body, Signed("/usr/bin/new", key_));
}

TEST_F(PinnedPoliciesTest, Attack_A11_NorDoesARemoval) {
  ASSERT_EQ(Pin(key_).status, 200);
  ASSERT_EQ(Put("/api/v1/policies/web", Signed("/usr/bin/a", key_)).status, 200);
  ASSERT_EQ(Delete("/api/v1/policies/web").status, 200);
  EXPECT_EQ(Put("/api/v1/policies/web", PolicyListing("/usr/bin/a")).status, 403);
  EXPECT_EQ(Pin(other_).Error(), "409 verifier.policy_key");
}

TEST_F(PinnedPoliciesTest, Attack_A11_NorDoesAnEnrolment) {
  ASSERT_EQ(Pin(key_).status, 200);
  AgentPeer agent(verifiers_);
  wire::EnrolRequest request = RequestFor(agent);
  request.runtime_policy_name = "web";
  EXPECT_EQ(Post("/v2.6/agents/m1", wire::WriteEnrolRequest(request)).Told(),
            "400 Runtime policy is not signed!");
  EXPECT_TRUE(store().ListPolicies()->empty());
  EXPECT_EQ(fleet().Find("m1"), nullptr);
}

TEST_F(PinnedPoliciesTest, OnlyKeysThatCanSignPoliciesArePinned) {
  for (const char* body :
       {"", "{}", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"}) {
    EXPECT_EQ(Put("/api/v1/policies/web/key", body).Error(), "400 verifier.policy_key") << body;
  }
  EXPECT_EQ(Put("/api/v1/policies/a%20b/key", key_.public_key().ToPem()).Error(),
            "400 wire.agent_id");
  EXPECT_EQ(Put("/api/v1/policies/web", PolicyListing("/usr/bin/a")).status, 200);
}

}  // namespace
}  // namespace limequat::verifier
