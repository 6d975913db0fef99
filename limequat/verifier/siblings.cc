#include "limequat/verifier/siblings.h"

#include "limequat/verifier/driver.h"

namespace limequat::verifier {

void Siblings::Add(const std::shared_ptr<Machine>& machine) {
  const std::lock_guard lock(mutex_);
  std::erase_if(machines_, [](const auto& weak) { return weak.expired(); });
  machines_.push_back(machine);
}

void Siblings::RecountIncidents(const Machine* but) {
  for (const auto& machine : Others(but)) machine->RecountIncidents();
}

bool Siblings::OthersThan(const Machine& machine) { return !Others(&machine).empty(); }

std::vector<std::shared_ptr<Machine>> Siblings::Others(const Machine* but) {
  std::vector<std::shared_ptr<Machine>> others;
  const std::lock_guard lock(mutex_);
  for (const auto& weak : machines_) {
    if (auto machine = weak.lock(); machine && machine.get() != but)
      others.push_back(std::move(machine));
  }
  return others;
}

}  // namespace limequat::verifier
