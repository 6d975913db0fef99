#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace limequat::json {

// SipHash-2-4 (Aumasson, Bernstein 2012): a hash whose collisions cannot be
// prepared without the key.
std::uint64_t SipHash(const std::array<std::uint64_t, 2>& key, std::string_view data);

// SipHash under a key drawn once per process.
std::uint64_t HashName(std::string_view name);

}  // namespace limequat::json
