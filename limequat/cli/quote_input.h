#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/finding.h"
#include "limequat/base/result.h"
#include "limequat/tpm/attest.h"
#include "limequat/tpm/pcr.h"
#include "limequat/tpm/quote.h"
#include "limequat/tpm/signature.h"

namespace limequat::cli {

// A quote and what it is verified with, as commands take them.
struct QuoteInput {
  std::string ak;         // PEM, DER, TPM2B_PUBLIC or TPMT_PUBLIC
  std::string message;    // TPMS_ATTEST
  std::string signature;  // TPMT_SIGNATURE, or a bare RSASSA or ECDSA signature
  std::optional<Bytes> nonce;
  std::optional<std::string> pcrs;  // JSON map, or a PCR file of tpm2-tools or Keylime
  bool allow_sha1 = false;

  // All that are read.
  std::vector<std::string> Files() const;
};

struct CheckedQuote {
  // Of tpm::VerifyQuote, and of the key's attributes if they are known (only a TPM's public
  // area tells them).
  Findings findings;
  tpm::UnverifiedQuote claims;
  tpm::Signature signature;
  // Only if every finding passed.
  std::optional<tpm::VerifiedQuote> quote{};
};

// Reads the files and verifies the quote. A nonce that is absent is not compared. Errors:
// those of ReadInput and of the readers of each format; a quote that does not verify is
// findings.
Result<CheckedQuote> CheckQuote(const QuoteInput& asked, const tpm::PcrSelection& require_pcrs);

}  // namespace limequat::cli
