#include "limequat/eventlog/content.h"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/eventlog/event_data.h"
#include "limequat/eventlog/testing/log_builder.h"

namespace limequat::eventlog {
namespace {

using crypto::HashAlgorithm;
using testing::Text16;
using testing::VariableData;

MeasuredPart PartOf(EventType type, ByteView data, ByteView measured) {
  Event event;
  event.untrusted_type = type;
  event.data = data;
  const auto digest = crypto::Hash(HashAlgorithm::kSha256, measured);
  event.digests = EventDigests(tpm::AlgorithmId::kSha256, digest.bytes());
  return FindMeasuredPart(event, HashAlgorithm::kSha256);
}

std::string Measured(EventType type, ByteView data, MeasuredPart part) {
  return json::Serialize(DescribeContent(type, data, part).measured);
}
std::string Untrusted(EventType type, ByteView data, MeasuredPart part) {
  return json::Serialize(DescribeContent(type, data, part).untrusted);
}

TEST(FindMeasuredPart, Parts) {
  const Bytes data = ToBytes("text\0");
  EXPECT_EQ(PartOf(EventType::kIpl, data, data), MeasuredPart::kAll);
  EXPECT_EQ(PartOf(EventType::kIpl, data, ByteView(data).first(data.size() - 1)),
            MeasuredPart::kAllButLast);
  EXPECT_EQ(PartOf(EventType::kIpl, data, AsBytes("else")), MeasuredPart::kNothing);
  EXPECT_EQ(PartOf(EventType::kIpl, Bytes{1}, {}), MeasuredPart::kNothing);
  EXPECT_EQ(PartOf(EventType::kIpl, {}, {}), MeasuredPart::kAll);
  EXPECT_EQ(PartOf(EventType::kNoAction, data, data), MeasuredPart::kNothing);
}

TEST(FindMeasuredPart, VariableData) {
  const Bytes data = VariableData(kGlobalVariable, "BootOrder", Bytes{1, 0});
  EXPECT_EQ(PartOf(EventType::kEfiVariableBoot, data, Bytes{1, 0}), MeasuredPart::kVariableData);
  EXPECT_EQ(PartOf(EventType::kEfiVariableBoot2, data, Bytes{1, 0}), MeasuredPart::kVariableData);
  EXPECT_EQ(PartOf(EventType::kIpl, data, Bytes{1, 0}), MeasuredPart::kNothing);
  EXPECT_EQ(PartOf(EventType::kEfiVariableBoot, data, data), MeasuredPart::kAll);
}

TEST(FindMeasuredPart, TextBehindKey) {
  const Bytes data = ToBytes(std::string_view("grub_cmd: ls\0", 13));
  EXPECT_EQ(PartOf(EventType::kIpl, data, AsBytes("ls")), MeasuredPart::kTextBehindKey);
  EXPECT_EQ(PartOf(EventType::kIpl, data, AsBytes("grub_cmd: ls")), MeasuredPart::kAllButLast);
}

TEST(FindMeasuredPart, BankWithoutADigest) {
  Event event;
  event.untrusted_type = EventType::kIpl;
  EXPECT_EQ(FindMeasuredPart(event, HashAlgorithm::kSha1), MeasuredPart::kNothing);
}

TEST(MeasuredPartName, All) {
  EXPECT_EQ(MeasuredPartName(MeasuredPart::kNothing), "nothing");
  EXPECT_EQ(MeasuredPartName(MeasuredPart::kAll), "all");
  EXPECT_EQ(MeasuredPartName(MeasuredPart::kAllButLast), "all_but_last");
  EXPECT_EQ(MeasuredPartName(MeasuredPart::kVariableData), "variable_data");
  EXPECT_EQ(MeasuredPartName(MeasuredPart::kTextBehindKey), "text_behind_key");
}

TEST(ParseGrubText, Keys) {
  const auto command = ParseGrubText(AsBytes(std::string_view("grub_cmd: set a=b\0\0", 19)));
  ASSERT_TRUE(command);
  EXPECT_EQ(command->key, "grub_cmd");
  EXPECT_EQ(command->text, "set a=b");
  const auto old = ParseGrubText(AsBytes("kernel_cmdline /vmlinuz"));
  ASSERT_TRUE(old);
  EXPECT_EQ(old->key, "kernel_cmdline");
  EXPECT_EQ(old->text, "/vmlinuz");
  for (const std::string_view text :
       {"", "grub_cmd", "grub_cmd:", "grub_cmdx y", "grub_cmd:x", "module: x", " grub_cmd: x"}) {
    EXPECT_FALSE(ParseGrubText(AsBytes(text))) << text;
  }
}

TEST(DescribeContent, CoveredAndUncoveredMembersArePartedByTheDigest) {
  const Bytes data = VariableData(kGlobalVariable, "SecureBoot", Bytes{1});
  const std::string all =
      R"({"vendor":"8be4df61-93ca-11d2-aa0d-00e098032b8c","name":"SecureBoot","value":"01"})";
  EXPECT_EQ(Measured(EventType::kEfiVariableDriverConfig, data, MeasuredPart::kAll), all);
  EXPECT_EQ(Untrusted(EventType::kEfiVariableDriverConfig, data, MeasuredPart::kAll), "{}");
  EXPECT_EQ(Measured(EventType::kEfiVariableDriverConfig, data, MeasuredPart::kNothing), "{}");
  EXPECT_EQ(Untrusted(EventType::kEfiVariableDriverConfig, data, MeasuredPart::kNothing), all);
  EXPECT_EQ(Measured(EventType::kEfiVariableBoot, data, MeasuredPart::kVariableData),
            R"({"value":"01"})");
  EXPECT_EQ(Untrusted(EventType::kEfiVariableBoot, data, MeasuredPart::kVariableData),
            R"({"vendor":"8be4df61-93ca-11d2-aa0d-00e098032b8c","name":"SecureBoot"})");
}

TEST(DescribeContent, Texts) {
  EXPECT_EQ(Measured(EventType::kEfiAction, AsBytes("Exit"), MeasuredPart::kAll),
            R"({"text":"Exit"})");
  EXPECT_EQ(Untrusted(EventType::kIpl, AsBytes(std::string_view("/vmlinuz\0", 9)),
                      MeasuredPart::kNothing),
            R"({"text":"/vmlinuz"})");
  EXPECT_EQ(Measured(EventType::kIpl, AsBytes("grub_cmd: ls"), MeasuredPart::kTextBehindKey),
            R"({"text":"ls"})");
  EXPECT_EQ(Untrusted(EventType::kIpl, AsBytes("grub_cmd: ls"), MeasuredPart::kTextBehindKey),
            R"({"key":"grub_cmd"})");
  EXPECT_EQ(Measured(EventType::kSCrtmVersion, AsBytes(Text16("1.0")), MeasuredPart::kAll),
            R"({"text":"1.0"})");
  EXPECT_EQ(Measured(EventType::kIpl, Bytes{'a', 0, 'b', 0, 0xaf}, MeasuredPart::kAllButLast),
            R"({"text":"ab"})");
  EXPECT_EQ(Measured(EventType::kAction, Bytes{0xff, 0xfe}, MeasuredPart::kAll), "{}");
  EXPECT_EQ(Measured(EventType::kAction, Bytes{'a', 0, 0, 0}, MeasuredPart::kAll),
            R"({"text":"a"})");
  EXPECT_EQ(Measured(EventType::kAction, Bytes{'a', 'b', 0, 1, 2}, MeasuredPart::kAll), "{}");
}

// A kernel command line of UEFI ends where its length says, not at the first NUL.
TEST(DescribeContent, Attack_A02_ATextHidesNothingBehindItsEnd) {
  const Bytes hidden{'a', 0, 0, 0, 'b', 0};
  EXPECT_EQ(Measured(EventType::kIpl, hidden, MeasuredPart::kAll), "{}");
  const Bytes ended{'a', 0, 'b', 0, 0, 0, 0, 0};
  EXPECT_EQ(Measured(EventType::kIpl, ended, MeasuredPart::kAll), R"({"text":"ab"})");
}

// One that makes no sense without its last byte is shown, as what nothing covers.
TEST(DescribeContent, Attack_A07_TheLastByteOfAVariableIsNotCovered) {
  const Bytes data = VariableData(kGlobalVariable, "SecureBoot", Bytes{1});
  const MeasuredPart part = MeasuredPart::kAllButLast;
  EXPECT_EQ(Measured(EventType::kEfiVariableDriverConfig, data, part), "{}");
  EXPECT_EQ(Untrusted(EventType::kEfiVariableDriverConfig, data, part),
            Untrusted(EventType::kEfiVariableDriverConfig, data, MeasuredPart::kNothing));
  // shim once measured a structure with a byte more than the variable.
  Bytes longer = data;
  longer.push_back(0x7f);
  EXPECT_EQ(Measured(EventType::kEfiVariableDriverConfig, longer, part),
            Measured(EventType::kEfiVariableDriverConfig, data, MeasuredPart::kAll));
}

TEST(DescribeContent, Versions) {
  EXPECT_EQ(Measured(EventType::kSCrtmVersion, kShimLock.bytes, MeasuredPart::kAll),
            R"({"guid":"605dab50-e046-4300-abb6-3dd810dd8b23"})");
  EXPECT_EQ(Measured(EventType::kSCrtmVersion, AsBytes("16 letters of it"), MeasuredPart::kAll),
            R"({"text":"16 letters of it"})");
  EXPECT_EQ(Measured(EventType::kSCrtmVersion, Bytes(15, 0xfe), MeasuredPart::kAll), "{}");
  EXPECT_EQ(Measured(EventType::kSCrtmVersion, Bytes(17, 0xfe), MeasuredPart::kAll), "{}");
}

TEST(DescribeContent, Attack_A15_TextIsEscaped) {
  EXPECT_EQ(Measured(EventType::kEfiAction, AsBytes("a\u202eb"), MeasuredPart::kAll),
            R"({"text":"a\\u{202e}b"})");
}

TEST(DescribeContent, Structures) {
  EXPECT_EQ(Measured(EventType::kSeparator, Bytes(4, 0), MeasuredPart::kAll),
            R"({"separator":"normal"})");
  EXPECT_EQ(Measured(EventType::kSeparator, Bytes(4, 0xff), MeasuredPart::kAll),
            R"({"separator":"normal"})");
  EXPECT_EQ(Measured(EventType::kSeparator, Bytes{1, 0, 0, 0}, MeasuredPart::kAll),
            R"({"separator":"error"})");
  EXPECT_EQ(Untrusted(EventType::kSeparator, Bytes{1}, MeasuredPart::kNothing),
            R"({"separator":"unknown"})");
  ByteWriter tag;
  tag.U32Le(kTagLinuxInitrd).SizedU32Le(AsBytes("Linux initrd"));
  EXPECT_EQ(Untrusted(EventType::kEventTag, tag.bytes(), MeasuredPart::kNothing),
            R"({"tag":"0x8f3b22ec","text":"Linux initrd"})");
  ByteWriter blob;
  blob.U32Le(0x820000).U32Le(0).U32Le(0xe0000).U32Le(0);
  for (const EventType type : {EventType::kEfiPlatformFirmwareBlob, EventType::kPostCode}) {
    EXPECT_EQ(Untrusted(type, blob.bytes(), MeasuredPart::kNothing),
              R"({"base":"0x820000","length":"0xe0000"})");
  }
  EXPECT_EQ(Untrusted(EventType::kPostCode, AsBytes("ACPI DATA"), MeasuredPart::kNothing),
            R"({"text":"ACPI DATA"})");
  EXPECT_EQ(Untrusted(EventType::kEfiGptEvent, AsBytes("no GPT"), MeasuredPart::kNothing), "{}");
}

TEST(DescribeContent, EventsOfWindows) {
  ByteWriter inner;
  inner.U32Le(0x00050001).SizedU32Le(Bytes{1});
  ByteWriter out;
  out.U32Le(0x40010001).SizedU32Le(inner.bytes());
  const std::string expected =
      R"({"sipa_events":[{"name":"TRUSTBOUNDARY","depth":0},{"name":"OSKERNELDEBUG","depth":1,"value":"01"}]})";
  EXPECT_EQ(Measured(EventType::kEventTag, out.bytes(), MeasuredPart::kAll), expected);
  EXPECT_EQ(Untrusted(EventType::kNoAction, out.bytes(), MeasuredPart::kNothing), expected);
  // One that stands alone is known by its number; others are tagged events.
  EXPECT_EQ(Measured(EventType::kEventTag, inner.bytes(), MeasuredPart::kAll),
            R"({"sipa_events":[{"name":"OSKERNELDEBUG","depth":0,"value":"01"}]})");
  ByteWriter unknown;
  unknown.U32Le(0x00090999).SizedU32Le(Bytes{4, 0, 0, 0, 0, 0, 0, 0});
  EXPECT_EQ(Measured(EventType::kEventTag, unknown.bytes(), MeasuredPart::kAll),
            R"({"tag":"0x00090999","value":"0400000000000000"})");
}

TEST(DescribeContent, NoAction) {
  Bytes locality = ToBytes(std::string_view("StartupLocality\0", 16));
  locality.push_back(3);
  EXPECT_EQ(Untrusted(EventType::kNoAction, locality, MeasuredPart::kNothing),
            R"({"startup_locality":3})");
  EXPECT_EQ(Untrusted(EventType::kNoAction, AsBytes(std::string_view("NvIndexDynamic\0\0rest", 20)),
                      MeasuredPart::kNothing),
            R"({"signature":"NvIndexDynamic"})");
  EXPECT_EQ(Untrusted(EventType::kNoAction, {}, MeasuredPart::kNothing), "{}");
  const auto header =
      DescribeContent(EventType::kNoAction, testing::SpecIdData(), MeasuredPart::kNothing);
  ASSERT_NE(header.untrusted.Find("algorithms"), nullptr);
  EXPECT_EQ(json::Serialize(*header.untrusted.Find("algorithms")),
            R"([{"name":"sha1","digest_size":20},{"name":"sha256","digest_size":32}])");
}

std::string OfNoAction(const ByteWriter& data) {
  return Untrusted(EventType::kNoAction, data.bytes(), MeasuredPart::kNothing);
}

TEST(DescribeContent, IdentityOfAPlatform) {
  ByteWriter out;
  out.Raw(AsBytes("SP800-155 Event3")).U32Le(1).Raw(kShimLock.bytes);
  for (const std::string_view text : {"A", "M\x1b", "1"}) {
    out.U8(static_cast<std::uint8_t>(text.size())).Raw(AsBytes(text));
  }
  out.U8(1).Raw(AsBytes("F")).U32Le(2).U8(1).Raw(AsBytes("9"));
  ByteWriter variable;
  variable.Raw(kGlobalVariable.bytes).Raw(AsBytes(Text16("Rim"))).U16Le(0);
  ByteWriter uri = out;
  uri.U32Le(3).SizedU32Le(variable.bytes()).U32Le(1).SizedU32Le(AsBytes("http://c"));
  EXPECT_EQ(
      OfNoAction(uri),
      R"({"structure":3,"vendor_id":1,"reference_manifest":"605dab50-e046-4300-abb6-3dd810dd8b23","manufacturer":"A","model":"M\\x1b","version":"1","firmware_manufacturer":"F","firmware_manufacturer_id":2,"firmware_version":"9","manifest_locator":{"type":"variable","text":"Rim-8be4df61-93ca-11d2-aa0d-00e098032b8c"},"certificate_locator":{"type":"uri","text":"http://c"}})");
  ByteWriter path = out;
  path.U32Le(2).SizedU32Le(Bytes{1, 1, 6, 0, 3, 2, 0x7f, 0xff, 4, 0});
  path.U32Le(9).SizedU32Le(AsBytes("x"));
  EXPECT_THAT(
      OfNoAction(path),
      ::testing::EndsWith(
          R"x("manifest_locator":{"type":"device_path","text":"Pci(0x2,0x3)"},"certificate_locator":{"type":"9","value":"78"}})x"));
  ByteWriter raw = out;
  raw.U32Le(0).SizedU32Le(AsBytes("x")).U32Le(1).SizedU32Le(Bytes{1});
  EXPECT_THAT(
      OfNoAction(raw),
      ::testing::EndsWith(
          R"("manifest_locator":{"type":"raw","value":"78"},"certificate_locator":{"type":"uri","value":"01"}})"));
}

TEST(DescribeContent, NvIndexesAndComponents) {
  ByteWriter instance;
  instance.Raw(AsBytes(std::string_view("NvIndexInstance\0", 16))).U16Le(1).Zeros(6);
  instance.Raw(AsBytes("SPDM Device Sec2")).U16Le(2).U8(1).U8(0).U32Le(60).U32Le(2).U32Le(1);
  instance.U32Le(2).Zeros(8).U32Le(4).U32Le(0).Raw(Bytes{0x7f, 0xff, 4, 0, 8, 9, 7});
  EXPECT_EQ(
      OfNoAction(instance),
      R"({"signature":"NvIndexInstance","structure":1,"device":{"structure":2,"device_type":2,"block":"0809","authentication":1,"sub_header_type":1,"device_path":"","device_context":"07"}})");
  ByteWriter dynamic;
  dynamic.Raw(AsBytes(std::string_view("NvIndexDynamic \0", 16))).U16Le(1).Zeros(6);
  dynamic.U32Le(7).U32Le(0).U16Le(4).Raw(AsBytes("SPDM")).U16Le(1).U8(5);
  EXPECT_EQ(
      OfNoAction(dynamic),
      R"({"signature":"NvIndexDynamic","structure":1,"device_uid":7,"description":"SPDM","value":"05"})");
  ByteWriter component;
  component.Raw(AsBytes(std::string_view("H-CRTM CompMeas\0", 16))).U8(3).Raw(AsBytes("ACM"));
  component.U8(0).U16Le(1).U8(5);
  EXPECT_EQ(OfNoAction(component),
            R"({"signature":"H-CRTM CompMeas","description":"ACM","format":0,"value":"05"})");
}

TEST(DescribeContent, DatabaseOfDevices) {
  ByteWriter list;
  list.Raw(kSignatureX509.bytes).U32Le(28 + 17).U32Le(0).U32Le(17).Raw(kShimLock.bytes).U8(0x30);
  const Bytes policy = VariableData(kDeviceSecurityDatabase, "devdb", list.bytes());
  EXPECT_EQ(
      Measured(EventType::kEfiSpdmDevicePolicy, policy, MeasuredPart::kAll),
      R"({"vendor":"b9c2b4f4-bf5f-462d-8adf-c5c70ac35dad","name":"devdb","signature_lists":[{"type":"a5c059a1-94e4-4aa7-87b5-ab155c2bf072","signatures":[{"owner":"605dab50-e046-4300-abb6-3dd810dd8b23","data":"30"}]}]})");
  Bytes entry = ToBytes(kShimLock.bytes);
  entry.push_back(0x30);
  const Bytes authority = VariableData(kDeviceSecurityDatabase, "devdb", entry);
  EXPECT_EQ(Measured(EventType::kEfiSpdmDeviceAuthority, authority, MeasuredPart::kVariableData),
            R"({"owner":"605dab50-e046-4300-abb6-3dd810dd8b23","data":"30"})");
  EXPECT_EQ(FindMeasuredPart(EventType::kEfiSpdmDeviceAuthority, authority,
                             [&](ByteView bytes) { return Equal(bytes, entry); }),
            MeasuredPart::kVariableData);
}

TEST(DescribeContent, BootVariables) {
  EXPECT_EQ(Measured(EventType::kEfiVariableBoot,
                     VariableData(kGlobalVariable, "BootOrder", Bytes{1, 0, 0x0a, 0x20}),
                     MeasuredPart::kVariableData),
            R"({"boot_order":["Boot0001","Boot200a"]})");
  ByteWriter option;
  option.U32Le(1).U16Le(4).Raw(AsBytes(Text16("x"))).U16Le(0).Raw(Bytes{0x7f, 0xff, 4, 0});
  EXPECT_EQ(Measured(EventType::kEfiVariableBoot,
                     VariableData(kGlobalVariable, "Boot000A", option.bytes()),
                     MeasuredPart::kVariableData),
            R"({"active":true,"description":"x","device_path":"","optional_data":""})");
  EXPECT_EQ(
      Measured(EventType::kEfiVariableBoot, VariableData(kGlobalVariable, "Boot000A", Bytes{1, 2}),
               MeasuredPart::kVariableData),
      R"({"value":"0102"})");
}

}  // namespace
}  // namespace limequat::eventlog
