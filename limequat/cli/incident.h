#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/cli/console.h"

namespace limequat::cli {

// limequat incident …: what happened to machines and was not closed by an operator.

struct IncidentList {
  std::optional<std::filesystem::path> config;
  std::optional<std::string> agent;
  bool all = false;  // closed ones too

  Result<Ending> Run(Console& console) const;
};

// Either numbers, or all open ones of one machine. The first that cannot be closed
// ends the command; those before it are closed and named.
struct IncidentClose {
  std::optional<std::filesystem::path> config;
  std::vector<std::int64_t> numbers;
  std::optional<std::string> agent;
  bool all = false;
  std::string note;

  Result<Ending> Run(Console& console) const;
};

}  // namespace limequat::cli
