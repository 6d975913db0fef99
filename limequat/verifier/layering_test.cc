#include "limequat/verifier/layering.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "limequat/verifier/fleet_for_test.h"

namespace limequat::verifier {
namespace {

using Names = std::vector<std::string>;

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
    const auto made = Layering(store(), policies_).Of(names);
    return made ? "ok" : made.error().id;
  }

  const std::string base_ = PolicyListing("/usr/bin/base");
  const std::string team_ = PolicyListing("/usr/bin/team");
};

TEST_F(LayeringTest, LayersComeInTheirOrderWithTheirVersions) {
  Put("base", PolicyListing("/usr/bin/old"));
  Put("base", base_);
  Put("team", team_);
  const auto made = Layering(store(), policies_).Of({"team", "base"});
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
  const auto made = Layering(store(), policies_).Of({});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->set, nullptr);
}

// However many machines have a list: one set, as long as one of them holds it.
TEST_F(LayeringTest, EqualListsHaveOneSet) {
  Put("base", base_);
  Put("team", team_);
  const auto first = Layering(store(), policies_).Of({"base", "team"});
  const auto second = Layering(store(), policies_).Of({"base", "team"});
  const auto other = Layering(store(), policies_).Of({"team", "base"});
  ASSERT_TRUE(first && second && other);
  EXPECT_EQ(first->set, second->set);
  EXPECT_NE(first->set, other->set) << "they name their layers in another order";
  EXPECT_EQ(first->set->layers()[0].policy, other->set->layers()[1].policy) << "one content";
  const auto alone = Layering(store(), policies_).Of({"base"});
  const auto again = Layering(store(), policies_).Of({"base"});
  EXPECT_EQ(alone->set, again->set);
  EXPECT_EQ(alone->set->hash(), (*policies_.Get(base_))->hash()) << "as before there were layers";
}

TEST_F(LayeringTest, WhatIsAssumedStandsInForWhatIsStored) {
  Put("base", base_);
  Put("team", team_);
  Layering layering(store(), policies_);
  const std::string next = PolicyListing("/usr/bin/next");
  ASSERT_TRUE(layering.Assume("team", *policies_.Get(next)));
  auto made = layering.Of({"base", "team"});
  ASSERT_TRUE(made);
  EXPECT_EQ(made->set->layers()[1].policy, *policies_.Get(next));
  EXPECT_EQ(made->layers[1].version, 2);
  Layering same(store(), policies_);
  ASSERT_TRUE(same.Assume("team", *policies_.Get(team_)));
  EXPECT_EQ(same.Of({"team"})->layers[0].version, 1) << "no new version of the same";
  ASSERT_TRUE(same.Assume("new", *policies_.Get(next)));
  EXPECT_EQ(same.Of({"new"})->layers[0].version, 1);
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

TEST_F(LayeringTest, ContentThatIsGoneOrDamagedIsLost) {
  Put("base", base_);
  Execute("UPDATE policies SET body = 'rubbish'");
  EXPECT_EQ(IdOf({"base"}), "verifier.policy_lost");
  Execute("DELETE FROM policies");
  EXPECT_EQ(IdOf({"base"}), "verifier.policy_lost");
}

}  // namespace
}  // namespace limequat::verifier
