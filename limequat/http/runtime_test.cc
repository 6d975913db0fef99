#include "limequat/http/runtime.h"

#include <atomic>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>

#include "limequat/http/runtime_internal.h"
#include "limequat/http/test_support.h"

namespace limequat::http {
namespace {

RuntimeOptions OneWorker(std::size_t max_queued) {
  RuntimeOptions options;
  options.evidence = {.workers = 1, .max_queued = max_queued};
  return options;
}

TEST(Runtime, RunsWorkOnItsLane) {
  Runtime runtime({});
  for (const Lane lane : {Lane::kHealth, Lane::kEvidence, Lane::kAdministration}) {
    Gate ran;
    ASSERT_TRUE(runtime.Post(lane, [&] { ran.Open(); }));
    EXPECT_TRUE(ran.Wait()) << LaneName(lane);
  }
}

TEST(Runtime, FullQueueRefusesAndLeavesOtherLanesAlone) {
  Runtime runtime(OneWorker(2));
  Gate busy;
  Gate release;
  ASSERT_TRUE(runtime.Post(Lane::kEvidence, [&] {
    busy.Open();
    EXPECT_TRUE(release.Wait());
  }));
  ASSERT_TRUE(busy.Wait());
  std::atomic<int> ran = 0;
  ASSERT_TRUE(runtime.Post(Lane::kEvidence, [&] { ++ran; }));
  ASSERT_TRUE(runtime.Post(Lane::kEvidence, [&] { ++ran; }));
  EXPECT_EQ(runtime.queued(Lane::kEvidence), 2U);
  const Status refused = runtime.Post(Lane::kEvidence, [&] { ran += 100; });
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().id, "runtime.queue_full");
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  Gate healthy;
  ASSERT_TRUE(runtime.Post(Lane::kHealth, [&] { healthy.Open(); }));
  EXPECT_TRUE(healthy.Wait());
  release.Open();
  EXPECT_TRUE(Eventually([&] { return ran == 2; }));
}

TEST(Runtime, LaneWithoutWorkersTakesNothing) {
  RuntimeOptions options;
  options.health.workers = 0;
  Runtime runtime(options);
  const Status refused = runtime.Post(Lane::kHealth, [] { ADD_FAILURE(); });
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().id, "runtime.no_workers");
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
}

TEST(Runtime, WorkThatThrowsDoesNotEndItsWorker) {
  Runtime runtime(OneWorker(8));
  Gate ran;
  ASSERT_TRUE(runtime.Post(Lane::kEvidence, [] { throw std::runtime_error("a defect"); }));
  ASSERT_TRUE(runtime.Post(Lane::kEvidence, [&] { ran.Open(); }));
  EXPECT_TRUE(ran.Wait());
}

TEST(Runtime, StopLetsRunningWorkEndAndDropsTheQueue) {
  Runtime runtime(OneWorker(8));
  Gate busy;
  Gate release;
  std::atomic<bool> ended = false;
  std::atomic<bool> queued_ran = false;
  ASSERT_TRUE(runtime.Post(Lane::kEvidence, [&] {
    busy.Open();
    EXPECT_TRUE(release.Wait());
    ended = true;
  }));
  auto token = std::make_shared<int>(1);
  ASSERT_TRUE(runtime.Post(Lane::kEvidence, [&queued_ran, token] { queued_ran = true; }));
  ASSERT_TRUE(busy.Wait());
  std::thread stopper([&] { runtime.Stop(); });
  EXPECT_TRUE(Eventually([&] {
    const Status status = runtime.Post(Lane::kEvidence, [] {});
    return !status && status.error().id == "runtime.stopped";
  }));
  release.Open();
  stopper.join();
  EXPECT_TRUE(ended);
  EXPECT_FALSE(queued_ran);
  EXPECT_EQ(token.use_count(), 1);
  runtime.Stop();  // again: nothing
}

TEST(Strand, KeepsTheOrder) {
  RuntimeOptions options;
  options.io_threads = 3;
  Runtime runtime(options);
  const Strand strand = runtime.CreateStrand();
  std::vector<int> seen;  // unguarded on purpose: the strand is the guard
  Gate done;
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) strand.Post([&, i] { seen.push_back(i); });
    strand.Post([&] { done.Open(); });
  });
  EXPECT_TRUE(done.Wait());
  other.join();
  ASSERT_EQ(seen.size(), 1000U);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
}

TEST(Strand, DispatchRunsAtOnceOnItsOwnThreadAndPostsFromOthers) {
  RuntimeOptions threads;
  threads.io_threads = 2;
  Runtime runtime(threads);
  const Strand strand = runtime.CreateStrand();
  const Strand other = runtime.CreateStrand();  // on the second thread
  Gate done;
  std::vector<int> order;  // of the first strand alone
  other.Post([&] {
    const std::thread::id here = std::this_thread::get_id();
    strand.Dispatch([&, here] {
      EXPECT_NE(std::this_thread::get_id(), here);
      strand.Post([&] {
        order.push_back(2);
        done.Open();
      });
      strand.Dispatch([&] { order.push_back(1); });
      EXPECT_EQ(order, std::vector<int>{1});
    });
  });
  ASSERT_TRUE(done.Wait());
  EXPECT_EQ(order, (std::vector{1, 2}));
}

TEST(Strand, OutlivesTheRuntimeAndDropsWork) {
  auto runtime = std::make_unique<Runtime>(RuntimeOptions{});
  const Strand strand = runtime->CreateStrand();
  runtime->Stop();
  auto token = std::make_shared<int>(1);
  strand.Post([token] { ADD_FAILURE(); });
  EXPECT_EQ(token.use_count(), 1);
  runtime.reset();
  strand.Post([token] { ADD_FAILURE(); });
  EXPECT_EQ(token.use_count(), 1);
}

TEST(Timer, RunsOnceOnTheStrand) {
  Runtime runtime({});
  const Strand strand = runtime.CreateStrand();
  Gate fired;
  std::atomic<int> calls = 0;
  const auto begin = std::chrono::steady_clock::now();
  const Timer timer = runtime.After(20ms, strand, [&] {
    ++calls;
    fired.Open();
  });
  ASSERT_TRUE(fired.Wait());
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 20ms);
  EXPECT_EQ(calls, 1);
}

// Thousands of machines are asked by timers of one length: each must not wake the thread.
TEST(Timer, EndsOnAGridThatNeighboursShare) {
  using Clock = std::chrono::steady_clock;
  const auto end = [](std::chrono::microseconds now, std::chrono::milliseconds delay) {
    const auto at = TimerEnd(Clock::time_point(now), delay).time_since_epoch();
    return std::chrono::duration_cast<std::chrono::microseconds>(at);
  };
  EXPECT_EQ(end(1'000'300us, 100ms), 1'104'000us);  // 4 ms: a power of two within 6.25
  EXPECT_EQ(end(1'003'900us, 100ms), 1'104'000us);
  EXPECT_EQ(end(1'004'000us, 100ms), 1'104'000us);
  EXPECT_EQ(end(1'004'100us, 100ms), 1'108'000us);
  EXPECT_EQ(end(7us, 5s), 5'008'000us);  // 16 ms and no more
  EXPECT_EQ(end(7us, 1h), 3'600'016'000us);
  EXPECT_EQ(end(7us, 31ms), 31'007us);  // short ones are exact
  EXPECT_EQ(end(7us, 0ms), 7us);
  for (const auto delay : {0ms, 1ms, 31ms, 32ms, 100ms, 999ms, 5'000ms}) {
    const auto late = end(1'234'567us, delay) - 1'234'567us - delay;
    EXPECT_GE(late, 0us) << delay.count();
    EXPECT_LE(late, std::chrono::microseconds(delay) / 16) << delay.count();
  }
}

TEST(Timer, PlannedAndCancelledOnItsOwnStrand) {
  Runtime runtime({});
  const Strand strand = runtime.CreateStrand();
  Gate done;
  Timer kept;  // of the strand
  strand.Post([&] {
    Timer cancelled = runtime.After(0ms, strand, [] { ADD_FAILURE(); });
    cancelled.Cancel();
    kept = runtime.After(1ms, strand, [&] { done.Open(); });
  });
  EXPECT_TRUE(done.Wait());
}

TEST(Timer, CancelledDestroyedAndReplacedDoNotRun) {
  Runtime runtime({});
  const Strand strand = runtime.CreateStrand();
  auto token = std::make_shared<int>(1);
  const auto never = [token] { ADD_FAILURE(); };
  Timer cancelled = runtime.After(1h, strand, never);
  Timer replaced = runtime.After(1h, strand, never);
  {
    const Timer destroyed = runtime.After(1h, strand, never);
    Gate planned;  // all three
    strand.Post([&] { planned.Open(); });
    ASSERT_TRUE(planned.Wait());
  }
  Gate fired;
  cancelled.Cancel();
  replaced = runtime.After(10ms, strand, [&] { fired.Open(); });
  EXPECT_TRUE(fired.Wait());
  // What they held is given back without waiting for the time: `never` and `token` are left.
  EXPECT_TRUE(Eventually([&] { return token.use_count() == 2; }));
}

TEST(Timer, OutlivesTheRuntime) {
  auto runtime = std::make_unique<Runtime>(RuntimeOptions{});
  const Strand strand = runtime->CreateStrand();
  Timer timer = runtime->After(1h, strand, [] { ADD_FAILURE(); });
  runtime.reset();
  timer.Cancel();
}

TEST(StopSignal, ReportsTheSignal) {
  StopSignal signals;
  ASSERT_EQ(pthread_kill(pthread_self(), SIGTERM), 0);
  EXPECT_EQ(signals.Wait(), SIGTERM);
  ASSERT_EQ(pthread_kill(pthread_self(), SIGINT), 0);
  EXPECT_EQ(signals.Wait(), SIGINT);
}

TEST(StopSignal, EndsWhenCancelled) {
  StopSignal signals;
  CancelSource source;
  std::thread canceller([&] { source.Cancel(); });
  EXPECT_EQ(signals.Wait(source.token()), 0);
  canceller.join();
}

}  // namespace
}  // namespace limequat::http
