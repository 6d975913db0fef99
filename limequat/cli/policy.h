#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "limequat/base/result.h"
#include "limequat/cli/console.h"

namespace limequat::cli {

// limequat policy push|list|show: the verifier's named runtime policies.

struct PolicyPush {
  std::optional<std::filesystem::path> config;
  std::string name;
  std::string file;

  Result<Ending> Run(Console& console) const;
};

struct PolicyList {
  std::optional<std::filesystem::path> config;

  Result<Ending> Run(Console& console) const;
};

// As JSON, and not on a terminal, the policy is written byte by byte as it was pushed.
struct PolicyShow {
  std::optional<std::filesystem::path> config;
  std::string name;

  Result<Ending> Run(Console& console) const;
};

}  // namespace limequat::cli
