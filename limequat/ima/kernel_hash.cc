#include "limequat/ima/kernel_hash.h"

#include <algorithm>
#include <array>
#include <utility>

namespace limequat::ima {

namespace {

using crypto::HashAlgorithm;

// Beside those that have one name everywhere.
constexpr std::array<std::pair<std::string_view, HashAlgorithm>, 6> kOthers = {{
    {"sm3", HashAlgorithm::kSm3_256},
    {"sm3-256", HashAlgorithm::kSm3_256},
    {"sm3_256", HashAlgorithm::kSm3_256},
    {"sha3-256", HashAlgorithm::kSha3_256},
    {"sha3-384", HashAlgorithm::kSha3_384},
    {"sha3-512", HashAlgorithm::kSha3_512},
}};

constexpr std::array<std::string_view, 4> kSha2 = {"sha224", "sha256", "sha384", "sha512"};

}  // namespace

std::optional<HashAlgorithm> HashOfKernelName(std::string_view name) {
  if (const auto hash = crypto::HashFromName(name)) return hash;
  for (const auto& [known, hash] : kOthers) {
    if (known == name && crypto::IsAvailable(hash)) return hash;
  }
  return std::nullopt;
}

bool IsStrongKernelHash(std::string_view name) {
  return std::ranges::find(kSha2, name) != kSha2.end() ||
         std::ranges::find(kOthers, name, &std::pair<std::string_view, HashAlgorithm>::first) !=
             kOthers.end();
}

}  // namespace limequat::ima
