#pragma once

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/crypto/key.h"
#include "limequat/tpm/algorithm.h"

namespace limequat::tpm {

// TPMT_SIGNATURE (part 2, 11.3.4): RSASSA, RSAPSS or ECDSA.
struct Signature {
  AlgorithmId scheme = AlgorithmId::kNull;
  crypto::HashAlgorithm hash = crypto::HashAlgorithm::kSha256;
  Bytes rsa;  // RSASSA, RSAPSS
  Bytes r;    // ECDSA, big-endian as the TPM wrote them
  Bytes s;
};

// Hostile input. kMalformed ("tpm.signature.*"), kUnsupported for other schemes
// and hashes. Trailing bytes are malformed.
Result<Signature> ParseSignature(ByteView signature);
// Files of unknown origin: a TPMT_SIGNATURE, or the bare RSASSA signature with
// SHA-256 that OpenSSL and some agents write (as long as the modulus of `key`).
// Errors of ParseSignature otherwise. Hostile input.
Result<Signature> ParseSignatureOrRawRsa(ByteView bytes, const crypto::PublicKey& key);
Bytes WriteSignature(const Signature& signature);

// Checks `signature` over `message` with `key`. r and s must have at most the
// curve's size; a scheme that does not go with the key's type is kInvalid.
crypto::SignatureCheck VerifySignature(const crypto::PublicKey& key, const Signature& signature,
                                       ByteView message);

}  // namespace limequat::tpm
