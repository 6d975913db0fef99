#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/cli/console.h"
#include "limequat/crypto/digest.h"

namespace limequat::cli {

// limequat policy create runtime: a runtime policy of the files below a folder, which
// the machine knows as "/", of initial RAM disks and of packages, all together. Pseudo
// file systems (/proc, /sys, /dev, /run) are left out of the folder. What could not be
// read, or has a name that no policy can hold, is named: a machine that runs it would
// fail.
struct PolicyCreateRuntime {
  std::optional<std::string> root;
  std::vector<std::string> initrds;
  std::vector<std::string> packages;
  std::optional<std::string> output;  // absent or "-": the policy is the result
  std::vector<std::string> excludes;
  std::vector<std::string> verification_keys;  // files with keys that may sign any file
  std::vector<std::string> skip;               // besides the pseudo file systems
  std::vector<crypto::HashAlgorithm> hashes;
  std::optional<std::string> base;  // a policy whose digests stay good
  // Keeps what was hashed of `root` until the policy is written, and goes on from there.
  std::optional<std::string> resume;
  bool executables = false;  // programs, libraries and kernel modules only
  Time now{};

  Result<Ending> Run(Console& console) const;
};

}  // namespace limequat::cli
