#pragma once

#include <optional>
#include <string>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/cli/console.h"
#include "limequat/tpm/pcr.h"

namespace limequat::cli {

// limequat verify quote: what was not asked for is not required, and the result names
// it in `not_required`; everything else must pass.
struct VerifyQuote {
  std::string ak;         // PEM, DER, TPM2B_PUBLIC or TPMT_PUBLIC
  std::string message;    // TPMS_ATTEST
  std::string signature;  // TPMT_SIGNATURE, or a bare RSASSA or ECDSA signature
  std::optional<Bytes> nonce;
  std::optional<std::string> pcrs;  // JSON map, or a PCR file of tpm2-tools or Keylime
  tpm::PcrSelection require_pcrs;
  bool allow_sha1 = false;
  bool all = false;
  Time at{};

  Result<Ending> Run(Console& console) const;
};

}  // namespace limequat::cli
