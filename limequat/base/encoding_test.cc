#include "limequat/base/encoding.h"

#include <array>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace limequat {
namespace {

Bytes AllBytes() {
  Bytes bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<std::uint8_t>(i));
  return bytes;
}

TEST(Hex, EncodesLowerCase) {
  EXPECT_EQ(HexEncode({}), "");
  EXPECT_EQ(HexEncode(Bytes{0x00, 0x0f, 0xab, 0xff}), "000fabff");
}

TEST(Hex, DecodesBothCases) { EXPECT_EQ(*HexDecode("00aBFf"), (Bytes{0x00, 0xab, 0xff})); }

TEST(Hex, RoundTripsEveryByte) { EXPECT_EQ(*HexDecode(HexEncode(AllBytes())), AllBytes()); }

TEST(Hex, RefusesWhatIsNoHex) {
  for (const std::string_view text : {"0", "000", "0g", "g0", "0x00", " 00", "00 ", "0 ", "-1",
                                      "0:", "0/", "0@", "0G", "0`", "\xff\xff"}) {
    const Result<Bytes> bytes = HexDecode(text);
    ASSERT_FALSE(bytes) << text;
    EXPECT_EQ(bytes.error().code, ErrorCode::kMalformed);
    EXPECT_EQ(bytes.error().id, "encoding.hex");
  }
  using namespace std::string_view_literals;
  EXPECT_FALSE(HexDecode("0\0"sv));
}

TEST(Hex, DecodesIntoASpanOfExactlyTheSize) {
  std::array<std::uint8_t, 2> out{};
  ASSERT_TRUE(HexDecodeTo("01fE", out));
  EXPECT_EQ(out, (std::array<std::uint8_t, 2>{0x01, 0xfe}));
  EXPECT_FALSE(HexDecodeTo("01", out));
  EXPECT_FALSE(HexDecodeTo("01fe00", out));
  EXPECT_FALSE(HexDecodeTo("01f", out));
  EXPECT_FALSE(HexDecodeTo("01fx", out));
  EXPECT_FALSE(HexDecodeTo("x1fe", out));
}

// RFC 4648, section 10.
TEST(Hex, DecodesEveryLength) {
  const Bytes all = AllBytes();
  for (std::size_t size = 0; size <= all.size(); ++size) {
    const ByteView bytes = ByteView(all).last(size);
    const Result<Bytes> back = HexDecode(HexEncode(bytes));
    ASSERT_TRUE(back) << size;
    EXPECT_EQ(*back, ToBytes(bytes));
  }
}

// Digits are decoded several at a time: none vouches for its neighbour.
TEST(Hex, LooksAtEveryCharacterInEveryPlace) {
  constexpr std::string_view kDigits = "0123456789abcdefABCDEF";
  for (const std::size_t size : {1U, 2U, 7U, 13U, 15U, 16U, 17U, 20U, 32U, 33U}) {
    for (std::size_t place = 0; place < 2 * size; ++place) {
      for (int c = 0; c < 256; ++c) {
        std::string text(2 * size, 'f');
        text[place] = static_cast<char>(c);
        const std::size_t digit = kDigits.find(text[place]);
        Bytes out(size);
        ASSERT_EQ(HexDecodeTo(text, out), digit != std::string_view::npos) << text;
        if (digit == std::string_view::npos) continue;
        const std::size_t value = digit < 16 ? digit : digit - 6;
        Bytes expected(size, 0xff);
        expected[place / 2] =
            static_cast<std::uint8_t>(place % 2 == 0 ? value << 4U | 0x0fU : 0xf0U | value);
        ASSERT_EQ(out, expected) << text;
      }
    }
  }
}

TEST(Base64, EncodesTheVectorsOfTheStandard) {
  EXPECT_EQ(Base64Encode(AsBytes("")), "");
  EXPECT_EQ(Base64Encode(AsBytes("f")), "Zg==");
  EXPECT_EQ(Base64Encode(AsBytes("fo")), "Zm8=");
  EXPECT_EQ(Base64Encode(AsBytes("foo")), "Zm9v");
  EXPECT_EQ(Base64Encode(AsBytes("foob")), "Zm9vYg==");
  EXPECT_EQ(Base64Encode(AsBytes("fooba")), "Zm9vYmE=");
  EXPECT_EQ(Base64Encode(AsBytes("foobar")), "Zm9vYmFy");
  EXPECT_EQ(Base64Encode(Bytes{0xfb, 0xff, 0xfe}), "+//+");
}

TEST(Base64, RoundTripsEveryLength) {
  const Bytes all = AllBytes();
  for (std::size_t size = 0; size <= all.size(); ++size) {
    const ByteView bytes = ByteView(all).first(size);
    const Result<Bytes> back = Base64Decode(Base64Encode(bytes));
    ASSERT_TRUE(back) << size;
    EXPECT_EQ(*back, ToBytes(bytes));
  }
}

TEST(Base64, RefusesEverythingButTheOneSpelling) {
  for (const std::string_view text : {
           "Zg",       "Zg=",      "Zm9vYg",              // padding absent
           "Zh==",     "Zm9=",                            // bits behind the last byte
           "=",        "==",       "====",   "Z===",      // no byte at all
           "Zg==Zg==", "Zg==Zm9v",                        // padding inside
           "Zg=v",     "=Zg=",                            // padding in the wrong place
           "Zm9v\n",   "Zm9v\r\n", " Zm9",   "Zm 9v===",  // blanks
           "-__-",                                        // the URL alphabet
           "Zm9\xff",  "Zm9{",
       }) {
    const Result<Bytes> bytes = Base64Decode(text);
    ASSERT_FALSE(bytes) << text;
    EXPECT_EQ(bytes.error().code, ErrorCode::kMalformed);
    EXPECT_EQ(bytes.error().id, "encoding.base64");
  }
}

TEST(Base64, HasOneSpellingForEveryValue) {
  // Of the 64 spellings of the last digit, four or sixteen have zero bits behind.
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  int one = 0;
  int two = 0;
  for (const char c : kAlphabet) {
    one += Base64Decode(std::string("A") + c + "==") ? 1 : 0;
    two += Base64Decode(std::string("AA") + c + "=") ? 1 : 0;
  }
  EXPECT_EQ(one, 4);
  EXPECT_EQ(two, 16);
}

TEST(Bytes, AreViewedAndCopied) {
  const std::string text("a\0b", 3);
  EXPECT_EQ(ToBytes(text), (Bytes{'a', 0, 'b'}));
  EXPECT_EQ(AsText(AsBytes(text)), text);
  EXPECT_TRUE(Equal(AsBytes("ab"), AsBytes("ab")));
  EXPECT_FALSE(Equal(AsBytes("ab"), AsBytes("abc")));
  EXPECT_FALSE(Equal(AsBytes("ab"), AsBytes("ac")));
  Bytes bytes = {1};
  Append(bytes, Bytes{2, 3});
  EXPECT_EQ(bytes, (Bytes{1, 2, 3}));
}

}  // namespace
}  // namespace limequat
