#include "limequat/http/job_gate.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "limequat/http/test_support.h"

namespace limequat::http {
namespace {

TEST(JobGate, CloseWaitsForWhatRuns) {
  JobGate gate;
  ASSERT_TRUE(gate.Enter());
  std::atomic<bool> left = false;
  std::thread worker([&] {
    EXPECT_TRUE(Eventually([&] {
      if (!gate.Enter()) return true;
      gate.Leave();
      return false;
    }));
    left = true;
    gate.Leave();
  });
  gate.CloseAndWait();
  EXPECT_TRUE(left);
  EXPECT_FALSE(gate.Enter());
  worker.join();
}

TEST(JobGate, RunsWorkUntilItIsClosed) {
  JobGate gate;
  int runs = 0;
  EXPECT_TRUE(gate.Run([&] { ++runs; }));
  gate.CloseAndWait();
  EXPECT_FALSE(gate.Run([&] { ++runs; }));
  EXPECT_EQ(runs, 1);
}

}  // namespace
}  // namespace limequat::http
