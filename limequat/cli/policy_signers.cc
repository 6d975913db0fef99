#include "limequat/cli/policy_signers.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/cli/input.h"
#include "limequat/cli/text.h"
#include "limequat/cli/usage.h"
#include "limequat/crypto/certificate.h"
#include "limequat/crypto/key.h"

namespace limequat::cli {

namespace {

Result<crypto::PublicKey> ReadKey(const std::string& file) {
  LQ_ASSIGN_OR_RETURN(const std::string text, ReadInput(file, kMaxSmallInput));
  auto key = crypto::PublicKey::FromPem(text);
  if (!key) {
    const bool is_certificate = text.find("-----BEGIN CERTIFICATE-----") != std::string::npos;
    return std::move(key).error().In(Shown(file) +
                                     (is_certificate ? ": trust certificates with --trust" : ""));
  }
  if (Status fits = policy::CheckSigningKey(*key); !fits) {
    return std::move(fits).error().In(Shown(file));
  }
  return key;
}

Status ReadRoots(const std::string& file, std::vector<crypto::Certificate>& out) {
  LQ_ASSIGN_OR_RETURN(const std::string text, ReadInput(file, kMaxSmallInput));
  auto roots = crypto::Certificate::AllFromPem(text);
  if (!roots) return std::move(roots).error().In(Shown(file));
  out.insert(out.end(), roots->begin(), roots->end());
  return {};
}

// Distinct keys can sign; which certificates will come along is not known before.
Status CheckThreshold(const SignerOptions& options, const policy::TrustedSigners& signers) {
  if (!options.threshold) return {};
  if (!options.given()) return UsageError("--threshold needs keys to count");
  if (!signers.anchors.empty()) return {};
  std::vector<crypto::PublicKey> distinct;
  for (const crypto::PublicKey& key : signers.keys) {
    if (std::ranges::find(distinct, key) == distinct.end()) distinct.push_back(key);
  }
  if (*options.threshold <= distinct.size()) return {};
  return UsageError(fmt::format("--threshold {} cannot be reached with {}", *options.threshold,
                                Counted(distinct.size(), "key")));
}

}  // namespace

Result<policy::TrustedSigners> LoadSigners(const SignerOptions& options, Time at) {
  policy::TrustedSigners signers;
  signers.at = at;
  signers.threshold = options.threshold.value_or(1);
  for (const std::string& file : options.keys) {
    LQ_ASSIGN_OR_RETURN(crypto::PublicKey key, ReadKey(file));
    signers.keys.push_back(std::move(key));
  }
  for (const std::string& file : options.trust) {
    LQ_RETURN_IF_ERROR(ReadRoots(file, signers.anchors));
  }
  LQ_RETURN_IF_ERROR(CheckThreshold(options, signers));
  return signers;
}

json::Array ToJson(const std::vector<policy::SignatureOutcome>& signatures) {
  json::Array array;
  for (const policy::SignatureOutcome& signature : signatures) {
    json::Object object{{"key_id", signature.key_id}, {"counts", signature.counts}};
    if (!signature.signer.empty()) object.Set("signer", signature.signer);
    object.Set("detail", signature.detail);
    array.emplace_back(std::move(object));
  }
  return array;
}

VerdictDocument NotVouchedFor(Findings findings,
                              const std::vector<policy::SignatureOutcome>& signatures, Time at) {
  VerdictDocument verdict = DocumentOf(
      appraise::Appraisal{.findings = std::move(findings), .policed = true, .evaluated_at = at});
  verdict.document.Set("signatures", ToJson(signatures));
  return verdict;
}

}  // namespace limequat::cli
