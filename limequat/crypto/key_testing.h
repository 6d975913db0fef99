#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

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
#include "limequat/crypto/key.h"

// Keys for tests of this module, and OpenSSL's own hands on them.
namespace limequat::crypto {

using PkeyOwner = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using ContextOwner = std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)>;

inline constexpr HashAlgorithm kSha256 = HashAlgorithm::kSha256;
inline const Bytes kMessage = ToBytes("a quote");

inline const PrivateKey& Rsa() {
  static const PrivateKey key = PrivateKey::GenerateRsa(2048);
  return key;
}
inline const PrivateKey& Ec(Curve curve = Curve::kP256) {
  static const PrivateKey p256 = PrivateKey::GenerateEc(Curve::kP256);
  static const PrivateKey p384 = PrivateKey::GenerateEc(Curve::kP384);
  static const PrivateKey p521 = PrivateKey::GenerateEc(Curve::kP521);
  return curve == Curve::kP256 ? p256 : curve == Curve::kP384 ? p384 : p521;
}

// The key in OpenSSL's hands, for what this module does not offer.
inline PkeyOwner Native(const PrivateKey& key) {
  const std::string pem = key.ExposePem();
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  EVP_PKEY* pkey = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  return {pkey, EVP_PKEY_free};
}

inline Bytes SpkiOf(const EVP_PKEY* pkey) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(pkey, &der);
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

inline PkeyOwner NativeEc(const char* curve, int encoding, const char* point_format) {
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

inline std::string PemOf(std::string_view label, ByteView der) {
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
inline Bytes Der(std::uint8_t tag, const Bytes& content) {
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

inline Bytes ModulusOf(const PrivateKey& key) {
  BIGNUM* number = nullptr;
  EVP_PKEY_get_bn_param(Native(key).get(), OSSL_PKEY_PARAM_RSA_N, &number);
  Bytes bytes(static_cast<std::size_t>(BN_num_bytes(number)));
  BN_bn2bin(number, bytes.data());
  BN_free(number);
  return bytes;
}

}  // namespace limequat::crypto
