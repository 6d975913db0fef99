#include "limequat/eventlog/event_data.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/result_macros.h"
#include "limequat/eventlog/utf16.h"

namespace limequat::eventlog {

namespace {

constexpr std::string_view kId = "eventlog.event_data";
constexpr std::size_t kPartitionSize = 128;
constexpr std::size_t kSignatureSize = 16;

// The reader's errors under the identifier of this file.
template <class T>
Result<T> Named(Result<T> result) {
  if (!result) return Malformed(kId, result.error().message);
  return result;
}

std::string Printable(ByteView text) {
  const std::string_view chars = AsText(text);
  return std::string(chars.substr(0, chars.find('\0')));
}

Status ExpectEnd(const ByteReader& in, std::string_view what) {
  if (in.empty()) return {};
  return Malformed(kId, fmt::format("{} bytes follow {}", in.remaining(), what));
}

// A description: one byte of length, then that many bytes, a NUL among them or not.
Result<std::string> ReadDescription(ByteReader& in) {
  LQ_ASSIGN_OR_RETURN(const std::uint8_t size, Named(in.U8("size of a description")));
  LQ_ASSIGN_OR_RETURN(const ByteView text, Named(in.Take(size, "description")));
  return Printable(text);
}

Result<FirmwareBlob> ReadBlob(ByteReader& in, std::string description) {
  FirmwareBlob blob;
  blob.untrusted_description = std::move(description);
  LQ_ASSIGN_OR_RETURN(blob.untrusted_base, Named(in.U64Le("base of a firmware blob")));
  LQ_ASSIGN_OR_RETURN(blob.untrusted_length, Named(in.U64Le("length of a firmware blob")));
  LQ_RETURN_IF_ERROR(ExpectEnd(in, "a firmware blob"));
  return blob;
}

Result<HandoffTables> ReadTables(ByteReader& in, std::string description) {
  constexpr std::size_t kTableSize = 24;
  HandoffTables result;
  result.untrusted_description = std::move(description);
  LQ_ASSIGN_OR_RETURN(const std::uint64_t count, Named(in.U64Le("number of tables")));
  if (in.remaining() / kTableSize < count) {
    return Malformed(kId, fmt::format("{} tables in {} bytes", count, in.remaining()));
  }
  for (std::uint64_t i = 0; i < count; ++i) {
    HandoffTable table;
    LQ_ASSIGN_OR_RETURN(table.untrusted_vendor, Named(ReadGuid(in, "table")));
    LQ_ASSIGN_OR_RETURN(table.untrusted_address, Named(in.U64Le("address of a table")));
    result.untrusted_tables.push_back(table);
  }
  return result;
}

Result<GptPartition> ReadPartition(ByteReader& in) {
  constexpr std::size_t kNameSize = 72;
  GptPartition partition;
  LQ_ASSIGN_OR_RETURN(partition.type, Named(ReadGuid(in, "type of a partition")));
  LQ_ASSIGN_OR_RETURN(partition.id, Named(ReadGuid(in, "partition")));
  LQ_ASSIGN_OR_RETURN(partition.first_block, Named(in.U64Le("first block")));
  LQ_ASSIGN_OR_RETURN(partition.last_block, Named(in.U64Le("last block")));
  LQ_ASSIGN_OR_RETURN(partition.attributes, Named(in.U64Le("attributes")));
  LQ_ASSIGN_OR_RETURN(const ByteView name, Named(in.Take(kNameSize, "name of a partition")));
  partition.name = DecodeUtf16(name.first(FindUtf16End(name).value_or(kNameSize)));
  return partition;
}

// Story: firmware that lays the header out as a C structure aligns the number of
// partitions, and four bytes come between. Case: HP Compaq TPM 1.2.
Result<std::uint64_t> ReadPartitionCount(ByteReader& in) {
  constexpr std::size_t kGap = 4;
  const auto fits = [](ByteReader reader, std::uint64_t count) {
    return reader.remaining() % kPartitionSize == 0 && reader.remaining() / kPartitionSize >= count;
  };
  LQ_ASSIGN_OR_RETURN(std::uint64_t count, Named(in.U64Le("number of partitions")));
  if (fits(in, count)) return count;
  ByteReader aligned(in.rest());
  const auto upper = aligned.U32Le("number of partitions");
  const std::uint64_t aligned_count = (count >> 32U) | (std::uint64_t{upper.value_or(0)} << 32U);
  if (!upper || !fits(aligned, aligned_count)) {
    return Malformed(kId, fmt::format("{} partitions in {} bytes", count, in.remaining()));
  }
  LQ_RETURN_IF_ERROR(in.Take(kGap, "gap"));
  return aligned_count;
}

std::string_view SignatureOf(ByteView data) {
  return AsText(data.first(std::min(kSignatureSize, data.size())));
}

Result<SpdmDevice> ReadSpdm1(ByteReader& in) {
  SpdmDevice device;
  LQ_RETURN_IF_ERROR(Named(in.U16Le("version")));
  LQ_RETURN_IF_ERROR(Named(in.U16Le("length")));
  LQ_ASSIGN_OR_RETURN(device.untrusted_hash_algorithm, Named(in.U32Le("hash algorithm")));
  LQ_ASSIGN_OR_RETURN(device.untrusted_device_type, Named(in.U32Le("device type")));
  // Index, specification, size, and that many bytes (DSP0274, 10.11.1).
  ByteReader block(in.rest());
  LQ_RETURN_IF_ERROR(Named(block.U16Le("measurement index")));
  LQ_ASSIGN_OR_RETURN(const std::uint16_t size, Named(block.U16Le("measurement size")));
  LQ_RETURN_IF_ERROR(Named(block.Take(size, "measurement")));
  LQ_ASSIGN_OR_RETURN(device.untrusted_block, Named(in.Take(block.offset(), "block")));
  device.untrusted_rest = in.rest();
  return device;
}

Result<SpdmDevice> ReadSpdm2(ByteReader& in) {
  constexpr std::size_t kUidSize = 8;
  SpdmDevice device;
  device.version = 2;
  LQ_RETURN_IF_ERROR(Named(in.U16Le("version")));
  LQ_ASSIGN_OR_RETURN(device.untrusted_authentication, Named(in.U8("authentication state")));
  LQ_RETURN_IF_ERROR(Named(in.U8("reserved")));
  LQ_RETURN_IF_ERROR(Named(in.U32Le("length")));
  LQ_ASSIGN_OR_RETURN(device.untrusted_device_type, Named(in.U32Le("device type")));
  LQ_ASSIGN_OR_RETURN(device.untrusted_sub_header_type, Named(in.U32Le("sub-header type")));
  LQ_ASSIGN_OR_RETURN(const std::uint32_t size, Named(in.U32Le("sub-header length")));
  LQ_RETURN_IF_ERROR(Named(in.Take(kUidSize, "sub-header UID")));
  LQ_ASSIGN_OR_RETURN(const std::uint64_t path, Named(in.U64Le("device path length")));
  LQ_ASSIGN_OR_RETURN(device.untrusted_device_path, Named(in.Take(path, "device path")));
  LQ_ASSIGN_OR_RETURN(device.untrusted_block, Named(in.Take(size, "sub-header")));
  device.untrusted_rest = in.rest();
  return device;
}

// What follows one of these signatures, each of 16 bytes.
Result<ByteReader> ReaderBehind(ByteView data, std::initializer_list<std::string_view> signatures) {
  const std::string_view signature = SignatureOf(data);
  if (std::ranges::find(signatures, signature) == signatures.end()) {
    return Malformed(kId, "not the signature of this structure");
  }
  return ByteReader(data.subspan(kSignatureSize));
}

Result<Locator> ReadLocator(ByteReader& in) {
  Locator locator;
  LQ_ASSIGN_OR_RETURN(const std::uint32_t type, Named(in.U32Le("type of a locator")));
  locator.untrusted_type = LocatorType{type};
  LQ_ASSIGN_OR_RETURN(locator.untrusted_value, Named(in.SizedU32Le("locator")));
  return locator;
}

Status ReadPlatform2(ByteReader& in, PlatformIdentity& identity) {
  LQ_ASSIGN_OR_RETURN(identity.untrusted_manufacturer, ReadDescription(in));
  LQ_ASSIGN_OR_RETURN(identity.untrusted_model, ReadDescription(in));
  LQ_ASSIGN_OR_RETURN(identity.untrusted_version, ReadDescription(in));
  LQ_ASSIGN_OR_RETURN(identity.untrusted_firmware_manufacturer, ReadDescription(in));
  LQ_ASSIGN_OR_RETURN(identity.untrusted_firmware_manufacturer_id,
                      Named(in.U32Le("manufacturer of the firmware")));
  LQ_ASSIGN_OR_RETURN(identity.untrusted_firmware_version, ReadDescription(in));
  return {};
}

// Version and six reserved bytes.
Result<std::uint16_t> ReadNvIndexVersion(ByteReader& in) {
  constexpr std::size_t kReserved = 6;
  LQ_ASSIGN_OR_RETURN(const std::uint16_t version, Named(in.U16Le("version")));
  LQ_RETURN_IF_ERROR(Named(in.Take(kReserved, "reserved")));
  return version;
}

Result<ByteView> ReadSizedU16(ByteReader& in, std::string_view what) {
  LQ_ASSIGN_OR_RETURN(const std::uint16_t size, Named(in.U16Le(what)));
  return Named(in.Take(size, what));
}

}  // namespace

Result<ImageLoad> ParseImageLoad(ByteView data) {
  ByteReader in(data);
  ImageLoad image;
  LQ_ASSIGN_OR_RETURN(image.untrusted_location, Named(in.U64Le("location of an image")));
  LQ_ASSIGN_OR_RETURN(image.untrusted_length, Named(in.U64Le("length of an image")));
  LQ_ASSIGN_OR_RETURN(image.untrusted_link_time_address, Named(in.U64Le("link time address")));
  LQ_ASSIGN_OR_RETURN(const std::uint64_t size, Named(in.U64Le("length of a device path")));
  LQ_ASSIGN_OR_RETURN(image.untrusted_device_path, Named(in.Take(size, "device path")));
  image.untrusted_trailing = in.rest();
  return image;
}

Result<FirmwareBlob> ParseFirmwareBlob(ByteView data) {
  ByteReader in(data);
  return ReadBlob(in, {});
}

Result<FirmwareBlob> ParseFirmwareBlob2(ByteView data) {
  ByteReader in(data);
  LQ_ASSIGN_OR_RETURN(std::string description, ReadDescription(in));
  return ReadBlob(in, std::move(description));
}

Result<HandoffTables> ParseHandoffTables(ByteView data) {
  ByteReader in(data);
  return ReadTables(in, {});
}

Result<HandoffTables> ParseHandoffTables2(ByteView data) {
  ByteReader in(data);
  LQ_ASSIGN_OR_RETURN(std::string description, ReadDescription(in));
  return ReadTables(in, std::move(description));
}

Result<Gpt> ParseGpt(ByteView data) {
  constexpr std::string_view kSignature = "EFI PART";
  constexpr std::size_t kHeaderSize = 92;
  ByteReader in(data);
  LQ_ASSIGN_OR_RETURN(const ByteView header_bytes, Named(in.Take(kHeaderSize, "GPT header")));
  ByteReader header(header_bytes);
  LQ_ASSIGN_OR_RETURN(const ByteView signature, header.Take(kSignature.size(), "signature"));
  if (AsText(signature) != kSignature) return Malformed(kId, "not the header of a GPT");
  Gpt gpt;
  LQ_RETURN_IF_ERROR(header.Take(32, "revision to backup block"));
  LQ_ASSIGN_OR_RETURN(gpt.first_usable_block, header.U64Le("first usable block"));
  LQ_ASSIGN_OR_RETURN(gpt.last_usable_block, header.U64Le("last usable block"));
  LQ_ASSIGN_OR_RETURN(gpt.disk, ReadGuid(header, "disk"));
  LQ_ASSIGN_OR_RETURN(const std::uint64_t count, ReadPartitionCount(in));
  for (std::uint64_t i = 0; i < count; ++i) {
    LQ_ASSIGN_OR_RETURN(GptPartition partition, ReadPartition(in));
    gpt.partitions.push_back(std::move(partition));
  }
  return gpt;
}

Result<TaggedEvent> ParseTaggedEvent(ByteView data) {
  ByteReader in(data);
  TaggedEvent event;
  LQ_ASSIGN_OR_RETURN(event.tag, Named(in.U32Le("tag")));
  LQ_ASSIGN_OR_RETURN(event.data, Named(in.SizedU32Le("tagged data")));
  LQ_RETURN_IF_ERROR(ExpectEnd(in, "the tagged data"));
  return event;
}

Result<SpdmDevice> ParseSpdmDevice(ByteView data) {
  constexpr std::string_view kVersion1("SPDM Device Sec\0", 16);
  constexpr std::string_view kVersion2 = "SPDM Device Sec2";
  const std::string_view signature = SignatureOf(data);
  if (signature != kVersion1 && signature != kVersion2) {
    return Malformed(kId, "not what an SPDM device says of itself");
  }
  ByteReader in(data.subspan(signature.size()));
  return signature == kVersion1 ? ReadSpdm1(in) : ReadSpdm2(in);
}

Result<PlatformIdentity> ParsePlatformIdentity(ByteView data) {
  LQ_ASSIGN_OR_RETURN(ByteReader in,
                      ReaderBehind(data, {std::string_view("SP800-155 Event\0", kSignatureSize),
                                          "SP800-155 Event2", "SP800-155 Event3"}));
  const std::uint8_t digit = data[kSignatureSize - 1];
  PlatformIdentity identity;
  if (digit != 0) identity.version = digit - '0';
  LQ_ASSIGN_OR_RETURN(identity.untrusted_vendor_id, Named(in.U32Le("vendor")));
  LQ_ASSIGN_OR_RETURN(identity.untrusted_reference_manifest, Named(ReadGuid(in, "manifest")));
  if (identity.version == 1) return identity;
  LQ_RETURN_IF_ERROR(ReadPlatform2(in, identity));
  if (identity.version >= 3) {
    LQ_ASSIGN_OR_RETURN(identity.untrusted_manifest_locator, ReadLocator(in));
    LQ_ASSIGN_OR_RETURN(identity.untrusted_certificate_locator, ReadLocator(in));
  }
  LQ_RETURN_IF_ERROR(ExpectEnd(in, "the identity of a platform"));
  return identity;
}

Result<NvIndexInstance> ParseNvIndexInstance(ByteView data) {
  LQ_ASSIGN_OR_RETURN(ByteReader in,
                      ReaderBehind(data, {std::string_view("NvIndexInstance\0", kSignatureSize)}));
  NvIndexInstance instance;
  LQ_ASSIGN_OR_RETURN(instance.untrusted_version, ReadNvIndexVersion(in));
  LQ_ASSIGN_OR_RETURN(instance.untrusted_device, ParseSpdmDevice(in.rest()));
  return instance;
}

// Story: the profile has the name end with two NULs, EDK2 with a blank and one.
Result<NvIndexDynamic> ParseNvIndexDynamic(ByteView data) {
  LQ_ASSIGN_OR_RETURN(ByteReader in,
                      ReaderBehind(data, {std::string_view("NvIndexDynamic\0\0", kSignatureSize),
                                          std::string_view("NvIndexDynamic \0", kSignatureSize)}));
  NvIndexDynamic dynamic;
  LQ_ASSIGN_OR_RETURN(dynamic.untrusted_version, ReadNvIndexVersion(in));
  LQ_ASSIGN_OR_RETURN(dynamic.untrusted_uid, Named(in.U64Le("identifier of a device")));
  LQ_ASSIGN_OR_RETURN(const ByteView description, ReadSizedU16(in, "description"));
  dynamic.untrusted_description = Printable(description);
  LQ_ASSIGN_OR_RETURN(dynamic.untrusted_data, ReadSizedU16(in, "data of an NV index"));
  LQ_RETURN_IF_ERROR(ExpectEnd(in, "the data of an NV index"));
  return dynamic;
}

Result<HcrtmComponent> ParseHcrtmComponent(ByteView data) {
  LQ_ASSIGN_OR_RETURN(ByteReader in,
                      ReaderBehind(data, {std::string_view("H-CRTM CompMeas\0", kSignatureSize)}));
  HcrtmComponent component;
  LQ_ASSIGN_OR_RETURN(component.untrusted_description, ReadDescription(in));
  LQ_ASSIGN_OR_RETURN(component.untrusted_format, Named(in.U8("format of a measurement")));
  LQ_ASSIGN_OR_RETURN(component.untrusted_measurement, ReadSizedU16(in, "measurement"));
  LQ_RETURN_IF_ERROR(ExpectEnd(in, "a measurement"));
  return component;
}

}  // namespace limequat::eventlog
