#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "limequat/base/bytes.h"
#include "limequat/base/finding.h"
#include "limequat/base/result.h"
#include "limequat/crypto/key.h"
#include "limequat/tpm/attest.h"
#include "limequat/tpm/pcr.h"
#include "limequat/tpm/signature.h"

namespace limequat::tpm {

// What a quote must show.
struct QuoteRequirements {
  // The nonce in full length; nullopt: not compared (only for tools that look at
  // stored evidence; the services always set it).
  std::optional<Bytes> nonce;
  // PCRs that must be in the *signed* selection, bank by bank.
  PcrSelection pcrs;
  // Quotes signed with SHA-1 fail unless allowed (attack A08).
  bool allow_sha1 = false;
};

// A quote whose signature, nonce, selection and PCR digest were all checked. Only
// VerifyQuote makes one: whoever holds it holds signed values.
class VerifiedQuote {
 public:
  const ClockInfo& clock_info() const { return quote_.clock_info; }
  std::uint64_t firmware_version() const { return quote_.firmware_version; }
  const Bytes& qualified_signer() const { return quote_.qualified_signer; }
  const PcrSelection& selection() const { return quote_.selection; }
  crypto::HashAlgorithm signature_hash() const { return signature_hash_; }
  // Exactly the PCRs of the signed selection.
  const PcrValues& pcrs() const { return pcrs_; }
  // The signed value, or nullptr if the signed selection does not name this PCR.
  const crypto::Digest* Pcr(crypto::HashAlgorithm bank, std::uint32_t pcr) const {
    return pcrs_.Find(bank, pcr);
  }

 private:
  friend struct QuoteVerifier;
  VerifiedQuote(UnverifiedQuote quote, PcrValues pcrs, crypto::HashAlgorithm hash)
      : quote_(std::move(quote)), pcrs_(std::move(pcrs)), signature_hash_(hash) {}
  UnverifiedQuote quote_;
  PcrValues pcrs_;
  crypto::HashAlgorithm signature_hash_;
};

// Every finding of a verification, and the quote only if all of them passed.
struct QuoteVerification {
  Findings findings;
  std::optional<VerifiedQuote> quote;
};

// Verifies a quote (TPMS_ATTEST `message`, TPMT_SIGNATURE `signature`) with the
// attestation key `ak`. `values` are the PCR values that came with it (unsigned
// until they hash to the signed digest); absent values are a finding
// "tpm.quote.pcr_values" that is not evaluated, so no VerifiedQuote results.
//
// All of these are checked and reported, never only the first:
//   tpm.quote.signature   over the whole message, scheme fits the key
//   tpm.quote.hash        the signature's hash is allowed
//   tpm.quote.nonce       extra data equals the nonce
//   tpm.quote.selection   at least one PCR; every required PCR is signed (quirks Q0, Q0b;
//                         go-attestation GHSA-99cg-575x-774p)
//   tpm.quote.pcr_values  a value for every PCR of the signed selection and for no other
//                         (CVE-2024-29039 of tpm2-tools)
//   tpm.quote.pcr_digest  H(values in signed order) equals the signed digest
//
// Malformed bytes are an Error (kMalformed, kUnsupported), a wrong quote is
// findings. Hostile input: message, signature and values.
Result<QuoteVerification> VerifyQuote(const crypto::PublicKey& ak, ByteView message,
                                      ByteView signature, const std::optional<PcrValues>& values,
                                      const QuoteRequirements& requirements);

// The hash a bare signature of `quote` was made with, which its file does not name: the
// one that made the PCR digest (part 3, 18.4), known by its size; of 32 bytes, SHA-256,
// or SM3 for a key on the curve of SM2. A guess that is wrong fails the signature.
crypto::HashAlgorithm BareSignatureHash(const UnverifiedQuote& quote, const crypto::PublicKey& ak);

// Same with a parsed signature, for bare signatures.
Result<QuoteVerification> VerifyQuote(const crypto::PublicKey& ak, ByteView message,
                                      const Signature& signature,
                                      const std::optional<PcrValues>& values,
                                      const QuoteRequirements& requirements);

// The quote string of Keylime's agents: 'r' BASE64(TPMS_ATTEST) ':'
// BASE64(TPMT_SIGNATURE) ':' BASE64(PCR blob), possibly followed by further fields
// (keylime-server-protocol, 4.1). Hostile input; kMalformed ("tpm.quote_string.*"). Memory:
// at most twice the input and 2 KiB.
struct QuoteString {
  Bytes attest;
  Bytes signature;
  PcrBlob pcrs;
};
Result<QuoteString> ParseQuoteString(std::string_view text);
std::string WriteQuoteString(ByteView attest, ByteView signature, ByteView pcr_blob);

}  // namespace limequat::tpm
