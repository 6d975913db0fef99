#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/cli/console.h"
#include "limequat/cli/policy_signers.h"

namespace limequat::cli {

// limequat policy simulate: what a draft would make of machines whose IMA lists are given.
// Nothing vouches for the lists, and nobody is told: the result is about the policies. Ends
// with kNotTrustworthy if a machine would newly fail or newly be unpoliced, with
// kMalformed if nothing could be evaluated.
struct PolicySimulate {
  std::vector<std::string> drafts;    // layers in this order, plain or signed
  std::vector<std::string> current;   // those of now; none: machines are held to nothing
  std::vector<std::string> evidence;  // see FindMachines
  SignerOptions signers;              // with any of them, each layer must be signed
  std::optional<Time> first_seen;     // when the lists were first verified; absent: `at`
  bool all = false;
  Time at{};

  Result<Ending> Run(Console& console) const;
};

}  // namespace limequat::cli
