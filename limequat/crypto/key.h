#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/base/secret.h"
#include "limequat/crypto/digest.h"

namespace limequat::crypto {

// What a key is; kOther is carried and verifies nothing.
enum class KeyType { kRsa, kEc, kEd25519, kOther };
// Curves of NIST (FIPS 186-5), and that of SM2 (GB/T 32918.5).
enum class Curve { kP256, kP384, kP521, kSm2 };
// How a signature is made and encoded.
enum class SignatureScheme {
  kRsaSsa,   // RSASSA-PKCS1-v1_5
  kRsaPss,   // RSASSA-PSS, MGF1 with the same hash; any salt length is accepted
  kEcdsa,    // DER (r, s)
  kEd25519,  // RFC 8032, of the message itself: the hash that goes with it has no meaning
  // SM2 (GB/T 32918.2), DER (r, s), over H(message) as it is, as TPMs sign: the value Z
  // of the signer's identity is not put in front. A caller that has one puts it there.
  kSm2,
};

// Size of a coordinate, and the name in standards.
std::size_t CurveBytes(Curve curve);      // 32, 48, 66, 32
std::string_view CurveName(Curve curve);  // "P-256", ..., "SM2"

// Whether a signature fits. Not a bool: an error must not read as "true".
enum class SignatureCheck { kValid, kInvalid };

// A public key as a value; copies share it. Nothing is known about where it came
// from: a key is trusted only for what vouches for it.
class PublicKey {
 public:
  // PEM ("PUBLIC KEY" or "CERTIFICATE"'s key is not taken) or DER SubjectPublicKeyInfo.
  // Hostile input: kMalformed ("crypto.key.*"); trailing bytes are malformed.
  static Result<PublicKey> FromPem(std::string_view pem);
  static Result<PublicKey> FromSpkiDer(ByteView der);
  // Big-endian modulus. RSA keys below 1024 or above 16384 bits, even moduli and
  // exponents below 3 are kUnsupported.
  static Result<PublicKey> FromRsa(ByteView modulus, std::uint64_t exponent);
  // Affine coordinates, big-endian; the point must be on the curve (kMalformed).
  static Result<PublicKey> FromEcPoint(Curve curve, ByteView x, ByteView y);

  KeyType type() const;
  int bits() const;                    // RSA: modulus; EC: field
  std::optional<Curve> curve() const;  // set for EC keys on a supported curve
  std::string ToPem() const;           // SubjectPublicKeyInfo, 64 columns, final newline
  Bytes ToSpkiDer() const;

  // Checks `signature` over H(message) with H = `hash`. kValid only if everything
  // fits; a scheme that does not go with the key is kInvalid, malformed DER too.
  SignatureCheck Verify(SignatureScheme scheme, HashAlgorithm hash, ByteView message,
                        ByteView signature) const;
  // The same of a message that was hashed before, to `digest`; see prehashed.h for other
  // hashes. Always kInvalid for kEd25519, which signs messages and not digests.
  SignatureCheck VerifyDigest(SignatureScheme scheme, const Digest& digest,
                              ByteView signature) const;

  // RSAES-OAEP with MGF1 of the same hash. `label` as the caller wants it on the
  // wire (TPM: with its terminating zero). kUnsupported for other keys.
  Result<Bytes> EncryptOaep(HashAlgorithm hash, ByteView label, ByteView plaintext) const;

  // Same key: same type, parameters and public value.
  friend bool operator==(const PublicKey& a, const PublicKey& b);

  // For this module only.
  struct Impl;
  const Impl& impl() const { return *impl_; }
  explicit PublicKey(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<const Impl> impl_;
};

// A private key as a value; copies share it, and the last one erases it. For tests,
// certificates and policies of our own: attestation keys never leave their TPM.
class PrivateKey {
 public:
  static PrivateKey GenerateEc(Curve curve);
  static PrivateKey GenerateRsa(int bits);
  static PrivateKey GenerateEd25519();
  // Unencrypted PKCS#8 or traditional PEM. kMalformed ("crypto.key.private").
  static Result<PrivateKey> FromPem(std::string_view pem);
  // Whether the first PEM block that can be a private key says it is encrypted.
  static bool IsEncrypted(std::string_view pem);
  // PEM for which IsEncrypted is true. kPermissionDenied ("crypto.key.passphrase") for
  // another passphrase than the key's; what is wrong with the bytes cannot be told from
  // that. `pem` is the caller's own: a hostile one chooses how long deriving takes.
  static Result<PrivateKey> FromEncryptedPem(std::string_view pem, const Secret& passphrase);

  PublicKey public_key() const;
  // PKCS#8, unencrypted: write it to files of mode 0600 only.
  std::string ExposePem() const;
  Result<Bytes> Sign(SignatureScheme scheme, HashAlgorithm hash, ByteView message) const;
  // RSAES-OAEP, MGF1 with the same hash, empty label. One error for every failure
  // ("crypto.oaep"), so that it is no oracle.
  Result<Secret> DecryptOaep(HashAlgorithm hash, ByteView ciphertext) const;

  const PublicKey::Impl& impl() const { return *impl_; }  // for this module only

 private:
  explicit PrivateKey(std::shared_ptr<const PublicKey::Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const PublicKey::Impl> impl_;
};

// One side of an ephemeral ECDH on the curve of `peer`: a fresh key pair, its
// public point and the x coordinate of the shared point, all padded to CurveBytes
// (SP 800-56A, 5.7.1.2). kUnsupported unless `peer` is an EC key on a known curve; SM2
// has another key exchange.
struct EphemeralAgreement {
  Bytes public_x;
  Bytes public_y;
  Secret shared_x;
};
Result<EphemeralAgreement> AgreeEphemeral(const PublicKey& peer);
// Affine coordinates of an EC key, padded to CurveBytes.
struct EcPoint {
  Bytes x;
  Bytes y;
};
Result<EcPoint> PointOf(const PublicKey& key);
// Modulus of an RSA key, big-endian, without leading zeros. kUnsupported for others.
Result<Bytes> RsaModulusOf(const PublicKey& key);

}  // namespace limequat::crypto
