#pragma once

#include <stdexcept>
#include <utility>

#include "limequat/crypto/digest.h"
#include "limequat/crypto/key.h"
#include "limequat/tpm/attest.h"
#include "limequat/tpm/pcr.h"
#include "limequat/tpm/quote.h"
#include "limequat/tpm/signature.h"

namespace limequat::eventlog::testing {

// For tests only: a verified quote of these values in one bank, signed by a key of its
// own.
inline tpm::VerifiedQuote QuoteOf(const tpm::PcrValues& values, crypto::HashAlgorithm bank) {
  static const crypto::PrivateKey ak = crypto::PrivateKey::GenerateRsa(2048);
  tpm::PcrValues quoted;
  crypto::Hasher hasher(crypto::HashAlgorithm::kSha256);
  for (const std::uint32_t pcr : values.Numbers(bank).ToList()) {
    quoted.Set(pcr, *values.Find(bank, pcr));
    hasher.Update(values.Find(bank, pcr)->bytes());
  }
  const Bytes message =
      tpm::WriteQuoteAttest({.qualified_signer = Bytes(34, 1),
                             .extra_data = {},
                             .clock_info = {},
                             .firmware_version = 0,
                             .selection = {{.bank = tpm::IdOf(bank), .pcrs = values.Numbers(bank)}},
                             .pcr_digest = ToBytes(hasher.Finish().bytes())});
  tpm::Signature signature;
  signature.scheme = tpm::AlgorithmId::kRsaSsa;
  signature.hash = crypto::HashAlgorithm::kSha256;
  signature.rsa = *ak.Sign(crypto::SignatureScheme::kRsaSsa, signature.hash, message);
  auto result = tpm::VerifyQuote(ak.public_key(), message, signature, quoted,
                                 {.nonce = std::nullopt, .pcrs = {}});
  if (!result || !result->quote) throw std::runtime_error("the test's quote does not verify");
  return *std::move(result->quote);
}

}  // namespace limequat::eventlog::testing
