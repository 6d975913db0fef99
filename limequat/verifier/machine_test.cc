#include "limequat/verifier/machine.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/verifier/machine_for_test.h"

namespace limequat::verifier {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_F(MachineTest, FirstQuestionIsFullAndCoversTheBoot) {
  const Ask ask = AskNow();
  EXPECT_TRUE(ask.flight.challenge.full);
  EXPECT_EQ(ask.flight.challenge.ima_from, 0U);
  EXPECT_TRUE(ask.flight.challenge.pcrs.ContainsAll(appraise::kFullPcrs));
  EXPECT_EQ(ask.before, nullptr);
}

TEST_F(MachineTest, NothingIsGoodBeforeEvidence) { EXPECT_EQ(IntegrityNow(), Integrity::kPending); }

TEST_F(MachineTest, VerifiedEvidencePassesAndTheNextQuestionGoesOn) {
  const Ask first = AskNow();
  const Effects effects = Give(AnswerTo(first, Good(first, 42)));
  EXPECT_EQ(IntegrityNow(), Integrity::kPass);
  EXPECT_EQ(TrustAt(state_, pace_, now_), Trust::kTrusted);
  ASSERT_NE(Only<PlanDue>(effects), nullptr);
  EXPECT_EQ(Only<PlanDue>(effects)->after, milliseconds(1900));
  const Ask second = AskNow();
  EXPECT_FALSE(second.flight.challenge.full);
  EXPECT_EQ(second.flight.challenge.ima_from, 42U);
}

TEST_F(MachineTest, Attack_A03_HeldQuoteAgesFromItsNonce) {
  const Ask ask = AskNow();
  const Time asked = now_;
  now_ += seconds(11);  // the answer was held back
  Give(AnswerTo(ask, Good(ask)));
  EXPECT_EQ(state_.verified_evidence, asked);
  EXPECT_EQ(IntegrityNow(), Integrity::kLate);
}

TEST_F(MachineTest, Attack_A03_NonceIsUsedOnce) {
  const Ask ask = AskNow();
  Give(AnswerTo(ask, Good(ask)));
  const Effects again = Give(AnswerTo(ask, Good(ask)));
  EXPECT_TRUE(again.empty());
  EXPECT_EQ(state_.attestations, 1);
}

TEST_F(MachineTest, Attack_A03_AnswerToAnotherNonceIsDropped) {
  const Ask ask = AskNow();
  Answered other = AnswerTo(ask, Good(ask));
  other.nonce = ToBytes("another");
  EXPECT_TRUE(Give(std::move(other)).empty());
  EXPECT_EQ(IntegrityNow(), Integrity::kPending);
}

TEST_F(MachineTest, Attack_A14_AnswerOfAnOlderGenerationIsDropped) {
  const Ask ask = AskNow();
  Answered stale = AnswerTo(ask, Good(ask));
  stale.generation += 1;
  EXPECT_TRUE(Give(std::move(stale)).empty());
  EXPECT_EQ(IntegrityNow(), Integrity::kPending);
}

TEST_F(MachineTest, Attack_A14_AnswerUnderAnotherPolicyIsDropped) {
  const Ask ask = AskNow();
  Answered stale = AnswerTo(ask, Good(ask));
  stale.policy_hash = crypto::Hash(kSha256, AsBytes("another policy"));
  EXPECT_TRUE(Give(std::move(stale)).empty());
  EXPECT_EQ(IntegrityNow(), Integrity::kPending);
}

TEST_F(MachineTest, Attack_A14_AnswerOnItsWayWhenThePolicyChangesIsDropped) {
  const Ask ask = AskNow();
  auto changed = std::make_shared<Enrolment>(*enrolment_);
  changed->generation = 7;
  Give(EnrolmentChanged{.now = now_, .enrolment = changed});
  EXPECT_TRUE(Give(AnswerTo(ask, Good(ask))).empty());
  EXPECT_EQ(IntegrityNow(), Integrity::kPending);
}

TEST_F(MachineTest, Attack_A20_ChangedPolicyAsksForTheWholeList) {
  const Ask first = AskNow();
  Give(AnswerTo(first, Good(first, 42)));
  auto changed = std::make_shared<Enrolment>(*enrolment_);
  changed->generation = 7;
  const Effects effects = Give(EnrolmentChanged{.now = now_, .enrolment = changed});
  EXPECT_NE(Only<PlanDue>(effects), nullptr);
  EXPECT_EQ(IntegrityNow(), Integrity::kPending) << "the verdict of another policy must not stay";
  const Ask ask = AskNow();
  EXPECT_TRUE(ask.flight.challenge.full);
  EXPECT_EQ(ask.flight.challenge.ima_from, 0U);
  ASSERT_NE(ask.before, nullptr) << "the list's length stays a measure (A05)";
  EXPECT_EQ(ask.before->entries(), 42U);
}

TEST_F(MachineTest, Attack_A20_OnePollingLoop) {
  AskNow();
  EXPECT_TRUE(Give(Due{.now = now_, .nonce = Nonce()}).empty());
}

TEST_F(MachineTest, Attack_A20_NothingAfterRemoval) {
  const Ask ask = AskNow();
  Give(Removed{});
  EXPECT_TRUE(Give(AnswerTo(ask, Good(ask))).empty());
  EXPECT_TRUE(Give(Due{.now = now_, .nonce = Nonce()}).empty());
}

TEST_F(MachineTest, FailureDoesNotFadeIntoLate) {
  const Ask ask = AskNow();
  Give(AnswerTo(ask, Bad(ask)));
  now_ += seconds(3600);
  EXPECT_EQ(IntegrityNow(), Integrity::kFail);
}

TEST_F(MachineTest, SilenceIsLateAndToldOnce) {
  const Ask first = AskNow();
  Give(AnswerTo(first, Good(first)));
  now_ += seconds(11);
  EXPECT_EQ(IntegrityNow(), Integrity::kLate);
  const Effects effects = Give(Due{.now = now_, .nonce = Nonce()});
  ASSERT_NE(Only<Notify>(effects), nullptr);
  EXPECT_EQ(Only<Notify>(effects)->notice, Notice::kLate);
  const Effects again = Give(AnswerTo(*Only<Ask>(effects), Unavailable("x", "no answer")));
  EXPECT_EQ(Only<Notify>(again), nullptr);
}

TEST_F(MachineTest, ClockThatWasPutBackKeepsNothingFresh) {
  const Ask ask = AskNow();
  Give(AnswerTo(ask, Good(ask)));
  const Time then = now_;
  now_ = then - pace_.late_after;
  EXPECT_EQ(IntegrityNow(), Integrity::kPass) << "a small step is none";
  now_ -= Duration(1);
  EXPECT_EQ(IntegrityNow(), Integrity::kLate);
}

TEST_F(MachineTest, EnrolledButNeverSeenIsLate) {
  now_ += seconds(11);
  EXPECT_EQ(IntegrityNow(), Integrity::kLate);
}

TEST_F(MachineTest, TransportTroubleBacksOffToItsBound) {
  Duration last{};
  for (int i = 0; i < 12; ++i) {
    const Ask ask = AskNow();
    const Effects effects = Give(AnswerTo(ask, Unavailable("http.client.connect", "refused")));
    ASSERT_NE(Only<PlanDue>(effects), nullptr);
    EXPECT_GE(Only<PlanDue>(effects)->after, last);
    last = Only<PlanDue>(effects)->after;
  }
  EXPECT_EQ(last, pace_.max_retry_interval);
  EXPECT_EQ(state_.transport_trouble, "refused");
}

TEST_F(MachineTest, TransportTroubleIsNoVerdict) {
  const Ask first = AskNow();
  Give(AnswerTo(first, Good(first)));
  const Ask second = AskNow();
  Give(AnswerTo(second, Unavailable("http.client.timeout", "timeout")));
  EXPECT_EQ(IntegrityNow(), Integrity::kPass);
}

TEST_F(MachineTest, MalformedAnswerFails) {
  const Ask ask = AskNow();
  Give(AnswerTo(ask, Malformed("tpm.attest.magic", "bad magic")));
  EXPECT_EQ(IntegrityNow(), Integrity::kFail);
  ASSERT_NE(FindCheck(state_.newest->findings, "evidence.malformed"), nullptr);
}

TEST_F(MachineTest, Attack_A01_RebootIsAskedAgainInFull) {
  const Ask first = AskNow();
  Give(AnswerTo(first, Good(first)));
  const Ask second = AskNow();
  ASSERT_FALSE(second.flight.challenge.full);
  appraise::Attestation rebooted;
  rebooted.advice = appraise::Advice::kAskInFull;
  rebooted.rebooted = true;
  const Effects effects = Give(AnswerTo(second, std::move(rebooted)));
  ASSERT_NE(Only<PlanDue>(effects), nullptr);
  EXPECT_EQ(Only<PlanDue>(effects)->after, Duration(0));
  EXPECT_EQ(state_.attestations, 1) << "nothing was appraised";
  EXPECT_TRUE(AskNow().flight.challenge.full);
}

TEST_F(MachineTest, EndlessAskInFullFails) {
  for (int i = 0; i <= kMaxFullRepeats; ++i) {
    const Ask ask = AskNow();
    appraise::Attestation again;
    again.advice = appraise::Advice::kAskInFull;
    Give(AnswerTo(ask, std::move(again)));
  }
  EXPECT_EQ(IntegrityNow(), Integrity::kFail);
  ASSERT_NE(FindCheck(state_.newest->findings, "boot.unstable"), nullptr);
}

TEST_F(MachineTest, Attack_A06_ListAheadIsAskedOnceMoreNotForEver) {
  int immediate = 0;
  for (int i = 0; i < 5; ++i) {
    const Ask ask = AskNow();
    appraise::Attestation attestation = Good(ask);
    attestation.list_is_ahead = true;
    const Effects effects = Give(AnswerTo(ask, std::move(attestation)));
    if (Only<PlanDue>(effects)->after == Duration(0)) ++immediate;
    if (i == 1) EXPECT_EQ(immediate, kMaxExtraQuotes);
  }
  EXPECT_LE(immediate, 3);
}

TEST_F(MachineTest, FirstEvidenceGivesBankAndApprovedBaseline) {
  const Ask ask = AskNow();
  const Effects effects = Give(AnswerTo(ask, Good(ask)));
  const Remember* remember = Only<Remember>(effects);
  ASSERT_NE(remember, nullptr);
  EXPECT_EQ(remember->memory.bank, kSha256);
  ASSERT_TRUE(remember->memory.baseline.has_value());
  EXPECT_TRUE(remember->memory.baseline->approved);
  EXPECT_EQ(state_.reference->baseline->pcrs, BootPcrs());
}

TEST_F(MachineTest, Attack_A01_BaselineIsNotReplacedByALaterBoot) {
  const Ask first = AskNow();
  Give(AnswerTo(first, Good(first)));
  state_.full_next = true;
  const Ask second = AskNow();
  appraise::Attestation other = Good(second);
  tpm::PcrValues changed;
  changed.Set(0, crypto::Hash(kSha256, AsBytes("another firmware")));
  other.boot_pcrs = changed;
  Give(AnswerTo(second, std::move(other)));
  EXPECT_EQ(state_.memory.baseline->pcrs, BootPcrs());
}

TEST_F(MachineTest, EvidenceOfABootIsKeptOnce) {
  const auto answer = [this](std::string_view log) {
    const Ask ask = AskNow();
    Answered answered = AnswerTo(ask, Good(ask));
    answered.boot = MakeBootEvidence(ToBytes(log), BootPcrs());
    return Give(std::move(answered));
  };
  const Effects first = answer("log");
  ASSERT_NE(Only<KeepBootEvidence>(first), nullptr);
  EXPECT_EQ(AsText(Only<KeepBootEvidence>(first)->evidence->log), "log");
  EXPECT_EQ(Only<KeepBootEvidence>(first)->verified, kStart);
  EXPECT_EQ(Only<KeepBootEvidence>(first)->generation, state_.enrolment->generation);
  EXPECT_EQ(Only<KeepBootEvidence>(answer("log")), nullptr) << "kept already";
  EXPECT_NE(Only<KeepBootEvidence>(answer("another")), nullptr);
  Restart(state_.memory);
  EXPECT_EQ(Only<KeepBootEvidence>(answer("another")), nullptr) << "so is what was loaded";
}

TEST_F(MachineTest, TheEvidenceOfABootStaysWhenThePolicyChanges) {
  state_.memory.boot_evidence = MakeBootEvidence(ToBytes(std::string_view("log")), BootPcrs())->id;
  const auto kept = state_.memory.boot_evidence;
  Give(EnrolmentChanged{.now = now_, .enrolment = state_.enrolment});
  EXPECT_EQ(state_.memory.boot_evidence, kept);
}

TEST_F(MachineTest, EvidenceThatWasNotWrittenIsKeptTheNextTime) {
  const auto keeps = [this](std::string_view log) {
    const Ask ask = AskNow();
    Answered answered = AnswerTo(ask, Good(ask));
    answered.boot = MakeBootEvidence(ToBytes(log), BootPcrs());
    return Only<KeepBootEvidence>(Give(std::move(answered))) != nullptr;
  };
  ASSERT_TRUE(keeps("log"));
  Give(BootNotKept{.id = MakeBootEvidence(ToBytes(std::string_view("older")), BootPcrs())->id});
  EXPECT_FALSE(keeps("log")) << "what was lost is not this";
  Give(BootNotKept{.id = *state_.memory.boot_evidence});
  EXPECT_FALSE(state_.memory.boot_evidence.has_value());
  EXPECT_TRUE(keeps("log"));
}

TEST_F(MachineTest, Attack_A14_EvidenceOfAStaleAnswerIsNotKept) {
  const Ask ask = AskNow();
  Answered stale = AnswerTo(ask, Good(ask));
  stale.boot = MakeBootEvidence(ToBytes("log"), BootPcrs());
  stale.generation += 1;
  EXPECT_TRUE(Give(std::move(stale)).empty());
  EXPECT_FALSE(state_.memory.boot_evidence.has_value());
}

TEST_F(MachineTest, UnchangedListWritesNothing) {
  const Ask first = AskNow();
  Give(AnswerTo(first, Good(first)));
  const Ask second = AskNow();
  EXPECT_EQ(Only<Remember>(Give(AnswerTo(second, Good(second)))), nullptr);
  const Ask third = AskNow();
  EXPECT_NE(Only<Remember>(Give(AnswerTo(third, Good(third, 12)))), nullptr);
}

TEST_F(MachineTest, RestartedVerifierShowsNothingGoodAndAsksInFull) {
  const Ask first = AskNow();
  Give(AnswerTo(first, Good(first, 42)));
  ASSERT_EQ(IntegrityNow(), Integrity::kPass);
  Restart(state_.memory);
  EXPECT_EQ(IntegrityNow(), Integrity::kPending);
  const Ask ask = AskNow();
  EXPECT_TRUE(ask.flight.challenge.full);
  ASSERT_NE(ask.before, nullptr) << "a shortened list must be seen across our restart (A05)";
  EXPECT_EQ(ask.before->entries(), 42U);
}

TEST_F(MachineTest, UnpolicedIsNeverPass) {
  const Ask ask = AskNow();
  appraise::Attestation attestation = Good(ask);
  attestation.appraisal.policed = false;
  Give(AnswerTo(ask, std::move(attestation)));
  EXPECT_EQ(IntegrityNow(), Integrity::kUnpoliced);
  EXPECT_EQ(TrustAt(state_, pace_, now_), Trust::kNotTrusted);
}

}  // namespace
}  // namespace limequat::verifier
