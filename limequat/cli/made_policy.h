#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/cli/console.h"
#include "limequat/json/value.h"
#include "limequat/policy/runtime_policy.h"

namespace limequat::cli {

// A runtime policy that a command has made of files or lists: how `policy create runtime`
// and `policy learn` end.
struct MadePolicy {
  std::string text;
  std::size_t files = 0;                // that were taken in
  std::vector<std::string> left_out{};  // what the policy does not have, and why; escaped
  json::Object more{};                  // further members of the summary
};

// `time` as Keylime's policies write it: "2026-11-25 09:00:00.000000".
std::string PolicyTimestamp(Time time);

// The policy of --base; empty without one. Errors of ReadInput and RuntimePolicy::Parse.
Result<std::string> ReadBasePolicy(const std::optional<std::string>& base);

// What `builder` has, with all of `base` (may be empty) kept. Errors of
// RuntimePolicyBuilder::ToJson and MergeRuntimePolicies.
Result<std::string> WriteWithBase(const policy::RuntimePolicyBuilder& builder,
                                  const std::string& base, Time now);

// Tells what was left out, and leaves the policy where `output` says: as the result, or in a
// file with a summary as the result. Errors of WriteMade.
Result<Ending> DeliverMade(const MadePolicy& made, const std::optional<std::string>& output,
                           Console& console);

}  // namespace limequat::cli
