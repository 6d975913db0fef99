#pragma once

#include <optional>
#include <string>

#include "limequat/base/finding.h"
#include "limequat/base/result.h"
#include "limequat/base/secret.h"
#include "limequat/base/time.h"
#include "limequat/crypto/certificate.h"
#include "limequat/tpm/ek_certificate.h"
#include "limequat/tpm/public_area.h"
#include "limequat/wire/registration.h"

namespace limequat::registrar {

// What the registrar knows about a machine whose activation succeeded: its TPM has
// shown that it holds both keys.
struct Record {
  Bytes ek_tpm;  // TPM2B_PUBLIC
  std::optional<Bytes> ek_certificate_der;
  Bytes aik_tpm;  // TPM2B_PUBLIC
  std::optional<std::string> ip;
  std::optional<std::uint16_t> port;
  std::optional<std::string> transport_certificate;  // PEM or "disabled"
  std::int64_t regcount = 0;
  // Result of the EK certificate's check, as recorded at registration.
  wire::Identity identity = wire::Identity::kUnverified;
  std::string identity_why;
  std::string identity_findings;  // JSON array
};

// A registration that may be activated: what the record will be, and the secret that
// only the right TPM can release.
struct Candidate {
  Record record;
  Bytes blob;     // credential for the agent
  Secret secret;  // 32 characters, as Keylime's agents expect
};

// Checks a registration and makes its challenge. Pure except for the randomness of
// the challenge. `request` is hostile.
//
//   kMalformed ("registrar.ek_missing", "registrar.key"): no usable EK or AK
//   kUntrusted ("registrar.ek_mismatch"): the certificate is for another key
//     (attack A12, CVE-2021-3406); ("registrar.ak_attributes"): the AK could sign
//     anything, so its quotes would prove nothing
//   kUnsupported: keys this version has no credential for; IAK without EK
//
// The EK certificate's chain and the EK's attributes never refuse a registration:
// they decide the recorded identity, and enrolment depends on that.
Result<Candidate> Examine(const wire::RegistrationRequest& request, const tpm::EkTrust& trust,
                          Time now);

// Whether `candidate` may become the record of a machine that has `known`: the
// identity of a TPM never changes (CVE-2025-13609 of Keylime): a changed or cleared
// EK, EK certificate or AK is kPermissionDenied ("registrar.identity_changed") with
// Keylime's text. Members that `request` leaves out keep their value in `candidate`.
Status Reconcile(const wire::RegistrationRequest& request, const std::optional<Record>& known,
                 Record& candidate);

// Whether a record with these keys may follow `known`: same EK, AK and, where there
// was one, EK certificate. kPermissionDenied as Reconcile. Asked again when a
// challenge is activated, since another registration may have won meanwhile.
Status CheckSameTpm(const Record& known, const Record& candidate);

// The public area of an EK that only its certificate names: TCG's default template
// for that key (EK Credential Profile, B.3.3, B.3.4). For agents that leave out
// ek_tpm. kUnsupported for keys without such a template.
Result<tpm::PublicArea> EkFromCertificate(const crypto::Certificate& certificate);

}  // namespace limequat::registrar
