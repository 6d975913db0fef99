#include "limequat/crypto/der.h"

#include <limits>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/base/utf8.h"

namespace limequat::crypto {

namespace {

constexpr std::size_t kMaxLengthBytes = 4;

// Code points of `width` big-endian bytes each; what is none (a surrogate, beyond
// U+10FFFF) does not come out as UTF-8.
std::optional<std::string> WideText(ByteView content, std::size_t width) {
  if (content.size() % width != 0) return std::nullopt;
  std::string text;
  for (; !content.empty(); content = content.subspan(width)) {
    std::uint32_t code = 0;
    for (const std::uint8_t byte : content.first(width)) code = (code << 8U) | byte;
    if (code > 0x10ffff) return std::nullopt;
    AppendUtf8(text, code);
  }
  if (!IsUtf8(text)) return std::nullopt;
  return text;
}

}  // namespace

Result<DerElement> DerReader::Next() {
  if (rest_.size() < 2) {
    return Malformed("crypto.der.short", fmt::format("{} bytes are no element", rest_.size()));
  }
  DerElement element{.tag = rest_[0], .content = {}, .whole = {}, .minimal_length = true};
  if ((element.tag & 0x1fU) == 0x1fU) {
    return Malformed("crypto.der.tag", "a tag above 30");
  }
  std::size_t header = 2;
  std::size_t length = rest_[1];
  if (length >= 0x80) {
    const std::size_t count = length & 0x7fU;
    if (count == 0) return Malformed("crypto.der.indefinite", "an element of indefinite length");
    if (count > kMaxLengthBytes || count > rest_.size() - header) {
      return Malformed("crypto.der.length", fmt::format("a length of {} bytes", count));
    }
    length = 0;
    for (const std::uint8_t byte : rest_.subspan(header, count)) length = (length << 8U) | byte;
    element.minimal_length = length >= 0x80 && rest_[header] != 0;
    header += count;
  }
  if (length > rest_.size() - header) {
    return Malformed("crypto.der.short", fmt::format("an element of {} bytes, and {} are left",
                                                     length, rest_.size() - header));
  }
  element.content = rest_.subspan(header, length);
  element.whole = rest_.first(header + length);
  rest_ = rest_.subspan(header + length);
  return element;
}

std::optional<DerElement> DerReader::NextIf(std::uint8_t tag) {
  if (rest_.empty() || rest_[0] != tag) return std::nullopt;
  const Result<DerElement> element = Next();
  if (!element) return std::nullopt;
  return *element;
}

Result<std::string> DerOidText(ByteView content) {
  if (content.empty()) return Malformed("crypto.der.oid", "an object identifier of no bytes");
  std::string text;
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < content.size(); ++i) {
    if (number > (std::numeric_limits<std::uint64_t>::max() >> 7U)) {
      return Malformed("crypto.der.oid", "an object identifier with a number beyond 64 bits");
    }
    number = (number << 7U) | (content[i] & 0x7fU);
    if ((content[i] & 0x80U) != 0) {
      if (i + 1 == content.size()) {
        return Malformed("crypto.der.oid", "an object identifier that is cut off");
      }
      continue;
    }
    if (text.empty()) {
      // X.690, 8.19.4: the first two numbers are one.
      const std::uint64_t first = number < 80 ? number / 40 : 2;
      text = fmt::format("{}.{}", first, number - first * 40);
    } else {
      text += fmt::format(".{}", number);
    }
    number = 0;
  }
  return text;
}

std::optional<std::uint64_t> DerNumber(ByteView content) {
  if (content.empty() || content[0] >= 0x80) return std::nullopt;
  std::uint64_t number = 0;
  for (const std::uint8_t byte : content) {
    if (number > (std::numeric_limits<std::uint64_t>::max() >> 9U)) return std::nullopt;
    number = (number << 8U) | byte;
  }
  return number;
}

std::optional<std::string> DerText(const DerElement& element) {
  constexpr std::uint8_t kUtf8 = 0x0c;
  constexpr std::uint8_t kPrintable = 0x13;
  constexpr std::uint8_t kT61 = 0x14;
  constexpr std::uint8_t kIa5 = 0x16;
  constexpr std::uint8_t kVisible = 0x1a;
  constexpr std::uint8_t kUniversal = 0x1c;
  constexpr std::uint8_t kBmp = 0x1e;
  switch (element.tag) {
    case kT61:
      return WideText(element.content, 1);
    case kBmp:
      return WideText(element.content, 2);
    case kUniversal:
      return WideText(element.content, 4);
    case kUtf8:
    case kPrintable:
    case kIa5:
    case kVisible:
      // More than ASCII in the last three is no text of the type, but UTF-8 is what was meant.
      if (!IsUtf8(AsText(element.content))) return std::nullopt;
      return std::string(AsText(element.content));
    default:
      return std::nullopt;
  }
}

}  // namespace limequat::crypto
