#include <gtest/gtest.h>

#include "limequat/json/value.h"

namespace limequat::json {
namespace {

TEST(Parse, ReadsAndWritesTheSame) {
  const std::string_view text = R"({"a":[1,-2,1.5,true,null,"x\u00e9\n"],"b":{"c":{}}})";
  const Result<Value> value = Parse(text);
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_EQ(Serialize(*value), "{\"a\":[1,-2,1.5,true,null,\"x\xc3\xa9\\n\"],\"b\":{\"c\":{}}}");
}

TEST(Parse, RefusesTheSecondMemberOfAName) {
  const Result<Value> value = Parse(R"({"a":1,"b":2,"a":3})");
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().id, "json.duplicate") << value.error().message;
}

}  // namespace
}  // namespace limequat::json
