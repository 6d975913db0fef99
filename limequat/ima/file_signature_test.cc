#include "limequat/ima/file_signature.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

#include "limequat/base/encoding.h"
#include "limequat/crypto/digest.h"
#include "limequat/ima/testing/sign.h"

namespace limequat::ima {
namespace {

using crypto::HashAlgorithm;
using testing::FileSigner;

const FileSigner& Rsa() {
  static const FileSigner signer(crypto::PrivateKey::GenerateRsa(2048));
  return signer;
}
const FileSigner& Ec() {
  static const FileSigner signer(crypto::PrivateKey::GenerateEc(crypto::Curve::kP256));
  return signer;
}

std::string ErrorOf(ByteView value) {
  const auto read = ParseFileSignature(value);
  if (read) return "none";
  EXPECT_EQ(read.error().id, "ima.signature");
  return read.error().code == ErrorCode::kUnsupported ? "unsupported" : "malformed";
}

TEST(ParseFileSignature, Version2) {
  const Bytes value = *HexDecode("0302040102030400020506");
  const auto read = ParseFileSignature(value);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->type, XattrType::kSignature);
  EXPECT_EQ(read->version, 2);
  EXPECT_EQ(read->hash_algorithm, "sha256");
  EXPECT_EQ(HexEncode(read->key_id), "01020304");
  EXPECT_EQ(HexEncode(read->value), "0506");
  EXPECT_TRUE(read->is_signature());
}

TEST(ParseFileSignature, TypesAndVersionsThatGoTogether) {
  const auto with = [](std::uint8_t type, std::uint8_t version) {
    return ErrorOf(Bytes{type, version, 4, 1, 2, 3, 4, 0, 1, 5});
  };
  EXPECT_EQ(with(3, 2), "none");
  EXPECT_EQ(with(3, 3), "none");
  EXPECT_EQ(with(5, 2), "none");
  EXPECT_EQ(with(5, 3), "none");
  EXPECT_EQ(with(6, 3), "none");
  EXPECT_EQ(with(6, 2), "unsupported");
  EXPECT_EQ(with(5, 1), "unsupported");
  EXPECT_EQ(with(3, 4), "unsupported");
  EXPECT_EQ(with(3, 0), "unsupported");
  EXPECT_EQ(with(7, 2), "unsupported");
  EXPECT_EQ(with(0, 2), "unsupported");
}

TEST(ParseFileSignature, Version2HasExactlyItsSize) {
  const Bytes good = *HexDecode("0302040102030400020506");
  EXPECT_EQ(ErrorOf({}), "malformed");
  for (std::size_t size = 1; size < good.size(); ++size) {
    EXPECT_EQ(ErrorOf(ByteView(good).first(size)), "malformed") << size;
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_EQ(ErrorOf(longer), "malformed");
  EXPECT_EQ(ErrorOf(*HexDecode("030204010203040000")), "malformed");  // of no bytes
}

TEST(ParseFileSignature, NumbersOfHashes) {
  Bytes value = *HexDecode("0302040102030400020506");
  value[2] = 19;
  EXPECT_EQ(ParseFileSignature(value)->hash_algorithm, "streebog512");
  value[2] = 17;
  EXPECT_EQ(ParseFileSignature(value)->hash_algorithm, "sm3");
  value[2] = 22;
  EXPECT_EQ(ParseFileSignature(value)->hash_algorithm, "sha3-512");
  value[2] = 23;
  EXPECT_EQ(ErrorOf(value), "unsupported");
  EXPECT_EQ(KernelHashName(7), "sha224");
  EXPECT_EQ(CanonicalHashName("sm3-256"), "sm3");
  EXPECT_EQ(CanonicalHashName("sm3_256"), "sm3");
  EXPECT_EQ(CanonicalHashName("sha1"), "sha1");
}

TEST(ParseFileSignature, DigestsAndHmac) {
  const auto digest = [](std::uint8_t type, std::size_t size) {
    Bytes value(size + 1, 7);
    value[0] = type;
    return value;
  };
  EXPECT_EQ(ParseFileSignature(digest(1, 20))->hash_algorithm, "sha1");
  EXPECT_EQ(ParseFileSignature(digest(1, 16))->hash_algorithm, "md5");
  EXPECT_EQ(ErrorOf(digest(1, 32)), "malformed");
  EXPECT_EQ(ErrorOf(digest(2, 20)), "none");
  EXPECT_EQ(ErrorOf(digest(2, 19)), "malformed");
  Bytes ng = digest(4, 33);
  ng[1] = 4;
  ASSERT_EQ(ErrorOf(ng), "none");
  EXPECT_EQ(ParseFileSignature(ng)->hash_algorithm, "sha256");
  EXPECT_EQ(ParseFileSignature(ng)->value.size(), 32U);
  EXPECT_FALSE(ParseFileSignature(ng)->is_signature());
  ng[1] = 6;
  EXPECT_EQ(ErrorOf(ng), "malformed");
  ng[1] = 99;
  EXPECT_EQ(ErrorOf(ng), "unsupported");
  EXPECT_EQ(ErrorOf(Bytes{4}), "malformed");
}

TEST(ParseFileSignature, Version1) {
  const Bytes good = *HexDecode(
      "03"
      "01"
      "00000000"
      "00"
      "01"
      "0102030405060708"
      "01"
      "0009"
      "0102");
  const auto read = ParseFileSignature(good);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->version, 1);
  EXPECT_EQ(read->hash_algorithm, "sha256");
  EXPECT_EQ(HexEncode(read->key_id), "0102030405060708");
  EXPECT_EQ(HexEncode(read->header), "01000000000001010203040506070801");
  EXPECT_EQ(HexEncode(read->value), "0102");
  for (std::size_t size = 2; size < good.size(); ++size) {
    EXPECT_EQ(ErrorOf(ByteView(good).first(size)), "malformed") << size;
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_EQ(ErrorOf(longer), "malformed");
  // Kind of key, hash, number of integers; no bits.
  for (const auto& [at, value] : {std::pair(6, 1), std::pair(7, 2), std::pair(16, 2)}) {
    Bytes other = good;
    other[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(value);
    EXPECT_EQ(ErrorOf(other), "unsupported") << at;
  }
  Bytes none = ToBytes(ByteView(good).first(17));
  Append(none, Bytes{0, 0});
  EXPECT_EQ(ErrorOf(none), "unsupported");
}

const Bytes kContent = ToBytes("content");
constexpr HashAlgorithm kSha256 = HashAlgorithm::kSha256;

Key Sm2Key(std::uint32_t id) {
  Key key = ParseKey(*HexDecode("3059301306072a8648ce3d020106082a811ccf5501822d03420004"
                                "32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7"
                                "bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0"))
                .value();
  key.id = id;
  return key;
}

class VerifyTest : public ::testing::Test {
 protected:
  VerifyTest() {
    EXPECT_TRUE(keyring_.Add(Rsa().key(), ".ima"));
    EXPECT_TRUE(keyring_.Add(Ec().key(), "policy"));
  }

  SignatureAnswer Verify(ByteView value, std::string_view algorithm, ByteView digest,
                         std::optional<bool> is_verity = std::nullopt) const {
    const std::array<const Keyring*, 2> keyrings = {&none_, &keyring_};
    const auto read = ParseFileSignature(value);
    EXPECT_TRUE(read);
    return VerifyFileSignature(
               *read, {.algorithm = algorithm, .digest = digest, .is_verity = is_verity}, keyrings)
        .answer;
  }

  Keyring none_;
  Keyring keyring_;
  crypto::Digest digest_ = crypto::Hash(HashAlgorithm::kSha256, ToBytes("content"));
  crypto::Digest other_ = crypto::Hash(HashAlgorithm::kSha256, ToBytes("other"));
};

TEST_F(VerifyTest, Version2) {
  for (const FileSigner* signer : {&Rsa(), &Ec()}) {
    const Bytes value = signer->Sign(kContent);
    EXPECT_EQ(Verify(value, "sha256", digest_.bytes()), SignatureAnswer::kGood);
    EXPECT_EQ(Verify(value, "sha256", digest_.bytes(), false), SignatureAnswer::kGood);
    EXPECT_EQ(Verify(value, "sha256", other_.bytes()), SignatureAnswer::kBad);
    EXPECT_EQ(Verify(value, "sha256", ByteView(digest_.bytes()).first(31)), SignatureAnswer::kBad);
  }
}

TEST_F(VerifyTest, WhoSignedIsTold) {
  const std::array<const Keyring*, 1> keyrings = {&keyring_};
  const Bytes value = Rsa().Sign(kContent);
  const auto verified = VerifyFileSignature(
      *ParseFileSignature(value),
      {.algorithm = "sha256", .digest = digest_.bytes(), .is_verity = {}}, keyrings);
  EXPECT_EQ(verified.signed_by, ".ima " + KeyIdText(Rsa().key().id));
}

TEST_F(VerifyTest, AnotherKey) {
  const FileSigner stranger(crypto::PrivateKey::GenerateEc(crypto::Curve::kP256));
  EXPECT_EQ(Verify(stranger.Sign(kContent), "sha256", digest_.bytes()),
            SignatureAnswer::kUnknownKey);
  // One that says it was a known one.
  EXPECT_EQ(Verify(stranger.Sign(kContent, kSha256, {.key_id = Ec().key().id}), "sha256",
                   digest_.bytes()),
            SignatureAnswer::kBad);
  EXPECT_EQ(
      Verify(Ec().Sign(kContent, kSha256, {.key_id = Rsa().key().id}), "sha256", digest_.bytes()),
      SignatureAnswer::kBad);
}

// Keys whose ids are equal do not hide one another.
TEST_F(VerifyTest, AllKeysOfAnIdAreTried) {
  Key same = FileSigner(crypto::PrivateKey::GenerateEc(crypto::Curve::kP256)).key();
  same.id = Ec().key().id;
  Keyring keyring;
  ASSERT_TRUE(keyring.Add(same, ".ima"));
  ASSERT_TRUE(keyring.Add(Ec().key(), ".ima"));
  keyring_ = keyring;
  EXPECT_EQ(Verify(Ec().Sign(kContent), "sha256", digest_.bytes()), SignatureAnswer::kGood);
}

// An RSA key cannot have made a signature with SM3; another of its id could.
TEST_F(VerifyTest, AKeyThatDoesNotGoWithTheHashDoesNotHideOthers) {
  Key rsa = Rsa().key();
  rsa.id = Ec().key().id;
  Keyring keyring;
  ASSERT_TRUE(keyring.Add(rsa, ".ima"));
  keyring_ = keyring;
  Bytes value = Ec().Sign(kContent);
  value[2] = 17;
  EXPECT_EQ(Verify(value, "sm3", digest_.bytes()), SignatureAnswer::kNotVerifiable);
  // On the curve of SM2: its base point, which is a key as good as any.
  ASSERT_TRUE(keyring_.Add(Sm2Key(Ec().key().id), ".ima"));
  EXPECT_EQ(Verify(value, "sm3", digest_.bytes()), SignatureAnswer::kBad);
}

TEST_F(VerifyTest, TheDigestIsOfTheSignaturesHash) {
  EXPECT_EQ(Verify(Ec().Sign(kContent), "sha1", digest_.bytes()), SignatureAnswer::kNotVerifiable);
  EXPECT_EQ(Verify(Ec().Sign(kContent), "sm3", digest_.bytes()), SignatureAnswer::kNotVerifiable);
}

TEST_F(VerifyTest, HashesThatAreNotVerified) {
  Bytes value = Ec().Sign(kContent);
  value[2] = 18;  // streebog256
  EXPECT_EQ(Verify(value, "streebog256", digest_.bytes()), SignatureAnswer::kNotVerifiable);
  value[2] = 1;
  EXPECT_EQ(Verify(value, "md5", ByteView(digest_.bytes()).first(16)),
            SignatureAnswer::kNotVerifiable);
  value[1] = 3;
  EXPECT_EQ(Verify(value, "md5", ByteView(digest_.bytes()).first(16)),
            SignatureAnswer::kNotVerifiable);
}

// What is signed is a hash of the same algorithm as the digest.
TEST_F(VerifyTest, Version3WithSha3) {
  constexpr auto kSha3 = HashAlgorithm::kSha3_256;
  if (!crypto::IsAvailable(kSha3)) GTEST_SKIP() << "OpenSSL has no SHA-3";
  const crypto::Digest digest = crypto::Hash(kSha3, kContent);
  for (const FileSigner* signer : {&Rsa(), &Ec()}) {
    const Bytes value = signer->Sign(kContent, kSha3, {.type = 3, .version = 3});
    EXPECT_EQ(Verify(value, "sha3-256", digest.bytes()), SignatureAnswer::kGood);
    EXPECT_EQ(Verify(value, "sha3-256", digest_.bytes()), SignatureAnswer::kBad);
  }
}

TEST_F(VerifyTest, Version3SignsWhatKindOfDigestItIs) {
  for (const FileSigner* signer : {&Rsa(), &Ec()}) {
    const Bytes verity = signer->Sign(kContent, kSha256, {.type = 6, .version = 3});
    EXPECT_EQ(Verify(verity, "sha256", digest_.bytes(), true), SignatureAnswer::kGood);
    EXPECT_EQ(Verify(verity, "sha256", digest_.bytes()), SignatureAnswer::kGood);
    EXPECT_EQ(Verify(verity, "sha256", other_.bytes(), true), SignatureAnswer::kBad);
    EXPECT_EQ(Verify(verity, "sha256", digest_.bytes(), false), SignatureAnswer::kNotVerifiable);
    // Called one over the file's digest.
    Bytes called = verity;
    called[0] = 3;
    EXPECT_EQ(Verify(called, "sha256", digest_.bytes(), false), SignatureAnswer::kBad);
    called[1] = 2;
    EXPECT_EQ(Verify(called, "sha256", digest_.bytes(), false), SignatureAnswer::kBad);
    const Bytes file = signer->Sign(kContent, kSha256, {.type = 3, .version = 3});
    EXPECT_EQ(Verify(file, "sha256", digest_.bytes(), false), SignatureAnswer::kGood);
    EXPECT_EQ(Verify(file, "sha256", digest_.bytes(), true), SignatureAnswer::kNotVerifiable);
  }
}

// Made by `evmctl ima_sign --rsa` of ima-evm-utils 1.4.
TEST_F(VerifyTest, Version1) {
  constexpr std::string_view kKey =
      "-----BEGIN PUBLIC KEY-----\n"
      "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCdGjogqh7XQ2V4DBGnBeibzTuj\n"
      "om0RhXHkKeF1teglyjkeseLRR0aYuXYJ1dLGmaMplTUbVAz2CJye4pzCY+hIo+jF\n"
      "BoypUQDx0fLq7gjb+pt0Up0yqlIgqmP+23eJYEdPiUs7P0SEsaK4P/GTDfLHd6k5\n"
      "58E6ETFwyfA7K01HBQIDAQAB\n"
      "-----END PUBLIC KEY-----\n";
  ASSERT_TRUE(keyring_.Add(ParseKey(AsBytes(kKey)).value(), "v1"));
  for (const auto& [hash, hex] :
       {std::pair(HashAlgorithm::kSha1,
                  "030195f10a6b000008b4003df6d9c8cf0104001fcbd7c0a657ed438e475f2f6175cecf8f1901ce96"
                  "045198e9177e95028c5ffc6d60a80e4abee722481f030b032248de78c48d86e1d6dbae0fa934719a"
                  "41fc376ad61927057a8dc6ac8a4fa50667ef59b3028f17784b67a0e1d62ea28ccd631a071f357f53"
                  "ab6d20bb9d46066b3c52119b1cb3a734723c002cead501e51ccea2"),
        std::pair(HashAlgorithm::kSha256,
                  "030195f10a6b000108b4003df6d9c8cf01040028bc71391c661154a6819cb346c409b2bf707aa7d1"
                  "e011c7e8caab905209b77783419f2b89f0f89c7d18d66664330ce33767e4d5e611a4431ca0c5225d"
                  "7eed920ad617ac32297a47fbbca6a408cdd85a62a6be7fa189d5ec75d614b55602c94f9574fbe211"
                  "19723734a1492c6cff9a0395ebfa69be3c617fef142cbb6503d170")}) {
    const crypto::Digest digest = crypto::Hash(hash, kContent);
    const Bytes value = *HexDecode(hex);
    EXPECT_EQ(Verify(value, crypto::HashName(hash), digest.bytes()), SignatureAnswer::kGood);
    EXPECT_EQ(Verify(value, crypto::HashName(hash), digest.bytes(), true),
              SignatureAnswer::kNotVerifiable);
    EXPECT_EQ(Verify(value, crypto::HashName(hash), crypto::Hash(hash, {}).bytes()),
              SignatureAnswer::kBad);
    // The header is signed: the time.
    Bytes other = value;
    other[5] ^= 1U;
    EXPECT_EQ(Verify(other, crypto::HashName(hash), digest.bytes()), SignatureAnswer::kBad);
    other = value;
    other[9] ^= 1U;
    EXPECT_EQ(Verify(other, crypto::HashName(hash), digest.bytes()), SignatureAnswer::kUnknownKey);
    EXPECT_EQ(Verify(value, hash == HashAlgorithm::kSha1 ? "sha256" : "sha1", digest.bytes()),
              SignatureAnswer::kNotVerifiable);
  }
}

TEST_F(VerifyTest, DigestsAndHmacsProveNothing) {
  Bytes digest = {4, 4};
  Append(digest, digest_.bytes());
  EXPECT_EQ(Verify(digest, "sha256", digest_.bytes()), SignatureAnswer::kNotVerifiable);
  EXPECT_EQ(Verify(Bytes(21, 2), "sha1", Bytes(20)), SignatureAnswer::kNotVerifiable);
}

TEST(SignatureNames, AreStable) {
  EXPECT_EQ(SignatureAnswerName(SignatureAnswer::kGood), "good");
  EXPECT_EQ(SignatureAnswerName(SignatureAnswer::kBad), "bad");
  EXPECT_EQ(SignatureAnswerName(SignatureAnswer::kUnknownKey), "unknown-key");
  EXPECT_EQ(SignatureAnswerName(SignatureAnswer::kNotVerifiable), "not-verifiable");
  EXPECT_EQ(SignatureAnswerName(SignatureAnswer::kMalformed), "malformed");
  EXPECT_EQ(XattrTypeName(XattrType::kVeritySignature), "verity-signature");
  EXPECT_EQ(XattrTypeName(XattrType::kHmac), "hmac");
}

}  // namespace
}  // namespace limequat::ima
