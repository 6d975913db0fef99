#pragma once

#include <optional>
#include <string>

#include "limequat/base/result.h"
#include "limequat/cli/console.h"

namespace limequat::cli {

// limequat inspect quote: what a TPMS_ATTEST of any type claims. Nothing is verified.
struct InspectQuote {
  std::string message;
  std::optional<std::string> signature;  // a TPMT_SIGNATURE

  Result<Ending> Run(Console& console) const;
};

}  // namespace limequat::cli
