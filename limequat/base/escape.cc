#include "limequat/base/escape.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include <fmt/format.h>

#include "limequat/base/utf8.h"

namespace limequat {

namespace {

struct Range {
  std::uint32_t first;
  std::uint32_t last;
};

// Controls, format characters, what is drawn as nothing, blanks that look like the
// ASCII one, line separators and noncharacters (Unicode 15: categories Cc, Cf, Zl,
// Zp, Zs and Default_Ignorable_Code_Point). In order.
constexpr Range kInvisible[] = {
    {0x0000, 0x001f},   {0x007f, 0x00a0},   {0x00ad, 0x00ad},   {0x034f, 0x034f},
    {0x0600, 0x0605},   {0x061c, 0x061c},   {0x06dd, 0x06dd},   {0x070f, 0x070f},
    {0x0890, 0x0891},   {0x08e2, 0x08e2},   {0x115f, 0x1160},   {0x1680, 0x1680},
    {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x2000, 0x200f},   {0x2028, 0x202f},
    {0x205f, 0x206f},   {0x2800, 0x2800},   {0x3000, 0x3000},   {0x3164, 0x3164},
    {0xfdd0, 0xfdef},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},
    {0xfff0, 0xfffb},   {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1343f},
    {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}};

bool Visible(std::uint32_t value) {
  if ((value & 0xfffeU) == 0xfffeU) return false;  // the two noncharacters of each plane
  const Range* range = std::ranges::lower_bound(kInvisible, value, {}, &Range::last);
  return range == std::end(kInvisible) || value < range->first;
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
