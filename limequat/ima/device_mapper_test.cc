#include "limequat/ima/device_mapper.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "limequat/ima/buffer.h"

namespace limequat::ima {
namespace {

using Kind = DeviceMapperEventKind;

constexpr std::string_view kDevice =
    "dm_version=4.45.0;name=te\\,st,uuid=CRYPT-1,major=253,minor=0,minor_count=1,num_targets=1;";
constexpr std::string_view kTarget =
    "target_index=0,target_begin=8,target_len=204808,target_name=verity,target_version=1.8.0,"
    "hash_failed=V,salt=;";

DeviceMapperEvent Parsed(Kind kind, std::string_view text) {
  auto event = ParseDeviceMapperEvent(kind, AsBytes(text));
  EXPECT_TRUE(event) << text << ": " << event.error().message;
  return event.value();
}

std::string ErrorOf(std::string_view text) {
  const auto event = ParseDeviceMapperEvent(Kind::kTableLoad, AsBytes(text));
  return event ? "none" : event.error().id;
}

TEST(DeviceMapperEvent, Kinds) {
  EXPECT_EQ(DeviceMapperEventOf("dm_table_load"), Kind::kTableLoad);
  EXPECT_EQ(DeviceMapperEventOf("device_resume"), Kind::kDeviceResume);
  EXPECT_EQ(DeviceMapperEventOf("dm_target_update"), Kind::kTargetUpdate);
  EXPECT_EQ(DeviceMapperEventOf("dm_"), std::nullopt);
  EXPECT_EQ(DeviceMapperEventOf("dm_dm_table_load"), std::nullopt);
  EXPECT_EQ(DeviceMapperEventName(Kind::kTableClear), "table-clear");
}

TEST(DeviceMapperEvent, TableLoad) {
  const std::string text = std::string(kDevice).append(kTarget).append(
      "target_index=1,target_begin=9,target_len=10,target_name=linear,target_version=1.4.0;");
  const DeviceMapperEvent event = Parsed(Kind::kTableLoad, text);
  EXPECT_EQ(event.kind, Kind::kTableLoad);
  EXPECT_EQ(event.version, "4.45.0");
  ASSERT_TRUE(event.device);
  EXPECT_EQ(event.device->name, "te,st");
  EXPECT_EQ(event.device->uuid, "CRYPT-1");
  EXPECT_EQ(event.device->major, 253U);
  EXPECT_EQ(event.device->num_targets, 1U);
  ASSERT_EQ(event.targets.size(), 2U);
  EXPECT_EQ(event.targets[0].begin, 8U);
  EXPECT_EQ(event.targets[0].length, 204808U);
  EXPECT_EQ(event.targets[0].type, "verity");
  EXPECT_EQ(event.targets[0].version, "1.8.0");
  ASSERT_EQ(event.targets[0].attributes.size(), 2U);
  EXPECT_EQ(event.targets[0].attributes[0].first, "hash_failed");
  EXPECT_EQ(event.targets[0].attributes[1].second, "");
  EXPECT_EQ(event.targets[1].index, 1U);
}

TEST(DeviceMapperEvent, RemoveWithBothTables) {
  const DeviceMapperEvent event = Parsed(
      Kind::kDeviceRemove,
      "dm_version=4.45.0;device_active_metadata=name=a,uuid=,major=253,minor=0,minor_count=1,"
      "num_targets=1;device_inactive_metadata=name=b,uuid=u,major=253,minor=1,minor_count=1,"
      "num_targets=2;active_table_hash=sha256:aa,inactive_table_hash=sha256:bb,remove_all=n;"
      "current_device_capacity=5;");
  EXPECT_EQ(event.device->name, "a");
  EXPECT_EQ(event.inactive->name, "b");
  EXPECT_EQ(event.inactive->num_targets, 2U);
  EXPECT_EQ(event.active_table_hash, "sha256:aa");
  EXPECT_EQ(event.inactive_table_hash, "sha256:bb");
  EXPECT_EQ(event.remove_all, false);
  EXPECT_EQ(event.capacity, 5U);
}

// As kernels write it: NUL bytes in the middle.
TEST(DeviceMapperEvent, ClearWithoutData) {
  using namespace std::string_view_literals;
  const DeviceMapperEvent event = Parsed(
      Kind::kTableClear,
      "dm_version=4.45.0;name=t,uuid=u;table_clear=no_data;\0\0\0\0current_device_capacity=7;\0"sv);
  EXPECT_TRUE(event.no_data);
  EXPECT_EQ(event.capacity, 7U);
  EXPECT_EQ(event.device->major, std::nullopt);
}

TEST(DeviceMapperEvent, Rename) {
  const DeviceMapperEvent event =
      Parsed(Kind::kDeviceRename,
             std::string(kDevice).append("new_name=n,new_uuid=;current_device_capacity=1;"));
  EXPECT_EQ(event.new_name, "n");
  EXPECT_EQ(event.new_uuid, "");
}

TEST(DeviceMapperEvent, WhatDoesNotFitIsMalformed) {
  const std::string device(kDevice);
  EXPECT_EQ(ErrorOf(device), "none");
  for (const std::string& text : {std::string(),
                                  std::string("name=a;"),
                                  std::string("dm_version=;"),
                                  device + "x=1;",
                                  device + "name=a;",
                                  std::string("dm_version=1;name=a,major=x;"),
                                  std::string("dm_version=1;name=a,major=;"),
                                  std::string("dm_version=1;name=a,major=1,major=1;"),
                                  std::string("dm_version=1;name=a,major=-1;"),
                                  std::string("dm_version=1;name=a,major=99999999999999999999;"),
                                  std::string("dm_version=1;uuid=a;"),
                                  device + "uuid=b;",
                                  device + "device_active_metadata=x;",
                                  device + "target_index=0,target_index=1;",
                                  device + "target_index=0,a=1,a=2;",
                                  device + "target_index=x;",
                                  device + "target_index=0,target_name=a,target_name=b;",
                                  device + "new_name=a,new_name=b;",
                                  device + "remove_all=1;",
                                  device + "remove_all=y,remove_all=n;",
                                  device + "a=no_data,b=no_data;",
                                  device + "active_table_hash=a,active_table_hash=b;",
                                  device + "unfinished=1"}) {
    EXPECT_EQ(ErrorOf(text), "ima.device_mapper") << text;
  }
  EXPECT_EQ(ErrorOf(std::string(kMaxDeviceMapperText + 1, '\0')), "ima.device_mapper");
}

}  // namespace
}  // namespace limequat::ima
