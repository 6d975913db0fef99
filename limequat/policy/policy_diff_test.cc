#include "limequat/policy/policy_diff.h"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace limequat::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kOne(40, '1');
const std::string kTwo(40, '2');

// A policy with `members` in place of the empty ones.
std::string Policy(
    std::string_view digests = R"("/a":["1111111111111111111111111111111111111111"])",
    std::string_view excludes = "", std::string_view keyrings = "", std::string_view ignored = "",
    std::string_view hash = "sha1", std::string_view buffers = "", std::string_view timestamp = "x",
    int release = 0) {
  return R"({"meta":{"version":1,"generator":3,"timestamp":")" + std::string(timestamp) +
         R"("},"release":)" + std::to_string(release) + R"(,"digests":{)" + std::string(digests) +
         R"(},"excludes":[)" + std::string(excludes) + R"(],"keyrings":{)" + std::string(keyrings) +
         R"(},"ima":{"ignored_keyrings":[)" + std::string(ignored) + R"(],"log_hash_alg":")" +
         std::string(hash) + R"(","dm_policy":null},"ima-buf":{)" + std::string(buffers) +
         R"(},"verification-keys":""})";
}

PolicyDiff Diff(const std::string& first, const std::string& second) {
  auto diff = DiffRuntimePolicies(first, second);
  EXPECT_TRUE(diff) << diff.error().message;
  return diff.value_or(PolicyDiff());
}

TEST(DiffPolicies, SamePoliciesAreTheSame) {
  EXPECT_TRUE(Diff(Policy(), Policy()).same());
  // Time stamps, order and repetitions ask nothing of a machine.
  const std::string ab = R"("/a":[")" + kOne + R"(",")" + kTwo + R"("],"/b":[")" + kOne + R"("])";
  const std::string ba =
      R"("/b":[")" + kOne + R"("],"/a":[")" + kTwo + R"(",")" + kOne + R"(",")" + kOne + R"("])";
  EXPECT_TRUE(
      Diff(Policy(ab, R"("/x","/y")"), Policy(ba, R"("/y","/x","/y")", "", "", "sha1", "", "later"))
          .same());
}

TEST(DiffPolicies, NamesWhatIsNewGoneAndChanged) {
  const std::string before = R"("/gone":[")" + kOne + R"("],"/changed":[")" + kOne + R"("])";
  const std::string after = R"("/changed":[")" + kTwo + R"("],"/new":[")" + kTwo + R"("])";
  const PolicyDiff diff = Diff(Policy(before), Policy(after));
  EXPECT_FALSE(diff.same());
  ASSERT_EQ(diff.digests.size(), 3U);
  EXPECT_EQ(diff.digests[0].name, "/changed");
  EXPECT_TRUE(diff.digests[0].was_listed && diff.digests[0].is_listed);
  EXPECT_THAT(diff.digests[0].digests.added, ElementsAre(kTwo));
  EXPECT_THAT(diff.digests[0].digests.removed, ElementsAre(kOne));
  EXPECT_EQ(diff.digests[1].name, "/gone");
  EXPECT_TRUE(diff.digests[1].was_listed && !diff.digests[1].is_listed);
  EXPECT_THAT(diff.digests[1].digests.removed, ElementsAre(kOne));
  EXPECT_EQ(diff.digests[2].name, "/new");
  EXPECT_TRUE(!diff.digests[2].was_listed && diff.digests[2].is_listed);
  EXPECT_THAT(diff.digests[2].digests.added, ElementsAre(kTwo));
}

TEST(DiffPolicies, ComparesEveryMember) {
  const std::string digests = R"("/a":[")" + kOne + R"("])";
  const std::string plain = Policy(digests);
  const PolicyDiff excludes = Diff(plain, Policy(digests, R"("/tmp")"));
  EXPECT_THAT(excludes.excludes.added, ElementsAre("/tmp"));
  EXPECT_THAT(Diff(Policy(digests, R"("/tmp")"), plain).excludes.removed, ElementsAre("/tmp"));
  const PolicyDiff keyrings = Diff(plain, Policy(digests, "", R"(".ima":[")" + kTwo + R"("])"));
  ASSERT_EQ(keyrings.keyrings.size(), 1U);
  EXPECT_EQ(keyrings.keyrings[0].name, ".ima");
  const PolicyDiff ignored = Diff(plain, Policy(digests, "", "", R"("*")"));
  EXPECT_THAT(ignored.ignored_keyrings.added, ElementsAre("*"));
  const PolicyDiff buffers =
      Diff(plain, Policy(digests, "", "", "", "sha1", R"("k":[")" + kTwo + R"("])"));
  ASSERT_EQ(buffers.buffers.size(), 1U);
  const PolicyDiff hash = Diff(plain, Policy(digests, "", "", "", "sha256"));
  ASSERT_EQ(hash.values.size(), 1U);
  EXPECT_EQ(hash.values[0].member, "ima.log_hash_alg");
  EXPECT_EQ(hash.values[0].before, "sha1");
  EXPECT_EQ(hash.values[0].after, "sha256");
  std::string ruled = plain;
  ruled.replace(ruled.find(R"("dm_policy":null)"), 16,
                R"("dm_policy":{"version":1,"match_on":"name","rules":{}})");
  const PolicyDiff rules = Diff(plain, ruled);
  ASSERT_EQ(rules.values.size(), 1U);
  EXPECT_EQ(rules.values[0].member, "ima.dm_policy");
  EXPECT_EQ(rules.values[0].before, "null");
  const auto with = [&](std::string_view members) {
    std::string text = plain;
    return text.insert(text.find(R"("dm_policy")"), members);
  };
  const PolicyDiff violations = Diff(plain, with(R"("ignore_violations":true,)"));
  ASSERT_EQ(violations.values.size(), 1U);
  EXPECT_EQ(violations.values[0].member, "ima.ignore_violations");
  const PolicyDiff coverage =
      Diff(plain, with(R"("coverage":{"entries":{"p":[")" + kTwo + R"("]}},)"));
  ASSERT_EQ(coverage.coverage.size(), 1U);
  EXPECT_EQ(coverage.coverage[0].name, "p");
  const PolicyDiff command_line =
      Diff(plain, with(R"("coverage":{"command_line":{"ima_policy":["tcb"]}},)"));
  ASSERT_EQ(command_line.command_line.size(), 1U);
  EXPECT_EQ(command_line.command_line[0].digests.added, std::vector<std::string>{"tcb"});
  const PolicyDiff release = Diff(plain, Policy(digests, "", "", "", "sha1", "", "x", 7));
  ASSERT_EQ(release.values.size(), 1U);
  EXPECT_EQ(release.values[0].after, "7");
  for (const PolicyDiff* diff : {&excludes, &keyrings, &ignored, &buffers, &hash, &rules,
                                 &violations, &coverage, &command_line, &release}) {
    EXPECT_FALSE(diff->same());
    EXPECT_THAT(diff->digests, IsEmpty());
  }
}

TEST(DiffPolicies, NamesTheOneThatIsNoPolicy) {
  const auto first = DiffRuntimePolicies("{}", Policy());
  ASSERT_FALSE(first);
  EXPECT_THAT(first.error().message, HasSubstr("first policy"));
  const auto second = DiffRuntimePolicies(Policy(), "{}");
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("second policy"));
}

}  // namespace
}  // namespace limequat::policy
