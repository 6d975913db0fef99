#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "limequat/collect/journal_internal.h"
#include "limequat/collect/tree.h"

namespace limequat::collect {
namespace {

namespace fs = std::filesystem;

class JournalTest : public ::testing::Test {
 protected:
  JournalTest() {
    std::string pattern = ::testing::TempDir() + "limequat-journal-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    options_.root = folder_ / "root";
    options_.journal = folder_ / "journal";
    options_.settled = std::chrono::milliseconds(-60'000);  // files of this test, too
    Write("a", "one");
    Write("b/c", "two");
  }
  ~JournalTest() override { fs::remove_all(folder_); }

  void Write(const std::string& path, const std::string& content) {
    fs::create_directories((options_.root / path).parent_path());
    std::ofstream(options_.root / path) << content;
  }
  std::string Text() const {
    std::ifstream file(options_.journal);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void SetText(const std::string& text) const { std::ofstream(options_.journal) << text; }

  Tree Hash(std::uint64_t* bytes = nullptr) const {
    Progress last;
    auto tree = HashTree(options_, [&](const Progress& progress) { last = progress; });
    EXPECT_TRUE(tree) << tree.error().message;
    if (bytes != nullptr) *bytes = last.bytes;
    EXPECT_EQ(last.bytes, last.total_bytes);
    EXPECT_EQ(last.files, last.total_files);
    return tree ? *std::move(tree) : Tree();
  }
  std::vector<std::string> Digests(const Tree& tree) const {
    std::vector<std::string> out;
    for (const HashedFile& file : tree.files) {
      for (const auto& digest : file.digests) out.push_back(file.path + " " + digest.hex());
    }
    return out;
  }
  Error ErrorOf() const {
    const auto tree = HashTree(options_);
    return tree ? Internal("none", "") : tree.error();
  }

  fs::path folder_;
  TreeOptions options_;
};

TEST_F(JournalTest, WhatWasHashedIsNotReadAgain) {
  const Tree first = Hash();
  EXPECT_EQ(first.resumed, 0U);
  std::uint64_t bytes = 99;
  const Tree second = Hash(&bytes);
  EXPECT_EQ(second.resumed, 2U);
  EXPECT_EQ(bytes, 0U);
  EXPECT_EQ(Digests(second), Digests(first));
  Write("b/d", "three");
  const Tree third = Hash(&bytes);
  EXPECT_EQ(third.resumed, 2U);
  EXPECT_EQ(bytes, 5U);
  EXPECT_EQ(third.files.size(), 3U);
}

TEST_F(JournalTest, FilesOfOtherFoldersBetweenThoseThatWereHashed) {
  for (const char* path : {"b/x", "c/x", "d/x", "e/x"}) Write(path, "1");
  Hash();
  for (const char* path : {"b/y", "d/y", "e/y"}) Write(path, "2");
  const Tree tree = Hash();
  EXPECT_EQ(tree.resumed, 6U);
  EXPECT_EQ(tree.files.size(), 9U);
  EXPECT_TRUE(tree.unreadable.empty());
  TreeOptions plain = options_;
  plain.journal.clear();
  EXPECT_EQ(Digests(tree), Digests(*HashTree(plain)));
}

TEST_F(JournalTest, AFileThatChangedIsReadAgain) {
  Hash();
  Write("a", "eno");  // of the same size
  Tree tree = Hash();
  EXPECT_EQ(tree.resumed, 1U);
  EXPECT_EQ(tree.files.at(0).digests.at(0),
            crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes("eno")));
  // A time of writing that is set back does not hide it.
  Write("a", "neo");
  const timespec times[2] = {{.tv_sec = 1, .tv_nsec = 0}, {.tv_sec = 1, .tv_nsec = 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, (options_.root / "a").c_str(), times, 0), 0);
  tree = Hash();
  EXPECT_EQ(tree.files.at(0).digests.at(0),
            crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes("neo")));
}

TEST_F(JournalTest, AnotherFileInItsPlaceIsRead) {
  Hash();
  fs::remove(options_.root / "a");
  Write("z", "another");
  fs::rename(options_.root / "z", options_.root / "a");
  EXPECT_EQ(Hash().files.at(0).digests.at(0),
            crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes("another")));
}

TEST_F(JournalTest, FilesThatChangedJustNowAreNotKept) {
  options_.settled = std::chrono::milliseconds(2000);
  Hash();
  EXPECT_EQ(Hash().resumed, 0U);
}

TEST_F(JournalTest, AnInterruptedLineEndsIt) {
  Hash();
  const std::string whole = Text();
  const std::size_t last = whole.rfind('\n', whole.size() - 2) + 1;
  for (const std::size_t size : {whole.size() - 1, whole.size() - 20, last + 1}) {
    SetText(whole.substr(0, size));
    EXPECT_EQ(Hash().resumed, 1U) << size;
    EXPECT_EQ(Text(), whole) << "it is cut off, and written anew";
  }
}

TEST_F(JournalTest, NoByteOfALineMayDiffer) {
  Hash();
  const std::string whole = Text();
  const std::size_t header = whole.find('\n') + 1;
  const std::size_t end = whole.find('\n', header);
  for (std::size_t i = header; i < end; ++i) {
    std::string changed = whole;
    changed[i] = changed[i] == '1' ? '2' : '1';
    SetText(changed);
    EXPECT_EQ(Hash().resumed, 0U) << "nothing behind it counts, either: " << i;
  }
}

TEST_F(JournalTest, AnotherChoiceIsRefused) {
  Hash();
  const TreeOptions before = options_;
  options_.algorithms = {crypto::HashAlgorithm::kSha512};
  EXPECT_EQ(ErrorOf().code, ErrorCode::kConflict);
  options_ = before;
  options_.selection = Selection::kExecutable;
  EXPECT_EQ(ErrorOf().code, ErrorCode::kConflict);
  EXPECT_EQ(ErrorOf().id, "collect.journal");
}

TEST_F(JournalTest, AnotherFileIsLeftAlone) {
  for (const std::string& text : {std::string("{}\n"), std::string("{}"), std::string(5000, 'x'),
                                  std::string("limequat-journal 1 ")}) {
    SetText(text);
    EXPECT_EQ(ErrorOf().code, ErrorCode::kMalformed);
    EXPECT_EQ(Text(), text);
  }
}

TEST_F(JournalTest, Attack_OthersCannotSayWhatADigestIs) {
  Hash();
  ASSERT_EQ(chmod(options_.journal.c_str(), 0620), 0);
  EXPECT_EQ(ErrorOf().code, ErrorCode::kPermissionDenied);
  ASSERT_EQ(chmod(options_.journal.c_str(), 0602), 0);
  EXPECT_EQ(ErrorOf().code, ErrorCode::kPermissionDenied);
  ASSERT_EQ(chmod(options_.journal.c_str(), 0600), 0);
  fs::rename(options_.journal, folder_ / "real");
  fs::create_symlink(folder_ / "real", options_.journal);
  EXPECT_EQ(ErrorOf().code, ErrorCode::kPermissionDenied);
  fs::remove(options_.journal);
  ASSERT_EQ(mkfifo(options_.journal.c_str(), 0600), 0);
  EXPECT_EQ(ErrorOf().code, ErrorCode::kPermissionDenied);
}

TEST_F(JournalTest, Attack_AJournalOfAnotherUserIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  Hash();
  ASSERT_EQ(chown(options_.journal.c_str(), 65534, 65534), 0);
  EXPECT_EQ(ErrorOf().code, ErrorCode::kPermissionDenied);
}

TEST_F(JournalTest, ItIsNoFileOfTheTree) {
  options_.journal = options_.root / "journal";
  EXPECT_EQ(Hash().files.size(), 2U);
  EXPECT_EQ(Hash().files.size(), 2U);
}

TEST_F(JournalTest, OneRunAtATime) {
  const auto held = Journal::Open(options_.journal, options_);
  ASSERT_TRUE(held);
  EXPECT_EQ(ErrorOf().code, ErrorCode::kConflict);
}

TEST_F(JournalTest, ItsFolderMustBeThere) {
  options_.journal = folder_ / "absent" / "journal";
  EXPECT_EQ(ErrorOf().code, ErrorCode::kUnavailable);
}

TEST_F(JournalTest, ItsSizeIsBoundedAndThatIsTold) {
  Hash();
  Write("b/d", "three");
  options_.journal_files = 2;
  Tree tree = Hash();
  EXPECT_EQ(tree.resumed, 2U);
  EXPECT_NE(tree.journal_problem.find("2 files"), std::string::npos);
  EXPECT_EQ(Hash().resumed, 2U);
  options_.journal_files = 1;
  EXPECT_EQ(Hash().resumed, 1U) << "what is there, too";
}

TEST_F(JournalTest, SeveralHashesAndNames) {
  options_.algorithms = {crypto::HashAlgorithm::kSha512, crypto::HashAlgorithm::kSha1};
  fs::create_hard_link(options_.root / "a", options_.root / "other");
  const Tree first = Hash();
  const Tree second = Hash();
  EXPECT_EQ(second.resumed, 2U);
  EXPECT_EQ(second.files.size(), 3U);
  EXPECT_EQ(Digests(second), Digests(first));
}

}  // namespace
}  // namespace limequat::collect
