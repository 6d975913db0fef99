#include "limequat/registrar/registration.h"

#include <utility>

#include "limequat/base/byte_reader.h"
#include "limequat/base/encoding.h"
#include "limequat/base/result_macros.h"
#include "limequat/crypto/random.h"
#include "limequat/json/value.h"
#include "limequat/tpm/credential.h"

namespace limequat::registrar {

namespace {

// Keylime's agents return it as base64 text, so any bytes would do; its own servers
// use 32 letters and digits.
constexpr std::size_t kSecretLength = 32;

constexpr std::string_view kIdentityChanged =
    "Agent re-registration with different TPM identity is forbidden for security reasons";

// PolicySecret(TPM_RH_ENDORSEMENT), SHA-256: the policy of TCG's default templates.
constexpr std::string_view kPolicyA =
    "837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa";

struct Identity {
  wire::Identity verdict = wire::Identity::kUnverified;
  std::string why;
  std::string findings;
};

// `findings` is a JSON array of {check, outcome, detail}.
std::string FindingsDocument(const Findings& findings) {
  json::Array array;
  for (const Finding& finding : findings) {
    array.push_back(json::Object{{"check", finding.check},
                                 {"outcome", OutcomeName(finding.outcome)},
                                 {"detail", finding.detail}});
  }
  return json::Serialize(array);
}

Identity JudgeIdentity(const Findings& findings) {
  Identity identity{
      .verdict = wire::Identity::kUnverified, .why = {}, .findings = FindingsDocument(findings)};
  if (AllPassed(findings)) {
    identity.verdict = wire::Identity::kVerified;
    return identity;
  }
  for (const Finding& finding : findings) {
    if (finding.passed()) continue;
    identity.why = finding.check + ": " + finding.detail;
    break;
  }
  return identity;
}

Result<tpm::PublicArea> EkOf(const wire::RegistrationRequest& request) {
  if (request.ek_tpm.value) return tpm::PublicArea::FromTpm2b(*request.ek_tpm.value);
  if (request.ek_certificate.value) return EkFromCertificate(*request.ek_certificate.value);
  if (request.has_device_identity) {
    return Unsupported(
        "registrar.device_identity",
        "this version registers by endorsement key; IAK and IDevID alone are not supported");
  }
  return Malformed("registrar.ek_missing", "neither ek_tpm nor ekcert is in the registration");
}

Error IdentityChanged() {
  return PermissionDenied("registrar.identity_changed", std::string(kIdentityChanged));
}

}  // namespace

Result<tpm::PublicArea> EkFromCertificate(const crypto::Certificate& certificate) {
  LQ_ASSIGN_OR_RETURN(const crypto::PublicKey key, certificate.public_key());
  LQ_ASSIGN_OR_RETURN(const Bytes policy, HexDecode(kPolicyA));
  constexpr std::uint32_t kLowRange = tpm::kFixedTpm | tpm::kFixedParent |
                                      tpm::kSensitiveDataOrigin | tpm::kAdminWithPolicy |
                                      tpm::kRestricted | tpm::kDecrypt;
  const auto id = [](tpm::AlgorithmId algorithm) { return static_cast<std::uint16_t>(algorithm); };
  ByteWriter area;
  const bool rsa = key.type() == crypto::KeyType::kRsa && key.bits() == 2048;
  const bool p256 = key.curve() == crypto::Curve::kP256;
  if (!rsa && !p256) {
    return Unsupported(
        "registrar.ek_template",
        "ek_tpm is missing, and its certificate is for a key without a default template");
  }
  area.U16Be(id(rsa ? tpm::AlgorithmId::kRsa : tpm::AlgorithmId::kEcc))
      .U16Be(id(tpm::AlgorithmId::kSha256));
  area.U32Be(kLowRange).SizedU16Be(policy);
  area.U16Be(id(tpm::AlgorithmId::kAes))
      .U16Be(128)
      .U16Be(id(tpm::AlgorithmId::kCfb))
      .U16Be(id(tpm::AlgorithmId::kNull));
  if (rsa) {
    LQ_ASSIGN_OR_RETURN(const Bytes modulus, crypto::RsaModulusOf(key));
    area.U16Be(2048).U32Be(0).SizedU16Be(modulus);
  } else {
    LQ_ASSIGN_OR_RETURN(const crypto::EcPoint point, crypto::PointOf(key));
    constexpr std::uint16_t kNistP256 = 0x0003;
    area.U16Be(kNistP256)
        .U16Be(id(tpm::AlgorithmId::kNull))
        .SizedU16Be(point.x)
        .SizedU16Be(point.y);
  }
  return tpm::PublicArea::FromTpmt(area.bytes());
}

Result<Candidate> Examine(const wire::RegistrationRequest& request, const tpm::EkTrust& trust,
                          Time now) {
  LQ_ASSIGN_OR_RETURN(const tpm::PublicArea ek, EkOf(request));
  LQ_ASSIGN_OR_RETURN(const tpm::PublicArea ak, tpm::PublicArea::FromTpm2b(request.aik_tpm));
  if (const Finding fit = tpm::CheckAttestationKey(ak); !fit.passed()) {
    return Untrusted("registrar.ak_attributes", "aik_tpm is not an attestation key: " + fit.detail);
  }
  if (request.ek_certificate.value) {
    const auto key = request.ek_certificate.value->public_key();
    if (!key || !(*key == ek.key())) {
      return Untrusted("registrar.ek_mismatch",
                       "ekcert is the certificate of another key than ek_tpm");
    }
  }
  tpm::EkTrust with_chain = trust;
  with_chain.intermediates.insert(with_chain.intermediates.end(), request.ek_chain.begin(),
                                  request.ek_chain.end());
  const Identity identity =
      JudgeIdentity(tpm::VerifyEkCertificate(request.ek_certificate.value, ek, with_chain, now));

  const std::string secret = crypto::RandomAlphanumeric(kSecretLength);
  LQ_ASSIGN_OR_RETURN(const tpm::Credential credential,
                      tpm::MakeCredential(ek, ak.Name(), AsBytes(secret)));
  Candidate candidate{.record = {.ek_tpm = ek.tpm2b(),
                                 .ek_certificate_der = {},
                                 .aik_tpm = request.aik_tpm,
                                 .ip = request.ip.value,
                                 .port = request.port.value,
                                 .transport_certificate = {},
                                 .regcount = 0,
                                 .identity = identity.verdict,
                                 .identity_why = identity.why,
                                 .identity_findings = identity.findings},
                      .blob = tpm::WriteCredentialBlob(credential),
                      .secret = Secret(ToBytes(secret))};
  if (request.ek_certificate.value)
    candidate.record.ek_certificate_der = request.ek_certificate.value->ToDer();
  if (const auto& certificate = request.transport_certificate.value) {
    candidate.record.transport_certificate = certificate->disabled ? "disabled" : certificate->pem;
  }
  return candidate;
}

Status CheckSameTpm(const Record& known, const Record& candidate) {
  const bool certificate_differs =
      known.ek_certificate_der &&
      (!candidate.ek_certificate_der ||
       !Equal(*candidate.ek_certificate_der, *known.ek_certificate_der));
  if (!Equal(candidate.ek_tpm, known.ek_tpm) || !Equal(candidate.aik_tpm, known.aik_tpm) ||
      certificate_differs)
    return IdentityChanged();
  return {};
}

Status Reconcile(const wire::RegistrationRequest& request, const std::optional<Record>& known,
                 Record& candidate) {
  if (!known) {
    candidate.regcount = 1;
    return {};
  }
  // Clearing a known value is a change; leaving it out is none (quirk A22).
  if (request.ek_tpm.present && !request.ek_tpm.value) return IdentityChanged();
  if (!request.ek_certificate.present && known->ek_certificate_der) {
    candidate.ek_certificate_der = known->ek_certificate_der;
    candidate.identity = known->identity;
    candidate.identity_why = known->identity_why;
    candidate.identity_findings = known->identity_findings;
  }
  LQ_RETURN_IF_ERROR(CheckSameTpm(*known, candidate));
  candidate.regcount = known->regcount + 1;
  if (!request.ip.present) candidate.ip = known->ip;
  if (!request.port.present) candidate.port = known->port;
  if (!request.transport_certificate.present)
    candidate.transport_certificate = known->transport_certificate;
  return {};
}

}  // namespace limequat::registrar
