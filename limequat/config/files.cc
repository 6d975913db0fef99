#include "limequat/config/files.h"

#include <array>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "limequat/base/result_macros.h"

namespace limequat::config {

namespace {

// A file descriptor that is closed at the end.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

std::string Reason(int number) { return std::generic_category().message(number); }

Error FileError(const std::filesystem::path& path, int number) {
  std::string message = fmt::format("{}: {}", path.string(), Reason(number));
  if (number == ENOENT || number == ENOTDIR) return NotFound("config.file", std::move(message));
  if (number == EACCES || number == EPERM)
    return PermissionDenied("config.file", std::move(message));
  return Unavailable("config.file", std::move(message));
}

Result<std::string> ReadAll(int fd, const std::filesystem::path& path, std::size_t max_bytes) {
  std::string text;
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count == 0) return text;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FileError(path, errno);
    if (text.size() + static_cast<std::size_t>(count) > max_bytes) {
      return Malformed("config.file",
                       fmt::format("{}: more than {} bytes", path.string(), max_bytes));
    }
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

Status WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Unavailable("config.write", Reason(errno));
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  if (fsync(fd) != 0) return Unavailable("config.write", Reason(errno));
  return {};
}

}  // namespace

Result<std::string> ReadTextFile(const std::filesystem::path& path, std::size_t max_bytes) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return FileError(path, errno);
  return ReadAll(file.get(), path, max_bytes);
}

Result<std::string> ReadSecretFile(const std::filesystem::path& path, std::size_t max_bytes) {
  // Without O_NONBLOCK a pipe in the place of the file would hold the start for ever.
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return FileError(path, errno);
  // Of the opened file, so that it cannot be exchanged after the check.
  struct stat status = {};
  if (fstat(file.get(), &status) != 0) return FileError(path, errno);
  const bool ours = status.st_uid == geteuid() || status.st_uid == 0;
  if (!S_ISREG(status.st_mode) || !ours || (status.st_mode & 077U) != 0) {
    return PermissionDenied(
        "config.mode",
        fmt::format("{}: a private key must be a file that only its owner can read (chmod 600)",
                    path.string()));
  }
  return ReadAll(file.get(), path, max_bytes);
}

Status WriteFileAtomically(const std::filesystem::path& path, std::string_view text, mode_t mode) {
  std::string temporary = path.string() + ".XXXXXX";
  const Descriptor file(mkostemp(temporary.data(), O_CLOEXEC));  // created with mode 0600
  if (file.get() < 0)
    return Unavailable("config.write", fmt::format("{}: {}", path.string(), Reason(errno)));
  const auto fail = [&](std::string why) {
    unlink(temporary.c_str());
    return Unavailable("config.write", fmt::format("{}: {}", path.string(), why));
  };
  if (const Status written = WriteAll(file.get(), text); !written)
    return fail(written.error().message);
  if (fchmod(file.get(), mode) != 0) return fail(Reason(errno));
  if (rename(temporary.c_str(), path.c_str()) != 0) return fail(Reason(errno));
  const Descriptor folder(open(path.parent_path().empty() ? "." : path.parent_path().c_str(),
                               O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() >= 0) fsync(folder.get());
  return {};
}

}  // namespace limequat::config
