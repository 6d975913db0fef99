#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace limequat {

// How a check ended. A check that could not run is kNotEvaluated, never left out.
enum class Outcome { kPassed, kFailed, kNotEvaluated };

// What kind of thing went wrong, as far as the evidence tells. For display only:
// no decision may depend on it.
enum class Cause { kNone, kTamper, kPolicyLag, kConfiguration, kTransport, kTpm, kFirmware };

// What a finding is about. Every member may be absent. `path` comes from evidence
// and is hostile: it is escaped where it is shown, never interpreted.
struct Subject {
  std::string path;
  std::optional<std::uint32_t> pcr;
  std::optional<std::uint64_t> event;

  friend bool operator==(const Subject&, const Subject&) = default;
};

// The result of one check. `check` is a stable, dotted name of the catalogue
// (docs/findings.md), for example "tpm.quote.signature".
struct Finding {
  std::string check;
  Outcome outcome = Outcome::kNotEvaluated;
  // One sentence: got, expected, where. Already escaped (EscapeForDisplay).
  std::string detail;
  Subject subject;
  // Where something was compared: what would have passed (a few of what may be many), and
  // what was found instead. See Comparing, which escapes and bounds them.
  std::vector<std::string> expected{};
  std::string found{};
  Cause cause = Cause::kNone;
  // The command to run next. Holds identifiers only, never text from evidence (attack A15).
  std::string next;

  bool passed() const { return outcome == Outcome::kPassed; }
  friend bool operator==(const Finding&, const Finding&) = default;
};

// In the order in which the checks ran.
using Findings = std::vector<Finding>;

// Names as they appear in JSON.
std::string_view OutcomeName(Outcome outcome);  // "passed", "failed", "not_evaluated"
std::string_view CauseName(Cause cause);        // "tamper", "policy-lag", ...; "" for kNone

// A finding with that outcome, about nothing in particular. `detail` must be escaped.
Finding Passed(std::string_view check, std::string detail = {});
Finding Failed(std::string_view check, std::string detail, Cause cause = Cause::kTamper);
Finding NotEvaluated(std::string_view check, std::string detail,
                     Cause cause = Cause::kConfiguration);

// `finding` with what was compared in it. Hostile input: each text is escaped and cut at
// kMaxCompared bytes; the first kMaxExpected of `expected` are kept.
inline constexpr std::size_t kMaxExpected = 4;
inline constexpr std::size_t kMaxCompared = 512;
Finding Comparing(Finding finding, const std::vector<std::string>& expected,
                  std::string_view found);

// Whether every finding passed. An empty list has not passed anything: false.
bool AllPassed(const Findings& findings);

// The first finding of this check, or nullptr.
const Finding* FindCheck(const Findings& findings, std::string_view check);

}  // namespace limequat
