#pragma once

#include <optional>
#include <string_view>

#include "limequat/crypto/digest.h"

namespace limequat::ima {

// The algorithm that kernels call `name` (crypto/hash_info.c): "sha256", "sha3-384", and the
// three names that SM3 has had. nullopt for what cannot be computed here: other algorithms, and
// those that OpenSSL does not have. `name` may be hostile.
std::optional<crypto::HashAlgorithm> HashOfKernelName(std::string_view name);

// Whether a kernel's `name` is that of a hash in which no two files can be made to agree today:
// SHA-2, SHA-3 and SM3, whether or not it can be computed here. `name` may be hostile.
bool IsStrongKernelHash(std::string_view name);

}  // namespace limequat::ima
