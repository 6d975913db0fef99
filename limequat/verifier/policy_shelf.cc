#include "limequat/verifier/policy_shelf.h"

#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/crypto/digest.h"
#include "limequat/crypto/key.h"

namespace limequat::verifier {

namespace {

crypto::Digest HashOf(std::string_view body) {
  return crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(body));
}

// What did not pass, in one sentence.
Error NotSignedSo(const Findings& findings, std::string_view whose) {
  std::string why;
  for (const Finding& finding : findings) {
    if (!finding.passed()) why += fmt::format("{}{}", why.empty() ? "" : "; ", finding.detail);
  }
  return Untrusted("policy.signature",
                   fmt::format("the policy does not verify with {}: {}", whose, why));
}

Result<policy::TrustedSigners> SignerOf(const std::string& pem) {
  auto key = crypto::PublicKey::FromPem(pem);
  if (!key) {
    return Malformed("policy.signature.key", "runtime_policy_key: " + key.error().message);
  }
  if (const Status fits = policy::CheckSigningKey(*key); !fits) {
    return Malformed("policy.signature.key", "runtime_policy_key: " + fits.error().message);
  }
  policy::TrustedSigners signers;
  signers.keys = {*std::move(key)};
  return signers;
}

}  // namespace

Result<std::optional<policy::VerifiedEnvelope>> PolicyShelf::VerifySender(
    std::string_view body, const std::optional<std::string>& key, Time now,
    std::string_view payload_type) const {
  const auto envelope = policy::UnverifiedEnvelope::Parse(body);
  const bool asks = signing_.required || !signing_.signers.empty() || key.has_value();
  if (!envelope && !asks) return std::optional<policy::VerifiedEnvelope>();
  if (!envelope) return Untrusted("policy.signature.present", "the policy is not signed");
  if (signing_.signers.empty() && !key) {
    return Untrusted("policy.signature.key",
                     "the policy is signed, and no key is known to verify it with: configure "
                     "policy.signing_keys, or send the key along");
  }
  std::optional<policy::VerifiedEnvelope> verified;
  if (!signing_.signers.empty()) {
    policy::TrustedSigners signers = signing_.signers;
    signers.at = now;
    signers.payload_types = {std::string(payload_type)};
    auto verification = policy::VerifyEnvelope(*envelope, signers);
    if (!verification.envelope) {
      return NotSignedSo(verification.findings, "the keys of this verifier");
    }
    verified = std::move(verification.envelope);
  }
  if (key) {
    LQ_ASSIGN_OR_RETURN(policy::TrustedSigners signer, SignerOf(*key));
    signer.payload_types = {std::string(payload_type)};
    auto verification = policy::VerifyEnvelope(*envelope, signer);
    if (!verification.envelope) {
      return NotSignedSo(verification.findings, "the key that came along");
    }
    verified = std::move(verification.envelope);
  }
  return verified;
}

Result<std::shared_ptr<const policy::RuntimePolicy>> PolicyShelf::Admit(
    std::string_view body, const std::optional<std::string>& key, Time now) {
  LQ_ASSIGN_OR_RETURN(const auto verified,
                      VerifySender(body, key, now, policy::kKeylimePayloadType));
  if (!verified) return Get(body);
  if (auto known = Find(verified->hash())) return known;
  LQ_ASSIGN_OR_RETURN(auto policy, policy::RuntimePolicy::Parse(*verified));
  return policies_.Keep(std::move(policy));
}

Result<std::shared_ptr<const policy::RuntimePolicy>> PolicyShelf::Get(std::string_view body) {
  if (auto known = Find(HashOf(body))) return known;
  if (policy::UnverifiedEnvelope::Parse(body)) {
    return Untrusted("policy.signature", "the policy is signed, and was not verified");
  }
  // Parsed without the lock: a large policy must not hold up the others. Two threads
  // may parse the same content; the first one stays.
  LQ_ASSIGN_OR_RETURN(auto policy, policy::RuntimePolicy::Parse(body));
  return policies_.Keep(std::move(policy));
}

Result<std::shared_ptr<const policy::RuntimePolicy>> PolicyShelf::GetStored(std::string_view body) {
  if (auto known = Find(HashOf(body))) return known;
  auto envelope = policy::UnverifiedEnvelope::Parse(body);
  if (!envelope) return Get(body);
  LQ_ASSIGN_OR_RETURN(
      auto policy,
      policy::RuntimePolicy::Parse(
          policy::VerifiedEnvelope::AssumeVerifiedBeforeStoring(*std::move(envelope))));
  return policies_.Keep(std::move(policy));
}

Result<std::shared_ptr<const policy::PolicySet>> PolicyShelf::Compose(
    std::vector<policy::PolicyLayer> layers) {
  if (layers.size() == 1) return sets_.Keep(policy::PolicySet::Of(std::move(layers[0].policy)));
  if (auto known = sets_.Find(policy::PolicySet::HashOf(layers))) return known;
  LQ_ASSIGN_OR_RETURN(auto set, policy::PolicySet::Compose(std::move(layers)));
  return sets_.Keep(std::move(set));
}

std::shared_ptr<const policy::RuntimePolicy> PolicyShelf::Find(const crypto::Digest& hash) {
  return policies_.Find(hash);
}

}  // namespace limequat::verifier
