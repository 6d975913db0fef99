// The rules of the policy `example` about UEFI variables.

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/policy/boot_example_internal.h"

namespace limequat::policy {

namespace {

using eventlog::Guid;
using eventlog::VerifiedEvent;

Rule<MeasuredVariable> RejectVariable(std::string_view check, std::string_view why) {
  return [check = std::string(check), why = std::string(why)](const MeasuredVariable& measured) {
    return Findings{About(
        measured.event,
        Failed(check, fmt::format("{} (owner {}) {}", EscapeForDisplay(measured.variable.name, 64),
                                  measured.variable.vendor.ToString(), why)))};
  };
}

Rule<MeasuredVariable> Once(std::string_view check, Rule<MeasuredVariable> rule) {
  return AtMost<MeasuredVariable>(1, std::move(rule),
                                  RejectVariable(check, "was measured a second time"));
}

// SecureBoot is what the reference says.
Rule<MeasuredVariable> IsOn(bool expected) {
  return [expected](const MeasuredVariable& measured) -> Findings {
    const ByteView data = measured.variable.data;
    const bool is_on = data.size() == 1 && data[0] == 1;
    if (is_on == expected && data.size() <= 1) return {};
    return {About(
        measured.event,
        Failed(kCheckSecureBoot, fmt::format("Secure Boot is {}, the reference state has it {}",
                                             is_on ? "on" : "off", expected ? "on" : "off")))};
  };
}

Rule<MeasuredVariable> IsFlag() {
  return [](const MeasuredVariable& measured) {
    const ByteView data = measured.variable.data;
    if (data.size() == 1 && data[0] <= 1) return Findings();
    return RejectVariable(kCheckAuthority, "is neither yes nor no")(measured);
  };
}

using VariableKey = std::pair<Guid, std::string>;

Rule<MeasuredVariable> ByName(std::map<VariableKey, Rule<MeasuredVariable>> rules,
                              std::string_view check) {
  return Dispatch<MeasuredVariable, VariableKey>(
      [](const MeasuredVariable& measured) {
        return VariableKey(measured.variable.vendor, measured.variable.name);
      },
      std::move(rules), RejectVariable(check, "has no place in this policy"));
}

}  // namespace

EventRule ConfigurationRule(const BootReference& reference) {
  // With Secure Boot off an empty list means that it was empty when the reference was made,
  // and nothing depends on it.
  const auto unless_open = [&](const std::vector<ReferenceKey>& keys, Rule<MeasuredVariable> rule) {
    return reference.has_secureboot || !keys.empty() ? std::move(rule) : Accept<MeasuredVariable>();
  };
  const std::vector<Guid> certificate = {eventlog::kSignatureX509};
  const std::vector<Guid> either = {eventlog::kSignatureX509, eventlog::kSignatureSha256};
  const auto within = [&](const std::vector<Guid>& types, const std::vector<ReferenceKey>& keys) {
    return Once(kCheckKey, unless_open(keys, KeysWithin(kCheckKey, types, keys)));
  };
  const Guid global = eventlog::kGlobalVariable;
  const Guid security = eventlog::kImageSecurityDatabase;
  return Variable(ByName(
      {{{global, "SecureBoot"}, IsOn(reference.has_secureboot)},
       {{global, "PK"}, within(certificate, reference.pk)},
       {{global, "KEK"}, within(certificate, reference.kek)},
       {{security, "db"}, within(either, reference.db)},
       {{security, "vendor_db"}, within(either, reference.vendor_db)},
       {{security, "dbx"},
        Once(kCheckRevocation,
             unless_open(reference.dbx, KeysInclude(kCheckRevocation, eventlog::kSignatureSha256,
                                                    reference.dbx)))}},
      kCheckEvent));
}

EventRule AuthorityRule(const BootReference& reference) {
  const auto once = [](Rule<MeasuredVariable> rule) {
    return Once(kCheckAuthority, std::move(rule));
  };
  const auto any = Accept<MeasuredVariable>();
  const bool open = !reference.has_secureboot && reference.vendor_db.empty();
  const Guid security = eventlog::kImageSecurityDatabase;
  // What shim let run is compared by its digest, so that its reasons need not be.
  return Variable(
      ByName({{{security, "db"}, once(any)},
              {{security, "vendor_db"},
               once(open ? any : AuthorityWithin(kCheckAuthority, reference.vendor_db))},
              {{eventlog::kShimLock, "SbatLevel"}, once(any)},
              {{eventlog::kShimLock, "Shim"}, once(any)},
              {{eventlog::kShimLock, "MokListTrusted"}, once(IsFlag())},
              {{eventlog::kShimLock, "MokListRT"}, once(any)}},
             kCheckAuthority));
}

// Nothing of PCR 1 is compared. OVMF measures the data of these variables alone, so the
// name is only good to reject.
EventRule BootVariableRule() {
  return [](const VerifiedEvent& event) -> Findings {
    const auto variable = eventlog::ParseEfiVariable(event.untrusted_data());
    const auto is_hex = [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    };
    constexpr std::string_view kBoot = "Boot";
    if (variable && variable->vendor == eventlog::kGlobalVariable) {
      const std::string_view name = variable->name;
      if (name == "BootOrder") return {};
      if (name.starts_with(kBoot) && name.size() > kBoot.size() &&
          std::ranges::all_of(name.substr(kBoot.size()), is_hex)) {
        return {};
      }
    }
    return RejectEvent(kCheckEvent, "is neither BootOrder nor a Boot option")(event);
  };
}

}  // namespace limequat::policy
