#pragma once

#include <functional>

namespace limequat::collect {

// RunOnWorkers calls `work` once on each of `workers` threads (0: as many as processors;
// at most 64) and returns when all of them have ended. `work` takes what is to do from a
// place of its own until nothing is left: fewer threads than asked for do all of it, and
// if no thread can be had, the calling one does. `tick` is called from the calling thread,
// about ten times a second and once at the end. `work` must not throw.
void RunOnWorkers(unsigned workers, const std::function<void()>& work,
                  const std::function<void()>& tick);

}  // namespace limequat::collect
