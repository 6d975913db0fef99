// The boot of a machine against a boot policy: its event log, the quote, and the rules.

#include <filesystem>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "limequat/appraise/attestation.h"
#include "limequat/appraise/testing/attest.h"
#include "limequat/appraise/testing/boot.h"
#include "limequat/eventlog/testing/corpus.h"
#include "limequat/json/value.h"
#include "limequat/policy/testing/boot.h"

namespace limequat::appraise {
namespace {

using policy::BootPolicy;
using policy::testing::Boot;
using testing::Appraise;
using testing::AttestFull;
using testing::AttestNext;
using testing::Criteria;
using testing::Example;
using testing::FailsFor;
using testing::FailsOnlyFor;
using testing::FakeMachine;
using testing::MakeChallenge;
using testing::Passes;
using testing::Verdicts;

Bytes OtherCommandLine() {
  Boot boot;
  for (const std::size_t index : {1U, 2U}) {
    auto& event = boot.At(8, index);
    const std::string key = index == 1 ? "grub_cmd: linux " : "kernel_cmdline: ";
    const std::string line = "/vmlinuz root=/dev/vda ro init=/bin/sh";
    event.data = ToBytes(key + line + '\0');
    event.measured = ToBytes(index == 1 ? "linux " + line : line);
  }
  return boot.Log();
}

Bytes LabLog(std::string_view boot, std::string_view file = "eventlog") {
  const auto path = std::filesystem::path(LQ_SOURCE_DIR) / "data" / "lab" / "boots" / boot / file;
  return ToBytes(eventlog::testing::ReadFile(path));
}

// A machine with an event log whose boot is judged by `example`.
class BootPolicyTest : public testing::MachineTest {
 protected:
  BootPolicyTest() {
    reference().boot = Example();
    BootFrom(Boot().Log());
  }
  void BootFrom(Bytes log) { testing::BootFrom(machine_, std::move(log)); }
};
using BootPolicyAttackTest = BootPolicyTest;

std::string OutcomeOf(const Attestation& attestation, std::string_view check) {
  const Finding* finding = FindCheck(attestation.appraisal.findings, check);
  return finding == nullptr ? "absent" : std::string(OutcomeName(finding->outcome));
}

TEST_F(BootPolicyTest, AGoodBootPasses) {
  const Attestation first = AttestFull(machine_, reference());
  EXPECT_TRUE(Passes(first));
  for (const std::string_view check : policy::ExampleChecks()) {
    EXPECT_EQ(OutcomeOf(first, check), "passed") << check;
  }
  for (const char* check :
       {"eventlog.present", "eventlog.bank", "eventlog.startup", "eventlog.boot", "eventlog.replay",
        "eventlog.secure_boot", "eventlog.kernel", "boot.baseline"}) {
    EXPECT_EQ(OutcomeOf(first, check), "passed") << check;
  }
  EXPECT_EQ(OutcomeOf(first, "eventlog.readable"), "absent");
  EXPECT_EQ(first.progress.value().boot_policy_hash, reference().boot->hash());
}

TEST_F(BootPolicyTest, PcrsToAsk) {
  EXPECT_EQ(PcrsToAsk(reference(), true), kFullPcrs | tpm::PcrSet::Of(14));
  EXPECT_EQ(PcrsToAsk(reference(), false), tpm::PcrSet::Of(tpm::kImaPcr));
  reference().boot = Criteria(BootPolicy::kAcceptAll);
  EXPECT_EQ(PcrsToAsk(reference(), true), kFullPcrs);
}

TEST_F(BootPolicyTest, AnotherCommandLineFailsAndStaysForTheBoot) {
  BootFrom(OtherCommandLine());
  const Attestation full = AttestFull(machine_, reference());
  ASSERT_TRUE(FailsOnlyFor(full, "boot.command_line"));
  EXPECT_NE(FindCheck(full.appraisal.findings, "boot.command_line")->detail.find("init=/bin/sh"),
            std::string::npos);
  const Attestation next = AttestNext(machine_, reference(), full.progress.value());
  EXPECT_TRUE(FailsOnlyFor(next, "boot.command_line"));
  EXPECT_TRUE(
      FailsOnlyFor(AttestNext(machine_, reference(), next.progress.value()), "boot.command_line"));
  BootFrom(Boot().Log());
  EXPECT_TRUE(Passes(AttestFull(machine_, reference(), &next.progress.value())));
}

TEST_F(BootPolicyTest, LogOfALaterAnswerIsNotLookedAt) {
  const BootProgress before = FirstProgress();
  const Challenge challenge = MakeChallenge(reference(), false, before.entries());
  Answer answer = machine_.AnswerTo(challenge);
  EXPECT_FALSE(answer.boot_log);
  const Bytes garbage(40, 1);
  answer.boot_log = garbage;
  EXPECT_TRUE(Passes(Appraise(reference(), challenge, answer, &before)));
}

TEST_F(BootPolicyTest, NoLogIsAFinding) {
  machine_.ReplaceBootLog(std::nullopt);
  const Attestation full = AttestFull(machine_, reference());
  EXPECT_TRUE(FailsFor(full, "eventlog.present"));
  EXPECT_TRUE(FailsFor(full, "eventlog.replay"));
  EXPECT_EQ(OutcomeOf(full, "boot.image"), "not_evaluated");
  reference().boot = Criteria(BootPolicy::kMeasuredOnly);
  const Attestation measured = AttestFull(machine_, reference());
  EXPECT_TRUE(FailsFor(measured, "eventlog.present"));
  EXPECT_EQ(OutcomeOf(measured, "boot.policy"), "not_evaluated");
}

TEST_F(BootPolicyTest, LogThatCannotBeReadToItsEnd) {
  Bytes log = Boot().Log();
  log.resize(log.size() - 1);
  machine_.ReplaceBootLog(log);
  const Attestation full = AttestFull(machine_, reference());
  EXPECT_TRUE(FailsFor(full, "eventlog.readable"));
  EXPECT_EQ(OutcomeOf(full, "boot.image"), "not_evaluated");
  EXPECT_TRUE(
      FailsFor(AttestNext(machine_, reference(), full.progress.value()), "eventlog.readable"));
}

TEST_F(BootPolicyTest, LogThatIsTooLong) {
  Bytes log = Boot().Log();
  log.resize(kMaxBootLog, 0xff);  // padding of firmware
  machine_.ReplaceBootLog(log);
  EXPECT_TRUE(Passes(AttestFull(machine_, reference())));
  log.push_back(0xff);
  machine_.ReplaceBootLog(log);
  EXPECT_TRUE(FailsFor(AttestFull(machine_, reference()), "eventlog.readable"));
}

TEST_F(BootPolicyTest, AnotherPolicyNeedsTheBootInFull) {
  const BootProgress before = FirstProgress();
  for (const auto& boot : {Criteria(BootPolicy::kMeasuredOnly), Criteria(BootPolicy::kRejectAll),
                           std::shared_ptr<const BootCriteria>()}) {
    reference().boot = boot;
    EXPECT_EQ(AttestNext(machine_, reference(), before).advice, Advice::kAskInFull);
  }
  reference().boot = Example();
  EXPECT_TRUE(Passes(AttestNext(machine_, reference(), before)));
}

TEST_F(BootPolicyTest, BootPolicyAlonePolicesAMachineIfItCompares) {
  reference().policy = nullptr;
  const Attestation first = AttestFull(machine_, reference());
  EXPECT_TRUE(Passes(first));
  EXPECT_TRUE(Passes(AttestNext(machine_, reference(), first.progress.value())));
  reference().boot = Criteria(BootPolicy::kMeasuredOnly);
  EXPECT_TRUE(Verdicts(AttestFull(machine_, reference()), Verdict::kUnpoliced));
}

TEST_F(BootPolicyTest, PoliciesThatLookAtNothingNeedNoLogAndPoliceNothing) {
  reference().policy = nullptr;
  machine_.ReplaceBootLog(std::nullopt);
  for (const auto& boot : {Criteria(BootPolicy::kAcceptAll), Criteria(BootPolicy::kExample, "{}"),
                           Criteria(BootPolicy::kExample)}) {
    reference().boot = boot;
    const Attestation full = AttestFull(machine_, reference());
    EXPECT_TRUE(Verdicts(full, Verdict::kUnpoliced));
    EXPECT_EQ(OutcomeOf(full, "boot.policy"), "passed");
  }
  reference().boot = Criteria(BootPolicy::kRejectAll);
  EXPECT_TRUE(FailsOnlyFor(AttestFull(machine_, reference()), "boot.policy"));
}

// --- A01: the boot policy in place of an approved baseline -------------------------

TEST_F(BootPolicyAttackTest, Attack_A01_BootPolicyStandsInForTheBaseline) {
  ApproveBoot();
  Boot update;
  update.Add(1, eventlog::EventType::kEfiVariableBoot,
             eventlog::testing::VariableData(eventlog::kGlobalVariable, "Boot0002", Bytes(9, 2)),
             Bytes(9, 2));
  BootFrom(update.Log());
  const Attestation full = AttestFull(machine_, reference());
  EXPECT_TRUE(Passes(full));
  EXPECT_NE(FindCheck(full.appraisal.findings, "boot.baseline")->detail.find("boot policy"),
            std::string::npos);
  reference().boot = nullptr;
  EXPECT_TRUE(FailsOnlyFor(AttestFull(machine_, reference()), "boot.baseline"));
}

// Root boots another kernel without IMA, extends PCR 10 by hand and shows the good log.
TEST_F(BootPolicyAttackTest, Attack_A01_AnotherKernelUnderABootPolicy) {
  Boot evil;
  evil.At(4, 4).measured = ToBytes(std::string_view("evil kernel"));
  BootFrom(evil.Log());
  EXPECT_TRUE(FailsOnlyFor(AttestFull(machine_, reference()), "boot.image"));
}

// A policy that compares nothing proves nothing about the boot.
TEST_F(BootPolicyAttackTest, Attack_A01_PolicyThatDoesNotCompareIsNoBaseline) {
  ApproveBoot();
  BootFrom(OtherCommandLine());
  for (const auto& boot : {Criteria(BootPolicy::kMeasuredOnly), Criteria(BootPolicy::kAcceptAll),
                           Criteria(BootPolicy::kExample, "{}")}) {
    reference().boot = boot;
    EXPECT_TRUE(FailsOnlyFor(AttestFull(machine_, reference()), "boot.baseline"));
  }
}

// --- A07: the event log --------------------------------------------------------------

// The log of a good boot beside the PCRs of another.
TEST_F(BootPolicyAttackTest, Attack_A07_GoodLogBesideAnotherBoot) {
  Boot evil;
  evil.At(4, 4).measured = ToBytes(std::string_view("evil kernel"));
  BootFrom(evil.Log());
  machine_.ReplaceBootLog(Boot().Log());
  const Attestation full = AttestFull(machine_, reference());
  EXPECT_TRUE(FailsFor(full, "eventlog.replay"));
  EXPECT_TRUE(FailsFor(full, "boot.image")) << "no image is covered";
  EXPECT_EQ(OutcomeOf(full, "eventlog.kernel"), "not_evaluated");
}

TEST_F(BootPolicyAttackTest, Attack_A07_PcrOfThePolicyThatIsNotSigned) {
  Challenge challenge = MakeChallenge(reference(), true);
  challenge.pcrs = kFullPcrs;
  const Answer answer = machine_.AnswerTo(challenge);
  EXPECT_TRUE(FailsFor(Appraise(reference(), challenge, answer, nullptr), "tpm.quote.selection"));
}

// boot_aggregate is that of the log which is shown; Keylime computes it from there.
TEST_F(BootPolicyAttackTest, Attack_A07_LogNeverSuppliesTheBootAggregate) {
  const std::string old_list = machine_.list();
  machine_.BootWithoutIma("evil");
  machine_.ReplaceList(old_list);
  machine_.ExtendFromList(old_list);
  machine_.ReplaceBootLog(Boot().Log());
  const Attestation full = AttestFull(machine_, reference());
  EXPECT_TRUE(FailsFor(full, "ima.boot_aggregate"));
  EXPECT_TRUE(FailsFor(full, "eventlog.boot"));
}

// Recorded in the lab: a boot, and one of the same machine with another command line.
TEST_F(BootPolicyAttackTest, Attack_A07_RecordedLogBesideTheChangedBoot) {
  // These change the kernel's image; commands and options are in PCRs that it does not ask.
  reference().boot = Criteria(BootPolicy::kMeasuredOnly);
  for (const char* boot : {"uki-6.12", "sd-boot-uki-sb-6.12"}) {
    BootFrom(LabLog(boot));
    EXPECT_TRUE(Passes(AttestFull(machine_, reference()))) << boot;
    BootFrom(LabLog(boot, "changed.eventlog"));
    machine_.ReplaceBootLog(LabLog(boot));
    EXPECT_TRUE(FailsFor(AttestFull(machine_, reference()), "eventlog.replay")) << boot;
  }
  reference().boot = Example();
  for (const char* boot : {"direct-6.1", "shim-grub-6.1", "uki-6.12"}) {
    BootFrom(LabLog(boot));
    EXPECT_FALSE(FailsFor(AttestFull(machine_, reference()), "eventlog.replay")) << boot;
    BootFrom(LabLog(boot, "changed.eventlog"));
    machine_.ReplaceBootLog(LabLog(boot));
    EXPECT_TRUE(FailsFor(AttestFull(machine_, reference()), "eventlog.replay")) << boot;
  }
}

// --- A21: Secure Boot says on, the kernel is not measured -----------------------------

TEST_F(BootPolicyAttackTest, Attack_A21_RecordedDirectBootWithSecureBoot) {
  for (const char* boot : {"direct-sb-6.1", "direct-sb-6.12"}) {
    BootFrom(LabLog(boot));
    reference().boot = Criteria(BootPolicy::kMeasuredOnly);
    ApproveBoot();
    const Attestation measured = AttestFull(machine_, reference());
    EXPECT_TRUE(FailsOnlyFor(measured, "eventlog.kernel")) << boot;
    EXPECT_EQ(OutcomeOf(measured, "eventlog.secure_boot"), "passed") << boot;
    reference().boot = Example();
    EXPECT_TRUE(FailsFor(AttestFull(machine_, reference()), "eventlog.kernel")) << boot;
  }
}

// --- A08 --------------------------------------------------------------------------------

TEST_F(BootPolicyAttackTest, Attack_A08_BootJudgedInTheMachinesBankOnly) {
  testing::MachineOptions options;
  options.bank = crypto::HashAlgorithm::kSha384;
  options.active = {crypto::HashAlgorithm::kSha256, crypto::HashAlgorithm::kSha384};
  FakeMachine machine(options);
  machine.BootFromLog(Boot().Log());
  machine.Extend(0, "so that the bank is in use");
  Reference reference = machine.MakeReference();
  reference.boot = Example();
  const Attestation full = AttestFull(machine, reference);
  EXPECT_TRUE(FailsFor(full, "eventlog.bank"));
  EXPECT_EQ(OutcomeOf(full, "boot.image"), "not_evaluated");
}

}  // namespace
}  // namespace limequat::appraise
