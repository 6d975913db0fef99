#include "limequat/eventlog/secure_boot.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/eventlog/known_data.h"
#include "limequat/eventlog/pcr_use.h"
#include "limequat/tpm/pcr.h"

namespace limequat::eventlog {

namespace {

constexpr std::string_view kCheckSecureBoot = "eventlog.secure_boot";

struct ConfigVariable {
  std::string_view name;
  Guid vendor;
};
// In the order in which the profile has them measured.
constexpr std::array kConfiguration = {
    ConfigVariable{"SecureBoot", kGlobalVariable}, ConfigVariable{"PK", kGlobalVariable},
    ConfigVariable{"KEK", kGlobalVariable}, ConfigVariable{"db", kImageSecurityDatabase},
    ConfigVariable{"dbx", kImageSecurityDatabase}};

std::optional<std::size_t> PlaceOf(const EfiVariable& variable) {
  for (std::size_t i = 0; i < kConfiguration.size(); ++i) {
    if (variable.name == kConfiguration[i].name && variable.vendor == kConfiguration[i].vendor) {
      return i;
    }
  }
  return std::nullopt;
}

class Machine {
 public:
  // An error is what is wrong, as a sentence.
  Status Take(const VerifiedEvent& event);
  Status End() const;
  SecureBootState TakeState() && { return std::move(state_); }

 private:
  Status TakeSeparator(const VerifiedEvent& event, Separator separator);
  Status TakeConfiguration(const VerifiedEvent& event);
  Status TakeAuthority(const VerifiedEvent& event);
  Status TakeDevice(const VerifiedEvent& event);
  Status StoreDevice(const VerifiedEvent& event, const EfiVariable& variable);
  Status TakeAction(const VerifiedEvent& event);
  Status Store(std::size_t place, const EfiVariable& variable);

  SecureBootState state_;
  std::size_t next_ = 0;  // in kConfiguration
  bool separated_ = false;
};

bool IsDeviceDatabase(const EfiVariable& variable) {
  return variable.name == "devdb" && variable.vendor == kDeviceSecurityDatabase;
}

Error Wrong(const VerifiedEvent& event, std::string_view what) {
  return Untrusted(kCheckSecureBoot, fmt::format("event {} {}", event.index(), what));
}

Result<EfiVariable> MeasuredVariable(const VerifiedEvent& event) {
  const auto data = MeasuredDataOf(event);
  if (!data) return Wrong(event, "does not have the digest of its data");
  auto variable = ParseEfiVariable(*data);
  if (!variable) return Wrong(event, "carries no variable: " + variable.error().message);
  return variable;
}

Status Machine::Take(const VerifiedEvent& event) {
  // The digest decides, so that a separator cannot be hidden behind another type.
  if (const auto separator = SeparatorOf(event)) return TakeSeparator(event, *separator);
  switch (event.untrusted_type()) {
    case EventType::kEfiVariableDriverConfig:
      return TakeConfiguration(event);
    case EventType::kEfiVariableAuthority:
      return TakeAuthority(event);
    case EventType::kEfiSpdmDevicePolicy:
    case EventType::kEfiSpdmDeviceAuthority:
      return TakeDevice(event);
    case EventType::kEfiAction:
      return TakeAction(event);
    case EventType::kSeparator:
      return Wrong(event, "calls itself a separator and is none of the profile's");
    default:
      return Wrong(
          event, fmt::format("({}) has no place in PCR 7", EventTypeName(event.untrusted_type())));
  }
}

Status Machine::TakeSeparator(const VerifiedEvent& event, Separator separator) {
  if (separator == Separator::kError) return Wrong(event, "says that the firmware had an error");
  if (separated_) return Wrong(event, "is a second separator");
  separated_ = true;
  return {};
}

Status Machine::TakeConfiguration(const VerifiedEvent& event) {
  LQ_ASSIGN_OR_RETURN(const EfiVariable variable, MeasuredVariable(event));
  if (IsDeviceDatabase(variable)) return StoreDevice(event, variable);
  if (separated_) return Wrong(event, "is configuration behind the separator");
  const auto place = PlaceOf(variable);
  if (!place) {
    state_.other_variables.push_back(variable);
    return {};
  }
  if (*place != next_) {
    return Wrong(event, fmt::format("is {} where {} belongs", variable.name,
                                    next_ < kConfiguration.size() ? kConfiguration[next_].name
                                                                  : "the separator"));
  }
  ++next_;
  if (auto stored = Store(*place, variable); !stored) {
    return Wrong(event,
                 fmt::format("({}) cannot be read: {}", variable.name, stored.error().message));
  }
  return {};
}

Status Machine::Store(std::size_t place, const EfiVariable& variable) {
  if (place == 0) {
    // No data: the firmware has no such variable, and nothing is enforced.
    if (variable.data.size() > 1 || (variable.data.size() == 1 && variable.data[0] > 1)) {
      return Malformed(kCheckSecureBoot, "neither on nor off");
    }
    state_.enabled = variable.data.size() == 1 && variable.data[0] == 1;
    return {};
  }
  LQ_ASSIGN_OR_RETURN(std::vector<SignatureList> lists, ParseSignatureLists(variable.data));
  std::array<std::vector<SignatureList>*, 4> members = {
      &state_.platform_key, &state_.key_exchange_keys, &state_.allowed_signatures,
      &state_.revoked_signatures};
  *members[place - 1] = std::move(lists);
  return {};
}

Status Machine::TakeAuthority(const VerifiedEvent& event) {
  LQ_ASSIGN_OR_RETURN(const EfiVariable variable, MeasuredVariable(event));
  if (IsDeviceDatabase(variable)) return StoreDevice(event, variable);
  (separated_ ? state_.loader_authorities : state_.driver_authorities).push_back(variable);
  return {};
}

// An authority that allowed an image must not be hidden among those of devices by its type.
Status Machine::TakeDevice(const VerifiedEvent& event) {
  LQ_ASSIGN_OR_RETURN(const EfiVariable variable, MeasuredVariable(event));
  if (!IsDeviceDatabase(variable)) {
    return Wrong(event, fmt::format("({}) is not about the database of devices",
                                    EventTypeName(event.untrusted_type())));
  }
  return StoreDevice(event, variable);
}

// The database is lists and an authority one entry of them, which never reads as lists: its
// certificate stands where their sizes would be. So the type decides nothing.
Status Machine::StoreDevice(const VerifiedEvent& event, const EfiVariable& variable) {
  auto lists = ParseSignatureLists(variable.data);
  if (!lists) {
    if (const auto entry = ParseSignatureData(variable.data); !entry) {
      return Wrong(event, "(devdb) cannot be read: " + entry.error().message);
    }
    state_.device_authorities.push_back(variable);
    return {};
  }
  if (separated_) return Wrong(event, "is configuration behind the separator");
  if (state_.device_policy) return Wrong(event, "is a second devdb");
  if (next_ != kConfiguration.size()) {
    return Wrong(event, fmt::format("is devdb where {} belongs", kConfiguration[next_].name));
  }
  state_.device_policy = *std::move(lists);
  return {};
}

// Only text is an action: a variable that allowed an image cannot hide behind this type,
// because its lengths have bytes of zero.
Status Machine::TakeAction(const VerifiedEvent& event) {
  const auto text = MeasuredDataOf(event);
  if (!text) return Wrong(event, "does not have the digest of its data");
  if (!std::ranges::all_of(*text, [](std::uint8_t c) { return c >= ' ' && c < 0x7f; })) {
    return Wrong(event, "is an action that is no text");
  }
  (separated_ ? state_.late_actions : state_.actions).emplace_back(AsText(*text));
  return {};
}

Status Machine::End() const {
  if (!separated_) return Untrusted(kCheckSecureBoot, "PCR 7 has no separator");
  if (next_ != kConfiguration.size()) {
    return Untrusted(kCheckSecureBoot,
                     fmt::format("{} was not measured", kConfiguration[next_].name));
  }
  if (state_.enabled && state_.platform_key.empty()) {
    return Untrusted(kCheckSecureBoot, "Secure Boot is on without a platform key");
  }
  return {};
}

Status Run(const VerifiedLog& log, Machine& machine) {
  VerifiedEvents events = log.events();
  for (auto event = events.Next(); event; event = events.Next()) {
    if (event->pcr() == kSecureBootPcr) LQ_RETURN_IF_ERROR(machine.Take(*event));
  }
  return machine.End();
}

}  // namespace

SecureBootReading ReadSecureBoot(const VerifiedLog& log) {
  SecureBootReading reading;
  if (!log.pcrs().Contains(kSecureBootPcr)) {
    reading.findings.push_back(
        NotEvaluated(kCheckSecureBoot, "PCR 7 does not replay", Cause::kTamper));
    return reading;
  }
  Machine machine;
  if (const Status status = Run(log, machine); !status) {
    reading.findings.push_back(Failed(kCheckSecureBoot, status.error().message));
    return reading;
  }
  reading.state = std::move(machine).TakeState();
  reading.findings.push_back(Passed(kCheckSecureBoot, reading.state->enabled ? "on" : "off"));
  return reading;
}

}  // namespace limequat::eventlog
