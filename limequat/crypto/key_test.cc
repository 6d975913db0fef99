#include "limequat/crypto/key.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "limequat/base/encoding.h"

namespace limequat::crypto {
namespace {

using PkeyOwner = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using ContextOwner = std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)>;

constexpr HashAlgorithm kSha256 = HashAlgorithm::kSha256;
const Bytes kMessage = ToBytes("a quote");

const PrivateKey& Rsa() {
  static const PrivateKey key = PrivateKey::GenerateRsa(2048);
  return key;
}
const PrivateKey& Ec(Curve curve = Curve::kP256) {
  static const PrivateKey p256 = PrivateKey::GenerateEc(Curve::kP256);
  static const PrivateKey p384 = PrivateKey::GenerateEc(Curve::kP384);
  static const PrivateKey p521 = PrivateKey::GenerateEc(Curve::kP521);
  return curve == Curve::kP256 ? p256 : curve == Curve::kP384 ? p384 : p521;
}

// The key in OpenSSL's hands, for what this module does not offer.
PkeyOwner Native(const PrivateKey& key) {
  const std::string pem = key.ExposePem();
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  EVP_PKEY* pkey = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  return {pkey, EVP_PKEY_free};
}

Bytes SpkiOf(const EVP_PKEY* pkey) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(pkey, &der);
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

PkeyOwner NativeEc(const char* curve, int encoding, const char* point_format) {
  EVP_PKEY* pkey = nullptr;
  const ContextOwner context(EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nullptr), EVP_PKEY_CTX_free);
  EVP_PKEY_keygen_init(context.get());
  EVP_PKEY_CTX_set_group_name(context.get(), curve);
  EVP_PKEY_CTX_set_ec_param_enc(context.get(), encoding);
  EVP_PKEY_generate(context.get(), &pkey);
  if (point_format != nullptr) {
    EVP_PKEY_set_utf8_string_param(pkey, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, point_format);
  }
  return {pkey, EVP_PKEY_free};
}

std::string PemOf(std::string_view label, ByteView der) {
  std::string text = "-----BEGIN " + std::string(label) + "-----\n";
  const std::string base64 = Base64Encode(der);
  for (std::size_t i = 0; i < base64.size(); i += 64) text += base64.substr(i, 64) + "\n";
  return text + "-----END " + std::string(label) + "-----\n";
}

template <class T>
void ExpectError(const Result<T>& result, ErrorCode code, std::string_view id) {
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, code) << result.error().message;
  EXPECT_EQ(result.error().id, id) << result.error().message;
  EXPECT_EQ(ERR_peek_error(), 0U) << "something is left in OpenSSL's error queue";
}

// One run of DER: tag, length, content.
Bytes Der(std::uint8_t tag, const Bytes& content) {
  Bytes bytes = {tag};
  if (content.size() >= 0x100) {
    bytes.push_back(0x82);
    bytes.push_back(static_cast<std::uint8_t>(content.size() >> 8U));
  } else if (content.size() >= 0x80) {
    bytes.push_back(0x81);
  }
  bytes.push_back(static_cast<std::uint8_t>(content.size()));
  Append(bytes, content);
  return bytes;
}

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

Bytes ModulusOf(const PrivateKey& key) {
  BIGNUM* number = nullptr;
  EVP_PKEY_get_bn_param(Native(key).get(), OSSL_PKEY_PARAM_RSA_N, &number);
  Bytes bytes(static_cast<std::size_t>(BN_num_bytes(number)));
  BN_bn2bin(number, bytes.data());
  BN_free(number);
  return bytes;
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

// --- Signatures ---

TEST(Verify, TakesWhatSignMakes) {
  for (const HashAlgorithm hash :
       {HashAlgorithm::kSha1, kSha256, HashAlgorithm::kSha384, HashAlgorithm::kSha512}) {
    for (const SignatureScheme scheme : {SignatureScheme::kRsaSsa, SignatureScheme::kRsaPss}) {
      const Result<Bytes> signature = Rsa().Sign(scheme, hash, kMessage);
      ASSERT_TRUE(signature);
      EXPECT_EQ(Rsa().public_key().Verify(scheme, hash, kMessage, *signature),
                SignatureCheck::kValid);
    }
    for (const Curve curve : {Curve::kP256, Curve::kP384, Curve::kP521}) {
      const Result<Bytes> signature = Ec(curve).Sign(SignatureScheme::kEcdsa, hash, kMessage);
      ASSERT_TRUE(signature);
      EXPECT_EQ(Ec(curve).public_key().Verify(SignatureScheme::kEcdsa, hash, kMessage, *signature),
                SignatureCheck::kValid);
    }
  }
}

// RFC 6979, A.2.5: P-256, SHA-256, "sample".
TEST(Verify, TakesTheSignatureOfTheStandard) {
  const Result<PublicKey> key = PublicKey::FromEcPoint(
      Curve::kP256, *HexDecode("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"),
      *HexDecode("7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"));
  ASSERT_TRUE(key);
  const Bytes signature = *HexDecode(
      "3046"
      "022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
      "022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
  EXPECT_EQ(key->Verify(SignatureScheme::kEcdsa, kSha256, AsBytes("sample"), signature),
            SignatureCheck::kValid);
  EXPECT_EQ(key->Verify(SignatureScheme::kEcdsa, kSha256, AsBytes("simple"), signature),
            SignatureCheck::kInvalid);
}

struct Signed {
  const PrivateKey* key;
  SignatureScheme scheme;
  Bytes signature;
};

std::vector<Signed> OneOfEachScheme() {
  return {
      {&Rsa(), SignatureScheme::kRsaSsa, *Rsa().Sign(SignatureScheme::kRsaSsa, kSha256, kMessage)},
      {&Rsa(), SignatureScheme::kRsaPss, *Rsa().Sign(SignatureScheme::kRsaPss, kSha256, kMessage)},
      {&Ec(), SignatureScheme::kEcdsa, *Ec().Sign(SignatureScheme::kEcdsa, kSha256, kMessage)}};
}

TEST(Verify, RefusesEveryChangedBit) {
  for (const Signed& each : OneOfEachScheme()) {
    const PublicKey key = each.key->public_key();
    for (std::size_t bit = 0; bit < each.signature.size() * 8; bit += 3) {
      Bytes changed = each.signature;
      changed[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
      ASSERT_EQ(key.Verify(each.scheme, kSha256, kMessage, changed), SignatureCheck::kInvalid)
          << bit;
    }
    Bytes other = kMessage;
    other[0] ^= 1U;
    EXPECT_EQ(key.Verify(each.scheme, kSha256, other, each.signature), SignatureCheck::kInvalid);
    EXPECT_EQ(ERR_peek_error(), 0U);
  }
}

TEST(Verify, RefusesOtherLengths) {
  for (const Signed& each : OneOfEachScheme()) {
    const PublicKey key = each.key->public_key();
    for (std::size_t size = 0; size < each.signature.size(); ++size) {
      ASSERT_EQ(key.Verify(each.scheme, kSha256, kMessage, ByteView(each.signature).first(size)),
                SignatureCheck::kInvalid);
    }
    Bytes longer = each.signature;
    longer.push_back(0);
    EXPECT_EQ(key.Verify(each.scheme, kSha256, kMessage, longer), SignatureCheck::kInvalid);
    Bytes padded = {0};
    Append(padded, each.signature);
    EXPECT_EQ(key.Verify(each.scheme, kSha256, kMessage, padded), SignatureCheck::kInvalid);
  }
}

TEST(Verify, RefusesAnotherHashSchemeOrKey) {
  const PrivateKey other_rsa = PrivateKey::GenerateRsa(2048);
  const PrivateKey other_ec = PrivateKey::GenerateEc(Curve::kP256);
  for (const Signed& each : OneOfEachScheme()) {
    const PublicKey key = each.key->public_key();
    EXPECT_EQ(key.Verify(each.scheme, HashAlgorithm::kSha1, kMessage, each.signature),
              SignatureCheck::kInvalid);
    EXPECT_EQ(key.Verify(each.scheme, HashAlgorithm::kSha384, kMessage, each.signature),
              SignatureCheck::kInvalid);
    for (const SignatureScheme scheme :
         {SignatureScheme::kRsaSsa, SignatureScheme::kRsaPss, SignatureScheme::kEcdsa}) {
      if (scheme == each.scheme) continue;
      EXPECT_EQ(key.Verify(scheme, kSha256, kMessage, each.signature), SignatureCheck::kInvalid);
    }
    for (const PrivateKey* other : {&other_rsa, &other_ec}) {
      EXPECT_EQ(other->public_key().Verify(each.scheme, kSha256, kMessage, each.signature),
                SignatureCheck::kInvalid);
    }
  }
}

TEST(Verify, TakesADigestForItsMessage) {
  const Digest digest = Hash(kSha256, kMessage);
  for (const Signed& each : OneOfEachScheme()) {
    const PublicKey key = each.key->public_key();
    EXPECT_EQ(key.VerifyDigest(each.scheme, digest, each.signature), SignatureCheck::kValid);
    EXPECT_EQ(key.VerifyDigest(each.scheme, Hash(kSha256, digest.bytes()), each.signature),
              SignatureCheck::kInvalid);
  }
}

// --- Ed25519 ---

const PrivateKey& Edwards() {
  static const PrivateKey key = PrivateKey::GenerateEd25519();
  return key;
}

TEST(Ed25519, VerifiesWhatItSigns) {
  const PublicKey key = Edwards().public_key();
  EXPECT_EQ(key.type(), KeyType::kEd25519);
  const Bytes signature = *Edwards().Sign(SignatureScheme::kEd25519, kSha256, kMessage);
  EXPECT_EQ(signature.size(), 64U);
  EXPECT_EQ(key.Verify(SignatureScheme::kEd25519, kSha256, kMessage, signature),
            SignatureCheck::kValid);
  const PrivateKey back = *PrivateKey::FromPem(Edwards().ExposePem());
  EXPECT_EQ(back.public_key(), key);
  EXPECT_EQ(*PublicKey::FromPem(key.ToPem()), key);
}

// RFC 8032, 7.1, test 2.
TEST(Ed25519, TakesTheSignatureOfTheStandard) {
  Bytes spki = *HexDecode("302a300506032b6570032100");
  Append(spki, *HexDecode("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"));
  const PublicKey key = *PublicKey::FromSpkiDer(spki);
  const Bytes signature = *HexDecode(
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  EXPECT_EQ(key.Verify(SignatureScheme::kEd25519, kSha256, Bytes{0x72}, signature),
            SignatureCheck::kValid);
  EXPECT_EQ(key.Verify(SignatureScheme::kEd25519, kSha256, Bytes{0x73}, signature),
            SignatureCheck::kInvalid);
}

TEST(Ed25519, RefusesEverythingElse) {
  const PublicKey key = Edwards().public_key();
  const Bytes signature = *Edwards().Sign(SignatureScheme::kEd25519, kSha256, kMessage);
  const auto check = [&](ByteView bytes) {
    return key.Verify(SignatureScheme::kEd25519, kSha256, kMessage, bytes);
  };
  for (std::size_t i = 0; i < signature.size(); ++i) {
    Bytes changed = signature;
    changed[i] ^= 1U;
    EXPECT_EQ(check(changed), SignatureCheck::kInvalid) << i;
  }
  EXPECT_EQ(check({}), SignatureCheck::kInvalid);
  EXPECT_EQ(check(ByteView(signature).first(63)), SignatureCheck::kInvalid);
  Bytes longer = signature;
  longer.push_back(0);
  EXPECT_EQ(check(longer), SignatureCheck::kInvalid);
  const PublicKey other = PrivateKey::GenerateEd25519().public_key();
  EXPECT_EQ(other.Verify(SignatureScheme::kEd25519, kSha256, kMessage, signature),
            SignatureCheck::kInvalid);
  for (const PrivateKey* wrong : {&Rsa(), &Ec()}) {
    EXPECT_EQ(wrong->public_key().Verify(SignatureScheme::kEd25519, kSha256, kMessage, signature),
              SignatureCheck::kInvalid);
    ExpectError(wrong->Sign(SignatureScheme::kEd25519, kSha256, kMessage), ErrorCode::kUnsupported,
                "crypto.sign");
  }
  for (const SignatureScheme scheme :
       {SignatureScheme::kRsaSsa, SignatureScheme::kRsaPss, SignatureScheme::kEcdsa}) {
    EXPECT_EQ(key.Verify(scheme, kSha256, kMessage, signature), SignatureCheck::kInvalid);
    ExpectError(Edwards().Sign(scheme, kSha256, kMessage), ErrorCode::kUnsupported, "crypto.sign");
  }
  EXPECT_EQ(key.VerifyDigest(SignatureScheme::kEd25519, Hash(kSha256, kMessage), signature),
            SignatureCheck::kInvalid);
}

Bytes PssSignature(int salt_length, const EVP_MD* mgf1) {
  const PkeyOwner pkey = Native(Rsa());
  const ContextOwner context(EVP_PKEY_CTX_new(pkey.get(), nullptr), EVP_PKEY_CTX_free);
  EVP_PKEY_sign_init(context.get());
  EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PSS_PADDING);
  EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256());
  EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), mgf1);
  EVP_PKEY_CTX_set_rsa_pss_saltlen(context.get(), salt_length);
  Bytes signature(256);
  std::size_t size = signature.size();
  const Digest digest = Hash(kSha256, kMessage);
  EXPECT_EQ(EVP_PKEY_sign(context.get(), signature.data(), &size, digest.bytes().data(), 32), 1);
  return signature;
}

TEST(Verify, TakesEverySaltLengthOfPss) {
  for (const int salt_length : {0, 1, 20, 32, 64, 222, RSA_PSS_SALTLEN_MAX}) {
    EXPECT_EQ(Rsa().public_key().Verify(SignatureScheme::kRsaPss, kSha256, kMessage,
                                        PssSignature(salt_length, EVP_sha256())),
              SignatureCheck::kValid)
        << salt_length;
  }
}

TEST(Verify, RefusesPssWithAnotherMaskHash) {
  EXPECT_EQ(Rsa().public_key().Verify(SignatureScheme::kRsaPss, kSha256, kMessage,
                                      PssSignature(32, EVP_sha1())),
            SignatureCheck::kInvalid);
}

Bytes BigEndian(const BIGNUM* number, int width) {
  Bytes bytes(static_cast<std::size_t>(width));
  BN_bn2binpad(number, bytes.data(), width);
  return bytes;
}

// s + n gives the same value as s when raised to the exponent.
TEST(Verify, RefusesAnRsaSignatureAboveTheModulus) {
  BIGNUM* n = BN_bin2bn(ModulusOf(Rsa()).data(), 256, nullptr);
  Bytes sum(257);
  // The sum fits 2048 bits for about half of all messages.
  for (int i = 0; sum.size() != 256; ++i) {
    const Bytes message = ToBytes(std::to_string(i));
    const Bytes signature = *Rsa().Sign(SignatureScheme::kRsaSsa, kSha256, message);
    BIGNUM* s = BN_bin2bn(signature.data(), 256, nullptr);
    BN_add(s, s, n);
    if (BN_num_bits(s) <= 2048) {
      sum = BigEndian(s, 256);
      EXPECT_EQ(Rsa().public_key().Verify(SignatureScheme::kRsaSsa, kSha256, message, sum),
                SignatureCheck::kInvalid);
    }
    BN_free(s);
    ASSERT_LT(i, 200);
  }
  BN_free(n);
}

// --- Shapes of an ECDSA signature ---

class EcdsaShape : public testing::Test {
 protected:
  void SetUp() override {
    const Bytes signature = *Ec().Sign(SignatureScheme::kEcdsa, kSha256, kMessage);
    const unsigned char* at = signature.data();
    ECDSA_SIG* parsed = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(signature.size()));
    r_ = BN_dup(ECDSA_SIG_get0_r(parsed));
    s_ = BN_dup(ECDSA_SIG_get0_s(parsed));
    ECDSA_SIG_free(parsed);
    BN_hex2bn(&n_, "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551");
  }
  void TearDown() override {
    BN_free(r_);
    BN_free(s_);
    BN_free(n_);
  }

  // The content of a DER INTEGER of a number that is not negative.
  static Bytes Content(const BIGNUM* number) {
    Bytes content = BigEndian(number, BN_num_bytes(number));
    if (content.empty() || content[0] >= 0x80) content.insert(content.begin(), 0);
    return content;
  }
  static Bytes Signature(const Bytes& r, const Bytes& s) {
    Bytes content = Der(0x02, r);
    Append(content, Der(0x02, s));
    return Der(0x30, content);
  }
  static BIGNUM* Sum(const BIGNUM* a, const BIGNUM* b) {
    BIGNUM* sum = BN_new();
    BN_add(sum, a, b);
    return sum;
  }
  static SignatureCheck Check(const Bytes& signature) {
    const SignatureCheck check =
        Ec().public_key().Verify(SignatureScheme::kEcdsa, kSha256, kMessage, signature);
    EXPECT_EQ(ERR_peek_error(), 0U);
    return check;
  }

  BIGNUM* r_ = nullptr;
  BIGNUM* s_ = nullptr;
  BIGNUM* n_ = nullptr;
};

TEST_F(EcdsaShape, TakesTheCanonicalOne) {
  EXPECT_EQ(Check(Signature(Content(r_), Content(s_))), SignatureCheck::kValid);
}

TEST_F(EcdsaShape, Cve_2022_21449_RefusesZeros) {
  EXPECT_EQ(Check(Signature({0}, {0})), SignatureCheck::kInvalid);
  EXPECT_EQ(Check(Signature({0}, Content(s_))), SignatureCheck::kInvalid);
  EXPECT_EQ(Check(Signature(Content(r_), {0})), SignatureCheck::kInvalid);
  EXPECT_EQ(Check(Signature({1}, {0})), SignatureCheck::kInvalid);
  EXPECT_EQ(Check(Signature({}, {})), SignatureCheck::kInvalid);
}

TEST_F(EcdsaShape, RefusesNumbersFromTheOrderOn) {
  BIGNUM* high_r = Sum(r_, n_);
  BIGNUM* high_s = Sum(s_, n_);
  EXPECT_EQ(Check(Signature(Content(n_), Content(s_))), SignatureCheck::kInvalid);
  EXPECT_EQ(Check(Signature(Content(r_), Content(n_))), SignatureCheck::kInvalid);
  EXPECT_EQ(Check(Signature(Content(n_), Content(n_))), SignatureCheck::kInvalid);
  EXPECT_EQ(Check(Signature(Content(high_r), Content(s_))), SignatureCheck::kInvalid);
  EXPECT_EQ(Check(Signature(Content(r_), Content(high_s))), SignatureCheck::kInvalid);
  BN_free(high_r);
  BN_free(high_s);
}

TEST_F(EcdsaShape, RefusesNegativeNumbers) {
  // -1, and what a writer without the leading zero makes of a number above 2^255.
  EXPECT_EQ(Check(Signature({0xff}, Content(s_))), SignatureCheck::kInvalid);
  Bytes negative = BigEndian(r_, 32);
  negative[0] |= 0x80U;
  EXPECT_EQ(Check(Signature(negative, Content(s_))), SignatureCheck::kInvalid);
}

TEST_F(EcdsaShape, RefusesEverythingThatIsNotDer) {
  const Bytes r = Content(r_);
  const Bytes s = Content(s_);
  Bytes padded_r = {0};
  Append(padded_r, r);
  EXPECT_EQ(Check(Signature(padded_r, s)), SignatureCheck::kInvalid) << "a superfluous zero";
  Bytes padded_s = {0};
  Append(padded_s, s);
  EXPECT_EQ(Check(Signature(r, padded_s)), SignatureCheck::kInvalid);

  Bytes content = Der(0x02, r);
  Append(content, Der(0x02, s));
  Bytes long_length = {0x30, 0x81, static_cast<std::uint8_t>(content.size())};
  Append(long_length, content);
  EXPECT_EQ(Check(long_length), SignatureCheck::kInvalid) << "a length that is too long";
  Bytes indefinite = {0x30, 0x80};
  Append(indefinite, content);
  Append(indefinite, Bytes{0, 0});
  EXPECT_EQ(Check(indefinite), SignatureCheck::kInvalid) << "an indefinite length";
  Bytes third = content;
  Append(third, Der(0x02, {1}));
  EXPECT_EQ(Check(Der(0x30, third)), SignatureCheck::kInvalid) << "a third number";
  EXPECT_EQ(Check(Der(0x30, Der(0x02, r))), SignatureCheck::kInvalid) << "one number";
  EXPECT_EQ(Check(Der(0x31, content)), SignatureCheck::kInvalid) << "a set";
  EXPECT_EQ(Check(content), SignatureCheck::kInvalid) << "no sequence";
  Bytes raw = BigEndian(r_, 32);
  Append(raw, BigEndian(s_, 32));
  EXPECT_EQ(Check(raw), SignatureCheck::kInvalid) << "r ‖ s";
}

// --- Private keys ---

TEST(PrivateKey, RoundTripsThroughPem) {
  for (const PrivateKey* key : {&Rsa(), &Ec(), &Ec(Curve::kP384), &Ec(Curve::kP521)}) {
    const std::string pem = key->ExposePem();
    EXPECT_TRUE(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    const Result<PrivateKey> back = PrivateKey::FromPem(pem);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(back->public_key(), key->public_key());
    EXPECT_EQ(back->ExposePem(), pem);
  }
}

std::string WriteKey(const std::function<int(BIO*)>& write) {
  BIO* bio = BIO_new(BIO_s_mem());
  EXPECT_EQ(write(bio), 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  std::string pem(text, static_cast<std::size_t>(size));
  BIO_free(bio);
  return pem;
}

TEST(PrivateKey, ReadsTraditionalPem) {
  for (const PrivateKey* key : {&Rsa(), &Ec()}) {
    const PkeyOwner pkey = Native(*key);
    const std::string pem = WriteKey([&](BIO* bio) {
      return PEM_write_bio_PrivateKey_traditional(bio, pkey.get(), nullptr, nullptr, 0, nullptr,
                                                  nullptr);
    });
    const Result<PrivateKey> back = PrivateKey::FromPem(pem);
    ASSERT_TRUE(back) << pem;
    EXPECT_EQ(back->public_key(), key->public_key());
  }
}

TEST(PrivateKey, ReadsTheKeyBehindItsCurve) {
  // As `openssl ecparam -genkey` writes it: P-256 in a block of its own.
  const std::string parameters = PemOf("EC PARAMETERS", *HexDecode("06082a8648ce3d030107"));
  const Result<PrivateKey> key = PrivateKey::FromPem(parameters + Ec().ExposePem());
  ASSERT_TRUE(key);
  EXPECT_EQ(key->public_key(), Ec().public_key());
}

TEST(PrivateKey, RefusesEverythingElse) {
  const PkeyOwner pkey = Native(Ec());
  const std::string encrypted = WriteKey([&](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, pkey.get(), EVP_aes_128_cbc(), "secret", 6, nullptr,
                                         nullptr);
  });
  unsigned char passphrase[] = "secret";
  const std::string traditional = WriteKey([&](BIO* bio) {
    return PEM_write_bio_PrivateKey_traditional(bio, pkey.get(), EVP_aes_128_cbc(), passphrase, 6,
                                                nullptr, nullptr);
  });
  const std::string good = Ec().ExposePem();
  const std::string cases[] = {
      "",
      "hello",
      good.substr(0, good.size() / 2),
      Ec().public_key().ToPem(),
      PemOf("PRIVATE KEY", Bytes{1, 2, 3}),
      PemOf("EC PARAMETERS", *HexDecode("06082a8648ce3d030107")),
      encrypted,
      traditional,
  };
  for (const std::string& pem : cases) {
    SCOPED_TRACE(pem.substr(0, 100));
    ExpectError(PrivateKey::FromPem(pem), ErrorCode::kMalformed, "crypto.key.private");
  }
}

TEST(PrivateKey, RefusesAKeyUnderAnotherLabel) {
  std::string pem = Ec().ExposePem();
  for (std::size_t at = 0; (at = pem.find("PRIVATE KEY")) != std::string::npos;) {
    pem.replace(at, 11, "SECRET KEY");
  }
  ExpectError(PrivateKey::FromPem(pem), ErrorCode::kMalformed, "crypto.key.private");
}

TEST(PrivateKey, RefusesAKeyThatSaysItIsEncrypted) {
  const std::string pem = Ec().ExposePem();
  const std::size_t line = pem.find('\n') + 1;
  ExpectError(PrivateKey::FromPem(pem.substr(0, line) +
                                  "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,"
                                  "00000000000000000000000000000000\n\n" +
                                  pem.substr(line)),
              ErrorCode::kMalformed, "crypto.key.private");
}

TEST(PrivateKey, ReadsEncryptedPemWithItsPassphraseOnly) {
  const PkeyOwner pkey = Native(Ec());
  unsigned char passphrase[] = "secret";
  const std::string pems[] = {
      WriteKey([&](BIO* bio) {
        return PEM_write_bio_PKCS8PrivateKey(bio, pkey.get(), EVP_aes_256_cbc(), "secret", 6,
                                             nullptr, nullptr);
      }),
      WriteKey([&](BIO* bio) {
        return PEM_write_bio_PrivateKey_traditional(bio, pkey.get(), EVP_aes_128_cbc(), passphrase,
                                                    6, nullptr, nullptr);
      }),
  };
  for (const std::string& pem : pems) {
    SCOPED_TRACE(pem.substr(0, 100));
    EXPECT_TRUE(PrivateKey::IsEncrypted(pem));
    const auto key = PrivateKey::FromEncryptedPem(pem, Secret(ToBytes("secret")));
    ASSERT_TRUE(key) << key.error().message;
    EXPECT_EQ(key->public_key(), Ec().public_key());
    for (const std::string& wrong : {std::string(), std::string("secre"), std::string(5000, 's')}) {
      ExpectError(PrivateKey::FromEncryptedPem(pem, Secret(ToBytes(wrong))),
                  ErrorCode::kPermissionDenied, "crypto.key.passphrase");
    }
    ExpectError(
        PrivateKey::FromEncryptedPem(pem.substr(0, pem.size() / 2), Secret(ToBytes("secret"))),
        ErrorCode::kMalformed, "crypto.key.private");
  }
}

TEST(PrivateKey, TellsEncryptedKeysFromOthers) {
  EXPECT_FALSE(PrivateKey::IsEncrypted(""));
  EXPECT_FALSE(PrivateKey::IsEncrypted(Ec().ExposePem()));
  EXPECT_FALSE(PrivateKey::IsEncrypted(Ec().public_key().ToPem()));
  ExpectError(PrivateKey::FromEncryptedPem(Ec().ExposePem(), Secret(ToBytes("secret"))),
              ErrorCode::kMalformed, "crypto.key.private");
}

TEST(PrivateKey, RefusesBytesBehindTheKey) {
  const PkeyOwner pkey = Native(Ec());
  unsigned char* der = nullptr;
  const int size = i2d_PrivateKey(pkey.get(), &der);
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  EXPECT_TRUE(PrivateKey::FromPem(PemOf("EC PRIVATE KEY", bytes)));
  bytes.push_back(0);
  ExpectError(PrivateKey::FromPem(PemOf("EC PRIVATE KEY", bytes)), ErrorCode::kMalformed,
              "crypto.key.private");
}

TEST(PrivateKey, RefusesHalvesThatDoNotBelongTogether) {
  const PkeyOwner pkey = Native(Ec());
  unsigned char* der = nullptr;
  const int size = i2d_PrivateKey(pkey.get(), &der);
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  // SEC 1, C.4: version, the private number, the curve, the point. Another number
  // with the same point.
  const Bytes head = {0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20};
  ASSERT_TRUE(std::ranges::equal(ByteView(bytes).first(7), head));
  bytes[38] ^= 1U;
  ExpectError(PrivateKey::FromPem(PemOf("EC PRIVATE KEY", bytes)), ErrorCode::kMalformed,
              "crypto.key.private");
}

TEST(PrivateKey, DoesNotSignWithTheWrongScheme) {
  ExpectError(Rsa().Sign(SignatureScheme::kEcdsa, kSha256, kMessage), ErrorCode::kUnsupported,
              "crypto.sign");
  ExpectError(Ec().Sign(SignatureScheme::kRsaSsa, kSha256, kMessage), ErrorCode::kUnsupported,
              "crypto.sign");
  ExpectError(Ec().Sign(SignatureScheme::kRsaPss, kSha256, kMessage), ErrorCode::kUnsupported,
              "crypto.sign");
}

TEST(PrivateKey, DoesNotSignWhatDoesNotFit) {
  // 1024 bits have no room for two SHA-512 digests and the padding.
  ExpectError(PrivateKey::GenerateRsa(1024).Sign(SignatureScheme::kRsaPss, HashAlgorithm::kSha512,
                                                 kMessage),
              ErrorCode::kUnsupported, "crypto.sign");
}

// --- OAEP ---

TEST(Oaep, RoundTripsWithAnEmptyLabel) {
  for (const HashAlgorithm hash : {HashAlgorithm::kSha1, kSha256, HashAlgorithm::kSha384}) {
    const Result<Bytes> ciphertext = Rsa().public_key().EncryptOaep(hash, {}, kMessage);
    ASSERT_TRUE(ciphertext);
    EXPECT_EQ(ciphertext->size(), 256U);
    const Result<Secret> plaintext = Rsa().DecryptOaep(hash, *ciphertext);
    ASSERT_TRUE(plaintext);
    EXPECT_EQ(ToBytes(plaintext->Expose()), kMessage);
    EXPECT_NE(*Rsa().public_key().EncryptOaep(hash, {}, kMessage), *ciphertext) << "a fresh seed";
  }
}

TEST(Oaep, PutsTheLabelOnTheWire) {
  using namespace std::string_view_literals;
  constexpr std::string_view kLabel = "IDENTITY\0"sv;
  const Bytes ciphertext = *Rsa().public_key().EncryptOaep(kSha256, AsBytes(kLabel), kMessage);
  const PkeyOwner pkey = Native(Rsa());
  const auto decrypt = [&](std::string_view label) {
    const ContextOwner context(EVP_PKEY_CTX_new(pkey.get(), nullptr), EVP_PKEY_CTX_free);
    EVP_PKEY_decrypt_init(context.get());
    EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING);
    EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), EVP_sha256());
    EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), EVP_sha256());
    EVP_PKEY_CTX_set0_rsa_oaep_label(context.get(), OPENSSL_memdup(label.data(), label.size()),
                                     static_cast<int>(label.size()));
    Bytes plaintext(256);
    std::size_t size = plaintext.size();
    const int answer = EVP_PKEY_decrypt(context.get(), plaintext.data(), &size, ciphertext.data(),
                                        ciphertext.size());
    ERR_clear_error();
    plaintext.resize(answer == 1 ? size : 0);
    return plaintext;
  };
  EXPECT_EQ(decrypt(kLabel), kMessage);
  EXPECT_EQ(decrypt("IDENTITY"), Bytes()) << "the terminating zero counts";
}

TEST(Oaep, GivesOneErrorForEveryFailure) {
  const Bytes good = *Rsa().public_key().EncryptOaep(kSha256, {}, kMessage);
  Bytes changed = good;
  changed[100] ^= 1U;
  std::vector<std::pair<HashAlgorithm, Bytes>> cases = {
      {kSha256, changed},
      {kSha256, Bytes()},
      {kSha256, Bytes(256, 0)},
      {kSha256, Bytes(256, 0xff)},
      {kSha256, Bytes(good.begin(), good.end() - 1)},
      {HashAlgorithm::kSha1, good},
      {kSha256, *Rsa().public_key().EncryptOaep(kSha256, AsBytes("label"), kMessage)},
      {kSha256, *PrivateKey::GenerateRsa(2048).public_key().EncryptOaep(kSha256, {}, kMessage)},
  };
  Bytes longer = good;
  longer.push_back(0);
  cases.emplace_back(kSha256, longer);
  for (const auto& [hash, ciphertext] : cases) {
    const Result<Secret> plaintext = Rsa().DecryptOaep(hash, ciphertext);
    ExpectError(plaintext, ErrorCode::kMalformed, "crypto.oaep");
    EXPECT_EQ(plaintext.error().message, "the ciphertext does not decrypt");
  }
  ExpectError(Ec().DecryptOaep(kSha256, good), ErrorCode::kMalformed, "crypto.oaep");
}

TEST(Oaep, RefusesWhatDoesNotFit) {
  const PublicKey key = Rsa().public_key();
  EXPECT_TRUE(key.EncryptOaep(kSha256, {}, Bytes(190)));
  ExpectError(key.EncryptOaep(kSha256, {}, Bytes(191)), ErrorCode::kUnsupported,
              "crypto.oaep.size");
  ExpectError(
      PrivateKey::GenerateRsa(1024).public_key().EncryptOaep(HashAlgorithm::kSha512, {}, {}),
      ErrorCode::kUnsupported, "crypto.oaep.size");
  ExpectError(Ec().public_key().EncryptOaep(kSha256, {}, kMessage), ErrorCode::kUnsupported,
              "crypto.oaep.key");
}

// --- Agreement ---

TEST(AgreeEphemeral, GivesTheOtherSideTheSameSecret) {
  for (const Curve curve : {Curve::kP256, Curve::kP384, Curve::kP521}) {
    const Result<EphemeralAgreement> agreement = AgreeEphemeral(Ec(curve).public_key());
    ASSERT_TRUE(agreement);
    EXPECT_EQ(agreement->public_x.size(), CurveBytes(curve));
    EXPECT_EQ(agreement->public_y.size(), CurveBytes(curve));

    const Result<PublicKey> ephemeral =
        PublicKey::FromEcPoint(curve, agreement->public_x, agreement->public_y);
    ASSERT_TRUE(ephemeral);
    const Bytes spki = ephemeral->ToSpkiDer();
    const unsigned char* at = spki.data();
    const PkeyOwner other(d2i_PUBKEY(nullptr, &at, static_cast<long>(spki.size())), EVP_PKEY_free);
    const PkeyOwner own = Native(Ec(curve));
    const ContextOwner context(EVP_PKEY_CTX_new(own.get(), nullptr), EVP_PKEY_CTX_free);
    ASSERT_EQ(EVP_PKEY_derive_init(context.get()), 1);
    ASSERT_EQ(EVP_PKEY_derive_set_peer(context.get(), other.get()), 1);
    Bytes shared(CurveBytes(curve));
    std::size_t size = shared.size();
    ASSERT_EQ(EVP_PKEY_derive(context.get(), shared.data(), &size), 1);
    EXPECT_EQ(ToBytes(agreement->shared_x.Expose()), shared);
    EXPECT_EQ(agreement->shared_x.size(), CurveBytes(curve)) << "padded";
  }
}

TEST(AgreeEphemeral, IsFreshEveryTime) {
  const EphemeralAgreement first = *AgreeEphemeral(Ec().public_key());
  const EphemeralAgreement second = *AgreeEphemeral(Ec().public_key());
  EXPECT_NE(first.public_x, second.public_x);
  EXPECT_FALSE(Equal(first.shared_x.Expose(), second.shared_x.Expose()));
}

TEST(AgreeEphemeral, NeedsAnEcKey) {
  ExpectError(AgreeEphemeral(Rsa().public_key()), ErrorCode::kUnsupported, "crypto.key.curve");
  ExpectError(PointOf(Rsa().public_key()), ErrorCode::kUnsupported, "crypto.key.curve");
}

// What Verify keeps ready between calls must not carry anything from one to the next.
TEST(PublicKey, VerifiesAgainAndAgainWhateverCameBefore) {
  const PrivateKey key = PrivateKey::GenerateRsa(2048);
  const PublicKey verifier = key.public_key();
  const Bytes message = ToBytes("a message");
  const Bytes other = ToBytes("another");
  for (int round = 0; round < 3; ++round) {
    for (const SignatureScheme scheme : {SignatureScheme::kRsaSsa, SignatureScheme::kRsaPss}) {
      for (const HashAlgorithm hash : {HashAlgorithm::kSha256, HashAlgorithm::kSha512}) {
        const Bytes signature = *key.Sign(scheme, hash, message);
        EXPECT_EQ(verifier.Verify(scheme, hash, message, signature), SignatureCheck::kValid);
        EXPECT_EQ(verifier.Verify(scheme, hash, other, signature), SignatureCheck::kInvalid);
        EXPECT_EQ(verifier.Verify(scheme, hash, message, Bytes(7)), SignatureCheck::kInvalid);
        EXPECT_EQ(verifier.Verify(SignatureScheme::kEcdsa, hash, message, signature),
                  SignatureCheck::kInvalid);
        EXPECT_EQ(verifier.Verify(scheme, hash, message, signature), SignatureCheck::kValid);
        EXPECT_EQ(verifier.Verify(scheme, hash, message, signature), SignatureCheck::kValid);
      }
    }
  }
}

TEST(PublicKey, VerifiesOnSeveralThreadsAtOnce) {
  const PrivateKey key = PrivateKey::GenerateEc(Curve::kP256);
  const PublicKey verifier = key.public_key();
  const Bytes message = ToBytes("a message");
  const Bytes signature = *key.Sign(SignatureScheme::kEcdsa, HashAlgorithm::kSha256, message);
  std::atomic<int> valid = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        if (verifier.Verify(SignatureScheme::kEcdsa, HashAlgorithm::kSha256, message, signature) ==
            SignatureCheck::kValid) {
          ++valid;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(valid, 800);
}

}  // namespace
}  // namespace limequat::crypto
