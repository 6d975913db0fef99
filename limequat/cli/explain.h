#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/cli/console.h"

namespace limequat::cli {

// limequat explain: what the verifier found out about a machine, and what to do next.
// Ends with kDone only if integrity passes and the machine is trusted.
struct Explain {
  std::optional<std::filesystem::path> config;
  std::string id;
  bool all = false;     // every finding
  bool change = false;  // and the smallest changes of policy and boot reference, to pass
  std::vector<std::string> packages;  // packages, or roots of systems, that files are looked for in
  Time now{};

  Result<Ending> Run(Console& console) const;
};

}  // namespace limequat::cli
