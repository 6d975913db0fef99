#include "limequat/collect/tree.h"

#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace limequat::collect {
namespace {

namespace fs = std::filesystem;

class TreeTest : public ::testing::Test {
 protected:
  TreeTest() {
    std::string pattern = ::testing::TempDir() + "limequat-tree-XXXXXX";
    root_ = mkdtemp(pattern.data());
  }
  ~TreeTest() override { fs::remove_all(root_); }

  void Write(const std::string& path, const std::string& content, mode_t mode = 0644) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << content;
    chmod((root_ / path).c_str(), mode);
  }

  std::vector<std::string> Paths(TreeOptions options = {}) {
    options.root = root_;
    const auto tree = HashTree(options);
    EXPECT_TRUE(tree);
    std::vector<std::string> paths;
    for (const auto& file : tree->files) paths.push_back(file.path);
    return paths;
  }

  fs::path root_;
};

TEST_F(TreeTest, HashesEveryRegularFile) {
  Write("usr/bin/a", "one");
  Write("etc/b", "");
  const auto tree = HashTree({.root = root_});
  ASSERT_TRUE(tree);
  ASSERT_EQ(tree->files.size(), 2U);
  EXPECT_EQ(tree->files[0].path, "/etc/b");
  EXPECT_EQ(tree->files[1].path, "/usr/bin/a");
  EXPECT_EQ(tree->files[1].digests.at(0),
            crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes("one")));
  EXPECT_TRUE(tree->unreadable.empty());
}

TEST_F(TreeTest, SeveralAlgorithmsInTheOrderAsked) {
  Write("a", "x");
  const auto tree =
      HashTree({.root = root_,
                .algorithms = {crypto::HashAlgorithm::kSha512, crypto::HashAlgorithm::kSha1}});
  ASSERT_EQ(tree->files.at(0).digests.size(), 2U);
  EXPECT_EQ(tree->files[0].digests[0].algorithm(), crypto::HashAlgorithm::kSha512);
  EXPECT_EQ(tree->files[0].digests[1].algorithm(), crypto::HashAlgorithm::kSha1);
}

TEST_F(TreeTest, LinksLeadNowhere) {
  Write("a", "x");
  fs::create_symlink("/etc", root_ / "out");
  fs::create_symlink("a", root_ / "in");
  EXPECT_EQ(Paths(), std::vector<std::string>{"/a"});
}

TEST_F(TreeTest, FileWithTwoNamesIsListedTwice) {
  Write("a", "x");
  fs::create_hard_link(root_ / "a", root_ / "b");
  EXPECT_EQ(Paths(), (std::vector<std::string>{"/a", "/b"}));
}

TEST_F(TreeTest, SpecialFilesAreLeftOut) {
  ASSERT_EQ(mkfifo((root_ / "pipe").c_str(), 0600), 0);
  EXPECT_TRUE(Paths().empty());
}

TEST_F(TreeTest, SkipTakesWholeFolders) {
  Write("proc/x", "1");
  Write("process", "2");
  EXPECT_EQ(Paths({.root = {}, .skip = {"/proc"}}), std::vector<std::string>{"/process"});
}

TEST_F(TreeTest, ExecutableSelection) {
  Write("program", "#!/bin/sh\n", 0755);
  Write("library.so", std::string("\x7f"
                                  "ELF") +
                          "...");
  Write("module.ko.xz", "x");
  Write("text", "x");
  EXPECT_EQ(Paths({.root = {}, .selection = Selection::kExecutable}),
            (std::vector<std::string>{"/library.so", "/module.ko.xz", "/program"}));
}

TEST_F(TreeTest, WhatCannotBeReadIsReported) {
  Write("a", "x", 0);
  // Root reads everything, so somebody else looks.
  constexpr uid_t kNobody = 65534;
  const bool root = geteuid() == 0;
  if (root) {
    ASSERT_EQ(chown(root_.c_str(), kNobody, kNobody), 0);
    ASSERT_EQ(seteuid(kNobody), 0);
  }
  const auto tree = HashTree({.root = root_});
  if (root) ASSERT_EQ(seteuid(0), 0);
  ASSERT_TRUE(tree);
  ASSERT_EQ(tree->unreadable.size(), 1U);
  EXPECT_NE(tree->unreadable[0].find("/a"), std::string::npos);
}

TEST_F(TreeTest, ProgressEndsComplete) {
  for (int i = 0; i < 50; ++i) Write("f" + std::to_string(i), std::string(1000, 'x'));
  Progress last;
  ASSERT_TRUE(
      HashTree({.root = root_, .workers = 3}, [&](const Progress& progress) { last = progress; }));
  EXPECT_EQ(last.files, 50U);
  EXPECT_EQ(last.bytes, 50'000U);
  EXPECT_EQ(last.total_bytes, 50'000U);
}

TEST_F(TreeTest, OneFileOfManyNamesIsReadOnce) {
  Write("a", std::string(1000, 'x'));
  for (int i = 0; i < 5; ++i) fs::create_hard_link(root_ / "a", root_ / ("b" + std::to_string(i)));
  Progress last;
  const auto tree = HashTree({.root = root_}, [&](const Progress& progress) { last = progress; });
  ASSERT_TRUE(tree);
  ASSERT_EQ(tree->files.size(), 6U);
  for (const HashedFile& file : tree->files) EXPECT_EQ(file.digests, tree->files[0].digests);
  EXPECT_EQ(last.bytes, 1000U);
}

TEST_F(TreeTest, AnyNameMakesAFileAModule) {
  Write("a", "x");
  fs::create_hard_link(root_ / "a", root_ / "b.ko");
  EXPECT_EQ(Paths({.root = {}, .selection = Selection::kExecutable}),
            (std::vector<std::string>{"/a", "/b.ko"}));
}

TEST_F(TreeTest, LinkedFolderIsNotEntered) {
  Write("usr/bin/a", "x");
  fs::create_directory_symlink("usr/bin", root_ / "bin");
  fs::create_directory_symlink(".", root_ / "usr" / "loop");
  EXPECT_EQ(Paths(), std::vector<std::string>{"/usr/bin/a"});
}

TEST_F(TreeTest, PathsAreSorted) {
  for (const char* path : {"b/c", "b.c", "a", "b/a/x", "c"}) Write(path, path);
  EXPECT_EQ(Paths(), (std::vector<std::string>{"/a", "/b.c", "/b/a/x", "/b/c", "/c"}));
}

TEST_F(TreeTest, AnyNameOfAFileIsListed) {
  const std::string name = "a b\n\xff\x1b";
  Write(name, "x");
  EXPECT_EQ(Paths(), std::vector<std::string>{"/" + name});
}

TEST_F(TreeTest, SkipOfAFileAndOfAFolderWithASlash) {
  Write("a/x", "1");
  Write("b", "2");
  Write("c", "3");
  EXPECT_EQ(Paths({.root = {}, .skip = {"/a/", "/b"}}), std::vector<std::string>{"/c"});
}

TEST_F(TreeTest, DeepTree) {
  std::string path;
  for (int i = 0; i < 200; ++i) path += "folder/";
  Write(path + "file", "x");
  EXPECT_EQ(Paths(), std::vector<std::string>{"/" + path + "file"});
}

TEST_F(TreeTest, ManyFilesAndWorkersAgreeWithOne) {
  for (int i = 0; i < 500; ++i)
    Write("d" + std::to_string(i % 7) + "/f" + std::to_string(i), std::to_string(i));
  const auto one = HashTree({.root = root_, .workers = 1});
  const auto many = HashTree({.root = root_, .workers = 16});
  ASSERT_TRUE(one && many);
  ASSERT_EQ(one->files.size(), 500U);
  ASSERT_EQ(many->files.size(), 500U);
  for (std::size_t i = 0; i < 500; ++i) {
    EXPECT_EQ(one->files[i].path, many->files[i].path);
    EXPECT_EQ(one->files[i].digests, many->files[i].digests);
  }
}

TEST_F(TreeTest, RootThatIsAFileIsAnError) {
  Write("a", "x");
  EXPECT_EQ(HashTree({.root = root_ / "a"}).error().id, "collect.root");
}

TEST_F(TreeTest, MissingRootIsAnError) {
  EXPECT_EQ(HashTree({.root = root_ / "none"}).error().id, "collect.root");
}

}  // namespace
}  // namespace limequat::collect
