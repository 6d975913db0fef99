#include "limequat/eventlog/event.h"

#include <string_view>
#include <utility>

#include <gtest/gtest.h>

namespace limequat::eventlog {
namespace {

using tpm::AlgorithmId;

// PC Client Platform Firmware Profile 1.06, table of event types, by number.
TEST(EventTypeName, EveryTypeOfTheProfile) {
  constexpr std::pair<std::uint32_t, std::string_view> kTypes[] = {
      {0x00000000, "EV_PREBOOT_CERT"},
      {0x00000001, "EV_POST_CODE"},
      {0x00000002, "EV_UNUSED"},
      {0x00000003, "EV_NO_ACTION"},
      {0x00000004, "EV_SEPARATOR"},
      {0x00000005, "EV_ACTION"},
      {0x00000006, "EV_EVENT_TAG"},
      {0x00000007, "EV_S_CRTM_CONTENTS"},
      {0x00000008, "EV_S_CRTM_VERSION"},
      {0x00000009, "EV_CPU_MICROCODE"},
      {0x0000000a, "EV_PLATFORM_CONFIG_FLAGS"},
      {0x0000000b, "EV_TABLE_OF_DEVICES"},
      {0x0000000c, "EV_COMPACT_HASH"},
      {0x0000000d, "EV_IPL"},
      {0x0000000e, "EV_IPL_PARTITION_DATA"},
      {0x0000000f, "EV_NONHOST_CODE"},
      {0x00000010, "EV_NONHOST_CONFIG"},
      {0x00000011, "EV_NONHOST_INFO"},
      {0x00000012, "EV_OMIT_BOOT_DEVICE_EVENTS"},
      {0x00000013, "EV_POST_CODE2"},
      {0x80000001, "EV_EFI_VARIABLE_DRIVER_CONFIG"},
      {0x80000002, "EV_EFI_VARIABLE_BOOT"},
      {0x80000003, "EV_EFI_BOOT_SERVICES_APPLICATION"},
      {0x80000004, "EV_EFI_BOOT_SERVICES_DRIVER"},
      {0x80000005, "EV_EFI_RUNTIME_SERVICES_DRIVER"},
      {0x80000006, "EV_EFI_GPT_EVENT"},
      {0x80000007, "EV_EFI_ACTION"},
      {0x80000008, "EV_EFI_PLATFORM_FIRMWARE_BLOB"},
      {0x80000009, "EV_EFI_HANDOFF_TABLES"},
      {0x8000000a, "EV_EFI_PLATFORM_FIRMWARE_BLOB2"},
      {0x8000000b, "EV_EFI_HANDOFF_TABLES2"},
      {0x8000000c, "EV_EFI_VARIABLE_BOOT2"},
      {0x8000000d, "EV_EFI_GPT_EVENT2"},
      {0x80000010, "EV_EFI_HCRTM_EVENT"},
      {0x800000e0, "EV_EFI_VARIABLE_AUTHORITY"},
      {0x800000e1, "EV_EFI_SPDM_FIRMWARE_BLOB"},
      {0x800000e2, "EV_EFI_SPDM_FIRMWARE_CONFIG"},
      {0x800000e3, "EV_EFI_SPDM_DEVICE_POLICY"},
      {0x800000e4, "EV_EFI_SPDM_DEVICE_AUTHORITY"},
  };
  for (const auto& [number, name] : kTypes) {
    EXPECT_EQ(EventTypeName(EventType{number}), name);
    EXPECT_EQ(EventTypeFromName(name), EventType{number});
  }
}

TEST(EventTypeName, OthersAreNumbers) {
  EXPECT_EQ(EventTypeName(EventType{0x40e}), "0x0000040e");
  EXPECT_EQ(EventTypeName(EventType{0xffffffff}), "0xffffffff");
  EXPECT_EQ(EventTypeName(EventType{0x14}), "0x00000014");
}

TEST(EventTypeFromName, Numbers) {
  EXPECT_EQ(EventTypeFromName("0x0000040e"), EventType{0x40e});
  EXPECT_EQ(EventTypeFromName("0x40E"), EventType{0x40e});
  EXPECT_EQ(EventTypeFromName("0x4"), EventType::kSeparator);
  EXPECT_EQ(EventTypeFromName("0xffffffff"), EventType{0xffffffff});
  for (const std::string_view text :
       {"", "0x", "0x1ffffffff", "0x4 ", "0x-4", "4", "EV_SEP", "ev_ipl", "EV_IPL "}) {
    EXPECT_EQ(EventTypeFromName(text), std::nullopt) << text;
  }
}

TEST(EventDigests, EachAlgorithmOnceUpToTheLimit) {
  const Bytes value(20, 1);
  EventDigests digests;
  EXPECT_TRUE(digests.Find(AlgorithmId::kSha1).empty());
  EXPECT_TRUE(digests.Add(AlgorithmId::kSha1, value));
  EXPECT_FALSE(digests.Add(AlgorithmId::kSha1, value));
  EXPECT_EQ(digests.Find(AlgorithmId::kSha1).size(), 20U);
  EXPECT_TRUE(digests.Find(AlgorithmId::kSha256).empty());
  for (std::uint16_t id = 0x100; digests.size() < kMaxAlgorithms; ++id) {
    EXPECT_TRUE(digests.Add(AlgorithmId{id}, value));
  }
  EXPECT_FALSE(digests.Add(AlgorithmId::kSha512, value));
  EXPECT_EQ(static_cast<std::size_t>(digests.end() - digests.begin()), kMaxAlgorithms);
}

}  // namespace
}  // namespace limequat::eventlog
