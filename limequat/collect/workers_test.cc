#include "limequat/collect/workers.h"

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include <gtest/gtest.h>

namespace limequat::collect {
namespace {

TEST(RunOnWorkers, AllIsDoneWhenItReturns) {
  for (const unsigned workers : {0U, 1U, 3U, 1000U}) {
    std::atomic<int> next = 0;
    std::atomic<int> done = 0;
    int ticks = 0;
    RunOnWorkers(
        workers,
        [&] {
          while (next.fetch_add(1) < 500) ++done;
        },
        [&] { ++ticks; });
    EXPECT_EQ(done, 500) << workers;
    EXPECT_GE(ticks, 1) << "told once at the end, however short it was";
  }
}

TEST(RunOnWorkers, WorksOnAsManyThreadsAsAsked) {
  std::mutex mutex;
  std::set<std::thread::id> threads;
  RunOnWorkers(
      3,
      [&] {
        const std::lock_guard lock(mutex);
        threads.insert(std::this_thread::get_id());
      },
      [] {});
  EXPECT_EQ(threads.size(), 3U);
  EXPECT_FALSE(threads.contains(std::this_thread::get_id()));
}

TEST(RunOnWorkers, TicksFromTheCallingThreadMeanwhile) {
  std::atomic<int> ticks = 0;
  const auto caller = std::this_thread::get_id();
  RunOnWorkers(
      2,
      [&] {
        // Ends only when it was told of twice.
        while (ticks < 2) std::this_thread::yield();
      },
      [&] {
        EXPECT_EQ(std::this_thread::get_id(), caller);
        ++ticks;
      });
  EXPECT_GE(ticks, 2);
}

}  // namespace
}  // namespace limequat::collect
