#pragma once

#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/cli/console.h"
#include "limequat/cli/quote_input.h"
#include "limequat/tpm/pcr.h"

namespace limequat::cli {

// limequat verify quote: what was not asked for is not required, and the result names
// it in `not_required`; everything else must pass.
struct VerifyQuote {
  QuoteInput quote;
  tpm::PcrSelection require_pcrs;
  bool all = false;
  Time at{};

  Result<Ending> Run(Console& console) const;
};

}  // namespace limequat::cli
