#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/cli/console.h"
#include "limequat/cli/policy_input.h"
#include "limequat/crypto/digest.h"
#include "limequat/policy/runtime_policy.h"

namespace limequat::cli {

// What `policy convert`, `merge`, `label`, `diff` and `check` do with files: no state, and no
// network but for a policy at a URL.

// limequat policy convert: an allow-list or an old policy as a runtime policy.
struct PolicyConvert {
  PolicySource source;
  std::optional<std::string> exclude_list;
  std::optional<std::string> output;  // absent or "-": the policy is the result
  Time now{};

  Result<Ending> Run(Console& console) const;
};

// limequat policy merge: everything that any of several policies lists.
struct PolicyMerge {
  std::vector<std::string> files;
  std::optional<std::string> output;

  Result<Ending> Run(Console& console) const;
};

// limequat policy label: a policy with name, version and window put into it.
struct PolicyMark {
  std::string file;
  policy::PolicyLabel label;
  std::optional<std::string> output;

  Result<Ending> Run(Console& console) const;
};

// limequat policy diff: ends with 0 whether they differ or not (`same` tells).
struct PolicyDiffer {
  std::string first;
  std::string second;

  Result<Ending> Run(Console& console) const;
};

// limequat policy check: what is wrong or weak in a policy, and with several of them, in
// the set that they are the layers of. Of an envelope, what it holds is checked, and
// nothing is said of its signatures.
struct PolicyCheck {
  std::vector<std::string> files;
  std::optional<crypto::Digest> checksum;
  std::optional<std::string> authorities_file;
  bool all = false;
  Time at{};

  Result<Ending> Run(Console& console) const;
};

}  // namespace limequat::cli
