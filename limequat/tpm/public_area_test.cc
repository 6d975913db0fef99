#include "limequat/tpm/public_area.h"

#include <gtest/gtest.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/encoding.h"
#include "limequat/tpm/testing/public_area_bytes.h"

namespace limequat::tpm {
namespace {

using crypto::PrivateKey;
using testing::AkTemplate;
using testing::EkTemplate;
using testing::MakePublicArea;
using testing::Template;
using testing::WriteTpmt;

crypto::PublicKey EcKey(crypto::Curve curve = crypto::Curve::kP256) {
  return PrivateKey::GenerateEc(curve).public_key();
}

const crypto::PublicKey& RsaKey() {
  static const crypto::PublicKey key = PrivateKey::GenerateRsa(2048).public_key();
  return key;
}

Bytes EcAk() { return WriteTpmt(AkTemplate(AlgorithmId::kEcdsa), EcKey()); }
Bytes RsaAk() { return WriteTpmt(AkTemplate(AlgorithmId::kRsaSsa), RsaKey()); }

void ExpectError(ByteView tpmt, ErrorCode code, std::string_view id) {
  const auto area = PublicArea::FromTpmt(tpmt);
  ASSERT_FALSE(area.has_value());
  EXPECT_EQ(area.error().code, code) << area.error().message;
  EXPECT_EQ(area.error().id, id) << area.error().message;
}

TEST(PublicAreaTest, RsaAttestationKey) {
  const auto area = PublicArea::FromTpmt(RsaAk());
  ASSERT_TRUE(area.has_value()) << area.error().message;
  EXPECT_EQ(area->type(), AlgorithmId::kRsa);
  EXPECT_EQ(area->name_algorithm(), crypto::HashAlgorithm::kSha256);
  EXPECT_EQ(area->attributes(), testing::kAkAttributes);
  EXPECT_TRUE(area->Has(kRestricted | kSign));
  EXPECT_FALSE(area->Has(kRestricted | kDecrypt));
  EXPECT_EQ(area->symmetric(), AlgorithmId::kNull);
  EXPECT_EQ(area->scheme(), AlgorithmId::kRsaSsa);
  EXPECT_EQ(area->scheme_hash(), AlgorithmId::kSha256);
  EXPECT_TRUE(area->key() == RsaKey());
}

TEST(PublicAreaTest, EndorsementKey) {
  Template ek = EkTemplate(AlgorithmId::kSha384, 256);
  ek.auth_policy = Bytes(48, 0x5a);
  const crypto::PublicKey key = EcKey(crypto::Curve::kP384);
  const auto area = PublicArea::FromTpmt(WriteTpmt(ek, key));
  ASSERT_TRUE(area.has_value()) << area.error().message;
  EXPECT_EQ(area->type(), AlgorithmId::kEcc);
  EXPECT_EQ(area->auth_policy(), Bytes(48, 0x5a));
  EXPECT_EQ(area->symmetric(), AlgorithmId::kAes);
  EXPECT_EQ(area->symmetric_bits(), 256);
  EXPECT_EQ(area->symmetric_mode(), AlgorithmId::kCfb);
  EXPECT_EQ(area->scheme(), AlgorithmId::kNull);
  EXPECT_TRUE(area->key() == key);
}

TEST(PublicAreaTest, BytesAreKept) {
  const Bytes tpmt = EcAk();
  const auto area = PublicArea::FromTpmt(tpmt);
  ASSERT_TRUE(area.has_value());
  EXPECT_EQ(area->tpmt(), tpmt);
  const Bytes tpm2b = area->tpm2b();
  EXPECT_EQ(tpm2b.size(), tpmt.size() + 2);
  const auto again = PublicArea::FromTpm2b(tpm2b);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->tpmt(), tpmt);
}

TEST(PublicAreaTest, NameIsAlgorithmAndHash) {
  for (const AlgorithmId id :
       {AlgorithmId::kSha1, AlgorithmId::kSha256, AlgorithmId::kSha384, AlgorithmId::kSha512}) {
    Template ak = AkTemplate(AlgorithmId::kEcdsa);
    ak.name_algorithm = id;
    const PublicArea area = MakePublicArea(ak, EcKey());
    ByteWriter name;
    name.U16Be(static_cast<std::uint16_t>(id));
    name.Raw(crypto::Hash(*HashOf(id), area.tpmt()).bytes());
    EXPECT_EQ(area.Name(), name.bytes());
  }
}

TEST(PublicAreaTest, SchemesOfKeys) {
  for (const AlgorithmId scheme :
       {AlgorithmId::kNull, AlgorithmId::kRsaEs, AlgorithmId::kOaep, AlgorithmId::kRsaPss}) {
    EXPECT_EQ(MakePublicArea(AkTemplate(scheme), RsaKey()).scheme(), scheme);
  }
  for (const AlgorithmId scheme : {AlgorithmId::kEcdaa, AlgorithmId::kSm2, AlgorithmId::kEcSchnorr,
                                   AlgorithmId::kEcdh, AlgorithmId::kEcMqv}) {
    EXPECT_EQ(MakePublicArea(AkTemplate(scheme), EcKey()).scheme(), scheme);
  }
}

TEST(PublicAreaTest, EveryCurve) {
  for (const crypto::Curve curve :
       {crypto::Curve::kP256, crypto::Curve::kP384, crypto::Curve::kP521, crypto::Curve::kSm2}) {
    if (curve == crypto::Curve::kSm2 && !HashOf(AlgorithmId::kSm3_256)) continue;
    const crypto::PublicKey key = EcKey(curve);
    EXPECT_TRUE(MakePublicArea(AkTemplate(AlgorithmId::kEcdsa), key).key() == key);
  }
}

// Keylime refuses the key of a TPM that leaves out leading zero bytes.
TEST(PublicAreaTest, Quirk_Q22_CoordinateWithoutLeadingZeros) {
  for (int i = 0;; ++i) {
    ASSERT_LT(i, 100'000) << "no coordinate with a leading zero byte found";
    const crypto::PublicKey key = EcKey();
    if (crypto::PointOf(key)->x.front() != 0 && crypto::PointOf(key)->y.front() != 0) continue;
    Template ak = AkTemplate(AlgorithmId::kEcdsa);
    const PublicArea full = MakePublicArea(ak, key);
    ak.strip_zeros = true;
    const PublicArea stripped = MakePublicArea(ak, key);
    EXPECT_LT(stripped.tpmt().size(), full.tpmt().size());
    EXPECT_TRUE(stripped.key() == key);
    EXPECT_NE(stripped.Name(), full.Name());  // the Name covers what the TPM sent
    return;
  }
}

TEST(PublicAreaTest, EveryPrefixIsShort) {
  for (const Bytes& tpmt : {EcAk(), RsaAk(), WriteTpmt(EkTemplate(), EcKey())}) {
    for (std::size_t size = 0; size < tpmt.size(); ++size) {
      const auto area = PublicArea::FromTpmt(ByteView(tpmt).first(size));
      ASSERT_FALSE(area.has_value()) << size;
      EXPECT_EQ(area.error().id, "tpm.public.short") << size;
    }
  }
}

TEST(PublicAreaTest, TrailingByte) {
  Bytes tpmt = EcAk();
  tpmt.push_back(0);
  ExpectError(tpmt, ErrorCode::kMalformed, "tpm.public.trailing");
}

TEST(PublicAreaTest, SizeOfTpm2bIsExact) {
  const Bytes tpm2b = MakePublicArea(AkTemplate(AlgorithmId::kEcdsa), EcKey()).tpm2b();
  Bytes longer = tpm2b;
  longer.push_back(0);
  EXPECT_EQ(PublicArea::FromTpm2b(longer).error().id, "tpm.public.trailing");
  EXPECT_EQ(PublicArea::FromTpm2b(ByteView(tpm2b).first(tpm2b.size() - 1)).error().id,
            "tpm.public.short");
  EXPECT_EQ(PublicArea::FromTpm2b({}).error().id, "tpm.public.short");
}

TEST(PublicAreaTest, EitherForm) {
  const Bytes tpmt = EcAk();
  const Bytes tpm2b = PublicArea::FromTpmt(tpmt)->tpm2b();
  for (const Bytes& bytes : {tpmt, tpm2b}) {
    const auto area = PublicArea::FromEither(bytes);
    ASSERT_TRUE(area.has_value()) << area.error().message;
    EXPECT_EQ(area->tpmt(), tpmt);
  }
  EXPECT_FALSE(PublicArea::FromEither({}).has_value());
  EXPECT_FALSE(PublicArea::FromEither(Bytes{0, 0}).has_value());
}

TEST(PublicAreaTest, OtherObjects) {
  Bytes tpmt = RsaAk();
  tpmt[1] = 0x08;  // keyed hash
  ExpectError(tpmt, ErrorCode::kUnsupported, "tpm.public.type");
  tpmt[1] = 0x25;  // symmetric
  ExpectError(tpmt, ErrorCode::kUnsupported, "tpm.public.type");
}

TEST(PublicAreaTest, NameAlgorithms) {
  for (const std::uint8_t id : Bytes{0x00, 0x10, 0x26, 0x2b}) {
    Bytes tpmt = RsaAk();
    tpmt[3] = id;
    ExpectError(tpmt, ErrorCode::kUnsupported, "tpm.public.name_algorithm");
  }
}

// Offsets in AKs of this file: no policy, no symmetric algorithm.
constexpr std::size_t kSchemeAt = 2 + 2 + 4 + 2 + 2;
constexpr std::size_t kRsaBitsAt = kSchemeAt + 4;
constexpr std::size_t kCurveAt = kSchemeAt + 4;

TEST(PublicAreaTest, UnknownScheme) {
  Bytes tpmt = RsaAk();
  tpmt[kSchemeAt] = 0x12;
  ExpectError(tpmt, ErrorCode::kUnsupported, "tpm.public.scheme");
}

TEST(PublicAreaTest, ModulusAndBitsDisagree) {
  Bytes tpmt = RsaAk();
  tpmt[kRsaBitsAt] = 0x04;
  ExpectError(tpmt, ErrorCode::kMalformed, "tpm.public.modulus");
}

TEST(PublicAreaTest, ModulusWithLeadingZero) {
  Bytes tpmt = RsaAk();
  tpmt[kRsaBitsAt + 8] = 0;
  ExpectError(tpmt, ErrorCode::kMalformed, "tpm.public.modulus");
}

TEST(PublicAreaTest, ModulusLongerThanItsBits) {
  Bytes tpmt = RsaAk();
  tpmt[kRsaBitsAt + 7] = 1;  // 257 bytes, the first of them zero
  tpmt.insert(tpmt.begin() + kRsaBitsAt + 8, 0);
  ExpectError(tpmt, ErrorCode::kMalformed, "tpm.public.modulus");
}

TEST(PublicAreaTest, RsaExponent) {
  Bytes tpmt = RsaAk();
  tpmt[kRsaBitsAt + 3] = 1;  // 65537 said explicitly
  tpmt[kRsaBitsAt + 5] = 1;
  const auto area = PublicArea::FromTpmt(tpmt);
  ASSERT_TRUE(area.has_value());
  EXPECT_TRUE(area->key() == RsaKey());
  Bytes one = RsaAk();
  one[kRsaBitsAt + 5] = 1;
  EXPECT_FALSE(PublicArea::FromTpmt(one).has_value());
}

TEST(PublicAreaTest, OtherCurves) {
  for (const std::uint8_t id : Bytes{0, 1, 2, 6, 0x10, 0x21}) {
    Bytes tpmt = EcAk();
    tpmt[kCurveAt + 1] = id;
    ExpectError(tpmt, ErrorCode::kUnsupported, "tpm.public.curve");
  }
}

TEST(PublicAreaTest, KdfScheme) {
  const Bytes tpmt = EcAk();
  Bytes with_kdf(tpmt.begin(), tpmt.begin() + kCurveAt + 2);
  Append(with_kdf, Bytes{0x00, 0x20, 0x00, 0x0b});
  Append(with_kdf, ByteView(tpmt).subspan(kCurveAt + 4));
  EXPECT_TRUE(PublicArea::FromTpmt(with_kdf).has_value());
}

// A P-256 key with other coordinates.
Bytes WithPoint(ByteView x, ByteView y) {
  const Bytes tpmt = EcAk();
  ByteWriter out;
  out.Raw(ByteView(tpmt).first(kCurveAt + 4)).SizedU16Be(x).SizedU16Be(y);
  return out.Take();
}

TEST(PublicAreaTest, Coordinates) {
  const crypto::EcPoint point = *crypto::PointOf(EcKey());
  EXPECT_TRUE(PublicArea::FromTpmt(WithPoint(point.x, point.y)).has_value());
  Bytes longer = point.x;
  longer.insert(longer.begin(), 0);
  ExpectError(WithPoint(longer, point.y), ErrorCode::kMalformed, "tpm.public.coordinate");
  ExpectError(WithPoint({}, point.y), ErrorCode::kMalformed, "tpm.public.coordinate");
  ExpectError(WithPoint(point.x, {}), ErrorCode::kMalformed, "tpm.public.coordinate");
}

TEST(PublicAreaTest, PointThatIsNotOnTheCurve) {
  crypto::EcPoint point = *crypto::PointOf(EcKey());
  point.y.back() ^= 1;
  const auto area = PublicArea::FromTpmt(WithPoint(point.x, point.y));
  ASSERT_FALSE(area.has_value());
  EXPECT_EQ(area.error().code, ErrorCode::kMalformed);
}

TEST(AttributesTest, GoodAttestationKeys) {
  EXPECT_TRUE(
      CheckAttestationKey(MakePublicArea(AkTemplate(AlgorithmId::kEcdsa), EcKey())).passed());
  EXPECT_TRUE(
      CheckAttestationKey(MakePublicArea(AkTemplate(AlgorithmId::kRsaSsa), RsaKey())).passed());
  EXPECT_TRUE(
      CheckAttestationKey(MakePublicArea(AkTemplate(AlgorithmId::kRsaPss), RsaKey())).passed());
}

TEST(AttributesTest, Attack_A12_AttestationKeyAttributes) {
  for (const std::uint32_t attribute :
       {kRestricted, kSign, kFixedTpm, kFixedParent, kSensitiveDataOrigin}) {
    Template ak = AkTemplate(AlgorithmId::kEcdsa);
    ak.attributes &= ~attribute;
    const Finding finding = CheckAttestationKey(MakePublicArea(ak, EcKey()));
    EXPECT_EQ(finding.outcome, Outcome::kFailed) << attribute;
    EXPECT_EQ(finding.check, "tpm.ak.attributes");
  }
  Template decrypting = AkTemplate(AlgorithmId::kEcdsa);
  decrypting.attributes |= kDecrypt;
  EXPECT_EQ(CheckAttestationKey(MakePublicArea(decrypting, EcKey())).outcome, Outcome::kFailed);
}

TEST(AttributesTest, AttestationKeyOfTheChineseStandard) {
  if (!HashOf(AlgorithmId::kSm3_256)) GTEST_SKIP() << "OpenSSL was built without SM3";
  const crypto::PublicKey key = EcKey(crypto::Curve::kSm2);
  Template ak = AkTemplate(AlgorithmId::kSm2, AlgorithmId::kSm3_256);
  ak.name_algorithm = AlgorithmId::kSm3_256;
  const PublicArea area = MakePublicArea(ak, key);
  EXPECT_TRUE(CheckAttestationKey(area).passed());
  EXPECT_TRUE(area.key() == key);
  EXPECT_EQ(HexEncode(ByteView(area.Name()).first(2)), "0012");
}

TEST(AttributesTest, AttestationKeyNeedsASigningScheme) {
  for (const Template& ak : {AkTemplate(AlgorithmId::kNull), AkTemplate(AlgorithmId::kEcdaa),
                             AkTemplate(AlgorithmId::kEcdsa, AlgorithmId{0x002b})}) {
    EXPECT_EQ(CheckAttestationKey(MakePublicArea(ak, EcKey())).outcome, Outcome::kFailed);
  }
}

TEST(AttributesTest, GoodEndorsementKeys) {
  EXPECT_TRUE(CheckEndorsementKey(MakePublicArea(EkTemplate(), RsaKey())).passed());
  EXPECT_TRUE(CheckEndorsementKey(MakePublicArea(EkTemplate(), EcKey())).passed());
}

TEST(AttributesTest, Attack_A12_EndorsementKeyAttributes) {
  for (const std::uint32_t attribute :
       {kRestricted, kDecrypt, kFixedTpm, kFixedParent, kSensitiveDataOrigin}) {
    Template ek = EkTemplate();
    ek.attributes &= ~attribute;
    const Finding finding = CheckEndorsementKey(MakePublicArea(ek, RsaKey()));
    EXPECT_EQ(finding.outcome, Outcome::kFailed) << attribute;
    EXPECT_EQ(finding.check, "tpm.ek.attributes");
  }
  Template signing = EkTemplate();
  signing.attributes |= kSign;
  EXPECT_EQ(CheckEndorsementKey(MakePublicArea(signing, RsaKey())).outcome, Outcome::kFailed);
  Template plain = EkTemplate();
  plain.symmetric = AlgorithmId::kNull;
  EXPECT_EQ(CheckEndorsementKey(MakePublicArea(plain, RsaKey())).outcome, Outcome::kFailed);
}

}  // namespace
}  // namespace limequat::tpm
