// One test or more for each attack of the design that this module must withstand.

#include <gtest/gtest.h>

#include "limequat/appraise/attestation.h"
#include "limequat/appraise/testing/attest.h"

namespace limequat::appraise {
namespace {

using crypto::Digest;
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
using testing::Verdicts;

using AttackTest = testing::MachineTest;

Digest Evil() { return crypto::Hash(HashAlgorithm::kSha256, ToBytes("evil")); }

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

// --- A04: kexec -------------------------------------------------------------------

TEST_F(AttackTest, Attack_A04_SecondBootAggregate) {
  const BootProgress before = FirstProgress();
  machine_.Measure("boot_aggregate", Evil());
  EXPECT_TRUE(FailsFor(AttestNext(machine_, reference(), before), "ima.boot_aggregate_repeated"));
}

// --- A05: offset forgery ----------------------------------------------------------

TEST_F(AttackTest, Attack_A05_AnotherOffset) {
  machine_.Run("/usr/bin/shell", "shell 1");
  const BootProgress before = FirstProgress();
  machine_.Run("/usr/bin/shell", "shell 1");
  for (const std::uint64_t first : {1U, 4U, 6U, 100U}) {
    const Challenge challenge = MakeChallenge(reference(), false, before.entries());
    Answer answer = machine_.AnswerTo(challenge);
    answer.ima_first = first;
    const Attestation next = Appraise(reference(), challenge, answer, &before);
    EXPECT_TRUE(FailsOnlyFor(next, "ima.offset")) << first;
    EXPECT_FALSE(next.progress.has_value());
  }
}

TEST_F(AttackTest, Attack_A05_FullAnswerBeginsAtZero) {
  const Challenge challenge = MakeChallenge(reference(), true);
  Answer answer = machine_.AnswerTo(challenge);
  answer.ima_first = 2;
  answer.ima_list = machine_.ListFrom(2).text;
  EXPECT_TRUE(FailsOnlyFor(Appraise(reference(), challenge, answer, nullptr), "ima.offset"));
}

TEST_F(AttackTest, Attack_A05_WholeListInsteadOfAPartIsAccepted) {
  const BootProgress before = FirstProgress();
  machine_.Run("/usr/bin/shell", "shell 1");
  const Challenge challenge = MakeChallenge(reference(), false, before.entries());
  Answer answer = machine_.AnswerTo(challenge);
  answer.ima_list = machine_.list();
  answer.ima_first = 0;
  const Attestation next = Appraise(reference(), challenge, answer, &before);
  EXPECT_TRUE(Passes(next));
  EXPECT_EQ(next.progress.value().entries(), 5U);
  EXPECT_NE(FindCheck(next.appraisal.findings, "ima.continuity"), nullptr);
}

// It is joined to what was verified, not a way to lose a failure: only PCR 10 is signed.
TEST_F(AttackTest, Attack_A05_WholeListInsteadOfAPartKeepsFailures) {
  ApproveBoot();
  machine_.Boot("evil");
  const Attestation bad = AttestFull(machine_, reference());
  ASSERT_TRUE(FailsOnlyFor(bad, "boot.baseline"));
  const BootProgress& before = bad.progress.value();
  const Challenge challenge = MakeChallenge(reference(), false, before.entries());
  Answer answer = machine_.AnswerTo(challenge);
  answer.ima_list = machine_.list();
  answer.ima_first = 0;
  EXPECT_TRUE(FailsOnlyFor(Appraise(reference(), challenge, answer, &before), "boot.baseline"));
}

TEST_F(AttackTest, Attack_A05_ShorterList) {
  const BootProgress before = FirstProgress();
  // Keylime's agent answers with the whole list if less is there than was asked for.
  const std::string list = machine_.list();
  machine_.ReplaceList(list.substr(0, list.rfind('\n', list.size() - 2) + 1));
  const Attestation part = AttestNext(machine_, reference(), before);
  EXPECT_TRUE(FailsFor(part, "ima.continuity"));
  EXPECT_FALSE(part.progress.has_value());
  EXPECT_TRUE(FailsFor(AttestFull(machine_, reference(), &before), "ima.continuity"));
}

// An attacker with the attestation key could sign any PCR 10: the stored digest tells.
TEST_F(AttackTest, Attack_A05_OtherListThatReplays) {
  const BootProgress before = FirstProgress();
  const tpm::ClockInfo clock = machine_.clock();
  machine_.Boot();
  machine_.Run("/usr/bin/init", "init 1");
  machine_.Run("/usr/bin/agent", "agent 1");
  machine_.Run("/usr/bin/shell", "shell 1");
  machine_.clock() = clock;
  const Attestation full = AttestFull(machine_, reference(), &before);
  EXPECT_TRUE(FailsOnlyFor(full, "ima.continuity"));
  EXPECT_FALSE(full.progress.has_value());
}

TEST_F(AttackTest, Attack_A05_ListThatCannotBeReadUpToTheKnownState) {
  const BootProgress before = FirstProgress();
  machine_.ReplaceList("garbage\n" + machine_.list());
  const Attestation full = AttestFull(machine_, reference(), &before);
  EXPECT_TRUE(FailsOnlyFor(full, "ima.continuity"));
  EXPECT_FALSE(full.progress.has_value());
}

// Entries of other PCRs do not change PCR 10: the number of entries must fit too.
TEST_F(AttackTest, Attack_A05_EntriesInsertedBeforeTheKnownState) {
  const BootProgress before = FirstProgress();
  std::string line = machine_.list().substr(machine_.list().find('\n') + 1);
  line = line.substr(0, line.find('\n') + 1);
  line.replace(0, 2, "11");
  machine_.ReplaceList(line + machine_.list());
  EXPECT_TRUE(FailsFor(AttestFull(machine_, reference(), &before), "ima.continuity"));
}

// --- A06: unquoted suffix ---------------------------------------------------------

TEST_F(AttackTest, Attack_A06_UnquotedEntryHasNoEffect) {
  const Challenge challenge = MakeChallenge(reference(), true);
  Answer answer = machine_.AnswerTo(challenge);
  machine_.Measure("/tmp/intruder", Evil());  // after the quote, before the list was read
  answer.ima_list = machine_.list();
  const Attestation first = Appraise(reference(), challenge, answer, nullptr);
  EXPECT_TRUE(Passes(first));
  EXPECT_TRUE(first.list_is_ahead);
  EXPECT_EQ(first.progress.value().entries(), 4U);
  EXPECT_TRUE(first.progress->failures.empty());
  // The next quote covers it.
  const Attestation next = AttestNext(machine_, reference(), *first.progress);
  EXPECT_TRUE(FailsOnlyFor(next, "ima.path"));
  EXPECT_FALSE(next.list_is_ahead);
}

TEST_F(AttackTest, Attack_A06_UnquotedGarbageHasNoEffect) {
  const BootProgress before = FirstProgress();
  const Challenge challenge = MakeChallenge(reference(), false, before.entries());
  Answer answer = machine_.AnswerTo(challenge);
  const std::string garbage = "\x1b[2J no line feed";
  answer.ima_list = garbage;
  const Attestation next = Appraise(reference(), challenge, answer, &before);
  EXPECT_TRUE(Passes(next));
  EXPECT_TRUE(next.list_is_ahead);
  EXPECT_EQ(next.progress.value().entries(), before.entries());
}

TEST_F(AttackTest, Attack_A06_UnquotedBootAggregateHasNoEffect) {
  const Challenge challenge = MakeChallenge(reference(), true);
  Answer answer = machine_.AnswerTo(challenge);
  machine_.Measure("boot_aggregate", Evil());
  answer.ima_list = machine_.list();
  EXPECT_TRUE(Passes(Appraise(reference(), challenge, answer, nullptr)));
}

// --- A08: bank confusion ----------------------------------------------------------

MachineOptions BankOptions(HashAlgorithm bank) {
  MachineOptions options;
  options.bank = bank;
  options.active = {HashAlgorithm::kSha1, HashAlgorithm::kSha256, HashAlgorithm::kSha384};
  return options;
}

FakeMachine Booted(const MachineOptions& options) {
  FakeMachine machine(options);
  machine.Boot();
  machine.Run("/usr/bin/x", "x");
  return machine;
}

TEST_F(AttackTest, Attack_A08_FirstQuoteFixesTheBank) {
  FakeMachine machine = Booted(BankOptions(HashAlgorithm::kSha256));
  Reference reference = machine.MakeReference();
  reference.bank.reset();
  const Attestation first = AttestFull(machine, reference);
  EXPECT_TRUE(Passes(first));
  EXPECT_EQ(first.bank, HashAlgorithm::kSha256);
}

TEST_F(AttackTest, Attack_A08_LaterAnswerInAnotherBank) {
  FakeMachine machine = Booted(BankOptions(HashAlgorithm::kSha256));
  Reference reference = machine.MakeReference();
  const BootProgress before = AttestFull(machine, reference).progress.value();
  for (const bool fixed : {true, false}) {
    if (!fixed) reference.bank.reset();  // then by what was verified before
    const Challenge challenge = MakeChallenge(reference, false, before.entries());
    Answer answer = machine.AnswerTo(challenge);
    answer.quote = machine.Quote(
        challenge.nonce,
        {{.bank = tpm::AlgorithmId::kSha384, .pcrs = tpm::PcrSet::Of(10) | tpm::PcrSet::Of(16)}});
    const Attestation next = Appraise(reference, challenge, answer, &before);
    EXPECT_TRUE(FailsFor(next, "tpm.quote.selection"));
    EXPECT_FALSE(next.bank.has_value());
  }
}

TEST_F(AttackTest, Attack_A08_BankThatTheEnrolmentDoesNotAccept) {
  FakeMachine machine = Booted(BankOptions(HashAlgorithm::kSha256));
  Reference reference = machine.MakeReference();
  reference.bank.reset();
  reference.accepted_hashes = {HashAlgorithm::kSha384};
  const Attestation first = AttestFull(machine, reference);
  EXPECT_TRUE(FailsFor(first, "tpm.quote.bank"));
  EXPECT_FALSE(first.progress.has_value());
  EXPECT_FALSE(first.bank.has_value());
  EXPECT_FALSE(first.boot_pcrs.has_value());
}

TEST_F(AttackTest, Attack_A08_Sha1BankNeedsAWaiver) {
  MachineOptions options = BankOptions(HashAlgorithm::kSha1);
  options.boot_aggregate_hash = HashAlgorithm::kSha1;
  FakeMachine machine = Booted(options);
  Reference reference = machine.MakeReference();
  reference.accepted_hashes.push_back(HashAlgorithm::kSha1);
  for (const bool fixed : {true, false}) {
    reference.waivers.sha1 = false;
    if (!fixed) reference.bank.reset();
    const Attestation refused = AttestFull(machine, reference);
    EXPECT_TRUE(FailsOnlyFor(refused, "tpm.quote.bank"));
    EXPECT_FALSE(refused.progress.has_value());
    reference.waivers.sha1 = true;
    EXPECT_TRUE(Passes(AttestFull(machine, reference)));
  }
}

TEST_F(AttackTest, Attack_A08_Sha1SignatureNeedsAWaiver) {
  MachineOptions options;
  options.signature_hash = HashAlgorithm::kSha1;
  FakeMachine machine = Booted(options);
  Reference reference = machine.MakeReference();
  reference.accepted_hashes.push_back(HashAlgorithm::kSha1);
  EXPECT_TRUE(FailsFor(AttestFull(machine, reference), "tpm.quote.hash"));
  reference.waivers.sha1 = true;
  EXPECT_TRUE(Passes(AttestFull(machine, reference)));
  reference.accepted_hashes = {HashAlgorithm::kSha256};
  EXPECT_TRUE(FailsOnlyFor(AttestFull(machine, reference), "tpm.quote.algorithms"));
}

// Nobody extends the SHA-384 bank of this machine: root may, as he likes.
TEST_F(AttackTest, Attack_A08_BankThatNobodyExtends) {
  MachineOptions options;
  options.bank = HashAlgorithm::kSha384;
  FakeMachine machine = Booted(options);
  Reference reference = machine.MakeReference();
  for (const bool fixed : {true, false}) {
    if (!fixed) reference.bank.reset();
    const Attestation first = AttestFull(machine, reference);
    EXPECT_TRUE(FailsFor(first, "tpm.quote.bank"));
    EXPECT_FALSE(first.bank.has_value());
  }
}

TEST_F(AttackTest, Attack_A08_BankOfSeveralThatIsAccepted) {
  FakeMachine machine = Booted(BankOptions(HashAlgorithm::kSha256));
  Reference reference = machine.MakeReference();
  reference.bank.reset();
  const Challenge challenge = MakeChallenge(reference, true);
  Answer answer = machine.AnswerTo(challenge);
  answer.quote = machine.Quote(
      challenge.nonce,
      {{.bank = tpm::AlgorithmId::kSha1, .pcrs = kFullPcrs},
       {.bank = tpm::AlgorithmId::kSha384, .pcrs = {}},
       {.bank = tpm::AlgorithmId::kSha256, .pcrs = kFullPcrs | tpm::PcrSet::Of(kTransportKeyPcr)}});
  const Attestation first = Appraise(reference, challenge, answer, nullptr);
  EXPECT_TRUE(Passes(first));
  EXPECT_EQ(first.bank, HashAlgorithm::kSha256);
}

TEST_F(AttackTest, Attack_A08_ZeroPaddedBankIsFound) {
  MachineOptions options = BankOptions(HashAlgorithm::kSha384);
  options.template_digests = ima::TemplateDigests::kZeroPadded;
  options.boot_aggregate_hash = HashAlgorithm::kSha384;
  FakeMachine machine = Booted(options);
  const Reference reference = machine.MakeReference();
  const Attestation first = AttestFull(machine, reference);
  ASSERT_TRUE(Passes(first));
  EXPECT_EQ(first.progress.value().replay.kind(), ima::TemplateDigests::kZeroPadded);
  machine.Run("/usr/bin/x", "x");
  const Attestation next = AttestNext(machine, reference, *first.progress);
  EXPECT_TRUE(Passes(next));
  EXPECT_TRUE(Passes(AttestFull(machine, reference, &next.progress.value())));
}

// The kind of template digests is one of the boot: not one for each entry.
TEST_F(AttackTest, Attack_A08_ZeroPaddedEntryInANativeBoot) {
  const BootProgress before = FirstProgress();
  // Root measures a file as a kernel without SHA-256 would.
  FakeMachine helper;
  helper.Measure("/usr/bin/shell", crypto::Hash(HashAlgorithm::kSha256, ToBytes("shell 1")));
  ima::ListReader reader(AsBytes(helper.list()), ima::Format::kAscii);
  const auto entry = reader.Next();
  ASSERT_TRUE(entry.has_value() && entry->has_value());
  const Digest padded =
      ima::TemplateDigest(**entry, HashAlgorithm::kSha256, ima::TemplateDigests::kZeroPadded);
  machine_.ExtendRaw(HashAlgorithm::kSha256, tpm::kImaPcr, padded);
  machine_.ReplaceList(machine_.list() + helper.list());
  EXPECT_TRUE(FailsOnlyFor(AttestNext(machine_, reference(), before), "ima.replay"));
  EXPECT_TRUE(FailsOnlyFor(AttestFull(machine_, reference()), "ima.replay"));
}

// --- A10: exclude abuse -----------------------------------------------------------

TEST_F(AttackTest, Attack_A10_ExcludesDoNotApplyToBootAggregate) {
  reference().policy = testing::ParsePolicy(machine_.PolicyText({"boot_aggregate", "/tmp/.*"}));
  const std::string old_list = machine_.list();
  machine_.BootWithoutIma("evil");
  machine_.ReplaceList(old_list);
  machine_.ExtendFromList(old_list);
  machine_.Measure("/tmp/anything", Evil());
  EXPECT_TRUE(FailsOnlyFor(AttestFull(machine_, reference()), "ima.boot_aggregate"));
}

TEST_F(AttackTest, Attack_A10_PolicyThatExcludesEverythingIsNone) {
  reference().policy = testing::ParsePolicy(machine_.PolicyText({".*"}));
  EXPECT_TRUE(Verdicts(AttestFull(machine_, reference()), Verdict::kUnpoliced));
}

// --- A12: substitution of the attestation key -------------------------------------

TEST_F(AttackTest, Attack_A12_KeyOfAnotherMachine) {
  FakeMachine other;
  other.Boot();
  reference().ak = other.ak();
  EXPECT_TRUE(FailsFor(AttestFull(machine_, reference()), "tpm.quote.signature"));
}

// An unrestricted key signs whatever root gives it, quotes too.
TEST_F(AttackTest, Attack_A12_UnrestrictedKey) {
  for (const std::uint32_t attribute :
       {tpm::kRestricted, tpm::kFixedTpm, tpm::kSensitiveDataOrigin}) {
    MachineOptions options;
    options.ak_attributes &= ~attribute;
    FakeMachine machine = Booted(options);
    EXPECT_TRUE(FailsOnlyFor(AttestFull(machine, machine.MakeReference()), "tpm.ak.attributes"));
  }
}

// --- A14, A20: policy changes and leftover state ----------------------------------

TEST_F(AttackTest, Attack_A20_ChangedPolicyNeedsTheWholeList) {
  const BootProgress before = FirstProgress();
  reference().policy = testing::ParsePolicy(machine_.PolicyText({"/tmp/.*"}));
  const Attestation next = AttestNext(machine_, reference(), before);
  EXPECT_EQ(next.advice, Advice::kAskInFull);
  EXPECT_FALSE(next.rebooted);
  EXPECT_EQ(next.appraisal.verdict(), Verdict::kError);
  const Attestation full = AttestFull(machine_, reference(), &before);
  EXPECT_TRUE(Passes(full));
  EXPECT_EQ(full.progress.value().policy_hash, reference().policy->hash());
}

TEST_F(AttackTest, Attack_A14_PolicyTakenAwayNeedsTheWholeList) {
  const BootProgress before = FirstProgress();
  reference().policy = nullptr;
  EXPECT_EQ(AttestNext(machine_, reference(), before).advice, Advice::kAskInFull);
}

// What the old policy allowed is appraised again.
TEST_F(AttackTest, Attack_A20_OldEntriesAreHeldAgainstTheNewPolicy) {
  const BootProgress before = FirstProgress();
  FakeMachine smaller;
  smaller.Boot();
  smaller.Run("/usr/bin/init", "init 1");
  smaller.Run("/usr/bin/agent", "agent 1");
  reference().policy = testing::ParsePolicy(smaller.PolicyText());
  const Attestation full = AttestFull(machine_, reference(), &before);
  ASSERT_TRUE(FailsOnlyFor(full, "ima.path"));
  EXPECT_EQ(FindCheck(full.appraisal.findings, "ima.path")->subject.path, "/usr/bin/shell");
}

// The enrolment was changed to another bank: nothing of the old state is gone on from.
TEST_F(AttackTest, Attack_A20_ChangedBankNeedsTheWholeList) {
  FakeMachine machine = Booted(BankOptions(HashAlgorithm::kSha384));
  Reference reference = machine.MakeReference();
  FakeMachine other = Booted(BankOptions(HashAlgorithm::kSha256));
  BootProgress before = AttestFull(other, other.MakeReference()).progress.value();
  before.clock_info = machine.clock();
  before.policy_hash = reference.policy->hash();
  const Challenge challenge = MakeChallenge(reference, false, before.entries());
  const Attestation next = Appraise(reference, challenge, machine.AnswerTo(challenge), &before);
  EXPECT_EQ(next.advice, Advice::kAskInFull);
  reference.waivers.boot_aggregate_bank = true;
  EXPECT_TRUE(Passes(AttestFull(machine, reference, &before)));
}

// --- A15: injection through evidence ----------------------------------------------

TEST_F(AttackTest, Attack_A15_PathsAreShownEscapedAndNeverInNext) {
  machine_.Measure("/tmp/$(reboot);\x1b[2J`id`", Evil());
  const Attestation first = AttestFull(machine_, reference());
  ASSERT_TRUE(FailsOnlyFor(first, "ima.path"));
  const Finding& finding = *FindCheck(first.appraisal.findings, "ima.path");
  EXPECT_EQ(finding.detail.find('\x1b'), std::string::npos);
  EXPECT_NE(finding.detail.find("\\x1b"), std::string::npos);
  EXPECT_EQ(finding.next.find("reboot"), std::string::npos);
  EXPECT_FALSE(finding.next.empty());
}

TEST_F(AttackTest, Attack_A15_AnnouncedNamesAreEscaped) {
  const Challenge challenge = MakeChallenge(reference(), true);
  Answer answer = machine_.AnswerTo(challenge);
  answer.hash_alg = "\x1b]0;owned";
  const Attestation first = Appraise(reference(), challenge, answer, nullptr);
  ASSERT_TRUE(FailsOnlyFor(first, "tpm.quote.algorithms"));
  EXPECT_EQ(FindCheck(first.appraisal.findings, "tpm.quote.algorithms")->detail.find('\x1b'),
            std::string::npos);
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
