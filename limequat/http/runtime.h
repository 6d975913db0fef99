#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

#include "limequat/base/result.h"
#include "limequat/http/cancel.h"

namespace limequat::http {

// The three kinds of work, each with its own workers and its own bounded queue, so
// that one cannot starve another: a flood of evidence leaves health answering.
enum class Lane { kHealth, kEvidence, kAdministration };
std::string_view LaneName(Lane lane);

struct LaneOptions {
  unsigned workers = 1;  // 0: the lane takes nothing
  std::size_t max_queued = 256;
};

struct RuntimeOptions {
  unsigned io_threads = 1;
  LaneOptions health{.workers = 1, .max_queued = 64};
  LaneOptions evidence{.workers = 2, .max_queued = 4096};
  LaneOptions administration{.workers = 2, .max_queued = 256};
};

// Runs things one after another, in the order of Post, on the I/O threads: work on
// a strand must not block. Copies share the strand; it outlives its last copy
// until its queue is empty. Its queue has no bound of its own: whoever posts from
// outside bounds what is under way. After Stop, work is destroyed unrun.
class Strand {
 public:
  void Post(std::move_only_function<void()> work) const;
  // Runs `work` before it returns if the caller is on the strand's own I/O thread,
  // ahead of what was posted; else posts it.
  void Dispatch(std::move_only_function<void()> work) const;

 private:
  friend class Runtime;
  struct Impl;
  explicit Strand(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

// One planned call; destroying or Cancel() revokes it. Certain only on the strand it
// was planned for; elsewhere it may be running, so capture weakly.
class Timer {
 public:
  Timer() = default;
  Timer(Timer&&) noexcept;
  Timer& operator=(Timer&&) noexcept;
  ~Timer();
  void Cancel();

 private:
  friend class Runtime;
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// Threads, timers and queues of one program. Everything else in this module runs
// on it. Owns no global state; several may exist in one process (tests).
class Runtime {
 public:
  explicit Runtime(const RuntimeOptions& options);
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  // Stops as Stop does.
  ~Runtime();

  // Puts `work` into the lane's queue. kUnavailable ("runtime.queue_full", or
  // "runtime.stopped", "runtime.no_workers") if it was not taken: then it never runs.
  Status Post(Lane lane, std::move_only_function<void()> work);

  Strand CreateStrand();
  // Runs `work` on `strand` after `delay`, or later by up to a sixteenth of it and 16 ms at
  // most: timers that end near each other wake their thread once.
  [[nodiscard]] Timer After(std::chrono::milliseconds delay, const Strand& strand,
                            std::move_only_function<void()> work);

  std::size_t queued(Lane lane) const;

  // Takes no more work, cancels timers, lets what began end, joins the threads.
  // Not to be called from one of them.
  void Stop();

  struct Impl;
  Impl& impl() { return *impl_; }  // for this module only

 private:
  std::unique_ptr<Impl> impl_;
};

// Blocks SIGINT and SIGTERM in the calling thread (call it before any thread is
// started) and waits until one arrives or `cancel` fires. SIGPIPE is ignored.
class StopSignal {
 public:
  StopSignal();
  // The signal's number, 0 when cancelled.
  int Wait(const CancelToken& cancel = {});
};

}  // namespace limequat::http
