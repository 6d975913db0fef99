#include "limequat/eventlog/event.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

namespace limequat::eventlog {

namespace {

struct Named {
  EventType type;
  std::string_view name;
};

constexpr std::array kNames = {
    Named{EventType::kPrebootCert, "EV_PREBOOT_CERT"},
    Named{EventType::kPostCode, "EV_POST_CODE"},
    Named{EventType::kUnused, "EV_UNUSED"},
    Named{EventType::kNoAction, "EV_NO_ACTION"},
    Named{EventType::kSeparator, "EV_SEPARATOR"},
    Named{EventType::kAction, "EV_ACTION"},
    Named{EventType::kEventTag, "EV_EVENT_TAG"},
    Named{EventType::kSCrtmContents, "EV_S_CRTM_CONTENTS"},
    Named{EventType::kSCrtmVersion, "EV_S_CRTM_VERSION"},
    Named{EventType::kCpuMicrocode, "EV_CPU_MICROCODE"},
    Named{EventType::kPlatformConfigFlags, "EV_PLATFORM_CONFIG_FLAGS"},
    Named{EventType::kTableOfDevices, "EV_TABLE_OF_DEVICES"},
    Named{EventType::kCompactHash, "EV_COMPACT_HASH"},
    Named{EventType::kIpl, "EV_IPL"},
    Named{EventType::kIplPartitionData, "EV_IPL_PARTITION_DATA"},
    Named{EventType::kNonhostCode, "EV_NONHOST_CODE"},
    Named{EventType::kNonhostConfig, "EV_NONHOST_CONFIG"},
    Named{EventType::kNonhostInfo, "EV_NONHOST_INFO"},
    Named{EventType::kOmitBootDeviceEvents, "EV_OMIT_BOOT_DEVICE_EVENTS"},
    Named{EventType::kPostCode2, "EV_POST_CODE2"},
    Named{EventType::kEfiVariableDriverConfig, "EV_EFI_VARIABLE_DRIVER_CONFIG"},
    Named{EventType::kEfiVariableBoot, "EV_EFI_VARIABLE_BOOT"},
    Named{EventType::kEfiBootServicesApplication, "EV_EFI_BOOT_SERVICES_APPLICATION"},
    Named{EventType::kEfiBootServicesDriver, "EV_EFI_BOOT_SERVICES_DRIVER"},
    Named{EventType::kEfiRuntimeServicesDriver, "EV_EFI_RUNTIME_SERVICES_DRIVER"},
    Named{EventType::kEfiGptEvent, "EV_EFI_GPT_EVENT"},
    Named{EventType::kEfiAction, "EV_EFI_ACTION"},
    Named{EventType::kEfiPlatformFirmwareBlob, "EV_EFI_PLATFORM_FIRMWARE_BLOB"},
    Named{EventType::kEfiHandoffTables, "EV_EFI_HANDOFF_TABLES"},
    Named{EventType::kEfiPlatformFirmwareBlob2, "EV_EFI_PLATFORM_FIRMWARE_BLOB2"},
    Named{EventType::kEfiHandoffTables2, "EV_EFI_HANDOFF_TABLES2"},
    Named{EventType::kEfiVariableBoot2, "EV_EFI_VARIABLE_BOOT2"},
    Named{EventType::kEfiGptEvent2, "EV_EFI_GPT_EVENT2"},
    Named{EventType::kEfiHcrtmEvent, "EV_EFI_HCRTM_EVENT"},
    Named{EventType::kEfiVariableAuthority, "EV_EFI_VARIABLE_AUTHORITY"},
    Named{EventType::kEfiSpdmFirmwareBlob, "EV_EFI_SPDM_FIRMWARE_BLOB"},
    Named{EventType::kEfiSpdmFirmwareConfig, "EV_EFI_SPDM_FIRMWARE_CONFIG"},
    Named{EventType::kEfiSpdmDevicePolicy, "EV_EFI_SPDM_DEVICE_POLICY"},
    Named{EventType::kEfiSpdmDeviceAuthority, "EV_EFI_SPDM_DEVICE_AUTHORITY"},
};

}  // namespace

std::string EventTypeName(EventType type) {
  const auto* named = std::ranges::find(kNames, type, &Named::type);
  if (named != kNames.end()) return std::string(named->name);
  return fmt::format("{:#010x}", static_cast<std::uint32_t>(type));
}

std::optional<EventType> EventTypeFromName(std::string_view name) {
  const auto* named = std::ranges::find(kNames, name, &Named::name);
  if (named != kNames.end()) return named->type;
  if (!name.starts_with("0x")) return std::nullopt;
  name.remove_prefix(2);
  std::uint32_t number = 0;
  constexpr int kHexadecimal = 16;
  const auto [end, error] =
      std::from_chars(name.data(), name.data() + name.size(), number, kHexadecimal);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return EventType{number};
}

bool EventDigests::Add(tpm::AlgorithmId algorithm, ByteView value) {
  if (size_ == digests_.size() || !Find(algorithm).empty()) return false;
  digests_[size_++] = {.algorithm = algorithm, .value = value};
  return true;
}

ByteView EventDigests::Find(tpm::AlgorithmId algorithm) const {
  const auto* found = std::find_if(
      begin(), end(), [&](const EventDigest& digest) { return digest.algorithm == algorithm; });
  return found == end() ? ByteView() : found->value;
}

}  // namespace limequat::eventlog
