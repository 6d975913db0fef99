#include "limequat/base/utf8.h"

namespace limequat {

CodePoint DecodeUtf8(std::string_view text) {
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

void AppendUtf8(std::string& text, std::uint32_t code) {
  const auto byte = [&text](std::uint32_t value) { text.push_back(static_cast<char>(value)); };
  const auto tail = [&byte, code](unsigned shift) { byte(0x80U | ((code >> shift) & 0x3fU)); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xc0U | (code >> 6U));
    tail(0);
  } else if (code < 0x10000) {
    byte(0xe0U | (code >> 12U));
    tail(6);
    tail(0);
  } else {
    byte(0xf0U | (code >> 18U));
    tail(12);
    tail(6);
    tail(0);
  }
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length =
        static_cast<std::uint8_t>(text.front()) < 0x80 ? 1 : DecodeUtf8(text).length;
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace limequat
