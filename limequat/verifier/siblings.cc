#include "limequat/verifier/siblings.h"

#include "limequat/verifier/driver.h"

namespace limequat::verifier {

void Siblings::Add(const std::shared_ptr<Machine>& machine) {
  const std::lock_guard lock(mutex_);
  std::erase_if(machines_, [](const auto& weak) { return weak.expired(); });
  machines_.push_back(machine);
}

void Siblings::RecountIncidents(const Machine* but) {
  std::vector<std::shared_ptr<Machine>> present;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& weak : machines_) {
      if (auto machine = weak.lock(); machine && machine.get() != but)
        present.push_back(std::move(machine));
    }
  }
  for (const auto& machine : present) machine->RecountIncidents();
}

bool Siblings::empty() {
  const std::lock_guard lock(mutex_);
  std::erase_if(machines_, [](const auto& weak) { return weak.expired(); });
  return machines_.empty();
}

}  // namespace limequat::verifier
