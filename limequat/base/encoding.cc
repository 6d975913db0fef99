#include "limequat/base/encoding.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace limequat {

namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64Alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::int8_t kNone = -1;

constexpr std::array<std::int8_t, 256> kHexValue = [] {
  std::array<std::int8_t, 256> table{};
  table.fill(kNone);
  for (std::size_t i = 0; i < 10; ++i) table['0' + i] = static_cast<std::int8_t>(i);
  for (std::size_t i = 0; i < 6; ++i) {
    table['a' + i] = static_cast<std::int8_t>(10 + i);
    table['A' + i] = static_cast<std::int8_t>(10 + i);
  }
  return table;
}();

constexpr std::array<std::int8_t, 256> kBase64Value = [] {
  std::array<std::int8_t, 256> table{};
  table.fill(kNone);
  for (std::size_t i = 0; i < kBase64Alphabet.size(); ++i) {
    table[static_cast<std::uint8_t>(kBase64Alphabet[i])] = static_cast<std::int8_t>(i);
  }
  return table;
}();

std::int8_t Look(const std::array<std::int8_t, 256>& table, char c) {
  return table[static_cast<std::uint8_t>(c)];
}

Error BadBase64() {
  return Malformed("encoding.base64", "not strict base64 (RFC 4648, section 4)");
}

}  // namespace

std::string HexEncode(ByteView bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (std::uint8_t byte : bytes) {
    text.push_back(kHexDigits[byte >> 4U]);
    text.push_back(kHexDigits[byte & 0x0fU]);
  }
  return text;
}

Result<Bytes> HexDecode(std::string_view text) {
  if (text.size() % 2 != 0) return Malformed("encoding.hex", "an odd number of hexadecimal digits");
  Bytes bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const std::int8_t high = Look(kHexValue, text[i]);
    const std::int8_t low = Look(kHexValue, text[i + 1]);
    if (high < 0 || low < 0)
      return Malformed("encoding.hex", "a character that is not a hexadecimal digit");
    bytes.push_back(static_cast<std::uint8_t>((high << 4) | low));
  }
  return bytes;
}

bool HexDecodeTo(std::string_view text, std::span<std::uint8_t> out) {
  if (text.size() != 2 * out.size()) return false;
  // One test behind the loop: kNone has the sign bit, which no digit has.
  int seen = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = Look(kHexValue, text[2 * i]);
    const int low = Look(kHexValue, text[2 * i + 1]);
    seen |= high | low;
    out[i] = static_cast<std::uint8_t>((high << 4) | low);
  }
  return seen >= 0;
}

std::string Base64Encode(ByteView bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t have = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) group = (group << 8U) | (j < have ? bytes[i + j] : 0U);
    for (std::size_t j = 0; j < 4; ++j) {
      text.push_back(j <= have ? kBase64Alphabet[(group >> (18U - 6U * j)) & 0x3fU] : '=');
    }
  }
  return text;
}

Result<Bytes> Base64Decode(std::string_view text) {
  if (text.size() % 4 != 0) return BadBase64();
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  Bytes bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const std::size_t digits = i + 4 == text.size() ? 4 - padding : 4;
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 4; ++j) {
      const std::int8_t value = j < digits ? Look(kBase64Value, text[i + j]) : std::int8_t{0};
      if (value < 0) return BadBase64();
      group = (group << 6U) | static_cast<std::uint32_t>(value);
    }
    for (std::size_t j = 0; j + 1 < digits; ++j)
      bytes.push_back(static_cast<std::uint8_t>(group >> (16U - 8U * j)));
    // Bits behind the last whole byte must be zero: one value, one spelling.
    if (digits < 4 && (group & ((1U << (8U * (4U - digits))) - 1U)) != 0) return BadBase64();
  }
  return bytes;
}

}  // namespace limequat
