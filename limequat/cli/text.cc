#include "limequat/cli/text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <limits>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/utf8.h"

namespace limequat::cli {

namespace {

struct Range {
  std::uint32_t first;
  std::uint32_t last;
};

// Marks that are drawn over the character before them (Unicode 15, category Mn, the
// blocks that are in use). In order.
constexpr Range kCombining[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x0610, 0x061a},  {0x064b, 0x065f},
    {0x06d6, 0x06dc}, {0x093c, 0x093c}, {0x0941, 0x0948}, {0x094d, 0x094d},  {0x0e31, 0x0e31},
    {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},  {0x20d0, 0x20ff},
    {0x302a, 0x302d}, {0x3099, 0x309a}, {0xfe20, 0xfe2f}, {0x1f3fb, 0x1f3ff}};

// Wide and full-width characters (Unicode Standard Annex 11). In order.
constexpr Range kWide[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x2329, 0x232a},   {0x23e9, 0x23ec},
    {0x25fd, 0x25fe},   {0x2614, 0x2615},   {0x2648, 0x2653},   {0x26aa, 0x26ab},
    {0x26bd, 0x26be},   {0x2705, 0x2705},   {0x274c, 0x274c},   {0x2753, 0x2755},
    {0x2795, 0x2797},   {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},
    {0x4e00, 0x9fff},   {0xa000, 0xa4cf},   {0xa960, 0xa97c},   {0xac00, 0xd7a3},
    {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
    {0x16fe0, 0x18cff}, {0x1b000, 0x1b2ff}, {0x1f004, 0x1f004}, {0x1f0cf, 0x1f0cf},
    {0x1f18e, 0x1f18e}, {0x1f191, 0x1f19a}, {0x1f200, 0x1f320}, {0x1f32d, 0x1f64f},
    {0x1f680, 0x1f6ff}, {0x1f7e0, 0x1f7eb}, {0x1f900, 0x1faff}, {0x20000, 0x3fffd}};

template <std::size_t count>
bool Contains(const Range (&ranges)[count], std::uint32_t value) {
  const Range* range = std::ranges::lower_bound(ranges, value, {}, &Range::last);
  return range != std::end(ranges) && value >= range->first;
}

std::size_t WidthOf(std::uint32_t value) {
  if (Contains(kCombining, value)) return 0;
  return Contains(kWide, value) ? 2 : 1;
}

// The first character of `text`, or its first byte if it is not UTF-8.
struct Character {
  std::string_view bytes;
  std::size_t width;
};
Character First(std::string_view text) {
  const CodePoint point = DecodeUtf8(text);
  if (point.length == 0) return {text.substr(0, 1), 1};
  return {text.substr(0, point.length), WidthOf(point.value)};
}

}  // namespace

std::string Shown(std::string_view text) {
  constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();
  std::string shown;
  while (!text.empty()) {
    const std::size_t plain = std::min(text.find('\\'), text.size());
    shown += EscapeForDisplay(text.substr(0, plain), kNoLimit);
    text.remove_prefix(plain);
    const std::size_t backslashes = std::min(text.find_first_not_of('\\'), text.size());
    shown += text.substr(0, backslashes);
    text.remove_prefix(backslashes);
  }
  return shown;
}

std::size_t DisplayWidth(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const Character character = First(text);
    width += character.width;
    text.remove_prefix(character.bytes.size());
  }
  return width;
}

std::string PadTo(std::string_view text, std::size_t width) {
  const std::size_t has = DisplayWidth(text);
  std::string padded(text);
  if (has < width) padded.append(width - has, ' ');
  return padded;
}

std::string CutTo(std::string_view text, std::size_t width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  std::string cut;
  std::size_t has = 0;
  while (!text.empty()) {
    const Character character = First(text);
    if (has + character.width + 1 > width) break;
    has += character.width;
    cut += character.bytes;
    text.remove_prefix(character.bytes.size());
  }
  return cut + "…";
}

std::string Counted(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string FormatBytes(std::uint64_t bytes) {
  constexpr std::array kUnits = {"kB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 1000) return fmt::format("{} B", bytes);
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (value /= 1000; value >= 999.95 && unit + 1 < kUnits.size(); ++unit) value /= 1000;
  return fmt::format("{:.1f} {}", value, kUnits.at(unit));
}

}  // namespace limequat::cli
