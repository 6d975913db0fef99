#include "limequat/cli/incident.h"

#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/cli/connection.h"
#include "limequat/cli/table.h"
#include "limequat/cli/text.h"
#include "limequat/cli/usage.h"
#include "limequat/json/value.h"
#include "limequat/wire/own_api.h"

namespace limequat::cli {

namespace {

json::Object ToJson(const std::vector<wire::IncidentView>& incidents) {
  json::Array array;
  for (const wire::IncidentView& incident : incidents) {
    array.push_back(wire::WriteIncidentView(incident));
  }
  return {{"incidents", std::move(array)}};
}

std::string RenderList(const std::vector<wire::IncidentView>& incidents, bool all,
                       const Look& look) {
  if (incidents.empty()) return all ? "no incidents\n" : "no open incidents\n";
  Table table({"NUMBER", "AGENT", "OPENED", "STATE", "CHECK", "DETAIL"});
  for (const wire::IncidentView& incident : incidents) {
    const bool open = !incident.closed;
    const std::string closed = fmt::format("closed by {}: {}", incident.closed_by, incident.note);
    table.Add({fmt::format("{}", incident.number), incident.agent_id, incident.opened,
               open ? Cell("open", Tint::kBad) : Cell(closed), incident.check, incident.detail});
  }
  return table.Render(look);
}

Status CheckChoice(const IncidentClose& asked) {
  if (asked.note.find_first_not_of(" \t") == std::string::npos) {
    return UsageError("--note must say what was found out");
  }
  const bool by_agent = asked.agent && asked.all;
  if (by_agent == !asked.numbers.empty() || asked.agent.has_value() != asked.all) {
    return UsageError("name the incidents by number, or all of one machine with --agent ID --all");
  }
  return {};
}

}  // namespace

Result<Ending> IncidentList::Run(Console& console) const {
  LQ_ASSIGN_OR_RETURN(Connection connection, Connection::Open(config));
  LQ_ASSIGN_OR_RETURN(const std::vector<wire::IncidentView> incidents,
                      connection.services().ListIncidents(agent, !all));
  LQ_RETURN_IF_ERROR(
      console.Show(ToJson(incidents), [&] { return RenderList(incidents, all, console.look()); }));
  return Ending::kDone;
}

Result<Ending> IncidentClose::Run(Console& console) const {
  LQ_RETURN_IF_ERROR(CheckChoice(*this));
  LQ_ASSIGN_OR_RETURN(Connection connection, Connection::Open(config));
  std::vector<std::int64_t> chosen = numbers;
  if (agent) {
    LQ_ASSIGN_OR_RETURN(const auto open, connection.services().ListIncidents(agent, true));
    for (const wire::IncidentView& incident : open) chosen.push_back(incident.number);
  }
  std::vector<wire::IncidentView> closed;
  std::optional<Error> failed;
  for (const std::int64_t number : chosen) {
    auto incident = connection.services().CloseIncident(number, note);
    if (!incident) {
      failed = std::move(incident).error().In(fmt::format("incident {}", number));
      break;
    }
    closed.push_back(*std::move(incident));
  }
  LQ_RETURN_IF_ERROR(console.Show(ToJson(closed), [&] {
    std::string text;
    for (const wire::IncidentView& incident : closed) {
      text += fmt::format("closed incident {} of {}\n", incident.number, Shown(incident.agent_id));
    }
    return closed.empty() && !failed ? "no open incidents\n" : text;
  }));
  if (failed) return *std::move(failed);
  return Ending::kDone;
}

}  // namespace limequat::cli
