#include "limequat/collect/archive.h"

#include <algorithm>
#include <fstream>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "limequat/collect/archive_for_test.h"

namespace limequat::collect {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Files = std::map<std::string, std::string>;  // path: content

class ArchiveTest : public ::testing::Test {
 protected:
  ArchiveTest() {
    std::string pattern = ::testing::TempDir() + "limequat-archive-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~ArchiveTest() override { fs::remove_all(folder_); }

  fs::path Store(std::string_view content) {
    const fs::path path = folder_ / "archive";
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  Result<Tree> Initrd(std::string_view content, Selection selection = Selection::kAll) {
    return HashInitrd({.file = Store(content), .selection = selection});
  }
  Result<Tree> Package(std::string_view content) { return HashPackage({.file = Store(content)}); }

  fs::path folder_;
};

void ExpectFiles(const Result<Tree>& tree, const Files& expected) {
  ASSERT_TRUE(tree) << tree.error().message;
  std::map<std::string, std::string> found;
  for (const HashedFile& file : tree->files) found[file.path] = file.digests.at(0).hex();
  std::map<std::string, std::string> wanted;
  for (const auto& [path, content] : expected) {
    wanted[path] = crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(content)).hex();
  }
  EXPECT_EQ(found, wanted);
  EXPECT_EQ(found.size(), tree->files.size());
}

std::string ErrorOf(const Result<Tree>& tree) {
  return tree ? "none" : std::string(tree.error().id);
}

TestEntry File(std::string name, std::string content) {
  return {.name = std::move(name), .content = std::move(content)};
}

const Files kExpected = {{"/init", "#!"}, {"/usr/bin/x", "program"}};
const std::vector<TestEntry> kRoot = {{.name = ".", .content = "", .mode = 040755},
                                      File("./init", "#!"),
                                      {.name = "bin", .content = "usr/bin", .mode = 0120777},
                                      File("usr/bin/x", "program")};

TEST_F(ArchiveTest, InitrdPlainAndInEveryCompression) {
  ExpectFiles(Initrd(NewcArchive(kRoot)), kExpected);
  for (const std::string_view filter : {"gzip", "bzip2", "xz", "lzma", "lz4", "zstd"}) {
    SCOPED_TRACE(filter);
    ExpectFiles(Initrd(Compressed(NewcArchive(kRoot), filter)), kExpected);
  }
}

// As initramfs-tools and dracut write it: microcode, modules, and the rest compressed.
TEST_F(ArchiveTest, InitrdOfSeveralParts) {
  const std::string microcode =
      NewcArchive({File("kernel/x86/microcode/GenuineIntel.bin", "microcode")});
  const std::string modules = NewcArchive({File("usr/lib/modules/a.ko", "module")});
  const std::string zeros(512, '\0');
  for (const std::string_view filter : {"gzip", "zstd"}) {
    SCOPED_TRACE(filter);
    Files expected = kExpected;
    expected["/usr/lib/modules/a.ko"] = "module";
    ExpectFiles(
        Initrd(microcode + zeros + modules + zeros + Compressed(NewcArchive(kRoot), filter)),
        expected);
  }
}

TEST_F(ArchiveTest, InitrdGoesOnBehindWhatIsCompressed) {
  const std::string late = NewcArchive({File("etc/late", "late")});
  Files expected = kExpected;
  expected["/etc/late"] = "late";
  ExpectFiles(Initrd(Compressed(NewcArchive(kRoot), "gzip") + late), expected);
  ExpectFiles(Initrd(Compressed(NewcArchive(kRoot), "gzip") + std::string(9, '\0') +
                     Compressed(late, "zstd")),
              expected);
  ExpectFiles(Initrd(Compressed(NewcArchive(kRoot) + late, "xz")), expected);
}

// Linux reads these; a policy is never made of a part of one.
TEST_F(ArchiveTest, InitrdThatGoesOnBehindXzAndZstdIsRefused) {
  const std::string late = NewcArchive({File("etc/late", "late")});
  for (const char* filter : {"xz", "lz4", "zstd"}) {
    EXPECT_NE(ErrorOf(Initrd(Compressed(NewcArchive(kRoot), filter) + late)), "none") << filter;
  }
}

TEST_F(ArchiveTest, InitrdWhatComesLastCounts) {
  ExpectFiles(Initrd(NewcArchive({File("a", "old")}) + NewcArchive({File("./a", "new")})),
              {{"/a", "new"}});
}

// The content comes with one of the names, mostly the last.
TEST_F(ArchiveTest, InitrdHardLinks) {
  const auto named = [](std::string name, std::string content, std::uint32_t inode) {
    return TestEntry{
        .name = std::move(name), .content = std::move(content), .links = 2, .inode = inode};
  };
  ExpectFiles(Initrd(NewcArchive({named("a", "", 1), named("b", "one", 1), named("c", "two", 2),
                                  named("d", "", 2), named("e", "", 3)})),
              {{"/a", "one"}, {"/b", "one"}, {"/c", "two"}, {"/d", "two"}, {"/e", ""}});
}

TEST_F(ArchiveTest, InitrdTruncatedOrDamaged) {
  const std::string plain = NewcArchive(kRoot);
  EXPECT_EQ(ErrorOf(Initrd(plain.substr(0, plain.size() - 40))), "collect.archive.truncated");
  const std::string packed = Compressed(plain, "gzip");
  EXPECT_EQ(ErrorOf(Initrd(packed.substr(0, packed.size() / 2))), "collect.archive.broken");
  EXPECT_EQ(ErrorOf(Initrd(Compressed(plain.substr(0, 300), "gzip"))), "collect.archive.truncated");
  EXPECT_EQ(ErrorOf(Initrd(Compressed("no archive at all", "gzip"))), "collect.archive.kind");
}

TEST_F(ArchiveTest, InitrdOfNoKnownKind) {
  EXPECT_EQ(ErrorOf(Initrd("")), "collect.archive.kind");
  EXPECT_NE(ErrorOf(Initrd("neither")), "none");
  EXPECT_NE(ErrorOf(Initrd(NewcArchive(kRoot) + "neither")), "none");
  EXPECT_NE(ErrorOf(Initrd(Compressed(NewcArchive(kRoot), "gzip") + "neither")), "none");
}

TEST_F(ArchiveTest, NamesThatLeadOutAreLeftOutAndSaid) {
  const auto tree =
      Initrd(NewcArchive({File("../etc/passwd", "x"), File("a/../b", "x"), File("/abs//c", "x")}));
  ASSERT_TRUE(tree);
  ASSERT_EQ(tree->files.size(), 1U);
  EXPECT_EQ(tree->files[0].path, "/abs/c");
  EXPECT_THAT(tree->unreadable, ElementsAre(HasSubstr("../etc/passwd"), HasSubstr("a/../b")));
}

TEST_F(ArchiveTest, WhatItMayUnpackToIsBounded) {
  const std::string three = NewcArchive({File("a", "x"), File("b", "x"), File("c", "x")});
  EXPECT_EQ(ErrorOf(HashInitrd({.file = Store(three), .max_files = 3})), "none");
  EXPECT_EQ(ErrorOf(HashInitrd({.file = Store(three), .max_files = 2})),
            "collect.archive.too_large");
  const auto of_zeros = Compressed(std::string(1'000'000, '\0'), "gzip");
  EXPECT_EQ(ErrorOf(HashInitrd({.file = Store(of_zeros), .max_bytes = 1'000'000})), "none");
  EXPECT_EQ(ErrorOf(HashInitrd({.file = Store(of_zeros), .max_bytes = 999'999})),
            "collect.archive.too_large");
  const auto package =
      DebianPackage(TarArchive({File("a", std::string(5000, 'x'))}, "gzip"), "data.tar");
  EXPECT_EQ(ErrorOf(HashPackage({.file = Store(package), .max_bytes = 5000})), "none");
  EXPECT_EQ(ErrorOf(HashPackage({.file = Store(package), .max_bytes = 4999})),
            "collect.archive.too_large");
}

TEST_F(ArchiveTest, SelectionOfExecutables) {
  const std::string archive = NewcArchive({{.name = "script", .content = "#!", .mode = 0100755},
                                           File("library.so", "\x7f\x45LF..."),
                                           File("a.ko.xz", "module"),
                                           File("text", "text")});
  const auto tree = Initrd(archive, Selection::kExecutable);
  ASSERT_TRUE(tree);
  std::vector<std::string> paths;
  for (const HashedFile& file : tree->files) paths.push_back(file.path);
  EXPECT_THAT(paths, ElementsAre("/a.ko.xz", "/library.so", "/script"));
}

TEST_F(ArchiveTest, SeveralHashesInTheOrderAsked) {
  using crypto::HashAlgorithm;
  const auto tree = HashInitrd({.file = Store(NewcArchive(kRoot)),
                                .algorithms = {HashAlgorithm::kSha512, HashAlgorithm::kSha1}});
  ASSERT_TRUE(tree);
  ASSERT_EQ(tree->files.at(0).digests.size(), 2U);
  EXPECT_EQ(tree->files[0].digests[0], crypto::Hash(HashAlgorithm::kSha512, AsBytes("#!")));
  EXPECT_EQ(tree->files[0].digests[1], crypto::Hash(HashAlgorithm::kSha1, AsBytes("#!")));
}

TEST_F(ArchiveTest, DebianPackageInEveryCompression) {
  for (const std::string_view filter : {"", "gzip", "bzip2", "xz", "zstd"}) {
    SCOPED_TRACE(filter);
    ExpectFiles(Package(DebianPackage(
                    TarArchive({{.name = "./", .content = "", .mode = 040755},
                                File("./usr/bin/x", "program"),
                                {.name = "./usr/bin/y", .content = "./usr/bin/x", .links = 2}},
                               filter),
                    "data.tar")),
                {{"/usr/bin/x", "program"}, {"/usr/bin/y", "program"}});
  }
}

TEST_F(ArchiveTest, FoldersThatMovedBelowUsrAreListedTwice) {
  ExpectFiles(Package(DebianPackage(
                  TarArchive({File("./bin/x", "1"), File("./lib/y", "2"), File("./lib64/z", "3"),
                              File("./sbin/v", "4"), File("./usr/sbin/v", "5"),
                              File("./library/w", "6"), File("./etc/bin/u", "7")},
                             ""),
                  "data.tar.xz")),
              {{"/bin/x", "1"},
               {"/usr/bin/x", "1"},
               {"/lib/y", "2"},
               {"/usr/lib/y", "2"},
               {"/lib64/z", "3"},
               {"/usr/lib64/z", "3"},
               {"/sbin/v", "4"},
               {"/usr/sbin/v", "5"},
               {"/library/w", "6"},
               {"/etc/bin/u", "7"}});
  ExpectFiles(Initrd(NewcArchive({File("bin/x", "1")})), {{"/bin/x", "1"}});
}

TEST_F(ArchiveTest, ALinkToNothingIsSaid) {
  const auto tree = Package(DebianPackage(
      TarArchive({{.name = "./a", .content = "./absent", .links = 2}}, ""), "data.tar"));
  ASSERT_TRUE(tree);
  EXPECT_TRUE(tree->files.empty());
  EXPECT_THAT(tree->unreadable, ElementsAre(HasSubstr("/a: a link to ./absent")));
}

TEST_F(ArchiveTest, PackagesThatAreNone) {
  EXPECT_EQ(ErrorOf(Package("text")), "collect.archive.kind");
  EXPECT_EQ(ErrorOf(Package("")), "collect.archive.kind");
  EXPECT_EQ(ErrorOf(Package(DebianPackage("x", "other"))), "collect.archive.kind");
  const std::string whole =
      DebianPackage(TarArchive({File("a", std::string(5000, 'x'))}, ""), "data.tar");
  EXPECT_EQ(ErrorOf(Package(whole.substr(0, whole.size() - 4000))), "collect.archive.broken");
  EXPECT_EQ(ErrorOf(Package("\xed\xab\xee\xdb and no more")), "collect.archive.broken");
}

TEST_F(ArchiveTest, FilesThatCannotBeOpened) {
  const fs::path absent = folder_ / "absent";
  const auto tree = HashInitrd({.file = absent});
  ASSERT_FALSE(tree);
  EXPECT_EQ(tree.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(tree.error().message, HasSubstr(absent.string()));
  EXPECT_EQ(ErrorOf(HashPackage({.file = absent})), "collect.archive.open");
  EXPECT_EQ(ErrorOf(HashInitrd({.file = folder_})), "collect.archive.kind");
}

TEST_F(ArchiveTest, ErrorsNameTheArchive) {
  const auto tree = Initrd("neither");
  ASSERT_FALSE(tree);
  EXPECT_THAT(tree.error().message, HasSubstr((folder_ / "archive").string()));
}

TEST_F(ArchiveTest, ProgressEndsWithTheWholeFile) {
  const std::string content = NewcArchive({File("a", std::string(2'000'000, 'x'))});
  Progress last;
  int calls = 0;
  const auto tree = HashInitrd({.file = Store(content)}, [&](const Progress& progress) {
    EXPECT_GE(progress.bytes, last.bytes);
    last = progress;
    ++calls;
  });
  ASSERT_TRUE(tree);
  EXPECT_GT(calls, 2);
  EXPECT_EQ(last.bytes, content.size());
  EXPECT_EQ(last.total_bytes, content.size());
}

}  // namespace
}  // namespace limequat::collect
