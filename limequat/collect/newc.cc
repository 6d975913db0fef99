#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/collect/newc_internal.h"

namespace limequat::collect {

namespace {

constexpr std::size_t kMagicSize = 6;
constexpr std::string_view kMagic = "070701";
constexpr std::string_view kMagicWithSum = "070702";
constexpr std::string_view kTrailer = "TRAILER!!!";
// Thirteen numbers of eight hexadecimal digits follow the magic.
constexpr std::size_t kDigits = 8;
constexpr std::size_t kFields = 13;
constexpr std::size_t kHeaderSize = kMagicSize + kDigits * kFields;
enum Field : std::uint8_t {
  kInode,
  kMode,
  kUid,
  kGid,
  kLinks,
  kTime,
  kFileSize,
  kMajor,
  kMinor,
  kDeviceMajor,
  kDeviceMinor,
  kNameSize,
  kCheckSum
};
// PATH_MAX: Linux gives up on longer names.
constexpr std::uint32_t kMaxName = 4096;
constexpr std::uint64_t kAlignment = 4;

using Header = std::array<std::uint32_t, kFields>;

bool IsMagic(ByteView bytes) { return AsText(bytes) == kMagic || AsText(bytes) == kMagicWithSum; }

Error Wrong(const StreamReader& in, std::string_view what) {
  return Malformed("collect.archive.cpio",
                   fmt::format("cpio archive, near byte {}: {}", in.offset(), what));
}

Result<Header> ReadHeader(StreamReader& in) {
  LQ_ASSIGN_OR_RETURN(const ByteView bytes, in.Take(kHeaderSize));
  if (!IsMagic(bytes.first(kMagicSize))) return Wrong(in, "no header where one must be");
  Header header{};
  std::string_view text = AsText(bytes.subspan(kMagicSize));
  for (std::uint32_t& field : header) {
    const std::string_view digits = text.substr(0, kDigits);
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), field, 16);
    if (error != std::errc() || end != digits.end()) return Wrong(in, "a number is none");
    text.remove_prefix(kDigits);
  }
  return header;
}

// Header and name together are padded, and so is the content; counted from the
// beginning of the archive, which is where Linux wants a multiple of four.
Status SkipPadding(StreamReader& in, std::uint64_t start) {
  const std::uint64_t over = (in.offset() - start) % kAlignment;
  if (over == 0) return {};
  LQ_RETURN_IF_ERROR(in.Take(kAlignment - over));
  return {};
}

// nullopt: the trailer.
Result<std::optional<NewcEntry>> ReadEntry(StreamReader& in, std::uint64_t start,
                                           std::uint64_t archive, Header& header) {
  LQ_ASSIGN_OR_RETURN(header, ReadHeader(in));
  const std::uint32_t size = header[kNameSize];
  if (size == 0 || size > kMaxName) return Wrong(in, fmt::format("a name of {} bytes", size));
  LQ_ASSIGN_OR_RETURN(const ByteView name, in.Take(size));
  NewcEntry entry;
  entry.name = AsText(name).substr(0, AsText(name).find('\0'));
  LQ_RETURN_IF_ERROR(SkipPadding(in, start));
  if (entry.name == kTrailer) return std::optional<NewcEntry>();
  entry.mode = header[kMode];
  entry.links = header[kLinks];
  entry.identity =
      fmt::format("{}:{}:{}:{}", archive, header[kMajor], header[kMinor], header[kInode]);
  return std::optional(std::move(entry));
}

Status ReadArchive(StreamReader& in, std::uint64_t archive, const NewcVisitor& visit) {
  const std::uint64_t start = in.offset();
  while (true) {
    Header header{};
    LQ_ASSIGN_OR_RETURN(const auto entry, ReadEntry(in, start, archive, header));
    LimitedStream content(in, header[kFileSize]);
    if (entry) LQ_RETURN_IF_ERROR(visit(*entry, content));
    LQ_RETURN_IF_ERROR(content.Finish());
    if (!entry) return {};
    LQ_RETURN_IF_ERROR(SkipPadding(in, start));
  }
}

Status SkipZeros(StreamReader& in) {
  constexpr std::size_t kAtOnce = 512;
  while (true) {
    LQ_ASSIGN_OR_RETURN(const ByteView ahead, in.Peek(kAtOnce));
    const auto other = std::ranges::find_if(ahead, [](std::uint8_t byte) { return byte != 0; });
    const auto zeros = static_cast<std::size_t>(other - ahead.begin());
    if (zeros == 0) return {};
    LQ_RETURN_IF_ERROR(in.Take(zeros));
  }
}

}  // namespace

Result<NewcEnd> ReadNewcArchives(StreamReader& in, std::uint64_t& archive,
                                 const NewcVisitor& visit) {
  while (true) {
    LQ_RETURN_IF_ERROR(SkipZeros(in));
    LQ_ASSIGN_OR_RETURN(const ByteView magic, in.Peek(kMagicSize));
    if (magic.empty()) return NewcEnd::kEndOfStream;
    if (!IsMagic(magic)) return NewcEnd::kSomethingElse;
    LQ_RETURN_IF_ERROR(ReadArchive(in, archive++, visit));
  }
}

}  // namespace limequat::collect
