#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include "limequat/base/check.h"
#include "limequat/base/result_macros.h"
#include "limequat/crypto/key_internal.h"

namespace limequat::crypto {

namespace {

constexpr int kMinRsaBits = 1024;
constexpr int kMaxRsaBits = 16384;

struct CurveFacts {
  Curve curve;
  std::string_view name;
  const char* openssl_name;
  std::size_t bytes;
};
constexpr std::array kCurves = {CurveFacts{Curve::kP256, "P-256", "prime256v1", 32},
                                CurveFacts{Curve::kP384, "P-384", "secp384r1", 48},
                                CurveFacts{Curve::kP521, "P-521", "secp521r1", 66},
                                CurveFacts{Curve::kSm2, "SM2", "SM2", 32}};

const CurveFacts& FactsOf(Curve curve) {
  const auto found = std::ranges::find(kCurves, curve, &CurveFacts::curve);
  LQ_CHECK(found != kCurves.end());
  return *found;
}

using ParamBuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, Releases<OSSL_PARAM_BLD_free>>;
using ParamsPtr = std::unique_ptr<OSSL_PARAM, Releases<OSSL_PARAM_free>>;

// What OpenSSL calls keys on `curve`.
const char* TypeOn(Curve curve) { return curve == Curve::kSm2 ? "SM2" : "EC"; }

// A public key of `type` from `params`, or nullptr if OpenSSL refuses them or was built
// without such keys.
PkeyPtr FromParams(const char* type, OSSL_PARAM* params) {
  const PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  if (context == nullptr) return nullptr;
  LQ_CHECK(EVP_PKEY_fromdata_init(context.get()) == 1);
  EVP_PKEY* pkey = nullptr;
  if (EVP_PKEY_fromdata(context.get(), &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1) return nullptr;
  return PkeyPtr(pkey);
}

Status CheckRsa(const BIGNUM* modulus, const BIGNUM* exponent) {
  const int bits = BN_num_bits(modulus);
  if (bits < kMinRsaBits || bits > kMaxRsaBits) {
    return Unsupported("crypto.key.rsa_bits", fmt::format("an RSA modulus of {} bits", bits));
  }
  if (BN_is_odd(modulus) == 0) {
    return Unsupported("crypto.key.rsa_modulus", "an even RSA modulus");
  }
  if (BN_is_odd(exponent) == 0 || BN_is_one(exponent) == 1 || BN_num_bits(exponent) > 64) {
    return Unsupported("crypto.key.rsa_exponent",
                       "an RSA exponent that is even, below 3 or above 64 bits");
  }
  return {};
}

// The same key with its SubjectPublicKeyInfo in the one form this library writes:
// rsaEncryption, named curves, uncompressed points. So equal keys have equal bytes,
// and every point has been checked to be on its curve.
Result<PkeyPtr> Normalized(const PublicKey::Impl& key) {
  if (key.type == KeyType::kRsa) {
    return RsaPkey(IntegerOf(key.pkey.get(), OSSL_PKEY_PARAM_RSA_N).get(),
                   IntegerOf(key.pkey.get(), OSSL_PKEY_PARAM_RSA_E).get());
  }
  const BnPtr x = IntegerOf(key.pkey.get(), OSSL_PKEY_PARAM_EC_PUB_X);
  const BnPtr y = IntegerOf(key.pkey.get(), OSSL_PKEY_PARAM_EC_PUB_Y);
  if (x == nullptr || y == nullptr) {
    return Malformed("crypto.key.point", "the key has no affine point");
  }
  const int width = static_cast<int>(CurveBytes(*key.curve));
  Bytes x_bytes(CurveBytes(*key.curve));
  Bytes y_bytes(CurveBytes(*key.curve));
  if (BN_bn2binpad(x.get(), x_bytes.data(), width) != width ||
      BN_bn2binpad(y.get(), y_bytes.data(), width) != width) {
    return Malformed("crypto.key.point", "a coordinate does not fit the curve");
  }
  return EcPkey(*key.curve, x_bytes, y_bytes);
}

}  // namespace

Result<PkeyPtr> RsaPkey(const BIGNUM* modulus, const BIGNUM* exponent) {
  LQ_RETURN_IF_ERROR(CheckRsa(modulus, exponent));
  const ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  LQ_CHECK(builder != nullptr);
  LQ_CHECK(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus) == 1);
  LQ_CHECK(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent) == 1);
  const ParamsPtr params(OSSL_PARAM_BLD_to_param(builder.get()));
  LQ_CHECK(params != nullptr);
  PkeyPtr pkey = FromParams("RSA", params.get());
  if (pkey == nullptr) return Malformed("crypto.key.rsa", "OpenSSL refuses the RSA key");
  return pkey;
}

Result<PkeyPtr> EcPkey(Curve curve, ByteView x, ByteView y) {
  const CurveFacts& facts = FactsOf(curve);
  if (x.size() > facts.bytes || y.size() > facts.bytes) {
    return Malformed("crypto.key.point", fmt::format("coordinates of {} and {} bytes on {}",
                                                     x.size(), y.size(), facts.name));
  }
  Bytes point(1 + 2 * facts.bytes);
  point[0] = POINT_CONVERSION_UNCOMPRESSED;
  std::ranges::copy(x, point.begin() + 1 + static_cast<std::ptrdiff_t>(facts.bytes - x.size()));
  std::ranges::copy(y, point.end() - static_cast<std::ptrdiff_t>(y.size()));
  std::string group = facts.openssl_name;
  std::array<OSSL_PARAM, 3> params = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
      OSSL_PARAM_construct_end()};
  PkeyPtr pkey = FromParams(TypeOn(curve), params.data());
  if (pkey == nullptr) {
    return Malformed("crypto.key.point", fmt::format("the point is not on {}", facts.name));
  }
  return pkey;
}

std::size_t CurveBytes(Curve curve) { return FactsOf(curve).bytes; }
std::string_view CurveName(Curve curve) { return FactsOf(curve).name; }

PkeyPtr GenerateEcPkey(Curve curve) {
  PkeyPtr pkey(EVP_PKEY_Q_keygen(nullptr, nullptr, TypeOn(curve), FactsOf(curve).openssl_name));
  LQ_CHECK(pkey != nullptr);
  return pkey;
}

BnPtr IntegerOf(const EVP_PKEY* pkey, const char* name) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(pkey, name, &number) != 1) return nullptr;
  return BnPtr(number);
}

Result<PublicKey::Impl> Describe(PkeyPtr pkey) {
  PublicKey::Impl key;
  key.bits = EVP_PKEY_get_bits(pkey.get());
  const int id = EVP_PKEY_get_base_id(pkey.get());
  if (id == EVP_PKEY_RSA) {
    const BnPtr modulus = IntegerOf(pkey.get(), OSSL_PKEY_PARAM_RSA_N);
    const BnPtr exponent = IntegerOf(pkey.get(), OSSL_PKEY_PARAM_RSA_E);
    if (modulus == nullptr || exponent == nullptr) {
      return Malformed("crypto.key.rsa", "an RSA key without modulus or exponent");
    }
    LQ_RETURN_IF_ERROR(CheckRsa(modulus.get(), exponent.get()));
    key.type = KeyType::kRsa;
  } else if (id == EVP_PKEY_EC || EVP_PKEY_is_a(pkey.get(), "SM2") == 1) {
    int is_explicit = 0;
    EVP_PKEY_get_int_param(pkey.get(), OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
                           &is_explicit);
    if (is_explicit != 0) {
      // CVE-2020-0601: parameters beside the key let an attacker choose the generator.
      return Unsupported("crypto.key.curve", "an EC key with explicit curve parameters");
    }
    key.type = KeyType::kEc;
    std::array<char, 64> group{};
    if (EVP_PKEY_get_group_name(pkey.get(), group.data(), group.size(), nullptr) == 1) {
      const auto found =
          std::ranges::find(kCurves, std::string_view(group.data()), &CurveFacts::openssl_name);
      if (found != kCurves.end()) key.curve = found->curve;
    }
  }
  if (id == EVP_PKEY_ED25519) key.type = KeyType::kEd25519;
  key.pkey = std::move(pkey);
  return key;
}

Result<PublicKey> PublicKeyOf(PkeyPtr pkey) {
  const ErrorQueueScope scope;
  LQ_ASSIGN_OR_RETURN(PublicKey::Impl key, Describe(std::move(pkey)));
  if (key.type == KeyType::kRsa || key.curve) {
    LQ_ASSIGN_OR_RETURN(key.pkey, Normalized(key));
  }
  return PublicKey(std::make_shared<const PublicKey::Impl>(std::move(key)));
}

Result<PublicKey> PublicKeyOf(const X509_PUBKEY* info) {
  const ErrorQueueScope scope;
  PkeyPtr pkey(X509_PUBKEY_get(info));
  if (pkey != nullptr) return PublicKeyOf(std::move(pkey));
  ASN1_OBJECT* algorithm = nullptr;
  const unsigned char* bits = nullptr;
  int size = 0;
  LQ_CHECK(X509_PUBKEY_get0_param(&algorithm, &bits, &size, nullptr, info) == 1);
  const int id = OBJ_obj2nid(algorithm);
  if (id == NID_rsaesOaep) {
    // Endorsement keys of some vendors say id-RSAES-OAEP (RFC 4055, 4.1), which
    // OpenSSL does not decode: the bits are those of any RSA key.
    const unsigned char* const end = bits + size;
    pkey.reset(d2i_PublicKey(EVP_PKEY_RSA, nullptr, &bits, size));
    if (pkey != nullptr && bits == end) return PublicKeyOf(std::move(pkey));
  }
  if (id == NID_rsaesOaep || id == NID_rsaEncryption || id == NID_X9_62_id_ecPublicKey) {
    return Malformed("crypto.key.spki", "the key inside the SubjectPublicKeyInfo does not decode");
  }
  return Unsupported("crypto.key.type", "a key of an unknown type");
}

}  // namespace limequat::crypto
