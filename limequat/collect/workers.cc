#include "limequat/collect/workers.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace limequat::collect {

namespace {

constexpr auto kTickInterval = std::chrono::milliseconds(100);
constexpr unsigned kMaxWorkers = 64;

class Crew {
 public:
  explicit Crew(const std::function<void()>& work) : work_(work) {}

  void Run(unsigned count, const std::function<void()>& tick) {
    std::vector<std::jthread> workers = Start(count);
    if (workers.empty()) work_();  // no thread to be had: slower, not impossible
    std::unique_lock lock(mutex_);
    while (!ended_.wait_for(lock, kTickInterval, [&] { return running_ == 0; })) tick();
    tick();
  }

 private:
  std::vector<std::jthread> Start(unsigned count) {
    std::vector<std::jthread> workers;
    try {
      while (workers.size() < count) {
        const std::lock_guard lock(mutex_);
        workers.emplace_back([this] {
          work_();
          const std::lock_guard done(mutex_);
          --running_;
          ended_.notify_one();
        });
        ++running_;
      }
    } catch (const std::system_error&) {
      // Those that started do all of the work.
    }
    return workers;
  }

  const std::function<void()>& work_;
  std::mutex mutex_;
  std::condition_variable ended_;
  unsigned running_ = 0;
};

}  // namespace

void RunOnWorkers(unsigned workers, const std::function<void()>& work,
                  const std::function<void()>& tick) {
  const unsigned asked = workers == 0 ? std::thread::hardware_concurrency() : workers;
  Crew(work).Run(std::clamp(asked, 1U, kMaxWorkers), tick);
}

}  // namespace limequat::collect
