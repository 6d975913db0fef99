// Quotes of every signature scheme, hash and curve, and what is wrong with signatures.

#include <algorithm>

#include <gtest/gtest.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/encoding.h"
#include "limequat/tpm/quote.h"

namespace limequat::tpm {
namespace {

using crypto::Curve;
using crypto::HashAlgorithm;
using crypto::PrivateKey;
using crypto::SignatureScheme;

const PrivateKey& RsaKey() {
  static const PrivateKey key = PrivateKey::GenerateRsa(2048);
  return key;
}

const PrivateKey& EcKey(Curve curve) {
  static const PrivateKey p256 = PrivateKey::GenerateEc(Curve::kP256);
  static const PrivateKey p384 = PrivateKey::GenerateEc(Curve::kP384);
  static const PrivateKey p521 = PrivateKey::GenerateEc(Curve::kP521);
  return curve == Curve::kP256 ? p256 : curve == Curve::kP384 ? p384 : p521;
}

Bytes Padded(const Bytes& number, std::size_t size) {
  Bytes padded(size > number.size() ? size - number.size() : 0, 0);
  Append(padded, number);
  return padded;
}

// PCR 10 of `bank` is all 0x0a; the digest is made with `hash`, as a TPM does it.
struct SignedQuote {
  Bytes message;
  PcrValues values;
  QuoteRequirements requirements;
};

SignedQuote QuoteWith(HashAlgorithm hash, HashAlgorithm bank = HashAlgorithm::kSha256) {
  const auto value = *crypto::Digest::FromBytes(bank, Bytes(crypto::DigestSize(bank), 0x0a));
  SignedQuote quote;
  quote.values.Set(10, value);
  quote.requirements.pcrs = {{.bank = IdOf(bank), .pcrs = PcrSet::Of(10)}};
  quote.requirements.nonce = ToBytes("nonce");
  quote.requirements.allow_sha1 = true;
  quote.message =
      WriteQuoteAttest({.qualified_signer = Bytes(34, 1),
                        .extra_data = ToBytes("nonce"),
                        .clock_info = {},
                        .firmware_version = 1,
                        .selection = quote.requirements.pcrs,
                        .pcr_digest = ToBytes(crypto::Hash(hash, value.bytes()).bytes())});
  return quote;
}

// As a TPM writes it: r and s in the curve's size.
Signature Sign(const PrivateKey& key, AlgorithmId scheme, HashAlgorithm hash, ByteView message) {
  Signature signature{.scheme = scheme, .hash = hash, .rsa = {}, .r = {}, .s = {}};
  if (scheme == AlgorithmId::kRsaSsa) {
    signature.rsa = *key.Sign(SignatureScheme::kRsaSsa, hash, message);
  } else if (scheme == AlgorithmId::kRsaPss) {
    signature.rsa = *key.Sign(SignatureScheme::kRsaPss, hash, message);
  } else {
    const bool sm2 = scheme == AlgorithmId::kSm2;
    const Bytes der =
        *key.Sign(sm2 ? SignatureScheme::kSm2 : SignatureScheme::kEcdsa, hash, message);
    const Signature numbers = *ParseSignatureFile(der, key.public_key(), hash, message);
    const std::size_t size = crypto::CurveBytes(*key.public_key().curve());
    signature.r = Padded(numbers.r, size);
    signature.s = Padded(numbers.s, size);
  }
  return signature;
}

bool Verifies(const crypto::PublicKey& key, const SignedQuote& quote, const Signature& signature) {
  const auto result =
      VerifyQuote(key, quote.message, WriteSignature(signature), quote.values, quote.requirements);
  EXPECT_TRUE(result.has_value());
  return result && result->quote.has_value();
}

constexpr HashAlgorithm kHashes[] = {HashAlgorithm::kSha1, HashAlgorithm::kSha256,
                                     HashAlgorithm::kSha384, HashAlgorithm::kSha512};

TEST(QuoteSchemeTest, RsaWithEveryHash) {
  for (const HashAlgorithm hash : kHashes) {
    const SignedQuote quote = QuoteWith(hash);
    for (const AlgorithmId scheme : {AlgorithmId::kRsaSsa, AlgorithmId::kRsaPss}) {
      const Signature signature = Sign(RsaKey(), scheme, hash, quote.message);
      EXPECT_TRUE(Verifies(RsaKey().public_key(), quote, signature)) << crypto::HashName(hash);
    }
  }
}

TEST(QuoteSchemeTest, EcdsaOnEveryCurveWithEveryHash) {
  for (const HashAlgorithm hash : kHashes) {
    const SignedQuote quote = QuoteWith(hash);
    for (const Curve curve : {Curve::kP256, Curve::kP384, Curve::kP521}) {
      const Signature signature = Sign(EcKey(curve), AlgorithmId::kEcdsa, hash, quote.message);
      EXPECT_TRUE(Verifies(EcKey(curve).public_key(), quote, signature))
          << crypto::CurveName(curve) << " " << crypto::HashName(hash);
      EXPECT_FALSE(Verifies(PrivateKey::GenerateEc(curve).public_key(), quote, signature));
    }
  }
}

// A TPM of the Chinese standard: SM2 over H(message), PCRs in a bank of SM3.
TEST(QuoteSchemeTest, Sm2WithSm3) {
  if (!HashOf(AlgorithmId::kSm3_256)) GTEST_SKIP() << "OpenSSL was built without SM3";
  const PrivateKey key = PrivateKey::GenerateEc(Curve::kSm2);
  const HashAlgorithm sm3 = HashAlgorithm::kSm3_256;
  const SignedQuote quote = QuoteWith(sm3, sm3);
  Signature signature = Sign(key, AlgorithmId::kSm2, sm3, quote.message);
  EXPECT_TRUE(Verifies(key.public_key(), quote, signature));
  // With the Z of an identity in front of the message it is another signature.
  Bytes with_z(32, 0x5a);
  Append(with_z, quote.message);
  EXPECT_FALSE(Verifies(key.public_key(), quote, Sign(key, AlgorithmId::kSm2, sm3, with_z)));
  signature.scheme = AlgorithmId::kEcdsa;
  EXPECT_FALSE(Verifies(key.public_key(), quote, signature));
}

TEST(QuoteSchemeTest, BanksAndSignaturesOfSha3) {
  for (const AlgorithmId id :
       {AlgorithmId::kSha3_256, AlgorithmId::kSha3_384, AlgorithmId::kSha3_512}) {
    const auto hash = HashOf(id);
    if (!hash) GTEST_SKIP() << "OpenSSL has no SHA-3";
    const SignedQuote quote = QuoteWith(*hash, *hash);
    EXPECT_TRUE(Verifies(RsaKey().public_key(), quote,
                         Sign(RsaKey(), AlgorithmId::kRsaSsa, *hash, quote.message)));
    const PrivateKey& key = EcKey(Curve::kP384);
    Signature signature = Sign(key, AlgorithmId::kEcdsa, *hash, quote.message);
    EXPECT_TRUE(Verifies(key.public_key(), quote, signature));
    signature.hash = HashAlgorithm::kSha256;
    EXPECT_FALSE(Verifies(key.public_key(), quote, signature));
  }
}

TEST(QuoteSchemeTest, SignatureUnderAnotherHashOrScheme) {
  const SignedQuote quote = QuoteWith(HashAlgorithm::kSha256);
  const Signature ecdsa =
      Sign(EcKey(Curve::kP256), AlgorithmId::kEcdsa, HashAlgorithm::kSha256, quote.message);
  const Signature rsa = Sign(RsaKey(), AlgorithmId::kRsaSsa, HashAlgorithm::kSha256, quote.message);
  for (const HashAlgorithm hash :
       {HashAlgorithm::kSha1, HashAlgorithm::kSha384, HashAlgorithm::kSha512}) {
    for (const auto& [key, signature] :
         {std::pair(&EcKey(Curve::kP256), ecdsa), std::pair(&RsaKey(), rsa)}) {
      Signature relabelled = signature;
      relabelled.hash = hash;
      EXPECT_FALSE(Verifies(key->public_key(), quote, relabelled));
    }
  }
  Signature pss = rsa;
  pss.scheme = AlgorithmId::kRsaPss;
  EXPECT_FALSE(Verifies(RsaKey().public_key(), quote, pss));
  EXPECT_FALSE(Verifies(EcKey(Curve::kP256).public_key(), quote, rsa));
  EXPECT_FALSE(Verifies(RsaKey().public_key(), quote, ecdsa));
}

// n of each curve (SEC 2).
Bytes OrderOf(Curve curve) {
  switch (curve) {
    case Curve::kP256:
      return *HexDecode("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    case Curve::kP384:
      return *HexDecode(
          "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77a"
          "ecec196accc52973");
    default:
      return *HexDecode(
          "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f96"
          "6b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409");
  }
}

// a + b, of the same size, with one more byte if there is a carry.
Bytes Sum(const Bytes& a, const Bytes& b) {
  Bytes sum(a.size());
  unsigned carry = 0;
  for (std::size_t i = a.size(); i-- > 0;) {
    carry += static_cast<unsigned>(a[i]) + b[i];
    sum[i] = static_cast<std::uint8_t>(carry);
    carry >>= 8U;
  }
  if (carry != 0) sum.insert(sum.begin(), 1);
  return sum;
}

TEST(QuoteSchemeTest, EcdsaNumbersOutOfRange) {
  const SignedQuote quote = QuoteWith(HashAlgorithm::kSha256);
  for (const Curve curve : {Curve::kP256, Curve::kP384, Curve::kP521}) {
    const std::size_t size = crypto::CurveBytes(curve);
    const Bytes order = OrderOf(curve);
    const Signature good =
        Sign(EcKey(curve), AlgorithmId::kEcdsa, HashAlgorithm::kSha256, quote.message);
    for (Bytes Signature::* const number : {&Signature::r, &Signature::s}) {
      // The sum fits P-521, whose order has 521 of 528 bits.
      for (const Bytes& wrong : {Sum(good.*number, order), order, Bytes(size, 0), Bytes{0}, Bytes(),
                                 Bytes(size, 0xff), Padded(good.*number, size + 1)}) {
        Signature bad = good;
        bad.*number = wrong;
        EXPECT_FALSE(Verifies(EcKey(curve).public_key(), quote, bad)) << HexEncode(wrong);
      }
    }
    Signature swapped = good;
    std::swap(swapped.r, swapped.s);
    EXPECT_FALSE(Verifies(EcKey(curve).public_key(), quote, swapped));
  }
}

// DER where the TPM has a number.
TEST(QuoteSchemeTest, DerInsideTheTpmsStructure) {
  const SignedQuote quote = QuoteWith(HashAlgorithm::kSha256);
  const PrivateKey& key = EcKey(Curve::kP256);
  const Signature good = Sign(key, AlgorithmId::kEcdsa, HashAlgorithm::kSha256, quote.message);
  Signature bad = good;
  bad.r = Bytes{0x02, 0x20};
  Append(bad.r, good.r);
  EXPECT_FALSE(Verifies(key.public_key(), quote, bad));
}

TEST(QuoteSchemeTest, RsaSignaturesOfOtherSizes) {
  const SignedQuote quote = QuoteWith(HashAlgorithm::kSha256);
  for (const AlgorithmId scheme : {AlgorithmId::kRsaSsa, AlgorithmId::kRsaPss}) {
    const Signature good = Sign(RsaKey(), scheme, HashAlgorithm::kSha256, quote.message);
    Bytes longer = good.rsa;
    longer.push_back(0);
    const Bytes shorter(good.rsa.begin(), good.rsa.end() - 1);
    for (const Bytes& wrong : {longer, Padded(good.rsa, 257), shorter, Bytes(), Bytes(256, 0),
                               Padded({1}, 256), Bytes(256, 0xff)}) {
      Signature bad = good;
      bad.rsa = wrong;
      EXPECT_FALSE(Verifies(RsaKey().public_key(), quote, bad)) << wrong.size();
    }
  }
}

// --- Bare signatures ---

TEST(BareSignatureTest, HashIsThatOfTheDigest) {
  const crypto::PublicKey rsa = RsaKey().public_key();
  for (const HashAlgorithm hash : kHashes) {
    EXPECT_EQ(BareSignatureHash(*ParseQuoteAttest(QuoteWith(hash).message), rsa), hash);
  }
  UnverifiedQuote odd = *ParseQuoteAttest(QuoteWith(HashAlgorithm::kSha256).message);
  odd.pcr_digest.push_back(0);
  EXPECT_EQ(BareSignatureHash(odd, rsa), HashAlgorithm::kSha256);
}

TEST(BareSignatureTest, HashOfTheChineseStandard) {
  if (!HashOf(AlgorithmId::kSm3_256)) GTEST_SKIP() << "OpenSSL was built without SM3";
  const UnverifiedQuote quote = *ParseQuoteAttest(QuoteWith(HashAlgorithm::kSha256).message);
  EXPECT_EQ(BareSignatureHash(quote, PrivateKey::GenerateEc(Curve::kSm2).public_key()),
            HashAlgorithm::kSm3_256);
}

bool VerifiesBare(const PrivateKey& key, const SignedQuote& quote, ByteView file) {
  const auto hash = BareSignatureHash(*ParseQuoteAttest(quote.message), key.public_key());
  const auto signature = ParseSignatureFile(file, key.public_key(), hash, quote.message);
  return signature && Verifies(key.public_key(), quote, *signature);
}

TEST(BareSignatureTest, RsaAndEcdsaOfEveryHash) {
  for (const HashAlgorithm hash : kHashes) {
    const SignedQuote quote = QuoteWith(hash);
    for (const SignatureScheme scheme : {SignatureScheme::kRsaSsa, SignatureScheme::kRsaPss}) {
      const Bytes bare = *RsaKey().Sign(scheme, hash, quote.message);
      EXPECT_TRUE(VerifiesBare(RsaKey(), quote, bare));
      EXPECT_FALSE(VerifiesBare(PrivateKey::GenerateRsa(2048), quote, bare));
    }
    for (const Curve curve : {Curve::kP256, Curve::kP384, Curve::kP521}) {
      const Bytes der = *EcKey(curve).Sign(SignatureScheme::kEcdsa, hash, quote.message);
      EXPECT_TRUE(VerifiesBare(EcKey(curve), quote, der));
      EXPECT_FALSE(VerifiesBare(PrivateKey::GenerateEc(curve), quote, der));
    }
  }
}

// Which scheme a bare signature of RSA is of shows when it is verified.
TEST(BareSignatureTest, SchemeOfRsa) {
  const SignedQuote quote = QuoteWith(HashAlgorithm::kSha256);
  const crypto::PublicKey key = RsaKey().public_key();
  const auto scheme_of = [&](ByteView file, ByteView message) {
    return ParseSignatureFile(file, key, HashAlgorithm::kSha256, message)->scheme;
  };
  const Bytes pss = *RsaKey().Sign(SignatureScheme::kRsaPss, HashAlgorithm::kSha256, quote.message);
  const Bytes ssa = *RsaKey().Sign(SignatureScheme::kRsaSsa, HashAlgorithm::kSha256, quote.message);
  EXPECT_EQ(scheme_of(pss, quote.message), AlgorithmId::kRsaPss);
  EXPECT_EQ(scheme_of(pss, ToBytes("another message")), AlgorithmId::kRsaSsa);
  EXPECT_EQ(scheme_of(ssa, quote.message), AlgorithmId::kRsaSsa);
}

TEST(BareSignatureTest, Sm2) {
  if (!HashOf(AlgorithmId::kSm3_256)) GTEST_SKIP() << "OpenSSL was built without SM3";
  const PrivateKey key = PrivateKey::GenerateEc(Curve::kSm2);
  const SignedQuote quote = QuoteWith(HashAlgorithm::kSm3_256);
  const Bytes der = *key.Sign(SignatureScheme::kSm2, HashAlgorithm::kSm3_256, quote.message);
  EXPECT_TRUE(VerifiesBare(key, quote, der));
}

// What is no DER signature in its only form is the error of a TPMT_SIGNATURE.
TEST(BareSignatureTest, OtherFormsOfEcdsaAreNotRead) {
  const SignedQuote quote = QuoteWith(HashAlgorithm::kSha256);
  const PrivateKey& key = EcKey(Curve::kP256);
  const Signature good = Sign(key, AlgorithmId::kEcdsa, HashAlgorithm::kSha256, quote.message);
  Bytes r_and_s = good.r;
  Append(r_and_s, good.s);
  const std::vector<Bytes> wrong = {
      r_and_s,
      *HexDecode("30060201010201"),          // short
      *HexDecode("300602010102010100"),      // a byte behind
      *HexDecode("30080201010201010000"),    // a byte inside
      *HexDecode("3081060201010201"),        // short
      *HexDecode("308106020101020101"),      // long form of a short length
      *HexDecode("300702020001020101"),      // a zero too many
      *HexDecode("300602010102018f"),        // negative
      *HexDecode("3006020181020101"),        // negative too
      *HexDecode("30050200020101"),          // no number
      *HexDecode("3003020101"),              // one number
      *HexDecode("3009020101020101020101"),  // three
      *HexDecode("3106020101020101"),        // a set
      *HexDecode("3006030101020101"),        // a bit string
      *HexDecode("30060201010201"),
      *HexDecode("3006020101020501"),  // the second number is longer than what is left
      *HexDecode("3006020501020101"),  // the first
      *HexDecode("3006020100020101"),  // r is zero
      *HexDecode("3081"),
      *HexDecode("30"),
      {}};
  for (const Bytes& file : wrong) {
    const auto signature = ParseSignatureFile(file, key.public_key(), HashAlgorithm::kSha256, {});
    ASSERT_FALSE(signature.has_value()) << HexEncode(file);
    EXPECT_TRUE(signature.error().id.starts_with("tpm.signature.")) << signature.error().id;
  }
}

TEST(BareSignatureTest, NumbersOfDerWithTheirSignByte) {
  const auto signature =
      ParseSignatureFile(*HexDecode("30080202008102020080"), EcKey(Curve::kP256).public_key(),
                         HashAlgorithm::kSha256, {});
  ASSERT_TRUE(signature.has_value()) << signature.error().message;
  EXPECT_EQ(signature->r, Bytes{0x81});
  EXPECT_EQ(signature->s, Bytes{0x80});
}

// The length of a signature of P-521 may or may not need the long form.
TEST(BareSignatureTest, LengthsAroundTheLongForm) {
  for (const std::size_t size : {61U, 62U, 66U}) {
    Bytes content{0x02, 62};
    Append(content, Bytes(62, 0x11));
    Append(content, Bytes{0x02, static_cast<std::uint8_t>(size)});
    Append(content, Bytes(size, 0x22));
    Bytes der{0x30};
    if (content.size() >= 128) der.push_back(0x81);
    der.push_back(static_cast<std::uint8_t>(content.size()));
    Append(der, content);
    const auto signature =
        ParseSignatureFile(der, EcKey(Curve::kP521).public_key(), HashAlgorithm::kSha512, {});
    ASSERT_TRUE(signature.has_value()) << signature.error().message;
    EXPECT_EQ(signature->r, Bytes(62, 0x11));
    EXPECT_EQ(signature->s, Bytes(size, 0x22));
  }
}

// As long as the modulus, and yet what the TPM writes.
TEST(BareSignatureTest, TpmsStructureAsLongAsTheModulus) {
  const Signature written{.scheme = AlgorithmId::kRsaPss,
                          .hash = HashAlgorithm::kSha384,
                          .rsa = Bytes(250, 1),
                          .r = {},
                          .s = {}};
  const Bytes file = WriteSignature(written);
  ASSERT_EQ(file.size(), 256U);
  const auto signature =
      ParseSignatureFile(file, RsaKey().public_key(), HashAlgorithm::kSha256, {});
  ASSERT_TRUE(signature.has_value()) << signature.error().message;
  EXPECT_EQ(signature->scheme, AlgorithmId::kRsaPss);
  EXPECT_EQ(signature->rsa, written.rsa);
}

TEST(BareSignatureTest, KeysThatSignOtherwiseHaveNoDerSignature) {
  Bytes spki = *HexDecode("302a300506032b6570032100");  // Ed25519
  Append(spki, Bytes(32, 1));
  const auto key = crypto::PublicKey::FromSpkiDer(spki);
  ASSERT_TRUE(key.has_value()) << key.error().message;
  EXPECT_FALSE(ParseSignatureFile(*HexDecode("3006020101020101"), *key, HashAlgorithm::kSha256, {})
                   .has_value());
}

TEST(BareSignatureTest, DerForAnRsaKeyIsNotRead) {
  const auto signature = ParseSignatureFile(*HexDecode("3006020101020101"), RsaKey().public_key(),
                                            HashAlgorithm::kSha256, {});
  EXPECT_FALSE(signature.has_value());
}

}  // namespace
}  // namespace limequat::tpm
