#pragma once

#include <optional>
#include <string>

#include "limequat/base/result.h"
#include "limequat/cli/console.h"

namespace limequat::cli {

// limequat policy create measured-boot: a reference state of a firmware's event log, as
// Keylime's verifier and `appraise boot` take it. What that boot did is good.
struct PolicyCreateMeasuredBoot {
  std::string log;
  std::optional<std::string> output;  // absent or "-": the reference state is the result
  bool without_secureboot = false;

  Result<Ending> Run(Console& console) const;
};

}  // namespace limequat::cli
