#pragma once

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "limequat/appraise/attestation.h"
#include "limequat/appraise/testing/machine.h"

// For the tests of this module only.
namespace limequat::appraise::testing {

inline Attestation Appraise(const Reference& reference, const Challenge& challenge,
                            const Answer& answer, const BootProgress* before) {
  auto result = AppraiseAttestation(reference, challenge, answer, before, EvaluationTime());
  if (!result) throw std::runtime_error(result.error().id + ": " + result.error().message);
  return *std::move(result);
}

// An honest machine is asked in full.
inline Attestation AttestFull(FakeMachine& machine, const Reference& reference,
                              const BootProgress* before = nullptr) {
  const Challenge challenge = MakeChallenge(reference, true);
  return Appraise(reference, challenge, machine.AnswerTo(challenge), before);
}

// An honest machine is asked for what came since `before`.
inline Attestation AttestNext(FakeMachine& machine, const Reference& reference,
                              const BootProgress& before) {
  const Challenge challenge = MakeChallenge(reference, false, before.entries());
  return Appraise(reference, challenge, machine.AnswerTo(challenge), &before);
}

inline std::string Told(const Attestation& attestation) {
  std::string text(VerdictName(attestation.appraisal.verdict()));
  for (const Finding& finding : attestation.appraisal.findings) {
    if (finding.passed()) continue;
    text += "\n" + finding.check + " " + std::string(OutcomeName(finding.outcome)) + ": " +
            finding.detail;
  }
  return text;
}

inline ::testing::AssertionResult Verdicts(const Attestation& attestation, Verdict verdict) {
  if (attestation.advice == Advice::kAccept && attestation.appraisal.verdict() == verdict) {
    return ::testing::AssertionSuccess();
  }
  return ::testing::AssertionFailure()
         << (attestation.advice == Advice::kAskInFull ? "asked in full, " : "")
         << Told(attestation);
}

inline ::testing::AssertionResult Passes(const Attestation& attestation) {
  return Verdicts(attestation, Verdict::kPass);
}

// The verdict is fail, and exactly `check` is what did not pass.
inline ::testing::AssertionResult FailsOnlyFor(const Attestation& attestation,
                                               std::string_view check) {
  ::testing::AssertionResult verdict = Verdicts(attestation, Verdict::kFail);
  if (!verdict) return verdict;
  for (const Finding& finding : attestation.appraisal.findings) {
    if (!finding.passed() && finding.check != check) {
      return ::testing::AssertionFailure() << "another check failed: " << Told(attestation);
    }
  }
  const Finding* finding = FindCheck(attestation.appraisal.findings, check);
  if (finding == nullptr) return ::testing::AssertionFailure() << "no finding " << check;
  return ::testing::AssertionSuccess();
}

// The verdict is fail, and `check` is among what failed.
inline ::testing::AssertionResult FailsFor(const Attestation& attestation, std::string_view check) {
  ::testing::AssertionResult verdict = Verdicts(attestation, Verdict::kFail);
  if (!verdict) return verdict;
  for (const Finding& finding : attestation.appraisal.findings) {
    if (!finding.passed() && finding.check == check) return ::testing::AssertionSuccess();
  }
  return ::testing::AssertionFailure() << check << " is not among: " << Told(attestation);
}

// A machine that has booted and run three programs of its policy.
class MachineTest : public ::testing::Test {
 protected:
  explicit MachineTest(MachineOptions options = {}) : machine_(std::move(options)) {
    machine_.Boot();
    machine_.Run("/usr/bin/init", "init 1");
    machine_.Run("/usr/bin/shell", "shell 1");
    machine_.Run("/usr/bin/agent", "agent 1");
    reference_ = std::make_unique<Reference>(machine_.MakeReference());
  }

  Reference& reference() { return *reference_; }
  // The state after a first, good attestation.
  BootProgress FirstProgress() {
    const Attestation first = AttestFull(machine_, reference());
    EXPECT_TRUE(Passes(first));
    return first.progress.value();
  }
  // An approved baseline from now on.
  void ApproveBoot() { reference().baseline = machine_.ApprovedBaseline(); }

  FakeMachine machine_;

 private:
  std::unique_ptr<Reference> reference_;
};

}  // namespace limequat::appraise::testing
