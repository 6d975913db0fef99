#include "limequat/json/reader.h"

#include <gtest/gtest.h>

namespace limequat::json {
namespace {

Value Message() {
  return Object{{"text", "hello"},
                {"number", 42},
                {"large", std::uint64_t{1} << 63U},
                {"real", 1.0},
                {"flag", true},
                {"bytes", "AQI="},
                {"not_base64", "AQI"},
                {"names", Array{"a", "b"}},
                {"mixed", Array{"a", 1}},
                {"object", Object{{"x", 1}}},
                {"nothing", nullptr}};
}

// Runs `read` on the message and gives the reader's verdict.
template <class Read>
std::string ErrorOf(Read read) {
  const Value message = Message();
  ObjectReader in(message, "message");
  read(in);
  const Status status = in.status();
  if (status) return "";
  EXPECT_EQ(status.error().code, ErrorCode::kMalformed);
  EXPECT_EQ(status.error().id, "json.member");
  return status.error().message;
}

TEST(ObjectReader, ReadsEveryType) {
  const Value message = Message();
  ObjectReader in(message, "message");
  EXPECT_EQ(in.String("text"), "hello");
  EXPECT_EQ(in.Int("number", 42, 42), 42);
  EXPECT_TRUE(in.Bool("flag"));
  EXPECT_EQ(in.Base64("bytes"), (Bytes{1, 2}));
  EXPECT_EQ(in.Strings("names"), (std::vector<std::string>{"a", "b"}));
  ASSERT_NE(in.ObjectMember("object"), nullptr);
  EXPECT_EQ(in.ObjectMember("object")->size(), 1U);
  ASSERT_NE(in.ArrayMember("mixed"), nullptr);
  EXPECT_EQ(in.ArrayMember("mixed")->size(), 2U);
  EXPECT_TRUE(in.Any("nothing")->is_null());
  EXPECT_EQ(in.Any("absent"), nullptr);
  EXPECT_TRUE(in.status());
}

TEST(ObjectReader, ReadsOptionalMembersThatAreThere) {
  const Value message = Message();
  ObjectReader in(message, "message");
  EXPECT_EQ(in.OptionalString("text"), "hello");
  EXPECT_EQ(in.OptionalInt("number", 0, 100), 42);
  EXPECT_EQ(in.OptionalBool("flag"), true);
  EXPECT_EQ(in.OptionalBase64("bytes"), (Bytes{1, 2}));
  EXPECT_EQ(in.OptionalStrings("names"), (std::vector<std::string>{"a", "b"}));
  EXPECT_NE(in.OptionalObject("object"), nullptr);
  EXPECT_TRUE(in.status());
}

TEST(ObjectReader, TreatsAbsentAndNullAlikeIfOptional) {
  const Value message = Message();
  ObjectReader in(message, "message");
  for (const std::string_view name : {"absent", "nothing"}) {
    EXPECT_EQ(in.OptionalString(name), std::nullopt);
    EXPECT_EQ(in.OptionalInt(name, 0, 1), std::nullopt);
    EXPECT_EQ(in.OptionalBool(name), std::nullopt);
    EXPECT_EQ(in.OptionalBase64(name), std::nullopt);
    EXPECT_EQ(in.OptionalStrings(name), std::nullopt);
    EXPECT_EQ(in.OptionalObject(name), nullptr);
  }
  EXPECT_TRUE(in.status());
}

TEST(ObjectReader, RefusesRequiredMembersThatAreAbsentOrNull) {
  for (const std::string name : {"absent", "nothing"}) {
    EXPECT_NE(ErrorOf([&](auto& in) { EXPECT_EQ(in.String(name), ""); }), "");
    EXPECT_NE(ErrorOf([&](auto& in) { EXPECT_EQ(in.Int(name, 5, 6), 5); }), "");
    EXPECT_NE(ErrorOf([&](auto& in) { EXPECT_FALSE(in.Bool(name)); }), "");
    EXPECT_NE(ErrorOf([&](auto& in) { EXPECT_TRUE(in.Base64(name).empty()); }), "");
    EXPECT_NE(ErrorOf([&](auto& in) { EXPECT_TRUE(in.Strings(name).empty()); }), "");
    EXPECT_NE(ErrorOf([&](auto& in) { EXPECT_EQ(in.ObjectMember(name), nullptr); }), "");
    EXPECT_NE(ErrorOf([&](auto& in) { EXPECT_EQ(in.ArrayMember(name), nullptr); }), "");
  }
  EXPECT_EQ(ErrorOf([](auto& in) { in.String("absent"); }), "message: member \"absent\": missing");
}

TEST(ObjectReader, RefusesWrongTypes) {
  EXPECT_EQ(ErrorOf([](auto& in) { EXPECT_EQ(in.String("number"), ""); }),
            "message: member \"number\": a string is needed, not integer");
  EXPECT_NE(ErrorOf([](auto& in) { in.Int("text", 0, 1); }), "");
  EXPECT_NE(ErrorOf([](auto& in) { in.Int("real", 0, 1); }), "");
  EXPECT_NE(ErrorOf([](auto& in) { in.Int("flag", 0, 1); }), "");
  EXPECT_NE(ErrorOf([](auto& in) { EXPECT_FALSE(in.Bool("number")); }), "");
  EXPECT_NE(ErrorOf([](auto& in) { EXPECT_TRUE(in.Base64("number").empty()); }), "");
  EXPECT_NE(ErrorOf([](auto& in) { EXPECT_TRUE(in.Base64("not_base64").empty()); }), "");
  EXPECT_NE(ErrorOf([](auto& in) { EXPECT_TRUE(in.Strings("mixed").empty()); }), "");
  EXPECT_NE(ErrorOf([](auto& in) { EXPECT_TRUE(in.Strings("text").empty()); }), "");
  EXPECT_NE(ErrorOf([](auto& in) { EXPECT_EQ(in.ObjectMember("names"), nullptr); }), "");
  EXPECT_NE(ErrorOf([](auto& in) { EXPECT_EQ(in.ArrayMember("object"), nullptr); }), "");
}

TEST(ObjectReader, RefusesWrongTypesIfOptional) {
  EXPECT_NE(ErrorOf([](auto& in) { in.OptionalString("number"); }), "");
  EXPECT_NE(ErrorOf([](auto& in) { in.OptionalInt("text", 0, 1); }), "");
  EXPECT_NE(ErrorOf([](auto& in) { in.OptionalBool("text"); }), "");
  EXPECT_NE(ErrorOf([](auto& in) { in.OptionalBase64("not_base64"); }), "");
  EXPECT_NE(ErrorOf([](auto& in) { in.OptionalStrings("mixed"); }), "");
  EXPECT_NE(ErrorOf([](auto& in) { EXPECT_EQ(in.OptionalObject("text"), nullptr); }), "");
}

TEST(ObjectReader, RefusesIntegersOutOfRange) {
  EXPECT_EQ(ErrorOf([](auto& in) { EXPECT_EQ(in.Int("number", 43, 50), 43); }),
            "message: member \"number\": an integer from 43 to 50 is needed, not 42");
  EXPECT_NE(ErrorOf([](auto& in) { in.Int("number", 0, 41); }), "");
  EXPECT_NE(ErrorOf([](auto& in) { in.OptionalInt("number", 43, 50); }), "");
  EXPECT_NE(ErrorOf([](auto& in) { in.Int("large", 0, INT64_MAX); }), "");
}

TEST(ObjectReader, KeepsTheFirstProblemAndReadsNothingAfterIt) {
  const std::string error = ErrorOf([](auto& in) {
    in.String("absent");
    EXPECT_EQ(in.String("text"), "");
    EXPECT_EQ(in.Int("number", 3, 100), 3);
    EXPECT_EQ(in.OptionalString("text"), std::nullopt);
    EXPECT_EQ(in.ObjectMember("object"), nullptr);
    in.Bool("number");
    in.Fail("text", "late");
    in.NoOthers();
  });
  EXPECT_EQ(error, "message: member \"absent\": missing");
}

TEST(ObjectReader, RecordsTheCallersOwnReason) {
  EXPECT_EQ(ErrorOf([](auto& in) { in.Fail("text", "no greeting"); }),
            "message: member \"text\": no greeting");
}

TEST(ObjectReader, RefusesWhatIsNoObject) {
  const Value array = Array{1};
  ObjectReader in(array, "message");
  EXPECT_EQ(in.String("x"), "");
  EXPECT_EQ(in.Any("x"), nullptr);
  in.NoOthers();
  ASSERT_FALSE(in.status());
  EXPECT_EQ(in.status().error().message, "message: an object is needed, not array");
}

TEST(ObjectReader, NoOthersRefusesMembersThatNobodyRead) {
  const Value message = Object{{"a", 1}, {"b", nullptr}, {"c", 2}};
  ObjectReader all(message, "message");
  all.Int("a", 0, 9);
  all.OptionalString("b");
  all.Any("c");
  all.OptionalString("absent");
  all.NoOthers();
  EXPECT_TRUE(all.status());

  ObjectReader some(message, "message");
  some.Int("a", 0, 9);
  some.NoOthers();
  ASSERT_FALSE(some.status());
  EXPECT_EQ(some.status().error().message, "message: member \"b\": unknown");
}

TEST(ObjectReader, Attack_A15_EscapesNamesInErrors) {
  const Value message = Object{{"\x1b[2J\n", 1}};
  ObjectReader in(message, "message");
  in.NoOthers();
  ASSERT_FALSE(in.status());
  EXPECT_EQ(in.status().error().message, "message: member \"\\x1b[2J\\x0a\": unknown");
}

}  // namespace
}  // namespace limequat::json
