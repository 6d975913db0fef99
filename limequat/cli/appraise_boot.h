#pragma once

#include <optional>
#include <string>

#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/cli/console.h"
#include "limequat/cli/policy_signers.h"
#include "limequat/policy/boot_policy.h"

namespace limequat::cli {

// limequat appraise boot: a firmware's event log against a measured-boot policy. Without
// PCR values nothing says that the log is a machine's: the verdict is about the log alone.
struct AppraiseBoot {
  std::string log;
  std::optional<std::string> reference;  // reference state or reference values
  // Not given: `example` if there is a reference state, or else every boot is rejected.
  std::optional<policy::BootPolicy> policy;
  std::optional<std::string> pcrs;  // of a verified quote
  std::optional<std::string> user_space_log;
  SignerOptions signers;  // of the reference
  std::string model;      // of the machine, for reference values by model
  bool all = false;
  // Where the reference goes with what it would have to list; nothing is written if nothing
  // would help.
  std::optional<std::string> change;
  Time at{};

  Result<Ending> Run(Console& console) const;
};

}  // namespace limequat::cli
