#include "limequat/policy/digest_map.h"

#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "limequat/base/encoding.h"

namespace limequat::policy {
namespace {

std::vector<std::string> Found(const DigestMap& map, std::string_view path) {
  std::vector<std::string> digests;
  auto found = map.Find(path);
  while (found) {
    const auto digest = found->Next();
    if (!digest) break;
    digests.push_back(HexEncode(*digest));
  }
  return digests;
}

void Add(DigestMap& map, std::string_view path, const std::vector<Bytes>& digests) {
  map.AddPath(path, digests.size());
  for (const Bytes& digest : digests) map.AddDigest(digest);
}

TEST(DigestMap, EmptyFindsNothing) {
  EXPECT_FALSE(DigestMap().Find("/x"));
  EXPECT_FALSE(DigestMap(1, 0, 0).Find(""));
}

TEST(DigestMap, FindsWhatWasAdded) {
  DigestMap map(7, 3, 100);
  Add(map, "/a", {{1, 2}, {3}});
  Add(map, "", {{4}});
  Add(map, std::string(300, 'p'), {Bytes(64, 9)});
  EXPECT_EQ(map.size(), 3U);
  EXPECT_EQ(Found(map, "/a"), (std::vector<std::string>{"0102", "03"}));
  EXPECT_EQ(Found(map, ""), std::vector<std::string>{"04"});
  EXPECT_EQ(
      Found(map, std::string(300, 'p')),
      std::vector<std::string>{std::string(128, '0').replace(0, 128, HexEncode(Bytes(64, 9)))});
  EXPECT_FALSE(map.Find("/b"));
  EXPECT_FALSE(map.Find("/"));
  EXPECT_FALSE(map.Find("/a/"));
  EXPECT_FALSE(map.Find(std::string(299, 'p')));
}

TEST(DigestMap, ExpectationsChangeNothing) {
  DigestMap().Expect("/x");
  DigestMap().Fetch("/x");
  DigestMap map(7, 3, 100);
  map.Expect("/a");
  map.Fetch("/a");
  Add(map, "/a", {{1, 2}});
  Add(map, "/the/last/record", {{3}});
  for (const std::string& path : {std::string("/a"), std::string("/b"), std::string(),
                                  std::string("/the/last/record"), std::string(10'000, 'x')}) {
    map.Expect(path);
    map.Fetch(path);
  }
  EXPECT_EQ(Found(map, "/a"), std::vector<std::string>{"0102"});
  EXPECT_EQ(Found(map, "/the/last/record"), std::vector<std::string>{"03"});
}

// What is hashed of a path is all of it, whatever its length.
TEST(DigestMap, PathsThatDifferInOneCharacter) {
  DigestMap map(7, 5000, 200'000);
  std::set<std::string> paths;
  for (std::size_t size = 0; size <= 50; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      std::string path(size, 'p');
      path[at] = 'q';
      paths.insert(path);
    }
  }
  std::uint8_t number = 0;
  for (const std::string& path : paths) Add(map, path, {{number++}});
  number = 0;
  for (const std::string& path : paths) {
    EXPECT_EQ(Found(map, path), std::vector<std::string>{HexEncode(Bytes{number++})}) << path;
  }
}

TEST(DigestMap, PathsInTheOrderOfAdding) {
  DigestMap map(7, 3, 10);
  for (const char* path : {"/c", "/a", "/b"}) Add(map, path, {Bytes(200, 1), Bytes(2, 2)});
  std::vector<std::string> paths;
  map.ForEachPath([&](std::string_view path) {
    paths.emplace_back(path);
    return path != "/a";
  });
  EXPECT_EQ(paths, (std::vector<std::string>{"/c", "/a"}));
}

TEST(DigestMap, HundredThousandPathsFitInTwelveMegabytes) {
  constexpr std::size_t kPaths = 100'000;
  const auto path = [](std::size_t i) {
    return fmt::format("/usr/lib/x86_64-linux-gnu/package-{:03}/module-{:06}.so.1.2.3", i % 1000,
                       i);
  };
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < kPaths; ++i) bytes += path(i).size() + 2 + 33;
  DigestMap map(0x1234, kPaths, bytes);
  for (std::size_t i = 0; i < kPaths; ++i) {
    Add(map, path(i), {Bytes(32, static_cast<std::uint8_t>(i))});
  }
  EXPECT_LE(map.MemorySize(), 12U << 20U);
  for (std::size_t i = 0; i < kPaths; i += 37) {
    auto found = map.Find(path(i));
    ASSERT_TRUE(found) << i;
    EXPECT_EQ(found->Next()->front(), static_cast<std::uint8_t>(i));
    EXPECT_FALSE(found->Next());
  }
  EXPECT_FALSE(map.Find(path(kPaths)));
}

}  // namespace
}  // namespace limequat::policy
