#pragma once

#include <optional>

#include "limequat/base/result.h"
#include "limequat/json/value.h"
#include "limequat/policy/device_mapper_policy.h"

namespace limequat::policy {

// Reads the member `dm_policy`; nullopt for null. kMalformed ("policy.device_mapper"):
// another version than 1, members that are absent, of wrong types or unknown (a rule that
// nobody evaluates would be silently left out), no expression where devices are told apart,
// a number of targets that is not that of the targets; ("policy.limit"). Hostile input.
Result<std::optional<DeviceMapperPolicy>> ReadDeviceMapperPolicy(const json::Value& member);

}  // namespace limequat::policy
