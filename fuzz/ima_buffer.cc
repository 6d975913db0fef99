// ima::ParseDeviceMapperEvent and ima::ParseCriticalData: the first byte chooses the name.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "limequat/base/check.h"
#include "limequat/ima/critical_data.h"
#include "limequat/ima/device_mapper.h"

namespace limequat {

namespace {

constexpr std::array<std::string_view, 11> kNames = {
    "dm_table_load",    "dm_device_resume", "dm_device_remove", "dm_table_clear",
    "dm_device_rename", "dm_target_update", "selinux-state",    "selinux-policy-hash",
    "kernel_version",   "kexec-cmdline",    "kexec_load"};

void CheckEvent(const ima::DeviceMapperEvent& event, std::size_t size) {
  LQ_CHECK(!event.version.empty());
  LQ_CHECK(event.targets.size() < size);
  LQ_CHECK(!event.inactive || event.inactive->name.size() < size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view name = kNames[data[0] % kNames.size()];
  const ByteView buffer = ByteView(data, size).subspan(1);
  if (const auto kind = ima::DeviceMapperEventOf(name)) {
    const auto event = ima::ParseDeviceMapperEvent(*kind, buffer);
    if (event) CheckEvent(*event, size);
    LQ_CHECK(event || event.error().id == "ima.device_mapper");
    return 0;
  }
  const std::array<ima::FieldValue, 1> fields = {{{.field = ima::Field::kBuf, .bytes = buffer}}};
  ima::Entry entry;
  entry.path = name;
  entry.buffer = buffer;
  entry.fields = fields;
  const auto read = ima::ParseCriticalData(entry);
  LQ_CHECK(read ? read->has_value() : read.error().id == "ima.critical_data");
  return 0;
}

}  // namespace limequat
