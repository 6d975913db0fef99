#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "limequat/base/finding.h"
#include "limequat/base/result.h"
#include "limequat/policy/dsse.h"
#include "limequat/policy/policy_set.h"
#include "limequat/policy/signed_policy.h"

namespace limequat::cli {

// The layers of a machine's policy, out of files.
struct Layers {
  std::shared_ptr<const policy::PolicySet> set;
  std::optional<policy::SignedPolicy> not_vouched_for;  // the first such one; then no set
  Findings findings;                                    // of their signatures
};

// Files by name, and what is in them.
using FileTexts = std::map<std::string, std::string>;

// Reads layers. A file that several sets name is read once, and its policy is one object.
class LayerReader {
 public:
  // `texts`: of files that were read before, and are not read again.
  explicit LayerReader(policy::TrustedSigners signers, FileTexts texts = {})
      : signers_(std::move(signers)), texts_(std::move(texts)) {}

  // The set of these files, in their order. A layer is called as it calls itself, or as its
  // file. Errors of ReadInput, policy::ReadSignedPolicy (with the file's name) and
  // PolicySet::Compose.
  Result<Layers> Read(const std::vector<std::string>& files);

 private:
  Result<policy::SignedPolicy> ReadOne(const std::string& file);

  policy::TrustedSigners signers_;
  FileTexts texts_;
  std::map<std::string, policy::SignedPolicy> known_;
};

}  // namespace limequat::cli
