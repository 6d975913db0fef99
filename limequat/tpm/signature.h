#pragma once

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/crypto/key.h"
#include "limequat/tpm/algorithm.h"

namespace limequat::tpm {

// TPMT_SIGNATURE (part 2, 11.3.4): RSASSA, RSAPSS, ECDSA or SM2.
struct Signature {
  AlgorithmId scheme = AlgorithmId::kNull;
  crypto::HashAlgorithm hash = crypto::HashAlgorithm::kSha256;
  Bytes rsa;  // RSASSA, RSAPSS
  Bytes r;    // ECDSA, SM2: big-endian as the TPM wrote them
  Bytes s;
};

// Hostile input. kMalformed ("tpm.signature.*"), kUnsupported for other schemes
// and hashes. Trailing bytes are malformed. Memory: at most twice the input and 512 bytes.
Result<Signature> ParseSignature(ByteView signature);
// Files of unknown origin: a TPMT_SIGNATURE, or the bare signature that OpenSSL and
// `tpm2_quote -f plain` write: of RSA, as long as the modulus of `key`, or the DER form of
// ECDSA (SM2 for a key on that curve). A bare signature does not name its hash: it is
// `bare_hash`. Nor does one of RSA name its scheme: RSAPSS if it is that of `message`, and
// RSASSA otherwise, which still has to be verified. Errors of ParseSignature otherwise.
// Hostile input.
Result<Signature> ParseSignatureFile(ByteView bytes, const crypto::PublicKey& key,
                                     crypto::HashAlgorithm bare_hash, ByteView message);
Bytes WriteSignature(const Signature& signature);

// Checks `signature` over `message` with `key`. r and s must have at most the
// curve's size; a scheme that does not go with the key's type is kInvalid. SM2: a TPM
// signs H(message), without the value Z that GB/T 32918.2 puts in front of messages
// (part 1, annex C; so do the reference code and tpm2-tools).
crypto::SignatureCheck VerifySignature(const crypto::PublicKey& key, const Signature& signature,
                                       ByteView message);

}  // namespace limequat::tpm
