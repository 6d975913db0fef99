#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/appraise/policy_change.h"
#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/eventlog/verify.h"
#include "limequat/json/value.h"
#include "limequat/policy/boot_policy.h"
#include "limequat/tpm/pcr.h"

namespace limequat::appraise {

// A boot that asks for more than this many additions is another machine's, and none is told.
inline constexpr std::size_t kMaxBootAdditions = 256;

// One value that a boot reference would have to list.
struct BootAddition {
  std::string member;  // "kernels", "secure_boot.db", "kernels[2].command_lines"
  json::Value value;   // as the document has it; texts are hostile
};

// The smallest addition to a boot reference under which a boot would pass: the answer to "what
// would somebody have to vouch for?". Nothing applies it by itself, and nothing in it is good
// because it is here. It adds values to lists, never an expression, and changes no rule
// (whether Secure Boot is required, which revocations must be there, the boot path).
struct BootChange {
  std::vector<BootAddition> additions;
  // The reference with them and, if it has one, with the next release; null: nothing to add.
  json::Value reference;
  // What fails whatever a reference lists, as far as the additions do not help.
  std::vector<Unchangeable> unchangeable;
  std::uint64_t not_covered = 0;  // findings that were only counted

  // Whether the boot would pass with it.
  bool suffices() const { return unchangeable.empty() && not_covered == 0; }
};

// A boot and what it is held against, as of AppraiseBootLog and BootCriteria::Create.
struct BootCase {
  eventlog::BootLogs logs;
  std::optional<tpm::PcrValues> pcrs;
  policy::BootPolicy policy = policy::BootPolicy::kExample;
  std::string_view reference;  // a reference state or reference values, unsigned
  std::string_view model;
  Time evaluated_at{};
};

// The change for a boot, found by trying: the boot is appraised with everything that its log
// shows and the reference does not list, and each addition that is not needed is taken back.
// What the log hides, what no PCR covers and what contradicts a rule stays. Values for the
// firmware of every machine are not proposed where those of the reference are for models and
// `model` is not known. Errors as of AppraiseBootLog and BootCriteria::Create. Hostile input:
// logs, pcrs, reference. Time: at most kMaxBootAdditions + 2 appraisals.
Result<BootChange> ChangeForBootLog(const BootCase& about);

// {"additions": [{"member", "value"}], "boot_reference": the whole reference or null,
// "unchangeable": as of a PolicyChange, "not_covered", "suffices"}
json::Value ToJson(const BootChange& change);

}  // namespace limequat::appraise
