#include "limequat/http/job_gate.h"

namespace limequat::http {

bool JobGate::Enter() {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  ++inside_;
  return true;
}

void JobGate::Leave() {
  const std::lock_guard lock(mutex_);
  if (--inside_ == 0) left_.notify_all();
}

void JobGate::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

void JobGate::CloseAndWait() {
  std::unique_lock lock(mutex_);
  closed_ = true;
  left_.wait(lock, [this] { return inside_ == 0; });
}

}  // namespace limequat::http
