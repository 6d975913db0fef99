#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "limequat/collect/file_hash_internal.h"
#include "limequat/collect/folder_internal.h"

namespace limequat::collect {
namespace {

namespace fs = std::filesystem;
using crypto::HashAlgorithm;

class FileHashTest : public ::testing::Test {
 protected:
  FileHashTest() {
    std::string pattern = ::testing::TempDir() + "limequat-file-XXXXXX";
    root_ = mkdtemp(pattern.data());
    folder_ = UniqueFd(open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  ~FileHashTest() override { fs::remove_all(root_); }

  void Write(const std::string& name, std::string_view content) {
    std::ofstream(root_ / name, std::ios::binary) << content;
  }
  FileIdentity IdentityOf(const std::string& name) {
    struct stat status = {};
    EXPECT_EQ(lstat((root_ / name).c_str(), &status), 0);
    return {status.st_dev, status.st_ino};
  }
  Result<std::optional<FileHasher::Digests>> Hash(const std::string& name,
                                                  Wanted wanted = Wanted::kAlways) {
    return hasher_.Hash(folder_.get(), name, IdentityOf(name), wanted,
                        [this](std::uint64_t count) { read_ += count; });
  }

  fs::path root_;
  UniqueFd folder_;
  FileHasher hasher_{std::array{HashAlgorithm::kSha256, HashAlgorithm::kSha1}};
  std::uint64_t read_ = 0;
};

TEST_F(FileHashTest, FilesOfAllSizesOneAfterAnother) {
  for (const std::size_t size : {0U, 1U, 1U << 20U, (3U << 20U) + 7}) {
    const std::string content(size, 'x');
    Write("a", content);
    read_ = 0;
    const auto digests = Hash("a");
    ASSERT_TRUE(digests && *digests) << size;
    ASSERT_EQ((*digests)->size(), 2U);
    EXPECT_EQ((**digests)[0], crypto::Hash(HashAlgorithm::kSha256, AsBytes(content)));
    EXPECT_EQ((**digests)[1], crypto::Hash(HashAlgorithm::kSha1, AsBytes(content)));
    EXPECT_EQ(read_, size);
  }
}

TEST_F(FileHashTest, OnlyElfFilesIfAsked) {
  Write("program", "\x7f\x45LF and more");
  Write("text", "\x7f\x45L");
  Write("empty", "");
  EXPECT_TRUE(*Hash("program", Wanted::kIfElf));
  EXPECT_FALSE(*Hash("text", Wanted::kIfElf));
  EXPECT_FALSE(*Hash("empty", Wanted::kIfElf));
}

TEST_F(FileHashTest, LinkThatTookTheFilesPlaceIsNotFollowed) {
  Write("target", "x");
  fs::create_symlink("target", root_ / "link");
  const auto digests = hasher_.Hash(folder_.get(), "link", IdentityOf("target"), Wanted::kAlways,
                                    [](std::uint64_t) {});
  ASSERT_FALSE(digests);
  EXPECT_EQ(digests.error().id, "collect.read");
}

TEST_F(FileHashTest, AnotherFileInItsPlaceIsReported) {
  Write("a", "x");
  Write("b", "x");
  const auto digests =
      hasher_.Hash(folder_.get(), "a", IdentityOf("b"), Wanted::kAlways, [](std::uint64_t) {});
  ASSERT_FALSE(digests);
  EXPECT_EQ(digests.error().id, "collect.changed");
}

TEST_F(FileHashTest, PipeInItsPlaceDoesNotBlock) {
  ASSERT_EQ(mkfifo((root_ / "pipe").c_str(), 0600), 0);
  const auto digests = Hash("pipe");
  ASSERT_FALSE(digests);
  EXPECT_EQ(digests.error().id, "collect.changed");
}

TEST_F(FileHashTest, FileThatIsWrittenMeanwhileIsReported) {
  Write("a", "x");
  bool written = false;
  const auto digests =
      hasher_.Hash(folder_.get(), "a", IdentityOf("a"), Wanted::kAlways, [&](std::uint64_t) {
        if (!written) std::ofstream(root_ / "a", std::ios::app) << "more";
        written = true;
      });
  ASSERT_FALSE(digests);
  EXPECT_EQ(digests.error().id, "collect.changed");
  // Nothing of it is left in the next digest.
  Write("b", "y");
  EXPECT_EQ((**Hash("b")).at(0), crypto::Hash(HashAlgorithm::kSha256, AsBytes("y")));
}

TEST_F(FileHashTest, AbsentFile) {
  const auto digests =
      hasher_.Hash(folder_.get(), "none", {}, Wanted::kAlways, [](std::uint64_t) {});
  ASSERT_FALSE(digests);
  EXPECT_EQ(digests.error().id, "collect.read");
}

}  // namespace
}  // namespace limequat::collect
