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
};

// Checks that `certificate` names `ek` and chains to a trusted authority:
//   tpm.ekcert.key         the certificate's key equals the EK's (attack A12, CVE-2021-3406)
//   tpm.ekcert.chain, tpm.ekcert.validity   see crypto::VerifyChain
//   tpm.ek.attributes      CheckEndorsementKey
// An absent certificate, or no anchors at all, is a finding that is not evaluated.
// All passed means: a genuine TPM holds this EK. It does not mean: our machine.
Findings VerifyEkCertificate(const std::optional<crypto::Certificate>& certificate,
                             const PublicArea& ek, const EkTrust& trust, Time at);

}  // namespace limequat::tpm
