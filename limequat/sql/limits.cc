#include "limequat/sql/limits.h"

#include <algorithm>

#include "limequat/base/result_macros.h"

namespace limequat::sql {

namespace {

// A cancellation is a predicate, nobody is woken by it: it is asked this often.
constexpr std::chrono::milliseconds kCancelPoll(10);

}  // namespace

Status CheckLimits(const Limits& limits) {
  if (limits.cancelled && limits.cancelled()) {
    return Unavailable("sql.cancelled", "the work on the database was cancelled");
  }
  if (limits.deadline != Deadline::max() && std::chrono::steady_clock::now() >= limits.deadline) {
    return Unavailable("sql.deadline", "the database did not finish in the time allowed");
  }
  return {};
}

Status WaitWithin(const Limits& limits, std::unique_lock<std::mutex>& lock,
                  std::condition_variable& condition, const std::function<bool()>& ready) {
  while (!ready()) {
    LQ_RETURN_IF_ERROR(CheckLimits(limits));
    if (limits.cancelled) {
      condition.wait_until(
          lock, std::min(limits.deadline, std::chrono::steady_clock::now() + kCancelPoll));
    } else if (limits.deadline == Deadline::max()) {
      condition.wait(lock);
    } else {
      condition.wait_until(lock, limits.deadline);
    }
  }
  return {};
}

}  // namespace limequat::sql
