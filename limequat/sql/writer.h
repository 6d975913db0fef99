#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/sql/database.h"
#include "limequat/sql/session.h"

namespace limequat::sql {

// The writing half of a Database: a bounded queue, one thread that runs works with
// group commit, and one that tells who waits. WriteAsync, Write and Health as
// described with Database.
class Writer {
 public:
  struct Options {
    std::size_t max_queued = 4096;
    std::size_t max_batch = 256;
    std::chrono::milliseconds probe_interval{15'000};        // when nothing is written
    std::chrono::milliseconds broken_probe_interval{1'000};  // after a failure
    std::chrono::milliseconds stuck_after{10'000};           // one transaction; then Health says so
  };

  Writer(std::unique_ptr<Session> session, const Options& options);
  // Runs what is queued, then ends. What completions still queue is "sql.stopped".
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void WriteAsync(const Limits& limits, Database::Work work, Database::Completion done);
  Status Write(const Limits& limits, Database::Work work);
  Status Health() const;

 private:
  struct Job {
    Limits limits;
    Database::Work work;
    Database::Completion done;
    bool alone = false;  // shares no commit: it was in one that failed
    Status outcome;
  };

  // The thread that writes.
  void Run();
  void RunTransaction();
  void RunJob(Job& job);
  void Commit(std::vector<Job> jobs);
  void Probe();

  // The thread that completes, also works that wait and whose limits are reached.
  void Notify();
  // Moves those from the queue; mutex_ is held.
  void TakeExpired(std::vector<Job>& expired);

  std::optional<Job> TakeNext();
  // Runs the jobs again, before all others.
  void Requeue(std::vector<Job> jobs);
  void Finish(std::vector<Job> jobs);
  void Finish(Job job);
  void SetHealth(const Status& health);

  const std::unique_ptr<Session> session_;  // used by the thread that writes
  const Options options_;

  // All below is guarded by mutex_.
  mutable std::mutex mutex_;
  std::condition_variable to_write_;
  std::condition_variable to_notify_;
  std::deque<Job> queue_;
  std::vector<Job> finished_;
  bool stopping_ = false;
  bool written_ = false;  // nothing will be added to finished_ by the thread that writes
  Status health_;
  std::optional<Deadline> busy_since_;

  std::thread writing_;
  std::thread notifying_;
};

}  // namespace limequat::sql
