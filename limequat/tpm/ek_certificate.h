#pragma once

#include <optional>
#include <vector>

#include "limequat/base/finding.h"
#include "limequat/base/time.h"
#include "limequat/crypto/certificate.h"
#include "limequat/tpm/public_area.h"

namespace limequat::tpm {

// Where trust in endorsement keys comes from.
struct EkTrust {
  std::vector<crypto::Certificate> anchors;  // roots, or intermediates that a vendor store holds
  std::vector<crypto::Certificate> intermediates;  // untrusted helpers for path building
  bool require_valid_time = false;
  // Set: revocation is required (see crypto::ChainOptions).
  std::optional<std::vector<crypto::RevocationList>> revocation{};
};

// What can be said of `certificate` without its TPM:
//   tpm.ekcert.chain, tpm.ekcert.validity, tpm.ekcert.revocation   see crypto::VerifyChain
//   tpm.ekcert.profile       CheckEkProfile
// No anchors at all is a finding that is not evaluated.
Findings VerifyEkCertificateChain(const crypto::Certificate& certificate, const EkTrust& trust,
                                  Time at);

// tpm.ekcert.key: the certificate's key equals `key` (attack A12, CVE-2021-3406).
Finding CheckEkCertificateKey(const crypto::Certificate& certificate, const crypto::PublicKey& key);

// Checks that `certificate` names `ek` and chains to a trusted authority:
//   tpm.ekcert.key         CheckEkCertificateKey
//   tpm.ekcert.chain, …    VerifyEkCertificateChain
//   tpm.ek.attributes      CheckEndorsementKey
// An absent certificate is a finding that is not evaluated for each of them but the last.
// All passed means: a genuine TPM holds this EK. It does not mean: our machine.
Findings VerifyEkCertificate(const std::optional<crypto::Certificate>& certificate,
                             const PublicArea& ek, const EkTrust& trust, Time at);

}  // namespace limequat::tpm
