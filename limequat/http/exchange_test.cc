#include "limequat/http/exchange.h"

#include <gtest/gtest.h>

#include "limequat/http/test_support.h"

namespace limequat::http {
namespace {

TEST(Budget, LeasesShareOneBound) {
  const Budget budget(10);
  Budget::Lease a = budget.Open();
  ASSERT_TRUE(a.Grow(4));
  ASSERT_TRUE(a.Grow(6));
  {
    Budget::Lease b = budget.Open();
    EXPECT_FALSE(b.Grow(5));
    EXPECT_TRUE(b.Grow(4));
    EXPECT_FALSE(a.Grow(7));
    EXPECT_TRUE(a.Grow(3));  // never shrinks, never fails for less
  }
  EXPECT_TRUE(a.Grow(10));
  EXPECT_FALSE(a.Grow(static_cast<std::size_t>(-1)));
  a = budget.Open();
  EXPECT_TRUE(a.Grow(10));
}

TEST(RequestId, KeepsWordCharactersOnly) {
  EXPECT_EQ(SanitizeRequestId("0b6b54a0-7e7c-4b7d-9d0e-8a1f3c2b1a00"),
            "0b6b54a07e7c4b7d9d0e8a1f3c2b1a00");
  EXPECT_EQ(SanitizeRequestId("a b\r\nX-Evil: 1_"), "abXEvil1_");
  EXPECT_EQ(SanitizeRequestId(""), "");
  EXPECT_EQ(SanitizeRequestId("-- \x80\xff"), "");
  EXPECT_EQ(SanitizeRequestId(std::string(100, 'a')), std::string(36, 'a'));
}

}  // namespace
}  // namespace limequat::http
