#include "limequat/base/escape.h"

#include <gtest/gtest.h>

namespace limequat {
namespace {

using namespace std::string_view_literals;

TEST(EscapeForDisplay, LeavesReadableTextAlone) {
  EXPECT_EQ(EscapeForDisplay(""), "");
  EXPECT_EQ(EscapeForDisplay("/usr/bin/ls -l $(rm) \"x\" ~"), "/usr/bin/ls -l $(rm) \"x\" ~");
  EXPECT_EQ(EscapeForDisplay("Société — 測定 🔒"), "Société — 測定 🔒");
}

TEST(EscapeForDisplay, Attack_A15_EscapesControlsAndEscapeSequences) {
  EXPECT_EQ(EscapeForDisplay("\x1b[31mred\x1b[0m"), "\\x1b[31mred\\x1b[0m");
  EXPECT_EQ(EscapeForDisplay("a\nb\r\tc\0d\x7f"sv), "a\\x0ab\\x0d\\x09c\\x00d\\x7f");
  EXPECT_EQ(EscapeForDisplay("\xc2\x9b"
                             "2J"),
            "\\u{009b}2J")
      << "the CSI of eight-bit terminals";
}

TEST(EscapeForDisplay, KeepsTheEscapesUnambiguous) {
  EXPECT_EQ(EscapeForDisplay("\\x1b"), "\\\\x1b");
  EXPECT_EQ(EscapeForDisplay("\\"), "\\\\");
}

TEST(EscapeForDisplay, EscapesBytesThatAreNotUtf8) {
  EXPECT_EQ(EscapeForDisplay("a\xff"
                             "b"),
            "a\\xffb");
  EXPECT_EQ(EscapeForDisplay("\xc3"), "\\xc3") << "cut short";
  EXPECT_EQ(EscapeForDisplay("\xe2\x82"), "\\xe2\\x82");
  EXPECT_EQ(EscapeForDisplay("\xc0\xaf"), "\\xc0\\xaf") << "overlong";
  EXPECT_EQ(EscapeForDisplay("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "a surrogate";
}

TEST(EscapeForDisplay, EscapesWhatCannotBeSeen) {
  const struct {
    std::string_view text;
    std::string_view shown;
  } cases[] = {
      {"\xc2\xa0", "\\u{00a0}"},           // no-break space
      {"\xc2\xad", "\\u{00ad}"},           // soft hyphen
      {"\xcd\x8f", "\\u{034f}"},           // combining grapheme joiner
      {"\xd8\x9c", "\\u{061c}"},           // Arabic letter mark
      {"\xe1\xa0\x8e", "\\u{180e}"},       // Mongolian vowel separator
      {"\xe2\x80\x83", "\\u{2003}"},       // em space
      {"\xe2\x80\x8b", "\\u{200b}"},       // zero width space
      {"\xe2\x80\x8f", "\\u{200f}"},       // right-to-left mark
      {"\xe2\x80\xa8", "\\u{2028}"},       // line separator
      {"\xe2\x80\xae", "\\u{202e}"},       // right-to-left override
      {"\xe2\x81\xa6", "\\u{2066}"},       // left-to-right isolate
      {"\xe3\x85\xa4", "\\u{3164}"},       // Hangul filler
      {"\xef\xb8\x8f", "\\u{fe0f}"},       // variation selector
      {"\xef\xbb\xbf", "\\u{feff}"},       // byte order mark
      {"\xef\xbf\xb9", "\\u{fff9}"},       // interlinear annotation
      {"\xef\xbf\xbf", "\\u{ffff}"},       // noncharacter
      {"\xf0\x9f\xbf\xbe", "\\u{1fffe}"},  // noncharacter
      {"\xf3\xa0\x81\x81", "\\u{e0041}"},  // tag
  };
  for (const auto& each : cases) EXPECT_EQ(EscapeForDisplay(each.text), each.shown);
}

TEST(EscapeForDisplay, ShowsTheNeighboursOfWhatCannotBeSeen) {
  // U+00A1, U+2010, U+2027, U+2030, U+205E, U+FFFD
  for (const std::string_view text : {"\xc2\xa1", "\xe2\x80\x90", "\xe2\x80\xa7", "\xe2\x80\xb0",
                                      "\xe2\x81\x9e", "\xef\xbf\xbd"}) {
    EXPECT_EQ(EscapeForDisplay(text), text);
  }
}

TEST(EscapeForDisplay, CutsAtACharacter) {
  EXPECT_EQ(EscapeForDisplay("abcdef", 6), "abcdef");
  EXPECT_EQ(EscapeForDisplay("abcdefg", 6), "abcdef…");
  EXPECT_EQ(EscapeForDisplay("ab\x1b", 5), "ab…") << "an escape is not cut in two";
  EXPECT_EQ(EscapeForDisplay("ab\x1b", 6), "ab\\x1b");
  EXPECT_EQ(EscapeForDisplay("aé", 2), "a…") << "a character is not cut in two";
  EXPECT_EQ(EscapeForDisplay("a", 0), "…");
}

TEST(EscapeForDisplay, BoundsHostileLength) {
  EXPECT_LE(EscapeForDisplay(std::string(1U << 20U, '\x01')).size(), 4096U + "…"sv.size());
}

}  // namespace
}  // namespace limequat
