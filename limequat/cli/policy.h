#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "limequat/base/result.h"
#include "limequat/cli/console.h"
#include "limequat/cli/policy_input.h"

namespace limequat::cli {

// limequat policy push|list|show|rollback|remove: the verifier's named policies, runtime and
// measured boot.

struct PolicyPush {
  std::optional<std::filesystem::path> config;
  std::string name;
  PolicySource source;
  bool measured_boot = false;  // a reference state
  // File of a public key (PEM) that every policy of this name must be signed with, from
  // before this push on and for good; or of its envelope, signed with the key of before.
  std::optional<std::string> key;

  Result<Ending> Run(Console& console) const;
};

struct PolicyList {
  std::optional<std::filesystem::path> config;
  std::optional<std::string> name;  // its versions, instead of all policies

  Result<Ending> Run(Console& console) const;
};

// To an earlier version of a policy, which becomes a new one.
struct PolicyRollback {
  std::optional<std::filesystem::path> config;
  std::string name;
  std::optional<std::uint64_t> version;  // absent: the one before the present one

  Result<Ending> Run(Console& console) const;
};

// The name with all its versions, unless machines are held to it.
struct PolicyRemove {
  std::optional<std::filesystem::path> config;
  std::string name;
  bool measured_boot = false;  // a reference state

  Result<Ending> Run(Console& console) const;
};

// As JSON, and not on a terminal, the policy is written byte by byte as it was pushed.
struct PolicyShow {
  std::optional<std::filesystem::path> config;
  std::string name;
  bool measured_boot = false;  // a reference state

  Result<Ending> Run(Console& console) const;
};

}  // namespace limequat::cli
