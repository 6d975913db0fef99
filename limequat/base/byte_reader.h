#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"

namespace limequat {

// Reads integers and byte strings from hostile input, front to back. Every read
// checks what is left; a failed read consumes nothing and gives kMalformed
// ("bytes.short") with the name of the field and the offset. Nothing is copied:
// views point into the input, which must outlive them.
class ByteReader {
 public:
  explicit ByteReader(ByteView input) : input_(input) {}

  std::size_t offset() const { return offset_; }
  std::size_t remaining() const { return input_.size() - offset_; }
  bool empty() const { return remaining() == 0; }
  // Everything that has not been read.
  ByteView rest() const { return input_.subspan(offset_); }

  Result<std::uint8_t> U8(std::string_view field) { return LittleEndian<std::uint8_t>(field); }
  Result<std::uint16_t> U16Be(std::string_view field) { return BigEndian<std::uint16_t>(field); }
  Result<std::uint32_t> U32Be(std::string_view field) { return BigEndian<std::uint32_t>(field); }
  Result<std::uint64_t> U64Be(std::string_view field) { return BigEndian<std::uint64_t>(field); }
  Result<std::uint16_t> U16Le(std::string_view field) { return LittleEndian<std::uint16_t>(field); }
  Result<std::uint32_t> U32Le(std::string_view field) { return LittleEndian<std::uint32_t>(field); }
  Result<std::uint64_t> U64Le(std::string_view field) { return LittleEndian<std::uint64_t>(field); }

  // `count` bytes. `count` may come from the input: it is compared with what is
  // left before anything is touched.
  Result<ByteView> Take(std::size_t count, std::string_view field) {
    if (count > remaining()) return Short(count, field);
    const ByteView taken = input_.subspan(offset_, count);
    offset_ += count;
    return taken;
  }

  // A TPM2B: 16-bit big-endian size, then that many bytes (TPM 2.0 part 2, 10.4).
  Result<ByteView> SizedU16Be(std::string_view field) { return Sized(U16Be(field), 2, field); }
  // An IMA template field: 32-bit little-endian size, then that many bytes.
  Result<ByteView> SizedU32Le(std::string_view field) { return Sized(U32Le(field), 4, field); }

  // kMalformed ("bytes.trailing") unless everything has been read.
  Status ExpectEnd(std::string_view structure) const;

 private:
  // These are here to be inlined: lists of measurements are read field by field, and
  // a Result that is returned from a call costs more than what it carries.
  template <class T>
  Result<T> BigEndian(std::string_view field) {
    if (sizeof(T) > remaining()) return Short(sizeof(T), field);
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
      value = static_cast<T>((std::uint64_t{value} << 8U) | input_[offset_++]);
    return value;
  }
  template <class T>
  Result<T> LittleEndian(std::string_view field) {
    if (sizeof(T) > remaining()) return Short(sizeof(T), field);
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      value = static_cast<T>(value | (std::uint64_t{input_[offset_++]} << (8U * i)));
    }
    return value;
  }
  // `size` was read from the `width` bytes before the present place.
  template <class T>
  Result<ByteView> Sized(const Result<T>& size, std::size_t width, std::string_view field) {
    if (!size) return size.error();
    Result<ByteView> bytes = Take(*size, field);
    if (!bytes) offset_ -= width;  // a failed read consumes nothing
    return bytes;
  }
  Error Short(std::size_t count, std::string_view field) const;

  ByteView input_;
  std::size_t offset_ = 0;
};

// Builds byte strings in the same encodings. Grows with what is written and never fails.
class ByteWriter {
 public:
  ByteWriter& U8(std::uint8_t value);
  ByteWriter& U16Be(std::uint16_t value);
  ByteWriter& U32Be(std::uint32_t value);
  ByteWriter& U64Be(std::uint64_t value);
  ByteWriter& U16Le(std::uint16_t value);
  ByteWriter& U32Le(std::uint32_t value);
  ByteWriter& Raw(ByteView bytes);
  // A TPM2B. `bytes` must be shorter than 64 KiB (checked: it is ours, not input).
  ByteWriter& SizedU16Be(ByteView bytes);
  ByteWriter& SizedU32Le(ByteView bytes);
  ByteWriter& Zeros(std::size_t count);

  const Bytes& bytes() const { return bytes_; }
  Bytes Take() { return std::move(bytes_); }

 private:
  Bytes bytes_;
};

}  // namespace limequat
