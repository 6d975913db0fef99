#include "limequat/cli/input.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace limequat::cli {
namespace {

namespace fs = std::filesystem;

class InputTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "limequat-input-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string Write(const std::string& content) const {
    std::ofstream(folder_ / "file", std::ios::binary) << content;
    return (folder_ / "file").string();
  }
  fs::path folder_;
};

TEST_F(InputTest, ReadsAllBytes) {
  std::string content(200'000, 'x');
  content[100'000] = '\0';
  EXPECT_EQ(*ReadInput(Write(content), content.size()), content);
  EXPECT_EQ(*ReadInput(Write(""), 1), "");
}

TEST_F(InputTest, NeverReadsMoreThanTheLimit) {
  const auto content = ReadInput(Write("12345"), 4);
  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().id, "cli.input.too_long");
  EXPECT_EQ(content.error().code, ErrorCode::kMalformed);
}

// A device that never ends, which says that it holds nothing.
TEST_F(InputTest, EndlessDevicesEndAtTheLimit) {
  const auto content = ReadInput("/dev/zero", 1U << 20U);
  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().id, "cli.input.too_long");
}

TEST_F(InputTest, SaysWhyAFileCannotBeRead) {
  const auto absent = ReadInput((folder_ / "absent\x1b").string(), 10);
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().id, "cli.input.absent");
  EXPECT_EQ(absent.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(absent.error().message.find('\x1b'), std::string::npos);
  const auto folder = ReadInput(folder_.string(), 10);
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().id, "cli.input.folder");
  const auto below_a_file = ReadInput(Write("x") + "/y", 10);
  ASSERT_FALSE(below_a_file);
  EXPECT_EQ(below_a_file.error().id, "cli.input.absent");
}

TEST_F(InputTest, UnreadableFilesAreRefused) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read every file";
  const std::string path = Write("x");
  ::chmod(path.c_str(), 0);
  const auto content = ReadInput(path, 10);
  ASSERT_FALSE(content);
  EXPECT_EQ(content.error().id, "cli.input.permission");
  EXPECT_EQ(content.error().code, ErrorCode::kPermissionDenied);
}

}  // namespace
}  // namespace limequat::cli
