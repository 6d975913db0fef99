#include <cerrno>
#include <system_error>

#include <fcntl.h>

#include "limequat/collect/folder_internal.h"

namespace limequat::collect {

namespace {

int OpenAt(int parent, const char* name, int flags) {
  int fd = -1;
  do {
    fd = openat(parent, name, flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

}  // namespace

UniqueFd OpenFolder(int root, std::string_view relative, Access access) {
  const int last = access == Access::kList ? O_RDONLY : O_PATH;
  if (relative.empty()) return UniqueFd(OpenAt(root, ".", last));
  UniqueFd folder;
  int parent = root;
  while (!relative.empty()) {
    const std::size_t slash = relative.find('/');
    const std::string name(relative.substr(0, slash));
    relative.remove_prefix(slash == std::string_view::npos ? relative.size() : slash + 1);
    UniqueFd next(OpenAt(parent, name.c_str(), relative.empty() ? last : O_PATH));
    if (!next.valid()) return next;
    folder = std::move(next);
    parent = folder.get();
  }
  return folder;
}

std::string Reason(int number) { return std::generic_category().message(number); }

}  // namespace limequat::collect
