#include "limequat/policy/layer_lint.h"

#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "limequat/policy/policy_set.h"

namespace limequat::policy {
namespace {

std::string Policy(std::string_view digests, std::string_view excludes = "",
                   std::string_view meta = "") {
  return fmt::format(
      R"({{"meta":{{"version":1,"generator":3{}}},"release":0,"digests":{{{}}},"excludes":[{}],)"
      R"("keyrings":{{}},"ima":{{"ignored_keyrings":[],"log_hash_alg":"sha1","dm_policy":null}},)"
      R"("ima-buf":{{}},"verification-keys":""}})",
      meta, digests, excludes);
}

std::string File(char name, char digest = '1') {
  return fmt::format(R"("/usr/bin/{}":["{}"])", name, std::string(64, digest));
}

// The checks that failed, with their last word, and the details.
std::string Failed(const std::vector<std::string>& texts) {
  std::vector<LayerText> layers;
  for (const std::string& text : texts) layers.push_back({fmt::format("L{}", layers.size()), text});
  const auto findings = CheckPolicyLayers(layers);
  if (!findings) return findings.error().id;
  std::string failed;
  for (const Finding& finding : *findings) {
    if (!finding.passed()) failed += finding.check.substr(20) + ": " + finding.detail + "\n";
  }
  return failed;
}

TEST(LayerLint, LayersThatEachAddSomething) {
  EXPECT_EQ(Failed({Policy(File('a')), Policy(File('b')), Policy(File('a', '2'))}), "");
  EXPECT_EQ(Failed({Policy(File('a')), Policy(File('a'), R"("/tmp/")")}),
            "shadowed: layer 'L0' adds nothing to layer 'L1'\n");
}

TEST(LayerLint, ShadowedLayers) {
  const std::string both = Policy(File('a') + "," + File('b'));
  EXPECT_EQ(Failed({Policy(File('a')), both}), "shadowed: layer 'L0' adds nothing to layer 'L1'\n");
  EXPECT_EQ(Failed({both, both}), "shadowed: layer 'L1' adds nothing to layer 'L0'\n");
}

// What it asks of machines is something, too.
TEST(LayerLint, MembersOfOursAreSomething) {
  const std::string plain = Policy(File('a'));
  for (const std::string_view member :
       {R"("ignore_violations":false,)", R"("coverage":{"command_line":{"ima_policy":["tcb"]}},)",
        R"("coverage":{"entries":{"p":["1111111111111111111111111111111111111111"]}},)"}) {
    std::string asking = plain;
    asking.insert(asking.find(R"("dm_policy")"), member);
    EXPECT_EQ(Failed({plain, asking}), "shadowed: layer 'L0' adds nothing to layer 'L1'\n");
  }
}

TEST(LayerLint, AWiderWindowIsSomething) {
  const std::string old = Policy(File('a'), "", R"(,"retire_after":"2026-12-01T00:00:00Z")");
  EXPECT_EQ(Failed({old, Policy(File('a'))}), "shadowed: layer 'L0' adds nothing to layer 'L1'\n");
  const std::string later = Policy(File('a'), "", R"(,"effective_from":"2026-11-01T00:00:00Z")");
  EXPECT_EQ(Failed({old, later}), "");
}

TEST(LayerLint, SilentLayers) {
  EXPECT_EQ(Failed({Policy(File('a')), Policy("", R"("/tmp/")")}),
            "silent: layer 'L1' counts for nothing: it lists no digests and no keys\n");
}

TEST(LayerLint, Attack_A10_ExpressionsThatTogetherMatchEverything) {
  const std::string most = Policy(File('a'), R"re("/(?!usr)","/usr/(?!bin)")re");
  const std::string failed = Failed({most, Policy(File('b'), R"("/usr/bin/")")});
  EXPECT_TRUE(failed.starts_with("together: ")) << failed;
}

TEST(LayerLint, WhatIsNoLayer) {
  EXPECT_EQ(Failed({Policy(File('a')), "{}"}), "policy.schema");
  EXPECT_EQ(Failed({}), "policy.layers");
}

}  // namespace
}  // namespace limequat::policy
