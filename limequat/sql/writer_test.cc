#include "limequat/sql/writer.h"

#include <atomic>
#include <functional>
#include <future>
#include <latch>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace limequat::sql {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing::ElementsAre;

// A database that remembers what was asked of it and fails when told to.
class FakeSession final : public Session {
 public:
  struct State {
    std::mutex mutex;
    std::vector<std::string> calls;
    std::function<Status()> on_begin = [] { return Status(); };
    std::function<Status()> on_commit = [] { return Status(); };
    std::function<Status()> on_release = [] { return Status(); };
    std::function<Status()> on_rollback_to = [] { return Status(); };
    std::function<Status()> on_probe = [] { return Status(); };
    std::atomic<bool> in_transaction = false;

    int Count(std::string_view call) {
      const std::lock_guard lock(mutex);
      return static_cast<int>(std::ranges::count(calls, call));
    }
  };

  explicit FakeSession(State& state) : state_(state) {}

  Status Begin() override {
    Note("begin");
    Status status = state_.on_begin();
    state_.in_transaction = status.has_value();
    return status;
  }
  Status Commit() override {
    Note("commit");
    Status status = state_.on_commit();
    if (status) state_.in_transaction = false;
    return status;
  }
  void Rollback() override {
    Note("rollback");
    state_.in_transaction = false;
  }
  bool InTransaction() const override { return state_.in_transaction; }
  Status Savepoint() override {
    Note("savepoint");
    return {};
  }
  Status ReleaseSavepoint() override {
    Note("release");
    return state_.on_release();
  }
  Status RollbackToSavepoint() override {
    Note("rollback to");
    return state_.on_rollback_to();
  }
  Status Probe() override { return state_.on_probe(); }
  void SetLimits(const Limits*) override {}
  Result<std::int64_t> Execute(std::string_view statement, const Parameters&) override {
    Note(std::string(statement));
    return 1;
  }
  Result<std::vector<Row>> Query(std::string_view, const Parameters&, std::size_t) override {
    return std::vector<Row>();
  }
  Result<std::int64_t> Now() override { return 0; }

 private:
  void Note(std::string call) {
    const std::lock_guard lock(state_.mutex);
    state_.calls.push_back(std::move(call));
  }

  State& state_;
};

Database::Work Note(std::string call) {
  return [call = std::move(call)](Connection& connection) -> Status {
    if (auto done = connection.Execute(call); !done) return std::move(done).error();
    return {};
  };
}

// The outcomes of writes in the order in which they were told.
class Outcomes {
 public:
  Database::Completion Add(std::string name) {
    return [this, name = std::move(name)](const Status& status) {
      const std::lock_guard lock(mutex_);
      told_.push_back(name + " " + (status ? "ok" : status.error().id));
      changed_.notify_all();
    };
  }

  std::vector<std::string> Wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return told_.size() >= count; });
    return told_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> told_;
};

class WriterTest : public testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  void Start(const Writer::Options& options = {}) {
    writer_ = std::make_unique<Writer>(std::make_unique<FakeSession>(state_), options);
  }

  // Queues a work that holds the writer until `release_`, and waits until it runs.
  void Hold() {
    std::latch runs(1);
    writer_->WriteAsync(
        {},
        [&](Connection&) -> Status {
          runs.count_down();
          release_.wait();
          return {};
        },
        outcomes_.Add("held"));
    runs.wait();
  }

  void Add(const std::string& name) { writer_->WriteAsync({}, Note(name), outcomes_.Add(name)); }

  FakeSession::State state_;
  Outcomes outcomes_;
  std::latch release_{1};
  std::unique_ptr<Writer> writer_;  // first to go: its threads use all above
};

TEST_F(WriterTest, CompletesBehindTheCommit) {
  Start();
  std::latch told(1);
  writer_->WriteAsync({}, Note("work"), [&](const Status& status) {
    EXPECT_TRUE(status);
    const std::lock_guard lock(state_.mutex);
    state_.calls.push_back("done");
    told.count_down();
  });
  told.wait();
  EXPECT_THAT(state_.calls, ElementsAre("begin", "savepoint", "work", "release", "commit", "done"));
}

TEST_F(WriterTest, WorksThatWaitShareOneCommit) {
  Start();
  Hold();
  for (int i = 0; i < 100; ++i) Add("a");
  release_.count_down();
  outcomes_.Wait(101);
  EXPECT_EQ(state_.Count("a"), 100);
  EXPECT_EQ(state_.Count("commit"), 2);
}

TEST_F(WriterTest, ABatchIsBounded) {
  Start({.max_batch = 4});
  Hold();
  for (int i = 0; i < 10; ++i) Add("a");
  release_.count_down();
  outcomes_.Wait(11);
  EXPECT_EQ(state_.Count("commit"), 1 + 3);
}

TEST_F(WriterTest, KeepsTheOrder) {
  Start({.max_batch = 2});
  Hold();
  for (const char* name : {"a", "b", "c", "d"}) Add(name);
  release_.count_down();
  EXPECT_THAT(outcomes_.Wait(5), ElementsAre("held ok", "a ok", "b ok", "c ok", "d ok"));
}

TEST_F(WriterTest, AWorkThatFailsIsRolledBackAlone) {
  Start();
  Hold();
  Add("a");
  writer_->WriteAsync(
      {}, [](Connection&) -> Status { return Conflict("test.taken", "taken"); },
      outcomes_.Add("b"));
  Add("c");
  release_.count_down();
  EXPECT_THAT(outcomes_.Wait(4), ElementsAre("held ok", "a ok", "b test.taken", "c ok"));
  EXPECT_EQ(state_.Count("rollback to"), 1);
  EXPECT_EQ(state_.Count("rollback"), 0);
  EXPECT_EQ(state_.Count("commit"), 2);
}

TEST_F(WriterTest, AFailedCommitIsAcknowledgedToNobody) {
  state_.on_commit = [] { return Status(Unavailable("sql.storage", "disk full")); };
  std::atomic<bool> repaired = false;
  state_.on_probe = [&] {
    return repaired ? Status() : Status(Unavailable("sql.storage", "still full"));
  };
  Start({.broken_probe_interval = milliseconds(1)});
  Hold();
  Add("a");
  writer_->WriteAsync(
      {}, [](Connection&) -> Status { return Conflict("test.taken", "taken"); },
      outcomes_.Add("b"));
  release_.count_down();
  EXPECT_THAT(outcomes_.Wait(3), ElementsAre("held sql.outcome_unknown", "a sql.outcome_unknown",
                                             "b sql.outcome_unknown"));
  // Not run again: it may be durable.
  EXPECT_EQ(state_.Count("a"), 1);
  EXPECT_EQ(state_.Count("rollback"), 2);
  EXPECT_EQ(writer_->Health().error().id, "sql.storage");
  repaired = true;
  while (!writer_->Health()) std::this_thread::yield();
}

TEST_F(WriterTest, OnlyAProbeEndsAnOutage) {
  state_.on_begin = [&, first = true]() mutable -> Status {
    if (std::exchange(first, false)) return Unavailable("sql.storage", "gone");
    return {};
  };
  Start({.broken_probe_interval = std::chrono::hours(1)});
  Add("a");
  EXPECT_THAT(outcomes_.Wait(1), ElementsAre("a sql.storage"));
  Add("b");
  EXPECT_THAT(outcomes_.Wait(2), ElementsAre("a sql.storage", "b ok"));
  EXPECT_EQ(writer_->Health().error().id, "sql.storage");
}

TEST_F(WriterTest, ProbesAlsoWhileWorksComeIn) {
  state_.on_commit = [&, first = true]() mutable -> Status {
    if (std::exchange(first, false)) return Unavailable("sql.storage", "gone");
    return {};
  };
  Start({.broken_probe_interval = milliseconds(300)});
  Add("a");
  outcomes_.Wait(1);
  Writer& writer = *writer_;
  // The queue is never empty before the probe.
  std::function<void()> again = [&] {
    writer.WriteAsync(
        {},
        [&](Connection&) -> Status {
          if (!writer.Health()) again();
          return {};
        },
        outcomes_.Add("b"));
  };
  again();
  while (!writer.Health()) std::this_thread::yield();
  writer_.reset();
}

TEST_F(WriterTest, ProbesWhenIdle) {
  std::atomic<bool> fails = true;
  state_.on_probe = [&] { return fails ? Status(Unavailable("sql.storage", "gone")) : Status(); };
  Start({.probe_interval = milliseconds(1), .broken_probe_interval = milliseconds(1)});
  while (writer_->Health()) std::this_thread::yield();
  fails = false;
  while (!writer_->Health()) std::this_thread::yield();
}

TEST_F(WriterTest, AfterAConflictAtTheCommitWorksRunAlone) {
  bool poisoned = false;  // only the thread that writes uses it
  state_.on_begin = [&]() -> Status {
    poisoned = false;
    return {};
  };
  state_.on_commit = [&]() -> Status {
    if (poisoned) return Conflict("sql.constraint", "deferred");
    return {};
  };
  Start();
  Hold();
  Add("a");
  writer_->WriteAsync(
      {},
      [&](Connection&) -> Status {
        poisoned = true;
        return {};
      },
      outcomes_.Add("b"));
  Add("c");
  release_.count_down();
  EXPECT_THAT(outcomes_.Wait(4), ElementsAre("held ok", "a ok", "b sql.constraint", "c ok"));
  EXPECT_EQ(state_.Count("a"), 2);
  EXPECT_EQ(state_.Count("c"), 2);
  EXPECT_TRUE(writer_->Health());
}

TEST_F(WriterTest, OthersRunAgainWhenTheTransactionIsLost) {
  Start();
  Hold();
  Add("a");
  writer_->WriteAsync(
      {},
      [&](Connection&) -> Status {
        state_.in_transaction = false;
        return Unavailable("sql.cancelled", "stopped");
      },
      outcomes_.Add("b"));
  Add("c");
  release_.count_down();
  EXPECT_THAT(outcomes_.Wait(4), ElementsAre("held ok", "b sql.cancelled", "a ok", "c ok"));
  EXPECT_EQ(state_.Count("a"), 2);
  EXPECT_EQ(state_.Count("c"), 1);
  EXPECT_TRUE(writer_->Health());
}

TEST_F(WriterTest, AWorkThatOverlooksTheLossHasFailed) {
  Start();
  writer_->WriteAsync(
      {},
      [&](Connection&) -> Status {
        state_.in_transaction = false;
        return {};
      },
      outcomes_.Add("a"));
  EXPECT_THAT(outcomes_.Wait(1), ElementsAre("a sql.storage"));
  EXPECT_EQ(state_.Count("commit"), 0);
  EXPECT_EQ(writer_->Health().error().id, "sql.storage");
}

TEST_F(WriterTest, HalfAWorkIsNeverCommitted) {
  state_.on_rollback_to = [] { return Status(Unavailable("sql.storage", "broken")); };
  Start();
  writer_->WriteAsync(
      {}, [](Connection&) -> Status { return Conflict("test.taken", "taken"); },
      outcomes_.Add("a"));
  EXPECT_THAT(outcomes_.Wait(1), ElementsAre("a test.taken"));
  EXPECT_EQ(state_.Count("rollback"), 1);
  EXPECT_EQ(state_.Count("commit"), 0);
}

TEST_F(WriterTest, AReleaseThatFailsIsAFailure) {
  state_.on_release = [] { return Status(Unavailable("sql.storage", "broken")); };
  Start();
  Add("a");
  EXPECT_THAT(outcomes_.Wait(1), ElementsAre("a sql.storage"));
  EXPECT_EQ(state_.Count("commit"), 0);
}

TEST_F(WriterTest, NothingRunsWithoutATransaction) {
  std::latch begins(1);
  std::latch queued(1);
  state_.on_begin = [&]() -> Status {
    begins.count_down();
    queued.wait();
    return Unavailable("sql.busy", "locked");
  };
  Start();
  Add("a");
  begins.wait();
  Add("b");
  queued.count_down();
  EXPECT_THAT(outcomes_.Wait(2), ElementsAre("a sql.busy", "b sql.busy"));
  EXPECT_EQ(state_.Count("a"), 0);
  EXPECT_EQ(writer_->Health().error().id, "sql.busy");
}

TEST_F(WriterTest, AFullQueueSaysSoButNotAtOnce) {
  Start({.max_queued = 3});
  Hold();
  for (const char* name : {"a", "b", "c"}) Add(name);
  std::promise<std::pair<std::string, std::thread::id>> told;
  writer_->WriteAsync({}, Note("d"), [&](const Status& status) {
    told.set_value({status ? "ok" : status.error().id, std::this_thread::get_id()});
  });
  const auto [id, thread] = told.get_future().get();
  EXPECT_EQ(id, "sql.queue_full");
  EXPECT_NE(thread, std::this_thread::get_id());
  EXPECT_EQ(writer_->Write({}, Note("e")).error().id, "sql.queue_full");
  release_.count_down();
  outcomes_.Wait(4);
  EXPECT_EQ(state_.Count("d"), 0);
  EXPECT_EQ(state_.Count("c"), 1);
}

TEST_F(WriterTest, EndsWhenTheQueueIsDone) {
  Start();
  Hold();
  for (int i = 0; i < 20; ++i) Add("a");
  release_.count_down();
  writer_.reset();
  EXPECT_EQ(outcomes_.Wait(21).size(), 21U);
  EXPECT_EQ(state_.Count("a"), 20);
}

TEST_F(WriterTest, NothingIsQueuedAtTheEnd) {
  Start();
  Writer& writer = *writer_;
  std::string last;
  std::function<void()> again = [&] {
    writer.WriteAsync({}, Note("a"), [&](const Status& status) {
      if (status) {
        again();
      } else {
        last = status.error().id;
      }
    });
  };
  again();
  writer_.reset();
  EXPECT_EQ(last, "sql.stopped");
}

TEST_F(WriterTest, WorksThatNobodyWantsLeaveTheQueue) {
  Start();
  Hold();
  writer_->WriteAsync({.deadline = steady_clock::now(), .cancelled = {}}, Note("late"),
                      outcomes_.Add("late"));
  EXPECT_THAT(outcomes_.Wait(1), ElementsAre("late sql.deadline"));
  std::atomic<bool> cancelled = false;
  writer_->WriteAsync({.deadline = Deadline::max(), .cancelled = [&] { return cancelled.load(); }},
                      Note("gone"), outcomes_.Add("gone"));
  Add("wanted");
  cancelled = true;
  EXPECT_THAT(outcomes_.Wait(2), ElementsAre("late sql.deadline", "gone sql.cancelled"));
  release_.count_down();
  outcomes_.Wait(4);
  EXPECT_EQ(state_.Count("late"), 0);
  EXPECT_EQ(state_.Count("gone"), 0);
  EXPECT_EQ(state_.Count("wanted"), 1);
}

TEST_F(WriterTest, LimitsAreLookedAtOnceMoreBeforeTheWork) {
  // The first one turns the other's limits while both are in one transaction.
  Start();
  Hold();
  std::atomic<bool> cancelled = false;
  writer_->WriteAsync(
      {},
      [&](Connection&) -> Status {
        cancelled = true;
        return {};
      },
      outcomes_.Add("a"));
  writer_->WriteAsync({.deadline = Deadline::max(), .cancelled = [&] { return cancelled.load(); }},
                      Note("b"), outcomes_.Add("b"));
  release_.count_down();
  EXPECT_THAT(outcomes_.Wait(3),
              testing::UnorderedElementsAre("held ok", "a ok", "b sql.cancelled"));
  EXPECT_EQ(state_.Count("b"), 0);
}

TEST_F(WriterTest, WhatAWorkCapturedIsGoneWhenItIsDone) {
  Start();
  auto captured = std::make_shared<int>(1);
  std::promise<bool> gone;
  writer_->WriteAsync(
      {}, [captured](Connection&) -> Status { return {}; },
      [&gone, weak = std::weak_ptr<int>(captured),
       mine = std::move(captured)](const Status&) mutable {
        mine.reset();
        gone.set_value(weak.expired());
      });
  EXPECT_TRUE(gone.get_future().get());
}

TEST_F(WriterTest, ALongTransactionShowsInHealth) {
  Start({.stuck_after = milliseconds(1)});
  EXPECT_TRUE(writer_->Health());
  Hold();
  while (writer_->Health()) std::this_thread::yield();
  EXPECT_EQ(writer_->Health().error().id, "sql.busy");
  release_.count_down();
  while (!writer_->Health()) std::this_thread::yield();
}

TEST_F(WriterTest, WriteGivesTheOutcome) {
  Start();
  EXPECT_TRUE(writer_->Write({}, Note("a")));
  EXPECT_EQ(writer_->Write({}, [](Connection&) -> Status { return NotFound("test.none", "none"); })
                .error()
                .id,
            "test.none");
}

TEST_F(WriterTest, WriteThatWaitsIsWithdrawn) {
  Start();
  Hold();
  const Limits late{.deadline = steady_clock::now() + milliseconds(5), .cancelled = {}};
  EXPECT_EQ(writer_->Write(late, Note("a")).error().id, "sql.deadline");
  // The thread that writes may have looked at the limits just before they were reached.
  const Limits cancelled{
      .deadline = Deadline::max(),
      .cancelled = [me = std::this_thread::get_id()] { return std::this_thread::get_id() == me; }};
  EXPECT_EQ(writer_->Write(cancelled, Note("b")).error().id, "sql.cancelled");
  release_.count_down();
  Add("c");
  outcomes_.Wait(2);
  EXPECT_EQ(state_.Count("a"), 0);
  EXPECT_EQ(state_.Count("b"), 0);
}

TEST_F(WriterTest, WriteWaitsForAWorkThatRuns) {
  Start();
  std::atomic<bool> cancelled = false;
  std::atomic<bool> asked_again = false;
  std::atomic<int> ended = 0;
  const Limits limits{.deadline = Deadline::max(), .cancelled = [&] {
                        if (cancelled) asked_again = true;
                        return cancelled.load();
                      }};
  const Status status = writer_->Write(limits, [&](Connection&) -> Status {
    cancelled = true;
    while (!asked_again) std::this_thread::yield();
    for (int i = 0; i < 1000; ++i) std::this_thread::yield();
    ++ended;
    return {};
  });
  EXPECT_EQ(ended, 1);
  EXPECT_TRUE(status || status.error().id == "sql.outcome_unknown");
}

TEST_F(WriterTest, WriteDoesNotWaitForACommitForEver) {
  std::atomic<bool> commits = false;
  state_.on_commit = [&]() -> Status {
    commits = true;
    release_.wait();
    return {};
  };
  Start();
  const Limits limits{.deadline = Deadline::max(), .cancelled = [&] { return commits.load(); }};
  EXPECT_EQ(writer_->Write(limits, Note("a")).error().id, "sql.outcome_unknown");
  release_.count_down();
}

TEST_F(WriterTest, AWorkWhoseCallerHasLeftIsNotRunAgain) {
  std::atomic<bool> queued = false;
  std::atomic<bool> ran = false;
  std::atomic<int> runs = 0;
  std::latch left(1);
  state_.on_commit = [&]() -> Status {
    if (!ran) return {};
    left.wait();
    return Conflict("sql.constraint", "deferred");
  };
  Start();
  Hold();
  Add("other");
  std::jthread caller([&] {
    const Limits limits{.deadline = Deadline::max(),
                        .cancelled = [&, me = std::this_thread::get_id()] {
                          queued = true;
                          return ran && std::this_thread::get_id() == me;
                        }};
    const Status status = writer_->Write(limits, [&](Connection&) -> Status {
      ++runs;
      ran = true;
      return {};
    });
    EXPECT_EQ(status.error().id, "sql.outcome_unknown");
    left.count_down();
  });
  while (!queued) std::this_thread::yield();
  release_.count_down();
  EXPECT_THAT(outcomes_.Wait(2), ElementsAre("held ok", "other sql.constraint"));
  caller.join();
  writer_.reset();
  EXPECT_EQ(runs, 1);
}

TEST_F(WriterTest, WriteFromTheWritersOwnThreadsIsADefect) {
  EXPECT_DEATH(
      {
        Start();
        static_cast<void>(
            writer_->Write({}, [&](Connection&) { return writer_->Write({}, Note("a")); }));
      },
      "does not hold");
  EXPECT_DEATH(
      {
        Start();
        writer_->WriteAsync({}, Note("a"), [&](const Status&) {
          static_cast<void>(writer_->Write({}, Note("b")));
        });
        outcomes_.Wait(1);
      },
      "does not hold");
}

}  // namespace
}  // namespace limequat::sql
