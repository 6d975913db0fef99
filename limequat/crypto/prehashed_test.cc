#include "limequat/crypto/prehashed.h"

#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "limequat/base/encoding.h"

namespace limequat::crypto {
namespace {

using PkeyOwner = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using ContextOwner = std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)>;

PkeyOwner Generated(const char* type, const char* group) {
  return {group == nullptr ? EVP_PKEY_Q_keygen(nullptr, nullptr, type, std::size_t{2048})
                           : EVP_PKEY_Q_keygen(nullptr, nullptr, type, group),
          EVP_PKEY_free};
}
EVP_PKEY* Rsa() {
  static const PkeyOwner key = Generated("RSA", nullptr);
  return key.get();
}
EVP_PKEY* Ec() {
  static const PkeyOwner key = Generated("EC", "P-384");
  return key.get();
}

PublicKey PublicOf(const EVP_PKEY* pkey) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(pkey, &der);
  const auto key = PublicKey::FromSpkiDer(ByteView(der, static_cast<std::size_t>(size)));
  OPENSSL_free(der);
  return key.value();
}

Bytes DigestOf(const char* hash, std::string_view message) {
  Bytes digest(EVP_MAX_MD_SIZE);
  std::size_t size = 0;
  EXPECT_EQ(
      EVP_Q_digest(nullptr, hash, nullptr, message.data(), message.size(), digest.data(), &size),
      1);
  digest.resize(size);
  return digest;
}

// `hash` may be null: then the content itself is signed.
Bytes Signed(EVP_PKEY* pkey, const char* hash, ByteView digest) {
  const ContextOwner context(EVP_PKEY_CTX_new(pkey, nullptr), EVP_PKEY_CTX_free);
  EXPECT_EQ(EVP_PKEY_sign_init(context.get()), 1);
  if (EVP_PKEY_is_a(pkey, "RSA") == 1) {
    EXPECT_EQ(EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING), 1);
  }
  if (hash != nullptr) {
    EXPECT_EQ(EVP_PKEY_CTX_set_signature_md(context.get(), EVP_get_digestbyname(hash)), 1);
  }
  std::size_t size = static_cast<std::size_t>(EVP_PKEY_get_size(pkey));
  Bytes signature(size);
  EXPECT_EQ(EVP_PKEY_sign(context.get(), signature.data(), &size, digest.data(), digest.size()), 1);
  signature.resize(size);
  return signature;
}

std::string ErrorOf(const Result<SignatureCheck>& result) {
  return result ? "none" : result.error().id;
}

struct HashCase {
  std::string_view name;
  const char* openssl;
};

TEST(Prehashed, EveryHashWithRsaAndEcdsa) {
  for (const HashCase hash : {HashCase{"sha1", "SHA1"}, HashCase{"sha224", "SHA224"},
                              HashCase{"sha256", "SHA256"}, HashCase{"sha384", "SHA384"},
                              HashCase{"sha512", "SHA512"}, HashCase{"sha3-256", "SHA3-256"},
                              HashCase{"sha3-384", "SHA3-384"}, HashCase{"sha3-512", "SHA3-512"}}) {
    for (EVP_PKEY* pkey : {Rsa(), Ec()}) {
      SCOPED_TRACE(hash.name);
      const PublicKey key = PublicOf(pkey);
      Bytes digest = DigestOf(hash.openssl, "content");
      const Bytes signature = Signed(pkey, hash.openssl, digest);
      EXPECT_EQ(VerifyPrehashed(key, hash.name, digest, signature), SignatureCheck::kValid);
      EXPECT_EQ(
          VerifyPrehashed(key, hash.name, ByteView(digest).first(digest.size() - 1), signature),
          SignatureCheck::kInvalid);
      EXPECT_EQ(VerifyPrehashed(key, hash.name, digest, ByteView(signature).first(20)),
                SignatureCheck::kInvalid);
      digest[0] ^= 1U;
      EXPECT_EQ(VerifyPrehashed(key, hash.name, digest, signature), SignatureCheck::kInvalid);
    }
  }
}

TEST(Prehashed, AnotherHashOfTheSameSizeIsNotMeant) {
  const Bytes digest = DigestOf("SHA256", "content");
  const Bytes signature = Signed(Rsa(), "SHA256", digest);
  EXPECT_EQ(VerifyPrehashed(PublicOf(Rsa()), "sha3-256", digest, signature),
            SignatureCheck::kInvalid);
}

TEST(Prehashed, WeakAndUnknownHashesAreRefused) {
  const Bytes digest(32);
  for (const std::string_view hash :
       {"md5", "md4", "rmd160", "streebog256", "streebog512", "", "x"}) {
    EXPECT_EQ(ErrorOf(VerifyPrehashed(PublicOf(Rsa()), hash, digest, digest)),
              "crypto.prehashed.hash")
        << hash;
  }
  EXPECT_EQ(ErrorOf(VerifyPrehashed(PublicOf(Rsa()), "sm3", digest, digest)),
            "crypto.prehashed.hash");
}

TEST(Prehashed, Sm2TakesADigestOfSm3) {
  const PkeyOwner pkey = Generated("SM2", "SM2");
  ASSERT_NE(pkey, nullptr);
  const PublicKey key = PublicOf(pkey.get());
  Bytes digest = DigestOf("SM3", "content");
  const Bytes signature = Signed(pkey.get(), nullptr, digest);
  EXPECT_EQ(VerifyPrehashed(key, "sm3", digest, signature), SignatureCheck::kValid);
  EXPECT_EQ(ErrorOf(VerifyPrehashed(key, "sha256", digest, signature)), "crypto.prehashed.hash");
  EXPECT_EQ(VerifyPrehashed(key, "sm3", ByteView(digest).first(31), signature),
            SignatureCheck::kInvalid);
  digest[0] ^= 1U;
  EXPECT_EQ(VerifyPrehashed(key, "sm3", digest, signature), SignatureCheck::kInvalid);
}

TEST(Prehashed, KeysOfOtherKindsAreRefused) {
  const Bytes digest(32);
  for (const auto& [type, group] : {std::pair("EC", "secp256k1"), std::pair("ED25519", "")}) {
    const PkeyOwner pkey(*group == '\0' ? EVP_PKEY_Q_keygen(nullptr, nullptr, type)
                                        : EVP_PKEY_Q_keygen(nullptr, nullptr, type, group),
                         EVP_PKEY_free);
    EXPECT_EQ(ErrorOf(VerifyPrehashed(PublicOf(pkey.get()), "sha256", digest, digest)),
              "crypto.prehashed.key");
  }
}

TEST(Prehashed, BareBlockHasNoDigestInfo) {
  const PublicKey key = PublicOf(Rsa());
  const Bytes content = DigestOf("SHA1", "content");
  const Bytes bare = Signed(Rsa(), nullptr, content);
  EXPECT_EQ(VerifyBareRsaBlock(key, content, bare), SignatureCheck::kValid);
  EXPECT_EQ(VerifyBareRsaBlock(key, ByteView(content).first(19), bare), SignatureCheck::kInvalid);
  EXPECT_EQ(VerifyBareRsaBlock(key, {}, Signed(Rsa(), nullptr, {})), SignatureCheck::kInvalid);
  const Bytes with_hash = Signed(Rsa(), "SHA1", content);
  EXPECT_EQ(VerifyBareRsaBlock(key, content, with_hash), SignatureCheck::kInvalid);
  EXPECT_EQ(VerifyPrehashed(key, "sha1", content, bare), SignatureCheck::kInvalid);
  EXPECT_EQ(VerifyBareRsaBlock(PublicOf(Ec()), content, Signed(Ec(), "SHA1", content)),
            SignatureCheck::kInvalid);
}

TEST(Prehashed, SubjectPublicKey) {
  const Bytes rsa = SubjectPublicKeyOf(PublicOf(Rsa()));
  unsigned char* der = nullptr;
  const int size = i2d_PublicKey(Rsa(), &der);
  EXPECT_EQ(rsa, ToBytes(ByteView(der, static_cast<std::size_t>(size))));
  OPENSSL_free(der);
  const Bytes point = SubjectPublicKeyOf(PublicOf(Ec()));
  ASSERT_EQ(point.size(), 97U);
  EXPECT_EQ(point[0], 4);
}

TEST(Prehashed, RsaNumbers) {
  const auto numbers = RsaNumbersOf(PublicOf(Rsa()));
  ASSERT_TRUE(numbers);
  EXPECT_EQ(numbers->modulus.size(), 256U);
  EXPECT_EQ(HexEncode(numbers->exponent), "010001");
  EXPECT_FALSE(RsaNumbersOf(PublicOf(Ec())));
}

}  // namespace
}  // namespace limequat::crypto
