#include "limequat/tpm/ek_certificate.h"

#include <iterator>

#include <fmt/format.h>

#include "limequat/tpm/ek_certificate_profile.h"

namespace limequat::tpm {

namespace {

// The checks of crypto::VerifyChain.
std::vector<std::string_view> ChainChecks(const EkTrust& trust) {
  std::vector<std::string_view> checks = {"tpm.ekcert.chain", "tpm.ekcert.validity"};
  if (trust.revocation) checks.emplace_back("tpm.ekcert.revocation");
  return checks;
}

Findings CheckChain(const crypto::Certificate& certificate, const EkTrust& trust, Time at) {
  if (trust.anchors.empty()) {
    const std::string_view why = "no certification authorities of TPM vendors are configured";
    Findings findings;
    for (const std::string_view check : ChainChecks(trust)) {
      findings.push_back(NotEvaluated(check, std::string(why)));
    }
    return findings;
  }
  const crypto::ChainOptions options{.purpose = crypto::ChainPurpose::kEndorsementKey,
                                     .at = at,
                                     .partial_chain = true,
                                     .require_valid_time = trust.require_valid_time,
                                     .revocation = trust.revocation};
  return crypto::VerifyChain(certificate, trust.anchors, trust.intermediates, options,
                             "tpm.ekcert");
}

}  // namespace

Findings VerifyEkCertificateChain(const crypto::Certificate& certificate, const EkTrust& trust,
                                  Time at) {
  Findings findings = CheckChain(certificate, trust, at);
  findings.push_back(CheckEkProfile(certificate));
  return findings;
}

Finding CheckEkCertificateKey(const crypto::Certificate& certificate, const crypto::PublicKey& ek) {
  constexpr std::string_view kCheck = "tpm.ekcert.key";
  const Result<crypto::PublicKey> key = certificate.public_key();
  if (!key) {
    return NotEvaluated(
        kCheck, fmt::format("the certificate's key cannot be read: {}", key.error().message),
        Cause::kTpm);
  }
  if (!(*key == ek)) {
    return Failed(kCheck,
                  fmt::format("the certificate of '{}' is for another key", certificate.subject()));
  }
  return Passed(kCheck, fmt::format("the certificate {} is for this endorsement key",
                                    certificate.serial_hex()));
}

Findings VerifyEkCertificate(const std::optional<crypto::Certificate>& certificate,
                             const PublicArea& ek, const EkTrust& trust, Time at) {
  Findings findings;
  if (certificate) {
    findings.push_back(CheckEkCertificateKey(*certificate, ek.key()));
    Findings chain = VerifyEkCertificateChain(*certificate, trust, at);
    std::ranges::move(chain, std::back_inserter(findings));
  } else {
    std::vector<std::string_view> checks = ChainChecks(trust);
    checks.insert(checks.begin(), "tpm.ekcert.key");
    checks.emplace_back("tpm.ekcert.profile");
    for (const std::string_view check : checks) {
      findings.push_back(NotEvaluated(check, "the machine has no EK certificate", Cause::kTpm));
    }
  }
  findings.push_back(CheckEndorsementKey(ek));
  return findings;
}

}  // namespace limequat::tpm
