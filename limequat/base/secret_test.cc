#include "limequat/base/secret.h"

#include <type_traits>

#include <gtest/gtest.h>

namespace limequat {
namespace {

static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
static_assert(std::is_nothrow_move_constructible_v<Secret>);
static_assert(!std::is_convertible_v<Bytes, Secret> && !std::is_convertible_v<Secret, Bytes>);

TEST(Secret, HoldsWhatItWasGiven) {
  const Secret secret(Bytes{1, 2, 3});
  EXPECT_EQ(ToBytes(secret.Expose()), (Bytes{1, 2, 3}));
  EXPECT_EQ(secret.size(), 3U);
  EXPECT_FALSE(secret.empty());
  EXPECT_TRUE(Secret().empty());
}

TEST(Secret, IsNowhereElseAfterAMove) {
  Secret first(Bytes{1, 2, 3});
  Secret second(std::move(first));
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(second.size(), 3U);
  Secret third(Bytes{9});
  third = std::move(second);
  EXPECT_TRUE(second.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(ToBytes(third.Expose()), (Bytes{1, 2, 3}));
}

TEST(Secret, SurvivesAssignmentToItself) {
  Secret secret(Bytes{1, 2, 3});
  Secret& same = secret;
  secret = std::move(same);
  EXPECT_EQ(secret.size(), 3U);
}

}  // namespace
}  // namespace limequat
