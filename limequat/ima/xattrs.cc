#include "limequat/ima/xattrs.h"

#include "limequat/base/byte_reader.h"

namespace limequat::ima {

namespace {

ByteView BytesOf(const Entry& entry, Field field) {
  const FieldValue* value = entry.Find(field);
  return value == nullptr ? ByteView() : value->bytes;
}

}  // namespace

XattrReader::XattrReader(const Entry& entry)
    : lengths_(BytesOf(entry, Field::kXattrLengths)), values_(BytesOf(entry, Field::kXattrValues)) {
  const std::string_view names = AsText(BytesOf(entry, Field::kXattrNames));
  if (!names.empty()) names_ = names.substr(0, names.size() - 1);  // its NUL
}

Result<std::optional<Xattr>> XattrReader::Next() {
  constexpr std::string_view kError = "ima.xattrs";
  if (!names_) {
    if (lengths_.empty() && values_.empty()) return std::optional<Xattr>();
    return Malformed(kError, "the entry has sizes or values of attributes without names");
  }
  ByteReader lengths(lengths_);
  const auto size = lengths.U32Le("xattrlengths");
  if (!size) return Malformed(kError, "the entry has more names of attributes than sizes");
  if (*size > values_.size()) return Malformed(kError, "an attribute is longer than the values");
  const std::size_t end = names_->find('|');
  const Xattr read{.name = names_->substr(0, end), .value = values_.first(*size)};
  if (read.name.empty()) return Malformed(kError, "an attribute has no name");
  lengths_ = lengths.rest();
  values_ = values_.subspan(*size);
  if (end == std::string_view::npos) {
    names_.reset();
  } else {
    names_->remove_prefix(end + 1);
  }
  return std::optional<Xattr>(read);
}

}  // namespace limequat::ima
