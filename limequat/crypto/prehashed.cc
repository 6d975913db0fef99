#include "limequat/crypto/prehashed.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include "limequat/base/check.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/crypto/key_internal.h"

namespace limequat::crypto {

namespace {

using MdPtr = std::unique_ptr<EVP_MD, Releases<EVP_MD_free>>;
using X509PubkeyPtr = std::unique_ptr<X509_PUBKEY, Releases<X509_PUBKEY_free>>;

struct KnownHash {
  std::string_view name;
  std::size_t size;
  const char* openssl_name;
};
// Beside those of HashAlgorithm.
constexpr std::array kMoreHashes = {
    KnownHash{.name = "sha224", .size = 28, .openssl_name = "SHA2-224"},
    KnownHash{.name = "sha3-256", .size = 32, .openssl_name = "SHA3-256"},
    KnownHash{.name = "sha3-384", .size = 48, .openssl_name = "SHA3-384"},
    KnownHash{.name = "sha3-512", .size = 64, .openssl_name = "SHA3-512"}};

constexpr std::string_view kSm3 = "sm3";

Error UnknownHash(std::string_view hash) {
  return Unsupported(
      "crypto.prehashed.hash",
      fmt::format("signatures with the hash '{}' are not verified", EscapeForDisplay(hash, 32)));
}

SignatureCheck Answer(int answer) {
  // Only 1 means "yes".
  return answer == 1 ? SignatureCheck::kValid : SignatureCheck::kInvalid;
}

// A hash that HashAlgorithm does not have.
Result<SignatureCheck> VerifyWith(const KnownHash& hash, const PublicKey& key, ByteView digest,
                                  ByteView signature) {
  if (digest.size() != hash.size) return SignatureCheck::kInvalid;
  const MdPtr md(EVP_MD_fetch(nullptr, hash.openssl_name, nullptr));
  if (md == nullptr) return UnknownHash(hash.name);
  const PkeyContextPtr context(EVP_PKEY_CTX_new(key.impl().pkey.get(), nullptr));
  LQ_CHECK(context != nullptr);
  LQ_CHECK(EVP_PKEY_verify_init(context.get()) == 1);
  if (key.type() == KeyType::kRsa) {
    LQ_CHECK(EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) == 1);
  }
  if (EVP_PKEY_CTX_set_signature_md(context.get(), md.get()) != 1) return UnknownHash(hash.name);
  return Answer(EVP_PKEY_verify(context.get(), signature.data(), signature.size(), digest.data(),
                                digest.size()));
}

}  // namespace

Result<SignatureCheck> VerifyPrehashed(const PublicKey& key, std::string_view hash, ByteView digest,
                                       ByteView signature) {
  const ErrorQueueScope scope;
  if (key.curve() == Curve::kSm2) {
    if (hash != kSm3) return UnknownHash(hash);
    const auto value = Digest::FromBytes(HashAlgorithm::kSm3_256, digest);
    if (!value) return SignatureCheck::kInvalid;
    return key.VerifyDigest(SignatureScheme::kSm2, *value, signature);
  }
  const bool is_rsa = key.type() == KeyType::kRsa;
  if (!is_rsa && !key.curve()) {
    return Unsupported("crypto.prehashed.key",
                       "keys other than RSA, ECDSA on P-256, P-384 and P-521, and SM2");
  }
  if (const auto algorithm = HashFromName(hash)) {
    const auto value = Digest::FromBytes(*algorithm, digest);
    if (!value) return SignatureCheck::kInvalid;
    return key.VerifyDigest(is_rsa ? SignatureScheme::kRsaSsa : SignatureScheme::kEcdsa, *value,
                            signature);
  }
  const auto* const found = std::ranges::find(kMoreHashes, hash, &KnownHash::name);
  if (found == kMoreHashes.end()) return UnknownHash(hash);
  return VerifyWith(*found, key, digest, signature);
}

SignatureCheck VerifyBareRsaBlock(const PublicKey& key, ByteView content, ByteView signature) {
  const ErrorQueueScope scope;
  if (key.type() != KeyType::kRsa || content.empty()) return SignatureCheck::kInvalid;
  const PkeyContextPtr context(EVP_PKEY_CTX_new(key.impl().pkey.get(), nullptr));
  LQ_CHECK(context != nullptr);
  LQ_CHECK(EVP_PKEY_verify_init(context.get()) == 1);
  // Without a hash, OpenSSL compares the whole content of the block.
  LQ_CHECK(EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) == 1);
  return Answer(EVP_PKEY_verify(context.get(), signature.data(), signature.size(), content.data(),
                                content.size()));
}

Bytes SubjectPublicKeyOf(const PublicKey& key) {
  const ErrorQueueScope scope;
  const Bytes spki = key.ToSpkiDer();
  const unsigned char* at = spki.data();
  const X509PubkeyPtr info(d2i_X509_PUBKEY(nullptr, &at, static_cast<long>(spki.size())));
  LQ_CHECK(info != nullptr);
  const unsigned char* bits = nullptr;
  int size = 0;
  LQ_CHECK(X509_PUBKEY_get0_param(nullptr, &bits, &size, nullptr, info.get()) == 1);
  return ToBytes(ByteView(bits, static_cast<std::size_t>(size)));
}

Result<RsaNumbers> RsaNumbersOf(const PublicKey& key) {
  LQ_ASSIGN_OR_RETURN(Bytes modulus, RsaModulusOf(key));
  const BnPtr e = IntegerOf(key.impl().pkey.get(), OSSL_PKEY_PARAM_RSA_E);
  LQ_CHECK(e != nullptr);
  Bytes exponent(static_cast<std::size_t>(BN_num_bytes(e.get())));
  BN_bn2bin(e.get(), exponent.data());
  return RsaNumbers{.modulus = std::move(modulus), .exponent = std::move(exponent)};
}

}  // namespace limequat::crypto
