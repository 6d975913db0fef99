#pragma once

#include <algorithm>
#include <ctime>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "limequat/json/value.h"

namespace limequat::bench {

// CPU seconds of this process, user and system.
inline double CpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// Things that are measured against each other. They run in turn, so that what else the
// machine does meets all of them; of each the fastest round counts.
class Comparison {
 public:
  void Add(std::string name, std::function<void()> work) {
    cases_.push_back({std::move(name), std::move(work)});
  }
  void Run(int rounds) {
    for (int round = 0; round < rounds; ++round) {
      for (Case& each : cases_) {
        const double began = CpuSeconds();
        each.work();
        each.best = std::min(each.best, CpuSeconds() - began);
      }
    }
  }
  // Name to seconds of CPU.
  json::Object Seconds() const {
    json::Object out;
    for (const Case& each : cases_) out.Set(each.name, each.best);
    return out;
  }

 private:
  struct Case {
    std::string name;
    std::function<void()> work;
    double best = std::numeric_limits<double>::infinity();
  };
  std::vector<Case> cases_;
};

}  // namespace limequat::bench
