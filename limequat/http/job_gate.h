#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <utility>

namespace limequat::http {

// Lets the work of an object run until the object ends, then waits for what still runs: what
// the work uses may be destroyed afterwards. Thread-safe.
class JobGate {
 public:
  // False: closed, the work must not run. Otherwise call Leave after it.
  [[nodiscard]] bool Enter();
  void Leave();
  // Runs `work` if the gate is open; whether it did.
  template <class Work>
  bool Run(Work&& work) {
    if (!Enter()) return false;
    const Exit exit{*this};
    std::forward<Work>(work)();
    return true;
  }
  void Close();
  // Not to be called by work.
  void CloseAndWait();

 private:
  struct Exit {
    JobGate& gate;
    ~Exit() { gate.Leave(); }
  };

  std::mutex mutex_;
  std::condition_variable left_;
  bool closed_ = false;
  std::size_t inside_ = 0;
};

}  // namespace limequat::http
