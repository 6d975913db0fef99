#include "limequat/http/runtime.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <exception>
#include <string>
#include <utility>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "limequat/base/check.h"
#include "limequat/http/runtime_internal.h"
#include "limequat/telemetry/log.h"

namespace limequat::http {
namespace {

constexpr std::size_t kScratchBytes = 64U << 10U;

void NameThread(const std::string& name) { pthread_setname_np(pthread_self(), name.c_str()); }

// The owner of a signal descriptor or an event descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) { LQ_CHECK(fd >= 0); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(fd_); }
  int get() const { return fd_; }

 private:
  int fd_;
};

sigset_t StopSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

std::string_view LaneName(Lane lane) {
  switch (lane) {
    case Lane::kHealth:
      return "health";
    case Lane::kEvidence:
      return "evidence";
    case Lane::kAdministration:
      return "administration";
  }
  LQ_CHECK(false);
}

std::string DescribeException(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "an exception of an unknown type";
  }
}

// --- I/O threads ----------------------------------------------------------------

IoThread::IoThread(unsigned number) : scratch_(kScratchBytes), guard_(context_.get_executor()) {
  thread_ = std::thread([this, number] {
    NameThread("lq-io-" + std::to_string(number));
    for (;;) {
      try {
        context_.run();
        return;
      } catch (...) {
        telemetry::LogError("http.callback_exception",
                            {{"what", DescribeException(std::current_exception())}});
      }
    }
  });
}

IoThread::~IoThread() { Stop(); }

void IoThread::Stop() {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    closed_ = true;
    asio::post(context_, [this] { context_.stop(); });
  }
  thread_.join();
}

// --- lanes ------------------------------------------------------------------------

LanePool::LanePool(Lane lane, const LaneOptions& options)
    : lane_(lane), max_queued_(options.max_queued) {
  for (unsigned i = 0; i < options.workers; ++i) workers_.emplace_back([this] { Run(); });
}

Status LanePool::Post(std::move_only_function<void()> work, Bound bound) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return Unavailable("runtime.stopped", "the program is stopping");
    if (workers_.empty()) {
      return Unavailable("runtime.no_workers",
                         "lane " + std::string(LaneName(lane_)) + " has no workers");
    }
    if (bound == Bound::kChecked && queue_.size() >= max_queued_) {
      return Unavailable("runtime.queue_full",
                         "the queue of lane " + std::string(LaneName(lane_)) + " is full");
    }
    queue_.push_back(std::move(work));
  }
  news_.notify_one();
  return {};
}

std::size_t LanePool::queued() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

void LanePool::Run() {
  NameThread("lq-" + std::string(LaneName(lane_)).substr(0, 12));
  std::unique_lock lock(mutex_);
  for (;;) {
    news_.wait(lock, [this] { return stopped_ || !queue_.empty(); });
    if (stopped_) return;
    std::move_only_function<void()> work = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    try {
      work();
      work = nullptr;
    } catch (...) {
      telemetry::LogError("http.work_exception",
                          {{"what", DescribeException(std::current_exception())}});
      work = nullptr;
    }
    lock.lock();
  }
}

void LanePool::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  news_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
}

void LanePool::DropQueue() {
  std::deque<std::move_only_function<void()>> dropped;
  const std::lock_guard lock(mutex_);
  dropped.swap(queue_);
}

// --- Strand and Timer -------------------------------------------------------------

// A strand is a thread: whatever runs on one context runs one after another.
struct Strand::Impl {
  std::weak_ptr<IoThread> io;
};

void Strand::Post(std::move_only_function<void()> work) const {
  if (const std::shared_ptr<IoThread> io = impl_->io.lock()) io->Post(std::move(work));
}

void Strand::Dispatch(std::move_only_function<void()> work) const {
  if (const std::shared_ptr<IoThread> io = impl_->io.lock()) io->Dispatch(std::move(work));
}

struct Timer::Impl {
  std::weak_ptr<IoThread> io;
  std::atomic<bool> pending{true};
  // Both belong to the thread of the strand. The timer is owned by its own handler, so
  // that it ends with the context at the latest.
  IoTimer* timer = nullptr;
  std::move_only_function<void()> work;
};

Timer::Timer(Timer&&) noexcept = default;

Timer& Timer::operator=(Timer&& other) noexcept {
  if (this != &other) {
    Cancel();
    impl_ = std::move(other.impl_);
  }
  return *this;
}

Timer::~Timer() { Cancel(); }

void Timer::Cancel() {
  const std::shared_ptr<Impl> impl = std::move(impl_);
  if (!impl || !impl->pending.exchange(false)) return;
  // Frees the timer and what the work holds before the time has come.
  if (const std::shared_ptr<IoThread> io = impl->io.lock()) {
    io->Dispatch([impl] {
      if (impl->timer != nullptr) impl->timer->cancel();
    });
  }
}

// --- Runtime ----------------------------------------------------------------------

Runtime::Impl::Impl(const RuntimeOptions& options) {
  LQ_CHECK(options.io_threads > 0);
  for (unsigned i = 0; i < options.io_threads; ++i) io.push_back(std::make_shared<IoThread>(i));
  lanes = {std::make_unique<LanePool>(Lane::kHealth, options.health),
           std::make_unique<LanePool>(Lane::kEvidence, options.evidence),
           std::make_unique<LanePool>(Lane::kAdministration, options.administration)};
}

IoThread* Runtime::Impl::ThisIo() const {
  for (const auto& thread : io) {
    if (thread->OnThisThread()) return thread.get();
  }
  return nullptr;
}

Runtime::Runtime(const RuntimeOptions& options) : impl_(std::make_unique<Impl>(options)) {}

Runtime::~Runtime() { Stop(); }

Status Runtime::Post(Lane lane, std::move_only_function<void()> work) {
  return impl_->lane(lane).Post(std::move(work), LanePool::Bound::kChecked);
}

Strand Runtime::CreateStrand() {
  const std::size_t index = impl_->next_io.fetch_add(1, std::memory_order_relaxed);
  return Strand(std::make_shared<Strand::Impl>(impl_->io[index % impl_->io.size()]));
}

namespace {

constexpr std::int64_t kSlackShare = 16;  // of a delay
constexpr std::int64_t kMaxSlackMilliseconds = 16;

}  // namespace

std::chrono::steady_clock::time_point TimerEnd(std::chrono::steady_clock::time_point now,
                                               std::chrono::milliseconds delay) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point end = now + delay;
  const std::int64_t slack = std::min(delay.count() / kSlackShare, kMaxSlackMilliseconds);
  if (slack <= 1) return end;
  const auto grid =
      Clock::duration(std::chrono::milliseconds(std::bit_floor(static_cast<std::uint64_t>(slack))));
  const auto over = end.time_since_epoch() % grid;
  return over == Clock::duration(0) ? end : end + (grid - over);
}

Timer Runtime::After(std::chrono::milliseconds delay, const Strand& strand,
                     std::move_only_function<void()> work) {
  Timer result;
  auto impl = std::make_shared<Timer::Impl>();
  impl->io = strand.impl_->io;
  impl->work = std::move(work);
  const std::shared_ptr<IoThread> io = impl->io.lock();
  if (!io) return result;
  const bool begun = io->Dispatch(
      [impl, when = TimerEnd(std::chrono::steady_clock::now(), delay), context = &io->context()] {
        if (!impl->pending.load()) return;
        auto owned = std::make_unique<IoTimer>(*context, when);
        IoTimer& timer = *owned;
        impl->timer = &timer;
        timer.async_wait([impl, owned = std::move(owned)](const ErrorCodeOfAsio& error) {
          impl->timer = nullptr;
          std::move_only_function<void()> planned = std::exchange(impl->work, nullptr);
          if (!error && impl->pending.exchange(false)) planned();
        });
      });
  if (begun) result.impl_ = std::move(impl);
  return result;
}

std::size_t Runtime::queued(Lane lane) const { return impl_->lane(lane).queued(); }

void Runtime::Stop() {
  std::call_once(impl_->stopped, [this] {
    LQ_CHECK(!impl_->OnIoThread());
    impl_->stopping.Cancel();
    for (const auto& lane : impl_->lanes) lane->Stop();
    for (const auto& io : impl_->io) io->Stop();
    for (const auto& lane : impl_->lanes) lane->DropQueue();
  });
}

// --- StopSignal -------------------------------------------------------------------

StopSignal::StopSignal() {
  const sigset_t set = StopSignals();
  LQ_CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
  struct sigaction ignore = {};
  ignore.sa_handler = SIG_IGN;
  LQ_CHECK(sigaction(SIGPIPE, &ignore, nullptr) == 0);
}

int StopSignal::Wait(const CancelToken& cancel) {
  const sigset_t set = StopSignals();
  const Descriptor signals(signalfd(-1, &set, SFD_CLOEXEC));
  const Descriptor cancelled(eventfd(0, EFD_CLOEXEC));
  const auto registration = cancel.OnCancel([&cancelled] {
    const std::uint64_t one = 1;
    LQ_CHECK(write(cancelled.get(), &one, sizeof one) == sizeof one);
  });
  for (;;) {
    std::array<pollfd, 2> ready{{{signals.get(), POLLIN, 0}, {cancelled.get(), POLLIN, 0}}};
    if (poll(ready.data(), ready.size(), -1) < 0) continue;  // EINTR
    if ((ready[1].revents & POLLIN) != 0) return 0;
    signalfd_siginfo info{};
    if (read(signals.get(), &info, sizeof info) == sizeof info) {
      return static_cast<int>(info.ssi_signo);
    }
  }
}

}  // namespace limequat::http
