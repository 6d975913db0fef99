#include "limequat/appraise/attestation.h"

#include <gtest/gtest.h>

#include "limequat/appraise/testing/attest.h"

namespace limequat::appraise {
namespace {

using crypto::HashAlgorithm;
using testing::AkKind;
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

using AttestationTest = testing::MachineTest;

TEST_F(AttestationTest, FirstEvidence) {
  const Attestation first = AttestFull(machine_, reference());
  EXPECT_TRUE(Passes(first));
  EXPECT_FALSE(first.rebooted);
  EXPECT_FALSE(first.list_is_ahead);
  EXPECT_EQ(first.bank, HashAlgorithm::kSha256);
  ASSERT_TRUE(first.boot_pcrs.has_value());
  EXPECT_EQ(*first.boot_pcrs, machine_.ApprovedBaseline().pcrs);
  ASSERT_TRUE(first.progress.has_value());
  EXPECT_EQ(first.progress->entries(), 4U);
  EXPECT_EQ(first.progress->replay.pcr(), machine_.Pcr(HashAlgorithm::kSha256, 10));
  EXPECT_EQ(first.progress->policy_hash, reference().policy->hash());
  EXPECT_EQ(first.progress->transport_key_pem, machine_.transport_key());
  EXPECT_TRUE(first.progress->failures.empty());
}

TEST_F(AttestationTest, EveryCheckIsReported) {
  const Attestation first = AttestFull(machine_, reference());
  for (const std::string_view check :
       {"tpm.ak.attributes", "tpm.quote.signature", "tpm.quote.hash", "tpm.quote.nonce",
        "tpm.quote.selection", "tpm.quote.pcr_values", "tpm.quote.pcr_digest", "tpm.quote.bank",
        "tpm.quote.algorithms", "tpm.quote.transport_key", "tpm.clock", "boot.baseline",
        "ima.offset", "ima.replay", "ima.list", "ima.boot_aggregate"}) {
    EXPECT_NE(FindCheck(first.appraisal.findings, check), nullptr) << check;
  }
}

TEST_F(AttestationTest, NextEvidenceIsAPart) {
  const BootProgress before = FirstProgress();
  EXPECT_TRUE(Passes(AttestNext(machine_, reference(), before)));
  machine_.Run("/usr/bin/shell", "shell 1");
  const Attestation next = AttestNext(machine_, reference(), before);
  EXPECT_TRUE(Passes(next));
  EXPECT_EQ(next.progress.value().entries(), 5U);
  EXPECT_FALSE(next.boot_pcrs.has_value());
  EXPECT_TRUE(Passes(AttestNext(machine_, reference(), *next.progress)));
}

TEST_F(AttestationTest, EmptyPartIsHeldAgainstTheKnownValue) {
  const BootProgress before = FirstProgress();
  machine_.Extend(tpm::kImaPcr, "measured by nobody");
  const Attestation next = AttestNext(machine_, reference(), before);
  EXPECT_TRUE(FailsOnlyFor(next, "ima.replay"));
  EXPECT_FALSE(next.progress.has_value());
}

TEST_F(AttestationTest, KeysAndTemplates) {
  for (const AkKind ak : {AkKind::kEcdsaP256, AkKind::kRsaSsa2048, AkKind::kRsaPss2048}) {
    for (const std::string name : {"ima-ng", "ima-sig"}) {
      MachineOptions options;
      options.ak = ak;
      options.template_name = name;
      FakeMachine machine(options);
      machine.Boot();
      machine.Run("/usr/bin/x", "x");
      EXPECT_TRUE(Passes(AttestFull(machine, machine.MakeReference())));
    }
  }
}

TEST_F(AttestationTest, UnknownProgram) {
  machine_.Measure("/tmp/intruder", crypto::Hash(HashAlgorithm::kSha256, ToBytes("evil")));
  const Attestation first = AttestFull(machine_, reference());
  ASSERT_TRUE(FailsOnlyFor(first, "ima.path"));
  const Finding& finding = *FindCheck(first.appraisal.findings, "ima.path");
  EXPECT_EQ(finding.subject.path, "/tmp/intruder");
  EXPECT_EQ(finding.subject.event, 4U);
  EXPECT_EQ(finding.subject.pcr, 10U);
  EXPECT_EQ(finding.cause, Cause::kTamper);
}

TEST_F(AttestationTest, ChangedProgram) {
  machine_.Measure("/usr/bin/shell", crypto::Hash(HashAlgorithm::kSha256, ToBytes("evil")));
  EXPECT_TRUE(FailsOnlyFor(AttestFull(machine_, reference()), "ima.digest"));
}

// A failure is one of the boot, not of the moment.
TEST_F(AttestationTest, FailureStaysForTheRestOfTheBoot) {
  const BootProgress good = FirstProgress();
  machine_.Measure("/tmp/intruder", crypto::Hash(HashAlgorithm::kSha256, ToBytes("evil")));
  const Attestation bad = AttestNext(machine_, reference(), good);
  ASSERT_TRUE(FailsOnlyFor(bad, "ima.path"));
  const Attestation later = AttestNext(machine_, reference(), bad.progress.value());
  ASSERT_TRUE(FailsOnlyFor(later, "ima.path"));
  EXPECT_EQ(FindCheck(later.appraisal.findings, "ima.path")->subject.path, "/tmp/intruder");
  const Attestation even_later = AttestNext(machine_, reference(), later.progress.value());
  EXPECT_TRUE(FailsOnlyFor(even_later, "ima.path"));
  EXPECT_EQ(even_later.progress.value().failures.size(), 1U);
}

TEST_F(AttestationTest, FailureEndsWithAnAppraisalOfTheWholeListUnderANewPolicy) {
  machine_.Run("/usr/bin/new", "new 1");
  const Attestation bad = AttestFull(machine_, reference());
  ASSERT_TRUE(FailsOnlyFor(bad, "ima.path"));
  reference().policy = testing::ParsePolicy(machine_.PolicyText());
  const Attestation good = AttestFull(machine_, reference(), &bad.progress.value());
  EXPECT_TRUE(Passes(good));
  EXPECT_TRUE(good.progress.value().failures.empty());
}

TEST_F(AttestationTest, ThousandsOfFailuresAreCounted) {
  for (int i = 0; i < 1500; ++i) {
    machine_.Measure("/tmp/" + std::to_string(i), crypto::Digest(HashAlgorithm::kSha256));
  }
  const Attestation first = AttestFull(machine_, reference());
  EXPECT_TRUE(FailsFor(first, "ima.path"));
  EXPECT_EQ(first.appraisal.findings.size(), kMaxFindings);
  EXPECT_GE(first.appraisal.not_shown, 500U);
  const BootProgress& progress = first.progress.value();
  EXPECT_LE(progress.failures.size(), kMaxFindings);
  EXPECT_EQ(progress.failures.size() + progress.failures_not_kept, 1500U);

  for (int i = 0; i < 100; ++i) {
    machine_.Measure("/tmp/more" + std::to_string(i), crypto::Digest(HashAlgorithm::kSha256));
  }
  const Attestation next = AttestNext(machine_, reference(), progress);
  EXPECT_EQ(next.progress.value().failures.size() + next.progress->failures_not_kept, 1600U);
  EXPECT_EQ(next.progress->failures.size(), kMaxFindings);
  EXPECT_GE(next.appraisal.not_shown, 600U);
}

TEST_F(AttestationTest, MachineWithoutPolicyIsUnpoliced) {
  reference().policy = nullptr;
  const Attestation first = AttestFull(machine_, reference());
  EXPECT_TRUE(Verdicts(first, Verdict::kUnpoliced));
  EXPECT_TRUE(first.progress.value().policy_hash.IsZero());
  EXPECT_TRUE(Verdicts(AttestNext(machine_, reference(), *first.progress), Verdict::kUnpoliced));
}

TEST_F(AttestationTest, PolicyThatSaysNothingIsNone) {
  reference().policy = testing::ParsePolicy(FakeMachine().PolicyText());
  machine_.Measure("/tmp/any", crypto::Digest(HashAlgorithm::kSha256));
  EXPECT_TRUE(Verdicts(AttestFull(machine_, reference()), Verdict::kUnpoliced));
}

TEST_F(AttestationTest, UnpolicedMachineStillFails) {
  reference().policy = nullptr;
  machine_.Violate("/var/log/x");
  EXPECT_TRUE(FailsOnlyFor(AttestFull(machine_, reference()), "ima.violation"));
}

TEST_F(AttestationTest, PcrPolicy) {
  const std::string good = machine_.Pcr(HashAlgorithm::kSha256, 14).hex();
  reference().pcr_policy = {{14, {std::string(64, '1'), good}}};
  EXPECT_TRUE(PcrsToAsk(reference(), false).Contains(14));
  const Attestation first = AttestFull(machine_, reference());
  EXPECT_TRUE(Passes(first));
  machine_.Extend(14, "something");
  const Attestation next = AttestNext(machine_, reference(), first.progress.value());
  ASSERT_TRUE(FailsOnlyFor(next, "pcr.policy"));
  const Finding* finding = FindCheck(next.appraisal.findings, "pcr.policy");
  EXPECT_EQ(finding->subject.pcr, 14U);
  EXPECT_EQ(finding->expected, (std::vector<std::string>{std::string(64, '1'), good}));
  EXPECT_EQ(finding->found.size(), 64U);
}

TEST_F(AttestationTest, PcrPolicyWithoutValuesAllowsNone) {
  reference().pcr_policy = {{14, {}}};
  EXPECT_TRUE(FailsOnlyFor(AttestFull(machine_, reference()), "pcr.policy"));
}

// Keylime's tenant lets a policy name PCR 24, which no quote can cover.
TEST_F(AttestationTest, PcrPolicyForAPcrThatCannotBeQuoted) {
  reference().pcr_policy = {{24, {std::string(64, '0')}}};
  const Attestation first = AttestFull(machine_, reference());
  ASSERT_TRUE(FailsOnlyFor(first, "pcr.policy"));
  EXPECT_EQ(FindCheck(first.appraisal.findings, "pcr.policy")->outcome, Outcome::kNotEvaluated);
}

TEST_F(AttestationTest, PcrsThatWereAskedForMustBeSigned) {
  reference().requested = tpm::PcrSet::Of(12);
  const Challenge challenge = MakeChallenge(reference(), true);
  Challenge less = challenge;
  less.pcrs = challenge.pcrs - tpm::PcrSet::Of(12);
  EXPECT_TRUE(FailsFor(Appraise(reference(), challenge, machine_.AnswerTo(less), nullptr),
                       "tpm.quote.selection"));
  // What the challenge named counts, even if the reference no longer asks for it.
  reference().requested = {};
  EXPECT_TRUE(FailsFor(Appraise(reference(), challenge, machine_.AnswerTo(less), nullptr),
                       "tpm.quote.selection"));
}

TEST_F(AttestationTest, PcrsToAsk) {
  EXPECT_EQ(PcrsToAsk(reference(), true), kFullPcrs);
  EXPECT_EQ(PcrsToAsk(reference(), false), tpm::PcrSet::Of(10));
  reference().requested = tpm::PcrSet::Of(16) | tpm::PcrSet::Of(12);
  EXPECT_EQ(PcrsToAsk(reference(), false), tpm::PcrSet::Of(10) | tpm::PcrSet::Of(12));
}

TEST_F(AttestationTest, TransportKeyOfAnother) {
  const Challenge challenge = MakeChallenge(reference(), true);
  Answer answer = machine_.AnswerTo(challenge);
  answer.transport_key_pem = FakeMachine().transport_key();
  const Attestation first = Appraise(reference(), challenge, answer, nullptr);
  EXPECT_TRUE(FailsOnlyFor(first, "tpm.quote.transport_key"));
  EXPECT_EQ(first.progress.value().transport_key_pem, "");
}

TEST_F(AttestationTest, TransportKeyIsRememberedAndMayChange) {
  const BootProgress before = FirstProgress();
  const std::string old_key = machine_.transport_key();
  machine_.ReplaceTransportKey(FakeMachine().transport_key());
  // Not told of the new key: PCR 16 does not fit the old one.
  const Attestation silent = AttestNext(machine_, reference(), before);
  EXPECT_TRUE(FailsOnlyFor(silent, "tpm.quote.transport_key"));
  EXPECT_EQ(silent.progress.value().transport_key_pem, old_key);
  const Challenge challenge = MakeChallenge(reference(), false, before.entries());
  Answer answer = machine_.AnswerTo(challenge);
  answer.transport_key_pem = machine_.transport_key();
  const Attestation told = Appraise(reference(), challenge, answer, &before);
  EXPECT_TRUE(Passes(told));
  EXPECT_EQ(told.progress.value().transport_key_pem, machine_.transport_key());
}

TEST_F(AttestationTest, NoTransportKeyKnown) {
  const Challenge challenge = MakeChallenge(reference(), true);
  Answer answer = machine_.AnswerTo(challenge);
  answer.transport_key_pem.reset();
  const Attestation first = Appraise(reference(), challenge, answer, nullptr);
  ASSERT_TRUE(FailsOnlyFor(first, "tpm.quote.transport_key"));
  EXPECT_EQ(FindCheck(first.appraisal.findings, "tpm.quote.transport_key")->outcome,
            Outcome::kNotEvaluated);
}

TEST_F(AttestationTest, TransportKeyIsNotStoredWhateverItsSize) {
  machine_.ReplaceTransportKey(std::string(20'000, 'k'));
  const Attestation first = AttestFull(machine_, reference());
  EXPECT_TRUE(FailsOnlyFor(first, "tpm.quote.transport_key"));
  EXPECT_EQ(first.progress.value().transport_key_pem, "");
}

TEST_F(AttestationTest, AnnouncedAlgorithmsAreTheSignedOnes) {
  const Challenge challenge = MakeChallenge(reference(), true);
  Answer hash = machine_.AnswerTo(challenge);
  hash.hash_alg = "sha384";
  EXPECT_TRUE(
      FailsOnlyFor(Appraise(reference(), challenge, hash, nullptr), "tpm.quote.algorithms"));
  Answer scheme = machine_.AnswerTo(challenge);
  scheme.sign_alg = "rsassa";
  EXPECT_TRUE(
      FailsOnlyFor(Appraise(reference(), challenge, scheme, nullptr), "tpm.quote.algorithms"));
}

TEST_F(AttestationTest, SignatureHashIsAccepted) {
  reference().accepted_hashes = {HashAlgorithm::kSha384};
  EXPECT_TRUE(FailsOnlyFor(AttestFull(machine_, reference()), "tpm.quote.algorithms"));
}

TEST_F(AttestationTest, SchemeIsThatOfTheAttestationKey) {
  // The same key, but made for another hash: a TPM would not sign with SHA-256.
  MachineOptions options;
  options.signature_hash = HashAlgorithm::kSha384;
  FakeMachine machine(options);
  machine.Boot();
  machine.Run("/usr/bin/x", "x");
  Reference reference = machine.MakeReference();
  EXPECT_TRUE(Passes(AttestFull(machine, reference)));
  Bytes tpmt = machine.ak().tpmt();
  tpmt[15] = 0x0b;  // scheme hash
  reference.ak = *tpm::PublicArea::FromTpmt(tpmt);
  EXPECT_TRUE(FailsOnlyFor(AttestFull(machine, reference), "tpm.quote.algorithms"));
}

TEST_F(AttestationTest, RebootIsAskedAboutInFull) {
  const BootProgress before = FirstProgress();
  machine_.Boot();
  machine_.Run("/usr/bin/init", "init 1");
  const Attestation next = AttestNext(machine_, reference(), before);
  EXPECT_EQ(next.advice, Advice::kAskInFull);
  EXPECT_TRUE(next.rebooted);
  EXPECT_TRUE(next.appraisal.findings.empty());
  EXPECT_EQ(next.appraisal.verdict(), Verdict::kError);
  EXPECT_FALSE(next.progress.has_value());
  const Attestation full = AttestFull(machine_, reference(), &before);
  EXPECT_TRUE(Passes(full));
  EXPECT_TRUE(full.rebooted);
  EXPECT_EQ(full.progress.value().entries(), 2U);
}

TEST_F(AttestationTest, RebootEndsTheFailuresOfTheBootBefore) {
  machine_.Measure("/tmp/intruder", crypto::Digest(HashAlgorithm::kSha256));
  const Attestation bad = AttestFull(machine_, reference());
  ASSERT_TRUE(FailsOnlyFor(bad, "ima.path"));
  machine_.Boot();
  const Attestation good = AttestFull(machine_, reference(), &bad.progress.value());
  EXPECT_TRUE(Passes(good));
  EXPECT_TRUE(good.progress.value().failures.empty());
}

TEST_F(AttestationTest, SuspendIsAskedAboutInFull) {
  const BootProgress before = FirstProgress();
  machine_.Suspend();
  const Attestation next = AttestNext(machine_, reference(), before);
  EXPECT_EQ(next.advice, Advice::kAskInFull);
  EXPECT_TRUE(next.rebooted);
  EXPECT_TRUE(Passes(AttestFull(machine_, reference(), &before)));
}

// A reset sets the restart count back to zero: Keylime takes that for a rollback.
TEST_F(AttestationTest, Quirk_Q23_RestartCountOfANewBoot) {
  machine_.Suspend();
  machine_.Suspend();
  const BootProgress before = FirstProgress();
  machine_.Boot();
  EXPECT_TRUE(Passes(AttestFull(machine_, reference(), &before)));
}

// What was asked for was asked with another state in mind.
TEST_F(AttestationTest, PartThatDoesNotGoOnFromTheStateIsAskedInFull) {
  const BootProgress before = FirstProgress();
  machine_.Run("/usr/bin/shell", "shell 1");
  const Challenge challenge = MakeChallenge(reference(), false, before.entries() + 1);
  const Attestation next = Appraise(reference(), challenge, machine_.AnswerTo(challenge), &before);
  EXPECT_EQ(next.advice, Advice::kAskInFull);
  EXPECT_FALSE(next.rebooted);
}

TEST_F(AttestationTest, QuoteThatDoesNotVerifyIsToldInFull) {
  const BootProgress before = FirstProgress();
  const Challenge challenge = MakeChallenge(reference(), false, before.entries());
  Answer answer = machine_.AnswerTo(challenge);
  answer.quote.pcrs.values.Set(10, crypto::Digest(HashAlgorithm::kSha256));
  const Attestation next = Appraise(reference(), challenge, answer, &before);
  EXPECT_TRUE(FailsFor(next, "tpm.quote.pcr_digest"));
  for (const std::string_view check : {"tpm.quote.bank", "tpm.quote.algorithms",
                                       "tpm.quote.transport_key", "tpm.clock", "ima.replay"}) {
    const Finding* finding = FindCheck(next.appraisal.findings, check);
    ASSERT_NE(finding, nullptr) << check;
    EXPECT_EQ(finding->outcome, Outcome::kNotEvaluated) << check;
  }
  EXPECT_FALSE(next.progress.has_value());
  EXPECT_FALSE(next.bank.has_value());
}

TEST_F(AttestationTest, AnswerThatCannotBeReadIsAnError) {
  const Challenge challenge = MakeChallenge(reference(), true);
  Answer attest = machine_.AnswerTo(challenge);
  attest.quote.attest.pop_back();
  EXPECT_FALSE(AppraiseAttestation(reference(), challenge, attest, nullptr, Time()).has_value());
  Answer signature = machine_.AnswerTo(challenge);
  signature.quote.signature.pop_back();
  EXPECT_FALSE(AppraiseAttestation(reference(), challenge, signature, nullptr, Time()).has_value());
}

TEST_F(AttestationTest, ListThatCannotBeReadFails) {
  const Challenge challenge = MakeChallenge(reference(), true);
  Answer answer = machine_.AnswerTo(challenge);
  const std::string list = "what is this\n" + machine_.list();
  answer.ima_list = list;
  const Attestation first = Appraise(reference(), challenge, answer, nullptr);
  EXPECT_TRUE(FailsOnlyFor(first, "ima.replay"));
  EXPECT_FALSE(first.progress.has_value());
}

TEST_F(AttestationTest, TemplateThatIsNotSupportedIsNotEvaluated) {
  std::string list = machine_.list();
  list.replace(list.find("ima-ng"), 6, "ima-xx");
  machine_.ReplaceList(list);
  const Attestation first = AttestFull(machine_, reference());
  ASSERT_TRUE(FailsOnlyFor(first, "ima.replay"));
  EXPECT_EQ(FindCheck(first.appraisal.findings, "ima.replay")->outcome, Outcome::kNotEvaluated);
}

}  // namespace
}  // namespace limequat::appraise
