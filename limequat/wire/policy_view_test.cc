#include "limequat/wire/policy_view.h"

#include <gtest/gtest.h>

namespace limequat::wire {
namespace {

const std::string kHash(64, 'a');
const std::string kKey(64, 'b');

json::Object One(const json::Object& policy) { return {{"policies", json::Array{policy}}}; }

TEST(PolicyViewTest, IsReadAsItWasWritten) {
  const auto read = ParsePolicies(WritePolicies(
      {{.name = "a b", .hash = kHash, .signed_by = kKey}, {.name = "web", .hash = kKey}}));
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->size(), 2U);
  EXPECT_EQ(read->at(0).name, "a b");
  EXPECT_EQ(read->at(0).hash, kHash);
  EXPECT_EQ(read->at(0).signed_by, kKey);
  EXPECT_EQ(read->at(1).name, "web");
  EXPECT_EQ(read->at(1).signed_by, std::nullopt);
  EXPECT_TRUE(ParsePolicies(WritePolicies({}))->empty());
}

TEST(PolicyViewTest, WhatIsNotPinnedSaysSo) {
  EXPECT_EQ(json::Serialize(WritePolicies({{.name = "web", .hash = kHash}})),
            R"({"policies":[{"name":"web","hash":")" + kHash + R"(","signed_by":null}]})");
}

TEST(PolicyViewTest, VerifiersOfBeforeSaidNothingOfKeys) {
  const auto read = ParsePolicies(One({{"name", "web"}, {"hash", kHash}}));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->at(0).signed_by, std::nullopt);
}

TEST(PolicyViewTest, WhatIsRefused) {
  for (const json::Object& policy : {json::Object{{"hash", kHash}},
                                     {{"name", 7}, {"hash", kHash}},
                                     {{"name", "web"}},
                                     {{"name", "web"}, {"hash", kHash + "aa"}},
                                     {{"name", "web"}, {"hash", std::string(64, 'A')}},
                                     {{"name", "web"}, {"hash", std::string(64, 'g')}},
                                     {{"name", "web"}, {"hash", kHash}, {"signed_by", true}},
                                     {{"name", "web"}, {"hash", kHash}, {"signed_by", ""}},
                                     {{"name", "web"}, {"hash", kHash}, {"signed_by", "alice"}}}) {
    const auto read = ParsePolicies(One(policy));
    ASSERT_FALSE(read) << json::Serialize(policy);
    EXPECT_EQ(read.error().code, ErrorCode::kMalformed);
    EXPECT_TRUE(read.error().id.starts_with("wire.policies")) << read.error().id;
  }
  for (const json::Value& document :
       {json::Value(json::Array{}), json::Value(json::Object{}),
        json::Value(json::Object{{"policies", json::Object{}}}),
        json::Value(json::Object{{"policies", json::Array{"web"}}})}) {
    EXPECT_FALSE(ParsePolicies(document)) << json::Serialize(document);
  }
}

}  // namespace
}  // namespace limequat::wire
