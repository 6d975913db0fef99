#include "limequat/tpm/algorithm.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include <fmt/format.h>

#include "limequat/base/check.h"

namespace limequat::tpm {

namespace {

struct Named {
  AlgorithmId id;
  std::string_view name;
};

// Names as Linux, Keylime and the TPM tools write them. What AlgorithmFromName
// accepts comes first: hashes, then signature schemes.
constexpr std::array kNames = {
    Named{AlgorithmId::kSha1, "sha1"},
    Named{AlgorithmId::kSha256, "sha256"},
    Named{AlgorithmId::kSha384, "sha384"},
    Named{AlgorithmId::kSha512, "sha512"},
    Named{AlgorithmId::kSm3_256, "sm3_256"},
    Named{AlgorithmId::kSha3_256, "sha3_256"},
    Named{AlgorithmId::kSha3_384, "sha3_384"},
    Named{AlgorithmId::kSha3_512, "sha3_512"},
    Named{AlgorithmId::kRsaSsa, "rsassa"},
    Named{AlgorithmId::kRsaPss, "rsapss"},
    Named{AlgorithmId::kEcdsa, "ecdsa"},
    Named{AlgorithmId::kEcdaa, "ecdaa"},
    Named{AlgorithmId::kSm2, "sm2"},
    Named{AlgorithmId::kEcSchnorr, "ecschnorr"},
    Named{AlgorithmId::kError, "error"},
    Named{AlgorithmId::kRsa, "rsa"},
    Named{AlgorithmId::kHmac, "hmac"},
    Named{AlgorithmId::kAes, "aes"},
    Named{AlgorithmId::kKeyedHash, "keyedhash"},
    Named{AlgorithmId::kNull, "null"},
    Named{AlgorithmId::kRsaEs, "rsaes"},
    Named{AlgorithmId::kEcdh, "ecdh"},
    Named{AlgorithmId::kEcMqv, "ecmqv"},
    Named{AlgorithmId::kOaep, "oaep"},
    Named{AlgorithmId::kEcc, "ecc"},
    Named{AlgorithmId::kSymCipher, "symcipher"},
    Named{AlgorithmId::kCfb, "cfb"},
};
constexpr std::size_t kHashesAndSchemes = 14;
static_assert(kNames[kHashesAndSchemes - 1].id == AlgorithmId::kEcSchnorr);

struct Hash {
  AlgorithmId id;
  crypto::HashAlgorithm hash;
};
constexpr std::array kHashes = {
    Hash{AlgorithmId::kSha1, crypto::HashAlgorithm::kSha1},
    Hash{AlgorithmId::kSha256, crypto::HashAlgorithm::kSha256},
    Hash{AlgorithmId::kSha384, crypto::HashAlgorithm::kSha384},
    Hash{AlgorithmId::kSha512, crypto::HashAlgorithm::kSha512},
    Hash{AlgorithmId::kSm3_256, crypto::HashAlgorithm::kSm3_256},
    Hash{AlgorithmId::kSha3_256, crypto::HashAlgorithm::kSha3_256},
    Hash{AlgorithmId::kSha3_384, crypto::HashAlgorithm::kSha3_384},
    Hash{AlgorithmId::kSha3_512, crypto::HashAlgorithm::kSha3_512},
};

}  // namespace

std::optional<crypto::HashAlgorithm> HashOf(AlgorithmId id) {
  const auto* found = std::ranges::find(kHashes, id, &Hash::id);
  if (found == kHashes.end() || !crypto::IsAvailable(found->hash)) return std::nullopt;
  return found->hash;
}

AlgorithmId IdOf(crypto::HashAlgorithm hash) {
  const auto* found = std::ranges::find(kHashes, hash, &Hash::hash);
  LQ_CHECK(found != kHashes.end());
  return found->id;
}

std::string AlgorithmName(AlgorithmId id) {
  const auto* found = std::ranges::find(kNames, id, &Named::id);
  if (found != kNames.end()) return std::string(found->name);
  return fmt::format("0x{:04x}", static_cast<std::uint16_t>(id));
}

std::optional<AlgorithmId> AlgorithmFromName(std::string_view name) {
  for (std::size_t i = 0; i < kHashesAndSchemes; ++i) {
    if (kNames[i].name == name) return kNames[i].id;
  }
  return std::nullopt;
}

std::optional<crypto::HashAlgorithm> BankFromName(std::string_view name) {
  const std::optional<AlgorithmId> id = AlgorithmFromName(name);
  return id ? HashOf(*id) : std::nullopt;
}

}  // namespace limequat::tpm
