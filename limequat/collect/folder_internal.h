#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <dirent.h>
#include <unistd.h>

namespace limequat::collect {

// Internal to this module: folders below a root, opened so that no link leads out.

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() {
    if (fd_ >= 0) close(fd_);
  }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

enum class Access { kSearch, kList };

// The folder `relative` ("usr/bin"; "" is the root itself) below the folder `root`,
// opened one component at a time. A component that is a link, or has become one since
// it was looked at, is refused: whoever can write in the tree cannot lead a reader
// out of it. Invalid, with the reason in errno, if it cannot be opened.
UniqueFd OpenFolder(int root, std::string_view relative, Access access);

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};
using OpenedFolder = std::unique_ptr<DIR, CloseFolder>;

// The text for an errno value.
std::string Reason(int number);

}  // namespace limequat::collect
