#include "limequat/policy/boot_rule.h"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace limequat::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Checks(const Findings& findings) {
  std::vector<std::string> checks;
  for (const Finding& finding : findings) checks.push_back(finding.check);
  return checks;
}

Rule<int> Objects(std::vector<std::string_view> checks) {
  return [checks](const int&) {
    Findings findings;
    for (const std::string_view check : checks) findings.push_back(Failed(check, ""));
    return findings;
  };
}

Rule<int> Is(int expected) {
  return [expected](const int& value) {
    return value == expected ? Findings() : Findings{Failed("is", std::to_string(expected))};
  };
}

TEST(BootRule, AllOfTellsEveryObjection) {
  const auto rule = AllOf<int>({Objects({"a"}), Accept<int>(), Objects({"b", "c"})});
  EXPECT_THAT(Checks(rule(0)), ElementsAre("a", "b", "c"));
}

TEST(BootRule, AnyOfNeedsOneAndTellsTheNearest) {
  const Finding none = Failed("none", "");
  EXPECT_THAT(AnyOf<int>({Objects({"a"}), Accept<int>()}, none)(0), IsEmpty());
  EXPECT_THAT(Checks(AnyOf<int>({Objects({"a", "b"}), Objects({"c"}), Objects({"d"})}, none)(0)),
              ElementsAre("c"));
  EXPECT_THAT(Checks(AnyOf<int>({}, none)(0)), ElementsAre("none"));
}

TEST(BootRule, AtMostCounts) {
  const auto rule = AtMost<int>(2, Accept<int>(), Objects({"beyond"}));
  EXPECT_THAT(rule(0), IsEmpty());
  EXPECT_THAT(rule(0), IsEmpty());
  EXPECT_THAT(Checks(rule(0)), ElementsAre("beyond"));
}

TEST(BootRule, AtMostStillAsksItsRule) {
  EXPECT_THAT(Checks(AtMost<int>(1, Is(1), Accept<int>())(2)), ElementsAre("is"));
}

TEST(BootRule, InOrderComparesEachAndTheirNumber) {
  const auto count = [](std::size_t found) { return Failed("count", std::to_string(found)); };
  const auto rule = InOrder<int>({Is(1), Is(2)}, count);
  EXPECT_THAT(rule({1, 2}), IsEmpty());
  EXPECT_THAT(Checks(rule({2, 1})), ElementsAre("is", "is"));
  EXPECT_THAT(Checks(rule({1})), ElementsAre("count"));
  EXPECT_THAT(Checks(rule({1, 3, 3})), ElementsAre("is", "count"));
  EXPECT_THAT(Checks(rule({})), ElementsAre("count"));
}

TEST(BootRule, DispatchTakesTheRuleOfTheKey) {
  const auto rule =
      Dispatch<int, int>([](const int& value) { return value / 10; },
                         {{1, Accept<int>()}, {2, Objects({"two"})}}, Objects({"otherwise"}));
  EXPECT_THAT(rule(15), IsEmpty());
  EXPECT_THAT(Checks(rule(20)), ElementsAre("two"));
  EXPECT_THAT(Checks(rule(5)), ElementsAre("otherwise"));
}

TEST(BootRule, CollectKeepsNoMoreThanItsLimit) {
  std::vector<int> list;
  const auto rule = Collect(list);
  for (std::size_t i = 0; i < kMaxCollected + 5; ++i) EXPECT_THAT(rule(1), IsEmpty());
  EXPECT_EQ(list.size(), kMaxCollected);
}

}  // namespace
}  // namespace limequat::policy
