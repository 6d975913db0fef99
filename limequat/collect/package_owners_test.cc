#include "limequat/collect/package_owners.h"

#include <filesystem>
#include <fstream>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "limequat/collect/archive_for_test.h"

namespace limequat::collect {
namespace {

namespace fs = std::filesystem;
using crypto::HashAlgorithm;

OwnedFile Ran(std::string path, std::string_view content,
              HashAlgorithm algorithm = HashAlgorithm::kSha256) {
  return {.path = std::move(path), .digest = crypto::Hash(algorithm, AsBytes(content))};
}

class PackageOwnersTest : public ::testing::Test {
 protected:
  PackageOwnersTest() {
    std::string pattern = ::testing::TempDir() + "limequat-owners-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~PackageOwnersTest() override { fs::remove_all(folder_); }

  fs::path Store(const fs::path& name, std::string_view content) const {
    const fs::path path = folder_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  // A package with these files.
  fs::path Package(const std::string& name, const std::vector<TestEntry>& files) const {
    return Store(name, DebianPackage(TarArchive(files, "xz"), "data.tar.xz"));
  }
  // A root whose dpkg knows two packages.
  fs::path Root() const {
    Store("root/var/lib/dpkg/status",
          "Package: openssl\nStatus: install ok installed\nArchitecture: amd64\n"
          "Version: 3.0.17-1\nDescription: x\n Version: 9\n\n"
          "Package: libc6\nArchitecture: amd64\nVersion: 2.36-9\n\n"
          "Package: libc6\nArchitecture: i386\nVersion: 2.36-8\n");
    Store("root/var/lib/dpkg/info/openssl.list", "/.\n/usr\n/usr/bin/openssl\n/bin/tool\n");
    Store("root/var/lib/dpkg/info/libc6:amd64.list", "/lib/libc.so.6\n");
    Store("root/var/lib/dpkg/info/libc6:i386.list", "/lib32/libc.so.6");
    Store("root/var/lib/dpkg/info/unlisted.list", "/usr/bin/unlisted\n");
    Store("root/var/lib/dpkg/info/openssl.md5sums", "/usr/bin/other\n");
    return folder_ / "root";
  }
  // "PACKAGE same|other|unknown", or "-".
  static std::vector<std::string> Owners(const std::vector<fs::path>& sources,
                                         const std::vector<OwnedFile>& files) {
    const auto owners = FindOwners(sources, files);
    EXPECT_TRUE(owners) << owners.error().message;
    std::vector<std::string> texts;
    if (!owners) return texts;
    for (const std::optional<Owner>& owner : *owners) {
      if (!owner) {
        texts.emplace_back("-");
        continue;
      }
      constexpr const char* kContents[] = {" unknown", " same", " other"};
      texts.push_back(owner->package + kContents[static_cast<int>(owner->content)]);
    }
    return texts;
  }
  static std::string ErrorOf(const fs::path& source) {
    const auto owners = FindOwners(std::vector{source}, std::vector{Ran("/usr/bin/x", "x")});
    return owners ? "none" : owners.error().id;
  }

  fs::path folder_;
};

using Texts = std::vector<std::string>;

TEST_F(PackageOwnersTest, APackageTellsWhetherItHasWhatRan) {
  const fs::path package = Package("x_1.deb", {{.name = "./usr/bin/x", .content = "x"}});
  EXPECT_EQ(Owners({package}, {Ran("/usr/bin/x", "x"),
                               Ran("/usr/bin/x", "evil"),
                               Ran("/usr/bin/y", "x"),
                               {.path = "/usr/bin/x", .digest = {}}}),
            (Texts{"x_1.deb same", "x_1.deb other", "-", "x_1.deb unknown"}));
}

TEST_F(PackageOwnersTest, ContentIsComparedInTheAlgorithmOfEachFile) {
  const fs::path package = Package("x_1.deb", {{.name = "./usr/bin/x", .content = "x"}});
  EXPECT_EQ(Owners({package}, {Ran("/usr/bin/x", "x", HashAlgorithm::kSha512),
                               Ran("/usr/bin/x", "x", HashAlgorithm::kSha256),
                               Ran("/usr/bin/x", "y", HashAlgorithm::kSha1)}),
            (Texts{"x_1.deb same", "x_1.deb same", "x_1.deb other"}));
}

TEST_F(PackageOwnersTest, WithNoDigestsAPackageIsFoundByPath) {
  const fs::path package = Package("x_1.deb", {{.name = "./bin/x", .content = "x"}});
  EXPECT_EQ(Owners({package}, {{.path = "/usr/bin/x", .digest = {}}}), Texts{"x_1.deb unknown"});
}

TEST_F(PackageOwnersTest, ADatabaseTellsPackageAndVersion) {
  EXPECT_EQ(
      Owners({Root()},
             {Ran("/usr/bin/openssl", "x"), Ran("/usr/lib/libc.so.6", "x"),
              Ran("/usr/lib32/libc.so.6", "x"), Ran("/usr/bin/tool", "x"), Ran("/bin/tool", "x"),
              Ran("/usr/bin/unlisted", "x"), Ran("/usr/bin/other", "x")}),
      (Texts{"openssl 3.0.17-1 unknown", "libc6 2.36-9 unknown", "libc6 2.36-8 unknown",
             "openssl 3.0.17-1 unknown", "openssl 3.0.17-1 unknown", "unlisted unknown", "-"}));
}

TEST_F(PackageOwnersTest, TheFirstSourceCountsUnlessAnotherHasTheSame) {
  const fs::path old = Package("x_1.deb", {{.name = "usr/bin/openssl", .content = "old"}});
  const fs::path next = Package("x_2.deb", {{.name = "usr/bin/openssl", .content = "new"}});
  const std::vector ran{Ran("/usr/bin/openssl", "new")};
  EXPECT_EQ(Owners({old, next}, ran), Texts{"x_2.deb same"});
  EXPECT_EQ(Owners({next, old}, ran), Texts{"x_2.deb same"});
  EXPECT_EQ(Owners({Root(), next}, ran), Texts{"x_2.deb same"});
  EXPECT_EQ(Owners({Root(), old}, ran), Texts{"openssl 3.0.17-1 unknown"});
  EXPECT_EQ(Owners({old, Root()}, ran), Texts{"x_1.deb other"});
}

TEST_F(PackageOwnersTest, WhatIsNoSourceIsAnError) {
  EXPECT_EQ(ErrorOf(folder_), "collect.owners.root");
  EXPECT_EQ(ErrorOf(folder_ / "absent"), "collect.archive.open");
  EXPECT_EQ(ErrorOf(Store("text", "text")), "collect.archive.kind");
  fs::remove(Root() / "var/lib/dpkg/status");
  EXPECT_EQ(ErrorOf(folder_ / "root"), "collect.owners.root");
}

// Whoever has written below the root cannot lead the reader out of it.
TEST_F(PackageOwnersTest, LinksAreNotFollowed) {
  const fs::path root = Root();
  fs::rename(root / "var/lib/dpkg/info/openssl.list", folder_ / "outside");
  fs::create_symlink(folder_ / "outside", root / "var/lib/dpkg/info/openssl.list");
  EXPECT_EQ(ErrorOf(root), "collect.owners.root");
  fs::remove(root / "var/lib/dpkg/info/openssl.list");
  EXPECT_EQ(ErrorOf(root), "none");
  fs::rename(root / "var/lib/dpkg", folder_ / "dpkg");
  fs::create_directory_symlink(folder_ / "dpkg", root / "var/lib/dpkg");
  EXPECT_EQ(ErrorOf(root), "collect.owners.root");
}

TEST_F(PackageOwnersTest, HostileDatabases) {
  const fs::path root = Root();
  const fs::path list = root / "var/lib/dpkg/info/big.list";
  Store(list, "");
  fs::resize_file(list, kMaxPackageDatabaseFile);
  EXPECT_EQ(ErrorOf(root), "none");
  fs::resize_file(list, kMaxPackageDatabaseFile + 1);
  EXPECT_EQ(ErrorOf(root), "collect.owners.too_long");
  fs::remove(list);
  ASSERT_EQ(mkfifo(list.c_str(), 0600), 0);  // is not waited for
  EXPECT_EQ(ErrorOf(root), "collect.owners.root");
  fs::remove(list);
  // Nine of them are more than all may be; they take no room on the disk.
  for (int i = 0; i < 9; ++i) {
    const fs::path each = root / fmt::format("var/lib/dpkg/info/big{}.list", i);
    Store(each, "");
    fs::resize_file(each, kMaxPackageDatabaseFile);
  }
  EXPECT_EQ(ErrorOf(root), "collect.owners.too_long");
}

TEST_F(PackageOwnersTest, MorePackagesThanAnySystemHas) {
  const fs::path root = Root();
  const fs::path info = root / "var/lib/dpkg/info";
  const auto list = [&](std::size_t number) { return info / fmt::format("{}.list", number); };
  // The root has four. A file can have only so many names.
  constexpr std::size_t kNames = 50'000;
  for (std::size_t i = 0; i < kMaxPackages - 4; ++i) {
    if (i % kNames == 0) {
      Store(list(i), "/x\n");
    } else {
      fs::create_hard_link(list(i - i % kNames), list(i));
    }
  }
  EXPECT_EQ(ErrorOf(root), "none");
  Store(info / "last.list", "");
  EXPECT_EQ(ErrorOf(root), "collect.owners.too_long");
}

}  // namespace
}  // namespace limequat::collect
