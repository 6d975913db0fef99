#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/ima/keyring.h"

namespace limequat::ima {

// The first byte of the extended attributes security.ima and security.evm (Linux,
// security/integrity/integrity.h, evm_ima_xattr_type).
enum class XattrType : std::uint8_t {
  kDigest = 1,             // MD5 or SHA-1 of the file, told by the size
  kHmac = 2,               // EVM, with a key that only the machine has
  kSignature = 3,          // IMA: of the file's digest. EVM: of metadata of one inode
  kDigestNg = 4,           // of the file, behind the number of its hash
  kPortableSignature = 5,  // EVM: of metadata without the inode: see evm.h
  kVeritySignature = 6,    // IMA: of the digest of the file's fs-verity descriptor
};
std::string_view XattrTypeName(XattrType type);  // "signature", "portable-signature"

// A value of security.ima or security.evm. Views into the value it was read from.
struct UnverifiedFileSignature {
  XattrType type = XattrType::kSignature;
  std::uint8_t version = 0;         // of signatures: 1, 2, 3; else 0
  std::string_view hash_algorithm;  // as the kernel calls it: "sha256", "streebog512"
  ByteView key_id;                  // of signatures: 4 bytes, of version 1: 8
  ByteView header;                  // of version 1: what is hashed behind the digest
  ByteView value;                   // the signature, digest or HMAC

  bool is_signature() const { return version != 0; }
};

// kMalformed ("ima.signature") for a value that is cut short, has bytes behind its end or
// a digest of the wrong size; kUnsupported ("ima.signature") for an unknown type,
// version, or number of a hash. Hostile input: nothing is copied.
Result<UnverifiedFileSignature> ParseFileSignature(ByteView xattr);

// The kernel's name of the hash with this number (include/uapi/linux/hash_info.h); empty
// if there is none.
std::string_view KernelHashName(std::uint8_t number);
// SM3 has had three names; others are the same.
std::string_view CanonicalHashName(std::string_view name);

// Whether a signature is good, and if not, what stands against it.
enum class SignatureAnswer {
  kGood,           // a key of the keyring says so
  kBad,            // no key of that id says so
  kUnknownKey,     // the keyring has no key of that id
  kNotVerifiable,  // what was signed is not in the list, or not of a kind verified here
  kMalformed,      // it cannot be read
};
std::string_view SignatureAnswerName(SignatureAnswer answer);  // "good", "unknown-key"

// What a signature is held against.
struct SignedDigest {
  std::string_view algorithm;  // the kernel's name
  ByteView digest;
  // Of the fs-verity descriptor; nullopt if the list does not say (before `ima-ngv2`).
  std::optional<bool> is_verity;
};

// The answer and its reason.
struct FileSignatureVerification {
  SignatureAnswer answer = SignatureAnswer::kNotVerifiable;
  std::string detail;     // one sentence; escaped
  std::string signed_by;  // kGood: "KEYRING ID", or "certificate SUBJECT"; escaped
};

// Verifies a signature over `digest` with the keys of `keyrings`. Version 1: RSA over a
// bare SHA-1 hash of digest and header; version 2: RSASSA-PKCS1-v1_5, ECDSA or SM2 over
// the digest itself; version 3: the same over the hash of type, algorithm and digest, so
// that one kind of digest does not pass for another (struct ima_file_id). Type
// kVeritySignature goes with version 3 and fs-verity digests alone, type kSignature
// with digests of files. Other values than signatures are not verifiable. Hostile input.
FileSignatureVerification VerifyFileSignature(const UnverifiedFileSignature& signature,
                                              const SignedDigest& digest,
                                              std::span<const Keyring* const> keyrings);

}  // namespace limequat::ima
