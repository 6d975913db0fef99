#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "limequat/base/result.h"

namespace limequat::policy {

// What a document is, for commands that take several kinds.
enum class PolicyKind : std::uint8_t {
  kRuntimePolicy,  // and whatever is none of the others
  kBootValues,     // boot reference values (boot_values.h)
  kBootReference,  // a reference state of Keylime's (boot_reference.h)
};
// "a runtime policy", "boot reference values", "a reference state".
std::string_view PolicyKindName(PolicyKind kind);

// By its content alone; that a document is of a kind does not say that it can be read. Hostile
// input; a document that has no word of the others is not parsed.
PolicyKind KindOfPolicy(std::string_view text);

// The kind of all of them, at least one. kMalformed "policy.kind": they are of several.
Result<PolicyKind> KindOfPolicies(std::span<const std::string_view> texts);

}  // namespace limequat::policy
