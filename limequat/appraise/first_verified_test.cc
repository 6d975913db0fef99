#include "limequat/appraise/first_verified.h"

#include <cstdint>

#include <gtest/gtest.h>

namespace limequat::appraise {
namespace {

Time At(std::int64_t seconds) { return FromUnixSeconds(seconds); }

TEST(FirstVerified, KnowsTheFirstMarkOfAnEntry) {
  FirstVerified times;
  EXPECT_EQ(times.Of(0, At(99)), At(99));
  times.Add(0, At(1));
  EXPECT_EQ(times.marks(), 0U);
  times.Add(10, At(5));
  times.Add(10, At(6));
  times.Add(4, At(7));
  times.Add(12, At(8));
  EXPECT_EQ(times.Of(0, At(99)), At(5));
  EXPECT_EQ(times.Of(9, At(99)), At(5));
  EXPECT_EQ(times.Of(10, At(99)), At(8));
  EXPECT_EQ(times.Of(11, At(99)), At(8));
  EXPECT_EQ(times.Of(12, At(99)), At(99));
}

TEST(FirstVerified, TimeDoesNotGoBack) {
  FirstVerified times;
  times.Add(10, At(50));
  times.Add(20, At(10));
  EXPECT_EQ(times.Of(15, At(99)), At(50));
}

TEST(FirstVerified, ForgetsTowardsTheLaterTime) {
  FirstVerified times;
  constexpr std::uint64_t kEntries = 3 * kMaxVerifiedMarks;
  for (std::uint64_t i = 0; i < kEntries; ++i) times.Add(i + 1, At(static_cast<std::int64_t>(i)));
  EXPECT_EQ(times.marks(), kMaxVerifiedMarks);
  Time before = At(0);
  for (std::uint64_t i = 0; i < kEntries; ++i) {
    const Time at = times.Of(i, At(1'000'000));
    EXPECT_GE(at, At(static_cast<std::int64_t>(i)));
    EXPECT_LT(at, At(static_cast<std::int64_t>(i + kEntries)));
    EXPECT_GE(at, before);
    before = at;
  }
}

// A long pause between two marks is the last to be forgotten.
TEST(FirstVerified, KeepsWhatIsFarApart) {
  FirstVerified times;
  times.Add(1, At(0));
  for (std::uint64_t i = 1; i < 2 * kMaxVerifiedMarks; ++i) {
    times.Add(i + 1, At(static_cast<std::int64_t>(1'000'000 + i)));
  }
  EXPECT_EQ(times.Of(0, At(9'000'000)), At(0));
}

}  // namespace
}  // namespace limequat::appraise
