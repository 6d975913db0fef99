#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/cli/console.h"
#include "limequat/crypto/digest.h"
#include "limequat/tenant/enrol.h"
#include "limequat/wire/agent_id.h"

namespace limequat::cli {

// limequat agent …: the machines that the verifier watches.

struct AgentAdd {
  std::optional<std::filesystem::path> config;
  std::string id;
  std::optional<std::string> policy_file;          // the last layer; may be a URL
  std::optional<std::string> policy_key;           // public key (PEM) that signed policy_file
  std::optional<crypto::Digest> policy_checksum;   // SHA-256 that policy_file must have
  std::optional<std::string> authorities_file;     // of the policy's URL
  std::optional<std::string> boot_reference_file;  // instead of options.boot_reference_name
  std::optional<std::string> tpm_policy;           // JSON, or the file that holds it
  tenant::AddOptions options;

  Result<Ending> Run(Console& console) const;
};

struct AgentList {
  std::optional<std::filesystem::path> config;

  Result<Ending> Run(Console& console) const;
};

struct AgentShow {
  std::optional<std::filesystem::path> config;
  std::string id;

  Result<Ending> Run(Console& console) const;
};

// Other labels, or other policies of its own, for a machine that is enrolled. What is not given
// stays.
struct AgentUpdate {
  std::optional<std::filesystem::path> config;
  std::string id;
  std::vector<std::string> labels;
  bool no_labels = false;
  std::vector<std::string> policies;
  bool no_policies = false;

  Result<Ending> Run(Console& console) const;
};

struct AgentRemove {
  std::optional<std::filesystem::path> config;
  std::string id;
  bool registrar = false;  // from the registrar too

  Result<Ending> Run(Console& console) const;
};

}  // namespace limequat::cli
