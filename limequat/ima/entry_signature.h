#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/ima/entry.h"
#include "limequat/ima/file_signature.h"
#include "limequat/ima/keyring.h"

namespace limequat::ima {

// Where an entry carries a value that vouches for its file.
enum class SignaturePlace : std::uint8_t {
  kSig,     // field sig: security.ima, or security.evm where that is no signature
  kEvmSig,  // field evmsig: the portable signature of security.evm
  kXattr,   // security.ima among the fields xattrnames to xattrvalues
  kModsig,  // field modsig: a signature appended to the file
};
std::string_view SignaturePlaceName(SignaturePlace place);  // "sig", "security.ima"

// A signature of an entry, and what the keys made of it.
struct EntrySignature {
  SignaturePlace place = SignaturePlace::kSig;
  std::string_view kind{};       // XattrTypeName, or "pkcs7"; empty if it cannot be read
  std::uint8_t version = 0;      // of a signature in an extended attribute: 1, 2, 3
  std::string hash_algorithm{};  // escaped
  std::string key_id{};          // hex; of an appended signature the certificate's number
  std::size_t size = 0;          // of the signature itself, in bytes
  FileSignatureVerification verification{};
};

// Which key vouches for the content of an entry's file. Made by VerifyEntry only.
class VerifiedContent {
 public:
  // "KEYRING ID", or "certificate SUBJECT" for one whose chain leads to a keyring; escaped.
  const std::string& signed_by() const { return signed_by_; }
  SignaturePlace place() const { return place_; }
  // Whether owner, group, mode and extended attributes are covered too.
  bool covers_metadata() const { return covers_metadata_; }

 private:
  friend class EntryVerifier;
  VerifiedContent(std::string signed_by, SignaturePlace place, bool covers_metadata)
      : signed_by_(std::move(signed_by)), place_(place), covers_metadata_(covers_metadata) {}

  std::string signed_by_;
  SignaturePlace place_;
  bool covers_metadata_;
};

// What became of the signatures of one entry.
struct EntryVerification {
  std::vector<EntrySignature> signatures;  // every one that the entry has
  // Set if one of them is good and covers the content, by a digest that the list has.
  std::optional<VerifiedContent> content;
};

// Whether `entry` has a value that VerifyEntry would look at. Cheap.
bool HasSignature(const Entry& entry);

// Verifies the signatures of `entry` with the keys of `keyrings`. What is covered:
//   sig, security.ima   the digest of the file (or of its fs-verity descriptor)
//   evmsig, and sig of type 5: metadata, see PortableDigest; and the content if the
//                       security.ima that it covers holds the entry's own digest, or a
//                       signature over it that is good
//   modsig              the digest in d-modsig, which is of the content without the
//                       appended signature; where attributes are signed, that digest is
//                       theirs, and the kernel has compared the content with them. The
//                       signer's certificate is one of `keyrings`, or one that the message
//                       carries, for signing code, whose chain leads to an authority of
//                       `keyrings`; as in the kernel, validity periods do not count
// No signature covers the name of a file, nor is the entry itself trusted for it: that
// takes a quote. Digests, HMACs and signatures over an inode are reported as not
// verifiable. The security.ima of an entry counts as one more signature. Entries of
// violations have none. Hostile input; costs one public-key operation for each key of the
// id (kMaxKeysOfOneId a keyring), and at most two values and crypto::kMaxSigners signers, each
// of which may need a chain of ten certificates.
EntryVerification VerifyEntry(const Entry& entry, std::span<const Keyring* const> keyrings);

}  // namespace limequat::ima
