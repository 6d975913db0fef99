#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "limequat/http/asio_internal.h"
#include "limequat/http/runtime.h"

namespace limequat::http {

// What an exception says, for logs. A defect of a caller: it is no reason to stop serving.
std::string DescribeException(const std::exception_ptr& exception);

// When a timer planned at `now` runs: after `delay`, on a grid that timers of about the
// same length share, at most a sixteenth of the delay and 16 ms later.
std::chrono::steady_clock::time_point TimerEnd(std::chrono::steady_clock::time_point now,
                                               std::chrono::milliseconds delay);

// One thread and its context. Owned by the runtime alone: what lives on the context
// refers to it by reference, since shared ownership would be a cycle, and what may
// outlive the runtime holds it weakly.
class IoThread : public std::enable_shared_from_this<IoThread> {
 public:
  explicit IoThread(unsigned number);
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;
  ~IoThread();

  asio::io_context& context() { return context_; }
  IoExecutor executor() { return context_.get_executor(); }
  bool OnThisThread() const { return thread_.get_id() == std::this_thread::get_id(); }
  // Where bytes are received. Valid until the coroutine that uses it suspends.
  std::span<char> scratch() { return scratch_; }

  // Runs `work` on the thread, after what was posted before. False: the thread has
  // ended or is about to, and `work` was destroyed.
  template <class Work>
  bool Post(Work work) {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    asio::post(context_, std::move(work));
    return true;
  }

  // Runs `work` now if called on the thread, ahead of what was posted; else posts it.
  // False as with Post.
  template <class Work>
  bool Dispatch(Work work) {
    if (!OnThisThread()) return Post(std::move(work));
    work();
    return true;
  }

  // Takes no more posts; ends the thread when those taken have run.
  void Stop();

 private:
  // The context goes first: what it still holds may post.
  std::mutex mutex_;
  bool closed_ = false;
  std::vector<char> scratch_;
  asio::io_context context_{1};
  asio::executor_work_guard<IoExecutor> guard_;
  std::thread thread_;
};

// The workers of one lane and their queue.
class LanePool {
 public:
  LanePool(Lane lane, const LaneOptions& options);
  LanePool(const LanePool&) = delete;
  LanePool& operator=(const LanePool&) = delete;
  ~LanePool() { Stop(); }

  enum class Bound { kChecked, kIgnored };
  Status Post(std::move_only_function<void()> work, Bound bound);
  std::size_t queued() const;
  // Lets what began end and joins. What waits is kept unrun until destruction.
  void Stop();
  void DropQueue();

 private:
  void Run();

  const Lane lane_;
  const std::size_t max_queued_;
  mutable std::mutex mutex_;
  std::condition_variable news_;
  std::deque<std::move_only_function<void()>> queue_;
  bool stopped_ = false;
  std::vector<std::thread> workers_;
};

struct Runtime::Impl {
  explicit Impl(const RuntimeOptions& options);

  LanePool& lane(Lane lane) { return *lanes.at(static_cast<std::size_t>(lane)); }
  IoThread& NextIo() { return *io[next_io.fetch_add(1, std::memory_order_relaxed) % io.size()]; }
  // The I/O thread that calls, nullptr on any other.
  IoThread* ThisIo() const;
  bool OnIoThread() const { return ThisIo() != nullptr; }

  std::vector<std::shared_ptr<IoThread>> io;
  std::atomic<std::size_t> next_io{0};
  std::array<std::unique_ptr<LanePool>, 3> lanes;
  // Fires when Stop begins, while all threads still run: servers and clients let go.
  CancelSource stopping;
  std::once_flag stopped;
};

}  // namespace limequat::http
