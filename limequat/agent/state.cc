#include "limequat/agent/state.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "limequat/config/files.h"

namespace limequat::agent {

namespace {

constexpr std::size_t kMaxFile = 1U << 20U;
constexpr mode_t kFolderMode = 0700;
constexpr mode_t kFileMode = 0600;

Error Trouble(const std::filesystem::path& path) {
  const std::error_code code(errno, std::generic_category());
  return Unavailable("agent.state",
                     fmt::format("cannot use the folder {}: {}", path.string(), code.message()));
}

Result<std::optional<std::string>> OrNone(Result<std::string> text) {
  if (text) return std::optional<std::string>(*std::move(text));
  if (text.error().code == ErrorCode::kNotFound) return std::optional<std::string>();
  return std::move(text).error();
}

}  // namespace

Result<StateFolder> StateFolder::Open(const std::filesystem::path& path) {
  if (::mkdir(path.c_str(), kFolderMode) != 0 && errno != EEXIST) return Trouble(path);
  const int lock =
      ::open((path / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kFileMode);
  if (lock < 0) return Trouble(path);
  StateFolder folder(path, lock);
  if (::flock(lock, LOCK_EX | LOCK_NB) == 0) return folder;
  if (errno != EWOULDBLOCK) return Trouble(path);
  return Conflict("agent.state.in_use", fmt::format("another agent uses {}", path.string()));
}

StateFolder::StateFolder(StateFolder&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

StateFolder::~StateFolder() {
  if (lock_ >= 0) ::close(lock_);
}

Result<std::optional<std::string>> StateFolder::Read(std::string_view name) const {
  return OrNone(config::ReadTextFile(path_ / name, kMaxFile));
}

Result<std::optional<std::string>> StateFolder::ReadSecret(std::string_view name) const {
  return OrNone(config::ReadSecretFile(path_ / name, kMaxFile));
}

Status StateFolder::Write(std::string_view name, std::string_view content) const {
  return config::WriteFileAtomically(path_ / name, content, kFileMode);
}

}  // namespace limequat::agent
