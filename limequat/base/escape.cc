#include "limequat/base/escape.h"

#include <cstdint>

#include <fmt/format.h>

#include "limequat/base/utf8.h"

namespace limequat {

namespace {

bool Visible(std::uint32_t c) {
  if (c < 0x20 || (c >= 0x7f && c < 0xa0)) return false;                    // C0, DEL, C1
  if (c == 0xad || c == 0x61c || c == 0x180e || c == 0xfeff) return false;  // soft hyphen, marks
  if ((c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e)) return false;
  if (c >= 0x2060 && c <= 0x206f) return false;
  return c < 0xe0000 || c > 0xe0fff;  // tags
}

}  // namespace

std::string EscapeForDisplay(std::string_view text, std::size_t limit) {
  std::string shown;
  while (!text.empty()) {
    const CodePoint point = DecodeUtf8(text);
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
