#include "limequat/ima/device_mapper.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/ima/buffer.h"

namespace limequat::ima {

namespace {

Error Bad(std::string message) { return Malformed("ima.device_mapper", std::move(message)); }

struct KindName {
  DeviceMapperEventKind kind;
  std::string_view entry;  // without "dm_"
  std::string_view shown;
};
constexpr std::array kKinds = {
    KindName{DeviceMapperEventKind::kTableLoad, "table_load", "table-load"},
    KindName{DeviceMapperEventKind::kDeviceResume, "device_resume", "device-resume"},
    KindName{DeviceMapperEventKind::kDeviceRemove, "device_remove", "device-remove"},
    KindName{DeviceMapperEventKind::kTableClear, "table_clear", "table-clear"},
    KindName{DeviceMapperEventKind::kDeviceRename, "device_rename", "device-rename"},
    KindName{DeviceMapperEventKind::kTargetUpdate, "target_update", "target-update"}};

class EventParser {
 public:
  explicit EventParser(DeviceMapperEvent& out) : out_(out) {}

  Status Take(const DeviceMapperField& field) {
    if (field.part != part_) {
      part_ = field.part;
      device_ = nullptr;
      in_target_ = false;
    }
    const std::string value = UnescapeDeviceMapper(field.value);
    if (out_.version.empty()) {
      if (field.key != "dm_version" || value.empty())
        return Bad("it does not begin with dm_version");
      out_.version = value;
      return {};
    }
    if (field.key == "target_index") return BeginTarget(value);
    if (in_target_) return TakeOfTarget(field.key, value);
    if (field.key == "name") return BeginDevice(out_.device, value);
    if (field.key == "device_active_metadata") return BeginDevice(out_.device, field.key, value);
    if (field.key == "device_inactive_metadata")
      return BeginDevice(out_.inactive, field.key, value);
    if (device_ != nullptr && IsOfDevice(field.key)) return TakeOfDevice(field.key, value);
    return TakeOfEvent(field.key, value);
  }

 private:
  static Error Unknown(std::string_view key) {
    return Bad(fmt::format("the key '{}' is not known here, or is there twice",
                           EscapeForDisplay(key, 64)));
  }

  static Status Number(std::string_view key, std::string_view text, std::uint64_t& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc() || end != text.data() + text.size()) {
      return Bad(fmt::format("{} is no number", EscapeForDisplay(key, 64)));
    }
    return {};
  }
  static Status Number(std::string_view key, std::string_view text,
                       std::optional<std::uint64_t>& out) {
    if (out) return Unknown(key);
    out = 0;
    return Number(key, text, *out);
  }
  static Status Text(std::string_view key, std::string value, std::optional<std::string>& out) {
    if (out) return Unknown(key);
    out = std::move(value);
    return {};
  }
  static Status Text(std::string_view key, std::string value, std::string& out) {
    if (!out.empty()) return Unknown(key);
    out = std::move(value);
    return {};
  }

  Status BeginDevice(std::optional<DeviceMapperDevice>& device, std::string name) {
    if (device) return Unknown("name");
    device.emplace().name = std::move(name);
    device_ = &*device;
    return {};
  }
  // "device_active_metadata=name=…"
  Status BeginDevice(std::optional<DeviceMapperDevice>& device, std::string_view key,
                     const std::string& value) {
    constexpr std::string_view kName = "name=";
    if (!value.starts_with(kName)) return Unknown(key);
    return BeginDevice(device, value.substr(kName.size()));
  }

  static bool IsOfDevice(std::string_view key) {
    return key == "uuid" || key == "major" || key == "minor" || key == "minor_count" ||
           key == "num_targets";
  }
  Status TakeOfDevice(std::string_view key, std::string value) {
    if (key == "uuid") return Text(key, std::move(value), device_->uuid);
    if (key == "major") return Number(key, value, device_->major);
    if (key == "minor") return Number(key, value, device_->minor);
    if (key == "minor_count") return Number(key, value, device_->minor_count);
    return Number(key, value, device_->num_targets);
  }

  Status BeginTarget(std::string_view index) {
    if (in_target_) return Unknown("target_index");
    in_target_ = true;
    out_.targets.emplace_back();
    return Number("target_index", index, out_.targets.back().index);
  }
  Status TakeOfTarget(std::string_view key, std::string value) {
    DeviceMapperTarget& target = out_.targets.back();
    if (key == "target_begin") return Number(key, value, target.begin);
    if (key == "target_len") return Number(key, value, target.length);
    if (key == "target_name") return Text(key, std::move(value), target.type);
    if (key == "target_version") return Text(key, std::move(value), target.version);
    const auto same = [&](const auto& attribute) { return attribute.first == key; };
    if (std::ranges::any_of(target.attributes, same)) return Unknown(key);
    target.attributes.emplace_back(key, std::move(value));
    return {};
  }

  Status TakeOfEvent(std::string_view key, std::string value) {
    if (key == "active_table_hash") return Text(key, std::move(value), out_.active_table_hash);
    if (key == "inactive_table_hash") return Text(key, std::move(value), out_.inactive_table_hash);
    if (key == "new_name") return Text(key, std::move(value), out_.new_name);
    if (key == "new_uuid") return Text(key, std::move(value), out_.new_uuid);
    if (key == "current_device_capacity") return Number(key, value, out_.capacity);
    if (key == "remove_all" && !out_.remove_all && (value == "y" || value == "n")) {
      out_.remove_all = value == "y";
      return {};
    }
    if (value == "no_data" && !out_.no_data) {
      out_.no_data = true;
      return {};
    }
    return Unknown(key);
  }

  DeviceMapperEvent& out_;
  std::size_t part_ = 0;
  DeviceMapperDevice* device_ = nullptr;
  bool in_target_ = false;
};

}  // namespace

std::string_view DeviceMapperEventName(DeviceMapperEventKind kind) {
  const auto* const found = std::ranges::find(kKinds, kind, &KindName::kind);
  return found == kKinds.end() ? std::string_view() : found->shown;
}

std::optional<DeviceMapperEventKind> DeviceMapperEventOf(std::string_view name) {
  constexpr std::string_view kPrefix = "dm_";
  if (name.starts_with(kPrefix)) name.remove_prefix(kPrefix.size());
  const auto* const found = std::ranges::find(kKinds, name, &KindName::entry);
  if (found == kKinds.end()) return std::nullopt;
  return found->kind;
}

Result<DeviceMapperEvent> ParseDeviceMapperEvent(DeviceMapperEventKind kind, ByteView text) {
  std::string without_nul;
  if (text.size() <= kMaxDeviceMapperText) {
    std::ranges::copy_if(AsText(text), std::back_inserter(without_nul),
                         [](char c) { return c != '\0'; });
    text = AsBytes(without_nul);
  }
  DeviceMapperEvent event;
  event.kind = kind;
  EventParser parser(event);
  DeviceMapperReader reader(text);
  while (true) {
    LQ_ASSIGN_OR_RETURN(const std::optional<DeviceMapperField> field, reader.Next());
    if (!field) break;
    LQ_RETURN_IF_ERROR(parser.Take(*field));
  }
  if (event.version.empty()) return Bad("it is empty");
  return event;
}

}  // namespace limequat::ima
