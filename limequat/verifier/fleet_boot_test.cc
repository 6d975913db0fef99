// Machines whose boots are held against a measured-boot policy.

#include <algorithm>
#include <future>

#include <gtest/gtest.h>

#include "limequat/json/value.h"
#include "limequat/policy/boot_values.h"
#include "limequat/policy/dsse.h"
#include "limequat/policy/testing/boot.h"
#include "limequat/verifier/driver.h"
#include "limequat/verifier/fleet_for_test.h"
#include "limequat/wire/envelope.h"

namespace limequat::verifier {
namespace {

using appraise::testing::FakeMachine;
using policy::BootPolicy;
using policy::testing::Boot;
using Choice = Fleet::PolicyChoice;
using Push = Fleet::Push;
using testing::IdOf;

// Good for the boot of policy::testing::Boot.
std::string Good() { return json::Serialize(policy::testing::Reference()); }

// For one whose kernel has another command line.
std::string GoodForAnotherLine() {
  json::Object kernel = policy::testing::KernelReference();
  kernel.Set("kernel_cmdline", "another");
  json::Object reference = policy::testing::Reference();
  reference.Set("kernels", json::Array{kernel});
  return json::Serialize(reference);
}

class FleetBootTest : public VerifierTest {
 protected:
  FleetBootTest() {
    agent_.Change([](FakeMachine& machine) {
      machine.BootFromLog(Boot().Log());
      machine.Run("/usr/bin/init", "init 1");
    });
  }

  Status EnrolBoot(std::string_view id, const std::optional<Choice>& boot,
                   std::optional<BootPolicy> policy = std::nullopt) {
    Enrolment enrolment = EnrolmentOf(id, agent_);
    enrolment.boot_policy = policy;
    return fleet().Enrol(std::move(enrolment),
                         {{.name = std::string(id), .body = agent_.PolicyText()}}, boot);
  }
  static Choice Own(std::string body = Good()) { return {.name = "m1", .body = std::move(body)}; }

  AgentPeer agent_{verifiers_};
};

TEST_F(FleetBootTest, AGoodBootPassesAlsoAfterARestart) {
  ASSERT_TRUE(EnrolBoot("m1", Own()));
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_NE(FindCheck(StateOf("m1").newest->findings, "tpm.clock"), nullptr);
  const auto hash = StateOf("m1").enrolment->reference.boot->hash();
  EXPECT_TRUE(AttestedAgain("m1"));
  Restart();
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_EQ(StateOf("m1").enrolment->boot_policy_name, "m1");
  EXPECT_EQ(StateOf("m1").enrolment->reference.boot->hash(), hash);
}

// A policy that asks for the kernel's command line needs no boot policy beside it.
TEST_F(FleetBootTest, Attack_A02_TheEventLogProvesTheCommandLine) {
  const auto enrol = [&](std::string_view id, std::string_view value) {
    std::string policy = agent_.PolicyText();
    policy.insert(policy.find(R"("dm_policy")"), R"("coverage":{"command_line":{"ima_policy":[")" +
                                                     std::string(value) + R"("]}},)");
    return fleet().Enrol(EnrolmentOf(id, agent_), {Choice{.name = std::string(id), .body = policy}},
                         std::nullopt);
  };
  Boot boot;
  for (const std::size_t index : {1U, 2U}) {
    const std::string line = "/vmlinuz ro ima_policy=tcb";
    boot.At(8, index).data =
        ToBytes((index == 1 ? "grub_cmd: linux " : "kernel_cmdline: ") + line + '\0');
    boot.At(8, index).measured = ToBytes((index == 1 ? "linux " : "") + line);
  }
  agent_.Change([&](FakeMachine& machine) {
    machine.BootFromLog(boot.Log());
    machine.Run("/usr/bin/init", "init 1");
  });
  ASSERT_TRUE(enrol("m1", "tcb"));
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_TRUE(AttestedAgain("m1"));
  const Finding* finding = FindCheck(StateOf("m1").newest->findings, "ima.coverage");
  ASSERT_NE(finding, nullptr);
  EXPECT_TRUE(finding->passed());
  ASSERT_TRUE(enrol("m2", "other"));
  EXPECT_TRUE(Becomes("m2", Integrity::kFail));
}

// The machine is busy while both come: the second change is made to what the first left.
TEST_F(FleetBootTest, ChangesOfBothPoliciesHoldHoweverCloseTheyCome) {
  const auto machine = LoneMachine("m1", agent_);
  const std::vector<BoundLayer> layers{{.policy = "base", .version = 2}};
  const auto compared = *boots_.Get(std::nullopt, GoodForAnotherLine());
  std::promise<void> go_on;
  runtime_.CreateStrand().Post([busy = go_on.get_future().share()] { busy.wait(); });
  machine->Change(7, Time(), [&](Enrolment& enrolment) { enrolment.layers = layers; });
  machine->Change(8, Time(), [&](Enrolment& enrolment) { enrolment.reference.boot = compared; });
  go_on.set_value();
  machine->WaitForChanges();
  EXPECT_EQ(machine->Enrolled()->layers, layers);
  EXPECT_EQ(machine->Enrolled()->reference.boot, compared);
  EXPECT_EQ(machine->Enrolled()->generation, 8);
  machine->StopAndWait();
}

// As when the outcome of the first push was not known: the database has the text, the machine
// has not.
TEST_F(FleetBootTest, Attack_A14_ARepeatedPushReachesAMachineThatIsBehind) {
  ASSERT_TRUE(fleet().PushBootPolicy("boots", Good(), Push::kNew));
  ASSERT_TRUE(fleet().Enrol(EnrolmentOf("m1", agent_), {}, Choice{.name = "boots", .body = {}}));
  ASSERT_TRUE(
      store().PutBootPolicy({.name = "boots", .hash = {}, .body = GoodForAnotherLine()}, {}));
  const auto pushed = fleet().PushBootPolicy("boots", GoodForAnotherLine(), Push::kChange);
  EXPECT_EQ(pushed.value_or(99), 1U);
  EXPECT_EQ(StateOf("m1").enrolment->reference.boot,
            *boots_.Get(std::nullopt, GoodForAnotherLine()));
  EXPECT_EQ(fleet().PushBootPolicy("boots", GoodForAnotherLine(), Push::kChange).value_or(99), 0U);
}

// Asked for with the boot PCRs, and not again in this boot.
TEST_F(FleetBootTest, TheBootIsAskedForOnceInABoot) {
  ASSERT_TRUE(EnrolBoot("m1", Own()));
  ASSERT_TRUE(AttestedAgain("m1", 3));
  const auto questions = agent_.questions();
  EXPECT_EQ(questions.at(0).mask, appraise::kFullPcrs | tpm::PcrSet::Of(14));
  for (std::size_t i = 1; i < questions.size(); ++i) {
    EXPECT_EQ(questions[i].mask, tpm::PcrSet::Of(tpm::kImaPcr)) << i;
  }
}

TEST_F(FleetBootTest, AnotherBootFailsAndStays) {
  ASSERT_TRUE(EnrolBoot("m1", Own(GoodForAnotherLine())));
  EXPECT_EQ(FailuresOf("m1"), std::vector<std::string>{"boot.command_line"});
  EXPECT_TRUE(AttestedAgain("m1"));
  EXPECT_EQ(FailuresOf("m1"), std::vector<std::string>{"boot.command_line"});
}

TEST_F(FleetBootTest, Attack_A07_NoLogIsAFinding) {
  agent_.Change([](FakeMachine& machine) { machine.ReplaceBootLog(std::nullopt); });
  ASSERT_TRUE(EnrolBoot("m1", Own()));
  const auto failures = FailuresOf("m1");
  EXPECT_NE(std::ranges::find(failures, "eventlog.present"), failures.end());
}

TEST_F(FleetBootTest, LogThatIsNoBase64IsMalformed) {
  agent_.AnswerWith([this](const AgentPeer::Question& question) -> std::optional<http::Response> {
    wire::QuoteAnswer answer = agent_.HonestQuote(question);
    answer.mb_measurement_list = "*";
    return http::Reply(200, wire::WriteEnvelope({.results = wire::WriteQuoteAnswer(answer)}));
  });
  ASSERT_TRUE(EnrolBoot("m1", Own()));
  EXPECT_EQ(FailuresOf("m1"), std::vector<std::string>{"evidence.malformed"});
}

// What nothing looks at is not even decoded.
TEST_F(FleetBootTest, LogWithoutABootPolicyIsIgnored) {
  agent_.AnswerWith([this](const AgentPeer::Question& question) -> std::optional<http::Response> {
    wire::QuoteAnswer answer = agent_.HonestQuote(question);
    answer.mb_measurement_list = "*";
    return http::Reply(200, wire::WriteEnvelope({.results = wire::WriteQuoteAnswer(answer)}));
  });
  ASSERT_TRUE(EnrolBoot("m1", std::nullopt));
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
}

TEST_F(FleetBootTest, PoliciesByNameAreSharedAndFollowed) {
  EXPECT_EQ(IdOf(EnrolBoot("m1", Choice{.name = "web", .body = {}})), "verifier.unknown_policy");
  ASSERT_EQ(*fleet().PushBootPolicy("web", Good(), Push::kNew), 0U);
  ASSERT_TRUE(EnrolBoot("m1", Choice{.name = "web", .body = {}}));
  ASSERT_TRUE(EnrolBoot("m2", Choice{.name = "web", .body = {}}));
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_EQ(StateOf("m1").enrolment->reference.boot, StateOf("m2").enrolment->reference.boot);
  EXPECT_EQ(*fleet().PushBootPolicy("web", Good(), Push::kEither), 0U) << "the same text";
  EXPECT_EQ(*fleet().PushBootPolicy("web", GoodForAnotherLine(), Push::kChange), 2U);
  EXPECT_EQ(FailuresOf("m1"), std::vector<std::string>{"boot.command_line"});
  EXPECT_EQ(FailuresOf("m2"), std::vector<std::string>{"boot.command_line"});
  Restart();
  EXPECT_EQ(FailuresOf("m1"), std::vector<std::string>{"boot.command_line"});
}

TEST_F(FleetBootTest, NewAndKnownNames) {
  EXPECT_EQ(IdOf(fleet().PushBootPolicy("web", Good(), Push::kChange)), "verifier.unknown_policy");
  EXPECT_EQ(IdOf(fleet().PushBootPolicy("web", Good(), Push::kNew)), "ok");
  EXPECT_EQ(IdOf(fleet().PushBootPolicy("web", Good(), Push::kNew)), "verifier.policy_exists");
  EXPECT_EQ(IdOf(EnrolBoot("m1", Choice{.name = "web", .body = Good()})), "verifier.policy_exists");
  EXPECT_EQ(fleet().size(), 0U);
  EXPECT_EQ(Column("SELECT CAST(COUNT(*) AS TEXT) FROM policies"), "0");
}

TEST_F(FleetBootTest, PoliciesInUseStayAndThoseOfOneMachineGoWithIt) {
  ASSERT_TRUE(fleet().PushBootPolicy("web", Good(), Push::kNew));
  ASSERT_TRUE(EnrolBoot("m1", Choice{.name = "web", .body = {}}));
  EXPECT_EQ(IdOf(fleet().RemoveBootPolicy("web")), "verifier.policy_in_use");
  ASSERT_TRUE(fleet().Remove(*wire::AgentId::Parse("m1")));
  EXPECT_EQ(IdOf(fleet().RemoveBootPolicy("web")), "ok");
  EXPECT_EQ(IdOf(fleet().RemoveBootPolicy("web")), "verifier.unknown_policy");
  ASSERT_TRUE(EnrolBoot("m1", Own()));
  ASSERT_TRUE(fleet().Remove(*wire::AgentId::Parse("m1")));
  EXPECT_TRUE(store().ListBootPolicies()->empty());
  // The `update` of Keylime's tenant.
  EXPECT_TRUE(EnrolBoot("m1", Own(GoodForAnotherLine())));
}

TEST_F(FleetBootTest, TextThatCannotBeReadIsRefused) {
  EXPECT_EQ(IdOf(EnrolBoot("m1", Own("{"))), "verifier.boot_policy");
  EXPECT_EQ(IdOf(fleet().PushBootPolicy("web", R"({"kernels": 7})", Push::kNew)),
            "verifier.boot_policy");
  EXPECT_TRUE(store().ListBootPolicies()->empty());
}

TEST_F(FleetBootTest, PolicyOfTheEnrolmentComesBeforeTheUsualOne) {
  ASSERT_TRUE(EnrolBoot("m1", Own(GoodForAnotherLine()), BootPolicy::kAcceptAll));
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  ASSERT_TRUE(EnrolBoot("m2", std::nullopt, BootPolicy::kMeasuredOnly));
  EXPECT_TRUE(Becomes("m2", Integrity::kPass));
  Restart();
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_EQ(StateOf("m1").enrolment->reference.boot->policy(), BootPolicy::kAcceptAll);
  EXPECT_EQ(StateOf("m2").enrolment->reference.boot->policy(), BootPolicy::kMeasuredOnly);
}

TEST_F(FleetBootTest, MachineWhoseBootPolicyIsLostIsNotLoaded) {
  ASSERT_TRUE(EnrolBoot("m1", Own()));
  fleet();
  Execute("DELETE FROM boot_policies");
  Restart();
  EXPECT_EQ(fleet().size(), 0U);
}

// A document that is not signed does not come in where policies must be signed, whatever
// its kind; a signed one is the reference state that it holds.
TEST(BootReferenceSigning, Attack_A11_ReferenceStatesAreNoWayAroundSignatures) {
  const auto key = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256);
  PolicySigning signing;
  signing.signers.keys = {key.public_key()};
  PolicyShelf shelf(signing);
  const auto verify = [&](std::string_view body) {
    return IdOf(shelf.VerifySender(body, std::nullopt, Time(), policy::kBootValuesPayloadType));
  };
  EXPECT_EQ(verify(Good()), "policy.signature.present");
  const std::string envelope =
      policy::WriteEnvelope(policy::kBootValuesPayloadType, Good(),
                            {*policy::SignPayload(policy::kBootValuesPayloadType, Good(), key)});
  EXPECT_EQ(verify(envelope), "ok");
  BootShelf boots;
  EXPECT_EQ(*boots.Get(std::nullopt, envelope), *boots.Get(std::nullopt, Good()));
}

TEST_F(FleetBootTest, Attack_A11_UnverifiedEnvelopeIsRefused) {
  const auto key = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256);
  const std::string envelope =
      policy::WriteEnvelope(policy::kBootValuesPayloadType, Good(),
                            {*policy::SignPayload(policy::kBootValuesPayloadType, Good(), key)});
  EXPECT_EQ(IdOf(EnrolBoot("m1", Own(envelope))), "verifier.boot_policy_signature");
  EXPECT_EQ(IdOf(fleet().PushBootPolicy("web", envelope, Push::kNew)),
            "verifier.boot_policy_signature");
}

}  // namespace
}  // namespace limequat::verifier
