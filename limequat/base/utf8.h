#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace limequat {

// A character of Unicode, and how many bytes of the text it takes.
struct CodePoint {
  std::uint32_t value = 0;
  std::size_t length = 0;  // bytes; 0: the text begins with no valid sequence
};

// The first code point of `text`, which is not empty and may be hostile. Overlong
// forms, surrogates and values above U+10FFFF are invalid (RFC 3629).
CodePoint DecodeUtf8(std::string_view text);

// Adds `code` to `text`. What is no code point of Unicode (a surrogate, above U+10FFFF) gives
// bytes that are not UTF-8.
void AppendUtf8(std::string& text, std::uint32_t code);

// Whether all of `text` is UTF-8. Hostile input.
bool IsUtf8(std::string_view text);

}  // namespace limequat
