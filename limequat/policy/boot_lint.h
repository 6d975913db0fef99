#pragma once

#include <span>
#include <string_view>

#include "limequat/base/finding.h"
#include "limequat/base/result.h"

namespace limequat::policy {

// What is wrong or weak in boot reference values, for `limequat policy check`:
//   policy.check.schema        BootValues::Parse accepts them
//   policy.check.boot.open     no rule accepts whatever a machine shows: any firmware, Secure
//                              Boot not required, expressions that match every text
//   policy.check.boot.empty    no list that a boot needs something of is empty
//   policy.check.boot.release  they have a release, so that a verifier can tell the newer one
// What needs values that were read is not evaluated if they were not. Hostile input; an
// expression is tried against two texts.
Findings CheckBootValues(std::string_view text);

// The same of a reference state: policy.check.schema, policy.check.boot.empty (also members
// that are absent), and policy.check.members, those that nobody evaluates.
Findings CheckBootReference(std::string_view text);

// "policy.check.boot.release" of several releases in their order: of those that have one name,
// each has a higher one than those in front of it. Values that cannot be read are left out.
Finding CheckReleases(std::span<const std::string_view> texts);

}  // namespace limequat::policy
