#include "limequat/collect/archive.h"

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include "limequat/base/check.h"
#include "limequat/base/result_macros.h"
#include "limequat/collect/archive_files_internal.h"
#include "limequat/collect/folder_internal.h"
#include "limequat/collect/newc_internal.h"
#include "limequat/collect/stream_internal.h"
#include "limequat/collect/unpacker_internal.h"

namespace limequat::collect {

namespace {

using ProgressCallback = std::function<void(const Progress&)>;

constexpr std::string_view kRpmMagic = "\xed\xab\xee\xdb";
constexpr std::string_view kArMagic = "!<arch>\n";

Error OtherKind(std::string_view what) {
  return Unsupported("collect.archive.kind", std::string(what));
}

// An archive that is read, and what was found in it.
class ArchiveFile {
 public:
  ArchiveFile(const ArchiveOptions& options, const ProgressCallback& progress)
      : options_(options), progress_(progress), files_(options) {
    LQ_CHECK(!options.algorithms.empty());
  }

  Status Open();
  Status ReadInitrd();
  Status ReadPackage();
  Tree ToTree(ArchiveFiles::Usr usr) && { return std::move(files_).ToTree(usr); }

 private:
  FileStream From(std::uint64_t offset) const;
  // Reads what is compressed at `offset` and gives the number of bytes it takes.
  Result<std::uint64_t> ReadCompressedPart(std::uint64_t offset);
  Status ReadDebian(ByteStream& stream);
  Status TakeAll(Unpacker& unpacker);
  NewcVisitor Visitor();

  const ArchiveOptions& options_;
  const ProgressCallback& progress_;
  ArchiveFiles files_;
  UniqueFd fd_;
  std::uint64_t size_ = 0;
  std::uint64_t archives_ = 0;  // cpio archives so far
};

Status ArchiveFile::Open() {
  fd_ = UniqueFd(open(options_.file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd_.valid()) {
    std::string message = fmt::format("{}: {}", options_.file.string(), Reason(errno));
    if (errno == EACCES || errno == EPERM) {
      return PermissionDenied("collect.archive.open", std::move(message));
    }
    return NotFound("collect.archive.open", std::move(message));
  }
  struct stat status = {};
  if (fstat(fd_.get(), &status) != 0) return Unavailable("collect.read", Reason(errno));
  if (!S_ISREG(status.st_mode)) return OtherKind("it is no regular file");
  size_ = static_cast<std::uint64_t>(status.st_size);
  return {};
}

FileStream ArchiveFile::From(std::uint64_t offset) const {
  return {fd_.get(), offset, [this](std::uint64_t read) {
            if (!progress_) return;
            progress_({.files = files_.size(),
                       .bytes = read,
                       .total_files = files_.size(),
                       .total_bytes = size_});
          }};
}

// Story: the first archive of most initial RAM disks carries updates of the processor's
// microcode, which the kernel looks for by these names before there are any files.
bool IsMicrocode(std::string_view name) {
  while (name.starts_with("./")) name.remove_prefix(2);
  return name.starts_with("kernel/x86/microcode/");
}

NewcVisitor ArchiveFile::Visitor() {
  return [this](const NewcEntry& entry, ByteStream& content) -> Status {
    if (!S_ISREG(entry.mode) || IsMicrocode(entry.name)) return {};
    return files_.Take(entry.name, entry.mode, entry.links > 1 ? entry.identity : "", content);
  };
}

Status ArchiveFile::ReadInitrd() {
  if (size_ == 0) return OtherKind("it is empty");
  for (std::uint64_t offset = 0;;) {
    FileStream file = From(offset);
    StreamReader in(file, options_.max_bytes);
    LQ_ASSIGN_OR_RETURN(const NewcEnd end, ReadNewcArchives(in, archives_, Visitor()));
    if (end == NewcEnd::kEndOfStream) return {};
    offset += in.offset();
    LQ_ASSIGN_OR_RETURN(const std::uint64_t taken, ReadCompressedPart(offset));
    offset += taken;
  }
}

Result<std::uint64_t> ArchiveFile::ReadCompressedPart(std::uint64_t offset) {
  FileStream file = From(offset);
  LQ_ASSIGN_OR_RETURN(const auto unpacker, Unpacker::Open(file, Unpacker::Layout::kCompressed));
  LQ_ASSIGN_OR_RETURN(const auto entry, unpacker->NextEntry());
  if (!entry) return OtherKind(fmt::format("nothing that is known at byte {}", offset));
  StreamReader in(unpacker->content(), options_.max_bytes);
  LQ_ASSIGN_OR_RETURN(const NewcEnd end, ReadNewcArchives(in, archives_, Visitor()));
  if (end != NewcEnd::kEndOfStream) {
    return OtherKind(fmt::format("what is compressed at byte {} is no cpio archive", offset));
  }
  const std::uint64_t taken = unpacker->consumed();
  if (taken == 0) return OtherKind(fmt::format("nothing is compressed at byte {}", offset));
  return taken;
}

Status ArchiveFile::TakeAll(Unpacker& unpacker) {
  while (true) {
    LQ_ASSIGN_OR_RETURN(const auto entry, unpacker.NextEntry());
    if (!entry) return {};
    if (!entry->link.empty()) {
      LQ_RETURN_IF_ERROR(
          files_.TakeLink(entry->name, entry->mode, entry->link, unpacker.content()));
    } else if (S_ISREG(entry->mode)) {
      LQ_RETURN_IF_ERROR(files_.Take(entry->name, entry->mode, entry->name, unpacker.content()));
    }
  }
}

Status ArchiveFile::ReadDebian(ByteStream& stream) {
  LQ_ASSIGN_OR_RETURN(const auto package, Unpacker::Open(stream, Unpacker::Layout::kAr));
  while (true) {
    LQ_ASSIGN_OR_RETURN(const auto member, package->NextEntry());
    if (!member) return OtherKind("an archive without the data.tar of a Debian package");
    if (!member->name.starts_with("data.tar")) continue;
    LQ_ASSIGN_OR_RETURN(const auto data,
                        Unpacker::Open(package->content(), Unpacker::Layout::kTar));
    return TakeAll(*data);
  }
}

Status ArchiveFile::ReadPackage() {
  FileStream file = From(0);
  StreamReader in(file, options_.max_bytes);
  LQ_ASSIGN_OR_RETURN(const ByteView peeked, in.Peek(kArMagic.size()));
  const std::string magic(AsText(peeked));
  FileStream again = From(0);
  if (magic == kArMagic) return ReadDebian(again);
  if (!magic.starts_with(kRpmMagic)) return OtherKind("it is neither a Debian nor an RPM package");
  LQ_ASSIGN_OR_RETURN(const auto payload, Unpacker::Open(again, Unpacker::Layout::kRpm));
  return TakeAll(*payload);
}

Error Named(Error error, const ArchiveOptions& options) {
  if (error.id == "collect.archive.open") return error;
  return std::move(error).In(options.file.string());
}

}  // namespace

Result<Tree> HashInitrd(const ArchiveOptions& options, const ProgressCallback& progress) {
  ArchiveFile archive(options, progress);
  LQ_RETURN_IF_ERROR(archive.Open());
  if (Status read = archive.ReadInitrd(); !read) return Named(std::move(read).error(), options);
  return std::move(archive).ToTree(ArchiveFiles::Usr::kAsNamed);
}

Result<Tree> HashPackage(const ArchiveOptions& options, const ProgressCallback& progress) {
  ArchiveFile archive(options, progress);
  LQ_RETURN_IF_ERROR(archive.Open());
  if (Status read = archive.ReadPackage(); !read) return Named(std::move(read).error(), options);
  return std::move(archive).ToTree(ArchiveFiles::Usr::kBoth);
}

}  // namespace limequat::collect
