#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/base/encoding.h"
#include "limequat/json/value.h"
#include "limequat/policy/runtime_policy.h"

namespace limequat::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kSha1 = crypto::HashAlgorithm::kSha1;
constexpr std::string_view kTime = "2026-11-25 09:00:00.000000";
const std::string kOne(64, '1');
const std::string kTwo(40, '2');

std::string Built(const RuntimePolicyBuilder& builder) {
  const auto text = builder.ToJson(kTime, kSha1);
  EXPECT_TRUE(text) << text.error().message;
  return text.value_or("");
}

std::string ErrorOf(const RuntimePolicyBuilder& builder) {
  const auto text = builder.ToJson(kTime, kSha1);
  return text ? "" : text.error().id;
}

TEST(PolicyBuilder, WritesTheShapeOfKeylimePolicy) {
  RuntimePolicyBuilder builder;
  builder.AddDigest("/b", kOne);
  builder.AddDigest("/a", "A" + std::string(39, 'a'));
  builder.AddDigest("/b", kTwo);
  builder.AddDigest("/b", kOne);
  builder.AddDigest("/with blank", kTwo);
  builder.AddExclude("/tmp");
  builder.AddExclude("/run");
  EXPECT_EQ(builder.paths(), 3U);
  EXPECT_EQ(
      Built(builder),
      R"({"meta":{"version":1,"generator":3,"timestamp":"2026-11-25 09:00:00.000000"},"release":0,"digests":{"/a":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],"/b":[")" +
          kOne + R"(",")" + kTwo + R"("],"/with_blank":[")" + kTwo +
          R"("]},"excludes":["/run","/tmp"],"keyrings":{},"ima":{"ignored_keyrings":[],"log_hash_alg":"sha1","dm_policy":null},"ima-buf":{},"verification-keys":""})");
}

TEST(PolicyBuilder, WhatItWritesIsRead) {
  RuntimePolicyBuilder builder;
  builder.AddDigest("/b", kOne);
  const auto policy = RuntimePolicy::Parse(Built(builder));
  ASSERT_TRUE(policy);
  EXPECT_THAT((*policy)->DigestsOf("/b"), ElementsAre(kOne));
}

TEST(PolicyBuilder, RefusesWhatIsNoDigest) {
  RuntimePolicyBuilder builder;
  builder.AddDigest("/b", "abc");
  EXPECT_EQ(ErrorOf(builder), "policy.digest");
}

// As Keylime's tools do: a lone low surrogate for each byte that is no text.
TEST(PolicyBuilder, PathsThatAreNotUtf8AreEscaped) {
  const std::string path = "/\xc3\xa9\xff\xc3";
  RuntimePolicyBuilder builder;
  builder.AddDigest(path, kOne);
  const auto text = builder.ToJson(kTime, kSha1);
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_THAT(*text, HasSubstr("\"/\xc3\xa9\\udcff\\udcc3\":[\""));
  const auto labelled = LabelPolicy(*text, {.name = "web", .release = {}, .window = {}});
  const auto merged = MergeRuntimePolicies(*text, *labelled);
  for (const Result<std::string>* one : {&text, &labelled, &merged}) {
    ASSERT_TRUE(*one) << one->error().message;
    const auto policy = RuntimePolicy::Parse(**one);
    ASSERT_TRUE(policy) << policy.error().message;
    EXPECT_EQ((*policy)->DigestsOf(path), std::vector{kOne});
  }
}

TEST(PolicyBuilder, RefusesInvalidExpressions) {
  RuntimePolicyBuilder builder;
  builder.AddDigest("/b", kOne);
  builder.AddExclude("*bad(");
  EXPECT_EQ(ErrorOf(builder), "policy.exclude");
}

TEST(PolicyBuilder, Attack_A10_RefusesToExcludeEverything) {
  RuntimePolicyBuilder builder;
  builder.AddDigest("/b", kOne);
  builder.AddExclude("/");
  EXPECT_EQ(ErrorOf(builder), "policy.exclude_everything");
}

TEST(MergePolicies, KeepsEveryDigestOfBoth) {
  RuntimePolicyBuilder base;
  base.AddDigest("/a", kOne);
  base.AddDigest("/only_base", kOne);
  base.AddExclude("/tmp");
  RuntimePolicyBuilder other;
  other.AddDigest("/a", kTwo);
  other.AddDigest("/only_other", kTwo);
  other.AddExclude("/run");
  const auto other_text = other.ToJson("2027-01-01 00:00:00.000000", kSha1);
  ASSERT_TRUE(other_text);
  const auto merged = MergeRuntimePolicies(Built(base), *other_text);
  ASSERT_TRUE(merged) << merged.error().message;
  const auto policy = RuntimePolicy::Parse(*merged);
  ASSERT_TRUE(policy);
  EXPECT_THAT((*policy)->DigestsOf("/a"), ElementsAre(kOne, kTwo));
  EXPECT_EQ((*policy)->paths(), 3U);
  EXPECT_EQ((*policy)->Excludes("/tmp/x"), Exclusion::kExcluded);
  EXPECT_EQ((*policy)->Excludes("/run/x"), Exclusion::kExcluded);
  EXPECT_THAT(*merged, HasSubstr("2027-01-01"));
}

TEST(MergePolicies, KeepsWhatThisVersionDoesNotEvaluate) {
  RuntimePolicyBuilder builder;
  builder.AddDigest("/a", kOne);
  auto base = json::Parse(Built(builder));
  ASSERT_TRUE(base);
  base->as_object()->Set("keyrings", json::Object{{".ima", json::Array{kOne}}});
  base->as_object()->Set("ima-buf", json::Object{{"boot", json::Array{kTwo}}});
  base->as_object()->Set("verification-keys", R"({"pubkeys":[],"keyids":[]})");
  base->as_object()->Set("ima", json::Object{{"ignored_keyrings", json::Array{"*"}},
                                             {"log_hash_alg", "sha1"},
                                             {"dm_policy", nullptr}});
  base->as_object()->Set("release", 5);
  const auto merged = MergeRuntimePolicies(json::Serialize(*base), Built(builder));
  ASSERT_TRUE(merged);
  const auto result = json::Parse(*merged);
  ASSERT_TRUE(result);
  for (const std::string_view name :
       {"keyrings", "ima-buf", "verification-keys", "ima", "release", "digests"}) {
    EXPECT_EQ(*result->as_object()->Find(name), *base->as_object()->Find(name)) << name;
  }
}

TEST(PolicyBuilder, WritesKeysBuffersAndIgnoredKeyrings) {
  RuntimePolicyBuilder builder;
  builder.AddIgnoredKeyring(".platform");
  builder.Add({.digests = {{"/a b", {kOne}}}, .keyrings = {{".ima", {kOne}}}, .buffers = {}});
  builder.Add({.digests = {}, .keyrings = {}, .buffers = {{"state", {kOne}}}});
  const auto policy = RuntimePolicy::Parse(Built(builder));
  ASSERT_TRUE(policy) << policy.error().message;
  const Bytes digest = *HexDecode(kOne);
  EXPECT_EQ((*policy)->Look("/a b", digest), PathAnswer::kListed);
  EXPECT_EQ((*policy)->LookKey(".ima", digest), PathAnswer::kListed);
  EXPECT_EQ((*policy)->LookBuffer("state", digest), PathAnswer::kListed);
  EXPECT_TRUE((*policy)->IgnoresKeyring(".platform"));
  EXPECT_FALSE((*policy)->IgnoresKeyring(".ima"));
}

TEST(PolicyBuilder, RefusesNamesThatAreNotUtf8) {
  const DigestsByName named = {{"\xff", {kOne}}};
  for (const PolicyAdditions& additions :
       {PolicyAdditions{.digests = {}, .keyrings = named, .buffers = {}},
        PolicyAdditions{.digests = {}, .keyrings = {}, .buffers = named}}) {
    RuntimePolicyBuilder builder;
    builder.Add(additions);
    EXPECT_EQ(ErrorOf(builder), "policy.path");
  }
}

TEST(MergePolicies, TakesANullForNoTimeStamp) {
  RuntimePolicyBuilder builder;
  builder.AddDigest("/a", kOne);
  std::string text = Built(builder);
  const std::string stamp = '"' + std::string(kTime) + '"';
  text.replace(text.find(stamp), stamp.size(), "null");
  const auto merged = MergeRuntimePolicies(Built(builder), text);
  ASSERT_TRUE(merged) << merged.error().message;
  EXPECT_THAT(*merged, HasSubstr(stamp));
}

TEST(LabelPolicy, PutsNameAndReleaseIntoThePolicy) {
  RuntimePolicyBuilder builder;
  builder.AddDigest("/a", kOne);
  const auto labelled = LabelPolicy(Built(builder), {.name = "web", .release = 7, .window = {}});
  ASSERT_TRUE(labelled) << labelled.error().message;
  const auto policy = RuntimePolicy::Parse(*labelled);
  ASSERT_TRUE(policy);
  EXPECT_EQ((*policy)->name(), "web");
  EXPECT_EQ((*policy)->release(), 7U);
  EXPECT_THAT((*policy)->DigestsOf("/a"), ElementsAre(kOne));
  const auto plain = RuntimePolicy::Parse(Built(builder));
  EXPECT_EQ((*plain)->name(), "");
  EXPECT_EQ((*plain)->release(), 0U);
  EXPECT_EQ(LabelPolicy(Built(builder), {}), Built(builder));
  EXPECT_EQ(LabelPolicy("{}", {.name = "web", .release = 7, .window = {}}).error().id,
            "policy.schema");
  EXPECT_EQ(LabelPolicy(Built(builder), {.name = std::string(256, 'n'), .release = 7, .window = {}})
                .error()
                .id,
            "policy.name");
}

// Each of the two leaves something to be checked; both together do not.
TEST(MergePolicies, Attack_A10_ExpressionsThatTogetherExcludeEverything) {
  RuntimePolicyBuilder base;
  base.AddDigest("/usr/bin/a", std::string(64, 'a'));
  base.AddExclude("/(usr|bin|lib|sbin|lib64)(/.*)?");
  RuntimePolicyBuilder other;
  other.AddDigest("/usr/bin/b", std::string(64, 'b'));
  other.AddExclude("/(?!usr|bin|lib|sbin|lib64).*");
  const auto merged = MergeRuntimePolicies(Built(base), Built(other));
  ASSERT_FALSE(merged);
  EXPECT_EQ(merged.error().id, "policy.exclude_everything");
}

TEST(MergePolicies, ErrorsNameTheSide) {
  RuntimePolicyBuilder builder;
  builder.AddDigest("/a", kOne);
  const auto bad_base = MergeRuntimePolicies("{}", Built(builder));
  ASSERT_FALSE(bad_base);
  EXPECT_EQ(bad_base.error().id, "policy.schema");
  EXPECT_THAT(bad_base.error().message, HasSubstr("policy 1"));
  const auto bad_other = MergeRuntimePolicies(Built(builder), "{}");
  ASSERT_FALSE(bad_other);
  EXPECT_THAT(bad_other.error().message, HasSubstr("policy 2"));
}

TEST(MergePolicies, DifferingListHashIsAConflict) {
  RuntimePolicyBuilder builder;
  builder.AddDigest("/a", kOne);
  const auto other = builder.ToJson(kTime, crypto::HashAlgorithm::kSha256);
  ASSERT_TRUE(other);
  const auto merged = MergeRuntimePolicies(Built(builder), *other);
  ASSERT_FALSE(merged);
  EXPECT_EQ(merged.error().code, ErrorCode::kConflict);
  EXPECT_EQ(merged.error().id, "policy.merge");
}

}  // namespace
}  // namespace limequat::policy
