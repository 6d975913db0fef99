#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/cli/console.h"

namespace limequat::cli {

// limequat label …: named lists of policies that machines carry.

struct LabelSet {
  std::optional<std::filesystem::path> config;
  std::string name;
  std::vector<std::string> policies;  // in their order

  Result<Ending> Run(Console& console) const;
};

struct LabelList {
  std::optional<std::filesystem::path> config;

  Result<Ending> Run(Console& console) const;
};

struct LabelShow {
  std::optional<std::filesystem::path> config;
  std::string name;

  Result<Ending> Run(Console& console) const;
};

struct LabelRemove {
  std::optional<std::filesystem::path> config;
  std::string name;

  Result<Ending> Run(Console& console) const;
};

}  // namespace limequat::cli
