#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "limequat/appraise/attestation.h"
#include "limequat/base/time.h"
#include "limequat/crypto/digest.h"
#include "limequat/verifier/boot_evidence.h"
#include "limequat/verifier/enrolment.h"

namespace limequat::verifier {

// The decisions of the verifier about one machine, as a pure function:
// Next(state, event) changes the state and says what to do. No clock, no network,
// no database, no randomness: they come in with the events. The driver performs
// the effects (driver.h).

// Bounds. Each is met by a test.
inline constexpr int kMaxFullRepeats = 3;  // answers in a row that only say "ask again in full"
inline constexpr int kMaxExtraQuotes =
    1;  // quotes within one interval for a list that is ahead (A06)
inline constexpr std::size_t kMaxLostFailures = 4;  // that wait for the database to take them

// How far the clock of a TPM may run before it is written though nothing else is new: within that,
// a restart of the verifier forgets where it was, and cannot see that it was put back (A18).
inline constexpr std::uint64_t kMaxClockUnwritten = 3'600'000;  // milliseconds

struct Pace {
  Duration interval = std::chrono::seconds(2);
  Duration late_after = std::chrono::seconds(10);
  Duration max_retry_interval = std::chrono::seconds(60);
};

// Where the verified evidence of a boot ended, as the database keeps it across a
// restart of the verifier: a machine cannot use our restart to shorten its list (A05).
struct BootRecord {
  std::uint32_t reset_count = 0;
  std::uint32_t restart_count = 0;
  std::uint64_t entries = 0;
  crypto::Digest pcr10;
  ima::TemplateDigests template_digests = ima::TemplateDigests::kNative;
  std::uint64_t clock = 0;
};

// What is remembered about a machine beside its enrolment; survives restarts.
struct Memory {
  std::optional<crypto::HashAlgorithm> bank;
  std::optional<appraise::BootBaseline> baseline;
  std::optional<BootRecord> boot;
  std::int64_t boots = 0;
  std::int64_t open_incidents = 0;
  // Digest of the checks and subjects of the newest failure; "" after a pass, absent: nothing was
  // appraised since the enrolment.
  std::optional<std::string> last_failure;
  // BootEvidence::id of the evidence of a boot that is kept; absent: none is.
  std::optional<crypto::Digest> boot_evidence;
};

// How the database follows `Memory`. It refuses what was found under a policy that the machine
// no longer has (A14), so a write on its way is lost when the policy changes.
struct MemoryWrites {
  std::int64_t begun = 0;   // in this process; the number of the newest
  std::int64_t kept = 0;    // the newest that the database has
  std::uint64_t clock = 0;  // of the TPM, as the newest has it
  int on_their_way = 0;
  int lost_in_a_row = 0;

  bool DatabaseMayLag() const { return kept < begun; }
};

// Keep this failed appraisal in full, and open an incident if `opens_incident`. Come back with
// FailureKept or FailureNotKept.
struct KeepFailure {
  std::shared_ptr<const appraise::Appraisal> appraisal;
  bool opens_incident = false;
  int lost = 0;  // how often the database did not take it
};

enum class Integrity { kPending, kPass, kFail, kLate, kUnpoliced };
std::string_view IntegrityName(Integrity integrity);

// One question on its way. An answer is taken only if it belongs to this one.
struct Flight {
  appraise::Challenge challenge;
  std::int64_t generation = 0;
  crypto::Digest policy_hash{crypto::HashAlgorithm::kSha256};
};

struct MachineState {
  std::shared_ptr<const Enrolment> enrolment;
  Memory memory;
  MemoryWrites memory_writes;
  // The enrolment's reference with the bank and the baseline of `memory`.
  std::shared_ptr<const appraise::Reference> reference;

  std::optional<Flight> flight;
  // Verified evidence of the present boot. After a restart of the verifier it is made
  // from memory.boot, and the next question is a full one.
  std::shared_ptr<const appraise::BootProgress> progress;
  bool full_next = true;
  bool removed = false;

  // Nonce time of the newest evidence that verified; absent until there is some in
  // this process (a restarted verifier shows nothing good on old evidence).
  std::optional<Time> verified_evidence;
  // The newest appraisal, whatever it found.
  std::shared_ptr<const appraise::Appraisal> newest;
  std::string transport_trouble;  // "" after an answer
  Time enrolled_at{};
  // Whether the newest appraisal failed; absent before the first in this process.
  std::optional<bool> failing;
  // What the database did not take; at most kMaxLostFailures. It is written again with the next
  // question.
  std::vector<KeepFailure> lost_failures;
  int incidents_on_their_way = 0;  // to the database
  // Whether the open incidents are being counted, and whether they have to be afterwards: until
  // then nobody knows of none.
  bool counting = false;
  bool count_again = false;
  bool late_told = false;

  int trouble_in_a_row = 0;
  int full_repeats = 0;
  int extra_quotes = 0;
  std::int64_t attestations = 0;  // verified in this process
  // What Keylime's API shows while a failure is not acknowledged.
  std::optional<std::int64_t> attestations_at_failure;
  std::optional<Time> last_answer;
  std::optional<Time> last_good;  // evidence time of the newest appraisal that did not fail
};

// Integrity at `now`: computed from the newest appraisal and the age of the last
// verified evidence, stored nowhere.
Integrity IntegrityAt(const MachineState& state, const Pace& pace, Time now);
// Integrity passes and no incident is open, as far as the newest count of them tells.
enum class Trust { kTrusted, kNotTrusted };
Trust TrustAt(const MachineState& state, const Pace& pace, Time now);

// --- events ---

// The planned moment has come. `nonce` is fresh, from the system's generator.
struct Due {
  Time now{};
  Bytes nonce;
};
// An answer was verified and appraised (or could not be read: an Error that is not
// kUnavailable), or none came (kUnavailable).
struct Answered {
  Time now{};
  std::int64_t generation = 0;
  crypto::Digest policy_hash{crypto::HashAlgorithm::kSha256};
  Bytes nonce;
  Result<appraise::Attestation> attestation;
  // Set if the answer brought an event log that verified.
  std::shared_ptr<const BootEvidence> boot = nullptr;
};
// The same machine under another policy, or with other ways to reach it; what is remembered of
// it stays. (A new enrolment is a new state.)
struct EnrolmentChanged {
  Time now{};
  std::shared_ptr<const Enrolment> enrolment;
};
// What became of one Remember. One that found the queue full is lost before those in it are kept.
struct MemoryWritten {
  std::int64_t number = 0;
  bool kept = false;
};
// Incidents of the machine's TPM were opened or closed somewhere else.
struct RecountWanted {};
struct IncidentsNotCounted {};
struct IncidentsCounted {
  Time now{};
  std::int64_t open = 0;  // those that the database has
};
struct FailureKept {
  bool opens_incident = false;
  std::int64_t open = 0;  // incidents that the database has by now
};
struct FailureNotKept {
  KeepFailure failure;
};
// Evidence of a boot could not be written.
struct BootNotKept {
  crypto::Digest id{crypto::HashAlgorithm::kSha256};  // BootEvidence::id
};
// The machine is removed, or the verifier ends: nothing is asked any more. What becomes of writes
// on their way is still counted.
struct Removed {};
// It was not removed after all.
struct Resumed {};

using Event =
    std::variant<Due, Answered, EnrolmentChanged, MemoryWritten, RecountWanted, IncidentsNotCounted,
                 IncidentsCounted, FailureKept, FailureNotKept, BootNotKept, Removed, Resumed>;

// --- effects ---

// Ask the machine, verify and appraise what it answers, and come back with Answered.
struct Ask {
  Flight flight;
  std::shared_ptr<const Enrolment> enrolment;
  std::shared_ptr<const appraise::Reference> reference;
  // What is known of the boot so far; null: nothing.
  std::shared_ptr<const appraise::BootProgress> before;
};
struct PlanDue {
  Duration after{};
};
// Write if generation and policy hash are still these (attack A14), and come back with
// MemoryWritten.
struct Remember {
  std::int64_t generation = 0;
  crypto::Digest policy_hash{crypto::HashAlgorithm::kSha256};
  std::int64_t number = 0;
  Memory memory;
};
// Keep this as the evidence of the machine's boot, in place of what was kept before, if the
// generation is still this one: evidence of a TPM never becomes that of another one under the
// same name. Come back with BootNotKept if it was not kept.
struct KeepBootEvidence {
  std::int64_t generation = 0;
  std::shared_ptr<const BootEvidence> evidence;
  Time verified{};
};
// Count the open incidents, and come back with IncidentsCounted or IncidentsNotCounted.
struct CountIncidents {};
enum class Notice { kFailed, kRecovered, kLate };
std::string_view NoticeName(Notice notice);  // "machine.failed", ...
struct Notify {
  Notice notice = Notice::kFailed;
  Time at{};
  std::shared_ptr<const appraise::Appraisal> appraisal;  // may be null for kLate
};

using Effect =
    std::variant<Ask, PlanDue, Remember, KeepFailure, CountIncidents, KeepBootEvidence, Notify>;
using Effects = std::vector<Effect>;

// The state of a machine that was enrolled at `now` or loaded from the database.
MachineState StartState(std::shared_ptr<const Enrolment> enrolment, Memory memory, Time now);

Effects Next(MachineState& state, Event event, const Pace& pace);

}  // namespace limequat::verifier
