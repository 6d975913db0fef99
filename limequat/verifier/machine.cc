#include "limequat/verifier/machine.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "limequat/crypto/digest.h"

namespace limequat::verifier {

namespace {

using appraise::Appraisal;
using appraise::Attestation;
using appraise::Verdict;

bool SameBootRecord(const std::optional<BootRecord>& a, const std::optional<BootRecord>& b) {
  if (!a || !b) return a.has_value() == b.has_value();
  // The clock moves with every quote and is no reason to write.
  return a->reset_count == b->reset_count && a->restart_count == b->restart_count &&
         a->entries == b->entries && a->pcr10 == b->pcr10 &&
         a->template_digests == b->template_digests;
}

std::shared_ptr<const appraise::Reference> MakeReference(const Enrolment& enrolment,
                                                         const Memory& memory) {
  auto reference = std::make_shared<appraise::Reference>(enrolment.reference);
  if (memory.bank) reference->bank = memory.bank;
  reference->baseline = memory.baseline;
  return reference;
}

// Progress as far as the database kept it: enough to see a shortened list, not
// enough to go on from.
std::shared_ptr<const appraise::BootProgress> FromRecord(const BootRecord& record) {
  return std::make_shared<appraise::BootProgress>(appraise::BootProgress{
      .clock_info = {.clock = record.clock,
                     .reset_count = record.reset_count,
                     .restart_count = record.restart_count,
                     .safe = true},
      .replay = ima::Replay(record.pcr10, record.entries, record.template_digests),
      .policy_hash = crypto::Digest(crypto::HashAlgorithm::kSha256),
      .transport_key_pem = {},
      .failures = {},
      .failures_not_kept = 0});
}

BootRecord ToRecord(const appraise::BootProgress& progress) {
  return {.reset_count = progress.clock_info.reset_count,
          .restart_count = progress.clock_info.restart_count,
          .entries = progress.entries(),
          .pcr10 = progress.replay.pcr(),
          .template_digests = progress.replay.kind(),
          .clock = progress.clock_info.clock};
}

// Tells failures apart by what failed and about what, not by their wording.
std::string FailureSignature(const Appraisal& appraisal) {
  crypto::Hasher hasher(crypto::HashAlgorithm::kSha256);
  const auto put = [&](std::string_view text) {
    hasher.Update(AsBytes(fmt::format("{}:", text.size())));
    hasher.Update(AsBytes(text));
  };
  for (const Finding& finding : appraisal.findings) {
    if (finding.passed()) continue;
    put(finding.check);
    put(finding.subject.path);
    put(fmt::format("{}/{}", finding.subject.pcr.value_or(99), finding.subject.event.value_or(0)));
  }
  put(fmt::format("{}", appraisal.not_shown));
  return hasher.Finish().hex();
}

Appraisal SingleFailure(Finding finding, bool policed, Time evidence_time, Time now) {
  Appraisal appraisal{
      .findings = {}, .policed = policed, .evidence_time = evidence_time, .evaluated_at = now};
  appraise::Add(appraisal, std::move(finding));
  return appraisal;
}

// One call of Next: the state, what it does to it, and the effects so far.
class Step {
 public:
  Step(MachineState& state, const Pace& pace) : state_(state), pace_(pace) {}

  Effects Run(Event event) {
    if (state_.removed && !CountsAfterTheEnd(event)) return {};
    std::visit([this](auto& e) { On(e); }, event);
    if (memory_changed_) WriteMemory();
    return std::move(effects_);
  }

 private:
  static bool CountsAfterTheEnd(const Event& event) {
    return std::holds_alternative<FailureKept>(event) ||
           std::holds_alternative<FailureNotKept>(event) ||
           std::holds_alternative<MemoryWritten>(event) ||
           std::holds_alternative<BootNotKept>(event) || std::holds_alternative<Resumed>(event);
  }

  void On(Resumed&) {
    state_.removed = false;
    state_.full_next = true;
    // What was being counted came when nobody heard it.
    state_.counting = false;
    state_.count_again = true;
    effects_.emplace_back(PlanDue{});
  }

  void On(Removed&) {
    state_.removed = true;
    state_.flight.reset();
    WriteWhatWasLost();
  }

  void On(FailureKept& kept) {
    if (kept.opens_incident) --state_.incidents_on_their_way;
    TakeCount(kept.open);
  }

  void On(FailureNotKept& lost) {
    if (lost.failure.opens_incident) --state_.incidents_on_their_way;
    auto& waiting = state_.lost_failures;
    if (waiting.size() == kMaxLostFailures) {
      // An incident displaces what only says more about another one.
      const auto displaced = std::ranges::find(waiting, false, &KeepFailure::opens_incident);
      if (!lost.failure.opens_incident || displaced == waiting.end()) return;
      waiting.erase(displaced);
    }
    ++lost.failure.lost;
    waiting.push_back(std::move(lost.failure));
  }

  void On(RecountWanted&) {
    state_.count_again = true;
    Recount();
  }

  void On(IncidentsNotCounted&) {
    state_.counting = false;
    state_.count_again = true;
  }

  void On(IncidentsCounted& counted) {
    state_.counting = false;
    TakeCount(counted.open);
    Recount();
  }

  // One count at a time, however many are wanted.
  void Recount() {
    if (state_.counting || !state_.count_again) return;
    state_.counting = true;
    state_.count_again = false;
    effects_.emplace_back(CountIncidents{});
  }

  void On(MemoryWritten& written) {
    MemoryWrites& writes = state_.memory_writes;
    --writes.on_their_way;
    if (written.kept) writes.kept = std::max(writes.kept, written.number);
    writes.lost_in_a_row = written.kept ? 0 : writes.lost_in_a_row + 1;
  }

  // The next full answer brings it again.
  void On(BootNotKept& lost) {
    if (state_.memory.boot_evidence == lost.id) state_.memory.boot_evidence.reset();
  }

  void On(EnrolmentChanged& changed) {
    state_.enrolment = std::move(changed.enrolment);
    state_.reference = MakeReference(*state_.enrolment, state_.memory);
    // The whole list is appraised again (A20). What was verified stays as a measure
    // of the list's length, the verdict of another policy does not stay.
    state_.full_next = true;
    state_.flight.reset();
    state_.newest.reset();
    state_.verified_evidence.reset();
    state_.enrolled_at = changed.now;
    state_.late_told = false;
    state_.full_repeats = 0;
    state_.extra_quotes = 0;
    if (state_.memory_writes.DatabaseMayLag()) memory_changed_ = true;
    effects_.emplace_back(PlanDue{});
  }

  void On(Due& due) {
    // A second timer would be a second polling loop (A20).
    if (state_.flight) return;
    TellIfLate(due.now);
    WriteWhatWasLost();
    Recount();
    const bool full = state_.full_next || !state_.progress;
    Flight flight{.challenge = {.nonce = std::move(due.nonce),
                                .nonce_issued = due.now,
                                .pcrs = appraise::PcrsToAsk(*state_.reference, full),
                                .ima_from = full ? 0 : state_.progress->entries(),
                                .full = full},
                  .generation = state_.enrolment->generation,
                  .policy_hash = state_.enrolment->PolicyHash()};
    state_.flight = flight;
    effects_.emplace_back(Ask{.flight = std::move(flight),
                              .enrolment = state_.enrolment,
                              .reference = state_.reference,
                              .before = state_.progress});
  }

  void On(Answered& answered) {
    // Only the answer to the question on its way counts: same enrolment, same
    // policy, same nonce, once (A14).
    if (!state_.flight || answered.generation != state_.flight->generation ||
        answered.policy_hash != state_.flight->policy_hash ||
        !Equal(answered.nonce, state_.flight->challenge.nonce)) {
      return;
    }
    const Flight flight = std::move(*state_.flight);
    state_.flight.reset();
    if (!answered.attestation && answered.attestation.error().code == ErrorCode::kUnavailable) {
      Trouble(answered.attestation.error(), answered.now);
      return;
    }
    state_.transport_trouble.clear();
    state_.trouble_in_a_row = 0;
    state_.last_answer = answered.now;
    if (!answered.attestation) {
      Judge(
          std::make_shared<Appraisal>(SingleFailure(
              Failed("evidence.malformed", answered.attestation.error().message, Cause::kTransport),
              Policed(), flight.challenge.nonce_issued, answered.now)),
          answered.now);
      PlanNext(flight, answered.now);
      return;
    }
    KeepBoot(std::move(answered.boot), flight);
    Accept(std::move(*answered.attestation), flight, answered.now);
  }

  // Nothing is written for a log that is kept already.
  void KeepBoot(std::shared_ptr<const BootEvidence> boot, const Flight& flight) {
    if (boot == nullptr || state_.memory.boot_evidence == boot->id) return;
    state_.memory.boot_evidence = boot->id;
    effects_.emplace_back(KeepBootEvidence{.generation = flight.generation,
                                           .evidence = std::move(boot),
                                           .verified = flight.challenge.nonce_issued});
  }

  void Accept(Attestation attestation, const Flight& flight, Time now) {
    if (attestation.advice == appraise::Advice::kAskInFull) {
      if (AskAgainInFull(flight, now)) return;
    } else {
      state_.full_repeats = 0;
      if (attestation.progress) Advance(attestation, flight);
      Judge(std::make_shared<Appraisal>(std::move(attestation.appraisal)), now);
    }
    if (attestation.list_is_ahead && state_.extra_quotes < kMaxExtraQuotes) {
      ++state_.extra_quotes;
      effects_.emplace_back(PlanDue{});
      return;
    }
    state_.extra_quotes = 0;
    PlanNext(flight, now);
  }

  // True if the question is repeated; after too many repetitions the machine fails.
  bool AskAgainInFull(const Flight& flight, Time now) {
    state_.full_next = true;
    if (++state_.full_repeats <= kMaxFullRepeats) {
      effects_.emplace_back(PlanDue{});
      return true;
    }
    state_.full_repeats = 0;
    Judge(
        std::make_shared<Appraisal>(SingleFailure(
            Failed("boot.unstable",
                   fmt::format(
                       "{} answers in a row showed another boot or policy than the one asked about",
                       kMaxFullRepeats + 1),
                   Cause::kTpm),
            Policed(), flight.challenge.nonce_issued, now)),
        now);
    return false;
  }

  void Advance(const Attestation& attestation, const Flight& flight) {
    Memory& memory = state_.memory;
    const Memory before = memory;
    state_.progress = std::make_shared<appraise::BootProgress>(*attestation.progress);
    if (flight.challenge.full) state_.full_next = false;
    state_.verified_evidence = flight.challenge.nonce_issued;
    state_.late_told = false;
    ++state_.attestations;

    if (!memory.boot || attestation.rebooted) ++memory.boots;
    memory.boot = ToRecord(*attestation.progress);
    bool reference_changed = false;
    if (!memory.bank && attestation.bank) {
      memory.bank = attestation.bank;
      reference_changed = true;
    }
    if (!memory.baseline && attestation.boot_pcrs) {
      memory.baseline = appraise::BootBaseline{.pcrs = *attestation.boot_pcrs,
                                               .approved = state_.enrolment->approve_first_boot};
      reference_changed = true;
    }
    if (reference_changed) state_.reference = MakeReference(*state_.enrolment, memory);
    if (reference_changed || memory.boots != before.boots ||
        !SameBootRecord(memory.boot, before.boot) ||
        memory.boot->clock - state_.memory_writes.clock >= kMaxClockUnwritten) {
      memory_changed_ = true;
    }
  }

  // An incident that the database does not have yet is as open as those that it counts (A19).
  void TakeCount(std::int64_t in_database) {
    state_.memory.open_incidents =
        in_database + state_.incidents_on_their_way +
        std::ranges::count_if(state_.lost_failures, &KeepFailure::opens_incident);
    if (state_.memory.open_incidents == 0 && state_.failing != true)
      state_.attestations_at_failure.reset();
  }

  void WriteFailure(KeepFailure failure) {
    if (failure.opens_incident) ++state_.incidents_on_their_way;
    effects_.emplace_back(std::move(failure));
  }

  // What only this process knows, the next one does not: it would take the baseline anew from
  // whatever boots next, and trust a machine that failed (A19).
  void WriteWhatWasLost() {
    if (state_.memory_writes.DatabaseMayLag() && state_.memory_writes.on_their_way == 0)
      memory_changed_ = true;
    for (KeepFailure& failure : std::exchange(state_.lost_failures, {}))
      WriteFailure(std::move(failure));
  }

  void WriteMemory() {
    ++state_.memory_writes.on_their_way;
    if (state_.memory.boot) state_.memory_writes.clock = state_.memory.boot->clock;
    effects_.emplace_back(Remember{.generation = state_.enrolment->generation,
                                   .policy_hash = state_.enrolment->PolicyHash(),
                                   .number = ++state_.memory_writes.begun,
                                   .memory = state_.memory});
  }

  void Judge(std::shared_ptr<const Appraisal> appraisal, Time now) {
    const Verdict verdict = appraisal->verdict();
    const bool fails = verdict == Verdict::kFail || verdict == Verdict::kError;
    const bool is_first = !state_.failing.has_value();
    state_.failing = fails;
    state_.newest = appraisal;
    const std::string signature = fails ? FailureSignature(*appraisal) : std::string();
    const std::optional<std::string> before = std::exchange(state_.memory.last_failure, signature);
    if (before != signature) memory_changed_ = true;
    const bool failed_before = before.has_value() && !before->empty();
    if (!fails) {
      state_.last_good = appraisal->evidence_time;
      if (failed_before) effects_.emplace_back(Notify{Notice::kRecovered, now, appraisal});
      return;
    }
    if (!state_.attestations_at_failure) state_.attestations_at_failure = state_.attestations;
    // One that a restarted verifier remembers, but has no incident of, was never kept.
    if (before == signature && !(is_first && state_.memory.open_incidents == 0)) return;
    // An open incident of before a pass is about something else; one of before an enrolment may
    // be about this.
    const bool begins = before == "" || state_.memory.open_incidents == 0;
    if (begins) ++state_.memory.open_incidents;
    WriteFailure(KeepFailure{.appraisal = appraisal, .opens_incident = begins});
    if (!failed_before) effects_.emplace_back(Notify{Notice::kFailed, now, appraisal});
  }

  void Trouble(const Error& error, Time now) {
    state_.transport_trouble = error.message;
    state_.extra_quotes = 0;
    TellIfLate(now);
    Duration wait = pace_.interval;
    for (int i = 0; i < state_.trouble_in_a_row && wait < pace_.max_retry_interval; ++i) wait *= 2;
    ++state_.trouble_in_a_row;
    effects_.emplace_back(
        PlanDue{std::min(wait, std::max(pace_.max_retry_interval, pace_.interval))});
  }

  void TellIfLate(Time now) {
    if (state_.late_told || state_.failing == true) return;
    if (IntegrityAt(state_, pace_, now) != Integrity::kLate) return;
    state_.late_told = true;
    effects_.emplace_back(Notify{Notice::kLate, now, nullptr});
  }

  void PlanNext(const Flight& flight, Time now) {
    const Duration elapsed = std::max(Duration(0), now - flight.challenge.nonce_issued);
    effects_.emplace_back(PlanDue{std::max(Duration(0), pace_.interval - elapsed)});
  }

  bool Policed() const {
    const auto& policy = state_.reference->policy;
    return policy != nullptr && !policy->says_nothing();
  }

  MachineState& state_;
  const Pace& pace_;
  Effects effects_;
  bool memory_changed_ = false;  // or is to be written for another reason
};

}  // namespace

std::string_view IntegrityName(Integrity integrity) {
  switch (integrity) {
    case Integrity::kPending:
      return "pending";
    case Integrity::kPass:
      return "pass";
    case Integrity::kFail:
      return "fail";
    case Integrity::kLate:
      return "late";
    case Integrity::kUnpoliced:
      return "unpoliced";
  }
  return "pending";
}

std::string_view NoticeName(Notice notice) {
  switch (notice) {
    case Notice::kFailed:
      return "machine.failed";
    case Notice::kRecovered:
      return "machine.recovered";
    case Notice::kLate:
      return "machine.late";
  }
  return "machine.failed";
}

Integrity IntegrityAt(const MachineState& state, const Pace& pace, Time now) {
  // A failure does not fade with time: it stays until newer evidence passes.
  if (state.failing == true) return Integrity::kFail;
  const Time since = state.verified_evidence.value_or(state.enrolled_at);
  // Evidence from the future: the clock was put back, and nothing tells its age.
  if (now - since > pace.late_after || since - now > pace.late_after) return Integrity::kLate;
  if (!state.verified_evidence || !state.newest) return Integrity::kPending;
  switch (state.newest->verdict()) {
    case Verdict::kPass:
      return Integrity::kPass;
    case Verdict::kUnpoliced:
      return Integrity::kUnpoliced;
    case Verdict::kFail:
    case Verdict::kError:
      return Integrity::kFail;
  }
  return Integrity::kFail;
}

Trust TrustAt(const MachineState& state, const Pace& pace, Time now) {
  const bool none_open = state.memory.open_incidents == 0 && !state.counting && !state.count_again;
  const bool trusted = none_open && IntegrityAt(state, pace, now) == Integrity::kPass;
  return trusted ? Trust::kTrusted : Trust::kNotTrusted;
}

MachineState StartState(std::shared_ptr<const Enrolment> enrolment, Memory memory, Time now) {
  MachineState state;
  state.reference = MakeReference(*enrolment, memory);
  state.enrolment = std::move(enrolment);
  if (memory.boot) {
    state.progress = FromRecord(*memory.boot);
    state.memory_writes.clock = memory.boot->clock;
  }
  state.memory = std::move(memory);
  state.enrolled_at = now;
  return state;
}

Effects Next(MachineState& state, Event event, const Pace& pace) {
  return Step(state, pace).Run(std::move(event));
}

}  // namespace limequat::verifier
