#include "limequat/sql/writer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/check.h"
#include "limequat/base/result_macros.h"
#include "limequat/sql/limits.h"

namespace limequat::sql {

namespace {

using std::chrono::steady_clock;

// How often works that wait behind a slow one are asked whether somebody still wants them.
constexpr std::chrono::milliseconds kExpiryInterval(50);

// What a caller of Write and the threads share.
struct Waiter {
  enum class Phase { kQueued, kRunning, kRan, kDone };

  std::mutex mutex;
  std::condition_variable changed;
  Phase phase = Phase::kQueued;
  bool withdrawn = false;
  Status outcome;  // what the work returned, later what became of it

  // Begins to run; a work of a batch that failed may begin again.
  Status Start() {
    const std::lock_guard lock(mutex);
    if (withdrawn) return Unavailable("sql.cancelled", "nobody waits for this write any more");
    phase = Phase::kRunning;
    return {};
  }

  void Enter(Phase next, Status status) {
    const std::lock_guard lock(mutex);
    phase = next;
    outcome = std::move(status);
    changed.notify_all();
  }
};

// Whether the disk or the server is to blame, and not one work.
bool IsOutage(const Error& error) {
  return error.code == ErrorCode::kUnavailable && error.id != "sql.deadline" &&
         error.id != "sql.cancelled";
}

}  // namespace

Writer::Writer(std::unique_ptr<Session> session, const Options& options)
    : session_(std::move(session)), options_(options) {
  LQ_CHECK(options.max_queued > 0 && options.max_batch > 0);
  writing_ = std::thread([this] { Run(); });
  notifying_ = std::thread([this] { Notify(); });
}

Writer::~Writer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    to_write_.notify_one();
  }
  writing_.join();
  {
    const std::lock_guard lock(mutex_);
    written_ = true;
    to_notify_.notify_one();
  }
  notifying_.join();
}

void Writer::WriteAsync(const Limits& limits, Database::Work work, Database::Completion done) {
  Job job{.limits = limits,
          .work = std::move(work),
          .done = std::move(done),
          .alone = false,
          .outcome = {}};
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      job.outcome = Unavailable("sql.stopped", "the database is being closed");
    } else if (queue_.size() >= options_.max_queued) {
      job.outcome = Unavailable(
          "sql.queue_full", fmt::format("{} writes wait for the database already", queue_.size()));
    } else {
      queue_.push_back(std::move(job));
      to_write_.notify_one();
      if (queue_.size() == 1) to_notify_.notify_one();
      return;
    }
  }
  Finish(std::move(job));
}

Status Writer::Write(const Limits& limits, Database::Work work) {
  // It would wait for itself.
  LQ_CHECK(std::this_thread::get_id() != writing_.get_id() &&
           std::this_thread::get_id() != notifying_.get_id());
  const auto waiter = std::make_shared<Waiter>();
  WriteAsync(
      limits,
      [waiter, work = std::move(work)](Connection& connection) mutable -> Status {
        LQ_RETURN_IF_ERROR(waiter->Start());
        Status outcome = work(connection);
        waiter->Enter(Waiter::Phase::kRan, outcome);
        return outcome;
      },
      [waiter](Status outcome) { waiter->Enter(Waiter::Phase::kDone, std::move(outcome)); });

  std::unique_lock lock(waiter->mutex);
  Status waited = WaitWithin(limits, lock, waiter->changed,
                             [&] { return waiter->phase == Waiter::Phase::kDone; });
  if (waited) return std::move(waiter->outcome);
  waiter->changed.wait(lock, [&] { return waiter->phase != Waiter::Phase::kRunning; });
  // From here on the variables of the caller are gone.
  waiter->withdrawn = true;
  if (waiter->phase == Waiter::Phase::kQueued) return waited;
  // A work that failed leaves nothing that could become durable.
  if (waiter->phase == Waiter::Phase::kDone || !waiter->outcome) return std::move(waiter->outcome);
  return Unavailable("sql.outcome_unknown",
                     "the time allowed ended before the write was known to be durable");
}

Status Writer::Health() const {
  const std::lock_guard lock(mutex_);
  if (busy_since_ && steady_clock::now() - *busy_since_ >= options_.stuck_after) {
    return Unavailable("sql.busy", "the database has not finished a write for a long time");
  }
  return health_;
}

void Writer::Run() {
  std::unique_lock lock(mutex_);
  Deadline next_probe = steady_clock::now() + options_.probe_interval;
  for (;;) {
    to_write_.wait_until(lock, next_probe, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty() && stopping_) return;
    const Deadline now = steady_clock::now();
    const bool probe = now >= next_probe;
    busy_since_ = now;
    lock.unlock();
    probe ? Probe() : RunTransaction();
    lock.lock();
    busy_since_.reset();
    // Transactions stand for a probe while all is well. After a failure only a probe
    // says that it is over: a transaction may have written nothing.
    if (health_) {
      next_probe = steady_clock::now() + options_.probe_interval;
    } else {
      const Deadline soon = steady_clock::now() + options_.broken_probe_interval;
      next_probe = probe ? soon : std::min(next_probe, soon);
    }
  }
}

void Writer::Probe() { SetHealth(session_->Probe()); }

// Jobs are taken from the queue one by one, so that those that have not begun can
// still be removed from it.
void Writer::RunTransaction() {
  Status begun = session_->Begin();
  std::size_t left = 0;
  {
    const std::lock_guard lock(mutex_);
    left = begun ? std::min(queue_.size(), options_.max_batch) : queue_.size();
  }
  std::vector<Job> jobs;
  while (left > 0) {
    std::optional<Job> job = TakeNext();
    if (!job) break;
    left = job->alone ? 0 : left - 1;
    jobs.push_back(*std::move(job));
    if (!begun) {
      jobs.back().outcome = begun;
      continue;
    }
    RunJob(jobs.back());
    if (!session_->InTransaction()) {
      // The database gave up everything since Begin because of this job; the others
      // have not failed.
      Job failed = std::move(jobs.back());
      jobs.pop_back();
      Requeue(std::move(jobs));
      Finish(std::move(failed));
      return;
    }
  }
  if (begun) {
    Commit(std::move(jobs));
    return;
  }
  SetHealth(begun);
  Finish(std::move(jobs));
}

void Writer::RunJob(Job& job) {
  job.outcome = CheckLimits(job.limits);
  if (!job.outcome) return;
  job.outcome = session_->Savepoint();
  if (!job.outcome) return;
  session_->SetLimits(&job.limits);
  job.outcome = job.work(*session_);
  session_->SetLimits(nullptr);
  if (!session_->InTransaction()) {
    if (job.outcome) {
      job.outcome =
          Unavailable("sql.storage", "the database gave up the transaction of this write");
    }
    if (IsOutage(job.outcome.error())) SetHealth(job.outcome);
    return;
  }
  const bool failed = !job.outcome;
  const Status ended = failed ? session_->RollbackToSavepoint() : session_->ReleaseSavepoint();
  if (ended) return;
  // Half of a work must not be committed with the others.
  if (!failed) job.outcome = ended;
  session_->Rollback();
}

void Writer::Commit(std::vector<Job> jobs) {
  Status committed = session_->Commit();
  if (committed) {
    Finish(std::move(jobs));
    return;
  }
  session_->Rollback();
  if (committed.error().code == ErrorCode::kConflict && jobs.size() > 1) {
    for (Job& job : jobs) job.alone = true;
    Requeue(std::move(jobs));
    return;
  }
  if (IsOutage(committed.error())) {
    SetHealth(committed);
    committed = Unavailable("sql.outcome_unknown", "COMMIT failed: " + committed.error().message);
  }
  // Those that failed by themselves may have done so because of one that is now undone.
  for (Job& job : jobs) job.outcome = committed;
  Finish(std::move(jobs));
}

void Writer::Notify() {
  std::unique_lock lock(mutex_);
  Deadline next_look = steady_clock::now();
  while (!written_ || !finished_.empty()) {
    std::vector<Job> finished = std::exchange(finished_, {});
    if (steady_clock::now() >= next_look) {
      next_look = steady_clock::now() + kExpiryInterval;
      TakeExpired(finished);
    }
    if (!finished.empty()) {
      lock.unlock();
      for (Job& job : finished) {
        job.work = nullptr;
        job.done(std::move(job.outcome));
      }
      finished.clear();
      lock.lock();
    } else if (queue_.empty()) {
      to_notify_.wait(lock);
    } else {
      to_notify_.wait_until(lock, next_look);
    }
  }
}

void Writer::TakeExpired(std::vector<Job>& expired) {
  for (Job& job : queue_) {
    job.outcome = CheckLimits(job.limits);
    if (!job.outcome) expired.push_back(std::move(job));
  }
  // What was moved away still says that it failed.
  std::erase_if(queue_, [](const Job& job) { return !job.outcome.has_value(); });
}

std::optional<Writer::Job> Writer::TakeNext() {
  const std::lock_guard lock(mutex_);
  if (queue_.empty()) return std::nullopt;
  Job job = std::move(queue_.front());
  queue_.pop_front();
  return job;
}

void Writer::Requeue(std::vector<Job> jobs) {
  const std::lock_guard lock(mutex_);
  queue_.insert(queue_.begin(), std::move_iterator(jobs.begin()), std::move_iterator(jobs.end()));
}

void Writer::Finish(std::vector<Job> jobs) {
  const std::lock_guard lock(mutex_);
  std::move(jobs.begin(), jobs.end(), std::back_inserter(finished_));
  to_notify_.notify_one();
}

void Writer::Finish(Job job) {
  std::vector<Job> jobs;
  jobs.push_back(std::move(job));
  Finish(std::move(jobs));
}

void Writer::SetHealth(const Status& health) {
  const std::lock_guard lock(mutex_);
  health_ = health;
}

}  // namespace limequat::sql
