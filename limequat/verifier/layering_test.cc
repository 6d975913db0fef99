#include "limequat/verifier/layering.h"

#include <algorithm>
#include <random>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "limequat/verifier/fleet_for_test.h"

namespace limequat::verifier {
namespace {

using Names = std::vector<std::string>;

Binding Own(const Names& policies) { return {.labels = {}, .policies = policies}; }

class LayeringTest : public VerifierTest {
 protected:
  void Put(const std::string& name, const std::string& body) {
    ASSERT_TRUE(
        store().PutPolicy({.name = name,
                           .hash = crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(body)),
                           .body = body},
                          {}, Time()));
  }
  std::string IdOf(const Names& names) {
    const auto made = Layering(store(), policies_).Of(Own(names));
    return made ? "ok" : made.error().id;
  }

  const std::string base_ = PolicyListing("/usr/bin/base");
  const std::string team_ = PolicyListing("/usr/bin/team");
};

TEST_F(LayeringTest, LayersComeInTheirOrderWithTheirVersions) {
  Put("base", PolicyListing("/usr/bin/old"));
  Put("base", base_);
  Put("team", team_);
  const auto made = Layering(store(), policies_).Of(Own({"team", "base"}));
  ASSERT_TRUE(made) << made.error().message;
  ASSERT_EQ(made->layers.size(), 2U);
  EXPECT_EQ(made->layers[0].policy, "team");
  EXPECT_EQ(made->layers[0].version, 1);
  EXPECT_EQ(made->layers[1].policy, "base");
  EXPECT_EQ(made->layers[1].version, 2);
  EXPECT_EQ(made->set->layers()[0].name, "team");
  EXPECT_EQ(made->set->layers()[1].policy, *policies_.Get(base_));
}

TEST_F(LayeringTest, NoLayersAreNoPolicy) {
  const auto made = Layering(store(), policies_).Of(Own({}));
  ASSERT_TRUE(made);
  EXPECT_EQ(made->set, nullptr);
}

// However many machines have a list: one set, as long as one of them holds it.
TEST_F(LayeringTest, EqualListsHaveOneSet) {
  Put("base", base_);
  Put("team", team_);
  const auto first = Layering(store(), policies_).Of(Own({"base", "team"}));
  const auto second = Layering(store(), policies_).Of(Own({"base", "team"}));
  const auto other = Layering(store(), policies_).Of(Own({"team", "base"}));
  ASSERT_TRUE(first && second && other);
  EXPECT_EQ(first->set, second->set);
  EXPECT_NE(first->set, other->set) << "they name their layers in another order";
  EXPECT_EQ(first->set->layers()[0].policy, other->set->layers()[1].policy) << "one content";
  const auto alone = Layering(store(), policies_).Of(Own({"base"}));
  const auto again = Layering(store(), policies_).Of(Own({"base"}));
  EXPECT_EQ(alone->set, again->set);
  EXPECT_EQ(alone->set->hash(), (*policies_.Get(base_))->hash()) << "as before there were layers";
}

TEST_F(LayeringTest, WhatIsAssumedStandsInForWhatIsStored) {
  Put("base", base_);
  Put("team", team_);
  Layering layering(store(), policies_);
  const std::string next = PolicyListing("/usr/bin/next");
  ASSERT_TRUE(layering.Assume("team", *policies_.Get(next)));
  auto made = layering.Of(Own({"base", "team"}));
  ASSERT_TRUE(made);
  EXPECT_EQ(made->set->layers()[1].policy, *policies_.Get(next));
  EXPECT_EQ(made->layers[1].version, 2);
  Layering same(store(), policies_);
  ASSERT_TRUE(same.Assume("team", *policies_.Get(team_)));
  EXPECT_EQ(same.Of(Own({"team"}))->layers[0].version, 1) << "no new version of the same";
  ASSERT_TRUE(same.Assume("new", *policies_.Get(next)));
  EXPECT_EQ(same.Of(Own({"new"}))->layers[0].version, 1);
}

TEST_F(LayeringTest, ListsThatCannotBeMadeAreRefused) {
  Put("base", base_);
  EXPECT_EQ(IdOf({"base", "missing"}), "verifier.unknown_policy");
  EXPECT_EQ(IdOf({"base", "base"}), "policy.layers");
  Names many;
  for (std::size_t i = 0; i <= policy::kMaxLayers; ++i) {
    many.push_back(fmt::format("p{}", i));
    Put(many.back(), PolicyListing(fmt::format("/usr/bin/p{}", i)));
  }
  EXPECT_EQ(IdOf(many), "policy.layers");
  many.pop_back();
  EXPECT_EQ(IdOf(many), "ok");
}

// Both say something; together their expressions leave nothing to look at.
TEST_F(LayeringTest, Attack_A10_LayersThatTogetherSayNothingAreRefused) {
  const auto excluding = [&](std::string_view expression) {
    std::string text = base_;
    const std::string empty = R"("excludes":[])";
    const std::size_t at = text.find(empty);
    EXPECT_NE(at, std::string::npos) << text;
    return text.replace(at, empty.size(), fmt::format(R"("excludes":["{}"])", expression));
  };
  Put("one", excluding("/[a-m].*"));
  Put("two", excluding("/[^a-m].*"));
  EXPECT_EQ(IdOf({"one"}), "ok");
  EXPECT_EQ(IdOf({"two"}), "ok");
  EXPECT_EQ(IdOf({"one", "two"}), "verifier.policy_says_nothing");
}

// --- labels ---

TEST_F(LayeringTest, LayersOfLabelsComeFirstAndEachPolicyOnce) {
  for (const char* name : {"base", "web", "eu", "node"}) Put(name, PolicyListing(name));
  ASSERT_TRUE(store().PutLabel("web", {"base", "web"}, {}));
  ASSERT_TRUE(store().PutLabel("eu", {"eu", "base"}, {}));
  Layering layering(store(), policies_);
  const auto made = layering.Of({.labels = {"eu", "web"}, .policies = {"node", "web"}});
  ASSERT_TRUE(made) << made.error().message;
  std::vector<std::pair<std::string, std::string>> layers;
  for (const BoundLayer& layer : made->layers) layers.emplace_back(layer.policy, layer.label);
  EXPECT_EQ(layers, (std::vector<std::pair<std::string, std::string>>{
                        {"eu", "eu"}, {"base", "eu"}, {"web", "web"}, {"node", ""}}));
  const auto same = layering.Of(Own({"eu", "base", "web", "node"}));
  EXPECT_EQ(same->set, made->set) << "what a list means does not depend on who named it";
  const auto other = layering.Of({.labels = {"web", "eu"}, .policies = {"node"}});
  EXPECT_EQ(other->layers.at(0).policy, "base");
  EXPECT_EQ(other->layers.at(0).label, "web") << "another binding is another list";
}

TEST_F(LayeringTest, WhatIsAssumedOfALabelStandsInForWhatIsStored) {
  Put("base", base_);
  Put("team", team_);
  ASSERT_TRUE(store().PutLabel("web", {"base"}, {}));
  Layering layering(store(), policies_);
  layering.AssumeLabel("web", {"team"});
  layering.AssumeLabel("new", {"base"});
  const auto made = layering.Of({.labels = {"web", "new"}, .policies = {}});
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->layers.at(0).policy, "team");
  EXPECT_EQ(made->layers.at(1).policy, "base");
}

TEST_F(LayeringTest, ALabelThatIsNotKeptIsRefused) {
  Put("base", base_);
  const auto made = Layering(store(), policies_).Of({.labels = {"missing"}, .policies = {"base"}});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().id, "verifier.unknown_label");
  EXPECT_EQ(made.error().code, ErrorCode::kNotFound);
  EXPECT_NE(made.error().message.find("missing"), std::string::npos);
}

// Nobody makes the verifier read policies by naming many: there is none of these.
TEST_F(LayeringTest, TooManyLayersAreRefusedBeforeAnyPolicyIsRead) {
  Names many;
  for (std::size_t i = 0; i <= policy::kMaxLayers; ++i) many.push_back(fmt::format("p{}", i));
  EXPECT_EQ(IdOf(many), "policy.layers");
  const Names half(many.begin(), many.begin() + policy::kMaxLayers / 2);
  const Names rest(many.begin() + policy::kMaxLayers / 2, many.end());
  Layering layering(store(), policies_);
  layering.AssumeLabel("half", half);
  layering.AssumeLabel("rest", rest);
  const auto id_of = [&](const Binding& bound) {
    const auto made = layering.Of(bound);
    return made ? "ok" : made.error().id;
  };
  EXPECT_EQ(id_of({.labels = {"half", "rest"}, .policies = {}}), "policy.layers");
  EXPECT_EQ(id_of({.labels = {"half"}, .policies = rest}), "policy.layers");
  EXPECT_EQ(id_of({.labels = {"half"}, .policies = {"p0", "p0"}}), "policy.layers") << "twice";
  for (const std::string& name : many) Put(name, PolicyListing(name));
  EXPECT_EQ(id_of({.labels = {"half", "rest"}, .policies = {}}), "policy.layers");
  many.pop_back();
  EXPECT_EQ(id_of({.labels = {"half"}, .policies = many}), "ok")
      << "what is named twice counts once";
}

// Random labels, in random orders, beside random policies of a machine's own: a file is good if
// a layer lists it, and only then.
TEST_F(LayeringTest, NoCombinationOfLabelsMakesAnUnlistedFileGood) {
  constexpr int kPolicies = 6;
  const auto name_of = [](int i) { return fmt::format("p{}", i); };
  const auto path_of = [](int i) { return fmt::format("/usr/bin/p{}", i); };
  for (int i = 0; i < kPolicies; ++i) Put(name_of(i), PolicyListing(path_of(i)));
  const Bytes digest = [] {
    const auto hash = crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes("content"));
    return Bytes(hash.bytes().begin(), hash.bytes().end());
  }();
  std::mt19937 random(7);  // NOLINT(bugprone-random-generator-seed): the same cases each time
  const auto some = [&](int most) {
    Names names;
    for (int i = 0; i < kPolicies; ++i) names.push_back(name_of(i));
    std::ranges::shuffle(names, random);
    names.resize(random() % static_cast<unsigned>(most + 1));
    return names;
  };
  for (int round = 0; round < 300; ++round) {
    Layering layering(store(), policies_);
    Binding bound{.labels = {}, .policies = some(2)};
    std::set<std::string> listed(bound.policies.begin(), bound.policies.end());
    for (const char* label : {"a", "b", "c"}) {
      const Names policies = some(3);
      layering.AssumeLabel(label, policies);
      if (random() % 2 == 0) continue;
      bound.labels.emplace_back(label);
      listed.insert(policies.begin(), policies.end());
    }
    std::ranges::shuffle(bound.labels, random);
    const auto made = layering.Of(bound);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_EQ(made->layers.size(), listed.size());
    if (made->set == nullptr) continue;
    const policy::PolicyAt policy(*made->set, Time());
    for (int i = 0; i < kPolicies; ++i) {
      const auto answer = policy.Look(path_of(i), digest);
      EXPECT_EQ(answer, listed.contains(name_of(i)) ? policy::PathAnswer::kListed
                                                    : policy::PathAnswer::kUnknownPath)
          << round << " " << path_of(i);
    }
  }
}

TEST_F(LayeringTest, ContentThatIsGoneOrDamagedIsLost) {
  Put("base", base_);
  Execute("UPDATE policies SET body = 'rubbish'");
  EXPECT_EQ(IdOf({"base"}), "verifier.policy_lost");
  Execute("DELETE FROM policies");
  EXPECT_EQ(IdOf({"base"}), "verifier.policy_lost");
}

}  // namespace
}  // namespace limequat::verifier
