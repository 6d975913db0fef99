#pragma once

#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

namespace limequat::verifier {

class Machine;

// The machines that are enrolled with one endorsement key: names of one TPM. An incident of one
// of them is open for all (attack A19). Thread-safe.
class Siblings {
 public:
  void Add(const std::shared_ptr<Machine>& machine);
  // Has the open incidents of each counted anew, except those of `but`.
  void RecountIncidents(const Machine* but = nullptr);
  // Whether another one than this is there.
  bool OthersThan(const Machine& machine);

 private:
  std::vector<std::shared_ptr<Machine>> Others(const Machine* but);

  std::mutex mutex_;
  std::vector<std::weak_ptr<Machine>> machines_;
};

}  // namespace limequat::verifier
