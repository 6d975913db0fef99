#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/ima/entry.h"

namespace limequat::ima {

enum class Format { kAscii, kBinary };
std::string_view FormatName(Format format);  // "ascii", "binary"

// The format that `list` looks like; an empty list is ASCII.
Format DetectFormat(ByteView list);

// Limits of one record. A longer one is malformed: kernels stay far below.
inline constexpr std::size_t kMaxTemplateData = 1U << 20U;
inline constexpr std::size_t kMaxTemplateName = 255;

// Reads a list record by record without copying it: memory is bounded by one
// record, whatever the list's size, and no record costs an allocation of its own.
// Templates: `ima-ng`, `ima-sig`; others are kUnsupported ("ima.template") by name,
// at their record.
//
// Errors are kMalformed ("ima.ascii.*", "ima.binary.*") with the record's index and
// offset; Next stays there and gives it again. A last ASCII line without its line
// feed, or a binary record cut short, is "ima.truncated". Hostile input.
//
// ASCII: one blank parts the fields, so a name that holds a blank (kernels write
// '_' instead) is malformed, as is what follows a line feed inside a name: such a
// list cannot be read back with certainty, its binary form can. Nothing is guessed.
//
// Binary: integers are little-endian (a list of a big-endian machine is
// kUnsupported, "ima.binary.big_endian"). No record says how long its template
// digest is: 20 bytes in binary_runtime_measurements, the bank's size in the
// per-bank files of Linux 6.12; the size is taken from the first record.
class ListReader {
 public:
  ListReader(ByteView list, Format format) : list_(list), format_(format) {}

  // The next record; nullopt at the end.
  Result<std::optional<Entry>> Next();
  // How many records Next has given.
  std::uint64_t index() const { return index_; }
  // Offset of the first byte that Next has not consumed.
  std::size_t offset() const { return offset_; }
  // Entry numbers start here (a part of a list that begins at record `first`).
  void NumberFrom(std::uint64_t first) { first_ = first; }

 private:
  // Read one record at offset_ and give the number of bytes it takes.
  Result<std::size_t> ReadAscii(Entry& entry);
  Result<std::size_t> ReadBinary(Entry& entry);

  ByteView list_;
  Format format_;
  std::size_t offset_ = 0;
  std::uint64_t index_ = 0;
  std::uint64_t first_ = 0;
  std::size_t digest_size_ = 0;  // of a binary list; 0: not yet known
  Bytes template_digest_;        // decoded text of the ASCII form; reused
  Bytes template_data_;
};

}  // namespace limequat::ima
