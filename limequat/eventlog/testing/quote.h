#pragma once

#include <stdexcept>
#include <utility>

#include "limequat/crypto/digest.h"
#include "limequat/crypto/key.h"
#include "limequat/eventlog/log.h"
#include "limequat/eventlog/replay.h"
#include "limequat/eventlog/verify.h"
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

// PCRs 0 to 15 of a machine that has just the events of `log`.
inline tpm::PcrValues ValuesOf(ByteView log, crypto::HashAlgorithm bank) {
  auto reader = LogReader::Open(log);
  if (!reader) throw std::runtime_error(reader.error().message);
  Replay replay({bank});
  for (auto next = reader->Next(); next && *next; next = reader->Next()) replay.Extend(**next);
  tpm::PcrValues values;
  for (std::uint32_t pcr = 0; pcr < 16; ++pcr) values.Set(pcr, replay.Pcr(bank, pcr));
  return values;
}

// The log as verified on that machine.
inline VerifiedLog VerifiedOnItsMachine(ByteView log, crypto::HashAlgorithm bank) {
  auto result = VerifyLog(log, QuoteOf(ValuesOf(log, bank), bank), bank, {});
  if (!result || !result->log) throw std::runtime_error("the test's log does not verify");
  return *std::move(result->log);
}

}  // namespace limequat::eventlog::testing
