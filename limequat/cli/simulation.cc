#include "limequat/cli/simulation.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "limequat/appraise/appraisal.h"
#include "limequat/appraise/policy_change.h"
#include "limequat/base/escape.h"
#include "limequat/cli/change_view.h"
#include "limequat/cli/file_groups.h"
#include "limequat/cli/findings_view.h"
#include "limequat/cli/text.h"

namespace limequat::cli {

namespace {

using appraise::Effect;

constexpr std::array kEffects = {Effect::kNewlyFailing, Effect::kNewlyUnpoliced,
                                 Effect::kStaysFailing, Effect::kStaysUnpoliced,
                                 Effect::kNewlyPassing, Effect::kStaysPassing};
constexpr std::size_t kFew = 5;
constexpr std::size_t kFewMachines = 20;

std::uint64_t Cut(Findings& findings, std::size_t keep) {
  if (findings.size() <= keep) return 0;
  const std::uint64_t rest = findings.size() - keep;
  findings.erase(findings.begin() + static_cast<std::ptrdiff_t>(keep), findings.end());
  findings.shrink_to_fit();
  return rest;
}

json::Array ToArray(const Findings& findings) {
  json::Array array;
  for (const Finding& finding : findings) array.push_back(appraise::ToJson(finding));
  return array;
}

json::Object ToJson(const SimulatedMachine& machine) {
  json::Object object{{"name", EscapeForDisplay(machine.name)},
                      {"evidence", EscapeForDisplay(machine.path)},
                      {"now", appraise::VerdictName(machine.effect.now)},
                      {"then", appraise::VerdictName(machine.effect.then)},
                      {"effect", appraise::EffectName(machine.effect.effect)},
                      {"added", ToArray(machine.effect.added)},
                      {"removed", ToArray(machine.effect.removed)}};
  if (machine.added_not_kept > 0) object.Set("added_not_shown", machine.added_not_kept);
  if (machine.removed_not_kept > 0) object.Set("removed_not_shown", machine.removed_not_kept);
  if (machine.effect.not_compared > 0) object.Set("not_compared", machine.effect.not_compared);
  return object;
}

// "12 of 400 machines would newly fail"
std::string Sentence(std::uint64_t count, std::size_t of, std::string_view what) {
  return fmt::format("{} of {} would {}\n", count, Counted(of, "machine"), what);
}

// "ima.digest /usr/bin/x and 3 more"
std::string Why(const SimulatedMachine& machine) {
  const bool fails = machine.effect.then == appraise::Verdict::kFail;
  const Findings& findings = fails ? machine.effect.added : machine.effect.removed;
  if (findings.empty()) return "";
  const std::size_t more =
      findings.size() - 1 + (fails ? machine.added_not_kept : machine.removed_not_kept);
  const std::string path = EscapeForDisplay(findings.front().subject.path, 256);
  return fmt::format("{}{}{}{}{}", fails ? "" : "no longer ", findings.front().check,
                     path.empty() ? "" : " ", path,
                     more == 0 ? "" : fmt::format(" and {} more", more));
}

ShownFinding Shorthand(const SimulatedCause& cause) {
  ShownFinding shown;
  shown.check = cause.finding.check;
  shown.path = cause.finding.subject.path;
  shown.detail = cause.finding.detail;
  shown.cause = CauseName(cause.finding.cause);
  return shown;
}

bool IsAboutAFile(const ShownFinding* finding) { return finding->path.starts_with('/'); }

// How many machines have a finding, by its check and path; by its words if it has no path.
using MachinesByFile = std::map<std::pair<std::string, std::string>, std::uint64_t>;

std::pair<std::string, std::string> FileOf(const ShownFinding& finding) {
  return {finding.check, finding.path.empty() ? finding.detail : finding.path};
}

std::string RenderOne(const ShownFinding& finding, const MachinesByFile& machines) {
  const std::string about =
      finding.path.empty() ? Shown(finding.detail) : EscapeForDisplay(finding.path);
  return fmt::format("    {} ({})\n", about, machines.at(FileOf(finding)));
}

// Of a folder, as many machines as have the file that most of them have.
std::string RenderFolders(const FindingGroup& group, const MachinesByFile& machines) {
  std::string text;
  for (const FileGroup& folder : GroupFiles(group.findings, kFew)) {
    if (folder.findings.size() == 1) {
      text += RenderOne(*folder.findings.front(), machines);
      continue;
    }
    std::uint64_t most = 0;
    for (const ShownFinding* one : folder.findings) {
      most = std::max(most, machines.at(FileOf(*one)));
    }
    text += fmt::format("    {} {} ({})\n", Counted(folder.findings.size(), "file"), folder.title,
                        most);
  }
  return text;
}

// Tells what stays behind the lines that are shown.
std::string More(std::size_t count) {
  return fmt::format("    … and {} more (--all shows them)\n", count);
}

std::string RenderEach(const FindingGroup& group, const MachinesByFile& machines,
                       std::size_t most) {
  std::string text;
  const std::size_t shown = std::min(most, group.findings.size());
  for (std::size_t i = 0; i < shown; ++i) text += RenderOne(*group.findings[i], machines);
  if (shown < group.findings.size()) text += More(group.findings.size() - shown);
  return text;
}

}  // namespace

void Simulation::AddCauses(const Findings& added) {
  std::set<CauseKey> counted;
  for (const Finding& finding : added) {
    CauseKey key{finding.check, finding.subject.path, finding.found};
    if (!counted.insert(key).second) continue;
    const auto known = causes_.find(key);
    if (known != causes_.end()) {
      ++known->second.machines;
    } else if (causes_.size() < kMaxCauses) {
      causes_.emplace(std::move(key), SimulatedCause{.finding = finding, .machines = 1});
    } else {
      ++causes_not_kept_;
    }
  }
}

void Simulation::Add(const std::string& name, const std::string& path,
                     appraise::PolicyEffect effect) {
  if (effect.effect == Effect::kNewlyFailing) {
    AddCauses(effect.added);
    not_compared_ += effect.not_compared;
  }
  SimulatedMachine machine{.name = name, .path = path, .effect = std::move(effect)};
  machine.added_not_kept = Cut(machine.effect.added, keep_);
  machine.removed_not_kept = Cut(machine.effect.removed, keep_);
  machines_.push_back(std::move(machine));
}

void Simulation::AddError(const std::string& name, const std::string& path, Error error) {
  not_evaluated_.push_back({.name = name, .path = path, .error = std::move(error)});
}

void Simulation::Sort() {
  std::ranges::sort(machines_, [](const SimulatedMachine& one, const SimulatedMachine& other) {
    return std::tie(one.effect.effect, one.name) < std::tie(other.effect.effect, other.name);
  });
  std::ranges::sort(not_evaluated_, {}, &NotEvaluated::name);
}

std::uint64_t Simulation::Count(Effect effect) const {
  return static_cast<std::uint64_t>(std::ranges::count_if(
      machines_, [effect](const auto& machine) { return machine.effect.effect == effect; }));
}

bool Simulation::harms() const {
  return Count(Effect::kNewlyFailing) + Count(Effect::kNewlyUnpoliced) > 0;
}

std::vector<std::string> Simulation::Problems(bool all) const {
  std::vector<std::string> lines;
  for (const NotEvaluated& machine : not_evaluated_) {
    if (lines.size() == kFew && !all) {
      lines.push_back(
          fmt::format("not evaluated: {} more (named with -o json)", not_evaluated_.size() - kFew));
      break;
    }
    lines.push_back(fmt::format("not evaluated: {}: {} [{}]", EscapeForDisplay(machine.name),
                                machine.error.message, machine.error.id));
  }
  return lines;
}

// Those of the most machines first.
std::vector<const SimulatedCause*> Simulation::SortedCauses() const {
  std::vector<const SimulatedCause*> causes;
  for (const auto& [key, cause] : causes_) causes.push_back(&cause);
  std::ranges::sort(causes, [](const SimulatedCause* one, const SimulatedCause* other) {
    return std::tie(other->machines, one->finding.check, one->finding.subject.path,
                    one->finding.found) < std::tie(one->machines, other->finding.check,
                                                   other->finding.subject.path,
                                                   other->finding.found);
  });
  return causes;
}

json::Object Simulation::ToJson() const {
  json::Object counts;
  for (const Effect effect : kEffects) counts.Set(appraise::EffectName(effect), Count(effect));
  json::Array machines;
  for (const SimulatedMachine& machine : machines_) machines.push_back(cli::ToJson(machine));
  json::Array failed;
  for (const NotEvaluated& machine : not_evaluated_) {
    failed.push_back(json::Object{
        {"name", EscapeForDisplay(machine.name)},
        {"evidence", EscapeForDisplay(machine.path)},
        {"error", json::Object{{"id", machine.error.id}, {"message", machine.error.message}}}});
  }
  json::Array causes;
  for (const SimulatedCause* cause : SortedCauses()) {
    json::Value finding = appraise::ToJson(cause->finding);
    finding.as_object()->Set("machines", cause->machines);
    causes.push_back(std::move(finding));
  }
  json::Object document{{"evaluated", std::uint64_t{machines_.size()}},
                        {"counts", std::move(counts)},
                        {"causes", std::move(causes)},
                        {"machines", std::move(machines)},
                        {"not_evaluated", std::move(failed)}};
  const std::uint64_t rest = causes_not_kept_ + not_compared_;
  if (rest > 0) document.Set("causes_not_shown", rest);
  return document;
}

// Check by check; many files by their folders.
std::string Simulation::RenderCauses(const Look& look, bool all) const {
  std::vector<ShownFinding> findings;
  MachinesByFile machines;
  for (const SimulatedCause* cause : SortedCauses()) {
    ShownFinding finding = Shorthand(*cause);
    std::uint64_t& count = machines[FileOf(finding)];
    count += cause->machines;
    if (count == cause->machines) findings.push_back(std::move(finding));
  }
  std::string text;
  for (const FindingGroup& group : GroupFindings(findings)) {
    const std::string cause = group.cause.empty() ? "" : "  cause: " + group.cause;
    text += fmt::format("  {}{}\n", Shown(group.check), Tinted(cause, Tint::kFaint, look));
    const bool many = !all && group.findings.size() > kFew;
    text += many && std::ranges::all_of(group.findings, IsAboutAFile)
                ? RenderFolders(group, machines)
                : RenderEach(group, machines, all ? group.findings.size() : kFew);
  }
  return text;
}

std::string Simulation::RenderMachines(const Look& look, bool all) const {
  Table table({"MACHINE", "NOW", "THEN", "WHY"});
  std::size_t changed = 0;
  for (const SimulatedMachine& machine : machines_) {
    const bool stays = machine.effect.now == machine.effect.then;
    if (stays && !all) continue;
    if (++changed > kFewMachines && !all) continue;
    const auto now = appraise::VerdictName(machine.effect.now);
    const auto then = appraise::VerdictName(machine.effect.then);
    table.Add({EscapeForDisplay(machine.name), Cell(std::string(now), TintOf(now)),
               Cell(std::string(then), TintOf(then)), Why(machine)});
  }
  std::string text = table.empty() ? "" : "\n" + table.Render(look);
  if (!all && changed > kFewMachines) text += More(changed - kFewMachines);
  return text;
}

std::string Simulation::Render(const Look& look, bool all) const {
  const std::size_t of = evaluated();
  std::string text = Sentence(Count(Effect::kNewlyFailing), of, "newly fail");
  text += RenderCauses(look, all);
  if (const auto rest = causes_not_kept_ + not_compared_; rest > 0) {
    text += fmt::format("  and {} findings that were counted, not kept\n", rest);
  }
  if (const auto count = Count(Effect::kNewlyUnpoliced); count > 0) {
    text += Sentence(count, of, "be held to no policy any more");
  }
  if (const auto count = Count(Effect::kNewlyPassing); count > 0) {
    text += Sentence(count, of, "newly pass");
  }
  text += fmt::format("The others stay: {} passing, {} failing, {} unpoliced\n",
                      Count(Effect::kStaysPassing), Count(Effect::kStaysFailing),
                      Count(Effect::kStaysUnpoliced));
  if (!not_evaluated_.empty()) {
    text += fmt::format("{} could not be evaluated\n", Counted(not_evaluated_.size(), "machine"));
  }
  return text + RenderMachines(look, all);
}

std::string Simulation::RenderNeeded(const Look& look, bool all) const {
  if (causes_.empty()) return "";
  Findings findings;
  for (const auto& [key, cause] : causes_) findings.push_back(cause.finding);
  return RenderChange(appraise::ChangeFor(findings, causes_not_kept_ + not_compared_),
                      {.look = look, .all = all});
}

}  // namespace limequat::cli
