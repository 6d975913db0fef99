#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "limequat/base/result_macros.h"
#include "limequat/collect/archive_for_test.h"
#include "limequat/collect/newc_internal.h"

namespace limequat::collect {
namespace {

// Hands out a text in pieces of a few bytes, as a file or a decompressor might.
class TextStream final : public ByteStream {
 public:
  TextStream(std::string text, std::size_t piece) : text_(std::move(text)), piece_(piece) {}
  Result<ByteView> Next() override {
    const std::size_t size = std::min(piece_, text_.size() - at_);
    at_ += size;
    return AsBytes(text_).subspan(at_ - size, size);
  }

 private:
  std::string text_;
  std::size_t piece_;
  std::size_t at_ = 0;
};

struct Seen {
  NewcEnd end = NewcEnd::kEndOfStream;
  std::vector<std::pair<std::string, std::string>> files;
  std::vector<std::string> identities;
  std::uint64_t archives = 0;
  std::uint64_t offset = 0;
};

Result<Seen> Read(const std::string& text, std::size_t piece = 7) {
  TextStream stream(text, piece);
  StreamReader in(stream, 1U << 20U);
  Seen seen;
  const auto visit = [&seen](const NewcEntry& entry, ByteStream& content) -> Status {
    std::string all;
    while (true) {
      LQ_ASSIGN_OR_RETURN(const ByteView next, content.Next());
      if (next.empty()) break;
      all += AsText(next);
    }
    seen.files.emplace_back(entry.name, all);
    seen.identities.push_back(entry.identity);
    return {};
  };
  LQ_ASSIGN_OR_RETURN(seen.end, ReadNewcArchives(in, seen.archives, visit));
  seen.offset = in.offset();
  return seen;
}

const std::vector<TestEntry> kTwo = {{.name = "a", .content = "one", .inode = 1},
                                     {.name = "dir/bc", .content = "", .inode = 2}};

std::string ErrorOf(const std::string& text) {
  const auto seen = Read(text);
  return seen ? "none" : std::string(seen.error().id);
}

TEST(NewcTest, ReadsNamesAndContentsInPiecesOfAnySize) {
  const std::string text = NewcArchive(kTwo);
  for (const std::size_t piece : {1U, 2U, 3U, 113U, 100'000U}) {
    const auto seen = Read(text, piece);
    ASSERT_TRUE(seen) << seen.error().message;
    EXPECT_EQ(seen->end, NewcEnd::kEndOfStream);
    EXPECT_EQ(seen->files,
              (std::vector<std::pair<std::string, std::string>>{{"a", "one"}, {"dir/bc", ""}}));
    EXPECT_EQ(seen->offset, text.size());
  }
}

TEST(NewcTest, ArchivesFollowOneAnotherWithZerosBetween) {
  const std::string one = NewcArchive({{.name = "a", .content = "one", .links = 2, .inode = 7}});
  const auto seen = Read(one + std::string(512 * 3, '\0') + one + std::string(5, '\0'));
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->archives, 2U);
  ASSERT_EQ(seen->files.size(), 2U);
  // An inode of one archive is not that of another.
  EXPECT_NE(seen->identities[0], seen->identities[1]);
}

TEST(NewcTest, TheIdentityIsDeviceAndInode) {
  const auto seen = Read(NewcArchive({{.name = "a", .content = "", .inode = 7},
                                      {.name = "b", .content = "", .inode = 8},
                                      {.name = "c", .content = "", .inode = 7}}));
  ASSERT_TRUE(seen);
  EXPECT_NE(seen->identities[0], seen->identities[1]);
  EXPECT_EQ(seen->identities[0], seen->identities[2]);
}

TEST(NewcTest, TheArchiveWithSumsIsReadToo) {
  std::string text = NewcArchive(kTwo);
  for (std::size_t at = text.find("070701"); at != std::string::npos; at = text.find("070701")) {
    text[at + 5] = '2';
  }
  const auto seen = Read(text);
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->files.size(), 2U);
}

TEST(NewcTest, SaysThatSomethingElseFollows) {
  const std::string text = NewcArchive(kTwo);
  const auto seen = Read(text + "\x1f\x8b rest");
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->end, NewcEnd::kSomethingElse);
  EXPECT_EQ(seen->offset, text.size());
}

TEST(NewcTest, ContentThatNobodyReadsIsSkipped) {
  TextStream stream(NewcArchive(kTwo), 5);
  StreamReader in(stream, 1U << 20U);
  std::uint64_t archives = 0;
  int count = 0;
  const auto visit = [&count](const NewcEntry&, ByteStream&) -> Status {
    ++count;
    return {};
  };
  ASSERT_TRUE(ReadNewcArchives(in, archives, visit));
  EXPECT_EQ(count, 2);
}

TEST(NewcTest, TheVisitorsErrorEndsIt) {
  TextStream stream(NewcArchive(kTwo), 5);
  StreamReader in(stream, 1U << 20U);
  std::uint64_t archives = 0;
  const auto visit = [](const NewcEntry&, ByteStream&) -> Status {
    return Malformed("test.visitor", "enough");
  };
  const auto end = ReadNewcArchives(in, archives, visit);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().id, "test.visitor");
}

TEST(NewcTest, EveryTruncationIsFound) {
  const std::string text = NewcArchive(kTwo);
  // Shorter than a magic is "something else"; longer is an archive without its trailer.
  for (std::size_t size = 6; size < text.size() - 1; ++size) {
    const auto seen = Read(text.substr(0, size));
    ASSERT_FALSE(seen) << size;
    EXPECT_EQ(seen.error().id, "collect.archive.truncated") << size;
  }
}

TEST(NewcTest, AHeaderMustFollowAHeader) {
  const std::string entry = NewcEntryText(kTwo[0], 0);
  EXPECT_EQ(ErrorOf(entry + std::string(200, 'x')), "collect.archive.cpio");
}

TEST(NewcTest, NumbersAreHexadecimal) {
  for (const std::size_t field : {0U, 1U, 6U, 11U, 12U}) {
    for (const std::string_view digits : {"0000000g", " 0000001", "-0000001", "0x000001"}) {
      std::string text = NewcArchive(kTwo);
      text.replace(6 + field * 8, 8, digits);
      EXPECT_EQ(ErrorOf(text), "collect.archive.cpio") << field << digits;
    }
  }
}

TEST(NewcTest, NamesHaveAtLeastOneByteAndAtMost4096) {
  std::string text = NewcArchive(kTwo);
  text.replace(6 + 11 * 8, 8, "00000000");
  EXPECT_EQ(ErrorOf(text), "collect.archive.cpio");
  const auto with_name = [](std::size_t size) {
    return NewcArchive({{.name = std::string(size, 'n'), .content = "x"}});
  };
  EXPECT_EQ(ErrorOf(with_name(4095)), "none");
  EXPECT_EQ(ErrorOf(with_name(4096)), "collect.archive.cpio");
}

}  // namespace
}  // namespace limequat::collect
