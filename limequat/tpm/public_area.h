#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "limequat/base/bytes.h"
#include "limequat/base/finding.h"
#include "limequat/base/result.h"
#include "limequat/crypto/digest.h"
#include "limequat/crypto/key.h"
#include "limequat/tpm/algorithm.h"

namespace limequat::tpm {

// TPMA_OBJECT (part 2, 8.3).
enum ObjectAttribute : std::uint32_t {
  kFixedTpm = 1U << 1U,
  kStClear = 1U << 2U,
  kFixedParent = 1U << 4U,
  kSensitiveDataOrigin = 1U << 5U,
  kUserWithAuth = 1U << 6U,
  kAdminWithPolicy = 1U << 7U,
  kNoDa = 1U << 10U,
  kEncryptedDuplication = 1U << 11U,
  kRestricted = 1U << 16U,
  kDecrypt = 1U << 17U,
  kSign = 1U << 18U,
};

// A public area (TPMT_PUBLIC, part 2, 12.2.4) of an RSA or ECC key (P-256, P-384,
// P-521, SM2). Parsing proves nothing: attributes count only once a TPM has shown that
// it holds the key (activation) or signed its name. Memory: at most twice the input and
// 1 KiB, besides OpenSSL's for the key.
class PublicArea {
 public:
  // TPM2B_PUBLIC: size first, and nothing behind it. Hostile input; kMalformed
  // ("tpm.public.*"), kUnsupported for other key types, curves and name algorithms.
  static Result<PublicArea> FromTpm2b(ByteView bytes);
  // TPMT_PUBLIC without the size; nothing may follow.
  static Result<PublicArea> FromTpmt(ByteView bytes);
  // Either form; for files of unknown origin.
  static Result<PublicArea> FromEither(ByteView bytes);

  AlgorithmId type() const { return type_; }
  crypto::HashAlgorithm name_algorithm() const { return name_algorithm_; }
  std::uint32_t attributes() const { return attributes_; }
  bool Has(std::uint32_t attributes) const { return (attributes_ & attributes) == attributes; }
  const Bytes& auth_policy() const { return auth_policy_; }
  // kNull when the key has none.
  AlgorithmId symmetric() const { return symmetric_; }
  std::uint16_t symmetric_bits() const { return symmetric_bits_; }
  AlgorithmId symmetric_mode() const { return symmetric_mode_; }
  AlgorithmId scheme() const { return scheme_; }
  AlgorithmId scheme_hash() const { return scheme_hash_; }
  const crypto::PublicKey& key() const { return *key_; }

  // TPMT_PUBLIC exactly as parsed, and with its size.
  const Bytes& tpmt() const { return tpmt_; }
  Bytes tpm2b() const;
  // The object's Name: algorithm ‖ H(TPMT_PUBLIC) (part 1, 16).
  Bytes Name() const;

 private:
  PublicArea() = default;
  static Result<PublicArea> Read(ByteView bytes);
  AlgorithmId type_{};
  crypto::HashAlgorithm name_algorithm_{};
  std::uint32_t attributes_ = 0;
  Bytes auth_policy_;
  AlgorithmId symmetric_ = AlgorithmId::kNull;
  std::uint16_t symmetric_bits_ = 0;
  AlgorithmId symmetric_mode_ = AlgorithmId::kNull;
  AlgorithmId scheme_ = AlgorithmId::kNull;
  AlgorithmId scheme_hash_ = AlgorithmId::kNull;
  std::optional<crypto::PublicKey> key_;
  Bytes tpmt_;
};

// Whether `ak` may serve as an attestation key: restricted, signing, fixedTPM,
// fixedParent, sensitiveDataOrigin, not decrypting; a known scheme. One finding
// "tpm.ak.attributes". Meaningless unless the TPM vouches for the key.
Finding CheckAttestationKey(const PublicArea& ak);

// Whether `ek` is an endorsement key: restricted, decrypting, fixedTPM,
// fixedParent, sensitiveDataOrigin, not signing, with a symmetric algorithm
// (attack A12). One finding "tpm.ek.attributes".
Finding CheckEndorsementKey(const PublicArea& ek);

}  // namespace limequat::tpm
