// ASCII lists whose names hold line feeds, empty lines, and a last line without a line feed.

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/crypto/digest.h"
#include "limequat/ima/list.h"
#include "limequat/ima/testing/list_parts.h"

namespace limequat::ima {
namespace {

using testing::DigestField;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::kFileDigest;
using testing::kTemplateDigest;
using testing::Line;
using testing::NameField;
using testing::TemplateData;

// A line whose stated digest is that of its entry.
std::string ProvenLine(std::string_view name, std::string_view path, const Bytes& data,
                       std::string_view rest = "") {
  return "10 " + crypto::Hash(crypto::HashAlgorithm::kSha1, data).hex() + " " + std::string(name) +
         " sha256:" + kFileDigest + " " + std::string(path) + std::string(rest) + "\n";
}
std::string NgLine(std::string_view path) {
  return ProvenLine("ima-ng", path,
                    TemplateData({DigestField("sha256", Bytes(32, 0xaa)), NameField(path)}));
}

// The paths that are read of `text`, and the identifier of the error that ends them.
std::vector<std::string> Paths(const std::string& text,
                               LineFeeds line_feeds = LineFeeds::kAsTheyLook) {
  std::vector<std::string> paths;
  ListReader reader(AsBytes(text), Format::kAscii, line_feeds);
  while (true) {
    const auto next = reader.Next();
    if (!next) paths.push_back(next.error().id);
    if (!next || !*next) return paths;
    paths.emplace_back((*next)->path);
  }
}

TEST(AsciiList, LineFeedsInANameAreRejoinedByTheDigest) {
  for (const std::string path : {"/a\nline", "/a\n", "/a\n\nb\n10", "/a\n10 abc ima-ng", "\n"}) {
    EXPECT_THAT(Paths(NgLine("/x") + NgLine(path) + NgLine("/y")), ElementsAre("/x", path, "/y"));
    EXPECT_THAT(Paths(NgLine(path)), ElementsAre(path));
  }
  // The first line alone has too few fields.
  const std::string path = "/a\nb";
  const std::string line = ProvenLine(
      "ima-sig", path, TemplateData({DigestField("sha256", Bytes(32, 0xaa)), NameField(path), {3}}),
      " 03");
  EXPECT_THAT(Paths(line + NgLine("/y")), ElementsAre(path, "/y"));
}

TEST(AsciiList, LineFeedsThatTheDigestDoesNotProveAreAnError) {
  EXPECT_THAT(Paths(Line{.fields = "sha256:" + kFileDigest + " /a\nline"}.text() + NgLine("/y")),
              ElementsAre("/a", "ima.ascii.pcr"));
  // The line is proven without what follows it.
  EXPECT_THAT(Paths(NgLine("/a") + "line\n"), ElementsAre("/a", "ima.ascii.pcr"));
  // What is behind a record, and is cut off, does not part it.
  EXPECT_THAT(Paths(NgLine("/a\nb") + "10 cut"), ElementsAre("/a\nb", "ima.truncated"));
  // Cut off.
  std::string text = NgLine("/a\nb\nc");
  text.resize(text.size() - 2);
  EXPECT_THAT(Paths(text), ElementsAre("/a", "ima.ascii.pcr"));
}

TEST(AsciiList, LineFeedsInTheNameOfAViolation) {
  const std::string violation =
      Line{.digest = std::string(40, '0'), .fields = "sha256:" + kFileDigest + " /a\nb\nc"}.text();
  EXPECT_THAT(Paths(violation + NgLine("/y")), ElementsAre("/a\nb\nc", "/y"));
  EXPECT_THAT(Paths(violation + violation), ElementsAre("/a\nb\nc", "/a\nb\nc"));
  EXPECT_THAT(Paths(violation + "10"), ElementsAre("/a", "ima.ascii.pcr"));
}

// How often the reader of `text` tries to read a record until it is at its end.
std::uint64_t AttemptsOn(const std::string& text, LineFeeds line_feeds = LineFeeds::kAsTheyLook) {
  ListReader reader(AsBytes(text), Format::kAscii, line_feeds);
  while (true) {
    const auto next = reader.Next();
    if (!next || !*next) return reader.attempts();
  }
}

TEST(AsciiList, NamesOfLineFeedsHaveTheLengthOfAnyName) {
  const std::string fits(kMaxName, '\n');
  EXPECT_THAT(Paths(NgLine(fits)), ElementsAre(fits));
  EXPECT_THAT(Paths(NgLine(fits) + NgLine("/y")), ElementsAre(fits, "/y"));
  EXPECT_THAT(Paths(NgLine(fits + "\n") + NgLine("/y")), ElementsAre("", "/y"));
  const std::string far = "\n" + std::string(kMaxName - 2, 'x') + "\n";
  EXPECT_THAT(Paths(NgLine(far)), ElementsAre(far));
  EXPECT_THAT(Paths(NgLine("\nx" + far.substr(1))), ElementsAre("", "ima.ascii.pcr"));
}

// Only where the next record begins is there anything to try.
TEST(AsciiList, LineFeedsInNamesCostNoAttempts) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += NgLine("/" + std::string(kMaxName - 1, '\n'));
  EXPECT_EQ(AttemptsOn(text), 200U);
  EXPECT_EQ(AttemptsOn(NgLine("/a") + NgLine("/b")), 2U);
}

TEST(AsciiList, Attack_LinesThatNothingProvesAreTriedOnce) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += Line().text() + "\n";
  EXPECT_EQ(Paths(text).size(), 1000U);
  // The first is tried with each of those that follow it in the length of a name, and is read
  // once more as it is; each other is read twice.
  EXPECT_LE(AttemptsOn(text), 2 * 1000U + 92U);
}

TEST(AsciiList, EmptyLinesBetweenRecordsAreSkipped) {
  const std::string a = NgLine("/a");
  const std::string b = NgLine("/b");
  for (const std::string& text : {"\n" + a + b, a + "\n" + b, a + "\n\n\n" + b, a + b + "\n\n"}) {
    EXPECT_THAT(Paths(text), ElementsAre("/a", "/b"));
    ListReader reader(AsBytes(text), Format::kAscii);
    while (true) {
      const auto next = reader.Next();
      ASSERT_TRUE(next);
      if (!*next) break;
    }
    EXPECT_EQ(reader.offset(), text.size());
  }
  EXPECT_THAT(Paths("\n\n"), ElementsAre());
  // What a name ends with is none.
  EXPECT_THAT(Paths(a + "\n" + NgLine("/c\n\n") + b), ElementsAre("/a", "/c\n\n", "/b"));
  // Blanks are no empty line.
  EXPECT_THAT(Paths(a + " \n" + b), ElementsAre("/a", "ima.ascii.pcr"));
}

TEST(AsciiList, AnErrorBehindEmptyLinesConsumesNothing) {
  const std::string a = NgLine("/a");
  const std::string text = a + "\n\nno record\n";
  ListReader reader(AsBytes(text), Format::kAscii);
  ASSERT_TRUE(reader.Next());
  for (int time = 0; time < 2; ++time) {
    const auto next = reader.Next();
    ASSERT_FALSE(next);
    EXPECT_EQ(reader.offset(), a.size());
    EXPECT_THAT(next.error().message, HasSubstr(std::to_string(a.size() + 2)));
  }
}

// What begins like a record is one, whatever the line before states: such a list leads
// nowhere, and its binary form is to be used.
TEST(AsciiList, Attack_ARecordInsideANameIsNotJoined) {
  const std::string text = NgLine("/a\n" + NgLine("/b"));
  EXPECT_EQ(Paths(text).front(), "/a");
}

std::vector<std::string> PathsByDigest(const std::string& text) {
  return Paths(text, LineFeeds::kByDigest);
}

// The names of these are as long as names get, and as full of records.
std::string NameOfRecords(int number) {
  std::string name = "/" + std::to_string(number) + "\n";
  while (name.size() + 46 <= kMaxName) name += "10 " + kTemplateDigest + " x\n";
  return name;
}

TEST(AsciiListByDigest, ARecordInsideANameIsJoined) {
  for (const std::string& path : {"/a\n" + NgLine("/b"), "/a\n" + Line().text() + "c",
                                  NgLine("/b") + NgLine("/c"), NameOfRecords(1)}) {
    EXPECT_THAT(PathsByDigest(NgLine("/x") + NgLine(path) + NgLine("/y")),
                ElementsAre("/x", path, "/y"));
    EXPECT_THAT(PathsByDigest(NgLine(path)), ElementsAre(path));
  }
  // The last line feed may be missing.
  std::string text = NgLine("/a\n");
  text.pop_back();
  EXPECT_THAT(PathsByDigest(text), ElementsAre("/a\n"));
}

TEST(AsciiListByDigest, OtherListsAreReadAsTheyLook) {
  const std::string violation =
      Line{.digest = std::string(40, '0'), .fields = "sha256:" + kFileDigest + " /a"}.text();
  for (const std::string& text :
       {NgLine("/a") + NgLine("/b\nc") + NgLine("/d"), violation + violation + NgLine("/b"),
        Line().text() + NgLine("/b"), Line().text() + "x\n", NgLine("/a") + "\n" + NgLine("/b")}) {
    EXPECT_EQ(PathsByDigest(text), Paths(text));
    EXPECT_LE(AttemptsOn(text, LineFeeds::kByDigest), AttemptsOn(text) + 3);
  }
}

// The name is in what the digest is of: a line is joined with nothing else.
TEST(AsciiListByDigest, Attack_ALineThatProvesItselfIsNotJoined) {
  EXPECT_THAT(PathsByDigest(NgLine("/a") + NgLine("/b")), ElementsAre("/a", "/b"));
}

TEST(AsciiListByDigest, NothingIsJoinedBehindALineThatNothingProves) {
  const std::string name = "/a\n" + NgLine("/b");
  EXPECT_EQ(PathsByDigest(Line().text() + NgLine(name)), Paths(Line().text() + NgLine(name)));
}

// Each costs an attempt for each place where its name looks like the end of a record.
TEST(AsciiListByDigest, Attack_AttemptsAreInProportionToTheList) {
  std::string proven;
  std::string unproven;
  constexpr int kRecords = 50;
  for (int i = 0; i < kRecords; ++i) {
    const std::string record = NgLine(NameOfRecords(i));
    proven += record;
    unproven += record.substr(0, 3) + kTemplateDigest + record.substr(43);
  }
  EXPECT_EQ(PathsByDigest(proven).size(), kRecords);
  EXPECT_LE(AttemptsOn(proven, LineFeeds::kByDigest), kRecords * 93U);
  // Once in vain, then not any more.
  EXPECT_LE(AttemptsOn(unproven, LineFeeds::kByDigest), AttemptsOn(unproven) + 93U);
}

TEST(AsciiList, LastLineWithoutLineFeedIsTakenIfItsDigestProvesIt) {
  for (const std::string path : {"/b", "/b\nc", "/b\n\nc"}) {
    std::string text = NgLine("/a") + NgLine(path);
    text.pop_back();
    EXPECT_THAT(Paths(text), ElementsAre("/a", path));
  }
  std::string cut = NgLine("/b");
  cut.resize(cut.size() - 2);
  EXPECT_THAT(Paths(cut), ElementsAre("ima.truncated"));
  // Nothing proves a violation.
  std::string violation = Line{.digest = std::string(40, '0')}.text();
  violation.pop_back();
  EXPECT_THAT(Paths(violation), ElementsAre("ima.truncated"));
  violation.insert(violation.size() - 1, "\n");
  EXPECT_THAT(Paths(violation), ElementsAre("/usr/bin/tru", "ima.truncated"));
}

}  // namespace
}  // namespace limequat::ima
