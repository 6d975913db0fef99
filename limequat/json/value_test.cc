#include "limequat/json/value.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "limequat/json/siphash.h"

namespace limequat::json {
namespace {

std::string Name(int i) { return "/usr/lib/file-" + std::to_string(i); }

TEST(Object, KeepsTheOrderAndReplacesInPlace) {
  Object object = {{"b", 1}, {"a", 2}};
  object.Set("c", 3).Set("b", "new");
  EXPECT_EQ(Serialize(object), R"({"b":"new","a":2,"c":3})");
  EXPECT_EQ(object.size(), 3U);
  EXPECT_FALSE(object.empty());
  EXPECT_TRUE(Object().empty());
}

TEST(Object, InitialisesWithTheLastOfARepeatedName) {
  const Object object = {{"a", 1}, {"a", 2}};
  EXPECT_EQ(object.size(), 1U);
  EXPECT_EQ(object.Find("a")->as_int64(), 2);
}

// Around the sizes at which the search changes and the table grows.
TEST(Object, FindsEveryMemberAtEverySize) {
  Object object;
  for (int i = 0; i < 300; ++i) {
    EXPECT_FALSE(object.Contains(Name(i)));
    object.Set(Name(i), i);
    for (int j = 0; j <= i; ++j) ASSERT_EQ(object.Find(Name(j))->as_int64(), j) << i;
    ASSERT_EQ(object.Find("absent"), nullptr);
    ASSERT_EQ(object.size(), static_cast<std::size_t>(i) + 1);
  }
  object.Set(Name(7), "replaced");
  EXPECT_EQ(object.size(), 300U);
  EXPECT_EQ(*object.Find(Name(7))->as_string(), "replaced");
}

TEST(Object, CopiesAndMovesWithItsIndex) {
  Object object;
  for (int i = 0; i < 50; ++i) object.Set(Name(i), i);
  Object copy = object;
  copy.Set(Name(50), 50);
  EXPECT_FALSE(object.Contains(Name(50)));
  EXPECT_TRUE(copy.Contains(Name(50)));
  EXPECT_TRUE(copy.Contains(Name(49)));

  Object moved = std::move(copy);
  EXPECT_TRUE(moved.Contains(Name(50)));
  EXPECT_TRUE(copy.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_FALSE(copy.Contains(Name(1)));
  copy.Set("again", 1);
  EXPECT_TRUE(copy.Contains("again"));

  copy = object;
  EXPECT_EQ(copy, object);
  Object& same = copy;
  copy = same;
  EXPECT_EQ(copy, object);
  copy = std::move(moved);
  EXPECT_EQ(copy.size(), 51U);
}

TEST(Object, ComparesMembersInOrder) {
  EXPECT_EQ((Object{{"a", 1}, {"b", 2}}), (Object{{"a", 1}, {"b", 2}}));
  EXPECT_NE((Object{{"a", 1}, {"b", 2}}), (Object{{"b", 2}, {"a", 1}}));
  EXPECT_NE((Object{{"a", 1}}), (Object{{"a", 2}}));
}

TEST(Value, NamesItsType) {
  EXPECT_EQ(Value().type_name(), "null");
  EXPECT_EQ(Value(nullptr).type_name(), "null");
  EXPECT_EQ(Value(true).type_name(), "boolean");
  EXPECT_EQ(Value(1).type_name(), "integer");
  EXPECT_EQ(Value(std::uint64_t{1}).type_name(), "integer");
  EXPECT_EQ(Value(1.0).type_name(), "number");
  EXPECT_EQ(Value("x").type_name(), "string");
  EXPECT_EQ(Value(Array()).type_name(), "array");
  EXPECT_EQ(Value(Object()).type_name(), "object");
}

TEST(Value, GivesIntegersThatFit) {
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  constexpr std::uint64_t kMostUnsigned = std::numeric_limits<std::uint64_t>::max();
  EXPECT_EQ(Value(kLeast).as_int64(), kLeast);
  EXPECT_EQ(Value(kLeast).as_uint64(), std::nullopt);
  EXPECT_EQ(Value(-1).as_uint64(), std::nullopt);
  EXPECT_EQ(Value(5).as_uint64(), 5U);
  EXPECT_EQ(Value(std::uint64_t{5}).as_int64(), 5);
  EXPECT_EQ(Value(static_cast<std::uint64_t>(kMost)).as_int64(), kMost);
  EXPECT_EQ(Value(static_cast<std::uint64_t>(kMost) + 1).as_int64(), std::nullopt);
  EXPECT_EQ(Value(kMostUnsigned).as_uint64(), kMostUnsigned);
  EXPECT_EQ(Value(1.0).as_int64(), std::nullopt);
  EXPECT_EQ(Value(1.0).as_uint64(), std::nullopt);
  EXPECT_EQ(Value("1").as_int64(), std::nullopt);
  EXPECT_EQ(Value(true).as_int64(), std::nullopt);
}

TEST(Value, GivesEveryNumberAsDouble) {
  EXPECT_EQ(Value(1.5).as_double(), 1.5);
  EXPECT_EQ(Value(-2).as_double(), -2.0);
  EXPECT_EQ(Value(std::uint64_t{3}).as_double(), 3.0);
  EXPECT_EQ(Value("3").as_double(), std::nullopt);
  EXPECT_EQ(Value().as_double(), std::nullopt);
}

TEST(Serialize, WritesNumbersSoThatTheyAreReadBack) {
  EXPECT_EQ(Serialize(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(Serialize(std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
  EXPECT_EQ(Serialize(1.0), "1.0");
  EXPECT_EQ(Serialize(0.1), "0.1");
  for (const double number : {-0.0, 1e300, 5e-324, 1.7976931348623157e308, 0.1 + 0.2, 1e16}) {
    const Result<Value> back = Parse(Serialize(number));
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, Value(number)) << number;
    EXPECT_EQ(back->type_name(), "number");
    EXPECT_EQ(std::signbit(*back->as_double()), std::signbit(number));
  }
}

TEST(Serialize, WritesWhatJsonHasNoNumberForAsNull) {
  EXPECT_EQ(Serialize(std::numeric_limits<double>::quiet_NaN()), "null");
  EXPECT_EQ(Serialize(-std::numeric_limits<double>::infinity()), "null");
}

TEST(Serialize, EscapesStrings) {
  EXPECT_EQ(Serialize("\"\\/\b\f\n\r\t"), R"("\"\\/\b\f\n\r\t")");
  EXPECT_EQ(Serialize(std::string_view("\0\x01\x1f\x7f", 4)), R"("\u0000\u0001\u001f\u007f")");
  EXPECT_EQ(Serialize("é測🔒"), "\"é測🔒\"");
}

TEST(Serialize, ReplacesBytesThatAreNotUtf8) {
  EXPECT_EQ(Serialize("a\xff"
                      "b"),
            "\"a\xef\xbf\xbd"
            "b\"");
  EXPECT_EQ(Serialize("\xe2\x82"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
  EXPECT_TRUE(Parse(Serialize("\xed\xa0\x80"))) << "what is written can be read";
  Object object;
  object.Set("\xff", 1);
  EXPECT_EQ(Serialize(object), "{\"\xef\xbf\xbd\":1}") << "names, too";
}

TEST(Pretty, IndentsAsPythonDoes) {
  const Value value =
      Object{{"a", Array{1, Object{{"b", nullptr}}}}, {"c", Array()}, {"d", Object()}};
  EXPECT_EQ(Pretty(value, 4), R"({
    "a": [
        1,
        {
            "b": null
        }
    ],
    "c": [],
    "d": {}
})");
  EXPECT_EQ(Pretty(Array{1}), "[\n  1\n]");
  EXPECT_EQ(Serialize(value), R"({"a":[1,{"b":null}],"c":[],"d":{}})");
}

// The vectors of the reference implementation: key 00 01 … 0f, data 00 01 … of the
// length that is the place in this table.
TEST(SipHash, GivesTheVectorsOfItsAuthors) {
  constexpr std::array<std::uint64_t, 2> kKey = {0x0706050403020100U, 0x0f0e0d0c0b0a0908U};
  std::string data;
  EXPECT_EQ(SipHash(kKey, data), 0x726fdb47dd0e0e31U);
  for (char c = 0; c < 8; ++c) data.push_back(c);
  EXPECT_EQ(SipHash(kKey, data), 0x93f5f5799a932462U);
  for (char c = 8; c < 15; ++c) data.push_back(c);
  EXPECT_EQ(SipHash(kKey, data), 0xa129ca6149be45e5U);
}

TEST(SipHash, DependsOnTheKey) {
  EXPECT_NE(SipHash({1, 2}, "name"), SipHash({1, 3}, "name"));
  EXPECT_NE(SipHash({1, 2}, "name"), SipHash({0, 2}, "name"));
}

}  // namespace
}  // namespace limequat::json
