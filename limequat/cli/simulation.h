#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "limequat/appraise/policy_effect.h"
#include "limequat/base/error.h"
#include "limequat/base/finding.h"
#include "limequat/cli/table.h"
#include "limequat/json/value.h"

namespace limequat::cli {

// What a draft would make of one machine. Of `added` and `removed` as many are kept as are
// shown.
struct SimulatedMachine {
  std::string name;  // hostile
  std::string path;
  appraise::PolicyEffect effect;
  std::uint64_t added_not_kept = 0;
  std::uint64_t removed_not_kept = 0;
};

// Why machines would newly fail: one finding, and how many of them have it.
struct SimulatedCause {
  Finding finding;  // of the first of them
  std::uint64_t machines = 0;
};

// How many causes are told apart; findings of others are counted.
inline constexpr std::size_t kMaxCauses = 10'000;

// What a draft would make of a fleet. Its memory depends on the number of machines and on
// kMaxCauses, not on their evidence.
class Simulation {
 public:
  // `keep`: how many findings of each machine.
  explicit Simulation(std::size_t keep) : keep_(keep) {}

  void Add(const std::string& name, const std::string& path, appraise::PolicyEffect effect);
  // A machine whose evidence could not be evaluated.
  void AddError(const std::string& name, const std::string& path, Error error);
  // In the order of effects (what is worst first) and names, whatever the order of adding.
  void Sort();

  std::size_t evaluated() const { return machines_.size(); }
  std::uint64_t Count(appraise::Effect effect) const;
  // Whether a machine would newly fail or newly be unpoliced.
  bool harms() const;
  // Why machines could not be evaluated, one line each: the first few, or all.
  std::vector<std::string> Problems(bool all) const;
  json::Object ToJson() const;
  std::string Render(const Look& look, bool all) const;
  // What a draft of runtime policies would have to list, "" if nobody would newly fail.
  std::string RenderNeeded(const Look& look, bool all) const;

 private:
  struct NotEvaluated {
    std::string name;
    std::string path;
    Error error;
  };
  using CauseKey = std::tuple<std::string, std::string, std::string>;  // check, path, found

  void AddCauses(const Findings& added);
  std::vector<const SimulatedCause*> SortedCauses() const;
  std::string RenderCauses(const Look& look, bool all) const;
  std::string RenderMachines(const Look& look, bool all) const;

  std::size_t keep_;
  std::vector<SimulatedMachine> machines_;
  std::vector<NotEvaluated> not_evaluated_;
  std::map<CauseKey, SimulatedCause> causes_;
  std::uint64_t causes_not_kept_ = 0;
  // Findings of machines that would newly fail beyond those that an appraisal keeps.
  std::uint64_t not_compared_ = 0;
};

}  // namespace limequat::cli
