#include "limequat/tpm/quote.h"

#include <algorithm>

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/base/result_macros.h"
#include "limequat/tpm/pcr_reading.h"

namespace limequat::tpm {

namespace {

// Enough of a nonce to recognise it; a hostile one may have 64 KiB.
std::string Shown(ByteView bytes) {
  constexpr std::size_t kShown = 64;
  if (bytes.empty()) return "nothing";
  if (bytes.size() <= kShown) return HexEncode(bytes);
  return fmt::format("{}… ({} bytes)", HexEncode(bytes.first(kShown)), bytes.size());
}

std::string Text(const PcrSelection& selection) {
  std::string text;
  for (const BankSelection& bank : selection) {
    if (!text.empty()) text += '+';
    text += fmt::format("{}:{}", AlgorithmName(bank.bank), bank.pcrs.ToString());
  }
  return text.empty() ? "nothing" : text;
}

Finding CheckSignature(const crypto::PublicKey& ak, const Signature& signature, ByteView message) {
  const std::string kind =
      fmt::format("{} with {}", AlgorithmName(signature.scheme), crypto::HashName(signature.hash));
  if (VerifySignature(ak, signature, message) != crypto::SignatureCheck::kValid) {
    return Failed(
        "tpm.quote.signature",
        fmt::format("the signature ({}) is not one of the attestation key over this quote", kind));
  }
  return Passed("tpm.quote.signature", kind);
}

Finding CheckHash(crypto::HashAlgorithm hash, bool allow_sha1) {
  if (hash == crypto::HashAlgorithm::kSha1 && !allow_sha1) {
    return Failed("tpm.quote.hash", "the quote is signed with sha1, which is not allowed",
                  Cause::kConfiguration);
  }
  return Passed("tpm.quote.hash", std::string(crypto::HashName(hash)));
}

Finding CheckNonce(const Bytes& extra_data, const Bytes& nonce) {
  if (!Equal(extra_data, nonce)) {
    return Comparing(Failed("tpm.quote.nonce",
                            fmt::format("the quote answers another nonce: got {}, expected {}",
                                        Shown(extra_data), Shown(nonce))),
                     {Shown(nonce)}, Shown(extra_data));
  }
  return Passed("tpm.quote.nonce", Shown(nonce));
}

Finding CheckSelection(const PcrSelection& selection, const PcrSelection& required) {
  if (std::ranges::all_of(selection, [](const BankSelection& b) { return b.pcrs.empty(); })) {
    return Failed("tpm.quote.selection", "the quote covers no PCR");
  }
  PcrSelection missing;
  for (const BankSelection& bank : required) {
    const PcrSet absent = bank.pcrs - SelectedIn(selection, bank.bank);
    if (!absent.empty()) missing.push_back({.bank = bank.bank, .pcrs = absent});
  }
  if (!missing.empty()) {
    return Comparing(
        Failed("tpm.quote.selection",
               fmt::format("required PCRs are not signed: {} of {}, the quote covers {}",
                           Text(missing), Text(required), Text(selection))),
        {Text(required)}, Text(selection));
  }
  return Passed("tpm.quote.selection", Text(selection));
}

// The PCRs that `values` has for a bank of the signed selection.
PcrSet ValuesIn(const PcrValues& values, AlgorithmId bank) {
  const auto hash = HashOf(bank);
  return hash ? values.Numbers(*hash) : PcrSet();
}

Finding CheckValues(const PcrSelection& selection, const std::optional<PcrValues>& values) {
  constexpr std::string_view kCheck = "tpm.quote.pcr_values";
  if (!values) return NotEvaluated(kCheck, "no PCR values came with the quote");
  PcrSelection missing;
  for (const BankSelection& bank : selection) {
    const PcrSet absent = bank.pcrs - ValuesIn(*values, bank.bank);
    if (!absent.empty()) missing.push_back({.bank = bank.bank, .pcrs = absent});
  }
  PcrSelection unsigned_values;
  for (const crypto::HashAlgorithm hash : values->Banks()) {
    const PcrSet extra = values->Numbers(hash) - SelectedIn(selection, IdOf(hash));
    if (!extra.empty()) unsigned_values.push_back({.bank = IdOf(hash), .pcrs = extra});
  }
  if (!missing.empty() || !unsigned_values.empty()) {
    return Failed(kCheck, fmt::format("the quote signs {}; without a value: {}; with a value but "
                                      "not signed: {}",
                                      Text(selection), Text(missing), Text(unsigned_values)));
  }
  return Passed(kCheck, Text(selection));
}

// The TPM hashes the values of the selection, in its order, with the hash of the
// signing scheme, whatever the banks (part 3, 18.4).
Finding CheckDigest(const UnverifiedQuote& quote, const std::optional<PcrValues>& values,
                    crypto::HashAlgorithm hash) {
  constexpr std::string_view kCheck = "tpm.quote.pcr_digest";
  if (!values) return NotEvaluated(kCheck, "no PCR values came with the quote");
  crypto::Hasher hasher(hash);
  for (const BankSelection& bank : quote.selection) {
    const auto bank_hash = HashOf(bank.bank);
    for (const std::uint32_t pcr : bank.pcrs.ToList()) {
      const crypto::Digest* value = bank_hash ? values->Find(*bank_hash, pcr) : nullptr;
      if (value == nullptr) {
        return NotEvaluated(
            kCheck, fmt::format("no value for PCR {} of bank {}", pcr, AlgorithmName(bank.bank)),
            Cause::kTamper);
      }
      hasher.Update(value->bytes());
    }
  }
  const crypto::Digest digest = hasher.Finish();
  if (!Equal(digest.bytes(), quote.pcr_digest)) {
    return Comparing(Failed(kCheck, fmt::format("the values hash to {}, the quote signs {}",
                                                digest.hex(), Shown(quote.pcr_digest))),
                     {Shown(quote.pcr_digest)}, digest.hex());
  }
  return Passed(kCheck, digest.hex());
}

}  // namespace

// The only maker of a VerifiedQuote.
struct QuoteVerifier {
  static QuoteVerification Verify(const crypto::PublicKey& ak, ByteView message,
                                  const Signature& signature, UnverifiedQuote quote,
                                  const std::optional<PcrValues>& values,
                                  const QuoteRequirements& requirements) {
    QuoteVerification result;
    Findings& findings = result.findings;
    findings.reserve(6);
    findings.push_back(CheckSignature(ak, signature, message));
    findings.push_back(CheckHash(signature.hash, requirements.allow_sha1));
    if (requirements.nonce) {
      findings.push_back(CheckNonce(quote.extra_data, *requirements.nonce));
    }
    findings.push_back(CheckSelection(quote.selection, requirements.pcrs));
    findings.push_back(CheckValues(quote.selection, values));
    findings.push_back(CheckDigest(quote, values, signature.hash));
    if (AllPassed(findings)) {
      result.quote = VerifiedQuote(std::move(quote), *values, signature.hash);
    }
    return result;
  }
};

crypto::HashAlgorithm BareSignatureHash(const UnverifiedQuote& quote, const crypto::PublicKey& ak) {
  using crypto::HashAlgorithm;
  for (const HashAlgorithm hash :
       {HashAlgorithm::kSha1, HashAlgorithm::kSha384, HashAlgorithm::kSha512}) {
    if (crypto::DigestSize(hash) == quote.pcr_digest.size()) return hash;
  }
  return ak.curve() == crypto::Curve::kSm2 ? HashAlgorithm::kSm3_256 : HashAlgorithm::kSha256;
}

Result<QuoteVerification> VerifyQuote(const crypto::PublicKey& ak, ByteView message,
                                      const Signature& signature,
                                      const std::optional<PcrValues>& values,
                                      const QuoteRequirements& requirements) {
  LQ_ASSIGN_OR_RETURN(UnverifiedQuote quote, ParseQuoteAttest(message));
  return QuoteVerifier::Verify(ak, message, signature, std::move(quote), values, requirements);
}

Result<QuoteVerification> VerifyQuote(const crypto::PublicKey& ak, ByteView message,
                                      ByteView signature, const std::optional<PcrValues>& values,
                                      const QuoteRequirements& requirements) {
  LQ_ASSIGN_OR_RETURN(const Signature parsed, ParseSignature(signature));
  return VerifyQuote(ak, message, parsed, values, requirements);
}

}  // namespace limequat::tpm
