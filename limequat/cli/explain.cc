#include "limequat/cli/explain.h"

#include <string_view>
#include <utility>
#include <vector>

#include "limequat/base/result_macros.h"
#include "limequat/cli/change_view.h"
#include "limequat/cli/connection.h"
#include "limequat/cli/explain_view.h"
#include "limequat/json/value.h"
#include "limequat/wire/own_api.h"

namespace limequat::cli {

namespace {

// Of what Limequat and Keylime make; a policy with another one takes it as a layer.
constexpr std::string_view kUsualLogHash = "sha1";

}  // namespace

Result<Ending> Explain::Run(Console& console) const {
  LQ_ASSIGN_OR_RETURN(Connection connection, Connection::Open(config));
  LQ_ASSIGN_OR_RETURN(const wire::FindingsView findings, connection.services().Findings(id));
  LQ_ASSIGN_OR_RETURN(const std::vector<wire::IncidentView> incidents,
                      connection.services().ListIncidents(id, true));
  json::Object document = wire::WriteFindingsView(findings);
  json::Array open;
  for (const wire::IncidentView& incident : incidents) {
    open.push_back(wire::WriteIncidentView(incident));
  }
  document.Set("open_incidents", std::move(open));
  LQ_ASSIGN_OR_RETURN(std::string text,
                      RenderExplanation(findings, incidents, all, console.look()));
  if (change && !findings.current.is_null()) {
    LQ_ASSIGN_OR_RETURN(const ResultView current, ParseResultView(findings.current));
    const appraise::PolicyChange needed = ChangeFor(current);
    LQ_ASSIGN_OR_RETURN(json::Value added, appraise::ToJson(needed, kUsualLogHash));
    document.Set("change", std::move(added));
    text += RenderChange(needed, {.look = console.look(), .all = all});
  }
  LQ_RETURN_IF_ERROR(console.Show(document, [&] { return text; }));
  const wire::MachineView& machine = findings.machine;
  return machine.integrity == "pass" && machine.trusted ? Ending::kDone : Ending::kNotTrustworthy;
}

}  // namespace limequat::cli
