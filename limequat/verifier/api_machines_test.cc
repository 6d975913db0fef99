#include <filesystem>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "limequat/verifier/api_for_test.h"
#include "limequat/wire/own_api.h"

// /api/v1/agents and /api/v1/health.

namespace limequat::verifier {
namespace {

class MachinesApiTest : public ApiTest {
 protected:
  wire::OwnEnrolment Own(const wire::EnrolRequest& request) const {
    return {.enrolment = wire::WriteEnrolRequest(request),
            .identity = "verified",
            .identity_detail = {},
            .ek_fingerprint = std::string(64, 'e'),
            .policy_names = {}};
  }
  wire::OwnEnrolment Own() const { return Own(RequestFor(agent_)); }

  ApiAnswer Enrolled(std::string_view id, const wire::OwnEnrolment& own) {
    return Post(fmt::format("/api/v1/agents/{}", id), wire::WriteOwnEnrolment(own));
  }

  AgentPeer agent_{verifiers_};
};

TEST_F(MachinesApiTest, HealthIsForAnybody) {
  EXPECT_EQ(Get("/api/v1/health", As::kNobody).body, R"({"status":"ok","machines":0})");
  ASSERT_TRUE(Enrol("m1", agent_));
  const ApiAnswer answer = Get("/api/v1/health", As::kNobody);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, R"({"status":"ok","machines":1})");
}

// Whoever watches over the verifier must learn that it can store nothing.
TEST_F(MachinesApiTest, HealthIs503WithoutADatabase) {
  ASSERT_TRUE(Enrol("m1", agent_));
  EXPECT_EQ(Get("/api/v1/health", As::kNobody).status, 200);
  std::filesystem::remove(folder_ / "verifier.db");
  const auto nothing = [](sql::Connection&) -> Status { return {}; };
  // The first may join a transaction of the fleet that was begun before.
  static_cast<void>(store().database().Write({}, nothing));
  const Status written = store().database().Write({}, nothing);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().id, "sql.storage");
  const ApiAnswer answer = Get("/api/v1/health", As::kNobody);
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.body, R"({"status":"degraded","machines":1})");
}

// --- list and show ------------------------------------------------------------------

TEST_F(MachinesApiTest, ListOfNobodyAndOfTwo) {
  EXPECT_EQ(Get("/api/v1/agents").body, R"({"agents":[]})");
  ASSERT_TRUE(EnrolWith("m2", agent_, std::nullopt));
  ASSERT_TRUE(EnrolWith("m1", agent_, std::nullopt));
  const ApiAnswer answer = Get("/api/v1/agents");
  const json::Value agents = answer.At({"agents"});
  ASSERT_NE(agents.as_array(), nullptr) << answer.body;
  ASSERT_EQ(agents.as_array()->size(), 2U);
  EXPECT_EQ(wire::ParseMachineView(agents.as_array()->at(0))->agent_id, "m1");
  EXPECT_EQ(wire::ParseMachineView(agents.as_array()->at(1))->agent_id, "m2");
}

TEST_F(MachinesApiTest, LongListsComeWhole) {
  options_.pace.interval = std::chrono::hours(1);
  for (const int count : {400, 401}) {
    Stop();
    Execute("DELETE FROM machines");
    PutMachines(count);
    Restart();
    const ApiAnswer answer = Get("/api/v1/agents");
    const json::Value agents = answer.At({"agents"});
    ASSERT_NE(agents.as_array(), nullptr) << answer.body;
    ASSERT_EQ(agents.as_array()->size(), static_cast<std::size_t>(count));
    EXPECT_EQ(wire::ParseMachineView(agents.as_array()->back())->agent_id,
              fmt::format("m{:04}", count));
  }
}

TEST_F(MachinesApiTest, OneMachine) {
  ASSERT_TRUE(Enrol("m1", agent_));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  const ApiAnswer answer = Get("/api/v1/agents/m1");
  EXPECT_EQ(answer.status, 200);
  std::string members;
  for (const auto& [name, value] : *answer.document.as_object()) members += name + " ";
  EXPECT_EQ(members,
            "agent_id integrity trusted open_incidents identity baseline policy labels layers "
            "boot_policy boot_reference address "
            "evidence_time evidence_age_seconds attestations boots ima_entries last_problem ");
  const auto view = wire::ParseMachineView(answer.document);
  ASSERT_TRUE(view) << view.error().message;
  EXPECT_EQ(view->integrity, "pass");
  EXPECT_TRUE(view->trusted);
  EXPECT_EQ(view->ima_entries, 3);
  EXPECT_EQ(view->boots, 1);
  EXPECT_EQ(view->baseline, "approved");
}

TEST_F(MachinesApiTest, UnknownMachine) {
  EXPECT_EQ(Get("/api/v1/agents/m1").Error(), "404 verifier.unknown_agent");
  EXPECT_EQ(Get("/api/v1/agents/m1/findings").Error(), "404 verifier.unknown_agent");
  EXPECT_EQ(Get("/api/v1/agents/a%20b").Error(), "404 verifier.unknown_agent");
  EXPECT_EQ(Delete("/api/v1/agents/m1").Error(), "404 verifier.unknown_agent");
  EXPECT_EQ(Delete("/api/v1/agents/a%20b").Error(), "400 wire.agent_id");
}

TEST_F(MachinesApiTest, EnrolsAndShowsSeveralLayers) {
  const std::string team = PolicyListing("/usr/bin/team");
  ASSERT_TRUE(fleet().PushPolicy("base", PolicyListing("/usr/bin/old")));
  ASSERT_TRUE(fleet().PushPolicy("base", agent_.PolicyText()));
  ASSERT_TRUE(fleet().PushPolicy("team", team));
  wire::OwnEnrolment own = Own(agent_.Request());
  own.policy_names = {"team", "base"};
  ASSERT_EQ(Enrolled("m1", own).status, 201);
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  const auto view = wire::ParseMachineView(Get("/api/v1/agents/m1").document);
  ASSERT_TRUE(view) << view.error().message;
  EXPECT_EQ(view->policy.substr(0, 12), "team, base (");
  ASSERT_EQ(view->layers.size(), 2U);
  EXPECT_EQ(view->layers[0].name, "team");
  EXPECT_EQ(view->layers[0].version, 1);
  EXPECT_EQ(view->layers[0].sha256, policies_.Get(team).value()->hash().hex());
  EXPECT_EQ(view->layers[1].name, "base");
  EXPECT_EQ(view->layers[1].version, 2);
  EXPECT_EQ(view->layers[1].state, "in effect");
  own.policy_names = {"team", "team"};
  EXPECT_EQ(Enrolled("m2", own).Error(), "400 policy.layers");
  own.policy_names = {"team", "missing"};
  EXPECT_EQ(Enrolled("m2", own).Error(), "404 verifier.unknown_policy");
}

// --- findings -----------------------------------------------------------------------

TEST_F(MachinesApiTest, FindingsBeforeTheFirstAppraisal) {
  agent_.AnswerWith([](const auto&) { return http::Reply(500, ""); });
  ASSERT_TRUE(Enrol("m1", agent_));
  const ApiAnswer answer = Get("/api/v1/agents/m1/findings");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.Text({"machine", "agent_id"}), "m1");
  EXPECT_TRUE(answer.At({"current"}).is_null());
  EXPECT_EQ(answer.At({"failures"}).as_array()->size(), 0U);
}

TEST_F(MachinesApiTest, FindingsOfAFailure) {
  ASSERT_TRUE(Enrol("m1", agent_));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  agent_.Change([](auto& machine) {
    for (int i = 0; i < 30; ++i) machine.Run(fmt::format("/usr/bin/evil{}", i), "evil");
  });
  ASSERT_EQ(FailuresOf("m1").size(), 30U);
  ASSERT_TRUE(http::Eventually([&] { return !store().LoadFailures("m1")->empty(); }));
  const ApiAnswer answer = Get("/api/v1/agents/m1/findings");
  EXPECT_EQ(answer.Text({"current", "verdict"}), "fail");
  EXPECT_TRUE(answer.At({"current", "findings_not_shown"}).is_null()) << "shown in full";
  const json::Value failures = answer.At({"failures"});
  ASSERT_EQ(failures.as_array()->size(), 1U);
  EXPECT_EQ(*failures.as_array()->at(0).as_object()->Find("verdict")->as_string(), "fail");
  EXPECT_NE(answer.body.find("/usr/bin/evil29"), std::string::npos);
}

TEST_F(MachinesApiTest, FailureThatCannotBeReadIsOurDefect) {
  ASSERT_TRUE(Enrol("m1", agent_));
  Execute("INSERT INTO failures (agent_id, number, at_us, document) VALUES ('m1', 1, 0, 'x')");
  EXPECT_EQ(Get("/api/v1/agents/m1/findings").Error(), "500 verifier.store.failure");
}

// --- enrol --------------------------------------------------------------------------

TEST_F(MachinesApiTest, Enrols) {
  const ApiAnswer answer = Enrolled("m1", Own());
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.body, R"({"agent_id":"m1"})");
  const auto enrolment = StateOf("m1").enrolment;
  EXPECT_EQ(enrolment->identity, "verified");
  EXPECT_EQ(enrolment->ek_fingerprint, std::string(64, 'e'));
  EXPECT_EQ(enrolment->layers.at(0).policy, "m1");
  EXPECT_FALSE(enrolment->approve_first_boot);
  EXPECT_FALSE(enrolment->reference.waivers.sha1);
  EXPECT_FALSE(enrolment->reference.waivers.boot_aggregate_bank);
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_EQ(Enrolled("m1", Own()).Error(), "409 verifier.enrolled");
}

TEST_F(MachinesApiTest, WaiversAndApprovalAreTaken) {
  wire::OwnEnrolment own = Own();
  own.approve_current_boot = true;
  own.waive_sha1 = true;
  own.waive_boot_aggregate_bank = true;
  ASSERT_EQ(Enrolled("m1", own).status, 201);
  const auto enrolment = StateOf("m1").enrolment;
  EXPECT_TRUE(enrolment->approve_first_boot);
  EXPECT_TRUE(enrolment->reference.waivers.sha1);
  EXPECT_TRUE(enrolment->reference.waivers.boot_aggregate_bank);
}

TEST_F(MachinesApiTest, Attack_A12_UnverifiedIdentityNeedsAWaiver) {
  wire::OwnEnrolment own = Own();
  own.identity = "unverified";
  const ApiAnswer refused = Enrolled("m1", own);
  EXPECT_EQ(refused.Error(), "403 verifier.identity_unverified");
  EXPECT_EQ(refused.Text({"error", "code"}), "permission_denied");
  EXPECT_EQ(fleet().size(), 0U);
  own.waive_identity = true;
  EXPECT_EQ(Enrolled("m1", own).status, 201);
  EXPECT_EQ(StateOf("m1").enrolment->identity, "waived");
}

TEST_F(MachinesApiTest, PolicyByNameOrNone) {
  wire::OwnEnrolment own = Own();
  own.policy_names = {"base"};
  EXPECT_EQ(Enrolled("m1", own).Error(), "404 verifier.unknown_policy");
  ASSERT_TRUE(fleet().PushPolicy("base", PolicyListing("/usr/bin/other")));
  wire::EnrolRequest without = RequestFor(agent_);
  without.runtime_policy.reset();
  EXPECT_EQ(Enrolled("m2", Own(without)).status, 201);
  EXPECT_TRUE(LayersOf("m2").empty());
  own = Own(without);
  own.policy_names = {"base"};
  EXPECT_EQ(Enrolled("m1", own).status, 201);
  EXPECT_EQ(LayersOf("m1"), std::vector<std::string>{"base"});
}

TEST_F(MachinesApiTest, APolicyThatIsSentAlongIsTheLastLayer) {
  ASSERT_TRUE(fleet().PushPolicy("base", PolicyListing("/usr/bin/other")));
  wire::OwnEnrolment own = Own();
  own.policy_names = {"base"};
  ASSERT_EQ(Enrolled("m1", own).status, 201);
  EXPECT_EQ(LayersOf("m1"), (std::vector<std::string>{"base", "m1"}));
  EXPECT_TRUE(Becomes("m1", Integrity::kPass)) << "by the last layer alone";

  wire::EnrolRequest request = RequestFor(agent_);
  request.runtime_policy_name = "node-2";
  own.enrolment = wire::WriteEnrolRequest(request);
  ASSERT_EQ(Enrolled("m2", own).status, 201);
  EXPECT_EQ(LayersOf("m2"), (std::vector<std::string>{"base", "node-2"}));
  EXPECT_EQ(store().FindPolicy("node-2")->value().body, *request.runtime_policy);

  own = Own(request);
  own.policy_names = {"base", "node-2"};
  EXPECT_EQ(Enrolled("m3", own).Error(), "400 policy.layers") << "twice the same name";
  request.runtime_policy_name = "base";
  EXPECT_EQ(Enrolled("m3", Own(request)).Error(), "409 verifier.policy_exists")
      << "others are held to what has this name";
  EXPECT_EQ(fleet().Find("m3"), nullptr);
}

TEST_F(MachinesApiTest, Attack_A11_AKeyBesideNamesIsForWhatIsSentAlong) {
  ASSERT_TRUE(fleet().PushPolicy("base", PolicyListing("/usr/bin/other")));
  const auto key = crypto::PrivateKey::GenerateEd25519();
  wire::EnrolRequest request = RequestFor(agent_);
  request.runtime_policy_key = key.public_key().ToPem();
  wire::OwnEnrolment own = Own(request);
  own.policy_names = {"base"};
  EXPECT_EQ(Enrolled("m1", own).Error(), "403 policy.signature.present");
  const std::string plain = *request.runtime_policy;
  request.runtime_policy =
      policy::WriteEnvelope(policy::kKeylimePayloadType, plain,
                            {*policy::SignPayload(policy::kKeylimePayloadType, plain, key)});
  own.enrolment = wire::WriteEnrolRequest(request);
  // Its own name may be pinned to another key.
  const auto other = crypto::PrivateKey::GenerateEd25519();
  ASSERT_TRUE(fleet().PinPolicyKey("m1", other.public_key().ToPem()));
  EXPECT_EQ(Enrolled("m1", own).Error(), "403 policy.signature");
  EXPECT_EQ(fleet().size(), 0U);
  EXPECT_EQ(Enrolled("m2", own).status, 201);
  EXPECT_EQ(LayersOf("m2"), (std::vector<std::string>{"base", "m2"}));
}

TEST_F(MachinesApiTest, Attack_A10_PolicySentAlongMustSaySomething) {
  wire::EnrolRequest request = RequestFor(agent_);
  request.runtime_policy = appraise::testing::FakeMachine().PolicyText();
  EXPECT_EQ(Enrolled("m1", Own(request)).Error(), "400 verifier.policy_says_nothing");
  EXPECT_EQ(fleet().size(), 0U);
  EXPECT_TRUE(store().ListPolicies()->empty());
}

TEST_F(MachinesApiTest, WhatIsRefused) {
  const auto error = [&](std::string_view id, std::string body) {
    return Post(fmt::format("/api/v1/agents/{}", id), std::move(body)).Error();
  };
  const std::string good = wire::WriteOwnEnrolment(Own());
  EXPECT_EQ(error("a%20b", good), "400 wire.agent_id");
  EXPECT_EQ(error("m1", ""), "400 wire.own_enrolment.json");
  EXPECT_EQ(error("m1", "[]"), "400 wire.own_enrolment.member");
  EXPECT_EQ(error("m1", good.substr(0, good.size() - 1) + R"(,"waive_everything":true})"),
            "400 wire.own_enrolment.member");
  wire::OwnEnrolment own = Own();
  own.ek_fingerprint = "";
  EXPECT_EQ(Enrolled("m1", own).Error(), "400 wire.own_enrolment.member");
  own = Own();
  own.identity = "trust me";
  EXPECT_EQ(Enrolled("m1", own).Error(), "400 wire.own_enrolment.member");
  own = Own();
  own.enrolment = "{}";
  EXPECT_EQ(Enrolled("m1", own).Error(), "400 wire.enrol.missing");
  wire::EnrolRequest request = RequestFor(agent_);
  request.transport_certificate.reset();
  EXPECT_EQ(Enrolled("m1", Own(request)).Error(), "400 verifier.enrol.mtls");
  request = RequestFor(agent_);
  request.runtime_policy_name = "a b";
  EXPECT_EQ(Enrolled("m1", Own(request)).Error(), "400 wire.agent_id");
  request.runtime_policy.reset();
  EXPECT_EQ(Enrolled("m1", Own(request)).Error(), "400 verifier.enrol.policy_name");
  request.runtime_policy_name.clear();
  request.runtime_policy_key = crypto::PrivateKey::GenerateEd25519().public_key().ToPem();
  EXPECT_EQ(Enrolled("m1", Own(request)).Error(), "400 verifier.enrol.policy_key");
  request = RequestFor(agent_);
  request.mb_policy_name = "mb";
  EXPECT_EQ(Enrolled("m1", Own(request)).Error(), "400 verifier.enrol.boot_policy");
  wire::OwnEnrolment named = Own();
  named.boot_reference_name = "mb";
  EXPECT_EQ(Enrolled("m1", named).Error(), "404 verifier.unknown_policy");
  for (const char* policy : {"example", "unknown"}) {
    named = Own();
    named.boot_policy = policy;
    EXPECT_EQ(Enrolled("m1", named).Error(), "400 verifier.enrol.boot_policy") << policy;
  }
  named = Own();
  named.model = "R640";
  EXPECT_EQ(Enrolled("m1", named).Error(), "400 verifier.enrol.model") << "for no values";
  named.boot_reference_name = "mb";
  named.model = std::string(policy::kMaxBootValuesName + 1, 'x');
  EXPECT_EQ(Enrolled("m1", named).Error(), "400 verifier.enrol.model");
  request = RequestFor(agent_);
  request.mb_policy = "{}";
  EXPECT_EQ(Enrolled("m1", Own(request)).Error(), "400 verifier.policy_says_nothing");
  EXPECT_EQ(fleet().size(), 0U);
}

TEST_F(MachinesApiTest, Attack_A19_FingerprintHasOneSpelling) {
  wire::OwnEnrolment own = Own();
  own.ek_fingerprint = std::string(64, 'E');
  ASSERT_EQ(Enrolled("m1", own).status, 201);
  EXPECT_EQ(StateOf("m1").enrolment->ek_fingerprint, std::string(64, 'e'));
}

TEST_F(MachinesApiTest, Removes) {
  ASSERT_TRUE(Enrol("m1", agent_));
  const ApiAnswer answer = Delete("/api/v1/agents/m1");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "{}");
  EXPECT_EQ(fleet().Find("m1"), nullptr);
}

}  // namespace
}  // namespace limequat::verifier
