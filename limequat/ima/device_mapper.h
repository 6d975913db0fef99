#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"

namespace limequat::ima {

// What happened to a block device (Documentation/admin-guide/device-mapper/dm-ima).
enum class DeviceMapperEventKind : std::uint8_t {
  kTableLoad,
  kDeviceResume,
  kDeviceRemove,
  kTableClear,
  kDeviceRename,
  kTargetUpdate,
};
std::string_view DeviceMapperEventName(DeviceMapperEventKind kind);  // "table-load"
// By the name of an entry, with or without "dm_" in front; nullopt for another name.
std::optional<DeviceMapperEventKind> DeviceMapperEventOf(std::string_view name);

// A device as an event describes it. Text is unescaped and hostile.
struct DeviceMapperDevice {
  std::string name;
  std::string uuid;
  std::optional<std::uint64_t> major;
  std::optional<std::uint64_t> minor;
  std::optional<std::uint64_t> minor_count;
  std::optional<std::uint64_t> num_targets;
};

// One row of a device's table.
struct DeviceMapperTarget {
  std::uint64_t index = 0;
  std::uint64_t begin = 0;  // sectors
  std::uint64_t length = 0;
  std::string type;                                             // "verity", "crypt"
  std::string version;                                          // of the type
  std::vector<std::pair<std::string, std::string>> attributes;  // in order, each key once
};

// One event as the kernel measured it. Whoever made the device chose names and attributes.
struct DeviceMapperEvent {
  DeviceMapperEventKind kind = DeviceMapperEventKind::kTableLoad;
  std::string version;                         // of the device mapper
  std::optional<DeviceMapperDevice> device;    // or the one of its active table
  std::optional<DeviceMapperDevice> inactive;  // of its inactive table
  std::vector<DeviceMapperTarget> targets;     // of load and update; may go on in the next event
  // "sha256:HEX" of the load event of a table; empty if not told.
  std::string active_table_hash;
  std::string inactive_table_hash;
  std::optional<std::string> new_name;
  std::optional<std::string> new_uuid;
  std::optional<bool> remove_all;
  bool no_data = false;                   // the kernel had nothing to say of the table
  std::optional<std::uint64_t> capacity;  // sectors
};

// The typed value of an event's text. NUL bytes, which kernels leave in some, are left out.
// kMalformed ("ima.device_mapper"): see DeviceMapperReader; a text that does not begin with
// the version; a key that is not known where it stands, or is there twice; a number that is
// none. Hostile input; memory is bounded by some multiple of kMaxDeviceMapperText. Nothing
// says that events follow one another as they should.
Result<DeviceMapperEvent> ParseDeviceMapperEvent(DeviceMapperEventKind kind, ByteView text);

}  // namespace limequat::ima
