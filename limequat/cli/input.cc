#include "limequat/cli/input.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "limequat/cli/text.h"

namespace limequat::cli {

namespace {

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ > STDIN_FILENO) ::close(descriptor_);
  }
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

Error FromErrno(const std::string& name, int number) {
  std::string message = fmt::format("{}: {}", name, std::generic_category().message(number));
  switch (number) {
    case ENOENT:
    case ENOTDIR:
      return NotFound("cli.input.absent", std::move(message));
    case EACCES:
    case EPERM:
      return PermissionDenied("cli.input.permission", std::move(message));
    case EISDIR:
      return Malformed("cli.input.folder", fmt::format("{} is a folder, not a file", name));
    default:
      return Unavailable("cli.input.read", std::move(message));
  }
}

}  // namespace

Result<std::string> ReadInput(const std::string& path, std::size_t limit) {
  const bool standard = path == "-";
  const std::string name = standard ? "standard input" : Shown(path);
  const File file(standard ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.descriptor() < 0) return FromErrno(name, errno);
  std::string content;
  struct stat about{};
  if (::fstat(file.descriptor(), &about) == 0 && S_ISREG(about.st_mode) && about.st_size > 0) {
    content.reserve(std::min(static_cast<std::size_t>(about.st_size), limit));
  }
  std::array<char, 1U << 16U> piece{};
  while (true) {
    const ssize_t count = ::read(file.descriptor(), piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FromErrno(name, errno);
    if (count == 0) return content;
    if (static_cast<std::size_t>(count) > limit - content.size()) {
      return Malformed("cli.input.too_long",
                       fmt::format("{} is longer than {}", name, FormatBytes(limit)));
    }
    content.append(piece.data(), static_cast<std::size_t>(count));
  }
}

}  // namespace limequat::cli
