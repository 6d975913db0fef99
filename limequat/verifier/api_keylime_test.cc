#include <fmt/format.h>
#include <gtest/gtest.h>

#include "limequat/verifier/api_for_test.h"
#include "limequat/wire/enrolment.h"

// Keylime's API v2 (keylime-server-protocol, 2.2): statuses, texts and shapes.

namespace limequat::verifier {
namespace {

class KeylimeApiTest : public ApiTest {
 protected:
  std::string Enrolled(std::string_view id, const wire::EnrolRequest& request) {
    return Post(fmt::format("/v2.6/agents/{}", id), wire::WriteEnrolRequest(request)).Told();
  }
  AgentPeer agent_{verifiers_};
};

TEST_F(KeylimeApiTest, VersionIsForAnybody) {
  const ApiAnswer answer = Get("/version", As::kNobody);
  EXPECT_EQ(answer.Told(), "200 Success");
  EXPECT_EQ(answer.Text({"results", "current_version"}), "2.6");
  EXPECT_EQ(json::Serialize(answer.At({"results", "supported_versions"})),
            R"(["2.0","2.1","2.2","2.3","2.4","2.5","2.6"])");
}

TEST_F(KeylimeApiTest, OtherVersionsAreUnknownPaths) {
  ASSERT_TRUE(Enrol("m1", agent_));
  for (const char* version : {"v1.0", "v3", "v3.0", "2.6", "v2.", "vx", "api"}) {
    const std::string agents = fmt::format("/{}/agents", version);
    for (const ApiAnswer& answer :
         {Get(agents), Get(agents + "/m1"), Post(agents + "/m2", "{}"), Delete(agents + "/m1")}) {
      EXPECT_EQ(answer.status, 404) << agents;
      EXPECT_EQ(answer.body, "") << agents;
      EXPECT_EQ(answer.content_type, "text/html; charset=UTF-8") << agents;
    }
  }
  EXPECT_NE(fleet().Find("m1"), nullptr);
  for (const char* version : {"v2", "v2.0", "v2.6", "v2.9"}) {
    EXPECT_EQ(Get(fmt::format("/{}/agents/m1", version)).status, 200) << version;
  }
}

// --- list ---------------------------------------------------------------------------

TEST_F(KeylimeApiTest, ListOfNobody) {
  EXPECT_EQ(Get("/v2.6/agents").Told(), "200 Success");
  EXPECT_EQ(json::Serialize(Get("/v2.6/agents/").At({"results"})), R"({"uuids":[]})");
  EXPECT_EQ(json::Serialize(Get("/v2.6/agents?bulk=True").At({"results"})), "{}");
}

TEST_F(KeylimeApiTest, ListsIdentifiersOneByOneOrStatusesInBulk) {
  ASSERT_TRUE(EnrolWith("m2", agent_, std::nullopt));
  ASSERT_TRUE(EnrolWith("m1", agent_, std::nullopt));
  for (const char* target : {"/v2.6/agents", "/v2.6/agents/", "/v2.6/agents?bulk="}) {
    EXPECT_EQ(json::Serialize(Get(target).At({"results"})), R"({"uuids":[["m1"],["m2"]]})")
        << target;
  }
  for (const char* target : {"/v2.6/agents?bulk=True", "/v2.6/agents/?bulk=x"}) {
    const ApiAnswer bulk = Get(target);
    EXPECT_EQ(bulk.At({"results"}).as_object()->size(), 2U) << bulk.body;
    EXPECT_EQ(bulk.Int({"results", "m2", "port"}), agent_.port());
  }
}

TEST_F(KeylimeApiTest, LongListsComeWhole) {
  options_.pace.interval = std::chrono::hours(1);
  // Two full pages, and one machine more.
  for (const int count : {400, 401}) {
    Stop();
    Execute("DELETE FROM machines");
    PutMachines(count);
    Restart();
    const auto size = static_cast<std::size_t>(count);
    const ApiAnswer list = Get("/v2.6/agents");
    const json::Value uuids = list.At({"results", "uuids"});
    ASSERT_NE(uuids.as_array(), nullptr) << list.body;
    ASSERT_EQ(uuids.as_array()->size(), size);
    for (std::size_t i = 0; i < size; ++i) {
      EXPECT_EQ(*uuids.as_array()->at(i).as_array()->at(0).as_string(),
                fmt::format("m{:04}", i + 1));
    }
    const ApiAnswer bulk = Get("/v2.6/agents?bulk=1");
    ASSERT_NE(bulk.At({"results"}).as_object(), nullptr);
    EXPECT_EQ(bulk.At({"results"}).as_object()->size(), size);
  }
}

// --- one ----------------------------------------------------------------------------

TEST_F(KeylimeApiTest, StatusOfOneMachine) {
  ASSERT_EQ(Enrolled("m1", RequestFor(agent_)), "200 Success");
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  const ApiAnswer answer = Get("/v2.6/agents/m1");
  EXPECT_EQ(answer.Told(), "200 Success");
  EXPECT_EQ(answer.content_type, "application/json");
  const json::Value results = answer.At({"results"});
  std::string members;
  for (const auto& [name, value] : *results.as_object()) members += name + " ";
  EXPECT_EQ(members,
            "operational_state v ip port tpm_policy meta_data has_mb_refstate has_runtime_policy "
            "accept_tpm_hash_algs accept_tpm_encryption_algs accept_tpm_signing_algs hash_alg "
            "enc_alg sign_alg verifier_id verifier_ip verifier_port severity_level last_event_id "
            "attestation_count last_received_quote last_successful_attestation attestation_status "
            "attestation_period maximum_attestation_interval ");
  EXPECT_EQ(answer.Int({"results", "operational_state"}), 3);
  EXPECT_EQ(answer.Text({"results", "attestation_status"}), "PASS");
  EXPECT_EQ(answer.Text({"results", "verifier_id"}), "default");
  EXPECT_EQ(answer.Text({"results", "verifier_ip"}), "10.0.0.1");
  EXPECT_EQ(answer.Int({"results", "verifier_port"}), 8881);
  EXPECT_EQ(answer.Int({"results", "has_runtime_policy"}), 1);
  EXPECT_TRUE(answer.At({"results", "v"}).is_null()) << "no key half is given away (Q12)";
  EXPECT_GT(answer.Int({"results", "attestation_count"}), 0);
}

TEST_F(KeylimeApiTest, UnknownMachine) {
  EXPECT_EQ(Get("/v2.6/agents/m1").Told(), "404 agent id not found");
  EXPECT_EQ(Get("/v2.6/agents/a%20b").Told(), "404 agent id not found");
}

// --- enrol --------------------------------------------------------------------------

TEST_F(KeylimeApiTest, EnrolsAndSaysWhoVouchesForTheIdentity) {
  ASSERT_EQ(Enrolled("m1", RequestFor(agent_)), "200 Success");
  const MachineState state = StateOf("m1");
  EXPECT_EQ(state.enrolment->identity, "asserted by alice");
  EXPECT_EQ(LayersOf("m1"), std::vector<std::string>{"m1"}) << "its own policy has its name";
  EXPECT_FALSE(state.enrolment->approve_first_boot);
  EXPECT_FALSE(state.enrolment->reference.waivers.sha1);
  EXPECT_EQ(Enrolled("m1", RequestFor(agent_)),
            "409 Agent of uuid m1 already exists. Please use delete or update.");
}

TEST_F(KeylimeApiTest, PolicyByName) {
  wire::EnrolRequest request = RequestFor(agent_);
  request.runtime_policy_name = "base";
  ASSERT_EQ(Enrolled("m1", request), "200 Success");
  EXPECT_EQ(LayersOf("m1"), std::vector<std::string>{"base"});
  request.runtime_policy = PolicyListing("/usr/bin/other");
  EXPECT_EQ(Enrolled("m2", request),
            "409 IMA policy with name base already exists. Please use a different name or delete "
            "the allowlist from the verifier.");
  request.runtime_policy.reset();
  EXPECT_EQ(Enrolled("m2", request), "200 Success");
  EXPECT_EQ(StateOf("m2").enrolment->PolicyHash(), StateOf("m1").enrolment->PolicyHash());
  request.runtime_policy_name = "missing";
  EXPECT_EQ(Enrolled("m3", request), "404 Could not find IMA policy with name missing!");
  request.runtime_policy_name = "";
  EXPECT_EQ(Enrolled("m3", request), "200 Success");
  EXPECT_EQ(Get("/v2.6/agents/m3").Int({"results", "has_runtime_policy"}), 0);
}

// --- signed policies (5.5, 5.7) -------------------------------------------------------

std::string SignedWith(const crypto::PrivateKey& key, std::string_view policy) {
  return policy::WriteEnvelope(policy::kKeylimePayloadType, policy,
                               {*policy::SignPayload(policy::kKeylimePayloadType, policy, key)});
}

TEST_F(KeylimeApiTest, TakesASignedPolicyWithItsKey) {
  const auto key = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256);
  wire::EnrolRequest request = RequestFor(agent_);
  const std::string envelope = SignedWith(key, *request.runtime_policy);
  request.runtime_policy = envelope;
  request.runtime_policy_key = key.public_key().ToPem();
  request.runtime_policy_name = "base";
  ASSERT_EQ(Enrolled("m1", request), "200 Success");
  ASSERT_TRUE(Becomes("m1", Integrity::kPass)) << "by what the envelope holds";
  // It is stored as it came; the checksum is over the envelope (5.4).
  const auto stored = store().FindPolicy("base");
  ASSERT_TRUE(stored && *stored);
  EXPECT_EQ((*stored)->body, envelope);
  EXPECT_EQ((*stored)->hash, crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(envelope)));
  Stop();
  ASSERT_TRUE(Becomes("m1", Integrity::kPass)) << "after a restart, without the key";
  // By name, with and without the key.
  request.runtime_policy.reset();
  EXPECT_EQ(Enrolled("m2", request), "200 Success");
  request.runtime_policy_key.reset();
  EXPECT_EQ(Enrolled("m3", request), "200 Success");
  request.runtime_policy_key =
      crypto::PrivateKey::GenerateEc(crypto::Curve::kP256).public_key().ToPem();
  EXPECT_EQ(Enrolled("m4", request), "401 Runtime policy failed DSSE signature verification!");
}

TEST_F(KeylimeApiTest, Quirk_Q11_Attack_A11_RefusesPoliciesThatNobodyVouchesFor) {
  const auto key = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256);
  const auto other = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256);
  const std::string plain = *RequestFor(agent_).runtime_policy;
  wire::EnrolRequest request = RequestFor(agent_);
  request.runtime_policy = SignedWith(key, plain);
  EXPECT_EQ(Enrolled("m1", request),
            "401 Runtime policy signature verification required but no key was given!");
  request.runtime_policy_key = other.public_key().ToPem();
  EXPECT_EQ(Enrolled("m1", request), "401 Runtime policy failed DSSE signature verification!");
  request.runtime_policy = plain;
  EXPECT_EQ(Enrolled("m1", request), "400 Runtime policy is not signed!");
  request.runtime_policy = SignedWith(key, plain);
  request.runtime_policy_key = "no key";
  EXPECT_TRUE(Enrolled("m1", request).starts_with("400 Runtime policy is malformatted: "));
  request.runtime_policy = SignedWith(key, "{}");
  request.runtime_policy_key = key.public_key().ToPem();
  EXPECT_TRUE(Enrolled("m1", request).starts_with("400 Runtime policy is malformatted: "));
  EXPECT_EQ(fleet().size(), 0U);
  EXPECT_TRUE(store().ListPolicies()->empty());
}

TEST_F(KeylimeApiTest, WhatIsRefusedAndHow) {
  const auto told = [&](std::string_view id, std::string body) {
    return Post(fmt::format("/v2.6/agents/{}", id), std::move(body)).Told();
  };
  const std::string good = wire::WriteEnrolRequest(RequestFor(agent_));
  EXPECT_EQ(told("a%20b", good), "400 agent_id not not valid");
  EXPECT_EQ(told("..", good), "400 agent_id not not valid");
  EXPECT_EQ(told("m1", ""), "400 Expected non zero content length");
  EXPECT_TRUE(told("m1", "{").starts_with("400 Exception error: ")) << told("m1", "{");
  EXPECT_TRUE(told("m1", "[]").starts_with("400 Exception error: "));
  json::Object without;
  const json::Value document = *json::Parse(good);
  for (const auto& [name, value] : *document.as_object()) {
    if (name != "tpm_policy") without.Set(name, value);
  }
  EXPECT_EQ(told("m1", json::Serialize(without)), "400 Exception error: 'tpm_policy'");

  wire::EnrolRequest request = RequestFor(agent_);
  request.runtime_policy = "[]";
  EXPECT_TRUE(Enrolled("m1", request).starts_with("400 Runtime policy is malformatted: "));
  request = RequestFor(agent_);
  request.transport_certificate = "disabled";
  EXPECT_EQ(Enrolled("m1", request), "400 mTLS certificate for agent is required!");
  request = RequestFor(agent_);
  request.mb_policy_name = "mb";
  EXPECT_EQ(Enrolled("m1", request), "404 Could not find mb_policy with name mb!");
  request = RequestFor(agent_);
  request.mb_policy = "not json";
  EXPECT_TRUE(Enrolled("m1", request).starts_with("400 Exception error: the measured-boot policy"));
  request = RequestFor(agent_);
  request.ak_tpm = testing::MakeAkTpm2b(0x00040072);
  EXPECT_TRUE(Enrolled("m1", request).starts_with("400 Exception error: ak_tpm"));
  EXPECT_EQ(fleet().size(), 0U);
  EXPECT_TRUE(store().ListPolicies()->empty());
}

TEST_F(KeylimeApiTest, FullVerifierIs503) {
  options_.max_machines = 0;
  EXPECT_EQ(Enrolled("m1", RequestFor(agent_)), "503 this verifier has its 0 machines");
}

TEST_F(KeylimeApiTest, DatabaseThatRefusesIsNoClientsFault) {
  fleet();
  Execute("DROP TABLE machines");
  EXPECT_EQ(Enrolled("m1", RequestFor(agent_)).substr(0, 4), "500 ");
}

// --- delete -------------------------------------------------------------------------

TEST_F(KeylimeApiTest, Deletes) {
  ASSERT_EQ(Enrolled("m1", RequestFor(agent_)), "200 Success");
  EXPECT_EQ(Delete("/v2.6/agents/m1").Told(), "200 Success");
  EXPECT_EQ(fleet().Find("m1"), nullptr);
  EXPECT_EQ(Delete("/v2.6/agents/m1").Told(), "404 agent id not found");
  EXPECT_EQ(Delete("/v2.6/agents/a%20b").Told(), "404 agent id not found");
}

}  // namespace
}  // namespace limequat::verifier
