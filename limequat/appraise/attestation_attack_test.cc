// One test or more for each attack of the design that this module must withstand: those on
// banks, keys, policies and texts. The others: attestation_attack_boot_test.cc and
// attestation_attack_list_test.cc.

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

}  // namespace
}  // namespace limequat::appraise
