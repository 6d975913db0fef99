// PCR 7 against reference values.

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/eventlog/known_data.h"
#include "limequat/eventlog/pcr_use.h"
#include "limequat/policy/boot_values_checks_internal.h"

namespace limequat::policy {

namespace {

using eventlog::kSecureBootPcr;
using eventlog::SecureBootState;
using eventlog::SignatureList;

constexpr std::string_view kCheckSecureBoot = "boot.secure_boot";
constexpr std::string_view kCheckKey = "boot.key";
constexpr std::string_view kCheckRevocation = "boot.revocation";
constexpr std::string_view kCheckAuthority = "boot.authority";

std::set<std::string> NamesOf(const std::vector<SignatureList>& lists) {
  std::set<std::string> names;
  for (const SignatureList& list : lists) {
    for (const eventlog::SignatureData& entry : list.entries)
      names.insert(SignatureName(list.type, entry));
  }
  return names;
}

// Adds what `found` lacks of `wanted`: `say` makes a sentence of each.
template <class Found, class Wanted, class Say>
void AddMissing(std::string_view check, const Found& found, const Wanted& wanted, Say say,
                Findings& out) {
  std::size_t told = 0;
  for (const std::string& name : wanted) {
    if (found.contains(name)) continue;
    if (++told > kMaxObjections) break;
    out.push_back(AboutPcr(kSecureBootPcr, Failed(check, say(name))));
  }
}

void CheckKeys(const BootValuesSecureBoot& wanted, const SecureBootState& state, Findings& out) {
  struct Variable {
    std::string_view name;
    const std::vector<SignatureList>& lists;
    const std::vector<std::string>& good;
  };
  const std::array variables = {Variable{"PK", state.platform_key, wanted.pk},
                                Variable{"KEK", state.key_exchange_keys, wanted.kek},
                                Variable{"db", state.allowed_signatures, wanted.db}};
  for (const Variable& variable : variables) {
    const std::set<std::string> good(variable.good.begin(), variable.good.end());
    AddMissing(
        kCheckKey, good, NamesOf(variable.lists),
        [&](const std::string& name) {
          return fmt::format("{} holds {}, which the reference values do not list", variable.name,
                             name);
        },
        out);
  }
  AddMissing(
      kCheckRevocation, NamesOf(state.revoked_signatures), wanted.dbx,
      [](const std::string& name) {
        return fmt::format("dbx lacks {}, which the reference values list", name);
      },
      out);
}

// One of the five variables of the configuration, which ReadSecureBoot has put in order: it
// passes with each of them exactly once, in front of the separator.
bool IsKeyVariable(const eventlog::VerifiedEvent& event) {
  if (event.untrusted_type() != eventlog::EventType::kEfiVariableDriverConfig) return false;
  const auto data = eventlog::MeasuredDataOf(event);
  const auto variable = data ? eventlog::ParseEfiVariable(*data) : Malformed("", "");
  if (!variable) return false;
  const bool global = variable->vendor == eventlog::kGlobalVariable;
  const bool database = variable->vendor == eventlog::kImageSecurityDatabase;
  const std::string& name = variable->name;
  return (global && (name == "SecureBoot" || name == "PK" || name == "KEK")) ||
         (database && (name == "db" || name == "dbx"));
}

void CheckOthers(const BootValuesSecureBoot& wanted, const eventlog::VerifiedLog& log,
                 Findings& out) {
  std::size_t told = 0;
  for (const eventlog::VerifiedEvent& event : OtherSecureBootEvents(log)) {
    if (IsAmong(wanted.events, event.digest())) continue;
    if (++told > kMaxObjections) break;
    out.push_back(
        About(event, Failed(kCheckAuthority,
                            fmt::format("{} is not among the reference values", Shown(event)))));
  }
}

}  // namespace

std::vector<eventlog::VerifiedEvent> OtherSecureBootEvents(const eventlog::VerifiedLog& log) {
  std::vector<eventlog::VerifiedEvent> others;
  eventlog::VerifiedEvents events = log.events();
  for (auto event = events.Next(); event; event = events.Next()) {
    if (event->pcr() != kSecureBootPcr || eventlog::SeparatorOf(*event)) continue;
    if (!IsKeyVariable(*event)) others.push_back(*event);
  }
  return others;
}

Findings CheckSecureBoot(const BootValues& values, const eventlog::VerifiedLog& log) {
  Findings out;
  if (!values.secure_boot.required) {
    return {Passed(kCheckSecureBoot, "not required: nothing of PCR 7 is compared")};
  }
  const eventlog::SecureBootReading reading = eventlog::ReadSecureBoot(log);
  if (!reading.state) {
    for (const std::string_view check :
         {kCheckSecureBoot, kCheckKey, kCheckRevocation, kCheckAuthority}) {
      out.push_back(AboutPcr(
          kSecureBootPcr,
          NotEvaluated(check, "PCR 7 does not tell the state of Secure Boot", Cause::kTamper)));
    }
    return out;
  }
  if (!reading.state->enabled) {
    out.push_back(
        AboutPcr(kSecureBootPcr, Failed(kCheckSecureBoot, "Secure Boot is off and is required")));
  }
  CheckKeys(values.secure_boot, *reading.state, out);
  CheckOthers(values.secure_boot, log, out);
  return out;
}

}  // namespace limequat::policy
