// Reading and replaying a log takes no memory that grows with it (log.h, replay.h,
// verify.h). This replaces the test binary's operator new to count; not under a
// sanitizer, which has its own.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <optional>

#include <gtest/gtest.h>

#include "limequat/eventlog/log.h"
#include "limequat/eventlog/replay.h"
#include "limequat/eventlog/testing/log_builder.h"
#include "limequat/eventlog/testing/quote.h"
#include "limequat/eventlog/verify.h"

#if defined(__SANITIZE_ADDRESS__)
#define LQ_COUNTS_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LQ_COUNTS_ALLOCATIONS 0
#endif
#endif
#ifndef LQ_COUNTS_ALLOCATIONS
#define LQ_COUNTS_ALLOCATIONS 1
#endif

namespace {
std::atomic<std::uint64_t> g_allocated_bytes = 0;
}  // namespace

#if LQ_COUNTS_ALLOCATIONS
// Not inlined: g++ would take the pair of malloc and delete for a mistake.
[[gnu::noinline]] void* operator new(std::size_t size) {
  g_allocated_bytes += size;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace limequat::eventlog {
namespace {

constexpr auto kSha256 = crypto::HashAlgorithm::kSha256;

Bytes LogOf(int events) {
  testing::LogBuilder log = testing::LogBuilder::CryptoAgile();
  log.StartupLocality(3);
  for (int i = 0; i < events; ++i) {
    log.Event(static_cast<std::uint32_t>(i % 10), EventType::kIpl, "some text that was measured");
  }
  return log.bytes();
}

// What `act` allocates, in bytes.
template <class Act>
std::uint64_t AllocatedBy(const Act& act) {
  const std::uint64_t before = g_allocated_bytes;
  act();
  return g_allocated_bytes - before;
}

std::uint64_t AllocatedByReplayOf(ByteView log) {
  return AllocatedBy([&] {
    auto reader = LogReader::Open(log);
    ASSERT_TRUE(reader);
    Replay replay({crypto::HashAlgorithm::kSha1, kSha256});
    std::uint64_t events = 0;
    for (auto next = reader->Next(); next && *next; next = reader->Next(), ++events) {
      replay.Extend(**next);
    }
    ASSERT_GT(events, 5U);
  });
}

std::uint64_t AllocatedByVisitOf(ByteView log) {
  const VerifiedLog verified = testing::VerifiedOnItsMachine(log, kSha256);
  return AllocatedBy([&] {
    VerifiedEvents events = verified.events();
    std::uint64_t measured = 0;
    for (auto event = events.Next(); event; event = events.Next()) {
      if (event->MeasuredData()) ++measured;
    }
    ASSERT_GT(measured, 5U);
  });
}

class Allocation : public ::testing::Test {
 protected:
  void SetUp() override {
    if (LQ_COUNTS_ALLOCATIONS == 0) GTEST_SKIP() << "a sanitizer allocates: nothing was counted";
    small_ = LogOf(10);
    large_ = LogOf(20000);
  }
  Bytes small_;
  Bytes large_;
};

TEST_F(Allocation, IsCounted) {
  // Called by name, because a compiler may leave out a pair of new and delete.
  const std::uint64_t bytes = AllocatedBy([] { ::operator delete(::operator new(100000)); });
  EXPECT_GE(bytes, 100000U);
}

TEST_F(Allocation, OfReadingAndReplayingIsTheSameForLongLogs) {
  static_cast<void>(AllocatedByReplayOf(small_));  // a thread's contexts are made once
  EXPECT_EQ(AllocatedByReplayOf(large_), AllocatedByReplayOf(small_));
}

TEST_F(Allocation, OfVisitingVerifiedEventsIsTheSameForLongLogs) {
  EXPECT_EQ(AllocatedByVisitOf(large_), AllocatedByVisitOf(small_));
}

}  // namespace
}  // namespace limequat::eventlog
