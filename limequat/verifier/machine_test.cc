#include "limequat/verifier/machine.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/verifier/testing.h"

namespace limequat::verifier {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr crypto::HashAlgorithm kSha256 = crypto::HashAlgorithm::kSha256;
const Time kStart = FromUnixSeconds(1'800'000'000);

template <class T>
const T* Only(const Effects& effects) {
  const T* found = nullptr;
  for (const Effect& effect : effects) {
    const T* candidate = std::get_if<T>(&effect);
    if (candidate == nullptr) continue;
    EXPECT_EQ(found, nullptr) << "more than one effect of this kind";
    found = candidate;
  }
  return found;
}

// A machine under test with its own clock; each helper is one event.
class MachineTest : public ::testing::Test {
 protected:
  MachineTest() { Restart({}); }

  void Restart(Memory memory) { state_ = StartState(enrolment_, std::move(memory), now_); }

  Effects Give(Event event) { return Next(state_, std::move(event), pace_); }

  // Lets the moment come and returns the question.
  Ask AskNow() {
    const Effects effects = Give(Due{.now = now_, .nonce = Nonce()});
    const Ask* ask = Only<Ask>(effects);
    EXPECT_NE(ask, nullptr);
    return ask != nullptr ? *ask : Ask{};
  }

  // What happens in the moment of a question, to which no answer comes.
  Effects DueNow() {
    Effects effects = Give(Due{.now = now_, .nonce = Nonce()});
    state_.flight.reset();
    return effects;
  }

  Bytes Nonce() { return ToBytes("nonce-" + std::to_string(++nonces_)); }

  Answered AnswerTo(const Ask& ask, Result<appraise::Attestation> attestation) const {
    return {.now = now_ + milliseconds(100),
            .generation = ask.flight.generation,
            .policy_hash = ask.flight.policy_hash,
            .nonce = ask.flight.challenge.nonce,
            .attestation = std::move(attestation)};
  }

  static appraise::BootProgress Progress(std::uint64_t entries, std::uint32_t reset_count = 1) {
    return {.clock_info = {.clock = 1000 + entries,
                           .reset_count = reset_count,
                           .restart_count = 0,
                           .safe = true},
            .replay = ima::Replay(crypto::Hash(kSha256, AsBytes(std::to_string(entries))), entries,
                                  ima::TemplateDigests::kNative),
            .policy_hash = crypto::Digest(kSha256),
            .transport_key_pem = "pem",
            .failures = {},
            .failures_not_kept = 0};
  }

  static tpm::PcrValues BootPcrs() {
    tpm::PcrValues values;
    values.Set(0, crypto::Hash(kSha256, AsBytes("pcr 0")));
    return values;
  }

  // Verified evidence with these findings.
  appraise::Attestation Verified(const Ask& ask, std::uint64_t entries, Findings findings,
                                 std::uint32_t reset_count = 1) const {
    appraise::Attestation attestation;
    attestation.appraisal = {.findings = std::move(findings),
                             .policed = true,
                             .evidence_time = ask.flight.challenge.nonce_issued,
                             .evaluated_at = now_};
    attestation.progress = Progress(entries, reset_count);
    attestation.bank = kSha256;
    if (ask.flight.challenge.full) attestation.boot_pcrs = BootPcrs();
    return attestation;
  }

  appraise::Attestation Good(const Ask& ask, std::uint64_t entries = 10) const {
    return Verified(ask, entries, {Passed("tpm.quote.signature")});
  }

  appraise::Attestation Bad(const Ask& ask, std::string_view path = "/root/intruder") const {
    Finding finding = Failed("ima.path", "not listed");
    finding.subject.path = path;
    return Verified(ask, 11, {Passed("tpm.quote.signature"), finding});
  }

  Integrity IntegrityNow() const { return IntegrityAt(state_, pace_, now_); }

  Pace pace_{.interval = seconds(2), .late_after = seconds(10), .max_retry_interval = seconds(60)};
  std::shared_ptr<Enrolment> enrolment_ = testing::MakeTestEnrolment();
  Time now_ = kStart;
  int nonces_ = 0;
  MachineState state_;
};

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

TEST_F(MachineTest, FailureIsKeptToldOnceAndAskedOn) {
  const Ask ask = AskNow();
  const Effects effects = Give(AnswerTo(ask, Bad(ask)));
  EXPECT_EQ(IntegrityNow(), Integrity::kFail);
  ASSERT_NE(Only<KeepFailure>(effects), nullptr);
  EXPECT_TRUE(Only<KeepFailure>(effects)->opens_incident);
  ASSERT_NE(Only<Notify>(effects), nullptr);
  EXPECT_EQ(Only<Notify>(effects)->notice, Notice::kFailed);
  EXPECT_NE(Only<PlanDue>(effects), nullptr) << "a failed machine keeps being attested";

  const Ask second = AskNow();
  const Effects same = Give(AnswerTo(second, Bad(second)));
  EXPECT_EQ(Only<KeepFailure>(same), nullptr);
  EXPECT_EQ(Only<Notify>(same), nullptr);
}

TEST_F(MachineTest, AnotherFailureIsKeptUnderTheOpenIncident) {
  const Ask first = AskNow();
  Give(AnswerTo(first, Bad(first, "/a")));
  const Ask second = AskNow();
  const Effects effects = Give(AnswerTo(second, Bad(second, "/b")));
  ASSERT_NE(Only<KeepFailure>(effects), nullptr);
  EXPECT_FALSE(Only<KeepFailure>(effects)->opens_incident);
}

TEST_F(MachineTest, RecoveryPassesButIsNotTrustedWhileTheIncidentIsOpen) {
  const Ask first = AskNow();
  Give(AnswerTo(first, Bad(first)));
  const Ask second = AskNow();
  const Effects effects = Give(AnswerTo(second, Good(second)));
  ASSERT_NE(Only<Notify>(effects), nullptr);
  EXPECT_EQ(Only<Notify>(effects)->notice, Notice::kRecovered);
  EXPECT_EQ(IntegrityNow(), Integrity::kPass);
  EXPECT_EQ(TrustAt(state_, pace_, now_), Trust::kNotTrusted);
  Give(FailureKept{.opens_incident = true, .open = 1});
  EXPECT_EQ(TrustAt(state_, pace_, now_), Trust::kNotTrusted);
  Give(IncidentsCounted{.now = now_, .open = 0});
  EXPECT_EQ(TrustAt(state_, pace_, now_), Trust::kTrusted);
}

TEST_F(MachineTest, FailureThatGoesOnAfterTheIncidentWasClosedOpensAnother) {
  const Ask first = AskNow();
  Give(AnswerTo(first, Bad(first, "/a")));
  Give(FailureKept{.opens_incident = true, .open = 1});
  Give(IncidentsCounted{.now = now_, .open = 0});
  const Ask second = AskNow();
  const Effects effects = Give(AnswerTo(second, Bad(second, "/b")));
  ASSERT_NE(Only<KeepFailure>(effects), nullptr);
  EXPECT_TRUE(Only<KeepFailure>(effects)->opens_incident);
}

// Whoever closes it while the machine fails has seen why.
TEST_F(MachineTest, TheSameFailureAfterItsIncidentWasClosedOpensNone) {
  const Ask first = AskNow();
  Give(AnswerTo(first, Bad(first)));
  Give(FailureKept{.opens_incident = true, .open = 1});
  Give(IncidentsCounted{.now = now_, .open = 0});
  const Ask second = AskNow();
  EXPECT_EQ(Only<KeepFailure>(Give(AnswerTo(second, Bad(second)))), nullptr);
}

TEST_F(MachineTest, AnAppraisalWithoutAnyFindingIsAFailure) {
  const Ask ask = AskNow();
  const Effects effects = Give(AnswerTo(ask, Verified(ask, 10, {})));
  EXPECT_EQ(IntegrityNow(), Integrity::kFail);
  EXPECT_NE(Only<KeepFailure>(effects), nullptr);
}

TEST_F(MachineTest, AFailureIsRememberedThoughTheListIsAsBefore) {
  const Ask first = AskNow();
  Give(AnswerTo(first, Good(first, 11)));
  const Ask second = AskNow();
  const Effects effects = Give(AnswerTo(second, Bad(second)));
  ASSERT_NE(Only<Remember>(effects), nullptr);
  EXPECT_EQ(Only<Remember>(effects)->memory.last_failure, state_.memory.last_failure);
  EXPECT_EQ(state_.memory.last_failure.value_or("").size(), 64U);
}

// What Keylime's API shows until a failure is acknowledged and over.
TEST_F(MachineTest, TheCountAtTheFailureStaysUntilItIsClosedAndOver) {
  const auto shown = [this] { return state_.attestations_at_failure.has_value(); };
  const Ask first = AskNow();
  Give(AnswerTo(first, Bad(first)));
  Give(FailureKept{.opens_incident = true, .open = 1});
  EXPECT_TRUE(shown());
  Give(IncidentsCounted{.now = now_, .open = 0});
  EXPECT_TRUE(shown()) << "it fails still";
  const Ask second = AskNow();
  Give(AnswerTo(second, Good(second)));
  Give(IncidentsCounted{.now = now_, .open = 1});
  EXPECT_TRUE(shown()) << "another name of its TPM failed";
  Give(IncidentsCounted{.now = now_, .open = 0});
  EXPECT_FALSE(shown());
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

// --- what the database may not have ---

// The database drops a baseline that was found under the policy of before (A14). Were it not
// written again, a restarted verifier would approve whatever boots next.
TEST_F(MachineTest, Attack_A19_ABaselineOnItsWayIsWrittenAgainWhenThePolicyChanges) {
  const Ask ask = AskNow();
  ASSERT_NE(Only<Remember>(Give(AnswerTo(ask, Good(ask)))), nullptr);
  auto changed = std::make_shared<Enrolment>(*enrolment_);
  changed->generation = 7;
  const Effects effects = Give(EnrolmentChanged{.now = now_, .enrolment = changed});
  const Remember* again = Only<Remember>(effects);
  ASSERT_NE(again, nullptr);
  EXPECT_EQ(again->generation, 7);
  EXPECT_EQ(again->policy_hash, changed->PolicyHash());
  ASSERT_TRUE(again->memory.baseline.has_value());
  EXPECT_EQ(again->memory.baseline->pcrs, BootPcrs());
  EXPECT_TRUE(again->memory.baseline->approved);
  EXPECT_EQ(again->memory.boots, 1);
}

TEST_F(MachineTest, Attack_A19_ALostBaselineIsWrittenAgainWhenThePolicyChanges) {
  const Ask ask = AskNow();
  Give(AnswerTo(ask, Good(ask)));
  Give(MemoryWritten{.number = 1, .kept = false});
  EXPECT_NE(Only<Remember>(Give(EnrolmentChanged{.now = now_, .enrolment = enrolment_})), nullptr);
}

TEST_F(MachineTest, WhatTheDatabaseHasIsNotWrittenAgainWhenThePolicyChanges) {
  const Ask ask = AskNow();
  Give(AnswerTo(ask, Good(ask)));
  Give(MemoryWritten{.number = 1, .kept = true});
  EXPECT_EQ(Only<Remember>(Give(EnrolmentChanged{.now = now_, .enrolment = enrolment_})), nullptr);
}

TEST_F(MachineTest, Attack_A19_ALostWriteIsMadeWithTheNextQuestion) {
  const Ask first = AskNow();
  Give(AnswerTo(first, Good(first)));
  EXPECT_EQ(Only<Remember>(DueNow()), nullptr) << "the same is on its way";
  Give(MemoryWritten{.number = 1, .kept = false});
  const Effects second = DueNow();
  ASSERT_NE(Only<Remember>(second), nullptr);
  EXPECT_EQ(Only<Remember>(second)->number, 2);
  EXPECT_EQ(Only<Remember>(second)->memory.baseline->pcrs, BootPcrs());
  EXPECT_EQ(Only<Remember>(DueNow()), nullptr) << "one of them at a time";
  Give(MemoryWritten{.number = 2, .kept = false});
  EXPECT_EQ(state_.memory_writes.lost_in_a_row, 2);
  EXPECT_NE(Only<Remember>(DueNow()), nullptr);
  Give(MemoryWritten{.number = 3, .kept = true});
  EXPECT_EQ(state_.memory_writes.lost_in_a_row, 0);
  EXPECT_EQ(Only<Remember>(DueNow()), nullptr);
}

TEST_F(MachineTest, Attack_A18_TheClockIsWrittenThoughNothingElseIsNew) {
  const auto writes = [this](std::uint64_t clock) {
    const Ask ask = AskNow();
    appraise::Attestation attestation = Good(ask);
    attestation.progress->clock_info.clock = clock;
    return Only<Remember>(Give(AnswerTo(ask, std::move(attestation)))) != nullptr;
  };
  ASSERT_TRUE(writes(1000));
  EXPECT_FALSE(writes(1000 + kMaxClockUnwritten - 1));
  EXPECT_TRUE(writes(1000 + kMaxClockUnwritten));
  EXPECT_FALSE(writes(1000 + kMaxClockUnwritten + 1));
  Restart(state_.memory);
  EXPECT_TRUE(writes(1001 + 2 * kMaxClockUnwritten));
}

// The queue of the database was full.
TEST_F(MachineTest, Attack_A19_ANewerWriteThatIsLostFirstIsMadeAgain) {
  for (const std::uint64_t entries : {10U, 12U}) {
    const Ask ask = AskNow();
    ASSERT_NE(Only<Remember>(Give(AnswerTo(ask, Good(ask, entries)))), nullptr);
  }
  Give(MemoryWritten{.number = 2, .kept = false});
  EXPECT_EQ(Only<Remember>(DueNow()), nullptr) << "it would not be known which of them is newer";
  Give(MemoryWritten{.number = 1, .kept = true});
  EXPECT_NE(Only<Remember>(DueNow()), nullptr);
  Give(MemoryWritten{.number = 3, .kept = true});
  EXPECT_FALSE(state_.memory_writes.DatabaseMayLag());
}

TEST_F(MachineTest, Attack_A19_AnIncidentThatWasNotWrittenIsOpenAndWrittenAgain) {
  const Ask first = AskNow();
  const Effects failed = Give(AnswerTo(first, Bad(first, "/a")));
  Give(FailureNotKept{*Only<KeepFailure>(failed)});
  const Effects again = DueNow();
  ASSERT_NE(Only<KeepFailure>(again), nullptr);
  EXPECT_TRUE(Only<KeepFailure>(again)->opens_incident);
  EXPECT_EQ(Only<KeepFailure>(again)->appraisal, Only<KeepFailure>(failed)->appraisal);
  EXPECT_EQ(Only<KeepFailure>(again)->lost, 1);
  EXPECT_EQ(Only<KeepFailure>(DueNow()), nullptr) << "it is on its way";

  // Something else is counted while it is on its way, and when it is lost again.
  Give(IncidentsCounted{.now = now_, .open = 0});
  EXPECT_EQ(state_.memory.open_incidents, 1);
  Give(FailureNotKept{*Only<KeepFailure>(again)});
  EXPECT_EQ(state_.memory.open_incidents, 1);
  Give(IncidentsCounted{.now = now_, .open = 0});
  EXPECT_EQ(state_.memory.open_incidents, 1);
  const Ask second = AskNow();
  Give(AnswerTo(second, Good(second)));
  EXPECT_EQ(IntegrityNow(), Integrity::kPass);
  EXPECT_EQ(TrustAt(state_, pace_, now_), Trust::kNotTrusted);
}

// Those of another name of its TPM.
TEST_F(MachineTest, Attack_A19_NothingIsTrustedWhileItsIncidentsAreNotCounted) {
  const auto trusted = [this] { return TrustAt(state_, pace_, now_) == Trust::kTrusted; };
  const Ask ask = AskNow();
  Give(AnswerTo(ask, Good(ask)));
  ASSERT_TRUE(trusted());
  EXPECT_NE(Only<CountIncidents>(Give(RecountWanted{})), nullptr);
  EXPECT_FALSE(trusted());
  EXPECT_EQ(Only<CountIncidents>(Give(RecountWanted{})), nullptr) << "one at a time";
  EXPECT_NE(Only<CountIncidents>(Give(IncidentsCounted{.now = now_, .open = 0})), nullptr)
      << "the second may have come after that count";
  EXPECT_FALSE(trusted());
  Give(IncidentsNotCounted{});
  EXPECT_FALSE(trusted());
  EXPECT_NE(Only<CountIncidents>(DueNow()), nullptr) << "the database refused it: again";
  EXPECT_EQ(Only<CountIncidents>(DueNow()), nullptr);
  EXPECT_EQ(Only<CountIncidents>(Give(IncidentsCounted{.now = now_, .open = 0})), nullptr);
  EXPECT_TRUE(trusted());
}

TEST_F(MachineTest, Attack_A19_WhatIsLostAfterTheEndIsWrittenWhenTheMachineGoesOn) {
  const Ask ask = AskNow();
  const Effects failed = Give(AnswerTo(ask, Bad(ask)));
  Give(Removed{});
  Give(FailureNotKept{*Only<KeepFailure>(failed)});
  Give(MemoryWritten{.number = Only<Remember>(failed)->number, .kept = false});
  EXPECT_EQ(state_.lost_failures.size(), 1U) << "the removal must not go on";
  EXPECT_TRUE(DueNow().empty()) << "it has ended";
  EXPECT_NE(Only<PlanDue>(Give(Resumed{})), nullptr);
  EXPECT_EQ(IntegrityNow(), Integrity::kFail) << "a failure does not fade";
  const Effects again = DueNow();
  EXPECT_NE(Only<KeepFailure>(again), nullptr);
  EXPECT_NE(Only<Remember>(again), nullptr);
  EXPECT_NE(Only<CountIncidents>(again), nullptr);
  ASSERT_NE(Only<Ask>(again), nullptr);
  EXPECT_TRUE(Only<Ask>(again)->flight.challenge.full);
}

TEST_F(MachineTest, WhatBecomesOfWritesIsCountedAfterTheEnd) {
  const Ask ask = AskNow();
  Answered answered = AnswerTo(ask, Bad(ask));
  answered.boot = MakeBootEvidence(ToBytes("log"), BootPcrs());
  Give(std::move(answered));
  Give(Removed{});
  Give(FailureKept{.opens_incident = true, .open = 1});
  Give(MemoryWritten{.number = 1, .kept = true});
  Give(BootNotKept{.id = *state_.memory.boot_evidence});
  EXPECT_EQ(state_.incidents_on_their_way, 0);
  EXPECT_EQ(state_.memory.open_incidents, 1);
  EXPECT_FALSE(state_.memory_writes.DatabaseMayLag());
  EXPECT_FALSE(state_.memory.boot_evidence.has_value());
}

TEST_F(MachineTest, FailuresThatWaitForTheDatabaseAreBounded) {
  const auto lose = [this](bool opens_incident) {
    if (opens_incident) ++state_.incidents_on_their_way;
    Give(FailureNotKept{{.appraisal = nullptr, .opens_incident = opens_incident}});
    EXPECT_EQ(state_.incidents_on_their_way, 0);
  };
  for (std::size_t i = 0; i <= kMaxLostFailures; ++i) lose(false);
  ASSERT_EQ(state_.lost_failures.size(), kMaxLostFailures);
  for (std::size_t i = 0; i <= kMaxLostFailures; ++i) lose(true);
  ASSERT_EQ(state_.lost_failures.size(), kMaxLostFailures);
  lose(false);
  EXPECT_TRUE(std::ranges::all_of(state_.lost_failures, &KeepFailure::opens_incident))
      << "an incident displaces what opens none, and nothing displaces an incident";
}

TEST_F(MachineTest, Attack_A19_WhatWasLostIsWrittenBeforeTheMachineOrTheVerifierEnds) {
  const Ask ask = AskNow();
  const Effects failed = Give(AnswerTo(ask, Bad(ask)));
  Give(MemoryWritten{.number = Only<Remember>(failed)->number, .kept = false});
  Give(FailureNotKept{*Only<KeepFailure>(failed)});
  const Effects last = Give(Removed{});
  EXPECT_NE(Only<Remember>(last), nullptr);
  EXPECT_NE(Only<KeepFailure>(last), nullptr);
  EXPECT_EQ(last.size(), 2U);
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

TEST_F(MachineTest, Attack_A19_AnIncidentOnItsWayIsOpenWhateverIsCounted) {
  const Ask first = AskNow();
  Give(AnswerTo(first, Bad(first)));
  const Ask second = AskNow();
  Give(AnswerTo(second, Good(second)));
  Give(IncidentsCounted{.now = now_, .open = 0});
  EXPECT_EQ(TrustAt(state_, pace_, now_), Trust::kNotTrusted);
  Give(FailureKept{.opens_incident = true, .open = 1});
  EXPECT_EQ(state_.memory.open_incidents, 1);
  Give(IncidentsCounted{.now = now_, .open = 0});
  EXPECT_EQ(TrustAt(state_, pace_, now_), Trust::kTrusted);
}

TEST_F(MachineTest, RestartedVerifierDoesNotOpenTheSameIncidentTwice) {
  const Ask first = AskNow();
  Give(AnswerTo(first, Bad(first)));
  Restart(state_.memory);
  const Ask second = AskNow();
  const Effects same = Give(AnswerTo(second, Bad(second)));
  EXPECT_EQ(Only<KeepFailure>(same), nullptr);
  EXPECT_EQ(Only<Notify>(same), nullptr);
  EXPECT_TRUE(state_.attestations_at_failure.has_value());
  const Ask third = AskNow();
  const Effects other = Give(AnswerTo(third, Bad(third, "/b")));
  ASSERT_NE(Only<KeepFailure>(other), nullptr);
  EXPECT_FALSE(Only<KeepFailure>(other)->opens_incident);
  EXPECT_EQ(Only<Notify>(other), nullptr);
}

// What is remembered was written, the incident was not.
TEST_F(MachineTest, Attack_A19_ARestartedVerifierOpensTheIncidentThatWasNeverKept) {
  const Ask first = AskNow();
  Give(AnswerTo(first, Bad(first)));
  Memory memory = state_.memory;
  memory.open_incidents = 0;
  Restart(memory);
  const Ask second = AskNow();
  const Effects effects = Give(AnswerTo(second, Bad(second)));
  ASSERT_NE(Only<KeepFailure>(effects), nullptr);
  EXPECT_TRUE(Only<KeepFailure>(effects)->opens_incident);
}

// An operator who closes the old one has not seen the new one.
TEST_F(MachineTest, Attack_A19_ANewFailureAfterARestartIsNotPartOfAnOldIncident) {
  const Ask first = AskNow();
  Give(AnswerTo(first, Good(first)));
  Memory memory = state_.memory;
  memory.open_incidents = 1;
  Restart(memory);
  const Ask second = AskNow();
  const Effects effects = Give(AnswerTo(second, Bad(second)));
  ASSERT_NE(Only<KeepFailure>(effects), nullptr);
  EXPECT_TRUE(Only<KeepFailure>(effects)->opens_incident);
  ASSERT_NE(Only<Notify>(effects), nullptr);
  EXPECT_EQ(Only<Notify>(effects)->notice, Notice::kFailed);
  EXPECT_EQ(state_.memory.open_incidents, 2);
}

TEST_F(MachineTest, ANewEnrolmentThatFailsIsToldThoughItsIncidentIsOpen) {
  Memory memory;
  memory.open_incidents = 1;
  Restart(memory);
  const Ask ask = AskNow();
  const Effects effects = Give(AnswerTo(ask, Bad(ask)));
  ASSERT_NE(Only<KeepFailure>(effects), nullptr);
  EXPECT_FALSE(Only<KeepFailure>(effects)->opens_incident) << "it may be about this";
  ASSERT_NE(Only<Notify>(effects), nullptr);
  EXPECT_EQ(Only<Notify>(effects)->notice, Notice::kFailed);
}

TEST_F(MachineTest, RecoveryIsToldAfterARestart) {
  const Ask first = AskNow();
  Give(AnswerTo(first, Bad(first)));
  Restart(state_.memory);
  const Ask second = AskNow();
  const Effects effects = Give(AnswerTo(second, Good(second)));
  ASSERT_NE(Only<Notify>(effects), nullptr);
  EXPECT_EQ(Only<Notify>(effects)->notice, Notice::kRecovered);
  ASSERT_NE(Only<Remember>(effects), nullptr) << "once";
  EXPECT_EQ(Only<Remember>(effects)->memory.last_failure, "");
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
