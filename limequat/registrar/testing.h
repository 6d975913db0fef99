#pragma once

#include <string>

#include "limequat/base/encoding.h"
#include "limequat/crypto/certificate.h"
#include "limequat/crypto/key.h"
#include "limequat/tpm/testing/public_area_bytes.h"
#include "limequat/wire/registration.h"

// What the tests of this module share: manufacturers of TPMs, and machines with keys
// as their agents would register them. The keys are not in a TPM: nothing here is
// activated.

namespace limequat::registrar::testing {

using tpm::testing::kAkAttributes;
using tpm::testing::kEkAttributes;

class Manufacturer {
 public:
  const crypto::Certificate& certificate() const { return certificate_; }

  crypto::Certificate CertificateFor(const crypto::PublicKey& ek) const {
    return *crypto::Issue(Named("ek", false), ek, &certificate_, key_);
  }

 private:
  static crypto::CertificateRequest Named(std::string name, bool ca) {
    return {.common_name = std::move(name),
            .organization = {},
            .dns_names = {},
            .ip_addresses = {},
            .not_before = FromUnixSeconds(1'700'000'000),
            .not_after = FromUnixSeconds(4'000'000'000),
            .ca = ca,
            .endorsement_key = !ca};
  }

  crypto::PrivateKey key_ = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256);
  crypto::Certificate certificate_ =
      *crypto::Issue(Named("manufacturer", true), key_.public_key(), nullptr, key_);
};

class Machine {
 public:
  explicit Machine(const Manufacturer& manufacturer, std::uint32_t ek_attributes = kEkAttributes,
                   std::uint32_t ak_attributes = kAkAttributes) {
    const auto ek_key = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256).public_key();
    const auto ak_key = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256).public_key();
    request_.ek_tpm = {.present = true, .value = Tpm2b(EkTemplate(), ek_attributes, ek_key)};
    request_.aik_tpm =
        Tpm2b(tpm::testing::AkTemplate(tpm::AlgorithmId::kEcdsa), ak_attributes, ak_key);
    request_.ek_certificate = {.present = true, .value = manufacturer.CertificateFor(ek_key)};
    request_.ip = {.present = true, .value = "127.0.0.1"};
    request_.port = {.present = true, .value = std::uint16_t{9002}};
    request_.transport_certificate = {
        .present = true, .value = wire::TransportCertificate{.disabled = true, .pem = {}}};
  }

  wire::RegistrationRequest Request() const { return request_; }

 private:
  static Bytes Tpm2b(tpm::testing::Template area, std::uint32_t attributes,
                     const crypto::PublicKey& key) {
    area.attributes = attributes;
    return tpm::testing::MakePublicArea(area, key).tpm2b();
  }

  static tpm::testing::Template EkTemplate() {
    auto area = tpm::testing::EkTemplate();
    area.auth_policy =
        *HexDecode("837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa");
    return area;
  }

  wire::RegistrationRequest request_;
};

}  // namespace limequat::registrar::testing
