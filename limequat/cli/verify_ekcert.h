#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/cli/console.h"

namespace limequat::cli {

// limequat verify ekcert: whether a certificate of an endorsement key leads to a trusted
// vendor. A folder stands for the files in it. What was not asked for is not required,
// and the result names it in `not_required`; everything else must pass. Nothing is
// fetched.
struct VerifyEkcert {
  std::string file;
  std::vector<std::string> trust;
  std::vector<std::string> intermediates;
  std::vector<std::string> crls;         // given: every authority of the path needs one
  std::optional<std::string> ek_public;  // PEM, TPM2B_PUBLIC or TPMT_PUBLIC
  bool allow_expired = false;
  bool all = false;
  Time at{};

  Result<Ending> Run(Console& console) const;
};

}  // namespace limequat::cli
