#include "limequat/policy/expression.h"

#include <string>

#include <gtest/gtest.h>

namespace limequat::policy {
namespace {

using Answer = Expression::Answer;
using Extent = Expression::Extent;

Answer MatchOf(std::string_view expression, std::string_view text, Extent extent) {
  const auto compiled = Expression::Compile(expression, extent);
  EXPECT_TRUE(compiled) << compiled.error().message;
  return compiled ? compiled->Match(text) : Answer::kLimitHit;
}

TEST(Expression, BeginsAtTheBeginning) {
  EXPECT_EQ(MatchOf("quiet", "ro quiet", Extent::kPrefix), Answer::kNo);
  EXPECT_EQ(MatchOf("quiet", "ro quiet", Extent::kWhole), Answer::kNo);
}

TEST(Expression, EndsWhereItsExtentSays) {
  EXPECT_EQ(MatchOf("ro", "ro init=/bin/sh", Extent::kPrefix), Answer::kYes);
  EXPECT_EQ(MatchOf("ro", "ro init=/bin/sh", Extent::kWhole), Answer::kNo);
  EXPECT_EQ(MatchOf("ro", "ro", Extent::kWhole), Answer::kYes);
}

// As re.fullmatch: a shorter alternative does not keep a longer one from matching, and an
// alternative stands for the whole.
TEST(Expression, TheWholeTextIsMatchedByAnyWay) {
  EXPECT_EQ(MatchOf("a|ab", "ab", Extent::kWhole), Answer::kYes);
  EXPECT_EQ(MatchOf("a|b", "bc", Extent::kWhole), Answer::kNo);
  EXPECT_EQ(MatchOf("a*?", "aaa", Extent::kWhole), Answer::kYes);
}

TEST(Expression, LineFeeds) {
  EXPECT_EQ(MatchOf("ro$", "ro\n", Extent::kWhole), Answer::kNo);
  EXPECT_EQ(MatchOf("ro.*", "ro\nquiet", Extent::kWhole), Answer::kNo);
  EXPECT_EQ(MatchOf("(?s)ro.*", "ro\nquiet", Extent::kWhole), Answer::kYes);
  EXPECT_EQ(MatchOf("ro\n(?m:^)", "ro\n", Extent::kWhole), Answer::kYes) << "behind the last, too";
}

TEST(Expression, WhatPythonRefusesIsRefused) {
  for (const char* bad : {"(", "*", "a)(b", "\\", "\\h", "(*ACCEPT)", "(?R)"}) {
    const auto compiled = Expression::Compile(bad, Extent::kWhole);
    ASSERT_FALSE(compiled) << bad;
    EXPECT_EQ(compiled.error().id, "policy.expression") << bad;
  }
}

TEST(Expression, WhatTakesTooLongIsSaidToBeSo) {
  EXPECT_EQ(MatchOf("(a+)+$", std::string(40, 'a') + "b", Extent::kWhole), Answer::kLimitHit);
}

}  // namespace
}  // namespace limequat::policy
