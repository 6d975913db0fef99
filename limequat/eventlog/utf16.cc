#include "limequat/eventlog/utf16.h"

#include <cstdint>

#include "limequat/base/utf8.h"

namespace limequat::eventlog {

namespace {

constexpr std::uint32_t kReplacement = 0xfffd;

std::uint32_t UnitAt(ByteView text, std::size_t at) {
  return text[at] | (std::uint32_t{text[at + 1]} << 8U);
}

bool IsHigh(std::uint32_t unit) { return unit >= 0xd800U && unit < 0xdc00U; }
bool IsLow(std::uint32_t unit) { return unit >= 0xdc00U && unit < 0xe000U; }

}  // namespace

std::string DecodeUtf16(ByteView text) {
  std::string out;
  std::size_t at = 0;
  while (at + 1 < text.size()) {
    const std::uint32_t unit = UnitAt(text, at);
    at += 2;
    if (IsHigh(unit) && at + 1 < text.size() && IsLow(UnitAt(text, at))) {
      AppendUtf8(out, 0x10000U + ((unit - 0xd800U) << 10U) + (UnitAt(text, at) - 0xdc00U));
      at += 2;
    } else {
      AppendUtf8(out, IsHigh(unit) || IsLow(unit) ? kReplacement : unit);
    }
  }
  if (at < text.size()) AppendUtf8(out, kReplacement);
  return out;
}

std::optional<std::size_t> FindUtf16End(ByteView bytes) {
  for (std::size_t at = 0; at + 1 < bytes.size(); at += 2) {
    if (bytes[at] == 0 && bytes[at + 1] == 0) return at;
  }
  return std::nullopt;
}

}  // namespace limequat::eventlog
