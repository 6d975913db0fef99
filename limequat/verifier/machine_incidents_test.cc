// Failures and incidents, and what of them and of a boot the database may not have.

#include <algorithm>

#include <gtest/gtest.h>

#include "limequat/verifier/machine_for_test.h"

namespace limequat::verifier {
namespace {

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
  RestartWith(0);
  const Ask second = AskNow();
  const Effects effects = Give(AnswerTo(second, Bad(second)));
  ASSERT_NE(Only<KeepFailure>(effects), nullptr);
  EXPECT_TRUE(Only<KeepFailure>(effects)->opens_incident);
}

// An operator who closes the old one has not seen the new one.
TEST_F(MachineTest, Attack_A19_ANewFailureAfterARestartIsNotPartOfAnOldIncident) {
  const Ask first = AskNow();
  Give(AnswerTo(first, Good(first)));
  RestartWith(1);
  const Ask second = AskNow();
  const Effects effects = Give(AnswerTo(second, Bad(second)));
  ASSERT_NE(Only<KeepFailure>(effects), nullptr);
  EXPECT_TRUE(Only<KeepFailure>(effects)->opens_incident);
  ASSERT_NE(Only<Notify>(effects), nullptr);
  EXPECT_EQ(Only<Notify>(effects)->notice, Notice::kFailed);
  EXPECT_EQ(state_.memory.open_incidents, 2);
}

TEST_F(MachineTest, ANewEnrolmentThatFailsIsToldThoughItsIncidentIsOpen) {
  RestartWith(1);
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

}  // namespace
}  // namespace limequat::verifier
