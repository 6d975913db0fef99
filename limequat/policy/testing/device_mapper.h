#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "limequat/json/value.h"

// For tests only: device-mapper rules and the events that they are about.
namespace limequat::policy::testing {

// One row of a dm-verity device, as kernels describe it.
inline constexpr std::string_view kVerityRow =
    "target_index=0,target_begin=0,target_len=8,target_name=verity,target_version=1.8.0,"
    "hash_failed=V,verity_version=1,root_digest=ab12,check_at_most_once=n;";

// What an event says of the device.
inline std::string Device(std::string_view name = "root", std::string_view uuid = "CRYPT-VERITY-1",
                          unsigned rows = 1) {
  return "name=" + std::string(name) + ",uuid=" + std::string(uuid) +
         ",major=253,minor=0,minor_count=1,num_targets=" + std::to_string(rows) + ";";
}

// The rule for that device; nothing may happen to it, and it must be in use.
inline json::Object VerityRule() {
  return {{"required", true},
          {"device_resume_required", true},
          {"device_rename", json::Object{{"valid_name", false}, {"valid_uuid", false}}},
          {"device_remove", json::Object{{"allow_removal", false}}},
          {"allow_clear", false},
          {"table_load",
           json::Object{{"allow_multiple_loads", false},
                        {"name", "root|usr"},
                        {"uuid", "CRYPT-VERITY-.*"},
                        {"major", 253},
                        {"minor", nullptr},
                        {"minor_count", 1},
                        {"num_targets", 1},
                        {"targets", json::Array{json::Object{{"target_name", "verity"},
                                                             {"hash_failed", "V"},
                                                             {"verity_version", 1},
                                                             {"root_digest", "ab12"},
                                                             {"check_at_most_once", false},
                                                             {"verity_mode", nullptr}}}}}}};
}

inline json::Object DeviceMapperRules(json::Object rules, std::string_view match_on = "name") {
  return {{"version", 1}, {"match_on", match_on}, {"rules", std::move(rules)}};
}

// Sets a member of the object that `object` has under `name`: of "table_load" of a rule.
inline void SetIn(json::Object& object, std::string_view name, std::string_view member,
                  json::Value value) {
  json::Object inner = *object.Find(name)->as_object();
  inner.Set(member, std::move(value));
  object.Set(name, std::move(inner));
}

}  // namespace limequat::policy::testing
