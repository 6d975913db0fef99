#include "limequat/config/files.h"

#include <filesystem>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace limequat::config {
namespace {

class FilesTest : public ::testing::Test {
 protected:
  FilesTest() {
    std::string pattern = ::testing::TempDir() + "limequat-files-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~FilesTest() override { std::filesystem::remove_all(folder_); }

  static unsigned ModeOf(const std::filesystem::path& path) {
    struct stat status = {};
    EXPECT_EQ(stat(path.c_str(), &status), 0);
    return status.st_mode & 07777U;
  }

  std::filesystem::path folder_;
};

TEST_F(FilesTest, WritesWithTheModeAndReplaces) {
  const auto path = folder_ / "x";
  ASSERT_TRUE(WriteFileAtomically(path, "one", 0600));
  ASSERT_TRUE(WriteFileAtomically(path, "two", 0644));
  EXPECT_EQ(*ReadTextFile(path, 10), "two");
  EXPECT_EQ(ModeOf(path), 0644U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1)
      << "nothing else is left";
}

TEST_F(FilesTest, LimitHolds) {
  ASSERT_TRUE(WriteFileAtomically(folder_ / "x", "12345", 0600));
  EXPECT_TRUE(ReadTextFile(folder_ / "x", 5));
  EXPECT_EQ(ReadTextFile(folder_ / "x", 4).error().code, ErrorCode::kMalformed);
}

TEST_F(FilesTest, Cve_2022_23952_SecretThatOthersCanReadIsRefused) {
  const auto path = folder_ / "key";
  for (const mode_t mode : {0644U, 0640U, 0604U, 0660U}) {
    ASSERT_TRUE(WriteFileAtomically(path, "secret", mode));
    EXPECT_EQ(ReadSecretFile(path, 100).error().id, "config.mode") << std::oct << mode;
  }
  ASSERT_TRUE(WriteFileAtomically(path, "secret", 0600));
  EXPECT_EQ(*ReadSecretFile(path, 100), "secret");
}

TEST_F(FilesTest, SecretMustBeAFile) {
  EXPECT_EQ(ReadSecretFile("/dev/null", 100).error().id, "config.mode");
  const auto pipe = folder_ / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(ReadSecretFile(pipe, 100).error().id, "config.mode");
  EXPECT_EQ(ReadSecretFile(folder_, 100).error().id, "config.mode");
  EXPECT_EQ(ReadSecretFile(folder_ / "none", 100).error().code, ErrorCode::kNotFound);
}

TEST_F(FilesTest, SecretOfAnotherUserIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can make a file of another user";
  ASSERT_TRUE(WriteFileAtomically(folder_ / "key", "secret", 0600));
  ASSERT_EQ(chown((folder_ / "key").c_str(), 65534, 65534), 0);
  EXPECT_EQ(ReadSecretFile(folder_ / "key", 100).error().id, "config.mode");
}

TEST_F(FilesTest, WhatMayNotBeReadIsDenied) {
  ASSERT_TRUE(WriteFileAtomically(folder_ / "x", "text", 0000));
  const uid_t user = geteuid();
  if (user == 0) ASSERT_EQ(seteuid(65534), 0);
  const auto read = ReadTextFile(folder_ / "x", 100);
  ASSERT_EQ(seteuid(user), 0);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kPermissionDenied);
}

TEST_F(FilesTest, AFailureLeavesTheOldFileAndNothingElse) {
  std::filesystem::create_directory(folder_ / "taken");
  std::filesystem::create_directory(folder_ / "taken/x");
  EXPECT_EQ(WriteFileAtomically(folder_ / "taken", "text", 0600).error().id, "config.write");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(FilesTest, ErrorsNameThePath) {
  const auto missing = ReadTextFile(folder_ / "none", 10);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_NE(missing.error().message.find("none"), std::string::npos);
  EXPECT_EQ(WriteFileAtomically("/proc/none/x", "", 0600).error().id, "config.write");
}

}  // namespace
}  // namespace limequat::config
