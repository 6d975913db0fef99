#pragma once

// How keys are held. For the sources of this module only.

#include <memory>
#include <mutex>
#include <optional>

#include "limequat/base/result.h"
#include "limequat/crypto/key.h"
#include "limequat/crypto/openssl_internal.h"

namespace limequat::crypto {

// Shared by PublicKey and PrivateKey; in the latter `pkey` has the private part.
struct PublicKey::Impl {
  PkeyPtr pkey;
  KeyType type = KeyType::kOther;
  int bits = 0;
  std::optional<Curve> curve;
  // What the last Verify was made ready with. A key that verifies often, as a machine's
  // attestation key does, mostly does so in one way, and making ready costs a third of
  // an RSA verification.
  struct Ready {
    std::mutex mutex;
    SignatureScheme scheme{};
    HashAlgorithm hash{};
    PkeyContextPtr context;  // null: none yet
  };
  std::unique_ptr<Ready> ready = std::make_unique<Ready>();
};

// A fresh key pair.
PkeyPtr GenerateEcPkey(Curve curve);

// What `pkey` is. kUnsupported for RSA keys out of bounds and curves with explicit
// parameters.
Result<PublicKey::Impl> Describe(PkeyPtr pkey);

// The integer parameter `name` of `pkey`, or nullptr.
BnPtr IntegerOf(const EVP_PKEY* pkey, const char* name);

// Public keys from their numbers. kUnsupported ("crypto.key.rsa_…") or kMalformed
// ("crypto.key.point": not a point of the curve other than infinity).
Result<PkeyPtr> RsaPkey(const BIGNUM* modulus, const BIGNUM* exponent);
Result<PkeyPtr> EcPkey(Curve curve, ByteView x, ByteView y);

// The public half of `pkey`, in the one form this library writes (see Normalized).
Result<PublicKey> PublicKeyOf(PkeyPtr pkey);
// The key of a SubjectPublicKeyInfo that OpenSSL has taken apart already.
Result<PublicKey> PublicKeyOf(const X509_PUBKEY* info);

// Sets what `scheme` wants of a context that was initialised to sign or verify;
// false if the scheme does not go with the key.
bool SetScheme(EVP_PKEY_CTX* context, const PublicKey::Impl& key, SignatureScheme scheme,
               HashAlgorithm hash, int pss_salt_length);

// Sets RSAES-OAEP with MGF1 of the same hash in a context that was initialised to
// encrypt or decrypt; false if OpenSSL refuses.
bool SetOaep(EVP_PKEY_CTX* context, HashAlgorithm hash, ByteView label);

}  // namespace limequat::crypto
