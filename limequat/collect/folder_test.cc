#include <cerrno>
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "limequat/collect/folder_internal.h"

namespace limequat::collect {
namespace {

namespace fs = std::filesystem;

class FolderTest : public ::testing::Test {
 protected:
  FolderTest() {
    std::string pattern = ::testing::TempDir() + "limequat-folder-XXXXXX";
    root_ = mkdtemp(pattern.data());
    fs::create_directories(root_ / "usr" / "bin");
    fs::create_directories(root_ / "outside");
    fs::create_directory_symlink("usr", root_ / "link");
    fs::create_directory_symlink("../../outside", root_ / "usr" / "bin" / "out");
    fd_ = UniqueFd(open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~FolderTest() override { fs::remove_all(root_); }

  bool Opens(std::string_view relative, Access access = Access::kList) {
    const UniqueFd folder = OpenFolder(fd_.get(), relative, access);
    struct stat opened = {};
    struct stat named = {};
    return folder.valid() && fstat(folder.get(), &opened) == 0 &&
           stat((root_ / relative).c_str(), &named) == 0 && opened.st_ino == named.st_ino;
  }

  fs::path root_;
  UniqueFd fd_;
};

TEST_F(FolderTest, OpensFoldersBelowTheRoot) {
  for (const Access access : {Access::kList, Access::kSearch}) {
    EXPECT_TRUE(Opens("", access));
    EXPECT_TRUE(Opens("usr", access));
    EXPECT_TRUE(Opens("usr/bin", access));
  }
}

TEST_F(FolderTest, NoComponentMayBeALink) {
  for (const Access access : {Access::kList, Access::kSearch}) {
    EXPECT_FALSE(Opens("link", access));
    EXPECT_FALSE(Opens("link/bin", access));
    EXPECT_FALSE(Opens("usr/bin/out", access));
  }
}

TEST_F(FolderTest, ReasonIsInErrno) {
  EXPECT_FALSE(OpenFolder(fd_.get(), "usr/none", Access::kList).valid());
  EXPECT_EQ(errno, ENOENT);
  EXPECT_FALSE(Reason(ENOENT).empty());
}

}  // namespace
}  // namespace limequat::collect
