#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"
#include "limequat/policy/dsse.h"
#include "limequat/policy/dsse_internal.h"

namespace limequat::policy {

namespace {

constexpr std::string_view kCodeSigning = "1.3.6.1.5.5.7.3.3";
constexpr std::string_view kExtendedKeyUsage = "2.5.29.37";

// The bytes that were signed, hashed at most once with each hash.
class SignedBytes {
 public:
  explicit SignedBytes(const UnverifiedEnvelope& envelope)
      : bytes_(PreAuthEncoding(envelope.payload_type(), envelope.unverified_payload())) {}

  bool IsSignedBy(const crypto::PublicKey& key, ByteView signature) {
    return std::ranges::any_of(SchemesOf(key), [&](const SigningScheme& scheme) {
      const auto check = scheme.scheme == crypto::SignatureScheme::kEd25519
                             ? key.Verify(scheme.scheme, scheme.hash, bytes_, signature)
                             : key.VerifyDigest(scheme.scheme, HashedWith(scheme.hash), signature);
      return check == crypto::SignatureCheck::kValid;
    });
  }

 private:
  const crypto::Digest& HashedWith(crypto::HashAlgorithm hash) {
    auto& digest = digests_.at(static_cast<std::size_t>(hash));
    if (!digest) digest = crypto::Hash(hash, bytes_);
    return *digest;
  }

  Bytes bytes_;
  std::array<std::optional<crypto::Digest>, 4> digests_;
};

// The certificates that a key identifier holds, as Keylime's x509 signatures have one:
// base64 of PEM text. The first is the signer's.
std::vector<crypto::Certificate> CertificatesIn(const std::string& key_id) {
  const auto pem = Base64Decode(key_id);
  if (!pem) return {};
  auto certificates = crypto::Certificate::AllFromPem(AsText(*pem), kMaxEnvelopeCertificates);
  if (!certificates) return {};
  return *std::move(certificates);
}

// RFC 5280, 4.2.1.3 and 4.2.1.12: a certificate that says what it is for is for nothing
// else. Certificates of servers and agents that the same authority issued sign no policies.
bool MaySign(const crypto::Certificate& certificate) {
  const auto extended = certificate.extended_key_usage();
  if (certificate.extension(kExtendedKeyUsage) &&
      std::ranges::find(extended, kCodeSigning) == extended.end()) {
    return false;
  }
  const auto usage = certificate.key_usage();
  return !usage || (*usage & crypto::kDigitalSignature) != 0;
}

}  // namespace

// What befriends VerifiedEnvelope: one verification.
struct EnvelopeVerifier {
  const UnverifiedEnvelope& envelope;
  const TrustedSigners& signers;
  SignedBytes bytes{envelope};
  std::set<Bytes> keys_that_count{};  // SubjectPublicKeyInfo, one form for each key

  SignatureOutcome Counted(const crypto::PublicKey& key, std::string detail) {
    keys_that_count.insert(key.ToSpkiDer());
    return {.key_id = {}, .counts = true, .signer = KeyIdOf(key), .detail = std::move(detail)};
  }

  static SignatureOutcome Refused(std::string detail) {
    return {.key_id = {}, .counts = false, .signer = {}, .detail = std::move(detail)};
  }

  SignatureOutcome JudgeCertificate(const std::vector<crypto::Certificate>& certificates,
                                    ByteView signature) {
    const crypto::Certificate& leaf = certificates.front();
    const auto key = leaf.public_key();
    if (!key || !bytes.IsSignedBy(*key, signature)) {
      return Refused("it fits no given key and not the certificate that came with it");
    }
    if (!MaySign(leaf)) {
      return Refused(fmt::format("the certificate \"{}\" is not for signing", leaf.subject()));
    }
    const std::vector<crypto::Certificate> intermediates(certificates.begin() + 1,
                                                         certificates.end());
    const Findings chain = crypto::VerifyChain(leaf, signers.anchors, intermediates,
                                               {.at = signers.at}, "certificate");
    for (const Finding& finding : chain) {
      if (!finding.passed()) return Refused(finding.detail);
    }
    return Counted(*key, chain.front().detail);
  }

  SignatureOutcome Judge(const EnvelopeSignature& signature) {
    for (const crypto::PublicKey& key : signers.keys) {
      if (bytes.IsSignedBy(key, signature.signature)) return Counted(key, "it fits a given key");
    }
    if (signers.anchors.empty()) return Refused("it fits no given key");
    const auto certificates = CertificatesIn(signature.key_id);
    if (certificates.empty()) return Refused("it fits no given key and came with no certificate");
    return JudgeCertificate(certificates, signature.signature);
  }

  Finding JudgeType() const {
    constexpr std::string_view kCheck = "policy.signature.payload_type";
    const std::string& type = envelope.payload_type();
    const std::string shown = EscapeForDisplay(type, 255);
    if (std::ranges::find(signers.payload_types, type) != signers.payload_types.end()) {
      return Passed(kCheck, fmt::format("the type is {}", shown));
    }
    return Failed(kCheck, fmt::format("the type is {}, expected {}", shown,
                                      fmt::join(signers.payload_types, " or ")));
  }

  Finding JudgeThreshold(const std::vector<SignatureOutcome>& outcomes) const {
    constexpr std::string_view kCheck = "policy.signature.threshold";
    if (signers.empty()) {
      return NotEvaluated(kCheck, "the policy is signed, and no key is given to verify it with");
    }
    const std::size_t needed = std::max<std::size_t>(signers.threshold, 1);
    std::string detail =
        fmt::format("signed by {} trusted key{}, needed: {}", keys_that_count.size(),
                    keys_that_count.size() == 1 ? "" : "s", needed);
    if (keys_that_count.size() >= needed) return Passed(kCheck, std::move(detail));
    if (outcomes.empty()) detail += "; the envelope has no signature";
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      if (!outcomes[i].counts) {
        detail += fmt::format("; signature {}: {}", i + 1, outcomes[i].detail);
      }
    }
    return Failed(kCheck, std::move(detail));
  }

  static VerifiedEnvelope Vouch(UnverifiedEnvelope verified) {
    return VerifiedEnvelope(std::move(verified));
  }
};

EnvelopeVerification VerifyEnvelope(UnverifiedEnvelope envelope, const TrustedSigners& signers) {
  EnvelopeVerification result;
  EnvelopeVerifier verifier{.envelope = envelope, .signers = signers};
  for (const EnvelopeSignature& signature : envelope.signatures()) {
    SignatureOutcome outcome =
        signers.empty() ? EnvelopeVerifier::Refused("no key is given") : verifier.Judge(signature);
    outcome.key_id = signature.key_id;
    result.signatures.push_back(std::move(outcome));
  }
  result.findings = {verifier.JudgeType(), verifier.JudgeThreshold(result.signatures)};
  if (AllPassed(result.findings)) {
    result.envelope = EnvelopeVerifier::Vouch(std::move(envelope));
  }
  return result;
}

Finding NotSigned() {
  return Failed("policy.signature.present",
                "the policy is not signed, and a key to verify it with is given");
}

}  // namespace limequat::policy
