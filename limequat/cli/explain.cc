#include "limequat/cli/explain.h"

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "limequat/appraise/boot_change.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/change_view.h"
#include "limequat/cli/connection.h"
#include "limequat/cli/explain_view.h"
#include "limequat/cli/findings_view.h"
#include "limequat/cli/kept_boot.h"
#include "limequat/cli/text.h"
#include "limequat/json/value.h"
#include "limequat/wire/own_api.h"

namespace limequat::cli {

namespace {

// Of what Limequat and Keylime make; a policy with another one takes it as a layer.
constexpr std::string_view kUsualLogHash = "sha1";

Result<appraise::BootChange> ChangeForBoot(const ResultView& current, tenant::Services& services,
                                           const Explain& asked) {
  LQ_RETURN_IF_ERROR(CheckLogLedToQuote(current));
  LQ_ASSIGN_OR_RETURN(const KeptBoot kept, FetchKeptBoot(services, asked.id));
  return appraise::ChangeForBootLog(kept.CaseAt(asked.now));
}

// What is added to the document and to the text.
struct Addition {
  json::Object& document;
  std::string& text;
};

// Why there is no change of a boot reference is told, and hides nothing else.
void AddBootChange(const Result<appraise::BootChange>& change, const FindingsStyle& style,
                   Addition out) {
  if (change) {
    out.document.Set("boot_change", appraise::ToJson(*change));
    out.text += RenderChange(*change, style);
    return;
  }
  out.document.Set("boot_change", nullptr);
  out.document.Set("boot_change_absent_because", change.error().message);
  out.text += fmt::format("\nWhat a boot reference would have to list is not known: {}\n",
                          Shown(change.error().message));
}

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
  std::optional<ResultView> current;
  if (!findings.current.is_null()) {
    LQ_ASSIGN_OR_RETURN(current, ParseResultView(findings.current));
  }
  if (!packages.empty()) {
    ResultView nothing;  // what is no package is told although nothing was appraised yet
    ResultView& result = current ? *current : nothing;
    LQ_RETURN_IF_ERROR(NamePackages(packages, result));
    document.Set("packages", PackagesOf(result));
  }
  LQ_ASSIGN_OR_RETURN(std::string text,
                      RenderExplanation(findings, current, incidents, all, console.look()));
  if (change && current) {
    const appraise::PolicyChange needed = ChangeFor(*current);
    LQ_ASSIGN_OR_RETURN(json::Value added, appraise::ToJson(needed, kUsualLogHash));
    document.Set("change", std::move(added));
    const FindingsStyle style{.look = console.look(), .all = all};
    text += RenderChange(needed, style);
    if (IsBootRefused(*current)) {
      AddBootChange(ChangeForBoot(*current, connection.services(), *this), style, {document, text});
    }
  }
  LQ_RETURN_IF_ERROR(console.Show(document, [&] { return text; }));
  const wire::MachineView& machine = findings.machine;
  return machine.integrity == "pass" && machine.trusted ? Ending::kDone : Ending::kNotTrustworthy;
}

}  // namespace limequat::cli
