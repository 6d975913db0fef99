#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "limequat/base/result.h"

namespace limequat::cli {

// The lab's driver: $LIMEQUAT_LAB, else beside the source tree whose build/PRESET/apps
// holds `program` (its path), else in the installed share/limequat/lab. nullopt if
// it is not there; no other place is tried, so that nobody else's file is run.
std::optional<std::filesystem::path> FindLabDriver(const std::filesystem::path& program);

// limequat lab …: becomes the driver, with `arguments` as they are and LIMEQUAT_BIN
// naming the folder of this program. Returns only if that is impossible:
// kUnavailable ("cli.lab").
Error BecomeLab(const std::vector<std::string>& arguments);

}  // namespace limequat::cli
