#include "limequat/crypto/key.h"

#include <string>

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "limequat/base/encoding.h"
#include "limequat/crypto/key_testing.h"

namespace limequat::crypto {
namespace {

// --- Public keys from bytes ---

TEST(PublicKey, ReadsPemAndDerOfEveryKind) {
  for (const PrivateKey* key : {&Rsa(), &Ec(), &Ec(Curve::kP384), &Ec(Curve::kP521)}) {
    const PublicKey key_of = key->public_key();
    const Result<PublicKey> pem = PublicKey::FromPem(key_of.ToPem());
    ASSERT_TRUE(pem) << pem.error().message;
    EXPECT_EQ(*pem, key_of);
    const Result<PublicKey> der = PublicKey::FromSpkiDer(key_of.ToSpkiDer());
    ASSERT_TRUE(der);
    EXPECT_EQ(*der, key_of);
    EXPECT_EQ(der->ToSpkiDer(), key_of.ToSpkiDer());
    EXPECT_EQ(key_of.ToSpkiDer(), SpkiOf(Native(*key).get()));
  }
}

TEST(PublicKey, SaysWhatItIs) {
  EXPECT_EQ(Rsa().public_key().type(), KeyType::kRsa);
  EXPECT_EQ(Rsa().public_key().bits(), 2048);
  EXPECT_EQ(Rsa().public_key().curve(), std::nullopt);
  EXPECT_EQ(Ec().public_key().type(), KeyType::kEc);
  EXPECT_EQ(Ec().public_key().bits(), 256);
  EXPECT_EQ(Ec().public_key().curve(), Curve::kP256);
  EXPECT_EQ(Ec(Curve::kP384).public_key().curve(), Curve::kP384);
  EXPECT_EQ(Ec(Curve::kP521).public_key().curve(), Curve::kP521);
  EXPECT_EQ(Ec(Curve::kP521).public_key().bits(), 521);
  EXPECT_EQ(CurveBytes(Curve::kP256), 32U);
  EXPECT_EQ(CurveBytes(Curve::kP384), 48U);
  EXPECT_EQ(CurveBytes(Curve::kP521), 66U);
  EXPECT_EQ(CurveName(Curve::kP256), "P-256");
  EXPECT_EQ(CurveName(Curve::kP384), "P-384");
  EXPECT_EQ(CurveName(Curve::kP521), "P-521");
}

TEST(PublicKey, WritesPemOfTheUsualForm) {
  const std::string pem = Rsa().public_key().ToPem();
  EXPECT_TRUE(pem.starts_with("-----BEGIN PUBLIC KEY-----\n"));
  EXPECT_TRUE(pem.ends_with("\n-----END PUBLIC KEY-----\n"));
  EXPECT_EQ(pem, PemOf("PUBLIC KEY", Rsa().public_key().ToSpkiDer()));
}

TEST(PublicKey, TakesBlanksAroundThePem) {
  EXPECT_TRUE(PublicKey::FromPem("\n\n" + Rsa().public_key().ToPem() + " \r\n\t\n"));
}

TEST(PublicKey, RefusesTextThatIsNotOnePublicKey) {
  const std::string good = Rsa().public_key().ToPem();
  const Bytes spki = Rsa().public_key().ToSpkiDer();
  const std::string cases[] = {
      "",
      "hello",
      good.substr(0, good.size() / 2),
      good + "x",
      good + good,
      PemOf("CERTIFICATE", spki),
      PemOf("RSA PUBLIC KEY", spki),
      Rsa().ExposePem(),
      "-----BEGIN PUBLIC KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,"
      "00000000000000000000000000000000\n\n" +
          good.substr(good.find('\n') + 1),
      "-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----\n",
  };
  for (const std::string& pem : cases) {
    SCOPED_TRACE(pem.substr(0, 100));
    ExpectError(PublicKey::FromPem(pem), ErrorCode::kMalformed, "crypto.key.pem");
  }
  using namespace std::string_literals;
  ExpectError(PublicKey::FromPem(good + "\0"s), ErrorCode::kMalformed, "crypto.key.pem");
}

TEST(PublicKey, RefusesDerThatIsNotOnePublicKey) {
  const Bytes good = Rsa().public_key().ToSpkiDer();
  for (std::size_t size = 0; size < good.size(); size += 7) {
    ExpectError(PublicKey::FromSpkiDer(ByteView(good).first(size)), ErrorCode::kMalformed,
                "crypto.key.spki");
  }
  Bytes longer = good;
  longer.push_back(0);
  ExpectError(PublicKey::FromSpkiDer(longer), ErrorCode::kMalformed, "crypto.key.spki");
  ExpectError(PublicKey::FromPem(PemOf("PUBLIC KEY", longer)), ErrorCode::kMalformed,
              "crypto.key.spki");
}

const Bytes kRsaEncryption = *HexDecode("300d06092a864886f70d0101010500");
const Bytes kRsaesOaep = *HexDecode("300d06092a864886f70d0101070500");
const Bytes kP256Algorithm = *HexDecode("301306072a8648ce3d020106082a8648ce3d030107");

Bytes Spki(const Bytes& algorithm, const Bytes& key) {
  Bytes bits = {0};
  Append(bits, key);
  Bytes content = algorithm;
  Append(content, Der(0x03, bits));
  return Der(0x30, content);
}

Bytes RsaPublicKeyDer(const Bytes& modulus, const Bytes& exponent) {
  Bytes content = Der(0x02, modulus);
  Append(content, Der(0x02, exponent));
  return Der(0x30, content);
}

TEST(PublicKey, RefusesAKeyThatDoesNotDecode) {
  ExpectError(PublicKey::FromSpkiDer(Spki(kRsaEncryption, {1, 2, 3})), ErrorCode::kMalformed,
              "crypto.key.spki");
  ExpectError(PublicKey::FromSpkiDer(Spki(kP256Algorithm, {1, 2, 3})), ErrorCode::kMalformed,
              "crypto.key.spki");
}

TEST(PublicKey, RefusesAnUnknownAlgorithm) {
  const Bytes unknown = *HexDecode("300706052a03040506");
  ExpectError(PublicKey::FromSpkiDer(Spki(unknown, {1, 2, 3})), ErrorCode::kUnsupported,
              "crypto.key.type");
}

TEST(PublicKey, Quirk_ReadsTheRsaesOaepKeysOfOldEndorsementCertificates) {
  Bytes modulus = {0};
  Append(modulus, ModulusOf(Rsa()));
  const Bytes rsa = RsaPublicKeyDer(modulus, {1, 0, 1});
  const Result<PublicKey> key = PublicKey::FromSpkiDer(Spki(kRsaesOaep, rsa));
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(*key, Rsa().public_key());
  EXPECT_EQ(ERR_peek_error(), 0U);

  Bytes trailing = rsa;
  trailing.push_back(0);
  ExpectError(PublicKey::FromSpkiDer(Spki(kRsaesOaep, trailing)), ErrorCode::kMalformed,
              "crypto.key.spki");
  ExpectError(PublicKey::FromSpkiDer(Spki(kRsaesOaep, {1, 2})), ErrorCode::kMalformed,
              "crypto.key.spki");
}

TEST(PublicKey, BuildsRsaKeysFromNumbers) {
  const Bytes modulus = ModulusOf(Rsa());
  const Result<PublicKey> key = PublicKey::FromRsa(modulus, 65537);
  ASSERT_TRUE(key);
  EXPECT_EQ(*key, Rsa().public_key());
  EXPECT_EQ(key->ToSpkiDer(), Rsa().public_key().ToSpkiDer());
  Bytes padded(10);
  Append(padded, modulus);
  EXPECT_EQ(*PublicKey::FromRsa(padded, 65537), *key) << "leading zeros do not count";
  EXPECT_NE(*PublicKey::FromRsa(modulus, 3), *key);
  EXPECT_TRUE(PublicKey::FromRsa(modulus, 0xffffffffffffffffU)) << "the largest exponent";
}

Bytes OddNumberOfBits(std::size_t bits) {
  Bytes number((bits + 7) / 8);
  number.front() = static_cast<std::uint8_t>(1U << ((bits - 1) % 8));
  number.back() |= 1U;
  return number;
}

TEST(PublicKey, RefusesRsaKeysOutOfBounds) {
  EXPECT_TRUE(PublicKey::FromRsa(OddNumberOfBits(1024), 65537));
  EXPECT_TRUE(PublicKey::FromRsa(OddNumberOfBits(16384), 65537));
  for (const std::size_t bits : {1U, 512U, 1023U, 16385U, 1U << 20U}) {
    ExpectError(PublicKey::FromRsa(OddNumberOfBits(bits), 65537), ErrorCode::kUnsupported,
                "crypto.key.rsa_bits");
  }
  Bytes padded(2049 - 256);
  Append(padded, ModulusOf(Rsa()));
  ExpectError(PublicKey::FromRsa(padded, 65537), ErrorCode::kUnsupported, "crypto.key.rsa_bits");
  ExpectError(PublicKey::FromRsa({}, 65537), ErrorCode::kUnsupported, "crypto.key.rsa_bits");
  ExpectError(PublicKey::FromRsa(Bytes(256), 65537), ErrorCode::kUnsupported,
              "crypto.key.rsa_bits");
  Bytes even = ModulusOf(Rsa());
  even.back() &= 0xfeU;
  ExpectError(PublicKey::FromRsa(even, 65537), ErrorCode::kUnsupported, "crypto.key.rsa_modulus");
  for (const std::uint64_t exponent : {0U, 1U, 2U, 4U, 65536U}) {
    ExpectError(PublicKey::FromRsa(ModulusOf(Rsa()), exponent), ErrorCode::kUnsupported,
                "crypto.key.rsa_exponent");
  }
}

TEST(RsaModulusOf, GivesTheModulusOfRsaKeysOnly) {
  EXPECT_EQ(*RsaModulusOf(Rsa().public_key()), ModulusOf(Rsa()));
  EXPECT_EQ(*RsaModulusOf(*PublicKey::FromRsa(OddNumberOfBits(1025), 3)), OddNumberOfBits(1025));
  ExpectError(RsaModulusOf(Ec().public_key()), ErrorCode::kUnsupported, "crypto.key.rsa");
}

TEST(PublicKey, RefusesRsaKeysOutOfBoundsInDer) {
  ExpectError(PublicKey::FromSpkiDer(
                  Spki(kRsaEncryption, RsaPublicKeyDer(OddNumberOfBits(512), {1, 0, 1}))),
              ErrorCode::kUnsupported, "crypto.key.rsa_bits");
  ExpectError(PublicKey::FromSpkiDer(
                  Spki(kRsaEncryption, RsaPublicKeyDer(OddNumberOfBits(16385), {1, 0, 1}))),
              ErrorCode::kUnsupported, "crypto.key.rsa_bits");
  Bytes modulus = {0};
  Append(modulus, ModulusOf(Rsa()));
  for (const Bytes& exponent : {Bytes{1}, Bytes{0}, Bytes{2}, Bytes{1, 0, 0, 0, 0, 0, 0, 0, 1}}) {
    ExpectError(PublicKey::FromSpkiDer(Spki(kRsaEncryption, RsaPublicKeyDer(modulus, exponent))),
                ErrorCode::kUnsupported, "crypto.key.rsa_exponent");
  }
}

TEST(PublicKey, BuildsEcKeysFromPoints) {
  for (const Curve curve : {Curve::kP256, Curve::kP384, Curve::kP521}) {
    const PublicKey key = Ec(curve).public_key();
    const EcPoint point = *PointOf(key);
    EXPECT_EQ(point.x.size(), CurveBytes(curve));
    EXPECT_EQ(point.y.size(), CurveBytes(curve));
    const Result<PublicKey> back = PublicKey::FromEcPoint(curve, point.x, point.y);
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, key);
    EXPECT_EQ(back->ToSpkiDer(), key.ToSpkiDer());
  }
}

// The point of P-256 with x = 5.
const Bytes kFive = {5};
const Bytes kYOfFive =
    *HexDecode("459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc");

TEST(PublicKey, TakesCoordinatesWithoutTheirLeadingZeros) {
  Bytes padded(31);
  Append(padded, kFive);
  const Result<PublicKey> key = PublicKey::FromEcPoint(Curve::kP256, kFive, kYOfFive);
  ASSERT_TRUE(key);
  EXPECT_EQ(*key, *PublicKey::FromEcPoint(Curve::kP256, padded, kYOfFive));
  EXPECT_EQ(PointOf(*key)->x, padded) << "and gives them back padded";
}

TEST(PublicKey, RefusesPointsThatAreNotOnTheCurve) {
  const EcPoint point = *PointOf(Ec().public_key());
  Bytes wrong = point.y;
  wrong.back() ^= 1U;
  const Bytes zero(32);
  ExpectError(PublicKey::FromEcPoint(Curve::kP256, point.x, wrong), ErrorCode::kMalformed,
              "crypto.key.point");
  ExpectError(PublicKey::FromEcPoint(Curve::kP256, point.y, point.x), ErrorCode::kMalformed,
              "crypto.key.point");
  ExpectError(PublicKey::FromEcPoint(Curve::kP256, zero, zero), ErrorCode::kMalformed,
              "crypto.key.point");
  ExpectError(PublicKey::FromEcPoint(Curve::kP256, {}, {}), ErrorCode::kMalformed,
              "crypto.key.point");
  ExpectError(PublicKey::FromEcPoint(Curve::kP384, point.x, point.y), ErrorCode::kMalformed,
              "crypto.key.point");
}

TEST(PublicKey, RefusesCoordinatesThatAreTooLong) {
  const EcPoint point = *PointOf(Ec().public_key());
  Bytes longer = {0};
  Append(longer, point.x);
  ExpectError(PublicKey::FromEcPoint(Curve::kP256, longer, point.y), ErrorCode::kMalformed,
              "crypto.key.point");
  ExpectError(PublicKey::FromEcPoint(Curve::kP256, point.x, Bytes(1000)), ErrorCode::kMalformed,
              "crypto.key.point");
  ExpectError(PublicKey::FromEcPoint(Curve::kP256, Bytes(100'000), point.y), ErrorCode::kMalformed,
              "crypto.key.point");
}

// x + p names the same field element as x and fits 32 bytes if x < 2^256 - p, as 5 does.
TEST(PublicKey, RefusesCoordinatesThatAreNotReduced) {
  const Bytes five_plus_p =
      *HexDecode("ffffffff00000001000000000000000000000001000000000000000000000004");
  EXPECT_TRUE(PublicKey::FromEcPoint(Curve::kP256, kFive, kYOfFive));
  ExpectError(PublicKey::FromEcPoint(Curve::kP256, five_plus_p, kYOfFive), ErrorCode::kMalformed,
              "crypto.key.point");
}

TEST(PublicKey, RefusesThePointAtInfinity) {
  const Result<PublicKey> key = PublicKey::FromSpkiDer(Spki(kP256Algorithm, {0}));
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().code, ErrorCode::kMalformed);
}

TEST(PublicKey, RefusesAPointOffTheCurveInDer) {
  Bytes spki = Ec().public_key().ToSpkiDer();
  spki.back() ^= 1U;
  ExpectError(PublicKey::FromSpkiDer(spki), ErrorCode::kMalformed, "crypto.key.spki");
}

TEST(PublicKey, NormalisesCompressedPoints) {
  const PkeyOwner pkey = NativeEc("P-256", OPENSSL_EC_NAMED_CURVE, "compressed");
  const Bytes spki = SpkiOf(pkey.get());
  const Result<PublicKey> key = PublicKey::FromSpkiDer(spki);
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_LT(spki.size(), key->ToSpkiDer().size());
  const EcPoint point = *PointOf(*key);
  EXPECT_EQ(*PublicKey::FromEcPoint(Curve::kP256, point.x, point.y), *key);
}

TEST(PublicKey, Cve_2020_0601_RefusesExplicitCurveParameters) {
  const PkeyOwner pkey = NativeEc("P-256", OPENSSL_EC_EXPLICIT_CURVE, nullptr);
  ExpectError(PublicKey::FromSpkiDer(SpkiOf(pkey.get())), ErrorCode::kUnsupported,
              "crypto.key.curve");
}

TEST(PublicKey, KnowsOtherCurvesAsEcWithoutUse) {
  const PkeyOwner pkey = NativeEc("secp256k1", OPENSSL_EC_NAMED_CURVE, nullptr);
  const Result<PublicKey> key = PublicKey::FromSpkiDer(SpkiOf(pkey.get()));
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(key->type(), KeyType::kEc);
  EXPECT_EQ(key->curve(), std::nullopt);
  ExpectError(PointOf(*key), ErrorCode::kUnsupported, "crypto.key.curve");
  ExpectError(AgreeEphemeral(*key), ErrorCode::kUnsupported, "crypto.key.curve");
  EXPECT_EQ(key->Verify(SignatureScheme::kEcdsa, kSha256, kMessage, Bytes(70)),
            SignatureCheck::kInvalid);
}

TEST(PublicKey, KnowsOtherTypesWithoutUse) {
  const PkeyOwner pkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED448"), EVP_PKEY_free);
  const Result<PublicKey> key = PublicKey::FromSpkiDer(SpkiOf(pkey.get()));
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(key->type(), KeyType::kOther);
  EXPECT_EQ(*PublicKey::FromPem(key->ToPem()), *key);
  EXPECT_NE(*key, Rsa().public_key());
  for (const SignatureScheme scheme : {SignatureScheme::kRsaSsa, SignatureScheme::kRsaPss,
                                       SignatureScheme::kEcdsa, SignatureScheme::kEd25519}) {
    EXPECT_EQ(key->Verify(scheme, kSha256, kMessage, Bytes(64)), SignatureCheck::kInvalid);
  }
  ExpectError(key->EncryptOaep(kSha256, {}, kMessage), ErrorCode::kUnsupported, "crypto.oaep.key");
  ExpectError(PointOf(*key), ErrorCode::kUnsupported, "crypto.key.curve");
}

// RFC 4055, 1.2: such a key carries rules for its signatures, which nobody checks here.
TEST(PublicKey, KnowsKeysBoundToPssWithoutUse) {
  const Bytes pss = *HexDecode("300b06092a864886f70d01010a");
  Bytes modulus = {0};
  Append(modulus, ModulusOf(Rsa()));
  const Result<PublicKey> key =
      PublicKey::FromSpkiDer(Spki(pss, RsaPublicKeyDer(modulus, {1, 0, 1})));
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(key->type(), KeyType::kOther);
  EXPECT_NE(*key, Rsa().public_key());
  const Bytes signature = *Rsa().Sign(SignatureScheme::kRsaPss, kSha256, kMessage);
  EXPECT_EQ(key->Verify(SignatureScheme::kRsaPss, kSha256, kMessage, signature),
            SignatureCheck::kInvalid);
}

TEST(PublicKey, LeavesForeignErrorsInTheQueue) {
  ERR_clear_error();
  ERR_raise(ERR_LIB_USER, 7);
  EXPECT_FALSE(PublicKey::FromPem("x"));
  EXPECT_FALSE(PrivateKey::FromPem("x"));
  EXPECT_EQ(ERR_GET_REASON(ERR_get_error()), 7);
  EXPECT_EQ(ERR_get_error(), 0U);
}

TEST(PublicKey, IsEqualToTheSameKeyOnly) {
  EXPECT_EQ(Rsa().public_key(), Rsa().public_key());
  EXPECT_NE(Rsa().public_key(), Ec().public_key());
  EXPECT_NE(Ec().public_key(), Ec(Curve::kP384).public_key());
  EXPECT_NE(Ec().public_key(), PrivateKey::GenerateEc(Curve::kP256).public_key());
}

}  // namespace
}  // namespace limequat::crypto
