#pragma once

#include <functional>
#include <memory>

namespace limequat::http {

// Tells work that nobody waits for it any more: the client went away, the deadline
// passed, the program stops. Copies share one state; all members may be called
// from any thread.
class CancelToken {
 public:
  // Removes its callback when it ends; waits for one that is running on another
  // thread: never end it while holding a lock that the callback takes.
  class Registration {
   public:
    Registration() = default;
    Registration(Registration&&) noexcept;
    Registration& operator=(Registration&&) noexcept;
    ~Registration();

   private:
    friend class CancelToken;
    struct Slot;
    std::shared_ptr<Slot> slot_;
  };

  // Never cancelled.
  CancelToken() = default;

  bool cancelled() const;
  // Runs `callback` once, on the thread that cancels; at once if that has happened.
  // The callback must not block. Keep the registration as long as the work runs.
  [[nodiscard]] Registration OnCancel(std::function<void()> callback) const;

 private:
  friend class CancelSource;
  struct State;
  std::shared_ptr<State> state_;
};

class CancelSource {
 public:
  CancelSource();
  CancelToken token() const;
  void Cancel();

 private:
  std::shared_ptr<CancelToken::State> state_;
};

}  // namespace limequat::http
