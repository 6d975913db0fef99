#pragma once

#include <string_view>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/crypto/key.h"

namespace limequat::crypto {

// Signatures over a digest that another party has computed: those of Linux's file
// integrity (security.ima, security.evm, appended signatures). Nothing says what was
// hashed; a caller that trusts the digest trusts its source.

// Checks `signature` over `digest`: RSASSA-PKCS1-v1_5 with an RSA key, ECDSA (DER) on
// P-256, P-384 or P-521, SM2 with a digest of SM3 that is taken as the value to be
// signed, as the kernel does (GB/T 32918.2 would put the signer's identity in front of
// the message). `hash` as Linux calls it: sha1, sha224, sha256, sha384, sha512,
// sha3-256, sha3-384, sha3-512, sm3.
//
// kUnsupported ("crypto.prehashed.hash"): another hash, weak (MD5) or without an
// implementation here (Streebog), or one that does not go with the key (SM3 and RSA).
// kUnsupported ("crypto.prehashed.key"): another curve or kind of key. A digest that
// does not have the hash's size is kInvalid. All arguments may be hostile.
Result<SignatureCheck> VerifyPrehashed(const PublicKey& key, std::string_view hash, ByteView digest,
                                       ByteView signature);

// Whether `signature` is the block of PKCS #1 v1.5, type 1, around `content` itself,
// without the DigestInfo that names its hash: what version 1 of IMA signatures are.
// kInvalid for keys other than RSA.
SignatureCheck VerifyBareRsaBlock(const PublicKey& key, ByteView content, ByteView signature);

// The bits of `key` without what names its kind (subjectPublicKey of X.509): RSAPublicKey
// in DER (RFC 8017, A.1.1), or the uncompressed point. Key identifiers are made of them.
Bytes SubjectPublicKeyOf(const PublicKey& key);

// Modulus and exponent, big-endian, without leading zeros. kUnsupported for other keys.
struct RsaNumbers {
  Bytes modulus;
  Bytes exponent;
};
Result<RsaNumbers> RsaNumbersOf(const PublicKey& key);

}  // namespace limequat::crypto
