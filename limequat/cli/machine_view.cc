#include "limequat/cli/machine_view.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/time.h"
#include "limequat/cli/findings_view.h"
#include "limequat/cli/text.h"

namespace limequat::cli {

namespace {

std::string Age(const wire::MachineView& machine) {
  if (!machine.evidence_age_seconds) return "never";
  // Longer than any machine's life is a defect of the sender, not an age.
  constexpr double kLongest = 1e9;
  const double seconds = std::clamp(*machine.evidence_age_seconds, -kLongest, kLongest);
  return FormatDuration(
      std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds)));
}

Cell Identity(const wire::MachineView& machine) {
  return {machine.identity, machine.identity == "verified" ? Tint::kNone : Tint::kWarning};
}

Cell Baseline(const wire::MachineView& machine) {
  return {machine.baseline, machine.baseline == "approved" || machine.baseline == "by boot policy"
                                ? Tint::kNone
                                : Tint::kWarning};
}

Cell Incidents(const wire::MachineView& machine) {
  return {fmt::format("{}", machine.open_incidents),
          machine.open_incidents > 0 ? Tint::kBad : Tint::kNone};
}

std::string Labels(const wire::MachineView& machine) {
  return fmt::format("{}", fmt::join(machine.labels, ", "));
}

Cell Trusted(const wire::MachineView& machine) {
  return machine.trusted ? Cell("yes", Tint::kGood) : Cell("no", Tint::kBad);
}

}  // namespace

std::string RenderMachines(const std::vector<wire::MachineView>& machines, const Look& look) {
  const bool labelled = std::ranges::any_of(
      machines, [](const wire::MachineView& machine) { return !machine.labels.empty(); });
  std::vector<std::string> headings = {"AGENT",    "INTEGRITY", "TRUSTED", "EVIDENCE", "INCIDENTS",
                                       "IDENTITY", "BASELINE",  "POLICY",  "PROBLEM"};
  if (labelled) headings.insert(headings.end() - 2, "LABELS");
  Table table(std::move(headings));
  for (const wire::MachineView& machine : machines) {
    std::vector<Cell> row = {
        machine.agent_id,    Cell(machine.integrity, TintOf(machine.integrity)),
        Trusted(machine),    Age(machine),
        Incidents(machine),  Identity(machine),
        Baseline(machine),   machine.policy,
        machine.last_problem};
    if (labelled) row.insert(row.end() - 2, Labels(machine));
    table.Add(std::move(row));
  }
  return table.Render(look) + fmt::format("{}\n", Counted(machines.size(), "machine"));
}

namespace {

// "team, version 3, label web, until 2026-12-01T00:00:00Z: retired"
std::string Layer(const wire::LayerView& layer) {
  std::string text = fmt::format("{}, version {}", layer.name, layer.version);
  if (layer.label) text += fmt::format(", label {}", *layer.label);
  if (layer.effective_from) text += fmt::format(", from {}", *layer.effective_from);
  if (layer.retire_after) text += fmt::format(", until {}", *layer.retire_after);
  return fmt::format("{}: {}", text, layer.state);
}

}  // namespace

std::vector<std::pair<std::string, Cell>> DescribePolicy(const wire::MachineView& machine) {
  std::vector<std::pair<std::string, Cell>> pairs = {
      {"policy", machine.policy == "none" ? Cell("none: the machine is unpoliced", Tint::kWarning)
                                          : Cell(machine.policy)},
      {"labels", Labels(machine)}};
  std::size_t number = 0;
  for (const wire::LayerView& layer : machine.layers) {
    pairs.emplace_back(
        fmt::format("layer {}", ++number),
        Cell(Layer(layer), layer.state == "in effect" ? Tint::kNone : Tint::kWarning));
  }
  return pairs;
}

std::vector<std::pair<std::string, Cell>> Describe(const wire::MachineView& machine) {
  std::string evidence = "none was verified yet";
  if (machine.evidence_time) {
    evidence = fmt::format("{} old, of {}", Age(machine), *machine.evidence_time);
  }
  std::vector<std::pair<std::string, Cell>> pairs = {{"evidence", evidence},
                                                     {"identity", Identity(machine)},
                                                     {"boot baseline", Baseline(machine)}};
  std::ranges::move(DescribePolicy(machine), std::back_inserter(pairs));
  pairs.insert(
      pairs.end(),
      {{"boot policy", machine.boot_policy},
       {"open incidents", Incidents(machine)},
       {"in this boot", fmt::format("{} verified IMA entries; attestations: {}, boots seen: {}",
                                    machine.ima_entries, machine.attestations, machine.boots)},
       {"address", machine.address},
       {"last problem", Cell(machine.last_problem, Tint::kBad)}});
  return pairs;
}

std::string RenderStanding(const wire::MachineView& machine, const Look& look) {
  std::string upper = Shown(machine.integrity);
  std::ranges::transform(upper, upper.begin(),
                         [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return fmt::format("{}, {}", Tinted(upper, TintOf(machine.integrity), look),
                     machine.trusted ? Tinted("trusted", Tint::kGood, look)
                                     : Tinted("not trusted", Tint::kBad, look));
}

}  // namespace limequat::cli
