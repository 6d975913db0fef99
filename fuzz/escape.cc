// EscapeForDisplay: whatever comes in, what goes out is safe to show, and it is
// known what came in.

#include "limequat/base/escape.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "limequat/base/bytes.h"
#include "limequat/base/check.h"
#include "limequat/base/utf8.h"

namespace {

using namespace limequat;

void CheckSafe(std::string_view shown) {
  while (!shown.empty()) {
    const CodePoint point = DecodeUtf8(shown);
    LQ_CHECK(point.length > 0);
    LQ_CHECK(point.value >= 0x20 && !(point.value >= 0x7f && point.value <= 0xa0));
    LQ_CHECK(!(point.value >= 0x2028 && point.value <= 0x202f));
    shown.remove_prefix(point.length);
  }
}

// Takes hexadecimal digits from the front of `text`.
std::uint32_t TakeHex(std::string_view& text, std::size_t most) {
  std::uint32_t value = 0;
  const char* end = text.data() + std::min(most, text.size());
  const auto [at, failure] = std::from_chars(text.data(), end, value, 16);
  LQ_CHECK(failure == std::errc());
  text.remove_prefix(static_cast<std::size_t>(at - text.data()));
  return value;
}

void AppendUtf8(std::string& text, std::uint32_t value) {
  const auto tail = [&](unsigned shift) {
    text += static_cast<char>(0x80U | ((value >> shift) & 0x3fU));
  };
  if (value < 0x800) {
    text += static_cast<char>(0xc0U | (value >> 6U));
  } else if (value < 0x10000) {
    text += static_cast<char>(0xe0U | (value >> 12U));
    tail(6);
  } else {
    text += static_cast<char>(0xf0U | (value >> 18U));
    tail(12);
    tail(6);
  }
  tail(0);
}

std::string Unescape(std::string_view shown) {
  std::string text;
  while (!shown.empty()) {
    if (shown.starts_with("\\\\")) {
      text += '\\';
      shown.remove_prefix(2);
    } else if (shown.starts_with("\\x")) {
      shown.remove_prefix(2);
      text += static_cast<char>(TakeHex(shown, 2));
    } else if (shown.starts_with("\\u{")) {
      shown.remove_prefix(3);
      AppendUtf8(text, TakeHex(shown, 6));
      LQ_CHECK(shown.starts_with('}'));
      shown.remove_prefix(1);
    } else {
      LQ_CHECK(!shown.starts_with('\\'));
      text += shown.front();
      shown.remove_prefix(1);
    }
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kLimit = 100;
  constexpr std::string_view kCut = "…";
  const std::string_view text = AsText(ByteView(data, size));
  const std::string shown = EscapeForDisplay(text, kLimit);
  LQ_CHECK(shown.size() <= kLimit + kCut.size());
  CheckSafe(shown);
  const std::string whole = EscapeForDisplay(text, 9 * size);
  CheckSafe(whole);
  LQ_CHECK(Unescape(whole) == text);
  return 0;
}
