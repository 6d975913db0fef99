#include "limequat/cli/file_groups.h"

#include <cstddef>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace limequat::cli {
namespace {

class GroupFilesTest : public ::testing::Test {
 protected:
  void Add(std::string_view path) {
    findings_.emplace_back();
    findings_.back().path = path;
  }
  void AddOf(std::string_view path, std::string_view package, collect::OwnedContent content) {
    Add(path);
    findings_.back().owner = {.package = std::string(package), .content = content};
  }
  // "TITLE COUNT" of each group.
  std::vector<std::string> Groups(std::size_t most) const {
    std::vector<const ShownFinding*> pointers;
    for (const ShownFinding& finding : findings_) pointers.push_back(&finding);
    std::vector<std::string> groups;
    std::size_t count = 0;
    for (const FileGroup& group : GroupFiles(pointers, most)) {
      groups.push_back(group.title + " " + std::to_string(group.findings.size()));
      count += group.findings.size();
    }
    EXPECT_EQ(count, findings_.size());
    return groups;
  }

  std::vector<ShownFinding> findings_;
};

using Names = std::vector<std::string>;

TEST_F(GroupFilesTest, FilesOfOnePackageComeTogether) {
  for (int i = 0; i < 214; ++i) {
    Add("/usr/lib/python3/mod" + std::to_string(i % 7) + "/f" + std::to_string(i));
  }
  Add("/usr/bin/python3");
  EXPECT_EQ(Groups(5), (Names{"in /usr/lib/python3 214", "in /usr/bin 1"}));
}

TEST_F(GroupFilesTest, FoldersStayApartWhileTheyAreFew) {
  for (const char* path : {"/a/x/1", "/a/x/2", "/a/y/1", "/b/1", "/c"}) Add(path);
  EXPECT_EQ(Groups(4), (Names{"in /a/x 2", "in / 1", "in /a/y 1", "in /b 1"}));
  EXPECT_EQ(Groups(3), (Names{"in /a 3", "in / 1", "in /b 1"}));
}

TEST_F(GroupFilesTest, NothingIsMadeOneThatHasNothingInCommon) {
  for (const char* path : {"/a/1", "/b/1", "/c/1"}) Add(path);
  EXPECT_EQ(Groups(1), (Names{"in /a 1", "in /b 1", "in /c 1"}));
}

TEST_F(GroupFilesTest, KnownPackagesComeFirst) {
  using collect::OwnedContent;
  for (const char* path : {"/a/1", "/a/2", "/a/3"}) Add(path);
  AddOf("/b/1", "small 1", OwnedContent::kUnknown);
  for (const char* path : {"/a/4", "/c/5"}) AddOf(path, "big_2.deb", OwnedContent::kSame);
  AddOf("/c/6", "big_2.deb", OwnedContent::kOther);
  EXPECT_EQ(Groups(1),
            (Names{"as in big_2.deb 2", "of small 1 1", "unlike in big_2.deb 1", "in /a 3"}));
}

// Whoever makes a package chooses its name and version.
TEST_F(GroupFilesTest, Attack_A15_NoNameSpeaksOfContent) {
  using collect::OwnedContent;
  AddOf("/a", "as in x", OwnedContent::kUnknown);
  AddOf("/b", "x", OwnedContent::kSame);
  EXPECT_EQ(Groups(1), (Names{"as in x 1", "of as in x 1"}));
}

TEST_F(GroupFilesTest, Attack_A15_PackagesAreEscaped) {
  AddOf("/a", "x\x1b[2J\n", collect::OwnedContent::kUnknown);
  EXPECT_EQ(Groups(1), Names{R"(of x\x1b[2J\x0a 1)"});
}

TEST_F(GroupFilesTest, HostileNames) {
  std::string deep;
  for (int i = 0; i < 2000; ++i) deep += "/a";
  Add(deep);
  Add("/");
  Add("//");
  Add("///x");
  EXPECT_EQ(Groups(9).size(), 3U);
  EXPECT_EQ(Groups(1).size(), 2U);
}

}  // namespace
}  // namespace limequat::cli
