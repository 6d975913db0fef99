#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"

namespace limequat::crypto {

// Hash algorithms this library computes. Other algorithms of the TPM registry are
// known by number only (tpm::AlgorithmId). SM3 (GB/T 32905) and SHA-3 (FIPS 202) are here
// for TPMs that have banks of them, and are computed where OpenSSL has them.
enum class HashAlgorithm : std::uint8_t {
  kSha1,
  kSha256,
  kSha384,
  kSha512,
  kSm3_256,
  kSha3_256,
  kSha3_384,
  kSha3_512
};

// Whether OpenSSL has it here: true for SHA-1 and SHA-2; some distributions build without
// SM3, and some providers have no SHA-3. Nothing may be hashed with an algorithm that is not.
bool IsAvailable(HashAlgorithm algorithm);

// Of any of them, in bytes.
inline constexpr std::size_t kMaxDigestSize = 64;

// In bytes.
std::size_t DigestSize(HashAlgorithm algorithm);
// "sha1", "sha256", "sha384", "sha512": the names Linux, Keylime and TPM tools share;
// "sm3_256", "sha3_256", ... as TPM tools call them.
std::string_view HashName(HashAlgorithm algorithm);
// The inverse for the four shared names. SM3 and SHA-3 have other names elsewhere, and are
// found where names of banks are read (tpm::AlgorithmFromName).
std::optional<HashAlgorithm> HashFromName(std::string_view name);

// A digest with its algorithm. A value: copies are cheap and hold no memory.
class Digest {
 public:
  // All zero: what a PCR of this bank holds after a reset.
  explicit Digest(HashAlgorithm algorithm) : algorithm_(algorithm) {}
  // kMalformed ("crypto.digest.size") unless `bytes` has the algorithm's size.
  static Result<Digest> FromBytes(HashAlgorithm algorithm, ByteView bytes);
  static Result<Digest> FromHex(HashAlgorithm algorithm, std::string_view hex);

  HashAlgorithm algorithm() const { return algorithm_; }
  std::size_t size() const { return DigestSize(algorithm_); }
  ByteView bytes() const { return {bytes_.data(), size()}; }
  std::string hex() const;
  bool IsZero() const;

  friend auto operator<=>(const Digest&, const Digest&) = default;

 private:
  friend class Hasher;
  friend Digest ExtendByHash(const Digest& current, ByteView data);
  HashAlgorithm algorithm_;
  std::array<std::uint8_t, kMaxDigestSize> bytes_{};  // unused tail stays zero
};

// Hash of `data` in one call; the fastest path for many short messages.
Digest Hash(HashAlgorithm algorithm, ByteView data);
// TPM extend: H(current ‖ data). `current` has the bank's algorithm; `data` is
// hashed as it is, whatever its size.
Digest Extend(const Digest& current, ByteView data);
// TPM event: Extend(current, Hash(current.algorithm(), data).bytes()), in less time.
Digest ExtendByHash(const Digest& current, ByteView data);

// Hash of a message in pieces. Reusable: Finish starts a new message.
class Hasher {
 public:
  explicit Hasher(HashAlgorithm algorithm);
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;
  ~Hasher();

  Hasher& Update(ByteView data);
  Digest Finish();

 private:
  friend Digest Hash(HashAlgorithm algorithm, ByteView data);
  friend Digest Extend(const Digest& current, ByteView data);
  static Digest OfTwo(HashAlgorithm algorithm, ByteView first, ByteView second);

  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace limequat::crypto
