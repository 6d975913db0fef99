#include "limequat/http/cancel.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "limequat/http/test_support.h"

namespace limequat::http {
namespace {

TEST(CancelToken, DefaultIsNeverCancelled) {
  const CancelToken token;
  bool called = false;
  const auto registration = token.OnCancel([&] { called = true; });
  EXPECT_FALSE(token.cancelled());
  EXPECT_FALSE(called);
}

TEST(CancelToken, RunsCallbackOnceAndAtOnceWhenLate) {
  CancelSource source;
  const CancelToken token = source.token();
  int calls = 0;
  const auto registration = token.OnCancel([&] { ++calls; });
  EXPECT_FALSE(token.cancelled());
  source.Cancel();
  source.Cancel();
  EXPECT_TRUE(token.cancelled());
  EXPECT_EQ(calls, 1);
  const auto late = token.OnCancel([&] { ++calls; });
  EXPECT_EQ(calls, 2);
}

TEST(CancelToken, EndedRegistrationIsNotCalled) {
  CancelSource source;
  int calls = 0;
  {
    const auto first = source.token().OnCancel([&] { calls += 1; });
    const auto second = source.token().OnCancel([&] { calls += 10; });
  }
  auto third = source.token().OnCancel([&] { calls += 100; });
  const auto fourth = source.token().OnCancel([&] { calls += 1000; });
  const auto fifth = source.token().OnCancel([&] { calls += 10000; });
  third = {};
  source.Cancel();
  EXPECT_EQ(calls, 11000);
}

TEST(CancelToken, AssignedRegistrationEndsTheOldOne) {
  CancelSource source;
  int calls = 0;
  auto registration = source.token().OnCancel([&] { calls += 1; });
  registration = source.token().OnCancel([&] { calls += 10; });
  const CancelToken::Registration moved = std::move(registration);
  source.Cancel();
  EXPECT_EQ(calls, 10);
}

TEST(CancelToken, RegistrationWaitsForARunningCallback) {
  CancelSource source;
  Gate running;
  Gate go_on;
  std::atomic<bool> finished = false;
  auto registration = source.token().OnCancel([&] {
    running.Open();
    EXPECT_TRUE(go_on.Wait());
    finished = true;
  });
  std::thread canceller([&] { source.Cancel(); });
  ASSERT_TRUE(running.Wait());
  std::thread opener([&] { go_on.Open(); });
  registration = {};
  EXPECT_TRUE(finished);
  canceller.join();
  opener.join();
}

TEST(CancelToken, CallbackMayEndItsOwnRegistration) {
  CancelSource source;
  CancelToken::Registration registration;
  bool called = false;
  registration = source.token().OnCancel([&] {
    registration = {};
    called = true;
  });
  source.Cancel();
  EXPECT_TRUE(called);
}

TEST(CancelToken, ManyThreads) {
  CancelSource source;
  std::atomic<int> called = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < 500; ++k) {
        const auto registration = source.token().OnCancel([&] { ++called; });
        if (i == 0 && k == 250) source.Cancel();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(called, 249);
}

}  // namespace
}  // namespace limequat::http
