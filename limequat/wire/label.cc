#include "limequat/wire/label.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/json/reader.h"
#include "limequat/wire/agent_id.h"
#include "limequat/wire/document.h"

namespace limequat::wire {

namespace {

bool NamesOneTwice(std::vector<std::string> names) {
  std::ranges::sort(names);
  return std::ranges::adjacent_find(names) != names.end();
}

}  // namespace

Status CheckLabels(const std::vector<std::string>& labels) {
  constexpr std::string_view kId = "wire.labels";
  if (labels.size() > kMaxMachineLabels) {
    return Malformed(kId, fmt::format("{} labels, a machine carries at most {}", labels.size(),
                                      kMaxMachineLabels));
  }
  for (const std::string& label : labels) {
    if (!AgentId::Parse(label)) {
      return Malformed(kId, fmt::format("\"{}\" is no name of a label: 1 to 128 characters of "
                                        "A-Z a-z 0-9 . _ -",
                                        EscapeForDisplay(label, 128)));
    }
  }
  if (NamesOneTwice(labels)) return Malformed(kId, "a label is given twice");
  return {};
}

json::Object WriteLabelView(const LabelView& view) {
  return {{"name", view.name}, {"policies", ToArray(view.policies)}, {"machines", view.machines}};
}

Result<LabelView> ParseLabelView(const json::Value& document) {
  json::ObjectReader in(document, "label");
  LabelView view;
  view.name = in.String("name");
  if (in.status() && !AgentId::Parse(view.name)) in.Fail("name", "no name of a label");
  view.policies = in.Strings("policies");
  view.machines = in.Int("machines", 0, std::numeric_limits<std::int64_t>::max());
  LQ_RETURN_IF_ERROR(MemberStatus(in, "wire.label"));
  return view;
}

std::string WriteLabelPolicies(const std::vector<std::string>& policies) {
  return json::Serialize(json::Object{{"policies", ToArray(policies)}});
}

Result<std::vector<std::string>> ParseLabelPolicies(std::string_view body) {
  constexpr std::string_view kPrefix = "wire.label_policies";
  LQ_ASSIGN_OR_RETURN(const json::Value document, ParseDocument(body, kMaxSmallMessage, kPrefix));
  json::ObjectReader in(document, "label");
  auto policies = in.Strings("policies");
  // Machines that only carry an empty label would be held to nothing.
  if (policies.empty()) in.Fail("policies", "names no policy");
  in.NoOthers();
  LQ_RETURN_IF_ERROR(MemberStatus(in, kPrefix));
  return policies;
}

std::string WriteMachineChange(const MachineChange& change) {
  json::Object document;
  if (change.labels) document.Set("labels", ToArray(*change.labels));
  if (change.policy_names) document.Set("policy_names", ToArray(*change.policy_names));
  return json::Serialize(document);
}

Result<MachineChange> ParseMachineChange(std::string_view body) {
  constexpr std::string_view kPrefix = "wire.machine_change";
  LQ_ASSIGN_OR_RETURN(const json::Value document, ParseDocument(body, kMaxSmallMessage, kPrefix));
  json::ObjectReader in(document, "change");
  MachineChange change;
  change.labels = in.OptionalStrings("labels");
  if (const Status fit = CheckLabels(change.labels.value_or(std::vector<std::string>())); !fit)
    in.Fail("labels", fit.error().message);
  change.policy_names = in.OptionalStrings("policy_names");
  if (!change.labels && !change.policy_names)
    in.Fail("labels", "neither it nor policy_names is given");
  // A misspelt member must not silently change nothing.
  in.NoOthers();
  LQ_RETURN_IF_ERROR(MemberStatus(in, kPrefix));
  return change;
}

}  // namespace limequat::wire
