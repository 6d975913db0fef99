#include "limequat/base/byte_reader.h"

#include <limits>

#include <fmt/format.h>

#include "limequat/base/check.h"
#include "limequat/base/result_macros.h"

namespace limequat {

namespace {

// Integers of `N` bytes, most significant byte first.
template <class T>
T BigEndian(ByteView bytes) {
  T value = 0;
  for (std::uint8_t byte : bytes) value = static_cast<T>((value << 8U) | byte);
  return value;
}

template <class T>
T LittleEndian(ByteView bytes) {
  T value = 0;
  for (std::size_t i = bytes.size(); i > 0; --i)
    value = static_cast<T>((value << 8U) | bytes[i - 1]);
  return value;
}

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

Result<ByteView> ByteReader::Take(std::size_t count, std::string_view field) {
  if (count > remaining()) {
    return Malformed("bytes.short",
                     fmt::format("{} at offset {}: {} bytes announced or needed, {} left", field,
                                 offset_, count, remaining()));
  }
  ByteView taken = input_.subspan(offset_, count);
  offset_ += count;
  return taken;
}

Result<std::uint8_t> ByteReader::U8(std::string_view field) {
  LQ_ASSIGN_OR_RETURN(ByteView bytes, Take(1, field));
  return bytes[0];
}
Result<std::uint16_t> ByteReader::U16Be(std::string_view field) {
  LQ_ASSIGN_OR_RETURN(ByteView bytes, Take(2, field));
  return BigEndian<std::uint16_t>(bytes);
}
Result<std::uint32_t> ByteReader::U32Be(std::string_view field) {
  LQ_ASSIGN_OR_RETURN(ByteView bytes, Take(4, field));
  return BigEndian<std::uint32_t>(bytes);
}
Result<std::uint64_t> ByteReader::U64Be(std::string_view field) {
  LQ_ASSIGN_OR_RETURN(ByteView bytes, Take(8, field));
  return BigEndian<std::uint64_t>(bytes);
}
Result<std::uint16_t> ByteReader::U16Le(std::string_view field) {
  LQ_ASSIGN_OR_RETURN(ByteView bytes, Take(2, field));
  return LittleEndian<std::uint16_t>(bytes);
}
Result<std::uint32_t> ByteReader::U32Le(std::string_view field) {
  LQ_ASSIGN_OR_RETURN(ByteView bytes, Take(4, field));
  return LittleEndian<std::uint32_t>(bytes);
}
Result<std::uint64_t> ByteReader::U64Le(std::string_view field) {
  LQ_ASSIGN_OR_RETURN(ByteView bytes, Take(8, field));
  return LittleEndian<std::uint64_t>(bytes);
}

Result<ByteView> ByteReader::SizedU16Be(std::string_view field) {
  ByteReader ahead = *this;
  LQ_ASSIGN_OR_RETURN(std::uint16_t size, ahead.U16Be(field));
  LQ_ASSIGN_OR_RETURN(ByteView bytes, ahead.Take(size, field));
  *this = ahead;
  return bytes;
}

Result<ByteView> ByteReader::SizedU32Le(std::string_view field) {
  ByteReader ahead = *this;
  LQ_ASSIGN_OR_RETURN(std::uint32_t size, ahead.U32Le(field));
  LQ_ASSIGN_OR_RETURN(ByteView bytes, ahead.Take(size, field));
  *this = ahead;
  return bytes;
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
