#include "limequat/tpm/credential.h"

#include <gtest/gtest.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/encoding.h"
#include "limequat/tpm/id_object.h"
#include "limequat/tpm/testing/public_area_bytes.h"

namespace limequat::tpm {
namespace {

using crypto::HashAlgorithm;
using testing::EkTemplate;
using testing::MakePublicArea;
using testing::Template;

Bytes Counting(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i);
  return bytes;
}

Bytes AkName() {
  return *HexDecode("000b7f093592aebbb47767b5655699cdab8c86c4b24f5c93e3b22a3c2538856e9bf1");
}

const crypto::PrivateKey& RsaKey() {
  static const auto key = crypto::PrivateKey::GenerateRsa(2048);
  return key;
}

PublicArea RsaEk() { return MakePublicArea(EkTemplate(), RsaKey().public_key()); }
PublicArea EcEk(crypto::Curve curve, const Template& area) {
  return MakePublicArea(area, crypto::PrivateKey::GenerateEc(curve).public_key());
}

// Vectors made by running the reference implementation.
TEST(KdfTest, Kdfa) {
  EXPECT_EQ(HexEncode(Kdfa(HashAlgorithm::kSha256, Counting(32), "STORAGE", AkName(), {}, 128)),
            "5a02fd7c7454d58831350af38dbbd17d");
  EXPECT_EQ(HexEncode(Kdfa(HashAlgorithm::kSha256, Counting(32), "INTEGRITY", {}, {}, 256)),
            "bacf689f634ece301e1f1b15b072d9c87db6a69585db42b1a0cb8f73ebe2692e");
}

TEST(KdfTest, Kdfe) {
  EXPECT_EQ(HexEncode(Kdfe(HashAlgorithm::kSha256, Counting(32), "IDENTITY", Bytes(32, 0x11),
                           Bytes(32, 0x22), 256)),
            "cbce7a80e1b35da754dc24ec97f8c9ef9281bf9944c930765256ae6ea7d59f0e");
}

TEST(KdfTest, MoreBitsThanOneBlock) {
  const Bytes two = Kdfa(HashAlgorithm::kSha1, Counting(20), "LABEL", {}, {}, 256);
  EXPECT_EQ(two.size(), 32U);
  // The number of bits is part of every block: a shorter output is not its beginning.
  const Bytes one = Kdfa(HashAlgorithm::kSha1, Counting(20), "LABEL", {}, {}, 160);
  EXPECT_NE(Bytes(two.begin(), two.begin() + 20), one);
  EXPECT_EQ(Kdfe(HashAlgorithm::kSha1, Counting(20), "LABEL", {}, {}, 256).size(), 32U);
}

TEST(CredentialTest, IdObjectOfKnownSeed) {
  const auto object = MakeIdObject(HashAlgorithm::kSha256, 128, Counting(32), AkName(),
                                   ToBytes(std::string(32, 'A')));
  ASSERT_TRUE(object.has_value()) << object.error().message;
  EXPECT_EQ(HexEncode(*object),
            "00202c10b21e42c353daa2a4c1f09cc1a89599bcda0e5aef055fbcabe2cdd23a9c61"
            "feb16c50a46d661335c17520947901162de1fa4ff6f6d62b36b97ea19a1a8155dc5a");
}

TEST(CredentialTest, BlobOfARsaEk) {
  const auto credential = MakeCredential(RsaEk(), AkName(), Bytes(32, 'A'));
  ASSERT_TRUE(credential.has_value()) << credential.error().message;
  const Bytes blob = WriteCredentialBlob(*credential);
  EXPECT_EQ(blob.size(), 336U);
  EXPECT_EQ(HexEncode(ByteView(blob).first(12)), "badcc0de0000000100440020");
}

TEST(CredentialTest, PointOfAnEccEk) {
  const auto credential = MakeCredential(
      EcEk(crypto::Curve::kP384, EkTemplate(AlgorithmId::kSha384, 256)), AkName(), Bytes(32, 'A'));
  ASSERT_TRUE(credential.has_value()) << credential.error().message;
  ByteReader point(credential->encrypted_secret);
  EXPECT_EQ(point.SizedU16Be("x")->size(), 48U);
  EXPECT_EQ(point.SizedU16Be("y")->size(), 48U);
  EXPECT_TRUE(point.empty());
}

TEST(CredentialTest, SeedIsNeverUsedTwice) {
  const PublicArea ek = EcEk(crypto::Curve::kP256, EkTemplate());
  const auto first = MakeCredential(ek, AkName(), Bytes(32, 'A'));
  const auto second = MakeCredential(ek, AkName(), Bytes(32, 'A'));
  ASSERT_TRUE(first.has_value() && second.has_value());
  EXPECT_NE(first->id_object, second->id_object);
  EXPECT_NE(first->encrypted_secret, second->encrypted_secret);
}

TEST(CredentialTest, EndorsementKeysThatAreNotSupported) {
  Template no_symmetric = EkTemplate();
  no_symmetric.symmetric = AlgorithmId::kNull;
  Template camellia = EkTemplate();
  camellia.symmetric = AlgorithmId{0x0026};
  Template ecb = EkTemplate();
  ecb.symmetric_mode = AlgorithmId{0x0044};
  Template odd_bits = EkTemplate();
  odd_bits.symmetric_bits = 129;
  for (const Template& area : {no_symmetric, camellia, ecb, odd_bits}) {
    const auto credential =
        MakeCredential(MakePublicArea(area, RsaKey().public_key()), AkName(), {});
    ASSERT_FALSE(credential.has_value());
    EXPECT_EQ(credential.error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(credential.error().id, "tpm.credential.ek");
  }
}

TEST(CredentialTest, SecretLongerThanTheTpmTakes) {
  EXPECT_TRUE(MakeCredential(RsaEk(), AkName(), Bytes(32)).has_value());
  const auto credential = MakeCredential(RsaEk(), AkName(), Bytes(33));
  ASSERT_FALSE(credential.has_value());
  EXPECT_EQ(credential.error().id, "tpm.credential.secret");
}

Credential Sample() {
  return {.id_object = *HexDecode("0003aabbccdddd"), .encrypted_secret = Bytes{1, 2, 3}};
}

TEST(CredentialBlobTest, ParseIsTheInverseOfWrite) {
  const auto parsed = ParseCredentialBlob(WriteCredentialBlob(Sample()));
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  EXPECT_EQ(parsed->id_object, Sample().id_object);
  EXPECT_EQ(parsed->encrypted_secret, Sample().encrypted_secret);
}

void ExpectError(ByteView blob, std::string_view id) {
  const auto parsed = ParseCredentialBlob(blob);
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().code, ErrorCode::kMalformed);
  EXPECT_EQ(parsed.error().id, id);
}

TEST(CredentialBlobTest, EveryPrefixIsShort) {
  const Bytes blob = WriteCredentialBlob(Sample());
  for (std::size_t size = 0; size < blob.size(); ++size) {
    ExpectError(ByteView(blob).first(size), "tpm.credential_blob.short");
  }
}

TEST(CredentialBlobTest, TrailingByte) {
  Bytes blob = WriteCredentialBlob(Sample());
  blob.push_back(0);
  ExpectError(blob, "tpm.credential_blob.trailing");
}

TEST(CredentialBlobTest, Header) {
  for (const std::size_t at : {std::size_t{0}, std::size_t{7}}) {
    Bytes blob = WriteCredentialBlob(Sample());
    blob[at] ^= 1;
    ExpectError(blob, "tpm.credential_blob.header");
  }
}

TEST(CredentialBlobTest, IntegrityLongerThanTheObject) {
  Credential credential = Sample();
  credential.id_object[1] = 6;
  ExpectError(WriteCredentialBlob(credential), "tpm.credential_blob.short");
}

TEST(CredentialBlobTest, EmptyParts) {
  Credential no_integrity = Sample();
  no_integrity.id_object = *HexDecode("0000dddd");
  ExpectError(WriteCredentialBlob(no_integrity), "tpm.credential_blob.empty");
  Credential no_identity = Sample();
  no_identity.id_object = *HexDecode("0003aabbcc");
  ExpectError(WriteCredentialBlob(no_identity), "tpm.credential_blob.empty");
  Credential no_secret = Sample();
  no_secret.encrypted_secret.clear();
  ExpectError(WriteCredentialBlob(no_secret), "tpm.credential_blob.empty");
}

}  // namespace
}  // namespace limequat::tpm
