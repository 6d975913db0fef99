#include "limequat/base/finding.h"

#include <gtest/gtest.h>

namespace limequat {
namespace {

TEST(Finding, MakersSetTheOutcome) {
  const Finding passed = Passed("a.b", "fine");
  EXPECT_EQ(passed.check, "a.b");
  EXPECT_EQ(passed.detail, "fine");
  EXPECT_EQ(passed.cause, Cause::kNone);
  EXPECT_TRUE(passed.passed());

  const Finding failed = Failed("a.b", "wrong");
  EXPECT_EQ(failed.outcome, Outcome::kFailed);
  EXPECT_EQ(failed.cause, Cause::kTamper) << "the worst unless the caller knows better";
  EXPECT_FALSE(failed.passed());

  const Finding skipped = NotEvaluated("a.b", "no key");
  EXPECT_EQ(skipped.outcome, Outcome::kNotEvaluated);
  EXPECT_EQ(skipped.cause, Cause::kConfiguration);
  EXPECT_FALSE(skipped.passed());
}

TEST(Finding, HasNotPassedByDefault) { EXPECT_FALSE(Finding().passed()); }

TEST(AllPassed, NeedsEveryFindingAndAtLeastOne) {
  EXPECT_FALSE(AllPassed({}));
  EXPECT_TRUE(AllPassed({Passed("a"), Passed("b")}));
  EXPECT_FALSE(AllPassed({Passed("a"), Failed("b", "")}));
  EXPECT_FALSE(AllPassed({NotEvaluated("a", ""), Passed("b")}));
}

TEST(Comparing, SaysWhatWouldHavePassed) {
  const Finding finding = Comparing(Failed("a", "d", Cause::kTpm), {"x", "y"}, "z");
  EXPECT_EQ(finding.expected, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(finding.found, "z");
  EXPECT_EQ(finding.detail, "d");
  EXPECT_EQ(finding.cause, Cause::kTpm);
  EXPECT_TRUE(Failed("a", "").expected.empty());
  EXPECT_TRUE(Failed("a", "").found.empty());
}

TEST(Comparing, Attack_A15_TextIsEscapedAndBounded) {
  const std::string long_text(2 * kMaxCompared, 'x');
  const Finding finding =
      Comparing(Failed("a", ""), {"\x1b[2J", long_text, "3", "4", "5"}, "\n" + long_text);
  ASSERT_EQ(finding.expected.size(), kMaxExpected);
  EXPECT_EQ(finding.expected[0], R"(\x1b[2J)");
  EXPECT_LE(finding.expected[1].size(), kMaxCompared + std::string_view("…").size());
  EXPECT_EQ(finding.expected[3], "4");
  EXPECT_TRUE(finding.found.starts_with(R"(\x0axx)"));
  EXPECT_LE(finding.found.size(), kMaxCompared + std::string_view("…").size());
}

TEST(FindCheck, GivesTheFirstOfTheName) {
  const Findings findings = {Passed("a", "1"), Failed("b", "2"), Passed("b", "3")};
  ASSERT_NE(FindCheck(findings, "b"), nullptr);
  EXPECT_EQ(FindCheck(findings, "b")->detail, "2");
  EXPECT_EQ(FindCheck(findings, "c"), nullptr);
  EXPECT_EQ(FindCheck(findings, ""), nullptr);
}

TEST(Finding, NamesAreStable) {
  EXPECT_EQ(OutcomeName(Outcome::kPassed), "passed");
  EXPECT_EQ(OutcomeName(Outcome::kFailed), "failed");
  EXPECT_EQ(OutcomeName(Outcome::kNotEvaluated), "not_evaluated");
  EXPECT_EQ(CauseName(Cause::kNone), "");
  EXPECT_EQ(CauseName(Cause::kTamper), "tamper");
  EXPECT_EQ(CauseName(Cause::kPolicyLag), "policy-lag");
  EXPECT_EQ(CauseName(Cause::kConfiguration), "configuration");
  EXPECT_EQ(CauseName(Cause::kTransport), "transport");
  EXPECT_EQ(CauseName(Cause::kTpm), "tpm");
  EXPECT_EQ(CauseName(Cause::kFirmware), "firmware");
}

}  // namespace
}  // namespace limequat
