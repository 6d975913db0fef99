#include "limequat/base/utf8.h"

#include <gtest/gtest.h>

namespace limequat {
namespace {

using namespace std::string_view_literals;

TEST(DecodeUtf8, DecodesTheEndsOfEveryLength) {
  const struct {
    std::string_view text;
    std::uint32_t value;
  } cases[] = {
      {"\0"sv, 0},
      {"\x7f", 0x7f},
      {"\xc2\x80", 0x80},
      {"\xdf\xbf", 0x7ff},
      {"\xe0\xa0\x80", 0x800},
      {"\xed\x9f\xbf", 0xd7ff},
      {"\xee\x80\x80", 0xe000},
      {"\xef\xbf\xbf", 0xffff},
      {"\xf0\x90\x80\x80", 0x10000},
      {"\xf4\x8f\xbf\xbf", 0x10ffff},
  };
  for (const auto& each : cases) {
    const CodePoint point = DecodeUtf8(std::string(each.text) + "tail");
    EXPECT_EQ(point.value, each.value);
    EXPECT_EQ(point.length, each.text.size());
  }
}

TEST(DecodeUtf8, RefusesWhatRfc3629Forbids) {
  for (const std::string_view text : {
           "\x80",  // a tail alone
           "\xbf",
           "\xfe",
           "\xff",  // never in UTF-8
           "\xc0\x80",
           "\xc1\xbf",  // overlong
           "\xe0\x9f\xbf",
           "\xf0\x8f\xbf\xbf",  // overlong
           "\xed\xa0\x80",
           "\xed\xbf\xbf",  // surrogates
           "\xf4\x90\x80\x80",
           "\xf5\x80\x80\x80",      // above U+10FFFF
           "\xf8\x88\x80\x80\x80",  // five bytes
           "\xc2",
           "\xe2\x82",
           "\xf0\x9f\x94",  // cut short
           "\xc2\x41",
           "\xe2\x41\x80",
           "\xe2\x82\x41",
           "\xf0\x9f\x94\xc0",  // no tail
       }) {
    EXPECT_EQ(DecodeUtf8(text).length, 0U) << text;
  }
}

TEST(Utf8, WholeTexts) {
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsUtf8("/data/\u00e9t\u00e9_\u20ac_\U0001f33f"));
  EXPECT_FALSE(IsUtf8("/data/\xff"));
  EXPECT_FALSE(IsUtf8("cut short \xe2\x82"));
  EXPECT_FALSE(IsUtf8("\xc0\xaf"));
}

}  // namespace
}  // namespace limequat
