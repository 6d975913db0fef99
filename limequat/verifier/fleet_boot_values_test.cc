// Machines whose boots are held against boot reference values.

#include <algorithm>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "limequat/json/value.h"
#include "limequat/policy/boot_values.h"
#include "limequat/policy/dsse.h"
#include "limequat/policy/testing/boot_values.h"
#include "limequat/verifier/fleet_for_test.h"

namespace limequat::verifier {
namespace {

using appraise::testing::FakeMachine;
using policy::kBootValuesPayloadType;
using policy::kKeylimePayloadType;
using policy::testing::Boot;
using Choice = Fleet::PolicyChoice;
using Push = Fleet::Push;
using testing::IdOf;

constexpr std::string_view kNextLine = "/vmlinuz-next root=/dev/vda ro";

// The boot of policy::testing::Boot with the next kernel: its image, file and command line.
Bytes NextBoot() {
  Boot boot;
  boot.At(4, 4).measured = ToBytes("next kernel");
  boot.At(8, 1) = {8, eventlog::EventType::kIpl,
                   ToBytes("grub_cmd: linux " + std::string(kNextLine) + '\0'),
                   ToBytes("linux " + std::string(kNextLine))};
  boot.At(8, 2) = {8, eventlog::EventType::kIpl,
                   ToBytes("kernel_cmdline: " + std::string(kNextLine) + '\0'), ToBytes(kNextLine)};
  boot.At(9, 1).measured = ToBytes("the next kernel's file");
  return boot.Log();
}

json::Object NextKernel() {
  json::Object kernel = policy::testing::ValuesKernel();
  kernel.Set("version", "6.12");
  kernel.Set("images", json::Array{policy::testing::Hex256("next kernel")});
  kernel.Set("file", policy::testing::Hex256("the next kernel's file"));
  kernel.Set("command_lines", json::Array{kNextLine});
  return kernel;
}

// Values of this release under the name `fleet`, for the usual boot or the next one too.
std::string Values(std::uint64_t release, bool next = false) {
  json::Object values = policy::testing::Values();
  values.Set("name", "fleet");
  values.Set("release", release);
  if (next) values.Set("kernels", json::Array{policy::testing::ValuesKernel(), NextKernel()});
  return json::Serialize(values);
}

std::string Signed(std::string_view type, std::string_view payload, const crypto::PrivateKey& key) {
  return policy::WriteEnvelope(type, payload, {*policy::SignPayload(type, payload, key)});
}

class FleetBootValuesTest : public VerifierTest {
 protected:
  FleetBootValuesTest() { BootAgain(Boot().Log()); }

  void BootAgain(Bytes log) {
    agent_.Change([&](FakeMachine& machine) {
      machine.BootFromLog(std::move(log));
      machine.Run("/usr/bin/init", "init 1");
    });
  }
  Status EnrolAs(std::string_view id, std::string model = {}) {
    Enrolment enrolment = EnrolmentOf(id, agent_);
    enrolment.model = std::move(model);
    return fleet().Enrol(std::move(enrolment),
                         {{.name = std::string(id), .body = agent_.PolicyText()}},
                         Choice{.name = "fleet", .body = {}});
  }
  std::string Pushed(std::string_view body, std::string_view name = "fleet") {
    return IdOf(fleet().PushBootPolicy(name, body, Push::kEither));
  }

  AgentPeer agent_{verifiers_};
};

TEST_F(FleetBootValuesTest, AreToldFromReferenceStatesByTheirContent) {
  ASSERT_EQ(Pushed(Values(1)), "ok");
  ASSERT_TRUE(EnrolAs("m1"));
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_NE(StateOf("m1").enrolment->reference.boot->values(), nullptr);
  Restart();
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_NE(StateOf("m1").enrolment->reference.boot->values(), nullptr);
}

TEST_F(FleetBootValuesTest, AnotherCommandLineFailsAndIsNamed) {
  ASSERT_EQ(Pushed(Values(1)), "ok");
  ASSERT_TRUE(EnrolAs("m1"));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  Boot boot;
  boot.At(8, 2) = {8, eventlog::EventType::kIpl,
                   ToBytes(std::string_view("kernel_cmdline: evil\0", 21)),
                   ToBytes(std::string_view("evil"))};
  BootAgain(boot.Log());
  EXPECT_EQ(FailuresOf("m1"), std::vector<std::string>{"boot.command_line"});
  const Finding* finding = FindCheck(StateOf("m1").newest->findings, "boot.command_line");
  ASSERT_NE(finding, nullptr);
  EXPECT_NE(finding->detail.find("'evil'"), std::string::npos) << finding->detail;
}

// The roll-out of a kernel: the values first, then the reboot; nobody enrols anew, and the
// boot baseline, approved or not, has nothing to say.
TEST_F(FleetBootValuesTest, TheNextReleaseMakesTheNextKernelPass) {
  ASSERT_EQ(Pushed(Values(1)), "ok");
  Enrolment approved = EnrolmentOf("m1", agent_);
  approved.approve_first_boot = true;
  ASSERT_TRUE(fleet().Enrol(std::move(approved), {{.name = "m1", .body = agent_.PolicyText()}},
                            Choice{.name = "fleet", .body = {}}));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  ASSERT_TRUE(StateOf("m1").memory.baseline->approved);
  EXPECT_EQ(*fleet().PushBootPolicy("fleet", Values(2, /*next=*/true), Push::kChange), 1U);
  ASSERT_TRUE(AttestedAgain("m1"));
  BootAgain(NextBoot());
  ASSERT_TRUE(Comes("m1", [](const MachineState& state) { return state.memory.boots == 2; }));
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_EQ(StateOf("m1").memory.open_incidents, 0);
}

TEST_F(FleetBootValuesTest, TheNextKernelFailsWithoutTheNextRelease) {
  ASSERT_EQ(Pushed(Values(1)), "ok");
  ASSERT_TRUE(EnrolAs("m1"));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  BootAgain(NextBoot());
  ASSERT_TRUE(Becomes("m1", Integrity::kFail));
  // Values that come later make the same boot good; what happened stays known.
  EXPECT_EQ(*fleet().PushBootPolicy("fleet", Values(2, /*next=*/true), Push::kChange), 1U);
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_EQ(StateOf("m1").memory.open_incidents, 1);
}

// What has no boot policy keeps its baseline.
TEST_F(FleetBootValuesTest, WithoutAPolicyTheBaselineRefusesTheNextKernel) {
  ASSERT_TRUE(
      fleet().Enrol(EnrolmentOf("m1", agent_), {{.name = "m1", .body = agent_.PolicyText()}}));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  BootAgain(NextBoot());
  const auto failures = FailuresOf("m1");
  EXPECT_NE(std::ranges::find(failures, "boot.baseline"), failures.end());
}

TEST_F(FleetBootValuesTest, Attack_A11_AReleaseRisesWithEveryContent) {
  ASSERT_EQ(Pushed(Values(2)), "ok");
  EXPECT_EQ(Pushed(Values(2)), "ok") << "the same content";
  EXPECT_EQ(Pushed(Values(2, true)), "verifier.policy_release");
  EXPECT_EQ(Pushed(Values(1, true)), "verifier.policy_release");
  EXPECT_EQ(Pushed(json::Serialize(policy::testing::Reference())), "verifier.policy_release")
      << "a reference state has no release";
  json::Object unnamed = policy::testing::Values();
  unnamed.Set("name", "");
  unnamed.Set("release", 9);
  EXPECT_EQ(Pushed(json::Serialize(unnamed)), "verifier.policy_release");
  EXPECT_EQ(store().FindBootPolicy("fleet")->value().body, Values(2)) << "nothing has changed";
  EXPECT_EQ(Pushed(Values(3, true)), "ok");
  // The way back: the old content with a higher number.
  EXPECT_EQ(Pushed(Values(4)), "ok");
}

TEST_F(FleetBootValuesTest, Attack_A11_RemovalForgetsNoRelease) {
  ASSERT_EQ(Pushed(Values(2)), "ok");
  ASSERT_EQ(IdOf(fleet().RemoveBootPolicy("fleet")), "ok");
  EXPECT_EQ(Pushed(Values(1)), "verifier.policy_release");
  EXPECT_EQ(Pushed(Values(2)), "verifier.policy_release");
  EXPECT_EQ(Pushed(json::Serialize(policy::testing::Reference())), "verifier.policy_release");
  EXPECT_EQ(IdOf(fleet().Enrol(EnrolmentOf("m1", agent_), {},
                               Choice{.name = "fleet", .body = Values(1)})),
            "verifier.policy_release");
  EXPECT_EQ(fleet().size(), 0U);
  EXPECT_EQ(Pushed(Values(3)), "ok");
}

TEST_F(FleetBootValuesTest, Attack_A11_AMachinesRemovalForgetsNoRelease) {
  const auto enrol = [&](std::uint64_t release) {
    return IdOf(fleet().Enrol(EnrolmentOf("fleet", agent_), {},
                              Choice{.name = "fleet", .body = Values(release)}));
  };
  ASSERT_EQ(enrol(2), "ok");
  ASSERT_EQ(IdOf(fleet().Remove(*wire::AgentId::Parse("fleet"))), "ok");
  ASSERT_FALSE(store().FindBootPolicy("fleet")->has_value());
  EXPECT_EQ(enrol(1), "verifier.policy_release");
  EXPECT_EQ(enrol(2), "ok");
}

TEST_F(FleetBootValuesTest, ReferenceStatesAreReplacedByValues) {
  ASSERT_EQ(Pushed(json::Serialize(policy::testing::Reference())), "ok");
  EXPECT_EQ(Pushed(Values(1)), "ok");
}

TEST_F(FleetBootValuesTest, Attack_A11_ValuesKeepToTheNameTheyAreFor) {
  EXPECT_EQ(Pushed(Values(1), "others"), "verifier.policy_name");
  EXPECT_EQ(
      IdOf(fleet().Enrol(EnrolmentOf("m1", agent_), {}, Choice{.name = "m1", .body = Values(1)})),
      "verifier.policy_name");
  EXPECT_EQ(fleet().size(), 0U);
  json::Object unnamed = policy::testing::Values();
  unnamed.Set("name", "");
  EXPECT_EQ(IdOf(fleet().Enrol(EnrolmentOf("m1", agent_), {},
                               Choice{.name = "m1", .body = json::Serialize(unnamed)})),
            "ok");
}

// No evidence says which model a machine is: its enrolment does, and then the firmware has to
// be one of that model.
TEST_F(FleetBootValuesTest, FirmwareIsThatOfTheEnrolledModel) {
  const auto firmware = [](std::string_view model, std::string_view pcr0) {
    return json::Object{{"model", model}, {"version", "1"}, {"pcrs", json::Object{{"0", pcr0}}}};
  };
  std::string is;
  agent_.Change(
      [&](FakeMachine& machine) { is = machine.Pcr(crypto::HashAlgorithm::kSha256, 0).hex(); });
  json::Object values = policy::testing::Values();
  values.Set("name", "fleet");
  values.Set("firmware",
             json::Array{firmware("this", is), firmware("other", std::string(64, 'a'))});
  ASSERT_EQ(Pushed(json::Serialize(values)), "ok");
  ASSERT_TRUE(EnrolAs("m1", "this"));
  ASSERT_TRUE(EnrolAs("m2", "other"));
  ASSERT_TRUE(EnrolAs("m3", "unlisted"));
  ASSERT_TRUE(EnrolAs("m4"));
  const auto check = [&](std::uint64_t release) {
    for (const char* id : {"m1", "m2", "m3", "m4"}) {
      // A failure of before stays until there is a new appraisal.
      EXPECT_TRUE(Comes(id, [&](const MachineState& state) {
        return state.newest && state.enrolment->reference.boot->values()->release == release;
      })) << id;
    }
    EXPECT_TRUE(Becomes("m1", Integrity::kPass));
    for (const char* id : {"m2", "m3", "m4"}) {
      EXPECT_EQ(FailuresOf(id), std::vector<std::string>{"boot.firmware"}) << id;
    }
  };
  check(3);
  Restart();
  check(3);
  // They stay what they were enrolled as when the values change.
  values.Set("release", 4);
  EXPECT_EQ(*fleet().PushBootPolicy("fleet", json::Serialize(values), Push::kChange), 4U);
  check(4);
}

// A fleet that takes only what one key has signed.
class SignedBootValuesTest : public FleetBootValuesTest {
 protected:
  static PolicySigning Signing(const crypto::PrivateKey& key) {
    PolicySigning signing;
    signing.signers.keys = {key.public_key()};
    return signing;
  }

  const crypto::PrivateKey key_ = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256);
  PolicyShelf shelf_{Signing(key_)};
  Fleet signed_{{.runtime = runtime_,
                 .client = *client_,
                 .store = store(),
                 .policies = shelf_,
                 .boots = boots_},
                options_};
  std::string PushedSigned(std::string_view body) {
    return IdOf(signed_.PushBootPolicy("fleet", body, Push::kEither));
  }
};

TEST_F(SignedBootValuesTest, AreTakenUnderTheirOwnPayloadType) {
  EXPECT_EQ(PushedSigned(Signed(kBootValuesPayloadType, Values(1), key_)), "ok");
  ASSERT_TRUE(signed_.Enrol(EnrolmentOf("m1", agent_), {}, Choice{.name = "fleet", .body = {}}));
  EXPECT_NE(signed_.Find("m1")->enrolment->reference.boot->values(), nullptr);
  EXPECT_EQ(PushedSigned(Signed(kBootValuesPayloadType, Values(2, true), key_)), "ok");
  EXPECT_EQ(PushedSigned(Signed(kBootValuesPayloadType, Values(1), key_)),
            "verifier.policy_release")
      << "an old one that was signed once";
}

TEST_F(SignedBootValuesTest, Attack_A11_OtherwiseSignedValuesAreRefused) {
  const auto stranger = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256);
  EXPECT_EQ(PushedSigned(Values(1)), "verifier.boot_policy_signature");
  EXPECT_EQ(PushedSigned(Signed(kBootValuesPayloadType, Values(1), stranger)),
            "verifier.boot_policy_signature");
  EXPECT_EQ(PushedSigned(Signed(kKeylimePayloadType, Values(1), key_)),
            "verifier.boot_policy_signature")
      << "a runtime policy's type";
  EXPECT_FALSE(store().FindBootPolicy("fleet")->has_value());
}

// Whoever may sign one kind of document has not signed the other.
TEST_F(SignedBootValuesTest, Attack_A11_AnEnvelopeIsOfOneKind) {
  const std::string runtime = PolicyListing("/usr/bin/init");
  EXPECT_EQ(PushedSigned(Signed(kKeylimePayloadType, runtime, key_)),
            "verifier.boot_policy_signature");
  for (const std::string& payload : {Values(1), runtime}) {
    EXPECT_EQ(
        IdOf(shelf_.Admit(Signed(kBootValuesPayloadType, payload, key_), std::nullopt, Time())),
        "policy.signature");
    PolicyShelf plain;
    EXPECT_EQ(IdOf(plain.Admit(Signed(kBootValuesPayloadType, payload, key_),
                               key_.public_key().ToPem(), Time())),
              "policy.signature");
  }
  EXPECT_EQ(IdOf(shelf_.Admit(Signed(kKeylimePayloadType, runtime, key_), std::nullopt, Time())),
            "ok");
}

}  // namespace
}  // namespace limequat::verifier
