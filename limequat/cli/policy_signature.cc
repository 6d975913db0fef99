#include "limequat/cli/policy_signature.h"

#include <utility>

#include "limequat/appraise/appraisal.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/input.h"
#include "limequat/cli/text.h"
#include "limequat/cli/usage.h"
#include "limequat/cli/verdict.h"
#include "limequat/json/value.h"

namespace limequat::cli {

namespace {

json::Object PayloadOf(const policy::UnverifiedEnvelope& envelope) {
  const ByteView payload = AsBytes(envelope.unverified_payload());
  return {{"type", envelope.payload_type()},
          {"sha256", crypto::Hash(crypto::HashAlgorithm::kSha256, payload).hex()},
          {"bytes", std::uint64_t{payload.size()}}};
}

Result<VerdictDocument> Evaluate(const PolicyCheckSignature& asked) {
  LQ_ASSIGN_OR_RETURN(policy::TrustedSigners signers, LoadSigners(asked.signers, asked.at));
  if (!asked.payload_types.empty()) signers.payload_types = asked.payload_types;
  LQ_ASSIGN_OR_RETURN(const std::string text, ReadInput(asked.envelope, policy::kMaxEnvelopeBytes));
  auto envelope = policy::UnverifiedEnvelope::Parse(text);
  if (!envelope) return std::move(envelope).error().In(Shown(asked.envelope));
  json::Object payload = PayloadOf(*envelope);
  const std::string hash = envelope->hash().hex();
  policy::EnvelopeVerification verification = policy::VerifyEnvelope(*std::move(envelope), signers);
  VerdictDocument verdict = DocumentOf(appraise::Appraisal{
      .findings = std::move(verification.findings), .policed = true, .evaluated_at = asked.at});
  verdict.document.Set("sha256", hash);
  verdict.document.Set("payload", std::move(payload));
  verdict.document.Set("signatures", ToJson(verification.signatures));
  return verdict;
}

}  // namespace

Result<Ending> PolicyCheckSignature::Run(Console& console) const {
  if (!signers.given()) {
    return UsageError("give the keys that count with --key, or roots of certificates with --trust");
  }
  return ShowVerdict(console, Evaluate(*this), {.all = all, .at = at});
}

}  // namespace limequat::cli
