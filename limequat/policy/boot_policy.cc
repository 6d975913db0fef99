#include "limequat/policy/boot_policy.h"

#include <algorithm>
#include <array>
#include <utility>

namespace limequat::policy {

namespace {

struct Named {
  BootPolicy policy;
  std::string_view name;
};
constexpr std::array kPolicies = {
    Named{BootPolicy::kExample, "example"}, Named{BootPolicy::kMeasuredOnly, "measured-only"},
    Named{BootPolicy::kAcceptAll, "accept-all"}, Named{BootPolicy::kRejectAll, "reject-all"}};

}  // namespace

std::string_view BootPolicyName(BootPolicy policy) {
  return std::ranges::find(kPolicies, policy, &Named::policy)->name;
}

std::optional<BootPolicy> BootPolicyFromName(std::string_view name) {
  const auto* found = std::ranges::find(kPolicies, name, &Named::name);
  if (found == kPolicies.end()) return std::nullopt;
  return found->policy;
}

tpm::PcrSet PcrsOf(BootPolicy policy) {
  switch (policy) {
    case BootPolicy::kExample:
      return tpm::PcrSet::Range(0, 9) | tpm::PcrSet::Of(14);
    case BootPolicy::kMeasuredOnly:
      return tpm::PcrSet::Range(0, 7);
    case BootPolicy::kAcceptAll:
    case BootPolicy::kRejectAll:
      return {};
  }
  return {};
}

}  // namespace limequat::policy
