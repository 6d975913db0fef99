#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>

#include "limequat/base/byte_reader.h"
#include "limequat/base/bytes.h"
#include "limequat/base/result.h"

namespace limequat::eventlog {

// EFI_GUID as it lies in memory: the first three fields are little-endian (UEFI 2.10,
// appendix A).
struct Guid {
  std::array<std::uint8_t, 16> bytes{};
  // "8be4df61-93ca-11d2-aa0d-00e098032b8c"
  std::string ToString() const;
  friend auto operator<=>(const Guid&, const Guid&) = default;
};

// A GUID from its fields, as headers and specifications write it.
constexpr Guid MakeGuid(std::uint32_t a, std::uint16_t b, std::uint16_t c, std::uint64_t d) {
  Guid guid;
  for (std::size_t i = 0; i < 4; ++i) guid.bytes[i] = static_cast<std::uint8_t>(a >> (8U * i));
  for (std::size_t i = 0; i < 2; ++i) {
    guid.bytes[4 + i] = static_cast<std::uint8_t>(b >> (8U * i));
    guid.bytes[6 + i] = static_cast<std::uint8_t>(c >> (8U * i));
  }
  for (std::size_t i = 0; i < 8; ++i) {
    guid.bytes[8 + i] = static_cast<std::uint8_t>(d >> (56U - 8U * i));
  }
  return guid;
}

// The next 16 bytes. The reader's error if there are fewer.
Result<Guid> ReadGuid(ByteReader& in, std::string_view field);

// Owners of variables (UEFI 2.10, 3.3 and 32.6; shim).
inline constexpr Guid kGlobalVariable = MakeGuid(0x8be4df61, 0x93ca, 0x11d2, 0xaa0d00e098032b8cU);
inline constexpr Guid kImageSecurityDatabase =
    MakeGuid(0xd719b2cb, 0x3d3a, 0x4596, 0xa3bcdad00e67656fU);
inline constexpr Guid kDeviceSecurityDatabase =
    MakeGuid(0xb9c2b4f4, 0xbf5f, 0x462d, 0x8adfc5c70ac35dadU);
inline constexpr Guid kShimLock = MakeGuid(0x605dab50, 0xe046, 0x4300, 0xabb63dd810dd8b23U);

// Kinds of entries of a signature list (UEFI 2.10, 32.4.1).
inline constexpr Guid kSignatureX509 = MakeGuid(0xa5c059a1, 0x94e4, 0x4aa7, 0x87b5ab155c2bf072U);
inline constexpr Guid kSignatureSha256 = MakeGuid(0xc1c41626, 0x504c, 0x4092, 0xaca941f936934328U);

}  // namespace limequat::eventlog
