#include "limequat/http/cancel.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace limequat::http {

// One callback. Linked into State::first while it waits; owned by its Registration
// and, while it runs, by the cancelling thread.
struct CancelToken::Registration::Slot {
  enum class Phase { kWaiting, kRunning, kDone };

  std::shared_ptr<CancelToken::State> state;
  std::function<void()> callback;
  Phase phase = Phase::kWaiting;
  std::thread::id runner;
  std::shared_ptr<Slot> next;
  Slot* previous = nullptr;
};

struct CancelToken::State {
  using Slot = Registration::Slot;

  std::mutex mutex;
  std::condition_variable done;
  std::atomic<bool> cancelled{false};
  std::shared_ptr<Slot> first;  // a list, so that a registration ends in constant time

  void Link(const std::shared_ptr<Slot>& slot) {
    slot->next = first;
    if (first) first->previous = slot.get();
    first = slot;
  }

  void Unlink(Slot& slot) {
    std::shared_ptr<Slot> next = std::move(slot.next);
    if (next) next->previous = slot.previous;
    (slot.previous != nullptr ? slot.previous->next : first) = std::move(next);
    slot.previous = nullptr;
  }

  void Cancel() {
    std::unique_lock lock(mutex);
    if (cancelled.exchange(true)) return;
    while (first) {
      const std::shared_ptr<Slot> slot = first;
      Unlink(*slot);
      slot->phase = Slot::Phase::kRunning;
      slot->runner = std::this_thread::get_id();
      lock.unlock();
      slot->callback();
      slot->callback = nullptr;
      lock.lock();
      slot->phase = Slot::Phase::kDone;
      done.notify_all();
    }
  }

  void Remove(const std::shared_ptr<Slot>& slot) {
    std::unique_lock lock(mutex);
    if (slot->phase == Slot::Phase::kWaiting) {
      Unlink(*slot);
      slot->phase = Slot::Phase::kDone;
      lock.unlock();
      slot->callback = nullptr;
      return;
    }
    // A callback that ends its own registration must not wait for itself.
    if (slot->runner == std::this_thread::get_id()) return;
    done.wait(lock, [&] { return slot->phase == Slot::Phase::kDone; });
  }
};

CancelToken::Registration::Registration(Registration&&) noexcept = default;

CancelToken::Registration& CancelToken::Registration::operator=(Registration&& other) noexcept {
  if (this != &other) {
    const Registration old = std::move(*this);
    slot_ = std::move(other.slot_);
  }
  return *this;
}

CancelToken::Registration::~Registration() {
  if (slot_) slot_->state->Remove(slot_);
}

bool CancelToken::cancelled() const { return state_ && state_->cancelled.load(); }

CancelToken::Registration CancelToken::OnCancel(std::function<void()> callback) const {
  Registration registration;
  if (!state_) return registration;
  auto slot = std::make_shared<Registration::Slot>();
  slot->state = state_;
  slot->callback = std::move(callback);
  {
    const std::lock_guard lock(state_->mutex);
    if (!state_->cancelled.load()) {
      state_->Link(slot);
      registration.slot_ = std::move(slot);
      return registration;
    }
  }
  slot->callback();
  return registration;
}

CancelSource::CancelSource() : state_(std::make_shared<CancelToken::State>()) {}

CancelToken CancelSource::token() const {
  CancelToken token;
  token.state_ = state_;
  return token;
}

void CancelSource::Cancel() { state_->Cancel(); }

}  // namespace limequat::http
