#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "limequat/base/result_macros.h"
#include "limequat/collect/file_hash_internal.h"
#include "limequat/collect/folder_internal.h"

namespace limequat::collect {

namespace {

constexpr std::size_t kBuffer = 1U << 20U;

Error CannotRead(int number) { return Unavailable("collect.read", Reason(number)); }
Error HasChanged() { return Conflict("collect.changed", "it changed while it was read"); }

bool Same(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

// Whether nothing was written between the two looks.
bool Untouched(const struct stat& before, const struct stat& after) {
  return before.st_size == after.st_size && Same(before.st_mtim, after.st_mtim) &&
         Same(before.st_ctim, after.st_ctim);
}

Result<UniqueFd> Open(int folder, const std::string& name) {
  // Not blocking: a pipe that took the file's place would wait for a writer.
  constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  int fd = -1;
  do {
    fd = openat(folder, name.c_str(), kFlags);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return CannotRead(errno);
  return UniqueFd(fd);
}

}  // namespace

void ReadAhead(int folder, const std::string& name) {
  const Result<UniqueFd> file = Open(folder, name);
  if (file) static_cast<void>(posix_fadvise(file->get(), 0, 0, POSIX_FADV_WILLNEED));
}

FileHasher::FileHasher(std::span<const crypto::HashAlgorithm> algorithms) : buffer_(kBuffer) {
  for (const crypto::HashAlgorithm algorithm : algorithms) hashers_.emplace_back(algorithm);
}

Result<std::optional<FileHasher::Digests>> FileHasher::Hash(
    int folder, const std::string& name, const FileIdentity& expected, Wanted wanted,
    const std::function<void(std::uint64_t)>& read) {
  LQ_ASSIGN_OR_RETURN(const UniqueFd file, Open(folder, name));
  struct stat before = {};
  if (fstat(file.get(), &before) != 0) return CannotRead(errno);
  if (!S_ISREG(before.st_mode) || FileIdentity{before.st_dev, before.st_ino} != expected) {
    return HasChanged();
  }
  static_cast<void>(posix_fadvise(file.get(), 0, 0, POSIX_FADV_SEQUENTIAL));
  const Result<Fed> fed = Feed(file.get(), wanted, read);
  Digests digests = Finish();  // in any case: the next file starts anew
  if (!fed) return fed.error();
  if (*fed == Fed::kNotWanted) return std::optional<Digests>();
  struct stat after = {};
  if (fstat(file.get(), &after) != 0) return CannotRead(errno);
  if (!Untouched(before, after)) return HasChanged();
  return std::optional<Digests>(std::move(digests));
}

Result<FileHasher::Fed> FileHasher::Feed(int fd, Wanted wanted,
                                         const std::function<void(std::uint64_t)>& read) {
  for (off_t offset = 0;;) {
    const ssize_t count = pread(fd, buffer_.data(), buffer_.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return CannotRead(errno);
    const ByteView piece(buffer_.data(), static_cast<std::size_t>(count));
    if (offset == 0 && wanted == Wanted::kIfElf && !IsElf(piece)) {
      return Fed::kNotWanted;
    }
    if (count == 0) return Fed::kYes;
    // The next piece comes from the disk while this one is hashed.
    if (piece.size() == buffer_.size()) {
      static_cast<void>(posix_fadvise(fd, offset + count, count, POSIX_FADV_WILLNEED));
    }
    for (crypto::Hasher& hasher : hashers_) hasher.Update(piece);
    offset += count;
    read(static_cast<std::uint64_t>(count));
  }
}

FileHasher::Digests FileHasher::Finish() {
  Digests digests;
  for (crypto::Hasher& hasher : hashers_) digests.push_back(hasher.Finish());
  return digests;
}

}  // namespace limequat::collect
