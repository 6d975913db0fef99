#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "limequat/ima/device_mapper.h"
#include "limequat/policy/expression.h"

namespace limequat::policy {

// Limits of device-mapper rules; beyond them the policy is refused.
inline constexpr std::size_t kMaxDeviceRules = 256;
inline constexpr std::size_t kMaxDeviceReferences = 4096;  // expressions and values of all rules

// What a rule says that one value of an event must be, with Keylime's meaning
// (keylime-server-protocol, 5.10).
class DeviceReference {
 public:
  struct Anything {};  // null; also a value that the event does not have
  struct Nothing {};   // `false` for a new name: there must be none
  using Value = std::variant<Anything, Nothing, bool, std::int64_t, Expression>;

  // `shown`: how the policy has it, escaped.
  DeviceReference(Value value, std::string shown)
      : value_(std::move(value)), shown_(std::move(shown)) {}

  // Whether `value`, as the event has it (nullopt: not at all), is as it should be: a
  // boolean is y, yes, t, true, on, 1 or the contrary in any case, an integer is compared
  // as a number, and an expression must match the whole. Hostile input; what takes
  // too long to match does not.
  bool Accepts(std::optional<std::string_view> value) const;
  const std::string& shown() const { return shown_; }

 private:
  Value value_;
  std::string shown_;
};

// Names and values of one row of a table, in the policy's order.
using DeviceTargetRule = std::vector<std::pair<std::string, DeviceReference>>;

// One rule: which tables devices of a kind may have, and what may happen to them.
struct DeviceRule {
  std::string name;
  bool required = false;         // a device of this rule must be in use
  bool resume_required = false;  // and is in use only after a resume
  bool allow_removal = false;
  bool allow_clear = false;
  bool allow_multiple_loads = false;
  DeviceReference new_name;  // after a rename that changes it
  DeviceReference new_uuid;
  DeviceReference device_name;
  DeviceReference device_uuid;
  DeviceReference major;
  DeviceReference minor;
  DeviceReference minor_count;
  std::vector<DeviceTargetRule> targets;  // one for each row

  // What of `device` is not as it should be when its table is loaded: "major is '1', …",
  // escaped; empty if nothing.
  std::vector<std::string> Objections(const ima::DeviceMapperDevice& device) const;
  // The same of row `index` of a table; also without such a row in the rule.
  std::vector<std::string> Objections(std::uint64_t index,
                                      const ima::DeviceMapperTarget& target) const;
};

// The member `ima.dm_policy` of a runtime policy: which block devices may be set up.
struct DeviceMapperPolicy {
  // What tells devices apart.
  enum class Key : std::uint8_t { kName, kUuid };
  Key match_on = Key::kName;
  std::vector<DeviceRule> rules;

  // The first rule whose name or uuid, whichever tells devices apart, matches all of `key`;
  // nullptr if none does.
  const DeviceRule* RuleFor(std::string_view key) const;
  // The rule of that name, or nullptr.
  const DeviceRule* Find(std::string_view rule) const;
};

}  // namespace limequat::policy
