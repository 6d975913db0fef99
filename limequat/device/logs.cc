#include "limequat/device/logs.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "limequat/base/result_macros.h"

namespace limequat::device {

namespace {

constexpr std::size_t kPiece = 256U << 10U;
constexpr std::size_t kBootPiece = 64U << 10U;
constexpr std::size_t kMaxBookmarks = 8;

std::string ErrnoText(int number) {
  std::array<char, 256> buffer{};
  return ::strerror_r(number, buffer.data(), buffer.size());
}

Result<File> OpenToRead(const std::string& path, std::string_view id) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    return Unavailable(id, fmt::format("cannot open {}: {}", path, ErrnoText(errno)));
  }
  return File(descriptor);
}

// Reads up to the end, as the kernel gives it: nothing is known about the size of its
// logs. Calls `take` with each piece.
template <class Take>
Status ReadToEnd(int descriptor, std::string_view id, Take take) {
  std::string piece(kPiece, '\0');
  while (true) {
    const ssize_t count = ::read(descriptor, piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Unavailable(id, fmt::format("cannot read: {}", ErrnoText(errno)));
    if (count == 0) return {};
    LQ_RETURN_IF_ERROR(take(std::string_view(piece).substr(0, static_cast<std::size_t>(count))));
  }
}

// Collects the lines from one on.
class Lines {
 public:
  Lines(std::uint64_t next, std::uint64_t first) : next_(next) { part_.first_entry = first; }

  Status Add(std::string_view piece) {
    while (next_ < part_.first_entry) {
      const std::size_t end = piece.find('\n');
      if (end == std::string_view::npos) {
        unfinished_ += piece.size();
        return {};
      }
      skipped_ += unfinished_ + end + 1;
      unfinished_ = 0;
      ++next_;
      piece.remove_prefix(end + 1);
    }
    if (piece.size() > ImaLog::kMaxPart - part_.text.size()) {
      return Unavailable("device.ima.read", "the measurement list is longer than 256 MiB");
    }
    part_.text.append(piece);
    return {};
  }

  // Leaves out an unfinished last line and counts. Bytes that were skipped.
  std::uint64_t CutTail() {
    part_.text.resize(part_.text.rfind('\n') + 1);  // npos + 1 is 0
    part_.entries = next_ + static_cast<std::uint64_t>(std::ranges::count(part_.text, '\n'));
    return skipped_;
  }

  const ImaPart& part() const { return part_; }
  ImaPart Take() { return std::move(part_); }

 private:
  ImaPart part_;
  std::uint64_t next_;  // number of the line that begins next
  std::uint64_t skipped_ = 0;
  std::uint64_t unfinished_ = 0;  // bytes of a line that is skipped and has not ended
};

}  // namespace

File::File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

ImaLog::ImaLog(File file) : file_(std::move(file)), mutex_(std::make_unique<std::mutex>()) {}

Result<ImaLog> ImaLog::Open(const std::string& path) {
  LQ_ASSIGN_OR_RETURN(File file, OpenToRead(path, "device.ima.open"));
  return ImaLog(std::move(file));
}

ImaLog::Bookmark ImaLog::Nearest(std::uint64_t first) const {
  Bookmark best;
  for (const Bookmark& bookmark : bookmarks_) {
    if (bookmark.entry <= first && bookmark.entry > best.entry) best = bookmark;
  }
  return best;
}

void ImaLog::Remember(Bookmark bookmark) {
  std::erase_if(bookmarks_, [&](const Bookmark& known) { return known.entry == bookmark.entry; });
  bookmarks_.push_back(bookmark);
  if (bookmarks_.size() > kMaxBookmarks) bookmarks_.pop_front();
}

// The kernel's list only grows and has no size; a file in its place (light machines of
// a lab) may be cut and written anew.
Status ImaLog::DropBookmarksIfShorter() {
  struct stat status{};
  if (::fstat(file_.descriptor(), &status) != 0) {
    return Unavailable("device.ima.read", fmt::format("cannot stat: {}", ErrnoText(errno)));
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  const bool shorter = std::ranges::any_of(
      bookmarks_, [size](const Bookmark& bookmark) { return bookmark.offset > size; });
  if (size > 0 && shorter) bookmarks_.clear();
  return {};
}

Result<ImaPart> ImaLog::ReadFrom(std::uint64_t first) {
  const std::lock_guard lock(*mutex_);
  LQ_RETURN_IF_ERROR(DropBookmarksIfShorter());
  LQ_ASSIGN_OR_RETURN(ImaPart part, ReadFromLocked(first));
  if (part.entries < first) return ReadFromLocked(0);
  return part;
}

Result<ImaPart> ImaLog::ReadFromLocked(std::uint64_t first) {
  const Bookmark place = Nearest(first);
  if (::lseek(file_.descriptor(), static_cast<off_t>(place.offset), SEEK_SET) < 0) {
    return Unavailable("device.ima.read", fmt::format("cannot seek: {}", ErrnoText(errno)));
  }
  Lines lines(place.entry, first);
  LQ_RETURN_IF_ERROR(ReadToEnd(file_.descriptor(), "device.ima.read",
                               [&lines](std::string_view piece) { return lines.Add(piece); }));
  const std::uint64_t skipped = lines.CutTail();
  Remember({lines.part().entries, place.offset + skipped + lines.part().text.size()});
  return lines.Take();
}

Result<BootLog> BootLog::Open(const std::string& path) {
  LQ_ASSIGN_OR_RETURN(File file, OpenToRead(path, "device.boot_log.open"));
  return BootLog(std::move(file));
}

Result<Bytes> BootLog::Read() const {
  Bytes bytes;
  std::array<std::uint8_t, kBootPiece> piece{};
  while (true) {
    const ssize_t count =
        ::pread(file_.descriptor(), piece.data(), piece.size(), static_cast<off_t>(bytes.size()));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      return Unavailable("device.boot_log.read",
                         fmt::format("cannot read the boot log: {}", ErrnoText(errno)));
    }
    if (count == 0) return bytes;
    Append(bytes, ByteView(piece.data(), static_cast<std::size_t>(count)));
    if (bytes.size() > kMaxSize) {
      return Unavailable("device.boot_log.read", "the boot log is longer than 32 MiB");
    }
  }
}

}  // namespace limequat::device
