#pragma once

#include "limequat/base/result.h"
#include "limequat/cli/console.h"
#include "limequat/cli/policy_layers.h"
#include "limequat/cli/policy_simulate.h"

namespace limequat::cli {

// PolicySimulate::Run for a draft of what machines may boot, boot reference values or a
// reference state: over event logs that are given, or over those that the verifier keeps. `texts`
// are what the files of drafts and of now hold.
Result<Ending> SimulateBoots(const PolicySimulate& asked, const FileTexts& texts, Console& console);

}  // namespace limequat::cli
