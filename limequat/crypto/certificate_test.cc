#include "limequat/crypto/certificate.h"

#include <algorithm>

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "limequat/base/encoding.h"
#include "limequat/crypto/certificate_testing.h"

namespace limequat::crypto {
namespace {

const Identity& Root() {
  static const Identity root = SelfSigned(CaRequestFor("Root"));
  return root;
}

template <class T>
void ExpectMalformed(const Result<T>& result, std::string_view id) {
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, ErrorCode::kMalformed);
  EXPECT_EQ(result.error().id, id) << result.error().message;
  EXPECT_EQ(ERR_peek_error(), 0U) << "something is left in OpenSSL's error queue";
}

TEST(Certificate, RoundTripsThroughPemAndDer) {
  const Certificate& root = Root().certificate;
  EXPECT_EQ(*Certificate::FromDer(root.ToDer()), root);
  EXPECT_EQ(*Certificate::FromPem(root.ToPem()), root);
  EXPECT_EQ(Certificate::FromPem(root.ToPem())->ToDer(), root.ToDer());
  EXPECT_TRUE(root.ToPem().starts_with("-----BEGIN CERTIFICATE-----\n"));
  EXPECT_TRUE(root.ToPem().ends_with("-----END CERTIFICATE-----\n"));
}

TEST(Certificate, IsEqualIfItsBytesAre) {
  const Identity other = SelfSigned(CaRequestFor("Root"));
  EXPECT_EQ(Root().certificate, Root().certificate);
  EXPECT_NE(Root().certificate, other.certificate);
}

TEST(Certificate, RefusesDerThatIsNotOneCertificate) {
  const Bytes good = Root().certificate.ToDer();
  for (std::size_t size = 0; size < good.size(); size += 5) {
    ExpectMalformed(Certificate::FromDer(ByteView(good).first(size)), "crypto.certificate.der");
  }
  Bytes longer = good;
  longer.push_back(0);
  ExpectMalformed(Certificate::FromDer(longer), "crypto.certificate.trailing");
  ExpectMalformed(Certificate::FromDer(Root().key.public_key().ToSpkiDer()),
                  "crypto.certificate.der");
  ExpectMalformed(Certificate::FromDer(Bytes((128U << 10U) + 1, 0x30)), "crypto.certificate.size");
}

TEST(Certificate, TakesTheFirstOfPemText) {
  const Identity second = SelfSigned(CaRequestFor("Second"));
  const std::string text = "a comment\n" + Root().key.public_key().ToPem() +
                           Root().certificate.ToPem() + second.certificate.ToPem();
  EXPECT_EQ(*Certificate::FromPem(text), Root().certificate);
}

TEST(Certificate, RefusesPemWithoutACertificate) {
  const std::string good = Root().certificate.ToPem();
  for (const std::string& text :
       {std::string(), std::string("hello"), good.substr(0, good.size() / 2),
        Root().key.public_key().ToPem(),
        std::string("-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n")}) {
    ExpectMalformed(Certificate::FromPem(text), "crypto.certificate.pem");
    ExpectMalformed(Certificate::AllFromPem(text), "crypto.certificate.pem");
  }
  ExpectMalformed(
      Certificate::FromPem("-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n"),
      "crypto.certificate.der");
}

TEST(Certificate, TakesAllOfPemText) {
  const Identity second = SelfSigned(CaRequestFor("Second"));
  const std::string text = "# roots\n" + Root().certificate.ToPem() + "# another\n" +
                           second.key.public_key().ToPem() + second.certificate.ToPem() + "end\n";
  const Result<std::vector<Certificate>> all = Certificate::AllFromPem(text, 2);
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(*all, (std::vector<Certificate>{Root().certificate, second.certificate}));
  ExpectMalformed(Certificate::AllFromPem(text, 1), "crypto.certificate.count");
}

TEST(Certificate, RefusesAllIfOneIsDamaged) {
  const std::string good = Root().certificate.ToPem();
  ExpectMalformed(Certificate::AllFromPem(good + good.substr(0, good.size() / 2)),
                  "crypto.certificate.pem");
  ExpectMalformed(Certificate::AllFromPem(
                      good + "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n"),
                  "crypto.certificate.der");
  ExpectMalformed(
      Certificate::AllFromPem(
          good + "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n" + good),
      "crypto.certificate.pem");
}

TEST(Certificate, GivesItsFields) {
  CertificateRequest request = RequestFor("host");
  request.organization = "Org, Inc.";
  request.client_auth = true;
  const Certificate leaf = IssuedBy(Root(), request).certificate;
  EXPECT_EQ(leaf.subject(), "CN=host,O=Org\\, Inc.");
  EXPECT_EQ(leaf.issuer(), "CN=Root");
  EXPECT_EQ(leaf.common_name(), "host");
  EXPECT_EQ(leaf.not_before(), request.not_before);
  EXPECT_EQ(leaf.not_after(), request.not_after);
  EXPECT_FALSE(leaf.is_ca());
  EXPECT_EQ(leaf.extended_key_usage(), std::vector<std::string>{"1.3.6.1.5.5.7.3.2"});
  EXPECT_EQ(leaf.extension("2.5.29.37"), *HexDecode("300a06082b06010505070302"));
  EXPECT_EQ(leaf.extension("1.2.3"), std::nullopt);
  EXPECT_EQ(leaf.extension("not an oid"), std::nullopt);
  EXPECT_EQ(leaf.extension(""), std::nullopt);
  EXPECT_EQ(ERR_peek_error(), 0U);
}

void SetSubject(X509* x509, const char* field, int type, const Bytes& value) {
  X509_NAME* name = X509_NAME_new();
  X509_NAME_add_entry_by_txt(name, field, type, value.data(), static_cast<int>(value.size()), -1,
                             0);
  X509_set_subject_name(x509, name);
  X509_NAME_free(name);
}

Certificate WithSubject(const char* field, int type, const Bytes& value) {
  return Changed(Root().certificate, Root().key,
                 [&](X509* x509) { SetSubject(x509, field, type, value); });
}

TEST(Certificate, Attack_A15_EscapesNames) {
  EXPECT_EQ(WithSubject("CN", V_ASN1_UTF8STRING, ToBytes("\x1b[2J")).subject(), "CN=\\1B[2J");
  EXPECT_EQ(WithSubject("CN", V_ASN1_UTF8STRING, ToBytes("a,O=b")).subject(), "CN=a\\,O=b");
  EXPECT_EQ(WithSubject("CN", V_ASN1_UTF8STRING, ToBytes("a\nb")).subject(), "CN=a\\0Ab");
  EXPECT_EQ(WithSubject("CN", V_ASN1_UTF8STRING, ToBytes("\xe2\x80\xae")).subject(),
            "CN=\\E2\\80\\AE")
      << "right-to-left override";
}

// DER of a certificate whose common name has the bytes `content` of the type `type`.
Bytes DerWithName(std::uint8_t type, const Bytes& content) {
  Bytes der = WithSubject("CN", V_ASN1_UTF8STRING, Bytes(content.size(), 'n')).ToDer();
  Bytes needle = {V_ASN1_UTF8STRING, static_cast<std::uint8_t>(content.size())};
  Append(needle, Bytes(content.size(), 'n'));
  const auto at = std::ranges::search(der, needle);
  *at.begin() = type;
  std::ranges::copy(content, at.begin() + 2);
  return der;
}

TEST(Certificate, RefusesNamesThatAreNotWhatTheySay) {
  ExpectMalformed(Certificate::FromDer(DerWithName(V_ASN1_UTF8STRING, {'a', 0xff, 'b', 'c'})),
                  "crypto.certificate.der");
  ExpectMalformed(Certificate::FromDer(DerWithName(V_ASN1_BMPSTRING, {0, 'a', 'b'})),
                  "crypto.certificate.der");
}

TEST(Certificate, ShowsNamesThatAreNoText) {
  const Certificate bits = *Certificate::FromDer(DerWithName(V_ASN1_BIT_STRING, {0, 'a', 1}));
  EXPECT_EQ(bits.subject(), "CN=#0303006101");
  EXPECT_EQ(bits.common_name(), std::nullopt);
  const Result<Certificate> surrogate =
      Certificate::FromDer(DerWithName(V_ASN1_BMPSTRING, {0xd8, 0x00, 0xd8, 0x00}));
  EXPECT_FALSE(surrogate) << surrogate->subject();
  EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST(Certificate, GivesCommonNamesOfEveryStringType) {
  EXPECT_EQ(WithSubject("CN", V_ASN1_BMPSTRING, {0x00, 0x61, 0x6e, 0x2c}).common_name(), "a測");
  EXPECT_EQ(WithSubject("CN", V_ASN1_T61STRING, {0x61, 0xe9}).common_name(), "aé");
  EXPECT_EQ(WithSubject("CN", V_ASN1_PRINTABLESTRING, ToBytes("host")).common_name(), "host");
  EXPECT_EQ(WithSubject("O", V_ASN1_UTF8STRING, ToBytes("host")).common_name(), std::nullopt);
}

// CVE-2009-2408 of many programs: "host.example\0.attacker.example".
TEST(Certificate, Cve_2009_2408_GivesNoCommonNameWithANul) {
  EXPECT_EQ(
      WithSubject("CN", V_ASN1_UTF8STRING, ToBytes(std::string_view("host\0x", 6))).common_name(),
      std::nullopt);
}

TEST(Certificate, GivesTheFirstCommonName) {
  const Certificate certificate = Changed(Root().certificate, Root().key, [](X509* x509) {
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
                               AsBytes("second").data(), -1, -1, 0);
  });
  EXPECT_EQ(certificate.common_name(), "Root");
}

std::string SerialOf(const char* decimal) {
  return Changed(Root().certificate, Root().key,
                 [&](X509* x509) {
                   BIGNUM* number = nullptr;
                   BN_dec2bn(&number, decimal);
                   ASN1_INTEGER* serial = BN_to_ASN1_INTEGER(number, nullptr);
                   X509_set_serialNumber(x509, serial);
                   ASN1_INTEGER_free(serial);
                   BN_free(number);
                 })
      .serial_hex();
}

TEST(Certificate, GivesSerialsOfEverySign) {
  EXPECT_EQ(SerialOf("0"), "00");
  EXPECT_EQ(SerialOf("1"), "01");
  EXPECT_EQ(SerialOf("255"), "ff");
  EXPECT_EQ(SerialOf("256"), "0100");
  EXPECT_EQ(SerialOf("-1"), "-01");
  EXPECT_EQ(SerialOf("-256"), "-0100");
}

Result<Certificate> WithValidity(const char* not_before, const char* not_after) {
  return Certificate::FromDer(ChangedDer(Root().certificate, Root().key, [&](X509* x509) {
    const auto make = [](const char* text) {
      // Two digits of the year: UTCTime; four: GeneralizedTime.
      ASN1_TIME* time = ASN1_STRING_type_new(
          std::string_view(text).size() > 13 ? V_ASN1_GENERALIZEDTIME : V_ASN1_UTCTIME);
      ASN1_STRING_set(time, text, -1);
      return time;
    };
    ASN1_TIME* first = make(not_before);
    ASN1_TIME* last = make(not_after);
    X509_set1_notBefore(x509, first);
    X509_set1_notAfter(x509, last);
    ASN1_TIME_free(first);
    ASN1_TIME_free(last);
  }));
}

TEST(Certificate, ReadsTimesOfBothForms) {
  const auto times = [](const char* not_before, const char* not_after) {
    const Result<Certificate> certificate = WithValidity(not_before, not_after);
    if (!certificate) return certificate.error().id;
    return FormatRfc3339(certificate->not_before()) + " " + FormatRfc3339(certificate->not_after());
  };
  EXPECT_EQ(times("500101000000Z", "491231235959Z"), "1950-01-01T00:00:00Z 2049-12-31T23:59:59Z");
  EXPECT_EQ(times("20380119031407Z", "20380119031408Z"),
            "2038-01-19T03:14:07Z 2038-01-19T03:14:08Z")
      << "on both sides of 2^31 seconds";
  EXPECT_EQ(times("00010101000000Z", "99991231235959Z"),
            "0001-01-01T00:00:00Z 9999-12-31T23:59:59Z");
  EXPECT_EQ(times("20000229000000Z", "20000229000000Z"),
            "2000-02-29T00:00:00Z 2000-02-29T00:00:00Z");
}

TEST(Certificate, RefusesTimesThatAreNone) {
  for (const char* text : {"99991331235959Z", "20010229000000Z", "20260101250000Z", "hello", "",
                           "20261125090405", "20261125Z"}) {
    ExpectMalformed(WithValidity("20000101000000Z", text), "crypto.certificate.time");
    ExpectMalformed(WithValidity(text, "20300101000000Z"), "crypto.certificate.time");
  }
}

TEST(Certificate, RefusesTwoExtensionsOfOneKind) {
  const auto twice = [](const char* oid) {
    return Certificate::FromDer(ChangedDer(Root().certificate, Root().key, [&](X509* x509) {
      AddRawExtension(x509, oid, false, {0x05, 0x00});
      AddRawExtension(x509, oid, false, {0x05, 0x00});
    }));
  };
  ExpectMalformed(twice("1.2.3.4"), "crypto.certificate.extension");
  ExpectMalformed(twice(std::string(kLabExtensionOid).c_str()), "crypto.certificate.extension");
  ExpectMalformed(Certificate::FromDer(ChangedDer(
                      Root().certificate, Root().key,
                      [](X509* x509) { AddRawExtension(x509, "2.5.29.19", true, {0x30, 0x00}); })),
                  "crypto.certificate.extension");
}

TEST(Certificate, IsNoAuthorityUnlessItSaysSo) {
  EXPECT_TRUE(Root().certificate.is_ca());
  // OpenSSL calls each of these an authority of some kind.
  const auto without = [](const std::function<void(X509*)>& change) {
    return Changed(Root().certificate, Root().key, [&](X509* x509) {
      RemoveExtension(x509, NID_basic_constraints);
      change(x509);
    });
  };
  EXPECT_FALSE(without([](X509*) {}).is_ca()) << "keyUsage keyCertSign alone";
  // And it does not call this one so.
  EXPECT_TRUE(Changed(Root().certificate, Root().key, [](X509* x509) {
                RemoveExtension(x509, NID_key_usage);
                AddRawExtension(x509, "2.5.29.15", true, {0x03, 0x02, 0x03, 0x08});  // keyAgreement
              }).is_ca());
  const Certificate version1 = without([](X509* x509) {
    while (X509_get_ext_count(x509) > 0) X509_EXTENSION_free(X509_delete_ext(x509, 0));
    X509_set_version(x509, X509_VERSION_1);
  });
  EXPECT_FALSE(version1.is_ca());
  EXPECT_TRUE(version1.extended_key_usage().empty());
  EXPECT_EQ(version1.common_name(), "Root");
}

TEST(Certificate, GivesNoUsageIfTheExtensionIsDamaged) {
  const Certificate damaged = Changed(Root().certificate, Root().key, [](X509* x509) {
    AddRawExtension(x509, "2.5.29.37", false, {0x01});
  });
  EXPECT_TRUE(damaged.extended_key_usage().empty());
  EXPECT_EQ(damaged.extension("2.5.29.37"), Bytes{0x01});
  EXPECT_EQ(ERR_peek_error(), 0U);
}

TEST(Certificate, GivesItsKey) {
  for (const PrivateKey& key :
       {PrivateKey::GenerateRsa(2048), PrivateKey::GenerateEc(Curve::kP384)}) {
    const Result<Certificate> certificate = Issue(RequestFor("x"), key.public_key(), nullptr, key);
    ASSERT_TRUE(certificate);
    const Result<PublicKey> read = certificate->public_key();
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, key.public_key());
  }
}

TEST(Certificate, HasNoKeyOfAnUnknownType) {
  Bytes der = Root().certificate.ToDer();
  // id-ecPublicKey becomes another number of the same length.
  const Bytes oid = *HexDecode("06072a8648ce3d0201");
  const auto at = std::ranges::search(der, oid);
  ASSERT_FALSE(at.empty());
  *(at.end() - 1) = 0x7f;
  const Result<Certificate> certificate = Certificate::FromDer(der);
  ASSERT_TRUE(certificate);
  const Result<PublicKey> key = certificate->public_key();
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(ERR_peek_error(), 0U);
}

}  // namespace
}  // namespace limequat::crypto
