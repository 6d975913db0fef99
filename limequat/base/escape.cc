#include "limequat/base/escape.h"

#include <fmt/format.h>

#include <cstdint>

namespace limequat {

namespace {

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t length = 0;  // 0: the byte at this place starts no valid sequence
};

// Decodes one UTF-8 sequence; overlong forms, surrogates and values above U+10FFFF are invalid.
CodePoint Decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return {first, 1};
  std::size_t length = 0;
  std::uint32_t value = 0;
  std::uint32_t least = 0;
  if ((first & 0xe0U) == 0xc0U) {
    length = 2, value = first & 0x1fU, least = 0x80;
  } else if ((first & 0xf0U) == 0xe0U) {
    length = 3, value = first & 0x0fU, least = 0x800;
  } else if ((first & 0xf8U) == 0xf0U) {
    length = 4, value = first & 0x07U, least = 0x10000;
  } else {
    return {};
  }
  if (text.size() < length) return {};
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) return {};
    value = (value << 6U) | (byte(i) & 0x3fU);
  }
  if (value < least || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return {};
  return {value, length};
}

bool Visible(std::uint32_t c) {
  if (c < 0x20 || (c >= 0x7f && c < 0xa0)) return false;                       // C0, DEL, C1
  if (c == 0xad || c == 0x61c || c == 0x180e || c == 0xfeff) return false;     // soft hyphen, marks
  if ((c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e)) return false;
  if (c >= 0x2060 && c <= 0x206f) return false;
  return c < 0xe0000 || c > 0xe0fff;                                           // tags
}

}  // namespace

std::string EscapeForDisplay(std::string_view text, std::size_t limit) {
  std::string shown;
  while (!text.empty()) {
    const CodePoint point = Decode(text);
    std::string piece;
    if (point.length == 0) {
      piece = fmt::format("\\x{:02x}", static_cast<std::uint8_t>(text[0]));
    } else if (point.value == '\\') {
      piece = "\\\\";
    } else if (Visible(point.value)) {
      piece = text.substr(0, point.length);
    } else if (point.value < 0x80) {
      piece = fmt::format("\\x{:02x}", point.value);
    } else {
      piece = fmt::format("\\u{{{:04x}}}", point.value);
    }
    if (shown.size() + piece.size() > limit) return shown + "…";
    shown += piece;
    text.remove_prefix(point.length == 0 ? 1 : point.length);
  }
  return shown;
}

}  // namespace limequat
