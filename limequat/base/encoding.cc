#include "limequat/base/encoding.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace limequat {

namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kBase64Alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::int8_t kNone = -1;

// What a hexadecimal digit adds to a byte as its first or its second; negative for other
// characters.
using HexTable = std::array<std::int16_t, 256>;
constexpr HexTable MakeHexTable(int unit) {
  HexTable table{};
  table.fill(kNone);
  for (int i = 0; i < 16; ++i) {
    const auto value = static_cast<std::int16_t>(i * unit);
    const char digit = kHexDigits[static_cast<std::size_t>(i)];
    table[static_cast<std::uint8_t>(digit)] = value;
    if (i >= 10) table[static_cast<std::uint8_t>(digit - 'a' + 'A')] = value;
  }
  return table;
}
constexpr HexTable kHexFirst = MakeHexTable(16);
constexpr HexTable kHexSecond = MakeHexTable(1);

constexpr std::array<std::int8_t, 256> kBase64Value = [] {
  std::array<std::int8_t, 256> table{};
  table.fill(kNone);
  for (std::size_t i = 0; i < kBase64Alphabet.size(); ++i) {
    table[static_cast<std::uint8_t>(kBase64Alphabet[i])] = static_cast<std::int8_t>(i);
  }
  return table;
}();

// Sixteen bytes at once, in the words that both compilers have for it; where a processor
// has no such registers they make loops of it.
using Vector = std::uint8_t __attribute__((vector_size(16)));
using Signed = std::int8_t __attribute__((vector_size(16)));
using Pairs = std::uint16_t __attribute__((vector_size(16)));

// All bits of each byte that is one of the `count` numbers from `first` on. There is no
// comparison of bytes without sign: they are moved so that the last is the greatest with one.
Vector InRange(Vector bytes, std::uint8_t first, std::uint8_t count) {
  const auto move = static_cast<std::uint8_t>(0x80 - first - count);
  const auto least = static_cast<std::int8_t>(0x80 - count);
  return reinterpret_cast<Vector>(reinterpret_cast<Signed>(bytes + move) >= least);
}

// The bytes of 16 digits, each in the lower half of a pair. Where a character is no digit, not
// all bits of `digits` are set afterwards.
Vector HexPairs(const char* text, Vector& digits) {
  Vector c;
  std::memcpy(&c, text, sizeof c);
  const Vector is_letter = InRange(c | 0x20, 'a', 6);
  digits &= InRange(c, '0', 10) | is_letter;
  const auto pairs = reinterpret_cast<Pairs>((c & 0x0f) + (is_letter & 9));  // 'a' is 0x61
  const bool first_is_low = std::endian::native == std::endian::little;
  return reinterpret_cast<Vector>(first_is_low ? pairs << 4U | pairs >> 8U : pairs | pairs >> 4U);
}

constexpr std::size_t kVectorDigits = 2 * sizeof(Vector);

// The bytes of kVectorDigits digits.
Vector HexBytes(const char* text, Vector& digits) {
  const Vector front = HexPairs(text, digits);
  const Vector back = HexPairs(text + sizeof(Vector), digits);
  if constexpr (std::endian::native == std::endian::little) {
    return __builtin_shufflevector(front, back, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26,
                                   28, 30);
  } else {
    return __builtin_shufflevector(front, back, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27,
                                   29, 31);
  }
}

bool IsZero(Vector vector) {
  return std::bit_cast<std::array<std::uint64_t, 2>>(vector) == std::array<std::uint64_t, 2>{};
}

template <class Number>
Number Look(const std::array<Number, 256>& table, char c) {
  return table[static_cast<std::uint8_t>(c)];
}

Error BadBase64() {
  return Malformed("encoding.base64", "not strict base64 (RFC 4648, section 4)");
}

}  // namespace

std::string HexEncode(ByteView bytes) {
  std::string text(bytes.size() * 2, '0');
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    text[2 * i] = kHexDigits[bytes[i] >> 4U];
    text[2 * i + 1] = kHexDigits[bytes[i] & 0x0fU];
  }
  return text;
}

Result<Bytes> HexDecode(std::string_view text) {
  if (text.size() % 2 != 0) return Malformed("encoding.hex", "an odd number of hexadecimal digits");
  Bytes bytes(text.size() / 2);
  if (!HexDecodeTo(text, bytes))
    return Malformed("encoding.hex", "a character that is not a hexadecimal digit");
  return bytes;
}

bool HexDecodeTo(std::string_view text, std::span<std::uint8_t> out) {
  if (text.size() != 2 * out.size()) return false;
  std::size_t at = 0;
  Vector digits = ~Vector{};
  for (; 2 * (out.size() - at) >= kVectorDigits; at += sizeof(Vector)) {
    const Vector bytes = HexBytes(&text[2 * at], digits);
    std::memcpy(&out[at], &bytes, sizeof bytes);
  }
  // One test behind the loops: kNone has the sign bit, which no digit has.
  int seen = 0;
  for (; at < out.size(); ++at) {
    const int value = Look(kHexFirst, text[2 * at]) | Look(kHexSecond, text[2 * at + 1]);
    seen |= value;
    out[at] = static_cast<std::uint8_t>(value);
  }
  return seen >= 0 && IsZero(~digits);
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
  if (text.empty()) return Bytes();
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  Bytes bytes(text.size() / 4 * 3);
  // One test behind the loop, as in HexDecodeTo.
  int seen = 0;
  const auto decode = [&](const char* group, std::uint8_t* out) {
    const int a = Look(kBase64Value, group[0]);
    const int b = Look(kBase64Value, group[1]);
    const int c = Look(kBase64Value, group[2]);
    const int d = Look(kBase64Value, group[3]);
    seen |= a | b | c | d;
    out[0] = static_cast<std::uint8_t>((a << 2) | (b >> 4));
    out[1] = static_cast<std::uint8_t>((b << 4) | (c >> 2));
    out[2] = static_cast<std::uint8_t>((c << 6) | d);
  };
  const std::size_t last = text.size() / 4 - 1;
  for (std::size_t i = 0; i < last; ++i) decode(&text[4 * i], &bytes[3 * i]);
  // "A" stands for zero bits where the padding is.
  std::array<char, 4> group{'A', 'A', 'A', 'A'};
  std::ranges::copy(text.substr(4 * last, 4 - padding), group.begin());
  decode(group.data(), &bytes[3 * last]);
  if (seen < 0) return BadBase64();
  // Bits behind the last whole byte must be zero: one value, one spelling.
  for (std::size_t i = 0; i < padding; ++i) {
    if (bytes.back() != 0) return BadBase64();
    bytes.pop_back();
  }
  return bytes;
}

}  // namespace limequat
