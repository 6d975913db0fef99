#include "limequat/policy/device_mapper_policy.h"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/json/value.h"
#include "limequat/policy/device_mapper_policy_internal.h"
#include "limequat/policy/exclude_list.h"
#include "limequat/policy/testing/device_mapper.h"

namespace limequat::policy {
namespace {

using testing::DeviceMapperRules;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::VerityRule;

std::string ErrorOf(const json::Value& member) {
  const auto policy = ReadDeviceMapperPolicy(member);
  if (policy) return "none";
  EXPECT_EQ(policy.error().code, ErrorCode::kMalformed);
  EXPECT_THAT(policy.error().message, ::testing::Not(IsEmpty()));
  return policy.error().id;
}

// The rule with one member of it, of its load or of its rename set or, for a null pointer,
// left out.
enum class Part { kRule, kLoad, kRename, kRemove };
json::Value With(Part part, std::string_view name, const json::Value* value) {
  json::Object rule = VerityRule();
  constexpr std::string_view kNames[] = {"", "table_load", "device_rename", "device_remove"};
  const std::string_view inside = kNames[static_cast<int>(part)];
  json::Object changed;
  for (const auto& [key, member] : part == Part::kRule ? rule : *rule.Find(inside)->as_object()) {
    if (key != name) changed.Set(key, member);
  }
  if (value != nullptr) changed.Set(name, *value);
  if (part == Part::kRule) {
    rule = changed;
  } else {
    rule.Set(inside, changed);
  }
  return DeviceMapperRules({{"r", rule}});
}
std::string ErrorWith(Part part, std::string_view name, const json::Value& value) {
  return ErrorOf(With(part, name, &value));
}

bool Accepts(const json::Value& reference, std::optional<std::string_view> value) {
  const auto policy = ReadDeviceMapperPolicy(With(Part::kLoad, "major", &reference));
  EXPECT_TRUE(policy) << policy.error().message;
  return policy.value()->rules.at(0).major.Accepts(value);
}

TEST(DeviceMapperPolicy, Reads) {
  const auto policy =
      ReadDeviceMapperPolicy(DeviceMapperRules({{"a", VerityRule()}, {"b", VerityRule()}}, "uuid"));
  ASSERT_TRUE(policy) << policy.error().message;
  ASSERT_TRUE(policy->has_value());
  EXPECT_EQ((*policy)->match_on, DeviceMapperPolicy::Key::kUuid);
  ASSERT_EQ((*policy)->rules.size(), 2U);
  const DeviceRule& rule = (*policy)->rules[0];
  EXPECT_TRUE(rule.required && rule.resume_required);
  EXPECT_FALSE(rule.allow_removal || rule.allow_clear || rule.allow_multiple_loads);
  EXPECT_EQ((*policy)->RuleFor("CRYPT-VERITY-1"), &rule);
  EXPECT_EQ((*policy)->RuleFor("root"), nullptr);
  EXPECT_EQ((*policy)->RuleFor("a CRYPT-VERITY-1"), nullptr);
  EXPECT_EQ((*policy)->Find("b"), &(*policy)->rules[1]);
  EXPECT_EQ((*policy)->Find("c"), nullptr);
  EXPECT_EQ(ReadDeviceMapperPolicy(nullptr).value(), std::nullopt);
}

// Keylime's meaning of references, but for what is named below.
TEST(DeviceMapperPolicy, References) {
  EXPECT_TRUE(Accepts(nullptr, "x"));
  EXPECT_TRUE(Accepts(nullptr, std::nullopt));
  for (const json::Value& reference :
       {json::Value(true), json::Value(false), json::Value(1), json::Value("")}) {
    EXPECT_FALSE(Accepts(reference, std::nullopt));
  }
  for (const std::string_view yes : {"y", "Yes", "t", "TRUE", "on", "1"}) {
    EXPECT_TRUE(Accepts(true, yes) && !Accepts(false, yes)) << yes;
  }
  for (const std::string_view no : {"n", "No", "f", "FALSE", "off", "0"}) {
    EXPECT_TRUE(Accepts(false, no) && !Accepts(true, no)) << no;
  }
  for (const std::string_view neither : {"", "yesterday", "falsely", "2"}) {
    EXPECT_FALSE(Accepts(true, neither) || Accepts(false, neither)) << neither;
  }
  EXPECT_TRUE(Accepts(12, "12") && Accepts(12, "012"));
  EXPECT_FALSE(Accepts(12, "1") || Accepts(12, "12x") || Accepts(12, "") || Accepts(0, "x"));
  EXPECT_TRUE(Accepts("a|b|cc+", "ccc") && Accepts("a|b|cc+", "b") && Accepts("", ""));
  EXPECT_FALSE(Accepts("a|b|cc+", "c") || Accepts("a|b", "ab") || Accepts("", "a") ||
               Accepts(".*", "\xff"));
}

// For Keylime `false` allows the new name "n", "off" or "0".
TEST(DeviceMapperPolicy, Quirk_NoNewNameIsNoName) {
  const auto policy = ReadDeviceMapperPolicy(DeviceMapperRules({{"r", VerityRule()}}));
  EXPECT_FALSE(policy.value()->rules[0].new_name.Accepts("n"));
  EXPECT_FALSE(policy.value()->rules[0].new_uuid.Accepts("0"));
  EXPECT_EQ(ErrorWith(Part::kRename, "valid_name", true), "policy.device_mapper");
  EXPECT_EQ(ErrorWith(Part::kRename, "valid_uuid", 1), "policy.device_mapper");
  EXPECT_EQ(ErrorWith(Part::kRename, "valid_uuid", "a|b"), "none");
  EXPECT_EQ(ErrorWith(Part::kRename, "valid_uuid", nullptr), "none");
}

TEST(DeviceMapperPolicy, WhatIsRefused) {
  constexpr std::string_view kError = "policy.device_mapper";
  for (const std::string_view text :
       {"{}", "[]", "7", R"({"version":2,"match_on":"name","rules":{}})",
        R"({"version":1,"match_on":"minor","rules":{}})", R"({"version":1,"match_on":"name"})",
        R"({"version":1,"match_on":"name","rules":{"r":{}}})",
        R"({"version":1,"match_on":"name","rules":{"r":7}})",
        R"({"version":1,"match_on":"name","rules":{},"more":1})"}) {
    EXPECT_EQ(ErrorOf(*json::Parse(text)), kError) << text;
  }
  const json::Object rule = VerityRule();
  for (const auto& [name, member] : rule)
    EXPECT_EQ(ErrorOf(With(Part::kRule, name, nullptr)), kError);
  for (const auto& [name, member] : *rule.Find("table_load")->as_object()) {
    EXPECT_EQ(ErrorOf(With(Part::kLoad, name, nullptr)), kError) << name;
  }
  for (const std::string_view name : {"valid_name", "valid_uuid"}) {
    EXPECT_EQ(ErrorOf(With(Part::kRename, name, nullptr)), kError) << name;
  }
  EXPECT_EQ(ErrorOf(With(Part::kRemove, "allow_removal", nullptr)), kError);
  for (const Part part : {Part::kRule, Part::kLoad, Part::kRename, Part::kRemove}) {
    EXPECT_EQ(ErrorWith(part, "unknown", 1), kError);
  }
  EXPECT_EQ(ErrorWith(Part::kRule, "required", "yes"), kError);
  EXPECT_EQ(ErrorWith(Part::kLoad, "major", json::Array()), kError);
  EXPECT_EQ(ErrorWith(Part::kLoad, "major", 1.5), kError);
  EXPECT_EQ(ErrorWith(Part::kLoad, "uuid", "("), kError);
  EXPECT_EQ(ErrorWith(Part::kLoad, "targets", json::Array{7}), kError);
  EXPECT_EQ(ErrorWith(Part::kLoad, "targets", json::Array{json::Object{{"a", json::Object()}}}),
            kError);
  // What devices are told apart by is an expression, so that a rule says which it is for.
  EXPECT_EQ(ErrorWith(Part::kLoad, "name", nullptr), kError);
  EXPECT_EQ(ErrorWith(Part::kLoad, "uuid", nullptr), "none");
}

// Keylime compares no more rows than the policy lists: others would go unseen.
TEST(DeviceMapperPolicy, Quirk_EveryRowHasItsRule) {
  const json::Value number(2);
  const auto policy = ReadDeviceMapperPolicy(With(Part::kLoad, "num_targets", &number));
  ASSERT_FALSE(policy);
  EXPECT_THAT(policy.error().message, HasSubstr("num_targets is 2, and there are 1"));
  EXPECT_EQ(ErrorWith(Part::kLoad, "num_targets", nullptr), "policy.device_mapper");
  EXPECT_EQ(ErrorWith(Part::kLoad, "num_targets", 0), "policy.device_mapper");
}

TEST(DeviceMapperPolicy, Limits) {
  json::Object rules;
  for (std::size_t i = 0; i < kMaxDeviceRules; ++i) rules.Set(std::to_string(i), VerityRule());
  EXPECT_EQ(ErrorOf(DeviceMapperRules(rules)), "none");
  rules.Set("one more", VerityRule());
  EXPECT_EQ(ErrorOf(DeviceMapperRules(rules)), "policy.limit");
  json::Object row;
  for (std::size_t i = 0; i <= kMaxDeviceReferences; ++i) row.Set(std::to_string(i), 1);
  EXPECT_EQ(ErrorWith(Part::kLoad, "targets", json::Array{row}), "policy.limit");
  EXPECT_EQ(ErrorWith(Part::kLoad, "uuid", std::string(kMaxExpression + 1, 'a')), "policy.limit");
}

TEST(DeviceMapperPolicy, Objections) {
  const auto policy = ReadDeviceMapperPolicy(DeviceMapperRules({{"r", VerityRule()}}));
  const DeviceRule& rule = policy.value()->rules[0];
  ima::DeviceMapperDevice device{.name = "usr",
                                 .uuid = "CRYPT-VERITY-",
                                 .major = 253,
                                 .minor = 7,
                                 .minor_count = 1,
                                 .num_targets = 1};
  EXPECT_THAT(rule.Objections(device), IsEmpty());
  device = {
      .name = "x\n", .uuid = "y", .major = 1, .minor = {}, .minor_count = {}, .num_targets = {}};
  EXPECT_THAT(rule.Objections(device),
              ElementsAre(HasSubstr(R"(name is 'x\x0a', the rule says 'root|usr')"),
                          HasSubstr("uuid is 'y'"), HasSubstr("major is '1', the rule says 253"),
                          HasSubstr("minor_count is absent")));
  ima::DeviceMapperTarget target{.index = 0,
                                 .begin = 0,
                                 .length = 8,
                                 .type = "verity",
                                 .version = "1",
                                 .attributes = {{"hash_failed", "V"},
                                                {"verity_version", "1"},
                                                {"root_digest", "ab12"},
                                                {"check_at_most_once", "n"}}};
  EXPECT_THAT(rule.Objections(0, target), IsEmpty());
  EXPECT_THAT(rule.Objections(1, target), ElementsAre(HasSubstr("there is a row 1")));
  target.type = "linear";
  target.attributes[0].second = "C";
  target.attributes.pop_back();
  EXPECT_THAT(rule.Objections(0, target),
              ElementsAre(HasSubstr("target_name is 'linear'"), HasSubstr("hash_failed is 'C'"),
                          HasSubstr("check_at_most_once is absent, the rule says no")));
}

TEST(DeviceMapperPolicy, EveryValueOfARowIsKnown) {
  json::Object row = {{"target_index", 0},
                      {"target_begin", 8},
                      {"target_len", 16},
                      {"target_name", "t"},
                      {"target_version", "1"}};
  const json::Value targets(json::Array{row});
  const auto policy = ReadDeviceMapperPolicy(With(Part::kLoad, "targets", &targets));
  const ima::DeviceMapperTarget good{
      .index = 0, .begin = 8, .length = 16, .type = "t", .version = "1", .attributes = {}};
  const DeviceRule& rule = policy.value()->rules[0];
  EXPECT_THAT(rule.Objections(0, good), IsEmpty());
  const ima::DeviceMapperTarget bad{
      .index = 1, .begin = 9, .length = 17, .type = "u", .version = "2", .attributes = {}};
  EXPECT_EQ(rule.Objections(0, bad).size(), 5U);
}

}  // namespace
}  // namespace limequat::policy
