#include "limequat/cli/text.h"

#include <gtest/gtest.h>

#include "limequat/base/escape.h"

namespace limequat::cli {
namespace {

TEST(Shown, EscapesWhatATerminalWouldInterpret) {
  EXPECT_EQ(Shown("a\x1b[2Jb\n"), R"(a\x1b[2Jb\x0a)");
  EXPECT_EQ(Shown("\xe2\x80\xaetxt.exe"), R"(\u{202e}txt.exe)");
  EXPECT_EQ(Shown("\xff"), R"(\xff)");
  EXPECT_EQ(Shown("naïve 日本"), "naïve 日本");
}

TEST(Shown, LeavesWhatIsEscapedAlready) {
  const std::string once = EscapeForDisplay("a\\b\x1b");
  EXPECT_EQ(once, R"(a\\b\x1b)");
  EXPECT_EQ(Shown(once), once);
  EXPECT_EQ(Shown(Shown("\\\x01\\\\\x02\\")), Shown("\\\x01\\\\\x02\\"));
}

TEST(DisplayWidth, CountsColumnsNotBytes) {
  EXPECT_EQ(DisplayWidth(""), 0U);
  EXPECT_EQ(DisplayWidth("plain"), 5U);
  EXPECT_EQ(DisplayWidth("naïve"), 5U);
  EXPECT_EQ(DisplayWidth("日本"), 4U);
  EXPECT_EQ(DisplayWidth("e\xcc\x81"), 1U);         // e and a combining acute accent
  EXPECT_EQ(DisplayWidth("\xf0\x9f\x94\x92"), 2U);  // a lock
  EXPECT_EQ(DisplayWidth("한글"), 4U);
}

TEST(PadTo, FillsUpToTheWidth) {
  EXPECT_EQ(PadTo("日本", 6), "日本  ");
  EXPECT_EQ(PadTo("longer", 3), "longer");
}

TEST(CutTo, NeverSplitsACharacterAndSaysThatItCut) {
  EXPECT_EQ(CutTo("abcdef", 6), "abcdef");
  EXPECT_EQ(CutTo("abcdef", 5), "abcd…");
  EXPECT_EQ(CutTo("日本語", 5), "日本…");
  // A wide character that fits only by half is left out.
  EXPECT_EQ(CutTo("日本語", 4), "日…");
  EXPECT_EQ(CutTo("abc", 1), "…");
  // A combining mark stays with its letter.
  EXPECT_EQ(CutTo("e\xcc\x81xyz", 2), "e\xcc\x81…");
}

TEST(Counted, KnowsOneFromMany) {
  EXPECT_EQ(Counted(1, "file"), "1 file");
  EXPECT_EQ(Counted(0, "file"), "0 files");
}

TEST(FormatBytes, UsesTheLargestUnit) {
  EXPECT_EQ(FormatBytes(999), "999 B");
  EXPECT_EQ(FormatBytes(1000), "1.0 kB");
  EXPECT_EQ(FormatBytes(999'949), "999.9 kB");
  EXPECT_EQ(FormatBytes(999'950), "1.0 MB");
  EXPECT_EQ(FormatBytes(12'345'678), "12.3 MB");
  EXPECT_EQ(FormatBytes(18'446'744'073'709'551'615U), "18.4 EB");
}

}  // namespace
}  // namespace limequat::cli
