#pragma once

#include <string_view>

#include "limequat/base/finding.h"
#include "limequat/base/result.h"

namespace limequat::policy {

// Looks for what is wrong, weak or without effect in a runtime policy, before a machine
// is held to it. Every check is reported, passed ones too:
//   policy.check.schema           it is a policy of version 1, whole and with its types
//   policy.check.members          no member that nobody evaluates (often a misspelt one)
//   policy.check.digests          every digest is 40 to 128 lower-case hexadecimal digits
//   policy.check.weak_digests     no path that only a SHA-1 digest stands for
//   policy.check.repeated         no digest and no expression twice in one list
//   policy.check.excludes         every expression is valid
//   policy.check.exclude_all      no expression leaves next to nothing (attack A10)
//   policy.check.exclude_programs no expression matches a whole folder of programs
//   policy.check.devices          no rule is for block devices of any name
//   policy.check.says_something   it lists digests and leaves something to check
// A check that could not run for an earlier failure is not evaluated.
//
// Hostile input: time and memory as of RuntimePolicy::Parse. kMalformed ("policy.json",
// with the place: also for a member given twice; "policy.limit"). What the findings quote
// is escaped, and at most a few examples of it.
Result<Findings> CheckRuntimePolicy(std::string_view text);

}  // namespace limequat::policy
