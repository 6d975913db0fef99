#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "limequat/crypto/digest.h"
#include "limequat/crypto/key.h"

namespace limequat::tpm {

// TPM_ALG_ID (TCG Algorithm Registry, 6.1). An open enumeration: a value that is
// not listed is carried and named by number, never guessed.
enum class AlgorithmId : std::uint16_t {
  kError = 0x0000,
  kRsa = 0x0001,
  kSha1 = 0x0004,
  kHmac = 0x0005,
  kAes = 0x0006,
  kKeyedHash = 0x0008,
  kSha256 = 0x000b,
  kSha384 = 0x000c,
  kSha512 = 0x000d,
  kNull = 0x0010,
  kSm3_256 = 0x0012,
  kRsaSsa = 0x0014,
  kRsaEs = 0x0015,
  kRsaPss = 0x0016,
  kOaep = 0x0017,
  kEcdsa = 0x0018,
  kEcdh = 0x0019,
  kEcdaa = 0x001a,
  kSm2 = 0x001b,
  kEcSchnorr = 0x001c,
  kEcMqv = 0x001d,
  kEcc = 0x0023,
  kSymCipher = 0x0025,
  kSha3_256 = 0x0027,
  kSha3_384 = 0x0028,
  kSha3_512 = 0x0029,
  kCfb = 0x0043,
};

// The hash this library computes for `id`, or nullopt (not a hash; SM3 or SHA-3 where
// OpenSSL has none).
std::optional<crypto::HashAlgorithm> HashOf(AlgorithmId id);
AlgorithmId IdOf(crypto::HashAlgorithm hash);
// "sha256", "rsassa", "ecdsa", ...; "0x1234" for values without a name.
std::string AlgorithmName(AlgorithmId id);
// The inverse, for names of hash algorithms and signature schemes.
std::optional<AlgorithmId> AlgorithmFromName(std::string_view name);
// The hash of the bank that is called `name`: "sha256", "sha3_384".
std::optional<crypto::HashAlgorithm> BankFromName(std::string_view name);

}  // namespace limequat::tpm
