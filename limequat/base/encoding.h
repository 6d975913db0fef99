#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"

namespace limequat {

// Lower-case hexadecimal, two digits a byte.
std::string HexEncode(ByteView bytes);
// The bytes of `text`: an even number of hexadecimal digits of either case, no
// prefix, no blanks. Otherwise kMalformed ("encoding.hex"). Hostile input; memory: half
// of it.
Result<Bytes> HexDecode(std::string_view text);
// The same without an allocation, for many short values: false, and `out` is
// undefined, unless `text` is exactly 2 * out.size() hexadecimal digits.
[[nodiscard]] bool HexDecodeTo(std::string_view text, std::span<std::uint8_t> out);

// Base64 with the standard alphabet and padding (RFC 4648, section 4).
std::string Base64Encode(ByteView bytes);
// Strict inverse: padding required, no blanks or line breaks, no non-zero bits
// behind the last byte. Otherwise kMalformed ("encoding.base64"). Hostile input; memory:
// three quarters of it.
Result<Bytes> Base64Decode(std::string_view text);

}  // namespace limequat
