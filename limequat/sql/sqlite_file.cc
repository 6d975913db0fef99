#include "limequat/sql/sqlite_file.h"

#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "limequat/base/result_macros.h"

namespace limequat::sql {

namespace {

constexpr mode_t kGroupOrOthers = 0077;
constexpr mode_t kWritableByGroupOrOthers = 0022;

Error CannotOpen(const std::string& path, int error) {
  return Unavailable("sql.open",
                     fmt::format("{}: {}", path, std::generic_category().message(error)));
}

Status CheckFolder(const std::string& folder) {
  struct stat info = {};
  if (stat(folder.c_str(), &info) != 0) return CannotOpen("folder " + folder, errno);
  if ((info.st_mode & kWritableByGroupOrOthers) != 0) {
    return PermissionDenied(
        "sql.mode",
        fmt::format(
            "others may write to the folder {} (mode {:04o}), and so could put another database "
            "into the place of this one; chmod go-w, or give the database a folder of its own",
            folder, info.st_mode & 07777U));
  }
  return {};
}

// A new name is durable when its folder is.
Status SyncFolder(const std::string& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return CannotOpen("folder " + folder, errno);
  const int failed = fsync(descriptor) == 0 ? 0 : errno;
  close(descriptor);
  if (failed != 0) return CannotOpen("folder " + folder, failed);
  return {};
}

enum class Creation { kCreated, kExisted };

Result<Creation> Create(const std::string& path) {
  const int descriptor =
      open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (descriptor < 0 && errno == EEXIST) return Creation::kExisted;
  if (descriptor < 0) return CannotOpen(path, errno);
  // A umask can only have taken bits away, but an owner without access is no use.
  const int failed = fchmod(descriptor, 0600) == 0 ? 0 : errno;
  close(descriptor);
  if (failed != 0) return CannotOpen(path, failed);
  return Creation::kCreated;
}

// By path, because closing any descriptor of a file drops the locks that SQLite in
// this process holds on it. Nobody else can exchange the file: see CheckFolder.
Status SecureExisting(const std::string& path) {
  struct stat info = {};
  if (lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return {};
    return CannotOpen(path, errno);
  }
  if (!S_ISREG(info.st_mode)) {
    return Unavailable("sql.open", fmt::format("{} is not a regular file", path));
  }
  if ((info.st_mode & kGroupOrOthers) == 0) return {};
  if (info.st_uid != geteuid()) {
    return PermissionDenied(
        "sql.mode",
        fmt::format("{} belongs to user {} and others may use it (mode {:04o}); chmod 0600", path,
                    info.st_uid, info.st_mode & 07777U));
  }
  if (chmod(path.c_str(), info.st_mode & 0700U) != 0) return CannotOpen(path, errno);
  return {};
}

}  // namespace

Status SecureDatabaseFile(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  LQ_RETURN_IF_ERROR(CheckFolder(folder));
  LQ_ASSIGN_OR_RETURN(const Creation creation, Create(path));
  if (creation == Creation::kCreated) LQ_RETURN_IF_ERROR(SyncFolder(folder));
  for (const char* companion : {"", "-wal", "-shm", "-journal"}) {
    LQ_RETURN_IF_ERROR(SecureExisting(path + companion));
  }
  return {};
}

}  // namespace limequat::sql
