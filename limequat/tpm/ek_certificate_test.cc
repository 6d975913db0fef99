#include "limequat/tpm/ek_certificate.h"

#include <gtest/gtest.h>

#include "limequat/tpm/testing/public_area_bytes.h"

namespace limequat::tpm {
namespace {

using crypto::Certificate;
using crypto::CertificateRequest;
using crypto::PrivateKey;
using testing::EkTemplate;
using testing::MakePublicArea;

constexpr std::int64_t kNow = 1'764'000'000;
constexpr std::int64_t kYear = 365 * 24 * 3600;

CertificateRequest Request(std::string name, bool ca, std::int64_t not_after = kNow + kYear) {
  CertificateRequest request;
  request.common_name = std::move(name);
  request.not_before = FromUnixSeconds(kNow - 3 * kYear);
  request.not_after = FromUnixSeconds(not_after);
  request.ca = ca;
  request.endorsement_key = !ca;
  return request;
}

// A vendor with a root, and the EK of one TPM with its certificate.
struct Vendor {
  PrivateKey root_key = PrivateKey::GenerateEc(crypto::Curve::kP256);
  Certificate root =
      *crypto::Issue(Request("Root", true), root_key.public_key(), nullptr, root_key);
  PrivateKey ek_key = PrivateKey::GenerateEc(crypto::Curve::kP256);
  PublicArea ek = MakePublicArea(EkTemplate(), ek_key.public_key());

  Certificate Leaf(std::int64_t not_after = kNow + kYear) const {
    return *crypto::Issue(Request("EK", false, not_after), ek_key.public_key(), &root, root_key);
  }
  EkTrust Trust() const {
    return {.anchors = {root}, .intermediates = {}, .require_valid_time = false};
  }
};

Findings Verify(const std::optional<Certificate>& certificate, const PublicArea& ek,
                const EkTrust& trust) {
  return VerifyEkCertificate(certificate, ek, trust, FromUnixSeconds(kNow));
}

Outcome OutcomeOf(const Findings& findings, std::string_view check) {
  const Finding* finding = FindCheck(findings, check);
  EXPECT_NE(finding, nullptr) << check;
  return finding == nullptr ? Outcome::kPassed : finding->outcome;
}

TEST(EkCertificateTest, GenuineTpm) {
  const Vendor vendor;
  const Findings findings = Verify(vendor.Leaf(), vendor.ek, vendor.Trust());
  EXPECT_TRUE(AllPassed(findings));
  for (const std::string_view check : {"tpm.ekcert.key", "tpm.ekcert.chain", "tpm.ekcert.validity",
                                       "tpm.ekcert.profile", "tpm.ek.attributes"}) {
    EXPECT_EQ(OutcomeOf(findings, check), Outcome::kPassed);
  }
}

TEST(EkCertificateTest, Attack_A12_Cve_2021_3406_CertificateOfAnotherKey) {
  const Vendor vendor;
  const PublicArea other =
      MakePublicArea(EkTemplate(), PrivateKey::GenerateEc(crypto::Curve::kP256).public_key());
  const Findings findings = Verify(vendor.Leaf(), other, vendor.Trust());
  EXPECT_EQ(OutcomeOf(findings, "tpm.ekcert.key"), Outcome::kFailed);
  EXPECT_EQ(OutcomeOf(findings, "tpm.ekcert.chain"), Outcome::kPassed);
}

// An RSA key of 512 bits.
constexpr std::string_view kCertificateOfATooShortKey = R"(-----BEGIN CERTIFICATE-----
MIIBczCCAR2gAwIBAgIUNil1rvvrYGxRJ5iwSs7XzRocENowDQYJKoZIhvcNAQEL
BQAwDTELMAkGA1UEAwwCRUswIBcNMjYxMTI1MTA0NTM4WhgPMjEyNjExMDExMDQ1
MzhaMA0xCzAJBgNVBAMMAkVLMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAOGn8WxV
M/Jz5Uyw88qlaNDGGXnK5xedLyvK5vBq9MghP5K46AhpSr/jaNPS0iTDynS7VCPJ
t6tWiWdsqt2NmUsCAwEAAaNTMFEwHQYDVR0OBBYEFKGVVWV428pBe0Da/9DhUilT
Nd/NMB8GA1UdIwQYMBaAFKGVVWV428pBe0Da/9DhUilTNd/NMA8GA1UdEwEB/wQF
MAMBAf8wDQYJKoZIhvcNAQELBQADQQAXrBXEdy3imAqO0jXhDL+BxUF9s2d9xuQm
CCebdtjKi6GkXTmhbnu9CiQ24tgJDzYnVBEpKjutLbGZPvvPyn1n
-----END CERTIFICATE-----
)";

TEST(EkCertificateTest, CertificateOfAKeyThatIsNotSupported) {
  const Vendor vendor;
  const Certificate certificate = *Certificate::FromPem(kCertificateOfATooShortKey);
  const Findings findings = Verify(certificate, vendor.ek, vendor.Trust());
  EXPECT_EQ(OutcomeOf(findings, "tpm.ekcert.key"), Outcome::kNotEvaluated);
}

TEST(EkCertificateTest, AnotherVendor) {
  const Vendor vendor;
  const Vendor other;
  const Findings findings = Verify(vendor.Leaf(), vendor.ek, other.Trust());
  EXPECT_EQ(OutcomeOf(findings, "tpm.ekcert.chain"), Outcome::kFailed);
}

TEST(EkCertificateTest, IntermediatesAreNotTrusted) {
  const Vendor vendor;
  const Vendor other;
  EkTrust trust = other.Trust();
  trust.intermediates = {vendor.root};
  EXPECT_EQ(OutcomeOf(Verify(vendor.Leaf(), vendor.ek, trust), "tpm.ekcert.chain"),
            Outcome::kFailed);
}

TEST(EkCertificateTest, NoCertificate) {
  const Vendor vendor;
  const Findings findings = Verify(std::nullopt, vendor.ek, vendor.Trust());
  EXPECT_FALSE(AllPassed(findings));
  for (const std::string_view check :
       {"tpm.ekcert.key", "tpm.ekcert.chain", "tpm.ekcert.validity", "tpm.ekcert.profile"}) {
    EXPECT_EQ(OutcomeOf(findings, check), Outcome::kNotEvaluated) << check;
  }
  EXPECT_EQ(OutcomeOf(findings, "tpm.ek.attributes"), Outcome::kPassed);
}

TEST(EkCertificateTest, NoAnchors) {
  const Vendor vendor;
  const Findings findings = Verify(vendor.Leaf(), vendor.ek, EkTrust());
  EXPECT_EQ(OutcomeOf(findings, "tpm.ekcert.key"), Outcome::kPassed);
  EXPECT_EQ(OutcomeOf(findings, "tpm.ekcert.chain"), Outcome::kNotEvaluated);
  EXPECT_EQ(OutcomeOf(findings, "tpm.ekcert.validity"), Outcome::kNotEvaluated);
}

TEST(EkCertificateTest, ExpiredIsAMatterOfChoice) {
  const Vendor vendor;
  const Certificate expired = vendor.Leaf(kNow - kYear);
  EkTrust trust = vendor.Trust();
  EXPECT_EQ(OutcomeOf(Verify(expired, vendor.ek, trust), "tpm.ekcert.validity"), Outcome::kPassed);
  trust.require_valid_time = true;
  EXPECT_EQ(OutcomeOf(Verify(expired, vendor.ek, trust), "tpm.ekcert.validity"), Outcome::kFailed);
}

TEST(EkCertificateTest, Attack_A12_CertificateForSomethingElse) {
  const Vendor vendor;
  CertificateRequest request = Request("AK", false);
  request.endorsement_key = false;
  const Certificate certificate =
      *crypto::Issue(request, vendor.ek_key.public_key(), &vendor.root, vendor.root_key);
  const Findings findings = Verify(certificate, vendor.ek, vendor.Trust());
  EXPECT_EQ(OutcomeOf(findings, "tpm.ekcert.profile"), Outcome::kFailed);
  EXPECT_EQ(OutcomeOf(findings, "tpm.ekcert.chain"), Outcome::kPassed);
}

TEST(EkCertificateTest, RevocationIsRequiredIfItIsAskedFor) {
  const Vendor vendor;
  EkTrust trust = vendor.Trust();
  EXPECT_EQ(FindCheck(Verify(vendor.Leaf(), vendor.ek, trust), "tpm.ekcert.revocation"), nullptr);
  trust.revocation.emplace();
  EXPECT_EQ(OutcomeOf(Verify(vendor.Leaf(), vendor.ek, trust), "tpm.ekcert.revocation"),
            Outcome::kNotEvaluated);
  EXPECT_EQ(OutcomeOf(Verify(std::nullopt, vendor.ek, trust), "tpm.ekcert.revocation"),
            Outcome::kNotEvaluated);
  trust.anchors.clear();
  EXPECT_EQ(OutcomeOf(Verify(vendor.Leaf(), vendor.ek, trust), "tpm.ekcert.revocation"),
            Outcome::kNotEvaluated);
}

TEST(EkCertificateTest, Attack_A12_KeyThatIsNoEndorsementKey) {
  const Vendor vendor;
  const PublicArea unrestricted = [&] {
    auto area = EkTemplate();
    area.attributes &= ~std::uint32_t{kRestricted};
    return MakePublicArea(area, vendor.ek_key.public_key());
  }();
  const Findings findings = Verify(vendor.Leaf(), unrestricted, vendor.Trust());
  EXPECT_EQ(OutcomeOf(findings, "tpm.ek.attributes"), Outcome::kFailed);
  EXPECT_EQ(OutcomeOf(findings, "tpm.ekcert.key"), Outcome::kPassed);
}

}  // namespace
}  // namespace limequat::tpm
