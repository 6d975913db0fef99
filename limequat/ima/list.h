#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/ima/entry.h"
#include "limequat/ima/template.h"

namespace limequat::ima {

// The two forms in which kernels show a list.
enum class Format { kAscii, kBinary };
std::string_view FormatName(Format format);  // "ascii", "binary"

// The format that `list` looks like; an empty list is ASCII.
Format DetectFormat(ByteView list);

// Limits of one record. A longer one is malformed: kernels stay far below.
inline constexpr std::size_t kMaxTemplateData = 1U << 20U;
// Of a name, without its NUL: kernels have none that is longer (PATH_MAX). In the ASCII form
// it is how far the last of the line feeds in a name may be behind the first.
inline constexpr std::size_t kMaxName = 4095;

// How ASCII lists are read whose names hold line feeds: a name may look like the records that
// follow it.
enum class LineFeeds : std::uint8_t {
  kAsTheyLook,  // what begins like a record is one
  kByDigest,    // a line that does not state its own hash goes on if that proves the whole
};

// Reads a list record by record without copying it, and no record costs an allocation
// of its own. Memory, whatever the list's size: of the ASCII form one and a half times
// its longest line, which is at most 3 * kMaxTemplateData and 1 KiB; of the binary form
// 1 KiB. Other templates than those of Template::FromName are
// kUnsupported ("ima.template") by name, at their record.
//
// Errors are kMalformed ("ima.ascii.*", "ima.binary.*") with the record's index and
// offset; Next stays there and gives it again. A last ASCII line without its line
// feed, unless it states its own hash, or a binary record cut short, is "ima.truncated".
// Hostile input.
//
// ASCII: one blank parts the fields. Only names hold blanks (kernels write '_' for
// them), so a template with one name has one reading; with two it is
// "ima.ascii.ambiguous". Empty lines where a record would begin, and at the end, are skipped.
// A line that is followed by one that begins no record goes on behind its line feed, to where
// one begins or the list ends (or its last line, if that has no line feed), if the template digest
// that it states is that of the whole and not of the line (a violation, whose entry nothing vouches
// for, goes on to the next record). If none fits, the line is given as it is, the next may be the
// error, and no line behind it is joined: no kernel writes such a list. So a record costs no more
// attempts than kMaxName has places for a record's beginning, 92, and only one in a list is in
// vain.
//
// A name whose second line looks like a record is told by LineFeeds::kByDigest alone, in which
// the stated digest of each line is checked, a hash for each record. Lines of violations are
// taken as they look: nothing vouches for them. A stated digest is a claim: whoever changes the
// list chooses what is joined. What counts is that what was read leads to the quoted PCR.
//
// Binary: integers are little-endian (a list of a big-endian machine is
// kUnsupported, "ima.binary.big_endian"). No record says how long its template
// digest is: 20 bytes in binary_runtime_measurements, the bank's size in the
// per-bank files of Linux 6.12; the size is taken from the first record. Nor does a
// record of template `ima` say whether its digest is of SHA-1 or, under `ima_hash=md5`,
// of MD5: that is told by the length of the name behind it.
class ListReader {
 public:
  ListReader(ByteView list, Format format, LineFeeds line_feeds = LineFeeds::kAsTheyLook)
      : list_(list), format_(format), line_feeds_(line_feeds) {}
  // Entries point into the reader.
  ListReader(const ListReader&) = delete;
  ListReader& operator=(const ListReader&) = delete;

  // The next record; nullopt at the end.
  Result<std::optional<Entry>> Next();
  // How many records Next has given.
  std::uint64_t index() const { return index_; }
  // Offset of the first byte that Next has not consumed.
  std::size_t offset() const { return offset_; }
  // How often a text was read as a record: of a list without line feeds in names, index().
  std::uint64_t attempts() const { return attempts_; }
  // Entry numbers start here (a part of a list that begins at record `first`).
  void NumberFrom(std::uint64_t first) { first_ = first; }

 private:
  // Read one record at offset_ and give the number of bytes it takes.
  Result<std::size_t> ReadAscii(Entry& entry);
  Result<std::size_t> ReadBinary(Entry& entry);
  // One record's text without its line feed.
  Status ReadLine(std::string_view line, Entry& entry);
  Status ReadTexts(std::string_view texts, Entry& entry);
  Status ReadLegacyTexts(std::string_view hex, std::string_view name, Entry& entry);
  std::optional<std::size_t> Rejoin(std::string_view text, std::size_t end, Entry& entry);
  Result<std::size_t> ReadUnended(std::string_view text, Entry& entry);
  Result<std::size_t> ReadRecord(ByteView list, Entry& entry);
  Status ReadTemplateData(ByteView data, Entry& entry);
  // Sets template_ to that of the record; mostly it is that of the record before.
  Status FindTemplate(std::string_view name, Entry& entry);

  ByteView list_;
  Format format_;
  LineFeeds line_feeds_;
  std::size_t offset_ = 0;
  std::uint64_t index_ = 0;
  std::uint64_t first_ = 0;
  std::uint64_t attempts_ = 0;
  bool is_given_up_ = false;     // lines are not joined any more
  std::size_t digest_size_ = 0;  // of a binary list; 0: not yet known
  std::string_view template_name_;
  Template template_;
  std::array<FieldValue, kMaxFields> values_;
  Bytes template_digest_;  // decoded text of the ASCII form; reused
  Bytes template_data_;
};

}  // namespace limequat::ima
