#include "limequat/eventlog/event_data.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "limequat/base/byte_reader.h"
#include "limequat/eventlog/testing/log_builder.h"

namespace limequat::eventlog {
namespace {

using testing::Text16;
constexpr std::string_view kError = "eventlog.event_data";

template <class T>
std::string ErrorOf(const Result<T>& result) {
  return result ? "" : result.error().id;
}

ByteWriter U64(std::initializer_list<std::uint32_t> values) {
  ByteWriter out;
  for (const std::uint32_t value : values) out.U32Le(value).U32Le(0);
  return out;
}

// Every prefix of `data` is refused by `parse`.
template <class Parse>
void ExpectTruncationsRefused(const Bytes& data, Parse parse) {
  for (std::size_t size = 0; size < data.size(); ++size) {
    EXPECT_EQ(ErrorOf(parse(ByteView(data).first(size))), kError) << size;
  }
}

TEST(ParseImageLoad, Members) {
  ByteWriter out = U64({0x1000, 0x200, 0x30, 4});
  out.Raw(Bytes{0x7f, 0xff, 4, 0});
  const auto image = ParseImageLoad(out.bytes());
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->untrusted_location, 0x1000U);
  EXPECT_EQ(image->untrusted_length, 0x200U);
  EXPECT_EQ(image->untrusted_link_time_address, 0x30U);
  EXPECT_EQ(image->untrusted_device_path.size(), 4U);
  EXPECT_TRUE(image->untrusted_trailing.empty());
  ExpectTruncationsRefused(out.bytes(), ParseImageLoad);
}

TEST(ParseImageLoad, Quirk_PathOfNoLength) {
  ByteWriter out = U64({1, 2, 3, 0});
  out.Raw(Bytes(9, 7));
  const auto image = ParseImageLoad(out.bytes());
  ASSERT_TRUE(image);
  EXPECT_TRUE(image->untrusted_device_path.empty());
  EXPECT_EQ(image->untrusted_trailing.size(), 9U);
}

TEST(ParseFirmwareBlob, Members) {
  const Bytes data = U64({0x820000, 0xe0000}).Take();
  const auto blob = ParseFirmwareBlob(data);
  ASSERT_TRUE(blob);
  EXPECT_EQ(blob->untrusted_base, 0x820000U);
  EXPECT_EQ(blob->untrusted_length, 0xe0000U);
  ExpectTruncationsRefused(data, ParseFirmwareBlob);
  Bytes longer = data;
  longer.push_back(0);
  EXPECT_EQ(ErrorOf(ParseFirmwareBlob(longer)), kError);
}

TEST(ParseFirmwareBlob2, DescriptionComesFirst) {
  ByteWriter out;
  out.U8(8).Raw(AsBytes(std::string_view("FV_MAIN\0", 8))).Raw(U64({1, 2}).bytes());
  const auto blob = ParseFirmwareBlob2(out.bytes());
  ASSERT_TRUE(blob) << blob.error().message;
  EXPECT_EQ(blob->untrusted_description, "FV_MAIN");
  EXPECT_EQ(blob->untrusted_base, 1U);
  ExpectTruncationsRefused(out.bytes(), ParseFirmwareBlob2);
}

TEST(ParseHandoffTables, Members) {
  ByteWriter out = U64({2});
  out.Raw(kShimLock.bytes).Raw(U64({7}).bytes());
  out.Raw(kGlobalVariable.bytes).Raw(U64({8}).bytes());
  const auto tables = ParseHandoffTables(out.bytes());
  ASSERT_TRUE(tables) << tables.error().message;
  ASSERT_EQ(tables->untrusted_tables.size(), 2U);
  EXPECT_EQ(tables->untrusted_tables[0].untrusted_vendor, kShimLock);
  EXPECT_EQ(tables->untrusted_tables[1].untrusted_address, 8U);
  ExpectTruncationsRefused(out.bytes(), ParseHandoffTables);

  ByteWriter second;
  second.U8(3).Raw(AsBytes("Tdx")).Raw(out.bytes());
  const auto described = ParseHandoffTables2(second.bytes());
  ASSERT_TRUE(described);
  EXPECT_EQ(described->untrusted_description, "Tdx");
  EXPECT_EQ(described->untrusted_tables.size(), 2U);
}

TEST(ParseHandoffTables, AbsurdCount) {
  ByteWriter out;
  out.U32Le(0xffffffff).U32Le(0xffffffff).Zeros(48);
  EXPECT_EQ(ErrorOf(ParseHandoffTables(out.bytes())), kError);
}

Bytes GptData(std::uint32_t count, std::size_t partitions, std::size_t gap = 0) {
  ByteWriter out;
  out.Raw(AsBytes("EFI PART")).Zeros(32).Raw(U64({34, 999}).bytes()).Raw(kShimLock.bytes);
  out.Zeros(20).Zeros(gap).U32Le(count).U32Le(0);
  for (std::size_t i = 0; i < partitions; ++i) {
    const std::string name = Text16("EFI System");
    out.Raw(kGlobalVariable.bytes).Raw(kShimLock.bytes).Raw(U64({2048, 4095, 1}).bytes());
    out.Raw(AsBytes(name)).Zeros(72 - name.size());
  }
  return out.Take();
}

TEST(ParseGpt, Members) {
  const Bytes data = GptData(2, 2);
  const auto gpt = ParseGpt(data);
  ASSERT_TRUE(gpt) << gpt.error().message;
  EXPECT_EQ(gpt->disk, kShimLock);
  EXPECT_EQ(gpt->first_usable_block, 34U);
  EXPECT_EQ(gpt->last_usable_block, 999U);
  ASSERT_EQ(gpt->partitions.size(), 2U);
  EXPECT_EQ(gpt->partitions[1].type, kGlobalVariable);
  EXPECT_EQ(gpt->partitions[1].id, kShimLock);
  EXPECT_EQ(gpt->partitions[1].first_block, 2048U);
  EXPECT_EQ(gpt->partitions[1].last_block, 4095U);
  EXPECT_EQ(gpt->partitions[1].attributes, 1U);
  EXPECT_EQ(gpt->partitions[1].name, "EFI System");
  ExpectTruncationsRefused(data, ParseGpt);
}

TEST(ParseGpt, Quirk_AlignedCount) {
  const auto gpt = ParseGpt(GptData(3, 3, 4));
  ASSERT_TRUE(gpt) << gpt.error().message;
  EXPECT_EQ(gpt->partitions.size(), 3U);
  EXPECT_EQ(ErrorOf(ParseGpt(GptData(4, 3, 4))), kError);
}

TEST(ParseGpt, NotAGpt) {
  Bytes data = GptData(1, 1);
  data[0] = 'X';
  EXPECT_EQ(ErrorOf(ParseGpt(data)), kError);
  EXPECT_EQ(ErrorOf(ParseGpt(GptData(3, 2))), kError);
  EXPECT_EQ(ErrorOf(ParseGpt(GptData(0xffffffff, 2))), kError);
}

TEST(ParseTaggedEvent, Members) {
  ByteWriter out;
  out.U32Le(kTagLinuxInitrd).SizedU32Le(AsBytes("Linux initrd"));
  const auto event = ParseTaggedEvent(out.bytes());
  ASSERT_TRUE(event);
  EXPECT_EQ(event->tag, kTagLinuxInitrd);
  EXPECT_EQ(AsText(event->data), "Linux initrd");
  ExpectTruncationsRefused(out.bytes(), ParseTaggedEvent);
  out.U8(0);
  EXPECT_EQ(ErrorOf(ParseTaggedEvent(out.bytes())), kError);
}

TEST(ParseSpdmDevice, Version1) {
  ByteWriter out;
  out.Raw(AsBytes(std::string_view("SPDM Device Sec\0", 16))).U16Le(1).U16Le(50);
  out.U32Le(2).U32Le(1).U8(1).U8(1).U16Le(3).Raw(Bytes{7, 8, 9}).Raw(Bytes{5});
  const auto device = ParseSpdmDevice(out.bytes());
  ASSERT_TRUE(device) << device.error().message;
  EXPECT_EQ(device->version, 1);
  EXPECT_EQ(device->untrusted_hash_algorithm, 2U);
  EXPECT_EQ(device->untrusted_device_type, 1U);
  EXPECT_TRUE(Equal(device->untrusted_block, Bytes{1, 1, 3, 0, 7, 8, 9}));
  EXPECT_TRUE(Equal(device->untrusted_rest, Bytes{5}));
  Bytes data = out.Take();
  data.pop_back();
  ExpectTruncationsRefused(data, ParseSpdmDevice);
}

TEST(ParseSpdmDevice, Version2) {
  ByteWriter out;
  out.Raw(AsBytes("SPDM Device Sec2")).U16Le(2).U8(0xff).U8(0).U32Le(60).U32Le(2).U32Le(1);
  out.U32Le(2).Zeros(8).Raw(U64({3}).bytes()).Raw(Bytes{1, 2, 3}).Raw(Bytes{8, 9}).U8(4);
  const auto device = ParseSpdmDevice(out.bytes());
  ASSERT_TRUE(device) << device.error().message;
  EXPECT_EQ(device->version, 2);
  EXPECT_EQ(device->untrusted_authentication, 0xff);
  EXPECT_EQ(device->untrusted_device_type, 2U);
  EXPECT_EQ(device->untrusted_sub_header_type, 1U);
  EXPECT_TRUE(Equal(device->untrusted_device_path, Bytes{1, 2, 3}));
  EXPECT_TRUE(Equal(device->untrusted_block, Bytes{8, 9}));
  EXPECT_TRUE(Equal(device->untrusted_rest, Bytes{4}));
  Bytes data = out.Take();
  data.pop_back();
  ExpectTruncationsRefused(data, ParseSpdmDevice);
  EXPECT_EQ(ErrorOf(ParseSpdmDevice(AsBytes("SPDM Device Sec3........................"))), kError);
}

// Up to where version 1 ends.
ByteWriter PlatformData(std::string_view signature) {
  ByteWriter out;
  out.Raw(AsBytes(signature)).U32Le(11129).Raw(kShimLock.bytes);
  return out;
}

ByteWriter Platform2Data(std::string_view signature) {
  ByteWriter out = PlatformData(signature);
  out.U8(3).Raw(AsBytes(std::string_view("Go\0", 3))).U8(2).Raw(AsBytes("CE")).U8(0);
  out.U8(4).Raw(AsBytes(std::string_view("FWM\0", 4))).U32Le(77);
  out.U8(3).Raw(AsBytes(std::string_view("F9\0", 3)));
  return out;
}

TEST(ParsePlatformIdentity, Version1) {
  const std::string_view signature("SP800-155 Event\0", 16);
  ByteWriter out = PlatformData(signature);
  ExpectTruncationsRefused(out.bytes(), ParsePlatformIdentity);
  out.U8(9);
  const auto identity = ParsePlatformIdentity(out.bytes());
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_EQ(identity->version, 1);
  EXPECT_EQ(identity->untrusted_vendor_id, 11129U);
  EXPECT_EQ(identity->untrusted_reference_manifest, kShimLock);
  EXPECT_EQ(ErrorOf(ParsePlatformIdentity(PlatformData("SP800-155 Event4").bytes())), kError);
}

TEST(ParsePlatformIdentity, Version2) {
  ByteWriter out = Platform2Data("SP800-155 Event2");
  const auto identity = ParsePlatformIdentity(out.bytes());
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_EQ(identity->version, 2);
  EXPECT_EQ(identity->untrusted_vendor_id, 11129U);
  EXPECT_EQ(identity->untrusted_manufacturer, "Go");
  EXPECT_EQ(identity->untrusted_model, "CE");
  EXPECT_EQ(identity->untrusted_version, "");
  EXPECT_EQ(identity->untrusted_firmware_manufacturer, "FWM");
  EXPECT_EQ(identity->untrusted_firmware_manufacturer_id, 77U);
  EXPECT_EQ(identity->untrusted_firmware_version, "F9");
  ExpectTruncationsRefused(out.bytes(), ParsePlatformIdentity);
  out.U8(0);
  EXPECT_EQ(ErrorOf(ParsePlatformIdentity(out.bytes())), kError);
}

TEST(ParsePlatformIdentity, Version3) {
  ByteWriter out = Platform2Data("SP800-155 Event3");
  out.U32Le(1).SizedU32Le(AsBytes("http://rim")).U32Le(0).SizedU32Le(Bytes{1, 2});
  const auto identity = ParsePlatformIdentity(out.bytes());
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_EQ(identity->version, 3);
  EXPECT_EQ(identity->untrusted_firmware_version, "F9");
  EXPECT_EQ(identity->untrusted_manifest_locator.untrusted_type, LocatorType::kUri);
  EXPECT_EQ(AsText(identity->untrusted_manifest_locator.untrusted_value), "http://rim");
  EXPECT_EQ(identity->untrusted_certificate_locator.untrusted_type, LocatorType::kRaw);
  EXPECT_TRUE(Equal(identity->untrusted_certificate_locator.untrusted_value, Bytes{1, 2}));
  ExpectTruncationsRefused(out.bytes(), ParsePlatformIdentity);
  out.U8(0);
  EXPECT_EQ(ErrorOf(ParsePlatformIdentity(out.bytes())), kError);
}

TEST(ParseNvIndexInstance, Members) {
  ByteWriter out;
  out.Raw(AsBytes(std::string_view("NvIndexInstance\0", 16))).U16Le(1).Zeros(6);
  out.Raw(AsBytes("SPDM Device Sec2")).U16Le(2).U8(1).U8(0).U32Le(60).U32Le(2).U32Le(1);
  out.U32Le(2).Zeros(8).Raw(U64({3}).bytes()).Raw(Bytes{1, 2, 3}).Raw(Bytes{8, 9});
  const auto instance = ParseNvIndexInstance(out.bytes());
  ASSERT_TRUE(instance) << instance.error().message;
  EXPECT_EQ(instance->untrusted_version, 1);
  EXPECT_EQ(instance->untrusted_device.untrusted_authentication, 1);
  EXPECT_TRUE(Equal(instance->untrusted_device.untrusted_device_path, Bytes{1, 2, 3}));
  EXPECT_TRUE(Equal(instance->untrusted_device.untrusted_block, Bytes{8, 9}));
  ExpectTruncationsRefused(out.bytes(), ParseNvIndexInstance);
}

TEST(ParseNvIndexDynamic, Members) {
  for (const char end : {'\0', ' '}) {
    ByteWriter out;
    out.Raw(AsBytes("NvIndexDynamic")).U8(static_cast<std::uint8_t>(end)).U8(0);
    out.U16Le(1).Zeros(6).Raw(U64({7}).bytes());
    out.U16Le(14).Raw(AsBytes("SPDM CHALLENGE")).U16Le(2).Raw(Bytes{5, 6});
    const auto dynamic = ParseNvIndexDynamic(out.bytes());
    ASSERT_TRUE(dynamic) << dynamic.error().message;
    EXPECT_EQ(dynamic->untrusted_version, 1);
    EXPECT_EQ(dynamic->untrusted_uid, 7U);
    EXPECT_EQ(dynamic->untrusted_description, "SPDM CHALLENGE");
    EXPECT_TRUE(Equal(dynamic->untrusted_data, Bytes{5, 6}));
    ExpectTruncationsRefused(out.bytes(), ParseNvIndexDynamic);
    out.U8(0);
    EXPECT_EQ(ErrorOf(ParseNvIndexDynamic(out.bytes())), kError);
  }
}

TEST(ParseHcrtmComponent, Members) {
  ByteWriter out;
  out.Raw(AsBytes(std::string_view("H-CRTM CompMeas\0", 16))).U8(3).Raw(AsBytes("ACM"));
  out.U8(0x80).U16Le(2).Raw(Bytes{5, 6});
  const auto component = ParseHcrtmComponent(out.bytes());
  ASSERT_TRUE(component) << component.error().message;
  EXPECT_EQ(component->untrusted_description, "ACM");
  EXPECT_EQ(component->untrusted_format, 0x80);
  EXPECT_TRUE(Equal(component->untrusted_measurement, Bytes{5, 6}));
  ExpectTruncationsRefused(out.bytes(), ParseHcrtmComponent);
  out.U8(0);
  EXPECT_EQ(ErrorOf(ParseHcrtmComponent(out.bytes())), kError);
}

}  // namespace
}  // namespace limequat::eventlog
