#include "limequat/ima/list.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/ima/template_data.h"

namespace limequat::ima {

std::string_view FormatName(Format format) { return format == Format::kAscii ? "ascii" : "binary"; }

Format DetectFormat(ByteView list) {
  // A binary record begins with a small 32-bit PCR number, whose upper bytes are
  // zero in either byte order; no text has a NUL there.
  const ByteView start = list.first(std::min<std::size_t>(4, list.size()));
  return std::ranges::find(start, std::uint8_t{0}) == start.end() ? Format::kAscii
                                                                  : Format::kBinary;
}

Result<Template> TemplateFromName(std::string_view name) {
  if (name == "ima-ng") return Template::kImaNg;
  if (name == "ima-sig") return Template::kImaSig;
  return Unsupported("ima.template", fmt::format("template '{}'; ima-ng and ima-sig are read",
                                                 EscapeForDisplay(name, kMaxTemplateName)));
}

bool IsAlgorithmName(std::string_view name) {
  constexpr std::size_t kLongest = 32;
  return !name.empty() && name.size() <= kLongest && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

bool IsTemplateDigestSize(std::size_t size) {
  return size == 20 || size == 32 || size == 48 || size == 64;
}

bool IsAllZero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

Result<std::optional<Entry>> ListReader::Next() {
  if (offset_ == list_.size()) return std::optional<Entry>();
  // Filled in place: a record is read as often as there are hash calls.
  Result<std::optional<Entry>> next(std::in_place, std::in_place);
  Entry& entry = **next;
  entry.index = first_ + index_;
  Result<std::size_t> size = format_ == Format::kAscii ? ReadAscii(entry) : ReadBinary(entry);
  if (!size) {
    return std::move(size).error().In(
        fmt::format("IMA record {} at offset {}", entry.index, offset_));
  }
  entry.violation = IsAllZero(entry.template_digest);
  offset_ += *size;
  ++index_;
  return next;
}

}  // namespace limequat::ima
