#include <optional>
#include <string_view>
#include <utility>

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include "limequat/base/check.h"
#include "limequat/base/escape.h"
#include "limequat/collect/unpacker_internal.h"

namespace limequat::collect {

namespace {

constexpr std::size_t kPiece = 256U << 10U;

struct FreeReader {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
using Reader = std::unique_ptr<archive, FreeReader>;

bool Worked(int code) { return code == ARCHIVE_OK || code == ARCHIVE_WARN; }

std::string TextOf(const char* text) { return text == nullptr ? std::string() : text; }

// Those that libarchive undoes by itself: others would start programs.
void AllowCompression(archive* reader) {
  archive_read_support_filter_gzip(reader);
  archive_read_support_filter_bzip2(reader);
  archive_read_support_filter_xz(reader);
  archive_read_support_filter_lzma(reader);
  archive_read_support_filter_lz4(reader);
  archive_read_support_filter_zstd(reader);
}

}  // namespace

struct Unpacker::Impl final : ByteStream {
  explicit Impl(ByteStream& stream) : in(stream), reader(archive_read_new()), buffer(kPiece) {
    LQ_CHECK(reader != nullptr);
  }

  static la_ssize_t Feed(archive* /*reader*/, void* data, const void** piece) {
    Impl& self = *static_cast<Impl*>(data);
    const Result<ByteView> next = self.in.Next();
    if (!next) {
      // Ours says more than what libarchive makes of it.
      self.trouble = next.error();
      return ARCHIVE_FATAL;
    }
    *piece = next->data();
    return static_cast<la_ssize_t>(next->size());
  }

  Error Broken() const {
    if (trouble) return *trouble;
    return Malformed("collect.archive.broken",
                     EscapeForDisplay(TextOf(archive_error_string(reader.get())), 200));
  }

  Result<ByteView> Next() override {
    const la_ssize_t count = archive_read_data(reader.get(), buffer.data(), buffer.size());
    if (count < 0) return Broken();
    return ByteView(buffer.data(), static_cast<std::size_t>(count));
  }

  ByteStream& in;
  Reader reader;
  Bytes buffer;
  std::optional<Error> trouble;
};

Unpacker::Unpacker(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Unpacker::~Unpacker() = default;

Result<std::unique_ptr<Unpacker>> Unpacker::Open(ByteStream& stream, Layout layout) {
  auto impl = std::make_unique<Impl>(stream);
  archive* reader = impl->reader.get();
  if (layout != Layout::kAr) AllowCompression(reader);
  switch (layout) {
    case Layout::kCompressed:
      archive_read_support_format_raw(reader);
      break;
    case Layout::kAr:
      archive_read_support_format_ar(reader);
      break;
    case Layout::kTar:
      archive_read_support_format_tar(reader);
      break;
    case Layout::kRpm:
      archive_read_support_filter_rpm(reader);
      archive_read_support_format_cpio(reader);
      break;
  }
  if (!Worked(archive_read_open(reader, impl.get(), nullptr, Impl::Feed, nullptr))) {
    return impl->Broken();
  }
  return std::unique_ptr<Unpacker>(new Unpacker(std::move(impl)));
}

Result<std::optional<ArchiveEntry>> Unpacker::NextEntry() {
  archive* reader = impl_->reader.get();
  archive_entry* header = nullptr;
  const int code = archive_read_next_header(reader, &header);
  if (code == ARCHIVE_EOF) return std::optional<ArchiveEntry>();
  if (!Worked(code)) return impl_->Broken();
  ArchiveEntry entry;
  entry.name = TextOf(archive_entry_pathname(header));
  // Names that the archive has in UTF-8 alone, which the locale cannot say.
  if (entry.name.empty()) entry.name = TextOf(archive_entry_pathname_utf8(header));
  entry.link = TextOf(archive_entry_hardlink(header));
  if (entry.link.empty()) entry.link = TextOf(archive_entry_hardlink_utf8(header));
  entry.mode = archive_entry_mode(header);
  return std::optional(std::move(entry));
}

ByteStream& Unpacker::content() { return *impl_; }

std::uint64_t Unpacker::consumed() const {
  archive* reader = impl_->reader.get();
  const int last = archive_filter_count(reader) - 1;
  const la_int64_t bytes = archive_filter_bytes(reader, last);
  return bytes < 0 ? 0 : static_cast<std::uint64_t>(bytes);
}

}  // namespace limequat::collect
