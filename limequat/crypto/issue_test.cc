#include <algorithm>

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "limequat/base/encoding.h"
#include "limequat/crypto/certificate_internal.h"
#include "limequat/crypto/certificate_testing.h"

namespace limequat::crypto {
namespace {

const Identity& Root() {
  static const Identity root = SelfSigned(CaRequestFor("Root"));
  return root;
}

std::uint32_t KeyUsage(const Certificate& certificate) {
  return X509_get_key_usage(certificate.impl().x509.get());
}
bool IsCritical(const Certificate& certificate, int nid) {
  const X509* x509 = certificate.impl().x509.get();
  return X509_EXTENSION_get_critical(X509_get_ext(x509, X509_get_ext_by_NID(x509, nid, -1))) == 1;
}

TEST(Issue, MakesACertificationAuthority) {
  CertificateRequest request = CaRequestFor("Root");
  request.organization = "Limequat";
  request.path_length = 1;
  const Identity root = SelfSigned(request);
  EXPECT_EQ(root.certificate.subject(), "CN=Root,O=Limequat");
  EXPECT_EQ(root.certificate.issuer(), "CN=Root,O=Limequat");
  EXPECT_TRUE(root.certificate.is_ca());
  EXPECT_TRUE(IsCritical(root.certificate, NID_basic_constraints));
  EXPECT_TRUE(IsCritical(root.certificate, NID_key_usage));
  EXPECT_EQ(KeyUsage(root.certificate), std::uint32_t{KU_KEY_CERT_SIGN | KU_CRL_SIGN});
  EXPECT_EQ(X509_get_pathlen(root.certificate.impl().x509.get()), 1);
  EXPECT_EQ(X509_get_version(root.certificate.impl().x509.get()), X509_VERSION_3);
  EXPECT_EQ(X509_get_signature_nid(root.certificate.impl().x509.get()), NID_ecdsa_with_SHA256);
  EXPECT_EQ(X509_get_pathlen(Root().certificate.impl().x509.get()), -1) << "no limit unless asked";
}

TEST(Issue, MakesALeaf) {
  CertificateRequest request = RequestFor("host");
  request.server_auth = true;
  request.client_auth = true;
  request.dns_names = {"host.example.org", "*.example.org", "localhost"};
  request.ip_addresses = {"127.0.0.1", "2001:db8::1"};
  const Identity leaf = IssuedBy(Root(), request);
  EXPECT_EQ(leaf.certificate.issuer(), "CN=Root");
  EXPECT_EQ(leaf.certificate.not_before(), request.not_before);
  EXPECT_EQ(leaf.certificate.not_after(), request.not_after);
  EXPECT_FALSE(leaf.certificate.is_ca());
  EXPECT_EQ(KeyUsage(leaf.certificate), std::uint32_t{KU_DIGITAL_SIGNATURE});
  EXPECT_EQ(leaf.certificate.extended_key_usage(),
            (std::vector<std::string>{"1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"}));
  EXPECT_EQ(*leaf.certificate.public_key(), leaf.key.public_key());
  EXPECT_FALSE(IsCritical(leaf.certificate, NID_subject_alt_name));
  X509* x509 = leaf.certificate.impl().x509.get();
  EXPECT_EQ(X509_check_host(x509, "host.example.org", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(x509, "other.example.org", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(x509, "example.com", 0, 0, nullptr), 0);
  EXPECT_EQ(X509_check_ip_asc(x509, "127.0.0.1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(x509, "2001:db8::1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(x509, "127.0.0.2", 0), 0);
}

TEST(Issue, PutsInOnlyWhatWasAskedFor) {
  const Certificate leaf = IssuedBy(Root(), RequestFor("host")).certificate;
  EXPECT_TRUE(leaf.extended_key_usage().empty());
  EXPECT_EQ(leaf.extension("2.5.29.17"), std::nullopt);
  EXPECT_EQ(leaf.extension(kLabExtensionOid), std::nullopt);
}

TEST(Issue, LetsRsaKeysEncipher) {
  const PrivateKey key = PrivateKey::GenerateRsa(2048);
  const Result<Certificate> leaf =
      Issue(RequestFor("host"), key.public_key(), &Root().certificate, Root().key);
  ASSERT_TRUE(leaf);
  EXPECT_EQ(KeyUsage(*leaf), std::uint32_t{KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT});
}

TEST(Issue, SignsWithRsaKeys) {
  const PrivateKey key = PrivateKey::GenerateRsa(2048);
  const Result<Certificate> root = Issue(CaRequestFor("Root"), key.public_key(), nullptr, key);
  ASSERT_TRUE(root);
  EXPECT_EQ(X509_get_signature_nid(root->impl().x509.get()), NID_sha256WithRSAEncryption);
}

TEST(Issue, LinksTheCertificatesByTheirKeyIdentifiers) {
  const Certificate leaf = IssuedBy(Root(), RequestFor("host")).certificate;
  const ASN1_OCTET_STRING* named = X509_get0_authority_key_id(leaf.impl().x509.get());
  const ASN1_OCTET_STRING* own = X509_get0_subject_key_id(Root().certificate.impl().x509.get());
  ASSERT_NE(named, nullptr);
  ASSERT_NE(own, nullptr);
  EXPECT_EQ(ASN1_OCTET_STRING_cmp(named, own), 0);
  EXPECT_EQ(
      ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(Root().certificate.impl().x509.get()), own),
      0);
}

TEST(Issue, NamesTheIssuersOwnKeyIdentifier) {
  const Certificate odd = Changed(Root().certificate, Root().key, [](X509* x509) {
    RemoveExtension(x509, NID_subject_key_identifier);
    AddRawExtension(x509, "2.5.29.14", false, {0x04, 0x02, 0xab, 0xcd});
  });
  const PrivateKey key = PrivateKey::GenerateEc(Curve::kP256);
  const Result<Certificate> leaf = Issue(RequestFor("host"), key.public_key(), &odd, Root().key);
  ASSERT_TRUE(leaf);
  EXPECT_EQ(*leaf->extension("2.5.29.35"), (Bytes{0x30, 0x04, 0x80, 0x02, 0xab, 0xcd}));
}

TEST(Issue, DrawsPositiveSerialsOf128Bits) {
  std::vector<std::string> seen;
  for (int i = 0; i < 20; ++i) {
    const std::string serial = IssuedBy(Root(), RequestFor("host")).certificate.serial_hex();
    EXPECT_EQ(serial.size(), 32U) << serial;
    EXPECT_LT(serial[0], '8');
    EXPECT_EQ(std::ranges::find(seen, serial), seen.end());
    seen.push_back(serial);
  }
}

TEST(Issue, Attack_A17_MarksALab) {
  CertificateRequest request = CaRequestFor("Lab");
  request.lab = true;
  const Certificate lab = SelfSigned(request).certificate;
  EXPECT_EQ(lab.extension(kLabExtensionOid), (Bytes{0x05, 0x00}));
  X509* x509 = lab.impl().x509.get();
  const int last = X509_get_ext_count(x509) - 1;
  EXPECT_EQ(X509_EXTENSION_get_critical(X509_get_ext(x509, last)), 0);
  EXPECT_EQ(Root().certificate.extension(kLabExtensionOid), std::nullopt);
}

TEST(Issue, TakesTimesBeyond2050) {
  CertificateRequest request = RequestFor("host");
  request.not_before = *ParseRfc3339("1949-12-31T23:59:59Z");
  request.not_after = *ParseRfc3339("9999-12-31T23:59:59Z");
  const Certificate leaf = IssuedBy(Root(), request).certificate;
  EXPECT_EQ(leaf.not_before(), request.not_before);
  EXPECT_EQ(leaf.not_after(), request.not_after);
}

template <class Change>
void ExpectRefused(std::string_view id, Change change) {
  CertificateRequest request = RequestFor("host");
  change(request);
  const PrivateKey key = PrivateKey::GenerateEc(Curve::kP256);
  const Result<Certificate> result =
      Issue(request, key.public_key(), &Root().certificate, Root().key);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kMalformed);
  EXPECT_EQ(result.error().id, id) << result.error().message;
  EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST(Issue, RefusesTimesThatX509DoesNotHave) {
  ExpectRefused("crypto.issue.time", [](auto& request) {
    request.not_before = *ParseRfc3339("0000-01-01T00:00:00Z") - std::chrono::seconds(1);
  });
  ExpectRefused("crypto.issue.time", [](auto& request) {
    request.not_after = *ParseRfc3339("9999-12-31T23:59:59Z") + std::chrono::seconds(1);
  });
  ExpectRefused("crypto.issue.time", [](auto& request) {
    request.not_after = request.not_before - std::chrono::seconds(1);
  });
}

TEST(Issue, RefusesNamesThatX509DoesNotHave) {
  ExpectRefused("crypto.issue.name", [](auto& r) { r.common_name = std::string(65, 'a'); });
  ExpectRefused("crypto.issue.name", [](auto& r) { r.organization = std::string(65, 'a'); });
  ExpectRefused("crypto.issue.name", [](auto& r) { r.common_name = "\xff"; });
  ExpectRefused("crypto.issue.name", [](auto& r) { r.common_name = std::string("a\0b", 3); });
}

TEST(Issue, TakesOtherScriptsInNames) {
  const Certificate leaf = IssuedBy(Root(), RequestFor("Société 測定")).certificate;
  EXPECT_EQ(leaf.common_name(), "Société 測定");
}

TEST(Issue, RefusesDnsNamesThatAreNone) {
  for (const std::string& name : std::vector<std::string>{
           "", ".", "a.", ".a", "a..b", "-a", "a-", "a-.b", "a b", "a,IP:1.2.3.4", "a/b", "é.org",
           "a.*.b", "*", "**.a", std::string("a\0b", 3), std::string(64, 'a'),
           std::string(63, 'a') + "." + std::string(63, 'a') + "." + std::string(63, 'a') + "." +
               std::string(63, 'a')}) {
    ExpectRefused("crypto.issue.dns_name", [&](auto& request) { request.dns_names = {name}; });
  }
}

TEST(Issue, TakesDnsNamesAtTheirLimits) {
  for (const std::string& name :
       std::vector<std::string>{"a", "A-1.b", "xn--bcher-kva.example", "host_1",
                                std::string(63, 'a'), "1.2.3.4.in-addr.arpa"}) {
    CertificateRequest request = RequestFor("host");
    request.dns_names = {name};
    const PrivateKey key = PrivateKey::GenerateEc(Curve::kP256);
    EXPECT_TRUE(Issue(request, key.public_key(), &Root().certificate, Root().key)) << name;
  }
}

TEST(Issue, RefusesAddressesThatAreNone) {
  for (const std::string& address : std::vector<std::string>{
           "", "1.2.3", "1.2.3.256", "localhost", "1.2.3.4/24", "::g", "fe80::1%eth0",
           std::string("1.2.3.4\0x", 9), std::string("::1\0", 4)}) {
    ExpectRefused("crypto.issue.ip_address",
                  [&](auto& request) { request.ip_addresses = {address}; });
  }
}

TEST(Issue, MakesTheAlternativeNamesCriticalWithoutAnyOther) {
  CertificateRequest request = RequestFor("");
  request.dns_names = {"host"};
  const Certificate leaf = IssuedBy(Root(), request).certificate;
  EXPECT_EQ(leaf.subject(), "");
  EXPECT_EQ(leaf.common_name(), std::nullopt);
  EXPECT_TRUE(IsCritical(leaf, NID_subject_alt_name));
}

TEST(Issue, RefusesAKeyThatIsNotTheIssuers) {
  const PrivateKey key = PrivateKey::GenerateEc(Curve::kP256);
  const PrivateKey other = PrivateKey::GenerateEc(Curve::kP256);
  const Result<Certificate> issued =
      Issue(RequestFor("host"), key.public_key(), &Root().certificate, other);
  ASSERT_FALSE(issued);
  EXPECT_EQ(issued.error().code, ErrorCode::kConflict);
  EXPECT_EQ(issued.error().id, "crypto.issue.key");
  const Result<Certificate> self = Issue(RequestFor("host"), key.public_key(), nullptr, other);
  ASSERT_FALSE(self);
  EXPECT_EQ(self.error().id, "crypto.issue.key");
}

TEST(Issue, RefusesAKeyThatDoesNotSignWithSha256) {
  const PkeyPtr pkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(bio.get(), pkey.get(), nullptr, nullptr, 0, nullptr, nullptr);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  const PrivateKey key =
      *PrivateKey::FromPem(std::string_view(text, static_cast<std::size_t>(size)));
  const Result<Certificate> self = Issue(RequestFor("host"), key.public_key(), nullptr, key);
  ASSERT_FALSE(self);
  EXPECT_EQ(self.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(self.error().id, "crypto.issue.key");
  EXPECT_EQ(ERR_peek_error(), 0U);
}

}  // namespace
}  // namespace limequat::crypto
