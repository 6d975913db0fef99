#include "limequat/cli/explain_view.h"

#include <algorithm>
#include <cstddef>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/cli/machine_view.h"
#include "limequat/cli/text.h"

namespace limequat::cli {

namespace {

constexpr std::size_t kFewIncidents = 5;
constexpr std::size_t kFewFailures = 3;

std::string RenderIncidents(const std::vector<wire::IncidentView>& incidents, bool all) {
  if (incidents.empty()) return "";
  const std::size_t shown = all ? incidents.size() : std::min(kFewIncidents, incidents.size());
  std::string text = "\nOpen incidents (about the past; they stay until an operator closes them)\n";
  for (std::size_t i = 0; i < shown; ++i) {
    const wire::IncidentView& incident = incidents[i];
    text += fmt::format("  #{}  {}  {}  {}\n", incident.number, Shown(incident.opened),
                        Shown(incident.check), Shown(incident.detail));
  }
  if (shown < incidents.size()) {
    text += fmt::format("  … and {} more (--all shows them)\n", incidents.size() - shown);
  }
  return text + "  next: find out what happened, then limequat incident close NUMBER --note TEXT\n";
}

// One line for each failure before the newest appraisal: its first check, and how
// many others failed with it.
Result<std::string> RenderFailures(const json::Array& failures, bool all,
                                   const FindingsStyle& style) {
  if (failures.empty()) return std::string();
  const std::size_t shown = all ? failures.size() : std::min(kFewFailures, failures.size());
  std::string text = "\nThe last failures\n";
  for (std::size_t i = 0; i < shown; ++i) {
    LQ_ASSIGN_OR_RETURN(const ResultView failure, ParseResultView(failures[i]));
    text += fmt::format("  {}\n", Shown(failure.evidence_time.empty() ? failure.evaluated_at
                                                                      : failure.evidence_time));
    std::size_t groups = 0;
    for (const FindingGroup& group : GroupFindings(failure.findings)) {
      if (group.outcome == "passed") continue;
      ++groups;
      const ShownFinding& first = *group.findings.front();
      text += fmt::format("    {}  {}{}\n", Shown(group.check), Shown(first.detail),
                          group.findings.size() > 1
                              ? fmt::format(" (and {} more)", group.findings.size() - 1)
                              : "");
      if (groups == style.few && !all) break;
    }
  }
  if (shown < failures.size()) {
    text += fmt::format("  … and {} more (--all shows them)\n", failures.size() - shown);
  }
  return text;
}

std::string_view WhyNotTrusted(const wire::MachineView& machine) {
  if (machine.trusted) return "";
  if (machine.integrity == "pass") return "integrity passes, but an incident is open";
  if (machine.integrity == "fail") return "the newest evidence failed";
  if (machine.integrity == "late") {
    return "no evidence was verified for too long; what was seen before counts no more";
  }
  if (machine.integrity == "unpoliced") return "no policy says what may run on it";
  return "no evidence was verified yet";
}

}  // namespace

Result<std::string> RenderExplanation(const wire::FindingsView& findings,
                                      const std::optional<ResultView>& current,
                                      const std::vector<wire::IncidentView>& open_incidents,
                                      bool all, const Look& look) {
  const wire::MachineView& machine = findings.machine;
  std::string text =
      fmt::format("{}: {}\n", Shown(machine.agent_id), RenderStanding(machine, look));
  if (const std::string_view why = WhyNotTrusted(machine); !why.empty()) {
    text += fmt::format("  {}\n", why);
  }
  text += RenderPairs(Describe(machine), look, 2);
  text += RenderIncidents(open_incidents, all);

  const FindingsStyle style{.look = look, .all = all};
  if (current) {
    text += fmt::format("\nThe newest appraisal: {}", RenderVerdict(*current, look));
    text += RenderFindings(*current, style);
  } else {
    text += "\nNothing was appraised yet\n";
  }
  LQ_ASSIGN_OR_RETURN(const std::string failures, RenderFailures(findings.failures, all, style));
  return text + failures;
}

}  // namespace limequat::cli
