#include <utility>

#include <openssl/core_names.h>
#include <openssl/ec.h>

#include "limequat/base/check.h"
#include "limequat/base/result_macros.h"
#include "limequat/crypto/key_internal.h"

namespace limequat::crypto {

namespace {

Error NotOnKnownCurve() {
  return Unsupported("crypto.key.curve", "an EC key on another curve is needed");
}

Bytes Coordinate(const EVP_PKEY* pkey, const char* name, Curve curve) {
  const BnPtr number = IntegerOf(pkey, name);
  LQ_CHECK(number != nullptr);
  const int width = static_cast<int>(CurveBytes(curve));
  Bytes bytes(CurveBytes(curve));
  LQ_CHECK(BN_bn2binpad(number.get(), bytes.data(), width) == width);
  return bytes;
}

}  // namespace

Result<EphemeralAgreement> AgreeEphemeral(const PublicKey& peer) {
  const ErrorQueueScope scope;
  const std::optional<Curve> curve = peer.curve();
  if (!curve || curve == Curve::kSm2) return NotOnKnownCurve();
  const PkeyPtr own = GenerateEcPkey(*curve);
  const PkeyContextPtr context(EVP_PKEY_CTX_new(own.get(), nullptr));
  LQ_CHECK(context != nullptr);
  LQ_CHECK(EVP_PKEY_derive_init(context.get()) == 1);
  LQ_CHECK(EVP_PKEY_derive_set_peer(context.get(), peer.impl().pkey.get()) == 1);
  Bytes shared(CurveBytes(*curve));
  std::size_t size = shared.size();
  LQ_CHECK(EVP_PKEY_derive(context.get(), shared.data(), &size) == 1);
  // The key derivation functions of TPM 2.0 take the coordinate with its leading zeros.
  LQ_CHECK(size == shared.size());
  return EphemeralAgreement{.public_x = Coordinate(own.get(), OSSL_PKEY_PARAM_EC_PUB_X, *curve),
                            .public_y = Coordinate(own.get(), OSSL_PKEY_PARAM_EC_PUB_Y, *curve),
                            .shared_x = Secret(std::move(shared))};
}

Result<EcPoint> PointOf(const PublicKey& key) {
  const ErrorQueueScope scope;
  const std::optional<Curve> curve = key.curve();
  if (!curve) return NotOnKnownCurve();
  const EVP_PKEY* pkey = key.impl().pkey.get();
  return EcPoint{.x = Coordinate(pkey, OSSL_PKEY_PARAM_EC_PUB_X, *curve),
                 .y = Coordinate(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, *curve)};
}

Result<Bytes> RsaModulusOf(const PublicKey& key) {
  const ErrorQueueScope scope;
  if (key.type() != KeyType::kRsa) return Unsupported("crypto.key.rsa", "an RSA key is needed");
  const BnPtr modulus = IntegerOf(key.impl().pkey.get(), OSSL_PKEY_PARAM_RSA_N);
  LQ_CHECK(modulus != nullptr);
  Bytes bytes(static_cast<std::size_t>(BN_num_bytes(modulus.get())));
  BN_bn2bin(modulus.get(), bytes.data());
  return bytes;
}

}  // namespace limequat::crypto
