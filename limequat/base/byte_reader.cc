#include "limequat/base/byte_reader.h"

#include <limits>

#include <fmt/format.h>

#include "limequat/base/check.h"
#include "limequat/base/result_macros.h"

namespace limequat {

namespace {

template <class T>
void PutBigEndian(Bytes& out, T value) {
  for (std::size_t i = sizeof(T); i > 0; --i) {
    out.push_back(static_cast<std::uint8_t>(value >> (8U * (i - 1))));
  }
}

template <class T>
void PutLittleEndian(Bytes& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i)
    out.push_back(static_cast<std::uint8_t>(value >> (8U * i)));
}

}  // namespace

Error ByteReader::Short(std::size_t count, std::string_view field) const {
  return Malformed("bytes.short",
                   fmt::format("{} at offset {}: {} bytes announced or needed, {} left", field,
                               offset_, count, remaining()));
}

Status ByteReader::ExpectEnd(std::string_view structure) const {
  if (!empty()) {
    return Malformed("bytes.trailing",
                     fmt::format("{} bytes follow the end of {}", remaining(), structure));
  }
  return {};
}

ByteWriter& ByteWriter::U8(std::uint8_t value) {
  bytes_.push_back(value);
  return *this;
}
ByteWriter& ByteWriter::U16Be(std::uint16_t value) {
  PutBigEndian(bytes_, value);
  return *this;
}
ByteWriter& ByteWriter::U32Be(std::uint32_t value) {
  PutBigEndian(bytes_, value);
  return *this;
}
ByteWriter& ByteWriter::U64Be(std::uint64_t value) {
  PutBigEndian(bytes_, value);
  return *this;
}
ByteWriter& ByteWriter::U16Le(std::uint16_t value) {
  PutLittleEndian(bytes_, value);
  return *this;
}
ByteWriter& ByteWriter::U32Le(std::uint32_t value) {
  PutLittleEndian(bytes_, value);
  return *this;
}
ByteWriter& ByteWriter::Raw(ByteView bytes) {
  Append(bytes_, bytes);
  return *this;
}
ByteWriter& ByteWriter::SizedU16Be(ByteView bytes) {
  LQ_CHECK(bytes.size() <= std::numeric_limits<std::uint16_t>::max());
  return U16Be(static_cast<std::uint16_t>(bytes.size())).Raw(bytes);
}
ByteWriter& ByteWriter::SizedU32Le(ByteView bytes) {
  LQ_CHECK(bytes.size() <= std::numeric_limits<std::uint32_t>::max());
  return U32Le(static_cast<std::uint32_t>(bytes.size())).Raw(bytes);
}
ByteWriter& ByteWriter::Zeros(std::size_t count) {
  bytes_.insert(bytes_.end(), count, std::uint8_t{0});
  return *this;
}

}  // namespace limequat
