#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "limequat/base/finding.h"
#include "limequat/eventlog/verify.h"
#include "limequat/policy/boot_reference.h"
#include "limequat/tpm/pcr.h"

namespace limequat::policy {

// The policies for measured boot, by the names that Keylime's verifier and
// `appraise boot --policy` know. There is no other: an unknown name is an error, never a
// policy that accepts or rejects.
enum class BootPolicy : std::uint8_t {
  kExample,       // "example": a reference state, by the rules of Keylime's policy of that name
  kMeasuredOnly,  // "measured-only": that all was measured; no value is compared
  kAcceptAll,     // "accept-all": nothing is looked at; the machine is unpoliced
  kRejectAll,     // "reject-all"
};
std::string_view BootPolicyName(BootPolicy policy);
// nullopt for every other name.
std::optional<BootPolicy> BootPolicyFromName(std::string_view name);

// The PCRs whose events a policy needs to see: all of them must be signed and replay.
tpm::PcrSet PcrsOf(BootPolicy policy);

// What the policy `example` objects to in a boot.
struct BootObjections {
  Findings findings;
  // Beyond kMaxBootObjections: counted, not kept.
  std::uint64_t not_shown = 0;
};
inline constexpr std::size_t kMaxBootObjections = 1000;

// The names of the checks of `example`, in the order in which they are told: each that has
// no objection has passed.
const std::vector<std::string_view>& ExampleChecks();

// Holds a boot against a reference state by the rules of Keylime's `example`
// (keylime-server-protocol, 6.6). Every objection is told. Where the rules differ from
// Keylime's, docs/keylime-differences.md says so and why; above all, an event means what
// its digest proves, in the bank that is covered, and not what its type or text say.
// `reference` says something. Memory: bounded by kMaxBootObjections and kMaxCollected.
BootObjections AppraiseByExample(const BootReference& reference, const eventlog::VerifiedLog& log);

}  // namespace limequat::policy
