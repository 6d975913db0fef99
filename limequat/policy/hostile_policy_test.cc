// Policies that are made to cost time or memory: each ends, quickly, in a policy or in
// an error. What would take minutes or gigabytes shows as the test's time limit.

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/policy/allow_list.h"
#include "limequat/policy/dsse.h"
#include "limequat/policy/policy_lint.h"
#include "limequat/policy/runtime_policy.h"

namespace limequat::policy {
namespace {

using ::testing::HasSubstr;

const std::string kDigests = R"("/usr/bin/a":["1111111111111111111111111111111111111111"])";

std::string Policy(std::string_view digests, std::string_view excludes) {
  return R"({"meta":{"version":1,"generator":3},"release":0,"digests":{)" + std::string(digests) +
         R"(},"excludes":[)" + std::string(excludes) +
         R"(],"keyrings":{},"ima":{"ignored_keyrings":[],"log_hash_alg":"sha1","dm_policy":null},)"
         R"("ima-buf":{},"verification-keys":""})";
}

// What reading it, checking it and converting it say.
std::string Outcome(const std::string& text) {
  const auto parsed = RuntimePolicy::Parse(text);
  static_cast<void>(CheckRuntimePolicy(text));
  static_cast<void>(ConvertPolicy(text, "", "t"));
  static_cast<void>(UnverifiedEnvelope::Parse(text));
  return parsed ? "a policy" : parsed.error().id;
}

std::string Repeated(std::string_view part, std::size_t times) {
  std::string text;
  for (std::size_t i = 0; i < times; ++i) text += (i == 0 ? "" : ",") + std::string(part);
  return text;
}

TEST(HostilePolicy, DepthBombs) {
  EXPECT_EQ(Outcome(std::string(1'000'000, '[')), "policy.json");
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += R"({"a":)";
  EXPECT_EQ(Outcome(objects), "policy.json");
  EXPECT_EQ(Outcome(Policy(R"("/a":)" + std::string(100'000, '['), "")), "policy.json");
}

TEST(HostilePolicy, MembersGivenTwice) {
  EXPECT_EQ(Outcome(Policy(kDigests + "," + kDigests, "")), "policy.json");
  EXPECT_EQ(Outcome(R"({"digests":{},"digests":{}})"), "policy.json");
  std::string many;
  for (int i = 0; i < 50'000; ++i) many += "\"/p" + std::to_string(i) + R"(":["x"],)";
  EXPECT_EQ(Outcome(Policy(many + kDigests + "," + kDigests, "")), "policy.json");
}

TEST(HostilePolicy, VeryLongStrings) {
  const std::string megabytes(8U << 20U, 'a');
  EXPECT_EQ(
      Outcome(Policy("\"/" + megabytes + R"(":["1111111111111111111111111111111111111111"])", "")),
      "a policy");
  EXPECT_EQ(Outcome(Policy("\"/a\":[\"" + megabytes + "\"]", "")), "policy.digest");
  EXPECT_EQ(Outcome(Policy(kDigests, '"' + megabytes + '"')), "policy.limit");
  EXPECT_EQ(Outcome(std::string(kMaxPolicyBytes + 1, ' ')), "policy.limit");
  // What is quoted of them is short.
  const auto error = RuntimePolicy::Parse(Policy("\"" + megabytes + "\":[1]", ""));
  ASSERT_FALSE(error);
  EXPECT_LT(error.error().message.size(), 1000U);
}

TEST(HostilePolicy, MoreValuesThanMemory) {
  EXPECT_EQ(Outcome("[" + Repeated("[]", 5'000'000) + "]"), "policy.json");
  EXPECT_EQ(Outcome(Policy(kDigests, Repeated("\"/x\"", kMaxExcludes + 1))), "policy.limit");
}

// Exponential in a careless matcher, on paths that every policy is tried with.
constexpr std::string_view kSlow = R"("([a-z/]+)+[!?]")";

TEST(HostilePolicy, Attack_A10_SlowExpressionsAreRefusedWhenTheyAreRead) {
  const auto slow = RuntimePolicy::Parse(Policy(kDigests, kSlow));
  ASSERT_FALSE(slow);
  EXPECT_EQ(slow.error().id, "policy.exclude");
  EXPECT_THAT(slow.error().message, HasSubstr("exclude expression 1"));
  EXPECT_EQ(Outcome(Policy(kDigests, Repeated(kSlow, kMaxExcludes))), "policy.exclude");
  // Thousands of slow ones in front of one that excludes everything: each path that is
  // tried would try them all.
  EXPECT_EQ(Outcome(Policy(kDigests, Repeated(kSlow, kMaxExcludes - 1) + R"(,".*")")),
            "policy.exclude");
}

// As slow as a path may make them without being refused, before one that excludes all.
TEST(HostilePolicy, ManyExpressionsAndManyPathsAreTriedWithinABudget) {
  std::string digests;
  for (int i = 0; i < 20'000; ++i) {
    digests += "\"/usr/lib/aaaaaaaaaaaaaaaaaaaaaaaa/" + std::to_string(i) +
               R"(":["1111111111111111111111111111111111111111"],)";
  }
  const std::string excludes = Repeated(R"("[^!]*[^?][^!]*[!?]")", kMaxExcludes - 1) + R"(,".*")";
  EXPECT_EQ(Outcome(Policy(digests + kDigests, excludes)), "policy.exclude");
}

TEST(HostilePolicy, ListsOfOneHugeLine) {
  const std::string line(16U << 20U, 'a');
  EXPECT_EQ(ConvertPolicy(line, "", "t").error().id, "policy.convert");
  EXPECT_EQ(ConvertPolicy(line + " /a", "", "t").error().id, "policy.digest");
  EXPECT_LT(ConvertPolicy(line, "", "t").error().message.size(), 1000U);
  const auto excluded = ConvertPolicy(std::string(40, '1') + " /a", line, "t");
  ASSERT_FALSE(excluded);
  EXPECT_EQ(excluded.error().id, "policy.limit");
}

}  // namespace
}  // namespace limequat::policy
