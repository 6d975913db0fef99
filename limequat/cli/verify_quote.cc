#include "limequat/cli/verify_quote.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "limequat/appraise/appraisal.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/input.h"
#include "limequat/cli/pcr_input.h"
#include "limequat/cli/quote_json.h"
#include "limequat/cli/usage.h"
#include "limequat/cli/verdict.h"
#include "limequat/crypto/certificate.h"
#include "limequat/json/value.h"
#include "limequat/tpm/public_area.h"
#include "limequat/tpm/quote.h"

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

// Takes the findings of checks that nobody asked for out of `findings`.
json::Array TakeNotRequired(const VerifyQuote& asked, Findings& findings) {
  json::Array names;
  if (!asked.nonce) names.emplace_back("tpm.quote.nonce");
  if (asked.pcrs) return names;
  for (const std::string_view check : {"tpm.quote.pcr_values", "tpm.quote.pcr_digest"}) {
    names.emplace_back(check);
    std::erase_if(findings, [&](const Finding& finding) { return finding.check == check; });
  }
  return names;
}

// The verdict and, beside it, what the quote says.
Result<VerdictDocument> Evaluate(const VerifyQuote& asked) {
  LQ_ASSIGN_OR_RETURN(AttestationKey ak, ReadKey(asked.ak));
  LQ_ASSIGN_OR_RETURN(const std::string attest, ReadInput(asked.message, kMaxSmallInput));
  LQ_ASSIGN_OR_RETURN(const std::string bytes, ReadInput(asked.signature, kMaxSmallInput));
  std::string pcrs;
  if (asked.pcrs) {
    LQ_ASSIGN_OR_RETURN(pcrs, ReadInput(*asked.pcrs, kMaxSmallInput));
  }
  LQ_ASSIGN_OR_RETURN(const tpm::UnverifiedQuote quote, tpm::ParseQuoteAttest(AsBytes(attest)));
  std::optional<tpm::PcrValues> values;
  if (asked.pcrs) {
    LQ_ASSIGN_OR_RETURN(values, ParsePcrValues(pcrs, quote.selection));
  }
  LQ_ASSIGN_OR_RETURN(
      const tpm::Signature signature,
      tpm::ParseSignatureFile(AsBytes(bytes), ak.key, tpm::BareSignatureHash(quote, ak.key),
                              AsBytes(attest)));
  LQ_ASSIGN_OR_RETURN(
      tpm::QuoteVerification verification,
      tpm::VerifyQuote(
          ak.key, AsBytes(attest), signature, values,
          {.nonce = asked.nonce, .pcrs = asked.require_pcrs, .allow_sha1 = asked.allow_sha1}));
  appraise::Appraisal appraisal{
      .findings = std::move(verification.findings), .policed = true, .evaluated_at = asked.at};
  json::Array not_required = TakeNotRequired(asked, appraisal.findings);
  if (ak.attributes) appraisal.findings.push_back(*std::move(ak.attributes));

  VerdictDocument verdict = DocumentOf(appraisal);
  json::Object about = ToJson(quote);
  about.Set("signature", ToJson(signature));
  verdict.document.Set("not_required", std::move(not_required));
  verdict.document.Set("quote", std::move(about));
  return verdict;
}

}  // namespace

Result<Ending> VerifyQuote::Run(Console& console) const {
  LQ_RETURN_IF_ERROR(CheckOneStandardInput({ak, message, signature, pcrs.value_or("")}));
  return ShowVerdict(console, Evaluate(*this), {.all = all, .at = at});
}

}  // namespace limequat::cli
