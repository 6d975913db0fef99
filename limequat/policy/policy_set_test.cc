#include "limequat/policy/policy_set.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/base/encoding.h"

namespace limequat::policy {
namespace {

using Lists = std::vector<std::pair<std::string, std::string>>;  // name and digest

std::string Hex(char digit) { return std::string(64, digit); }
Bytes Raw(char digit) { return *HexDecode(Hex(digit)); }
Time At(int hour) { return *ParseRfc3339(fmt::format("2026-11-25T{:02}:00:00Z", hour)); }

std::string ListsText(const Lists& lists) {
  std::string text;
  for (const auto& [name, digest] : lists) {
    text += fmt::format("{}\"{}\":[\"{}\"]", text.empty() ? "" : ",", name, digest);
  }
  return "{" + text + "}";
}

struct Text {
  Lists digests{};
  std::vector<std::string> excludes{};
  Lists keyrings{};
  std::string ignored{};
  Lists buffers{};
  std::string meta{};
  int generator = 3;
  std::string devices = "null";
  std::string ours{};  // ",\"ignore_violations\":true"

  std::string Json() const {
    std::string expressions;
    for (const std::string& each : excludes) {
      expressions += fmt::format("{}\"{}\"", expressions.empty() ? "" : ",", each);
    }
    return fmt::format(
        R"({{"meta":{{"version":1,"generator":{}{}}},"release":2,"digests":{},"excludes":[{}],)"
        R"("keyrings":{},"ima":{{"ignored_keyrings":[{}],"log_hash_alg":"sha1","dm_policy":{}{}}},)"
        R"("ima-buf":{},"verification-keys":""}})",
        generator, meta, ListsText(digests), expressions, ListsText(keyrings),
        ignored.empty() ? "" : '"' + ignored + '"', devices, ours, ListsText(buffers));
  }
};

std::shared_ptr<const RuntimePolicy> Parsed(const Text& text) {
  const auto policy = RuntimePolicy::Parse(text.Json());
  EXPECT_TRUE(policy) << policy.error().message;
  return policy ? *policy : nullptr;
}

std::shared_ptr<const PolicySet> Set(const std::vector<Text>& texts) {
  std::vector<PolicyLayer> layers;
  for (const Text& text : texts) {
    layers.push_back({.name = fmt::format("layer{}", layers.size()), .policy = Parsed(text)});
  }
  const auto set = PolicySet::Compose(std::move(layers));
  EXPECT_TRUE(set) << set.error().message;
  return set ? *set : nullptr;
}

const Text kBase{.digests = {{"/usr/bin/a", Hex('1')}}};
const Text kTeam{.digests = {{"/opt/b", Hex('2')}}};

TEST(PolicySet, OneLayerIsThePolicy) {
  const auto policy = Parsed(kBase);
  const auto set = PolicySet::Of(policy);
  EXPECT_EQ(set->hash(), policy->hash());
  EXPECT_FALSE(set->says_nothing());
  const PolicyAt at(*set, At(9));
  EXPECT_EQ(at.hash(), policy->hash());
  EXPECT_EQ(at.Look("/usr/bin/a", Raw('1')), PathAnswer::kListed);
  EXPECT_EQ(at.Look("/usr/bin/a", Raw('2')), PathAnswer::kOtherDigest);
  EXPECT_EQ(at.Look("/usr/bin/b", Raw('1')), PathAnswer::kUnknownPath);
  EXPECT_TRUE(PolicySet::Of(Parsed({}))->says_nothing());
  EXPECT_TRUE(PolicyAt(*PolicySet::Of(Parsed({})), At(9)).says_nothing());
}

TEST(PolicySet, WhatAnyLayerListsIsGood) {
  const auto set = Set({kBase, kTeam, {.digests = {{"/usr/bin/a", Hex('3')}}}});
  const PolicyAt at(*set, At(9));
  EXPECT_EQ(at.Look("/usr/bin/a", Raw('1')), PathAnswer::kListed);
  EXPECT_EQ(at.Look("/usr/bin/a", Raw('3')), PathAnswer::kListed);
  EXPECT_EQ(at.Look("/usr/bin/a", Raw('2')), PathAnswer::kOtherDigest);
  EXPECT_EQ(at.Look("/opt/b", Raw('2')), PathAnswer::kListed);
  const auto listed = at.DigestsOf("/usr/bin/a");
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_EQ(listed[1].digest, Hex('3'));
  EXPECT_EQ(listed[1].layer->name, "layer2");
  EXPECT_FALSE(listed[1].retired.has_value());
  EXPECT_EQ(at.DigestsOf("/usr/bin/a", 1).size(), 1U);
}

// Order, names and contents are what attestations are compared with.
TEST(PolicySet, Attack_A14_TheHashCoversOrderNamesAndContents) {
  const auto base = Parsed(kBase);
  const auto team = Parsed(kTeam);
  const auto hash = [](std::vector<PolicyLayer> layers) {
    return (*PolicySet::Compose(std::move(layers)))->hash();
  };
  const crypto::Digest first = hash({{"x", base}, {"y", team}});
  EXPECT_EQ(first, hash({{"x", base}, {"y", team}}));
  EXPECT_NE(first, hash({{"y", team}, {"x", base}}));
  EXPECT_NE(first, hash({{"x", base}, {"z", team}}));
  EXPECT_NE(first, hash({{"x", team}, {"y", base}}));
  EXPECT_NE(first, hash({{"x", base}, {"y", team}, {"z", team}}));
  EXPECT_NE(first, base->hash());
}

TEST(PolicySet, RefusesNoLayerTooManyAndTheSameNameTwice) {
  EXPECT_EQ(PolicySet::Compose({}).error().id, "policy.layers");
  const auto policy = Parsed(kBase);
  std::vector<PolicyLayer> many;
  for (std::size_t i = 0; i < kMaxLayers; ++i) many.push_back({fmt::format("{}", i), policy});
  EXPECT_TRUE(PolicySet::Compose(many));
  many.push_back({"one more", policy});
  EXPECT_EQ(PolicySet::Compose(many).error().id, "policy.layers");
  EXPECT_EQ(PolicySet::Compose({{"x", policy}, {"x", policy}}).error().id, "policy.layers");
}

TEST(PolicySet, Attack_A10_ExcludesNeverLoosenWhatAnotherLayerLists) {
  const auto set = Set({{.digests = {{"/usr/bin/a", Hex('1')}, {"/opt/own", Hex('4')}}},
                        {.digests = {{"/opt/b", Hex('2')}, {"/opt/tmp/c", Hex('3')}},
                         .excludes = {"/usr/bin/", "/opt/tmp/"}}});
  const PolicyAt at(*set, At(9));
  EXPECT_EQ(at.Excludes("/usr/bin/a"), Exclusion::kNo);
  EXPECT_EQ(at.Excludes("/usr/bin/other"), Exclusion::kExcluded);
  // As Keylime has it: of its own paths a layer may exclude some.
  EXPECT_EQ(at.Excludes("/opt/tmp/c"), Exclusion::kExcluded);
  EXPECT_EQ(at.Excludes("boot_aggregate"), Exclusion::kNo);
}

TEST(PolicySet, Attack_A10_ALayerThatSaysNothingCountsForNothing) {
  const auto all = Set({kBase, {.digests = {{"/x", Hex('9')}}, .excludes = {".*"}}});
  EXPECT_FALSE(all->says_nothing());
  EXPECT_EQ(PolicyAt(*all, At(9)).Excludes("/tmp/evil"), Exclusion::kNo);
  EXPECT_EQ(PolicyAt(*all, At(9)).Look("/x", Raw('9')), PathAnswer::kUnknownPath);
  // Keylime's empty policy, and one of expressions alone.
  const auto empty =
      Set({kBase, {.excludes = {"/tmp/"}}, {.digests = {{"/y", Hex('9')}}, .generator = 0}});
  EXPECT_EQ(PolicyAt(*empty, At(9)).Excludes("/tmp/evil"), Exclusion::kNo);
  EXPECT_EQ(PolicyAt(*empty, At(9)).Look("/y", Raw('9')), PathAnswer::kUnknownPath);
  const auto nothing = Set({{}, {.excludes = {"/tmp/"}}});
  EXPECT_TRUE(nothing->says_nothing());
  EXPECT_NE(nothing->why_it_says_nothing().find("layer1"), std::string::npos);
}

// Each by itself leaves something; together they leave nothing.
TEST(PolicySet, Attack_A10_ExcludesThatTogetherMatchEverything) {
  const Text most{.digests = {{"/usr/bin/a", Hex('1')}}, .excludes = {"/(?!usr)", "/usr/(?!bin)"}};
  const Text rest{.digests = {{"/opt/b", Hex('2')}}, .excludes = {"/usr/bin/"}};
  EXPECT_FALSE(Set({most})->says_nothing());
  EXPECT_FALSE(Set({rest})->says_nothing());
  const auto both = Set({most, rest});
  EXPECT_TRUE(both->says_nothing());
  EXPECT_TRUE(PolicyAt(*both, At(9)).says_nothing());
}

const std::string kNoDevices = R"({"version":1,"match_on":"name","rules":{}})";

TEST(PolicySet, RulesForDevicesComeFromOneLayer) {
  EXPECT_EQ(PolicyAt(*Set({kBase, kTeam}), At(9)).device_mapper(), nullptr);
  EXPECT_FALSE(PolicyAt(*Set({kBase, kTeam}), At(9)).accepts_devices());
  const Text ruled{.meta = R"(,"effective_from":"2026-11-25T05:00:00Z",)"
                           R"("retire_after":"2026-11-25T07:00:00Z")",
                   .devices = kNoDevices};
  const auto set = Set({kBase, ruled});
  EXPECT_EQ(PolicyAt(*set, At(4)).device_mapper(), nullptr);
  EXPECT_NE(PolicyAt(*set, At(6)).device_mapper(), nullptr);
  EXPECT_TRUE(PolicyAt(*set, At(6)).accepts_devices());
  EXPECT_TRUE(PolicyAt(*set, At(6)).learns());
  // Afterwards they accept nothing, and nothing comes in their place.
  EXPECT_NE(PolicyAt(*set, At(9)).device_mapper(), nullptr);
  EXPECT_FALSE(PolicyAt(*set, At(9)).accepts_devices());
  EXPECT_TRUE(PolicyAt(*set, At(9), At(6)).accepts_devices());
  const auto two = PolicySet::Compose(
      {{.name = "a", .policy = Parsed(ruled)}, {.name = "b", .policy = Parsed(ruled)}});
  ASSERT_FALSE(two);
  EXPECT_EQ(two.error().id, "policy.layers");
}

TEST(PolicySet, Attack_A09_OneLayerMayForbidWhatAnotherIgnores) {
  const Text ignores{.digests = {{"/opt/b", Hex('2')}}, .ours = R"(,"ignore_violations":true)"};
  const Text forbids{.digests = {{"/opt/c", Hex('2')}}, .ours = R"(,"ignore_violations":false)"};
  EXPECT_FALSE(PolicyAt(*Set({kBase, kTeam}), At(9)).ignores_violations());
  EXPECT_TRUE(PolicyAt(*Set({kBase, ignores}), At(9)).ignores_violations());
  EXPECT_FALSE(PolicyAt(*Set({forbids, ignores}), At(9)).ignores_violations());
  EXPECT_FALSE(PolicyAt(*Set({ignores, forbids}), At(9)).ignores_violations());
  Text late = ignores;
  late.meta = R"(,"retire_after":"2026-11-25T07:00:00Z")";
  EXPECT_TRUE(PolicyAt(*Set({kBase, late}), At(6)).ignores_violations());
  EXPECT_FALSE(PolicyAt(*Set({kBase, late}), At(9)).ignores_violations());
}

TEST(PolicySet, Attack_A02_CommandLineThatAnyLayerNeeds) {
  const auto needs = [](std::string_view path, std::string_view name, std::string_view value) {
    return Text{
        .digests = {{"/opt/" + std::string(path), Hex('2')}},
        .ours = fmt::format(R"(,"coverage":{{"command_line":{{"{}":["{}"]}}}})", name, value)};
  };
  Text late = needs("c", "ima_hash", "sha1");
  late.meta = R"(,"retire_after":"2026-11-25T07:00:00Z")";
  Text not_yet = needs("d", "ima_canonical_fmt", "");
  not_yet.meta = R"(,"effective_from":"2026-11-25T11:00:00Z")";
  const auto set =
      Set({needs("a", "ima_policy", "tcb"), needs("b", "ima_policy", "all"), late, not_yet});
  EXPECT_TRUE(set->needs_command_line());
  EXPECT_FALSE(Set({kBase, kTeam})->needs_command_line());
  // A retired layer proves nothing, and what it needs is needed still.
  EXPECT_EQ(PolicyAt(*set, At(9)).command_line(),
            (ParameterValues{{"ima_policy", {"all", "tcb"}}, {"ima_hash", {}}}));
  EXPECT_EQ(PolicyAt(*set, At(6)).command_line(),
            (ParameterValues{{"ima_policy", {"all", "tcb"}}, {"ima_hash", {"sha1"}}}));
}

TEST(PolicySet, Attack_A02_CoverageThatAnyLayerNeeds) {
  const auto needs = [](std::string_view name, char digit) {
    return Text{.digests = {{"/opt/" + std::string(name), Hex('2')}},
                .ours = fmt::format(R"(,"coverage":{{"entries":{{"{}":["{}"]}}}})", name,
                                    std::string(64, digit))};
  };
  Text late = needs("old", '3');
  late.meta = R"(,"retire_after":"2026-11-25T07:00:00Z")";
  const auto set = Set({needs("p", '1'), needs("p", '2'), needs("q", '1'), late});
  const PolicyAt at(*set, At(9));
  EXPECT_THAT(at.coverage(), ::testing::ElementsAre("p", "q", "old"));
  EXPECT_EQ(at.LookCoverage("p", Raw('2')), PathAnswer::kListed);
  EXPECT_EQ(at.LookCoverage("q", Raw('2')), PathAnswer::kOtherDigest);
  EXPECT_EQ(at.LookCoverage("old", Raw('3')), PathAnswer::kOtherDigest);
  EXPECT_EQ(PolicyAt(*set, At(6)).LookCoverage("old", Raw('3')), PathAnswer::kListed);
}

TEST(PolicySet, KeyringsAndBuffersGoLikePaths) {
  const auto set = Set(
      {{.keyrings = {{".ima", Hex('1')}}, .buffers = {{"dm_table", Hex('5')}}},
       {.digests = {{"/opt/b", Hex('2')}}, .ignored = "*", .buffers = {{"dm_table", Hex('6')}}}});
  const PolicyAt at(*set, At(9));
  EXPECT_TRUE(at.learns());
  EXPECT_EQ(at.LookKey(".ima", Raw('1')), PathAnswer::kListed);
  EXPECT_EQ(at.LookBuffer("dm_table", Raw('5')), PathAnswer::kListed);
  EXPECT_EQ(at.LookBuffer("dm_table", Raw('6')), PathAnswer::kListed);
  EXPECT_EQ(at.LookBuffer("dm_table", Raw('7')), PathAnswer::kOtherDigest);
  // Another layer lists keys for it: they are not ignored away.
  EXPECT_FALSE(at.IgnoresKeyring(".ima"));
  EXPECT_TRUE(at.IgnoresKeyring(".platform"));
}

// --- windows ---

const Text kOld{.digests = {{"/usr/bin/a", Hex('1')}, {"/usr/bin/gone", Hex('7')}},
                .excludes = {"/old/"},
                .ignored = ".old",
                .meta = R"(,"retire_after":"2026-11-25T12:00:00Z")"};
const Text kNew{.digests = {{"/usr/bin/a", Hex('2')}},
                .excludes = {"/usr/bin/"},
                .meta = R"(,"effective_from":"2026-11-25T08:00:00+00:00")"};

TEST(PolicySet, OldAndNewAreGoodWithinTheGraceWindow) {
  const auto set = Set({kOld, kNew});
  EXPECT_TRUE(set->retires());
  const PolicyAt early(*set, At(7));
  EXPECT_EQ(early.Look("/usr/bin/a", Raw('1')), PathAnswer::kListed);
  EXPECT_EQ(early.Look("/usr/bin/a", Raw('2')), PathAnswer::kOtherDigest);
  EXPECT_EQ(early.Excludes("/usr/bin/b"), Exclusion::kNo);
  const PolicyAt grace(*set, At(9));
  EXPECT_EQ(grace.Look("/usr/bin/a", Raw('1')), PathAnswer::kListed);
  EXPECT_EQ(grace.Look("/usr/bin/a", Raw('2')), PathAnswer::kListed);
  EXPECT_EQ(grace.Excludes("/usr/bin/b"), Exclusion::kExcluded);
  EXPECT_EQ(PolicyAt(*set, At(12)).Look("/usr/bin/a", Raw('1')), PathAnswer::kListed);
}

TEST(PolicySet, RetiredIsJudgedByWhenTheEntryWasFirstVerified) {
  const auto set = Set({kOld, kNew});
  const PolicyAt late(*set, At(13));
  EXPECT_EQ(late.Look("/usr/bin/a", Raw('1')), PathAnswer::kOtherDigest);
  EXPECT_EQ(late.Look("/usr/bin/a", Raw('2')), PathAnswer::kListed);
  const PolicyAt known(*set, At(13), At(9));
  EXPECT_EQ(known.Look("/usr/bin/a", Raw('1')), PathAnswer::kListed);
  EXPECT_EQ(known.Excludes("/old/x"), Exclusion::kExcluded);
  EXPECT_TRUE(known.IgnoresKeyring(".old"));
  // Nobody verified anything in the future.
  EXPECT_EQ(PolicyAt(*set, At(9), At(13)).Look("/usr/bin/a", Raw('1')), PathAnswer::kListed);
  // In effect is judged by now: what the new layer lists is good for entries of before.
  EXPECT_EQ(PolicyAt(*set, At(9), At(1)).Look("/usr/bin/a", Raw('2')), PathAnswer::kListed);
}

TEST(PolicySet, WhatARetiredLayerListsStillCountsAsListed) {
  const auto set = Set({kOld, kNew});
  const PolicyAt late(*set, At(13));
  EXPECT_EQ(late.Look("/usr/bin/gone", Raw('7')), PathAnswer::kOtherDigest);
  EXPECT_EQ(late.Excludes("/usr/bin/gone"), Exclusion::kNo);
  EXPECT_EQ(late.Excludes("/old/x"), Exclusion::kNo);
  EXPECT_FALSE(late.IgnoresKeyring(".old"));
  const auto listed = late.DigestsOf("/usr/bin/gone");
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0].retired, At(12));
}

TEST(PolicySet, Attack_A20_ALayerThatComesIntoEffectIsAnotherPolicy) {
  const auto set = Set({kOld, kNew});
  EXPECT_NE(PolicyAt(*set, At(7)).hash(), set->hash());
  EXPECT_EQ(PolicyAt(*set, At(8)).hash(), set->hash());
  EXPECT_EQ(PolicyAt(*set, At(13)).hash(), set->hash());
}

TEST(PolicySet, BeforeAnyLayerIsInEffectNothingIsPoliced) {
  const auto set = PolicySet::Of(Parsed(kNew));
  EXPECT_TRUE(PolicyAt(*set, At(7)).says_nothing());
  EXPECT_FALSE(PolicyAt(*set, At(8)).says_nothing());
  // Retired is not the same: what was listed stays listed, and nothing passes any more.
  EXPECT_FALSE(PolicyAt(*PolicySet::Of(Parsed(kOld)), At(20)).says_nothing());
}

TEST(PolicySet, LayersForResults) {
  const auto set = Set({kOld, kNew, {}});
  const auto states = [&](Time now) {
    std::vector<std::string> all;
    for (const json::Value& layer : LayersToJson(PolicyAt(*set, now))) {
      all.push_back(*layer.as_object()->Find("state")->as_string());
    }
    return all;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(states(At(7)), (Names{"in effect", "not yet", "says nothing"}));
  EXPECT_EQ(states(At(13)), (Names{"retired", "in effect", "says nothing"}));
  const json::Array array = LayersToJson(PolicyAt(*set, At(7)));
  EXPECT_EQ(json::Serialize(json::Value(array[0])),
            R"({"name":"layer0","release":2,"sha256":")" + Parsed(kOld)->hash().hex() +
                R"(","retire_after":"2026-11-25T12:00:00Z","state":"in effect"})");
}

TEST(PolicyWindow, IsRefusedUnlessItIsOne) {
  const auto refused = [](std::string_view meta) {
    Text text = kBase;
    text.meta = meta;
    const auto policy = RuntimePolicy::Parse(text.Json());
    return policy ? "taken" : policy.error().id;
  };
  EXPECT_EQ(refused(R"(,"retire_after":"tomorrow")"), "policy.window");
  EXPECT_EQ(refused(R"(,"effective_from":"")"), "policy.window");
  EXPECT_EQ(refused(R"(,"effective_from":7)"), "policy.schema");
  EXPECT_EQ(refused(R"(,"retire_after":["2026-11-25T12:00:00Z"])"), "policy.schema");
  EXPECT_EQ(refused(R"(,"effective_from":"2026-11-25T12:00:00Z",)"
                    R"("retire_after":"2026-11-25T12:00:00Z")"),
            "policy.window");
  EXPECT_EQ(refused(R"(,"effective_from":"2026-11-25T12:00:00Z",)"
                    R"("retire_after":"2026-11-25T12:00:01Z")"),
            "taken");
}

TEST(PolicyWindow, IsPutInByLabelAndKeptByMerge) {
  const PolicyWindow window{.effective_from = At(8), .retire_after = At(12)};
  const std::string text =
      *LabelPolicy(kBase.Json(), {.name = {}, .release = {}, .window = window});
  EXPECT_EQ((*RuntimePolicy::Parse(text))->window(), window);
  const auto merged = MergeRuntimePolicies(text, text);
  EXPECT_EQ((*RuntimePolicy::Parse(*merged))->window(), window);
}

// Merged, the digests of one would outlive its window.
TEST(PolicyWindow, MergeRefusesPoliciesOfDifferentWindows) {
  const std::string old = kOld.Json();
  const std::string plain = kBase.Json();
  EXPECT_EQ(MergeRuntimePolicies(old, plain).error().id, "policy.merge");
  EXPECT_EQ(MergeRuntimePolicies(plain, old).error().id, "policy.merge");
}

}  // namespace
}  // namespace limequat::policy
