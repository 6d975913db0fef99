// Properties of merging, over policies made at random from a fixed seed.

#include <algorithm>
#include <array>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "limequat/base/encoding.h"
#include "limequat/policy/runtime_policy.h"

namespace limequat::policy {
namespace {

// Few names and digests, so that policies overlap.
class PolicyMaker {
 public:
  std::string Make() {
    std::string text = R"({"meta":{"version":1,"generator":3)";
    if (Chance(2)) text += R"(,"timestamp":")" + std::to_string(Below(100)) + '"';
    text += R"(},"release":)" + std::to_string(Below(4)) + R"(,"digests":)" + Lists("/usr/bin/");
    text += R"(,"excludes":)" + Strings({"/tmp/.*", "/var/log", "/run", "/home/[^/]*/x"});
    text += R"(,"keyrings":)" + Lists(".ring") + R"(,"ima":{"ignored_keyrings":)" +
            Strings({".a", ".b"}) + R"(,"log_hash_alg":"sha1","dm_policy":)";
    text += Chance(4) ? R"({"version":1,"match_on":"name","rules":{}})" : "null";
    if (Chance(3)) text += R"(,"ignore_violations":true)";
    if (Chance(3))
      text += R"(,"coverage":{"entries":{"p":["1111111111111111111111111111111111111111"]}})";
    text += R"(},"ima-buf":)" + Lists("buffer") + R"(,"verification-keys":)";
    text += Chance(4) ? R"("{\"pubkeys\":[],\"keyids\":[]}")" : R"("")";
    return text + "}";
  }

 private:
  std::size_t Below(std::size_t bound) { return random_() % bound; }
  bool Chance(std::size_t one_in) { return Below(one_in) == 0; }

  std::string Lists(std::string_view prefix) {
    std::string text = "{";
    for (const char name : std::string_view("abcd")) {
      if (!Chance(2)) continue;
      if (text.size() > 1) text += ',';
      text += '"' + std::string(prefix) + name + R"(":[)";
      const std::size_t count = 1 + Below(3);
      for (std::size_t i = 0; i < count; ++i) {
        text += (i == 0 ? "\"" : ",\"") +
                std::string(Chance(2) ? 40 : 64, static_cast<char>('1' + Below(3))) + '"';
      }
      text += ']';
    }
    return text + "}";
  }

  std::string Strings(std::vector<std::string_view> from) {
    std::string text = "[";
    for (const std::string_view each : from) {
      if (Chance(2)) text += (text.size() > 1 ? ",\"" : "\"") + std::string(each) + '"';
    }
    return text + "]";
  }

  std::mt19937 random_{20'261'125};  // NOLINT(bugprone-random-generator-seed): repeatable
};

std::string Merged(std::vector<std::string_view> policies) {
  const auto merged = MergeRuntimePolicies(policies);
  EXPECT_TRUE(merged) << merged.error().message;
  return merged.value_or("");
}

constexpr int kRounds = 300;

TEST(MergePolicies, IsAssociative) {
  PolicyMaker maker;
  for (int round = 0; round < kRounds; ++round) {
    const std::array policies = {maker.Make(), maker.Make(), maker.Make()};
    const auto& [a, b, c] = policies;
    const std::string all = Merged({a, b, c});
    ASSERT_EQ(Merged({Merged({a, b}), c}), all) << a << '\n' << b << '\n' << c;
    ASSERT_EQ(Merged({a, Merged({b, c})}), all) << a << '\n' << b << '\n' << c;
  }
}

TEST(MergePolicies, TheOrderMattersForTheTimeStampOnly) {
  PolicyMaker maker;
  for (int round = 0; round < kRounds; ++round) {
    const std::string a = maker.Make();
    const std::string b = maker.Make();
    const auto without_time = [](std::string text) {
      const std::size_t at = text.find("\"timestamp\"");
      return text.erase(at, text.find('}', at) - at);
    };
    ASSERT_EQ(without_time(Merged({a, b})), without_time(Merged({b, a})));
  }
}

TEST(MergePolicies, IsIdempotent) {
  PolicyMaker maker;
  for (int round = 0; round < kRounds; ++round) {
    const std::string once = Merged({maker.Make()});
    ASSERT_EQ(Merged({once, once}), once);
  }
}

std::vector<std::shared_ptr<const RuntimePolicy>> Parsed(std::span<const std::string> texts) {
  std::vector<std::shared_ptr<const RuntimePolicy>> policies;
  for (const std::string& text : texts) policies.push_back(*RuntimePolicy::Parse(text));
  return policies;
}

// No order or combination of policies makes an unlisted digest good.
TEST(MergePolicies, ListsWhatOneOfThemListsAndNothingElse) {
  PolicyMaker maker;
  for (int round = 0; round < kRounds; ++round) {
    const std::array texts = {maker.Make(), maker.Make(), maker.Make()};
    const auto merged = RuntimePolicy::Parse(Merged({texts[0], texts[1], texts[2]}));
    ASSERT_TRUE(merged);
    bool rules = false;
    const auto parts = Parsed(texts);
    for (const auto& part : parts) rules = rules || part->device_mapper() != nullptr;
    EXPECT_EQ((*merged)->device_mapper() != nullptr, rules);
    for (const char name : std::string_view("abcde")) {
      const std::string path = std::string("/usr/bin/") + name;
      for (const char digit : std::string_view("1234")) {
        for (const std::size_t size : {40U, 64U}) {
          const Bytes digest = *HexDecode(std::string(size, digit));
          bool listed = false;
          for (const auto& part : parts) {
            listed = listed || part->Look(path, digest) == PathAnswer::kListed;
          }
          ASSERT_EQ((*merged)->Look(path, digest) == PathAnswer::kListed, listed);
        }
      }
    }
  }
}

// A path that no part lists is overlooked only if one of them overlooks it.
TEST(MergePolicies, ExcludesWhatOneOfThemExcludesAndNothingElse) {
  PolicyMaker maker;
  for (int round = 0; round < kRounds; ++round) {
    const std::array texts = {maker.Make(), maker.Make(), maker.Make()};
    const auto merged = RuntimePolicy::Parse(Merged({texts[0], texts[1], texts[2]}));
    ASSERT_TRUE(merged);
    const auto parts = Parsed(texts);
    for (const std::string_view path :
         {"/tmp/x", "/tmp", "/var/log/x", "/run", "/home/a/x", "/home/a/b", "/usr/bin/a", "/b"}) {
      const bool excluded = std::ranges::any_of(
          parts, [&](const auto& part) { return part->Excludes(path) == Exclusion::kExcluded; });
      ASSERT_EQ((*merged)->Excludes(path) == Exclusion::kExcluded, excluded) << path;
    }
  }
}

// Alone it is no policy and as a layer it counts for nothing, whatever it lists.
TEST(MergePolicies, NothingIsTakenFromAPolicyThatIsMarkedAsEmpty) {
  PolicyMaker maker;
  for (int round = 0; round < kRounds; ++round) {
    const std::string good = maker.Make();
    for (const char generator : {'0', '1'}) {
      std::string empty = maker.Make();
      empty[empty.find("\"generator\":") + 12] = generator;
      ASSERT_TRUE((*RuntimePolicy::Parse(empty))->says_nothing());
      for (const auto& policies :
           {std::vector<std::string_view>{empty}, {good, empty}, {empty, good}}) {
        const auto merged = MergeRuntimePolicies(policies);
        ASSERT_FALSE(merged) << *merged;
        EXPECT_EQ(merged.error().id, "policy.merge");
      }
    }
  }
}

TEST(MergePolicies, WhatOnlyLimequatKnows) {
  const auto with = [](std::string_view members) {
    return R"({"meta":{"version":1,"generator":3},"release":0,"digests":{},"excludes":[],"keyrings":{},"ima":{"ignored_keyrings":[],"log_hash_alg":"sha1","dm_policy":null)" +
           std::string(members) + R"(},"ima-buf":{},"verification-keys":""})";
  };
  const std::string one = with(R"(,"ignore_violations":true)");
  const std::string proven =
      with(R"(,"coverage":{"entries":{"p":["1111111111111111111111111111111111111111"]}})");
  const std::string line = with(R"(,"coverage":{"command_line":{"ima_policy":["tcb"]}})");
  const std::string other =
      with(R"(,"coverage":{"command_line":{"ima_policy":["x"],"ima_hash":["y"]}})");
  const auto merged = RuntimePolicy::Parse(Merged({with(""), one, proven, line, other, with("")}));
  EXPECT_EQ((*merged)->command_line(),
            (ParameterValues{{"ima_policy", {"tcb", "x"}}, {"ima_hash", {"y"}}}));
  EXPECT_EQ((*merged)->ignores_violations(), true);
  EXPECT_EQ((*merged)->coverage(), std::vector<std::string>{"p"});
  const auto differ = MergeRuntimePolicies(one, with(R"(,"ignore_violations":false)"));
  ASSERT_FALSE(differ);
  EXPECT_EQ(differ.error().id, "policy.merge");
}

TEST(MergePolicies, RefusesToDropWhatTheyDifferIn) {
  const auto with = [](std::string_view dm, std::string_view keys) {
    return R"({"meta":{"version":1,"generator":3},"release":0,"digests":{},"excludes":[],"keyrings":{},"ima":{"ignored_keyrings":[],"log_hash_alg":"sha1","dm_policy":)" +
           std::string(dm) + R"(},"ima-buf":{},"verification-keys":)" + std::string(keys) + "}";
  };
  const std::string one = with(R"({"version":1,"match_on":"name","rules":{}})", R"("")");
  const std::string two = with(R"({"version":1,"match_on":"uuid","rules":{}})", R"("")");
  const auto merged = MergeRuntimePolicies(one, two);
  ASSERT_FALSE(merged);
  EXPECT_EQ(merged.error().id, "policy.merge");
  const auto kept = RuntimePolicy::Parse(Merged({with("null", R"("")"), one}));
  EXPECT_NE((*kept)->device_mapper(), nullptr);
}

}  // namespace
}  // namespace limequat::policy
