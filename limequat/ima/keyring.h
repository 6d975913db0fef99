#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/crypto/certificate.h"
#include "limequat/crypto/key.h"

namespace limequat::ima {

// Limits: what is beyond is refused, never exchanged for what is there.
inline constexpr std::size_t kMaxKeys = 256;  // of one Keyring
inline constexpr std::size_t kMaxKeysOfOneId = 4;
inline constexpr std::size_t kMaxKeyBytes = 64U << 10U;  // of one encoded key

// How signatures of version 1 name a key: the end of the SHA-1 hash of modulus and exponent.
using KeyIdV1 = std::array<std::uint8_t, 8>;

// A public key that file signatures can name.
struct Key {
  crypto::PublicKey key;
  // What it came in; appended signatures name certificates.
  std::optional<crypto::Certificate> certificate;
  // Of signatures of version 2 and 3: the last four bytes of the certificate's subject
  // key identifier, or, without one, of the SHA-1 hash of the key's bits.
  std::uint32_t id = 0;
  // Of version 1, for RSA keys: eight bytes of the SHA-1 hash of the key as the kernel's
  // old format has it, with a time of zero.
  std::optional<KeyIdV1> id_v1;
};

// A key from an X.509 certificate, a SubjectPublicKeyInfo (each in DER or PEM) or an
// RSAPublicKey in DER. kMalformed ("ima.key") if it is none of these or has more than
// kMaxKeyBytes; kUnsupported ("ima.key") for a kind that is neither RSA, ECDSA on P-256,
// P-384 or P-521, nor SM2. Hostile input (the kernel measures keys that are added to
// its keyrings); it is a claim, trusted for what vouches for it.
Result<Key> ParseKey(ByteView encoded);

// A Key's id as text: eight hex digits.
std::string KeyIdText(std::uint32_t id);

// Public keys by key id. Everything in it is trusted to sign files: who adds a key has
// to know why. Copies are independent; a copy costs a few hundred bytes a key.
class Keyring {
 public:
  struct Member {
    Key key;
    std::string keyring;  // the kernel's keyring, or where the key comes from
  };

  // Adds `key`; one that is there already, in whatever keyring, changes nothing.
  // kConflict ("ima.keyring.full") beyond kMaxKeys, or kMaxKeysOfOneId with one id.
  Status Add(Key key, std::string_view keyring);

  bool empty() const { return members_.empty(); }
  std::size_t size() const { return members_.size(); }
  // Of each function: the members, in order of adding, until the next Add.
  const std::vector<Member>& members() const { return members_; }
  std::vector<const Member*> Find(std::uint32_t id) const;
  std::vector<const Member*> FindV1(ByteView id) const;

 private:
  std::vector<Member> members_;
};

}  // namespace limequat::ima
