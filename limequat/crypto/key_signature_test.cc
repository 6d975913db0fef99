#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "limequat/base/encoding.h"
#include "limequat/crypto/key.h"
#include "limequat/crypto/key_testing.h"

namespace limequat::crypto {
namespace {

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
