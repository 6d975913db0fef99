#include "limequat/cli/quote_input.h"

#include <string_view>
#include <utility>

#include "limequat/base/result_macros.h"
#include "limequat/cli/input.h"
#include "limequat/cli/pcr_input.h"
#include "limequat/crypto/certificate.h"
#include "limequat/tpm/public_area.h"

namespace limequat::cli {

namespace {

struct AttestationKey {
  crypto::PublicKey key;
  std::optional<Finding> attributes;  // known only of a TPM's public area
};

// Neither TPM2B_PUBLIC (its size would be 12 KiB) nor TPMT_PUBLIC begins like this.
bool IsDerSequence(std::string_view content) { return content.starts_with('\x30'); }

// A key as others than TPMs write it: PEM or DER, as it is or in a certificate, whose
// chain nobody asked about.
Result<crypto::PublicKey> ReadPlainKey(const std::string& content) {
  if (IsDerSequence(content)) {
    if (auto certificate = crypto::Certificate::FromDer(AsBytes(content))) {
      return certificate->public_key();
    }
    return crypto::PublicKey::FromSpkiDer(AsBytes(content));
  }
  if (content.find("-----BEGIN CERTIFICATE-----") != std::string::npos) {
    LQ_ASSIGN_OR_RETURN(const crypto::Certificate certificate,
                        crypto::Certificate::FromPem(content));
    return certificate.public_key();
  }
  return crypto::PublicKey::FromPem(content);
}

Result<AttestationKey> ReadKey(const std::string& path) {
  LQ_ASSIGN_OR_RETURN(const std::string content, ReadInput(path, kMaxSmallInput));
  if (content.find("-----BEGIN ") != std::string::npos || IsDerSequence(content)) {
    LQ_ASSIGN_OR_RETURN(crypto::PublicKey key, ReadPlainKey(content));
    return AttestationKey{.key = std::move(key), .attributes = {}};
  }
  LQ_ASSIGN_OR_RETURN(const tpm::PublicArea area, tpm::PublicArea::FromEither(AsBytes(content)));
  return AttestationKey{.key = area.key(), .attributes = tpm::CheckAttestationKey(area)};
}

}  // namespace

std::vector<std::string> QuoteInput::Files() const {
  return {ak, message, signature, pcrs.value_or("")};
}

Result<CheckedQuote> CheckQuote(const QuoteInput& asked, const tpm::PcrSelection& require_pcrs) {
  LQ_ASSIGN_OR_RETURN(AttestationKey ak, ReadKey(asked.ak));
  LQ_ASSIGN_OR_RETURN(const std::string attest, ReadInput(asked.message, kMaxSmallInput));
  LQ_ASSIGN_OR_RETURN(const std::string bytes, ReadInput(asked.signature, kMaxSmallInput));
  std::string pcrs;
  if (asked.pcrs) {
    LQ_ASSIGN_OR_RETURN(pcrs, ReadInput(*asked.pcrs, kMaxSmallInput));
  }
  LQ_ASSIGN_OR_RETURN(tpm::UnverifiedQuote quote, tpm::ParseQuoteAttest(AsBytes(attest)));
  std::optional<tpm::PcrValues> values;
  if (asked.pcrs) {
    LQ_ASSIGN_OR_RETURN(values, ParsePcrValues(pcrs, quote.selection));
  }
  LQ_ASSIGN_OR_RETURN(
      tpm::Signature signature,
      tpm::ParseSignatureFile(AsBytes(bytes), ak.key, tpm::BareSignatureHash(quote, ak.key),
                              AsBytes(attest)));
  LQ_ASSIGN_OR_RETURN(
      tpm::QuoteVerification verification,
      tpm::VerifyQuote(
          ak.key, AsBytes(attest), signature, values,
          {.nonce = asked.nonce, .pcrs = require_pcrs, .allow_sha1 = asked.allow_sha1}));
  CheckedQuote checked{.findings = std::move(verification.findings),
                       .claims = std::move(quote),
                       .signature = std::move(signature)};
  if (ak.attributes) checked.findings.push_back(*std::move(ak.attributes));
  if (AllPassed(checked.findings)) checked.quote = std::move(verification.quote);
  return checked;
}

}  // namespace limequat::cli
