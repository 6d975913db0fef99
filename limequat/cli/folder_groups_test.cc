#include "limequat/cli/folder_groups.h"

#include <cstddef>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace limequat::cli {
namespace {

class GroupByFolderTest : public ::testing::Test {
 protected:
  void Add(std::string_view path) {
    findings_.emplace_back();
    findings_.back().path = path;
  }
  // "FOLDER COUNT" of each group.
  std::vector<std::string> Groups(std::size_t most) const {
    std::vector<const ShownFinding*> pointers;
    for (const ShownFinding& finding : findings_) pointers.push_back(&finding);
    std::vector<std::string> groups;
    std::size_t count = 0;
    for (const FolderGroup& group : GroupByFolder(pointers, most)) {
      groups.push_back(group.folder + " " + std::to_string(group.findings.size()));
      count += group.findings.size();
    }
    EXPECT_EQ(count, findings_.size());
    return groups;
  }

  std::vector<ShownFinding> findings_;
};

using Names = std::vector<std::string>;

TEST_F(GroupByFolderTest, FilesOfOnePackageComeTogether) {
  for (int i = 0; i < 214; ++i) {
    Add("/usr/lib/python3/mod" + std::to_string(i % 7) + "/f" + std::to_string(i));
  }
  Add("/usr/bin/python3");
  EXPECT_EQ(Groups(5), (Names{"/usr/lib/python3 214", "/usr/bin 1"}));
}

TEST_F(GroupByFolderTest, FoldersStayApartWhileTheyAreFew) {
  for (const char* path : {"/a/x/1", "/a/x/2", "/a/y/1", "/b/1", "/c"}) Add(path);
  EXPECT_EQ(Groups(4), (Names{"/a/x 2", "/ 1", "/a/y 1", "/b 1"}));
  EXPECT_EQ(Groups(3), (Names{"/a 3", "/ 1", "/b 1"}));
}

TEST_F(GroupByFolderTest, NothingIsMadeOneThatHasNothingInCommon) {
  for (const char* path : {"/a/1", "/b/1", "/c/1"}) Add(path);
  EXPECT_EQ(Groups(1), (Names{"/a 1", "/b 1", "/c 1"}));
}

TEST_F(GroupByFolderTest, HostileNames) {
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
