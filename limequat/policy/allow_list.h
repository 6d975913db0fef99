#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/result.h"

namespace limequat::policy {

// What Keylime read before there were runtime policies, made into one
// (keylime-server-protocol, 5.3).

// The form in which a policy came.
enum class PolicyForm {
  kFlatAllowList,  // lines of a digest and a path
  kJsonAllowList,  // an object with `hashes`
  kOldPolicy,      // a runtime policy of version 0, or without a version
  kPolicy,         // a runtime policy of version 1
};
std::string_view PolicyFormName(PolicyForm form);  // "flat allow-list", ...

// A policy of today's form, and what it was made of.
struct ConvertedPolicy {
  PolicyForm form{};
  std::string json;  // a runtime policy that RuntimePolicy::Parse accepts
  // What was repaired on the way, one sentence each, already escaped, at most 16.
  std::vector<std::string> notes;
};

// Converts `text` of any PolicyForm. `exclude_list`: its expressions, one a line, are
// added (blank lines and those that begin with '#' are none); "" for no list.
// `timestamp` as of RuntimePolicyBuilder::ToJson.
//
// Repaired, with a note: digests with their algorithm in front ("sha256:…") or with
// upper-case digits, blanks in paths of flat lists ('_', as in the lists of kernels).
// Refused, where Keylime's converter skips the line or writes what its verifier
// refuses: a line without a path, a digest that is none, an invalid expression, a list
// without digests, a member of another type. Never partly converted.
//
// Hostile input; memory is linear in its size, at most kMaxPolicyBytes. kMalformed
// ("policy.convert", "policy.limit", and what RuntimePolicy::Parse gives).
Result<ConvertedPolicy> ConvertPolicy(std::string_view text, std::string_view exclude_list,
                                      std::string_view timestamp);

}  // namespace limequat::policy
