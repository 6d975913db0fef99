#include "limequat/tpm/signature.h"

#include <gtest/gtest.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/encoding.h"

namespace limequat::tpm {
namespace {

using crypto::HashAlgorithm;
using crypto::PrivateKey;
using crypto::SignatureCheck;
using crypto::SignatureScheme;

const PrivateKey& EcKey() {
  static const PrivateKey key = PrivateKey::GenerateEc(crypto::Curve::kP256);
  return key;
}

const PrivateKey& RsaKey() {
  static const PrivateKey key = PrivateKey::GenerateRsa(2048);
  return key;
}

Signature RsaSignature(AlgorithmId scheme, HashAlgorithm hash, ByteView message) {
  const auto crypto_scheme =
      scheme == AlgorithmId::kRsaPss ? SignatureScheme::kRsaPss : SignatureScheme::kRsaSsa;
  return {.scheme = scheme,
          .hash = hash,
          .rsa = *RsaKey().Sign(crypto_scheme, hash, message),
          .r = {},
          .s = {}};
}

// Content of the DER INTEGER at the front of `in`, without its sign byte, as long as
// `size` at least.
Bytes TakeInteger(ByteReader& in, std::size_t size) {
  EXPECT_EQ(*in.U8("tag"), 0x02);
  ByteView number = *in.Take(*in.U8("length"), "integer");
  if (number.front() == 0) number = number.subspan(1);
  Bytes padded(size > number.size() ? size - number.size() : 0, 0);
  Append(padded, number);
  return padded;
}

// As a TPM writes it: r and s in the curve's size.
Signature EcSignature(const PrivateKey& key, HashAlgorithm hash, ByteView message) {
  const Bytes der = *key.Sign(SignatureScheme::kEcdsa, hash, message);
  const std::size_t size = crypto::CurveBytes(*key.public_key().curve());
  ByteReader in(der);
  EXPECT_EQ(*in.U8("tag"), 0x30);
  const bool long_form = *in.U8("length") == 0x81;
  EXPECT_TRUE(!long_form || in.U8("length").has_value());
  Signature signature{.scheme = AlgorithmId::kEcdsa, .hash = hash, .rsa = {}, .r = {}, .s = {}};
  signature.r = TakeInteger(in, size);
  signature.s = TakeInteger(in, size);
  return signature;
}

void ExpectError(ByteView bytes, ErrorCode code, std::string_view id) {
  const auto parsed = ParseSignature(bytes);
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().code, code);
  EXPECT_EQ(parsed.error().id, id);
}

TEST(SignatureTest, ParseIsTheInverseOfWrite) {
  const std::vector<std::string> wires = {"0014000b0003010203", "0016000c0003010203",
                                          "00180004000101000202ff", "0018000d00000000",
                                          "001b000b000101000202ff"};
  for (const std::string& hex : wires) {
    const auto signature = ParseSignature(*HexDecode(hex));
    ASSERT_TRUE(signature.has_value()) << signature.error().message;
    EXPECT_EQ(HexEncode(WriteSignature(*signature)), hex);
  }
}

TEST(SignatureTest, FieldsOfRsaAndEcdsa) {
  const auto rsa = ParseSignature(*HexDecode("0016000c0003010203"));
  ASSERT_TRUE(rsa.has_value());
  EXPECT_EQ(rsa->scheme, AlgorithmId::kRsaPss);
  EXPECT_EQ(rsa->hash, HashAlgorithm::kSha384);
  EXPECT_EQ(rsa->rsa, (Bytes{1, 2, 3}));
  const auto ecdsa = ParseSignature(*HexDecode("0018000b000107000202ff"));
  ASSERT_TRUE(ecdsa.has_value());
  EXPECT_EQ(ecdsa->r, Bytes{7});
  EXPECT_EQ(ecdsa->s, (Bytes{2, 0xff}));
}

TEST(SignatureTest, EveryPrefixIsShort) {
  for (const std::string_view hex : {"0014000b0003010203", "0018000b000107000202ff"}) {
    const Bytes bytes = *HexDecode(hex);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      ExpectError(ByteView(bytes).first(size), ErrorCode::kMalformed, "tpm.signature.short");
    }
  }
}

TEST(SignatureTest, TrailingByte) {
  ExpectError(*HexDecode("0014000b000301020300"), ErrorCode::kMalformed, "tpm.signature.trailing");
  ExpectError(*HexDecode("0018000b000107000202ff00"), ErrorCode::kMalformed,
              "tpm.signature.trailing");
}

TEST(SignatureTest, UnsupportedSchemeAndHash) {
  for (const std::string_view hex : {"0000000b0000", "0005000b0000", "0010", "0015000b0000",
                                     "001a000b00000000", "001c000b00000000"}) {
    ExpectError(*HexDecode(hex), ErrorCode::kUnsupported, "tpm.signature.scheme");
  }
  for (const std::string_view hex : {"001400100000", "0014002b0000", "0018002b"}) {
    ExpectError(*HexDecode(hex), ErrorCode::kUnsupported, "tpm.signature.hash");
  }
}

TEST(SignatureTest, RsaVerifies) {
  const Bytes message = ToBytes("message");
  const crypto::PublicKey key = RsaKey().public_key();
  for (const AlgorithmId scheme : {AlgorithmId::kRsaSsa, AlgorithmId::kRsaPss}) {
    Signature signature = RsaSignature(scheme, HashAlgorithm::kSha256, message);
    EXPECT_EQ(VerifySignature(key, signature, message), SignatureCheck::kValid);
    EXPECT_EQ(VerifySignature(key, signature, ToBytes("massage")), SignatureCheck::kInvalid);
    signature.hash = HashAlgorithm::kSha1;
    EXPECT_EQ(VerifySignature(key, signature, message), SignatureCheck::kInvalid);
  }
}

TEST(SignatureTest, SchemeIsPartOfTheSignature) {
  const Bytes message = ToBytes("message");
  Signature signature = RsaSignature(AlgorithmId::kRsaSsa, HashAlgorithm::kSha256, message);
  signature.scheme = AlgorithmId::kRsaPss;
  EXPECT_EQ(VerifySignature(RsaKey().public_key(), signature, message), SignatureCheck::kInvalid);
}

TEST(SignatureTest, EcdsaVerifiesOnEveryCurve) {
  const Bytes message = ToBytes("message");
  for (const crypto::Curve curve :
       {crypto::Curve::kP256, crypto::Curve::kP384, crypto::Curve::kP521}) {
    const PrivateKey key = PrivateKey::GenerateEc(curve);
    Signature signature = EcSignature(key, HashAlgorithm::kSha384, message);
    EXPECT_EQ(VerifySignature(key.public_key(), signature, message), SignatureCheck::kValid);
    EXPECT_EQ(VerifySignature(EcKey().public_key(), signature, message), SignatureCheck::kInvalid);
    signature.s.back() ^= 1;
    EXPECT_EQ(VerifySignature(key.public_key(), signature, message), SignatureCheck::kInvalid);
  }
}

// TPMs differ in whether r and s keep their leading zero bytes.
TEST(SignatureTest, EcdsaWithAndWithoutLeadingZeros) {
  Signature signature;
  Bytes message;
  for (int i = 0; signature.r.empty() || signature.r.front() != 0; ++i) {
    ASSERT_LT(i, 100'000) << "no r with a leading zero byte found";
    message = ToBytes(std::to_string(i));
    signature = EcSignature(EcKey(), HashAlgorithm::kSha256, message);
  }
  EXPECT_EQ(VerifySignature(EcKey().public_key(), signature, message), SignatureCheck::kValid);
  while (signature.r.front() == 0) signature.r.erase(signature.r.begin());
  EXPECT_EQ(VerifySignature(EcKey().public_key(), signature, message), SignatureCheck::kValid);
}

TEST(SignatureTest, EcdsaNumbersLongerThanTheCurveOrEmpty) {
  const Bytes message = ToBytes("message");
  const Signature good = EcSignature(EcKey(), HashAlgorithm::kSha256, message);
  for (Bytes Signature::* const number : {&Signature::r, &Signature::s}) {
    Signature longer = good;
    (longer.*number).insert((longer.*number).begin(), 0);
    EXPECT_EQ(VerifySignature(EcKey().public_key(), longer, message), SignatureCheck::kInvalid);
    Signature empty = good;
    (empty.*number).clear();
    EXPECT_EQ(VerifySignature(EcKey().public_key(), empty, message), SignatureCheck::kInvalid);
    Signature longest = good;
    (longest.*number) = Bytes(65535, 0xff);
    EXPECT_EQ(VerifySignature(EcKey().public_key(), longest, message), SignatureCheck::kInvalid);
  }
}

TEST(SignatureTest, SchemeThatDoesNotGoWithTheKey) {
  const Bytes message = ToBytes("message");
  const Signature ec = EcSignature(EcKey(), HashAlgorithm::kSha256, message);
  const Signature rsa = RsaSignature(AlgorithmId::kRsaSsa, HashAlgorithm::kSha256, message);
  EXPECT_EQ(VerifySignature(RsaKey().public_key(), ec, message), SignatureCheck::kInvalid);
  EXPECT_EQ(VerifySignature(EcKey().public_key(), rsa, message), SignatureCheck::kInvalid);
  Signature null = rsa;
  null.scheme = AlgorithmId::kNull;
  EXPECT_EQ(VerifySignature(RsaKey().public_key(), null, message), SignatureCheck::kInvalid);
}

TEST(RawSignatureTest, BothFormsAreRead) {
  const Bytes message = ToBytes("message");
  const crypto::PublicKey key = RsaKey().public_key();
  const Signature signature = RsaSignature(AlgorithmId::kRsaSsa, HashAlgorithm::kSha256, message);
  for (const Bytes& file : {WriteSignature(signature), signature.rsa}) {
    const auto parsed = ParseSignatureFile(file, key, HashAlgorithm::kSha256, message);
    ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
    EXPECT_EQ(VerifySignature(key, *parsed, message), SignatureCheck::kValid);
  }
}

TEST(RawSignatureTest, OtherSizesAndKeysAreNot) {
  const Bytes raw(256, 0xaa);
  EXPECT_FALSE(ParseSignatureFile(ByteView(raw).first(255), RsaKey().public_key(),
                                  HashAlgorithm::kSha256, {})
                   .has_value());
  EXPECT_FALSE(
      ParseSignatureFile(Bytes(257, 0xaa), RsaKey().public_key(), HashAlgorithm::kSha256, {})
          .has_value());
  EXPECT_FALSE(
      ParseSignatureFile(raw, EcKey().public_key(), HashAlgorithm::kSha256, {}).has_value());
  // Nor as many bytes as the key of a curve has.
  for (const crypto::Curve curve :
       {crypto::Curve::kP256, crypto::Curve::kP384, crypto::Curve::kP521}) {
    const Bytes short_raw(crypto::CurveBytes(curve), 0xaa);
    const auto parsed = ParseSignatureFile(short_raw, PrivateKey::GenerateEc(curve).public_key(),
                                           HashAlgorithm::kSha256, {});
    ASSERT_FALSE(parsed.has_value());
    EXPECT_EQ(parsed.error().id, "tpm.signature.scheme");
  }
}

}  // namespace
}  // namespace limequat::tpm
