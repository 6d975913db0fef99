// SM2 and SM3, where OpenSSL has them.

#include <gtest/gtest.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/encoding.h"
#include "limequat/crypto/digest.h"
#include "limequat/crypto/key.h"

namespace limequat::crypto {
namespace {

constexpr HashAlgorithm kSm3 = HashAlgorithm::kSm3_256;

class Sm2Test : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!IsAvailable(kSm3)) GTEST_SKIP() << "OpenSSL was built without SM3";
  }
};
using Sm3Test = Sm2Test;

const PrivateKey& Sm2() {
  static const PrivateKey key = PrivateKey::GenerateEc(Curve::kSm2);
  return key;
}

TEST(Sm3NameTest, IsThatOfTheBankAndNoSharedName) {
  EXPECT_EQ(HashName(kSm3), "sm3_256");
  EXPECT_EQ(DigestSize(kSm3), 32U);
  EXPECT_EQ(HashFromName("sm3_256"), std::nullopt);
}

TEST(Sm3NameTest, TheSharedAlgorithmsAreAlwaysAvailable) {
  for (const HashAlgorithm hash : {HashAlgorithm::kSha1, HashAlgorithm::kSha256,
                                   HashAlgorithm::kSha384, HashAlgorithm::kSha512}) {
    EXPECT_TRUE(IsAvailable(hash));
  }
}

// GB/T 32905, annex A.1.
TEST_F(Sm3Test, GivesTheValueOfTheStandard) {
  EXPECT_EQ(Hash(kSm3, AsBytes("abc")).hex(),
            "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0");
}

// GM/T 0003.5, A.2: the standard's Z stands in front of its message.
struct StandardExample {
  Bytes x = *HexDecode("09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020");
  Bytes y = *HexDecode("ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13");
  Bytes message = *HexDecode(
      "b2e14c5c79c6df5b85f4fe7ed8db7a262b9da7e07ccb0ea9f4747b8ccda8a4f3"
      "6d65737361676520646967657374");
  Bytes signature = *HexDecode(
      "3046"
      "022100f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
      "022100b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa");
};

TEST_F(Sm2Test, TakesTheSignatureOfTheStandard) {
  const StandardExample example;
  const Result<PublicKey> key = PublicKey::FromEcPoint(Curve::kSm2, example.x, example.y);
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(key->Verify(SignatureScheme::kSm2, kSm3, example.message, example.signature),
            SignatureCheck::kValid);
  // Nothing puts Z there a second time, or instead of the caller.
  EXPECT_EQ(key->Verify(SignatureScheme::kSm2, kSm3, ByteView(example.message).subspan(32),
                        example.signature),
            SignatureCheck::kInvalid);
}

TEST_F(Sm2Test, RefusesEveryChangedByte) {
  const StandardExample example;
  const PublicKey key = *PublicKey::FromEcPoint(Curve::kSm2, example.x, example.y);
  for (std::size_t i = 0; i < example.signature.size(); ++i) {
    Bytes changed = example.signature;
    changed[i] ^= 1;
    EXPECT_EQ(key.Verify(SignatureScheme::kSm2, kSm3, example.message, changed),
              SignatureCheck::kInvalid);
  }
}

TEST_F(Sm2Test, SaysWhatItIs) {
  const PublicKey key = Sm2().public_key();
  EXPECT_EQ(key.type(), KeyType::kEc);
  EXPECT_EQ(key.curve(), Curve::kSm2);
  EXPECT_EQ(CurveName(Curve::kSm2), "SM2");
  EXPECT_EQ(CurveBytes(Curve::kSm2), 32U);
}

TEST_F(Sm2Test, RoundTripsThroughEveryForm) {
  const PublicKey key = Sm2().public_key();
  EXPECT_EQ(*PublicKey::FromPem(key.ToPem()), key);
  EXPECT_EQ(*PublicKey::FromSpkiDer(key.ToSpkiDer()), key);
  const EcPoint point = *PointOf(key);
  EXPECT_EQ(*PublicKey::FromEcPoint(Curve::kSm2, point.x, point.y), key);
  const Result<PrivateKey> again = PrivateKey::FromPem(Sm2().ExposePem());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->public_key(), key);
}

TEST_F(Sm2Test, RefusesAPointOffTheCurve) {
  EcPoint point = *PointOf(Sm2().public_key());
  point.y.back() ^= 1;
  const Result<PublicKey> key = PublicKey::FromEcPoint(Curve::kSm2, point.x, point.y);
  ASSERT_FALSE(key.has_value());
  EXPECT_EQ(key.error().id, "crypto.key.point");
}

TEST_F(Sm2Test, SignsDigestsOf32BytesOnly) {
  const Bytes message = ToBytes("a quote");
  for (const HashAlgorithm hash : {kSm3, HashAlgorithm::kSha256}) {
    const Result<Bytes> signature = Sm2().Sign(SignatureScheme::kSm2, hash, message);
    ASSERT_TRUE(signature);
    EXPECT_EQ(Sm2().public_key().Verify(SignatureScheme::kSm2, hash, message, *signature),
              SignatureCheck::kValid);
  }
  EXPECT_FALSE(Sm2().Sign(SignatureScheme::kSm2, HashAlgorithm::kSha384, message).has_value());
  const Bytes signature = *Sm2().Sign(SignatureScheme::kSm2, kSm3, message);
  for (const HashAlgorithm hash :
       {HashAlgorithm::kSha1, HashAlgorithm::kSha256, HashAlgorithm::kSha384}) {
    EXPECT_EQ(Sm2().public_key().Verify(SignatureScheme::kSm2, hash, message, signature),
              SignatureCheck::kInvalid);
  }
}

TEST_F(Sm2Test, GoesWithItsOwnKeysOnly) {
  const Bytes message = ToBytes("a quote");
  const PrivateKey ec = PrivateKey::GenerateEc(Curve::kP256);
  const Bytes sm2_signature = *Sm2().Sign(SignatureScheme::kSm2, kSm3, message);
  const Bytes ec_signature = *ec.Sign(SignatureScheme::kEcdsa, HashAlgorithm::kSha256, message);
  EXPECT_FALSE(ec.Sign(SignatureScheme::kSm2, kSm3, message).has_value());
  EXPECT_FALSE(Sm2().Sign(SignatureScheme::kEcdsa, HashAlgorithm::kSha256, message).has_value());
  for (const Bytes& signature : {sm2_signature, ec_signature}) {
    for (const HashAlgorithm hash : {kSm3, HashAlgorithm::kSha256}) {
      EXPECT_EQ(ec.public_key().Verify(SignatureScheme::kSm2, hash, message, signature),
                SignatureCheck::kInvalid);
      EXPECT_EQ(Sm2().public_key().Verify(SignatureScheme::kEcdsa, hash, message, signature),
                SignatureCheck::kInvalid);
    }
  }
  EXPECT_EQ(Sm2().public_key().Verify(SignatureScheme::kRsaSsa, kSm3, message, sm2_signature),
            SignatureCheck::kInvalid);
}

TEST_F(Sm2Test, HasNoEcdh) {
  const Result<EphemeralAgreement> agreement = AgreeEphemeral(Sm2().public_key());
  ASSERT_FALSE(agreement.has_value());
  EXPECT_EQ(agreement.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(agreement.error().id, "crypto.key.curve");
}

}  // namespace
}  // namespace limequat::crypto
