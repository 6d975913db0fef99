#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "limequat/appraise/ima_entry_steps.h"
#include "limequat/base/escape.h"
#include "limequat/base/finding.h"
#include "limequat/ima/device_mapper.h"
#include "limequat/policy/device_mapper_policy.h"
#include "limequat/tpm/pcr.h"

namespace limequat::appraise {

namespace {

using ima::DeviceMapperEventKind;
using policy::DeviceMapperPolicy;
using policy::DeviceRule;

constexpr std::string_view kCheckEvent = "ima.device_mapper.event";
constexpr std::string_view kCheckTable = "ima.device_mapper.table";
constexpr std::string_view kCheckOrder = "ima.device_mapper.order";
constexpr std::string_view kCheckChange = "ima.device_mapper.change";
constexpr std::string_view kCheckTarget = "ima.device_mapper.target";
constexpr std::string_view kCheckRequired = "ima.device_mapper.required";

// Kernels have no longer names and uuids.
constexpr std::size_t kMaxDeviceKey = 128;
constexpr std::size_t kShownObjections = 4;

std::string Joined(const std::vector<std::string>& objections) {
  std::string text;
  for (const std::string& objection :
       std::span(objections).first(std::min(objections.size(), kShownObjections))) {
    text += fmt::format("{}{}", text.empty() ? "" : "; ", objection);
  }
  return objections.size() > kShownObjections
             ? fmt::format("{}; and {} more", text, objections.size() - kShownObjections)
             : text;
}

// One event against the rules and the events in front of it.
class DeviceAppraisal {
 public:
  DeviceAppraisal(const ima::Entry& entry, const DeviceMapperPolicy& policy, Learned& learned,
                  Appraisal& out)
      : entry_(entry), policy_(policy), devices_(learned.devices), out_(out) {}

  void Appraise(const ima::DeviceMapperEvent& event) {
    const ima::DeviceMapperDevice* about =
        event.device ? &*event.device : (event.inactive ? &*event.inactive : nullptr);
    if (about == nullptr) return Fail(kCheckEvent, "the event names no device");
    key_ = KeyOf(*about);
    if (event.device && event.inactive && KeyOf(*event.inactive) != key_) {
      return Fail(kCheckEvent, "the event is about two devices");
    }
    if (key_.empty() || key_.size() > kMaxDeviceKey) {
      return Fail(kCheckEvent, fmt::format("the device has no {} of 1 to {} bytes to tell it by",
                                           KeyName(), kMaxDeviceKey));
    }
    if (event.kind == DeviceMapperEventKind::kTableLoad) return Load(event, *about);
    const auto known = devices_.find(key_);
    if (known == devices_.end()) {
      return Fail(kCheckOrder, fmt::format("{} without a table that the rules allow",
                                           ima::DeviceMapperEventName(event.kind)));
    }
    switch (event.kind) {
      case DeviceMapperEventKind::kTableLoad:
        return;
      case DeviceMapperEventKind::kDeviceResume:
        return Resume(event, known->second);
      case DeviceMapperEventKind::kTargetUpdate:
        return Update(event, RuleOf(known->second));
      case DeviceMapperEventKind::kTableClear:
        return Clear(known);
      case DeviceMapperEventKind::kDeviceRemove:
        return Remove(known);
      case DeviceMapperEventKind::kDeviceRename:
        return Rename(event, *about, known);
    }
  }

 private:
  using Devices = decltype(Learned::devices);

  std::string_view KeyName() const {
    return policy_.match_on == DeviceMapperPolicy::Key::kName ? "name" : "uuid";
  }
  const std::string& KeyOf(const ima::DeviceMapperDevice& device) const {
    return policy_.match_on == DeviceMapperPolicy::Key::kName ? device.name : device.uuid;
  }
  // The rule of the table that is in use, or, before the first is, of the one that was loaded;
  // nullptr if the policy does not have it: then nothing is allowed.
  const DeviceRule* RuleOf(const MappedDevice& device) const {
    return policy_.Find(device.active ? device.active->rule : device.inactive->rule);
  }
  void Fail(std::string_view check, std::string_view why) {
    AddFailure(entry_, check,
               key_.empty() ? fmt::format("{}: {}", PathOf(entry_), why)
                            : fmt::format("{} of the device '{}': {}", PathOf(entry_),
                                          EscapeForDisplay(key_, kShownPath), why),
               out_);
  }

  // What the rule objects to in a table; empty if it allows it.
  static std::vector<std::string> ObjectionsTo(const DeviceRule& rule,
                                               const ima::DeviceMapperEvent& event,
                                               const ima::DeviceMapperDevice& device) {
    std::vector<std::string> objections = rule.Objections(device);
    // The kernel splits a table of many rows into several events: such a table cannot be
    // told from one that is not shown in full.
    if (device.num_targets != event.targets.size() || rule.targets.size() != event.targets.size()) {
      objections.push_back(fmt::format("the event has {} of {} rows, the rule has {}",
                                       event.targets.size(), device.num_targets.value_or(0),
                                       rule.targets.size()));
      return objections;
    }
    for (std::size_t i = 0; i < event.targets.size(); ++i) {
      if (event.targets[i].index != i) {
        objections.push_back(
            fmt::format("row {} says that it is row {}", i, event.targets[i].index));
      }
      for (std::string& objection : rule.Objections(i, event.targets[i])) {
        objections.push_back(fmt::format("row {}: {}", i, objection));
      }
    }
    return objections;
  }

  void Load(const ima::DeviceMapperEvent& event, const ima::DeviceMapperDevice& device) {
    const auto known = devices_.find(key_);
    if (known != devices_.end()) {
      const DeviceRule* rule = RuleOf(known->second);
      if (rule == nullptr || !rule->allow_multiple_loads) {
        return Fail(kCheckTable, "it has a table already, and no rule allows another");
      }
    } else if (devices_.size() >= kMaxMappedDevices) {
      return Fail(kCheckTable, fmt::format("more than {} devices", kMaxMappedDevices));
    }
    const DeviceRule* rule = policy_.RuleFor(key_);
    if (rule == nullptr) return Fail(kCheckTable, "no rule is for this device");
    const std::vector<std::string> objections = ObjectionsTo(*rule, event, device);
    if (!objections.empty()) {
      return Fail(kCheckTable,
                  fmt::format("rule '{}' does not allow its table: {}",
                              EscapeForDisplay(rule->name, kShownPath), Joined(objections)));
    }
    devices_[key_].inactive = MappedTable{
        .rule = rule->name, .load = crypto::Hash(crypto::HashAlgorithm::kSha256, entry_.buffer)};
  }

  void Resume(const ima::DeviceMapperEvent& event, MappedDevice& device) {
    if (!device.inactive) return Fail(kCheckOrder, "resumed again without a new table");
    const std::string expected = "sha256:" + device.inactive->load.hex();
    if (event.active_table_hash != expected) {
      return Fail(kCheckTable,
                  fmt::format("resumed with the table '{}', '{}' was loaded",
                              EscapeForDisplay(event.active_table_hash, kShownPath), expected));
    }
    device.active = std::exchange(device.inactive, std::nullopt);
  }

  void Update(const ima::DeviceMapperEvent& event, const DeviceRule* rule) {
    if (rule == nullptr) return Fail(kCheckTarget, "its rule is not in the policy");
    if (event.targets.empty()) return Fail(kCheckEvent, "an update of no row");
    for (const ima::DeviceMapperTarget& target : event.targets) {
      const std::vector<std::string> objections = rule->Objections(target.index, target);
      if (!objections.empty()) {
        Fail(kCheckTarget, fmt::format("row {}: {}", target.index, Joined(objections)));
      }
    }
  }

  void Clear(Devices::iterator known) {
    MappedDevice& device = known->second;
    const DeviceRule* rule = RuleOf(device);
    if (rule == nullptr || !rule->allow_clear) {
      return Fail(kCheckChange, "its table was cleared, and no rule allows that");
    }
    // What is cleared is the table that is not in use.
    device.inactive.reset();
    if (!device.active) devices_.erase(known);
  }

  void Remove(Devices::iterator known) {
    const DeviceRule* rule = RuleOf(known->second);
    if (rule == nullptr || !rule->allow_removal) {
      return Fail(kCheckChange, "it was removed, and no rule allows that");
    }
    devices_.erase(known);
  }

  // Whether the device may get that name or uuid.
  bool MayBecome(std::string_view what, std::string_view from, std::string_view to,
                 const policy::DeviceReference& reference) {
    if (from == to || reference.Accepts(to)) return true;
    Fail(kCheckChange, fmt::format("its new {} is '{}', the rule says {}", what,
                                   EscapeForDisplay(to, kShownPath), reference.shown()));
    return false;
  }

  void Rename(const ima::DeviceMapperEvent& event, const ima::DeviceMapperDevice& device,
              Devices::iterator known) {
    if (!event.new_name || !event.new_uuid) return Fail(kCheckEvent, "a rename to no name");
    const DeviceRule* rule = RuleOf(known->second);
    if (rule == nullptr) return Fail(kCheckChange, "its rule is not in the policy");
    const bool named = MayBecome("name", device.name, *event.new_name, rule->new_name);
    const bool identified = MayBecome("uuid", device.uuid, *event.new_uuid, rule->new_uuid);
    if (!named || !identified) return;
    const std::string& key =
        policy_.match_on == DeviceMapperPolicy::Key::kName ? *event.new_name : *event.new_uuid;
    if (key == key_) return;
    if (key.empty() || key.size() > kMaxDeviceKey || devices_.contains(key)) {
      return Fail(kCheckChange, fmt::format("its new {} '{}' is none, or that of another device",
                                            KeyName(), EscapeForDisplay(key, kShownPath)));
    }
    auto node = devices_.extract(known);
    node.key() = key;
    devices_.insert(std::move(node));
  }

  const ima::Entry& entry_;
  const DeviceMapperPolicy& policy_;
  Devices& devices_;
  Appraisal& out_;
  std::string key_;
};

bool IsInUse(const DeviceRule& rule, const Learned& learned) {
  return std::ranges::any_of(learned.devices, [&](const auto& named) {
    const MappedDevice& device = named.second;
    if (device.active && device.active->rule == rule.name) return true;
    return !rule.resume_required && device.inactive && device.inactive->rule == rule.name;
  });
}

}  // namespace

bool IsDeviceMapperEvent(const ima::Entry& entry) {
  return entry.path.starts_with("dm_") && ima::DeviceMapperEventOf(entry.path).has_value();
}

void AppraiseDeviceMapper(const ima::Entry& entry, const policy::PolicyAt& policy, Learned& learned,
                          Appraisal& out) {
  // Nothing behind another PCR is quoted (attack A06); the entry has failed for it.
  if (entry.pcr != tpm::kImaPcr) return;
  const auto kind = ima::DeviceMapperEventOf(entry.path);
  const auto event = ima::ParseDeviceMapperEvent(*kind, entry.buffer);
  if (!event) {
    return AddFailure(entry, kCheckEvent,
                      fmt::format("{}: {}", PathOf(entry), event.error().message), out);
  }
  if (!policy.accepts_devices()) {
    return AddFailure(
        entry, kCheckTable,
        fmt::format("{}: the layer with the rules for devices was retired before", PathOf(entry)),
        out);
  }
  DeviceAppraisal(entry, *policy.device_mapper(), learned, out).Appraise(*event);
}

void AppraiseRequiredDevices(const policy::PolicyAt& policy, const Learned& learned,
                             Appraisal& out) {
  const DeviceMapperPolicy* rules = policy.device_mapper();
  if (rules == nullptr) return;
  std::vector<std::string> absent;
  std::size_t required = 0;
  for (const DeviceRule& rule : rules->rules) {
    if (!rule.required) continue;
    ++required;
    if (!IsInUse(rule, learned)) {
      absent.push_back(fmt::format("'{}'", EscapeForDisplay(rule.name, kShownPath)));
    }
  }
  if (required == 0) return;
  if (absent.empty()) return Add(out, Passed(kCheckRequired, fmt::format("{} rules", required)));
  Add(out, Failed(kCheckRequired,
                  fmt::format("no device is in use for the required rules {}", Joined(absent)),
                  Cause::kConfiguration));
}

}  // namespace limequat::appraise
