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

  Result<std::uint8_t> U8(std::string_view field);
  Result<std::uint16_t> U16Be(std::string_view field);
  Result<std::uint32_t> U32Be(std::string_view field);
  Result<std::uint64_t> U64Be(std::string_view field);
  Result<std::uint16_t> U16Le(std::string_view field);
  Result<std::uint32_t> U32Le(std::string_view field);
  Result<std::uint64_t> U64Le(std::string_view field);

  // `count` bytes. `count` may come from the input: it is compared with what is
  // left before anything is touched.
  Result<ByteView> Take(std::size_t count, std::string_view field);

  // A TPM2B: 16-bit big-endian size, then that many bytes (TPM 2.0 part 2, 10.4).
  Result<ByteView> SizedU16Be(std::string_view field);
  // An IMA template field: 32-bit little-endian size, then that many bytes.
  Result<ByteView> SizedU32Le(std::string_view field);

  // kMalformed ("bytes.trailing") unless everything has been read.
  Status ExpectEnd(std::string_view structure) const;

 private:
  ByteView input_;
  std::size_t offset_ = 0;
};

// Builds byte strings in the same encodings.
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
