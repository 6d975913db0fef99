#include "limequat/policy/signed_policy.h"

#include <utility>

#include "limequat/base/result_macros.h"
#include "limequat/policy/boot_values.h"

namespace limequat::policy {

namespace {

Result<SignedPolicy> ReadPlain(std::string_view text, const TrustedSigners& signers,
                               const Error& no_envelope) {
  auto policy = RuntimePolicy::Parse(text);
  if (!policy) {
    // For people: a damaged envelope is not a policy without digests.
    if (text.find("\"payloadType\"") != std::string_view::npos) return no_envelope;
    return std::move(policy).error();
  }
  SignedPolicy plain;
  if (!signers.empty()) {
    plain.findings.push_back(NotSigned());
    return plain;
  }
  plain.policy = *std::move(policy);
  return plain;
}

}  // namespace

Result<SignedPolicy> ReadSignedPolicy(std::string_view text, const TrustedSigners& signers) {
  auto envelope = UnverifiedEnvelope::Parse(text);
  if (!envelope) return ReadPlain(text, signers, envelope.error());
  EnvelopeVerification verification = VerifyEnvelope(*std::move(envelope), signers);
  SignedPolicy result{.findings = std::move(verification.findings),
                      .signatures = std::move(verification.signatures),
                      .policy = nullptr};
  if (verification.envelope) {
    LQ_ASSIGN_OR_RETURN(result.policy, RuntimePolicy::Parse(*verification.envelope));
  }
  return result;
}

SignedBootReference ReadSignedBootReference(std::string_view text, TrustedSigners signers) {
  SignedBootReference result;
  auto envelope = UnverifiedEnvelope::Parse(text);
  if (!envelope) {
    if (signers.empty()) {
      result.text = text;
    } else {
      result.findings.push_back(NotSigned());
    }
    return result;
  }
  signers.payload_types = {std::string(kBootValuesPayloadType)};
  EnvelopeVerification verification = VerifyEnvelope(*std::move(envelope), signers);
  result.findings = std::move(verification.findings);
  result.signatures = std::move(verification.signatures);
  if (verification.envelope) result.text = verification.envelope->payload();
  return result;
}

}  // namespace limequat::policy
