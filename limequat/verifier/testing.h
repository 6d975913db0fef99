#pragma once

#include <memory>
#include <string>

#include "limequat/crypto/certificate.h"
#include "limequat/crypto/key.h"
#include "limequat/tpm/testing/public_area_bytes.h"
#include "limequat/verifier/enrolment.h"

// What the tests of this module share: enrolments that are valid and cheap to make.

namespace limequat::verifier::testing {

// "ok", or the id of the error.
inline std::string IdOf(const Status& status) { return status ? "ok" : status.error().id; }
template <class T>
std::string IdOf(const Result<T>& result) {
  return result ? "ok" : result.error().id;
}

// TPM2B_PUBLIC of an ECDSA P-256 attestation key, or of one with other attributes.
inline Bytes MakeAkTpm2b(std::uint32_t attributes = tpm::testing::kAkAttributes) {
  tpm::testing::Template area = tpm::testing::AkTemplate(tpm::AlgorithmId::kEcdsa);
  area.attributes = attributes;
  return tpm::testing::MakePublicArea(
             area, crypto::PrivateKey::GenerateEc(crypto::Curve::kP256).public_key())
      .tpm2b();
}

inline std::string MakeCertificatePem() {
  const auto key = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256);
  const crypto::CertificateRequest request{.common_name = "agent",
                                           .organization = {},
                                           .dns_names = {},
                                           .ip_addresses = {"127.0.0.1"},
                                           .not_before = FromUnixSeconds(1'700'000'000),
                                           .not_after = FromUnixSeconds(4'000'000'000)};
  return crypto::Issue(request, key.public_key(), nullptr, key)->ToPem();
}

inline wire::EnrolRequest MakeEnrolRequest() {
  wire::EnrolRequest request;
  request.ip = "127.0.0.1";
  request.port = 9002;
  request.tpm_policy.mask = 0x400;
  request.metadata = "{}";
  request.accept_hash_algs = {"sha512", "sha384", "sha256"};
  request.accept_enc_algs = {"ecc", "rsa"};
  request.accept_sign_algs = {"ecdsa", "rsassa"};
  request.ak_tpm = MakeAkTpm2b();
  request.transport_certificate = MakeCertificatePem();
  request.supported_version = "2.6";
  return request;
}

inline std::shared_ptr<Enrolment> MakeTestEnrolment(std::string_view id = "machine-1") {
  auto enrolment = MakeEnrolment(*wire::AgentId::Parse(id), MakeEnrolRequest(),
                                 {.identity = "verified",
                                  .ek_fingerprint = std::string(64, 'e'),
                                  .approve_first_boot = true,
                                  .waivers = {}});
  return std::make_shared<Enrolment>(*std::move(enrolment));
}

}  // namespace limequat::verifier::testing
