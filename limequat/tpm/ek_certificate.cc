#include "limequat/tpm/ek_certificate.h"

#include <iterator>

#include <fmt/format.h>

namespace limequat::tpm {

namespace {

Finding CheckKey(const crypto::Certificate& certificate, const PublicArea& ek) {
  constexpr std::string_view kCheck = "tpm.ekcert.key";
  const Result<crypto::PublicKey> key = certificate.public_key();
  if (!key) {
    return NotEvaluated(
        kCheck, fmt::format("the certificate's key cannot be read: {}", key.error().message),
        Cause::kTpm);
  }
  if (!(*key == ek.key())) {
    return Failed(kCheck,
                  fmt::format("the certificate of '{}' is for another key", certificate.subject()));
  }
  return Passed(kCheck, fmt::format("the certificate {} is for this endorsement key",
                                    certificate.serial_hex()));
}

Findings CheckChain(const crypto::Certificate& certificate, const EkTrust& trust, Time at) {
  if (trust.anchors.empty()) {
    const std::string_view why = "no certification authorities of TPM vendors are configured";
    return {NotEvaluated("tpm.ekcert.chain", std::string(why)),
            NotEvaluated("tpm.ekcert.validity", std::string(why))};
  }
  const crypto::ChainOptions options{.purpose = crypto::ChainPurpose::kEndorsementKey,
                                     .at = at,
                                     .partial_chain = true,
                                     .require_valid_time = trust.require_valid_time};
  return crypto::VerifyChain(certificate, trust.anchors, trust.intermediates, options,
                             "tpm.ekcert");
}

}  // namespace

Findings VerifyEkCertificate(const std::optional<crypto::Certificate>& certificate,
                             const PublicArea& ek, const EkTrust& trust, Time at) {
  Findings findings;
  if (certificate) {
    findings.push_back(CheckKey(*certificate, ek));
    Findings chain = CheckChain(*certificate, trust, at);
    std::ranges::move(chain, std::back_inserter(findings));
  } else {
    for (const std::string_view check :
         {"tpm.ekcert.key", "tpm.ekcert.chain", "tpm.ekcert.validity"}) {
      findings.push_back(NotEvaluated(check, "the machine has no EK certificate", Cause::kTpm));
    }
  }
  findings.push_back(CheckEndorsementKey(ek));
  return findings;
}

}  // namespace limequat::tpm
