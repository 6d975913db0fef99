#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/cli/console.h"
#include "limequat/cli/policy_signers.h"
#include "limequat/cli/simulation.h"

namespace limequat::cli {

// limequat policy simulate: what a draft would make of machines whose IMA lists are given; for
// boot reference values and reference states, whose event logs are given or kept.
// Nothing vouches for what is given, and nobody is told: the result is about the policies. Ends
// with kNotTrustworthy if a machine would newly fail or newly be unpoliced, with
// kMalformed if nothing could be evaluated.
struct PolicySimulate {
  std::optional<std::filesystem::path> config;
  std::vector<std::string> drafts;    // layers in this order, plain or signed
  std::vector<std::string> current;   // those of now; none: machines are held to nothing
  std::vector<std::string> evidence;  // see FindMachines
  SignerOptions signers;              // with any of them, each layer must be signed
  // A boot reference of the verifier: in place of evidence, the event logs that it keeps of the
  // machines that it holds against it. For a draft of what machines may boot.
  std::optional<std::string> fleet;
  std::string model;               // of the machines, for such a draft
  std::optional<Time> first_seen;  // when the lists were first verified; absent: `at`
  bool all = false;
  Time at{};

  Result<Ending> Run(Console& console) const;
};

// Tells who could not be evaluated, and what a simulation comes to.
Ending EndSimulation(const Simulation& simulation, bool all, Console& console);

}  // namespace limequat::cli
