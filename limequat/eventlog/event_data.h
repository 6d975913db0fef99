#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/eventlog/guid.h"

namespace limequat::eventlog {

// Structures that events carry (PFP 1.06, section 10.4). Views point into the input.
// All input is hostile; errors are kMalformed ("eventlog.event_data") with the field.
// Memory: at most three times the input and 512 bytes.
// A value says nothing about what the event's digest covers; where the profile says
// that it is the hash of something else, the members are named untrusted.

// UEFI_IMAGE_LOAD_EVENT: the digest is the Authenticode hash of the image, so where it
// came from and lay is a claim.
struct ImageLoad {
  std::uint64_t untrusted_location = 0;
  std::uint64_t untrusted_length = 0;
  std::uint64_t untrusted_link_time_address = 0;
  ByteView untrusted_device_path;
  // GRUB and shim log images that they load with a path of no length and eight or nine
  // bytes behind it.
  ByteView untrusted_trailing;
};
Result<ImageLoad> ParseImageLoad(ByteView data);

// UEFI_PLATFORM_FIRMWARE_BLOB, and BLOB2 with its description: the digest is of the
// firmware volume.
struct FirmwareBlob {
  std::string untrusted_description;
  std::uint64_t untrusted_base = 0;
  std::uint64_t untrusted_length = 0;
};
Result<FirmwareBlob> ParseFirmwareBlob(ByteView data);
Result<FirmwareBlob> ParseFirmwareBlob2(ByteView data);

// UEFI_HANDOFF_TABLE_POINTERS, and POINTERS2 with its description: the digest is of
// the tables.
struct HandoffTable {
  Guid untrusted_vendor;
  std::uint64_t untrusted_address = 0;
};
struct HandoffTables {
  std::string untrusted_description;
  std::vector<HandoffTable> untrusted_tables;
};
Result<HandoffTables> ParseHandoffTables(ByteView data);
Result<HandoffTables> ParseHandoffTables2(ByteView data);

// UEFI_GPT_DATA: the header of the partition table and its used entries.
struct GptPartition {
  Guid type;
  Guid id;
  std::uint64_t first_block = 0;
  std::uint64_t last_block = 0;
  std::uint64_t attributes = 0;
  std::string name;  // UTF-8
};
struct Gpt {
  Guid disk;
  std::uint64_t first_usable_block = 0;
  std::uint64_t last_usable_block = 0;
  std::vector<GptPartition> partitions;
};
Result<Gpt> ParseGpt(ByteView data);

// TCG_PCClientTaggedEvent.
struct TaggedEvent {
  std::uint32_t tag = 0;
  ByteView data;
};
Result<TaggedEvent> ParseTaggedEvent(ByteView data);
// Tags of Linux's EFI stub: what it was started with, and the initrd (the digest is of
// their content; the tag's data only names them).
inline constexpr std::uint32_t kTagLinuxInitrd = 0x8f3b22ec;
inline constexpr std::uint32_t kTagLinuxLoadOptions = 0x8f3b22ed;

// DEVICE_SECURITY_EVENT_DATA and DATA2 (PFP 1.06, 10.2.7): what an SPDM device says of
// itself. Headers only; the digest is of the measurement block or certificate, or, as EDK2
// measures it, of all of this.
struct SpdmDevice {
  int version = 1;  // of the structure
  std::uint32_t untrusted_device_type = 0;
  std::uint32_t untrusted_hash_algorithm = 0;  // version 1: SPDM's number
  std::uint8_t untrusted_authentication = 0;   // version 2: AuthState
  std::uint32_t untrusted_sub_header_type = 0;
  ByteView untrusted_device_path;  // version 2
  ByteView untrusted_block;        // measurement block, or sub-header
  ByteView untrusted_rest;         // device context
};
Result<SpdmDevice> ParseSpdmDevice(ByteView data);

// Where something is found that the log does not hold: TCG_LOCATOR_TYPE and its value.
enum class LocatorType : std::uint32_t {
  kRaw = 0,         // the thing itself
  kUri = 1,         // a text
  kDevicePath = 2,  // of a file (FormatDevicePath)
  kVariable = 3,    // a GUID and a name in UTF-16
};
struct Locator {
  LocatorType untrusted_type = LocatorType::kRaw;  // or a number without a name
  ByteView untrusted_value;
};

// The data of EV_NO_ACTION (PFP 1.06, 10.4.5). Nothing covers it, ever: these structures
// are claims of whoever wrote the log.

// TCG_Sp800_155_PlatformId_Event and its successors: where reference values of this
// platform are found.
struct PlatformIdentity {
  int version = 1;                        // 1, 2 or 3: how far the members below are there
  std::uint32_t untrusted_vendor_id = 0;  // IANA; of the platform's manufacturer
  Guid untrusted_reference_manifest;
  // Since version 2.
  std::string untrusted_manufacturer;
  std::string untrusted_model;
  std::string untrusted_version;
  std::string untrusted_firmware_manufacturer;
  std::uint32_t untrusted_firmware_manufacturer_id = 0;  // IANA
  std::string untrusted_firmware_version;
  // Since version 3.
  Locator untrusted_manifest_locator;
  Locator untrusted_certificate_locator;
};
// Bytes behind the last member are malformed, except of version 1, which was published
// with members that differ.
Result<PlatformIdentity> ParsePlatformIdentity(ByteView data);

// NV_INDEX_INSTANCE_EVENT_LOG_DATA: what was extended into the NV index 0x01c40200, a
// certificate chain of an SPDM device.
struct NvIndexInstance {
  std::uint16_t untrusted_version = 0;
  SpdmDevice untrusted_device;
};
Result<NvIndexInstance> ParseNvIndexInstance(ByteView data);

// NV_INDEX_DYNAMIC_EVENT_LOG_DATA: into 0x01c40201, nonces of the conversation with the
// device that has this identifier.
struct NvIndexDynamic {
  std::uint16_t untrusted_version = 0;
  std::uint64_t untrusted_uid = 0;
  std::string untrusted_description;  // "SPDM CHALLENGE"
  ByteView untrusted_data;
};
Result<NvIndexDynamic> ParseNvIndexDynamic(ByteView data);

// TCG_HCRTMComponentEvent: a component that a hardware CRTM measured into PCR 0.
struct HcrtmComponent {
  std::string untrusted_description;
  std::uint8_t untrusted_format = 0;  // 0: a digest; 0x80: what was measured
  ByteView untrusted_measurement;
};
Result<HcrtmComponent> ParseHcrtmComponent(ByteView data);

}  // namespace limequat::eventlog
