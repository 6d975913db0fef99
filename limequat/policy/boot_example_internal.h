#pragma once

#include <string_view>

#include "limequat/policy/boot_reference.h"
#include "limequat/policy/boot_rule.h"

// What the files of the policy `example` share.
namespace limequat::policy {

inline constexpr std::string_view kCheckEvent = "boot.event";
inline constexpr std::string_view kCheckSecureBoot = "boot.secure_boot";
inline constexpr std::string_view kCheckKey = "boot.key";
inline constexpr std::string_view kCheckRevocation = "boot.revocation";
inline constexpr std::string_view kCheckAuthority = "boot.authority";

// EV_EFI_VARIABLE_DRIVER_CONFIG and EV_EFI_VARIABLE_AUTHORITY in PCR 7. `reference` must
// outlive the rules.
EventRule ConfigurationRule(const BootReference& reference);
EventRule AuthorityRule(const BootReference& reference);
// EV_EFI_VARIABLE_BOOT in PCR 1.
EventRule BootVariableRule();

}  // namespace limequat::policy
