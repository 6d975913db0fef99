#include "limequat/ima/list.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
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

Status ListReader::FindTemplate(std::string_view name, Entry& entry) {
  entry.template_name = name;
  if (!name.empty() && name == template_name_) return {};
  LQ_ASSIGN_OR_RETURN(template_, Template::FromName(name));
  template_name_ = name;
  return {};
}

Result<std::optional<Entry>> ListReader::Next() {
  const std::size_t before = offset_;
  if (format_ == Format::kAscii) {
    while (offset_ < list_.size() && list_[offset_] == '\n') ++offset_;
  }
  if (offset_ == list_.size()) return std::optional<Entry>();
  // Filled in place: a record is read as often as there are hash calls.
  Result<std::optional<Entry>> next(std::in_place, std::in_place);
  Entry& entry = **next;
  entry.index = first_ + index_;
  Result<std::size_t> size = format_ == Format::kAscii ? ReadAscii(entry) : ReadBinary(entry);
  if (!size) {
    const std::size_t at = std::exchange(offset_, before);  // an error consumes nothing
    return std::move(size).error().In(fmt::format("IMA record {} at offset {}", entry.index, at));
  }
  entry.violation = IsAllZero(entry.template_digest);
  offset_ += *size;
  ++index_;
  return next;
}

}  // namespace limequat::ima
