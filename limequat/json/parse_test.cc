#include <bit>
#include <limits>

#include <gtest/gtest.h>

#include "limequat/json/escaped_bytes.h"
#include "limequat/json/value.h"

namespace limequat::json {
namespace {

using namespace std::string_view_literals;

void ExpectRefused(std::string_view text, std::string_view id, const ParseLimits& limits = {}) {
  const Result<Value> value = Parse(text, limits);
  ASSERT_FALSE(value) << text.substr(0, 100);
  EXPECT_EQ(value.error().code, ErrorCode::kMalformed);
  EXPECT_EQ(value.error().id, id) << text.substr(0, 100) << ": " << value.error().message;
}

Value Parsed(std::string_view text) {
  Result<Value> value = Parse(text);
  EXPECT_TRUE(value) << text << ": " << (value ? "" : value.error().message);
  return value ? *std::move(value) : Value();
}

TEST(Parse, ReadsEveryKindOfValue) {
  EXPECT_EQ(Parsed("null"), Value());
  EXPECT_EQ(Parsed(" true "), Value(true));
  EXPECT_EQ(Parsed("false\n"), Value(false));
  EXPECT_EQ(Parsed("[]"), Value(Array()));
  EXPECT_EQ(Parsed("{}"), Value(Object()));
  EXPECT_EQ(Parsed("\"\""), Value(""));
  EXPECT_EQ(Parsed(R"({"a":[1,{"b":[]}],"":"x"})"),
            Value(Object{{"a", Array{1, Object{{"b", Array()}}}}, {"", "x"}}));
}

TEST(Parse, WritesWhatItRead) {
  constexpr std::string_view kText = R"({"a":[1,-2,1.5,true,null,"x\n"],"b":{"c":{}},"a2":[[]]})";
  EXPECT_EQ(Serialize(Parsed(kText)), kText);
  EXPECT_EQ(Parsed(Pretty(Parsed(kText))), Parsed(kText));
}

TEST(Parse, KeepsIntegersExact) {
  EXPECT_EQ(Parsed("0").as_int64(), 0);
  EXPECT_EQ(Parsed("-0").as_int64(), 0);
  EXPECT_EQ(Parsed("9007199254740993").as_int64(), 9007199254740993);
  EXPECT_EQ(Parsed("-9223372036854775808").as_int64(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(Parsed("18446744073709551615").as_uint64(), std::numeric_limits<std::uint64_t>::max());
}

TEST(Parse, GivesOtherNumbersAsDoubles) {
  EXPECT_EQ(Parsed("1.0"), Value(1.0));
  EXPECT_EQ(Parsed("1e2"), Value(100.0));
  EXPECT_EQ(Parsed("18446744073709551616"), Value(18446744073709551616.0));
  EXPECT_EQ(Parsed("-9223372036854775809"), Value(-9223372036854775808.0));
  EXPECT_EQ(Parsed("[1.5]"), Value(Array{1.5}));
}

TEST(Parse, RoundsDoublesToTheNearest) {
  // Each is off by an ulp where a parser multiplies by powers of ten.
  for (const double number : {0.1, 0.3, 7.2057594037927933e16, 9007199254740993.0, 8.5e-11,
                              1.7976931348623157e308, 2.2250738585072014e-308, 5e-324, 1.1e23}) {
    const Value value = Parsed(Serialize(number));
    EXPECT_EQ(std::bit_cast<std::uint64_t>(*value.as_double()),
              std::bit_cast<std::uint64_t>(number));
  }
}

TEST(Parse, RefusesNumbersThatNoDoubleHolds) {
  ExpectRefused("1e400", "json.syntax");
  ExpectRefused("-1e400", "json.syntax");
  ExpectRefused("[1e999999999999]", "json.syntax");
}

TEST(Parse, ReadsEscapes) {
  EXPECT_EQ(*Parsed(R"("\"\\\/\b\f\n\r\t\u0041\u00e9\u6e2c\ud83d\udd12")").as_string(),
            "\"\\/\b\f\n\r\tAé測🔒");
  EXPECT_EQ(*Parsed(R"("a\u0000b")").as_string(), "a\0b"sv);
}

TEST(Parse, ReadsLongStringsAndNames) {
  // Longer than the parser's own buffers, with escapes, so that parts are joined.
  std::string text;
  std::string want;
  for (int i = 0; i < 5000; ++i) {
    text += "ab\\n";
    want += "ab\n";
  }
  const Value value = Parsed("{\"" + text + "\":\"" + text + "\"}");
  ASSERT_NE(value.as_object(), nullptr);
  ASSERT_EQ(value.as_object()->size(), 1U);
  EXPECT_EQ(value.as_object()->begin()->first, want);
  EXPECT_EQ(*value.as_object()->begin()->second.as_string(), want);
}

TEST(Parse, RefusesWhatIsNoJson) {
  for (const std::string_view text : {
           ""sv,
           " "sv,
           "{"sv,
           "["sv,
           "}"sv,
           "{]"sv,
           "[1,]"sv,
           "{\"a\":1,}"sv,
           "[,1]"sv,
           "[1 2]"sv,
           "{a:1}"sv,
           "{'a':1}"sv,
           "{\"a\"}"sv,
           "{\"a\" 1}"sv,
           "{1:2}"sv,
           "01"sv,
           "+1"sv,
           "-"sv,
           ".5"sv,
           "5."sv,
           "1e"sv,
           "1e+"sv,
           "0x1"sv,
           "NaN"sv,
           "Infinity"sv,
           "-Infinity"sv,
           "nul"sv,
           "True"sv,
           "tru"sv,
           "\"a"sv,
           "\"\\x41\""sv,
           "\"\\u12\""sv,
           "\"\\u12g4\""sv,
           "\"\n\""sv,
           "\"\t\""sv,
           "\"\0\""sv,
           "// c\n1"sv,
           "/* c */1"sv,
           "1 // c"sv,
           "1\0"sv,
           "\0"sv,
           "\xef\xbb\xbf"
           "1"sv,
           "undefined"sv,
           "\x0c"
           "1"sv,
           "\xc2\xa0"
           "1"sv,
       }) {
    ExpectRefused(text, "json.syntax");
  }
}

TEST(Parse, RefusesBytesBehindTheDocument) {
  ExpectRefused("{}{}", "json.syntax");
  ExpectRefused("1 2", "json.syntax");
  ExpectRefused("[] x", "json.syntax");
  ExpectRefused("null\0"sv, "json.syntax");
}

TEST(Parse, RefusesStringsThatAreNotUtf8) {
  for (const std::string_view bytes :
       {"\x80", "\xff", "\xc0\xaf", "\xc2", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
        "\xf8\x88\x80\x80\x80"}) {
    ExpectRefused("\"" + std::string(bytes) + "\"", "json.syntax");
    ExpectRefused("{\"" + std::string(bytes) + "\":1}", "json.syntax");
  }
  for (const std::string_view escape :
       {R"("\ud800")", R"("\udc00")", R"("\ud800\u0041")", R"("\ud800x")", R"("\udc00\ud800")"}) {
    ExpectRefused(escape, "json.syntax");
  }
}

TEST(ParseWithEscapedBytes, ReadsWhatPythonWritesForBytesThatAreNoText) {
  const auto read = [](std::string_view text) {
    const Result<Value> value = ParseWithEscapedBytes(text);
    EXPECT_TRUE(value) << text << ": " << (value ? "" : value.error().message);
    return value.value_or(Value());
  };
  EXPECT_EQ(read(R"("\udcff")"), Value("\xff"));
  EXPECT_EQ(read(R"("\uDC80\udcffa\n\udce9")"), Value("\x80\xff"
                                                      "a\n\xe9"));
  EXPECT_EQ(read(R"({"/a\udcff":["\udcfe"],"b":1})"),
            Value(Object{{"/a\xff", Array{"\xfe"}}, {"b", 1}}));
  // Pairs are characters, and what an escaped backslash stands in front of is no escape.
  EXPECT_EQ(read(R"("\ud83d\udcff")"), Value("\xf0\x9f\x93\xbf"));
  EXPECT_EQ(read(R"("\ud83d\udcff\udcff")"), Value("\xf0\x9f\x93\xbf\xff"));
  EXPECT_EQ(read(R"("\\udcff")"), Value("\\udcff"));
  EXPECT_EQ(read(R"("\"\udcff\"")"), Value("\"\xff\""));
  EXPECT_EQ(read(R"(["\u00e9",1])"), Value(Array{"é", 1}));
}

TEST(ParseWithEscapedBytes, IsStrictInEverythingElse) {
  for (const std::string_view text : {R"("\udc7f")",
                                      R"("\udd00")",
                                      R"("\udc00")",
                                      R"("\udfff")",
                                      R"("\ud800")",
                                      R"("\ud800x")",
                                      R"("\ud800\u0041")",
                                      R"("\ud800\ud800\udcff")",
                                      R"("\udcf")",
                                      R"("\udcfg")",
                                      R"("\udcff)",
                                      R"(\udcff)",
                                      R"(["a",\udcff"b"])",
                                      R"([1\udcff])",
                                      R"("\\"\udcff")",
                                      R"("\udcff"x)",
                                      R"("\udcff")"
                                      "\xff",
                                      "\"\xff\"",
                                      "\"\xc3\\udcff\xa9\"",
                                      "\"\\udcff\xff\""}) {
    const Result<Value> value = ParseWithEscapedBytes(text);
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().id, "json.syntax") << text;
  }
  const Result<Value> where = ParseWithEscapedBytes(R"(["\udcff",x])");
  ASSERT_FALSE(where);
  EXPECT_NE(where.error().message.find("at byte 10"), std::string::npos) << where.error().message;
}

TEST(ParseWithEscapedBytes, TwoSpellingsOfANameAreOneName) {
  for (const std::string_view text :
       {R"({"\udcff":1,"\uDCFF":2})", "{\"é\":1,\"\\udcc3\\udca9\":2}"}) {
    const Result<Value> value = ParseWithEscapedBytes(text);
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().id, "json.duplicate") << text;
  }
}

TEST(ParseWithEscapedBytes, ReadsWhatIsWritten) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  const Value value = Object{{"é" + all, Array{all, "\xc3", "\xed\xb3\xbf", "\xf0\x9f\x93"}}};
  const std::string text = SerializeWithEscapedBytes(value);
  EXPECT_EQ(ParseWithEscapedBytes(text), value);
  EXPECT_FALSE(Parse(text)) << "only where it is asked for";
}

TEST(Parse, RefusesANameTwiceInOneObject) {
  ExpectRefused(R"({"a":1,"b":2,"a":3})", "json.duplicate");
  ExpectRefused(R"({"a":1,"\u0061":3})", "json.duplicate");
  ExpectRefused(R"([{"x":{"a":1,"a":1}}])", "json.duplicate");
  ExpectRefused(R"({"":1,"":1})", "json.duplicate");
  EXPECT_TRUE(Parse(R"({"a":{"a":1},"b":{"a":1},"A":1})")) << "in different objects it is no fault";
}

std::string ObjectOf(int count, std::string_view last) {
  std::string text = "{";
  for (int i = 0; i < count; ++i) text += "\"name-" + std::to_string(i) + "\":0,";
  return text + "\"" + std::string(last) + "\":0}";
}

TEST(Parse, RefusesANameTwiceInALargeObject) {
  for (const int count : {15, 16, 17, 31, 32, 33, 100, 5000}) {
    EXPECT_TRUE(Parse(ObjectOf(count, "name-" + std::to_string(count)))) << count;
    ExpectRefused(ObjectOf(count, "name-0"), "json.duplicate");
    ExpectRefused(ObjectOf(count, "name-" + std::to_string(count - 1)), "json.duplicate");
  }
}

TEST(Parse, SaysWhichNameAndWhere) {
  const Result<Value> value = Parse("{\"\\u001b[2J\":1,\"\\u001b[2J\":2}");
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().id, "json.duplicate");
  EXPECT_NE(value.error().message.find("\\x1b[2J"), std::string::npos) << value.error().message;
  EXPECT_NE(value.error().message.find("at byte "), std::string::npos);

  const Result<Value> syntax = Parse("[1,x]");
  ASSERT_FALSE(syntax);
  EXPECT_NE(syntax.error().message.find("at byte 3"), std::string::npos) << syntax.error().message;
}

std::string Nested(std::size_t depth, std::string_view open, std::string_view close) {
  std::string text;
  for (std::size_t i = 0; i < depth; ++i) text += open;
  text += "0";
  for (std::size_t i = 0; i < depth; ++i) text += close;
  return text;
}

TEST(Parse, BoundsTheDepth) {
  ParseLimits limits;
  limits.max_depth = 4;
  EXPECT_TRUE(Parse(Nested(4, "[", "]"), limits));
  ExpectRefused(Nested(5, "[", "]"), "json.limit", limits);
  EXPECT_TRUE(Parse(Nested(4, "{\"a\":", "}"), limits));
  ExpectRefused(Nested(5, "{\"a\":", "}"), "json.limit", limits);
  ExpectRefused(Nested(1'000'000, "[", "]"), "json.limit");
  ExpectRefused(std::string(1'000'000, '['), "json.limit");
}

TEST(Parse, BoundsTheSize) {
  ParseLimits limits;
  limits.max_bytes = 4;
  EXPECT_TRUE(Parse("[12]", limits));
  ExpectRefused("[123]", "json.limit", limits);
}

TEST(Parse, BoundsTheNumberOfValues) {
  ParseLimits limits;
  limits.max_values = 4;
  EXPECT_TRUE(Parse("[1,[],3]", limits));
  ExpectRefused("[1,2,3,4]", "json.limit", limits);
  ExpectRefused("[[],[],[],[]]", "json.limit", limits);
  ExpectRefused("[{},{},{},{}]", "json.limit", limits);
  ExpectRefused(R"({"a":1,"b":2,"c":3,"d":4})", "json.limit", limits);
  ExpectRefused(R"(["a",true,null,1.5])", "json.limit", limits);
  limits.max_values = 0;
  ExpectRefused("1", "json.limit", limits);
}

}  // namespace
}  // namespace limequat::json
