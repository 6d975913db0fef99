#include "limequat/http/descriptors.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace limequat::http {
namespace {

rlimit Limit() {
  rlimit limit{};
  EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  return limit;
}

TEST(RaiseDescriptorLimit, GoesAsFarAsTheProcessMay) {
  const rlimit before = Limit();
  ASSERT_GT(before.rlim_max, 64U);
  const rlimit low{.rlim_cur = 64, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  const DescriptorLimit raised = RaiseDescriptorLimit();
  EXPECT_EQ(raised.before, 64U);
  EXPECT_EQ(raised.now, before.rlim_max);
  EXPECT_EQ(Limit().rlim_cur, before.rlim_max);
  EXPECT_EQ(Limit().rlim_max, before.rlim_max);
  const DescriptorLimit again = RaiseDescriptorLimit();
  EXPECT_EQ(again.before, before.rlim_max);
  EXPECT_EQ(again.now, before.rlim_max);
  EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

}  // namespace
}  // namespace limequat::http
