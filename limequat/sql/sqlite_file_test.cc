#include "limequat/sql/sqlite_file.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "limequat/sql/temporary_folder_test.h"

namespace limequat::sql {
namespace {

using testing::HasSubstr;

unsigned ModeOf(const std::string& path) {
  struct stat info = {};
  EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777U;
}

void WriteFile(const std::string& path, mode_t mode) {
  std::ofstream(path) << "content";
  ASSERT_EQ(chmod(path.c_str(), mode), 0);
}

TEST(SecureDatabaseFile, CreatesForItsOwnerOnlyWhateverTheUmask) {
  const TemporaryFolder folder;
  for (const mode_t mask : {0000U, 0777U}) {
    const std::string path = folder / std::to_string(mask);
    const mode_t before = umask(mask);
    const Status created = SecureDatabaseFile(path);
    umask(before);
    ASSERT_TRUE(created) << created.error().message;
    EXPECT_EQ(ModeOf(path), 0600U);
  }
}

TEST(SecureDatabaseFile, TakesOthersOutOfFilesOfOurs) {
  const TemporaryFolder folder;
  const std::string path = folder / "a.db";
  const std::string companions[] = {"", "-wal", "-shm", "-journal"};
  for (const std::string& companion : companions) WriteFile(path + companion, 0644);
  ASSERT_TRUE(SecureDatabaseFile(path));
  for (const std::string& companion : companions)
    EXPECT_EQ(ModeOf(path + companion), 0600U) << companion;
}

TEST(SecureDatabaseFile, GivesTheOwnerNoRightsTheyDidNotHave) {
  const TemporaryFolder folder;
  WriteFile(folder / "a.db", 0440);
  ASSERT_TRUE(SecureDatabaseFile(folder / "a.db"));
  EXPECT_EQ(ModeOf(folder / "a.db"), 0400U);
}

TEST(SecureDatabaseFile, KeepsTheContent) {
  const TemporaryFolder folder;
  WriteFile(folder / "a.db", 0600);
  ASSERT_TRUE(SecureDatabaseFile(folder / "a.db"));
  EXPECT_EQ(std::filesystem::file_size(folder / "a.db"), 7U);
}

TEST(SecureDatabaseFile, RefusesFilesOfOthersThatMoreMayUse) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can make a file of another user";
  const TemporaryFolder folder;
  WriteFile(folder / "a.db", 0640);
  ASSERT_EQ(chown((folder / "a.db").c_str(), 65534, 65534), 0);
  const Status status = SecureDatabaseFile(folder / "a.db");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(status.error().id, "sql.mode");
  EXPECT_EQ(ModeOf(folder / "a.db"), 0640U);

  ASSERT_EQ(chmod((folder / "a.db").c_str(), 0600), 0);
  EXPECT_TRUE(SecureDatabaseFile(folder / "a.db"));
}

TEST(SecureDatabaseFile, RefusesAFolderThatOthersMayWriteTo) {
  for (const mode_t mode : {0720U, 0702U, 01777U}) {
    const TemporaryFolder folder;
    ASSERT_EQ(chmod(folder.path().c_str(), mode), 0);
    const Status status = SecureDatabaseFile(folder / "a.db");
    ASSERT_FALSE(status) << mode;
    EXPECT_EQ(status.error().code, ErrorCode::kPermissionDenied);
    EXPECT_EQ(status.error().id, "sql.mode");
    EXPECT_FALSE(std::filesystem::exists(folder / "a.db"));
  }
}

TEST(SecureDatabaseFile, AcceptsAFolderThatOthersMayRead) {
  const TemporaryFolder folder;
  ASSERT_EQ(chmod(folder.path().c_str(), 0755), 0);
  EXPECT_TRUE(SecureDatabaseFile(folder / "a.db"));
}

TEST(SecureDatabaseFile, SaysWhichFolderIsMissing) {
  const TemporaryFolder folder;
  const Status status = SecureDatabaseFile(folder / "none/a.db");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(status.error().id, "sql.open");
  EXPECT_THAT(status.error().message,
              HasSubstr("folder " + folder / "none: No such file or directory"));
}

TEST(SecureDatabaseFile, RefusesWhatIsNoRegularFile) {
  const TemporaryFolder folder;
  WriteFile(folder / "other", 0600);
  std::filesystem::create_directory(folder / "folder");
  std::filesystem::create_symlink(folder / "other", folder / "link");
  std::filesystem::create_symlink(folder / "other", folder / "a.db-wal");
  for (const char* name : {"folder", "link", "a.db"}) {
    const Status status = SecureDatabaseFile(folder / name);
    ASSERT_FALSE(status) << name;
    EXPECT_EQ(status.error().id, "sql.open");
    EXPECT_THAT(status.error().message, HasSubstr("not a regular file"));
  }
  EXPECT_EQ(SecureDatabaseFile(folder / "other/a.db").error().id, "sql.open");
}

}  // namespace
}  // namespace limequat::sql
