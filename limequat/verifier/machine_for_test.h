#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include <gtest/gtest.h>

#include "limequat/verifier/machine.h"
#include "limequat/verifier/testing.h"

// What the tests of the decisions about one machine share.

namespace limequat::verifier {

inline constexpr crypto::HashAlgorithm kSha256 = crypto::HashAlgorithm::kSha256;
inline const Time kStart = FromUnixSeconds(1'800'000'000);

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

  // Ends the verifier and starts another, which has what was remembered, and finds
  // `open_incidents`.
  void RestartWith(std::int64_t open_incidents) {
    Memory memory = state_.memory;
    memory.open_incidents = open_incidents;
    Restart(std::move(memory));
  }
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
    return {.now = now_ + std::chrono::milliseconds(100),
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

  Pace pace_{.interval = std::chrono::seconds(2),
             .late_after = std::chrono::seconds(10),
             .max_retry_interval = std::chrono::seconds(60)};
  std::shared_ptr<Enrolment> enrolment_ = testing::MakeTestEnrolment();
  Time now_ = kStart;
  int nonces_ = 0;
  MachineState state_;
};

}  // namespace limequat::verifier
