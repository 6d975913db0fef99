#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>

#include "limequat/base/result.h"
#include "limequat/sql/database.h"

namespace limequat::sql {

// kUnavailable ("sql.cancelled", "sql.deadline") once the limits are reached.
Status CheckLimits(const Limits& limits);

// Waits on `condition` until `ready` (asked with `lock` held) or the limits are
// reached; the lock is held again afterwards. `ready` goes first: what became ready
// in the last moment counts.
Status WaitWithin(const Limits& limits, std::unique_lock<std::mutex>& lock,
                  std::condition_variable& condition, const std::function<bool()>& ready);

}  // namespace limequat::sql
