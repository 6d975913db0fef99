// Attacks on what a boot is: reboots, machines without IMA, held quotes, counters.

#include <gtest/gtest.h>

#include "limequat/appraise/attestation.h"
#include "limequat/appraise/testing/attest.h"

namespace limequat::appraise {
namespace {

using crypto::HashAlgorithm;
using testing::Appraise;
using testing::AttestFull;
using testing::AttestNext;
using testing::FailsFor;
using testing::FailsOnlyFor;
using testing::FakeMachine;
using testing::MachineOptions;
using testing::MakeChallenge;
using testing::Passes;

using AttackTest = testing::MachineTest;

// --- A01: reboot forgery ----------------------------------------------------------

// Root boots another kernel without IMA and extends PCR 10 from the list of yesterday.
TEST_F(AttackTest, Attack_A01_OldListExtendedByHand) {
  ApproveBoot();
  const BootProgress before = FirstProgress();
  const std::string old_list = machine_.list();
  machine_.BootWithoutIma("evil");
  machine_.ReplaceList(old_list);
  machine_.ExtendFromList(old_list);
  const Attestation next = AttestNext(machine_, reference(), before);
  EXPECT_EQ(next.advice, Advice::kAskInFull);
  const Attestation full = AttestFull(machine_, reference(), &before);
  EXPECT_TRUE(FailsFor(full, "ima.boot_aggregate"));
  EXPECT_TRUE(FailsFor(full, "boot.baseline"));
}

// The same with a boot_aggregate made for the new PCRs: only the baseline tells.
TEST_F(AttackTest, Attack_A01_BootAggregateMadeByHand) {
  ApproveBoot();
  machine_.Boot("evil");
  machine_.Run("/usr/bin/init", "init 1");
  const Attestation full = AttestFull(machine_, reference());
  ASSERT_TRUE(FailsOnlyFor(full, "boot.baseline"));
  std::vector<std::uint32_t> pcrs;
  for (const Finding& finding : full.appraisal.findings) {
    if (!finding.passed()) pcrs.push_back(finding.subject.pcr.value());
  }
  EXPECT_EQ(pcrs, (std::vector<std::uint32_t>{4, 8, 9}));
}

// Even if nothing of the boot is known, the old list does not fit the new boot.
TEST_F(AttackTest, Attack_A01_OldListWithoutBaseline) {
  const std::string old_list = machine_.list();
  machine_.BootWithoutIma("evil");
  machine_.ReplaceList(old_list);
  machine_.ExtendFromList(old_list);
  EXPECT_TRUE(FailsOnlyFor(AttestFull(machine_, reference()), "ima.boot_aggregate"));
}

TEST_F(AttackTest, Attack_A01_BaselineFailureStaysInTheBoot) {
  ApproveBoot();
  machine_.Boot("evil");
  const Attestation full = AttestFull(machine_, reference());
  ASSERT_TRUE(FailsOnlyFor(full, "boot.baseline"));
  const Attestation next = AttestNext(machine_, reference(), full.progress.value());
  EXPECT_TRUE(FailsOnlyFor(next, "boot.baseline"));
  EXPECT_TRUE(
      FailsOnlyFor(AttestNext(machine_, reference(), next.progress.value()), "boot.baseline"));
}

TEST_F(AttackTest, Attack_A01_UnapprovedBaselineIsShownAndHeldToo) {
  const Attestation first = AttestFull(machine_, reference());
  ASSERT_TRUE(Passes(first));
  EXPECT_NE(FindCheck(first.appraisal.findings, "boot.baseline")->detail.find("nobody approved"),
            std::string::npos);
  reference().baseline = BootBaseline{.pcrs = first.boot_pcrs.value(), .approved = false};
  const Attestation again = AttestFull(machine_, reference(), &first.progress.value());
  EXPECT_TRUE(Passes(again));
  EXPECT_NE(FindCheck(again.appraisal.findings, "boot.baseline")->detail.find("nobody approved"),
            std::string::npos);
  machine_.Boot("another");
  EXPECT_TRUE(FailsOnlyFor(AttestFull(machine_, reference()), "boot.baseline"));
}

TEST_F(AttackTest, Attack_A01_BaselineOfAnotherBankProvesNothing) {
  BootBaseline baseline{.pcrs = {}, .approved = true};
  for (std::uint32_t pcr = 0; pcr < 10; ++pcr) {
    baseline.pcrs.Set(pcr, machine_.Pcr(HashAlgorithm::kSha1, pcr));
  }
  reference().baseline = baseline;
  EXPECT_TRUE(FailsOnlyFor(AttestFull(machine_, reference()), "boot.baseline"));
}

TEST_F(AttackTest, Attack_A01_FirstEvidenceSignsTheBootPcrs) {
  const Challenge challenge = MakeChallenge(reference(), true);
  Challenge narrow = challenge;
  narrow.pcrs = tpm::PcrSet::Of(10);
  const Attestation first = Appraise(reference(), challenge, machine_.AnswerTo(narrow), nullptr);
  EXPECT_TRUE(FailsFor(first, "tpm.quote.selection"));
  EXPECT_FALSE(first.progress.has_value());
  EXPECT_FALSE(first.boot_pcrs.has_value());
}

// Both are held to one policy, and nothing of the first machine goes into it.
TEST_F(AttackTest, Quirk_Q26_BootAggregateOfOneMachineIsNotGoodForAnother) {
  ASSERT_TRUE(Passes(AttestFull(machine_, reference())));
  FakeMachine other;
  other.BootWithoutIma("evil");
  other.ReplaceList(machine_.list());
  other.ExtendFromList(machine_.list());
  Reference its = other.MakeReference();
  its.policy = reference().policy;
  EXPECT_TRUE(FailsOnlyFor(AttestFull(other, its), "ima.boot_aggregate"));
}

TEST_F(AttackTest, Attack_A01_FirstEvidenceIsNeverAPart) {
  const Challenge challenge = MakeChallenge(reference(), false);
  const Attestation first = Appraise(reference(), challenge, machine_.AnswerTo(challenge), nullptr);
  EXPECT_EQ(first.advice, Advice::kAskInFull);
  EXPECT_EQ(first.appraisal.verdict(), Verdict::kError);
}

TEST_F(AttackTest, Attack_A01_ListThatDoesNotBeginWithBootAggregate) {
  machine_.BootWithoutIma();
  machine_.Run("/usr/bin/init", "init 1");
  EXPECT_TRUE(FailsOnlyFor(AttestFull(machine_, reference()), "ima.boot_aggregate"));
}

TEST_F(AttackTest, Attack_A01_BootAggregateOfABankThatIsNotQuoted) {
  MachineOptions options;
  options.boot_aggregate_hash = HashAlgorithm::kSha1;
  FakeMachine machine(options);
  machine.Boot();
  machine.Run("/usr/bin/x", "x");
  Reference reference = machine.MakeReference();
  const Attestation refused = AttestFull(machine, reference);
  ASSERT_TRUE(FailsOnlyFor(refused, "ima.boot_aggregate"));
  EXPECT_EQ(FindCheck(refused.appraisal.findings, "ima.boot_aggregate")->outcome,
            Outcome::kNotEvaluated);
  reference.waivers.boot_aggregate_bank = true;
  const Attestation waived = AttestFull(machine, reference);
  EXPECT_TRUE(Passes(waived));
  EXPECT_NE(FindCheck(waived.appraisal.findings, "ima.boot_aggregate")->detail.find("waived"),
            std::string::npos);
}

TEST_F(AttackTest, Attack_A01_WaiverIsForTheBankNotForTheValue) {
  reference().waivers.boot_aggregate_bank = true;
  const std::string old_list = machine_.list();
  machine_.BootWithoutIma("evil");
  machine_.ReplaceList(old_list);
  machine_.ExtendFromList(old_list);
  EXPECT_TRUE(FailsOnlyFor(AttestFull(machine_, reference()), "ima.boot_aggregate"));
}

// --- A02: no IMA ------------------------------------------------------------------

TEST_F(AttackTest, Attack_A02_EmptyList) {
  machine_.BootWithoutIma();
  const Attestation first = AttestFull(machine_, reference());
  EXPECT_TRUE(FailsOnlyFor(first, "ima.list"));
  EXPECT_FALSE(first.progress.has_value());
}

TEST_F(AttackTest, Attack_A02_NoList) {
  machine_.BootWithoutIma();
  const Challenge challenge = MakeChallenge(reference(), true);
  Answer answer = machine_.AnswerTo(challenge);
  answer.ima_list.reset();
  EXPECT_TRUE(FailsOnlyFor(Appraise(reference(), challenge, answer, nullptr), "ima.list"));
}

TEST_F(AttackTest, Attack_A02_ListShownThatPcr10DoesNotHold) {
  const std::string list = machine_.list();
  machine_.BootWithoutIma();
  machine_.ReplaceList(list);
  const Attestation first = AttestFull(machine_, reference());
  EXPECT_TRUE(FailsOnlyFor(first, "ima.list"));
  EXPECT_TRUE(first.list_is_ahead);
}

TEST_F(AttackTest, Attack_A02_UnpolicedMachineWithoutIma) {
  reference().policy = nullptr;
  machine_.BootWithoutIma();
  EXPECT_TRUE(FailsOnlyFor(AttestFull(machine_, reference()), "ima.list"));
}

TEST_F(AttackTest, Attack_A02_ListVanishesLater) {
  const BootProgress before = FirstProgress();
  const Challenge challenge = MakeChallenge(reference(), false, before.entries());
  Answer answer = machine_.AnswerTo(challenge);
  answer.ima_list.reset();
  EXPECT_TRUE(FailsOnlyFor(Appraise(reference(), challenge, answer, &before), "ima.list"));
}

// --- A03: held quote --------------------------------------------------------------

TEST_F(AttackTest, Attack_A03_EvidenceIsAsOldAsItsNonce) {
  const Challenge challenge = MakeChallenge(reference(), true);
  const Answer answer = machine_.AnswerTo(challenge);
  const Time much_later = challenge.nonce_issued + std::chrono::hours(24);
  const auto result = AppraiseAttestation(reference(), challenge, answer, nullptr, much_later);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->appraisal.evidence_time, challenge.nonce_issued);
  EXPECT_EQ(result->appraisal.evaluated_at, much_later);
}

TEST_F(AttackTest, Attack_A03_HeldQuote) {
  const Answer held = machine_.AnswerTo(MakeChallenge(reference(), true));
  const Attestation late = Appraise(reference(), MakeChallenge(reference(), true), held, nullptr);
  EXPECT_TRUE(FailsFor(late, "tpm.quote.nonce"));
  EXPECT_FALSE(late.progress.has_value());
}

// --- A18: counters ----------------------------------------------------------------

TEST_F(AttackTest, Attack_A18_ClockBackInTheSameBoot) {
  const BootProgress before = FirstProgress();
  machine_.clock().clock -= 5000;
  const Attestation next = AttestNext(machine_, reference(), before);
  EXPECT_TRUE(FailsOnlyFor(next, "tpm.clock"));
  // It stays a failure of the boot, and the clock of the clone is not the new measure.
  EXPECT_EQ(next.progress.value().clock_info.clock, before.clock_info.clock);
  machine_.PassTime(20'000);
  EXPECT_TRUE(FailsOnlyFor(AttestNext(machine_, reference(), *next.progress), "tpm.clock"));
}

TEST_F(AttackTest, Attack_A18_TwoQuotesWithinAMillisecond) {
  const BootProgress before = FirstProgress();
  machine_.clock().clock -= 10;  // what the next quote adds
  EXPECT_TRUE(Passes(AttestNext(machine_, reference(), before)));
}

TEST_F(AttackTest, Attack_A18_CountersBack) {
  machine_.Boot();
  machine_.Suspend();
  const BootProgress before = FirstProgress();
  for (std::uint32_t tpm::ClockInfo::* const counter :
       {&tpm::ClockInfo::reset_count, &tpm::ClockInfo::restart_count}) {
    const tpm::ClockInfo clock = machine_.clock();
    --(machine_.clock().*counter);
    machine_.PassTime(100'000);
    const Attestation part = AttestNext(machine_, reference(), before);
    EXPECT_TRUE(FailsFor(part, "tpm.clock"));
    EXPECT_FALSE(part.progress.has_value());
    const Attestation full = AttestFull(machine_, reference(), &before);
    EXPECT_TRUE(FailsFor(full, "tpm.clock"));
    EXPECT_FALSE(full.progress.has_value());
    EXPECT_FALSE(full.boot_pcrs.has_value());
    machine_.clock() = clock;
  }
}

// A constant is added to the counters of keys outside the endorsement hierarchy: they
// may pass zero.
TEST_F(AttackTest, Attack_A18_ObfuscatedCountersPassZero) {
  machine_.clock().reset_count = 0xffffffff;
  machine_.clock().restart_count = 0xffffffff;
  const BootProgress before = FirstProgress();
  machine_.Suspend();
  EXPECT_EQ(machine_.clock().restart_count, 0U);
  EXPECT_EQ(AttestNext(machine_, reference(), before).advice, Advice::kAskInFull);
  const Attestation full = AttestFull(machine_, reference(), &before);
  EXPECT_TRUE(Passes(full));
  machine_.Boot();
  EXPECT_EQ(machine_.clock().reset_count, 0U);
  EXPECT_TRUE(Passes(AttestFull(machine_, reference(), &full.progress.value())));
}

}  // namespace
}  // namespace limequat::appraise
