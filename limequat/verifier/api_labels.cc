#include <utility>

#include "limequat/base/result_macros.h"
#include "limequat/json/value.h"
#include "limequat/telemetry/log.h"
#include "limequat/verifier/api.h"
#include "limequat/wire/agent_id.h"
#include "limequat/wire/label.h"

// /api/v1/labels: named, ordered lists of policies that machines carry.

namespace limequat::verifier {

namespace {

using http::Context;
using http::Request;
using http::Response;

json::Object ViewOf(const MachineLabel& label) {
  return wire::WriteLabelView(
      {.name = label.name, .policies = label.policies, .machines = label.machines});
}

Result<MachineLabel> Find(const ApiParts& parts, std::string_view name) {
  LQ_ASSIGN_OR_RETURN(auto label, parts.store.FindLabel(name));
  if (!label) return NotFound("verifier.unknown_label", "there is no label of this name");
  return *std::move(label);
}

Result<Response> List(const ApiParts& parts) {
  LQ_ASSIGN_OR_RETURN(const auto labels, parts.store.ListLabels());
  json::Array array;
  for (const MachineLabel& label : labels) array.push_back(ViewOf(label));
  return http::Reply(200, json::Serialize(json::Object{{"labels", std::move(array)}}));
}

Result<Response> Show(const ApiParts& parts, const Request& request) {
  LQ_ASSIGN_OR_RETURN(const MachineLabel label, Find(parts, request.PathParameter("label")));
  return http::Reply(200, json::Serialize(ViewOf(label)));
}

Result<Response> Put(const ApiParts& parts, const Request& request, Context& context) {
  LQ_ASSIGN_OR_RETURN(const wire::AgentId name,
                      wire::AgentId::Parse(request.PathParameter("label")));
  LQ_ASSIGN_OR_RETURN(const auto policies, wire::ParseLabelPolicies(request.body));
  LQ_ASSIGN_OR_RETURN(const std::size_t machines, parts.fleet.PutLabel(name.text(), policies));
  telemetry::LogInfo(
      "verifier.label_put",
      {{"label", name.text()}, {"machines", machines}, {"by", context.principal().common_name}});
  LQ_ASSIGN_OR_RETURN(const MachineLabel label, Find(parts, name.text()));
  json::Object document = ViewOf(label);
  document.Set("machines_appraised_again", static_cast<std::int64_t>(machines));
  return http::Reply(200, json::Serialize(document));
}

Result<Response> Remove(const ApiParts& parts, const Request& request, Context& context) {
  const std::string name(request.PathParameter("label"));
  LQ_RETURN_IF_ERROR(parts.fleet.RemoveLabel(name));
  telemetry::LogInfo("verifier.label_removed",
                     {{"label", name}, {"by", context.principal().common_name}});
  return http::Reply(200, "{}");
}

}  // namespace

void AddLabelRoutes(http::Router& router, const ApiParts& parts) {
  using http::Method;
  const http::RouteOptions ordinary = Administration();

  router.Add(Method::kGet, "/api/v1/labels", Operators(), ordinary,
             [parts](const Request&, Context&) { return List(parts); });
  router.Add(Method::kGet, "/api/v1/labels/{label}", Operators(), ordinary,
             [parts](const Request& request, Context&) { return Show(parts, request); });
  router.Add(
      Method::kPut, "/api/v1/labels/{label}", Operators(), ordinary,
      [parts](const Request& request, Context& context) { return Put(parts, request, context); });
  router.Add(Method::kDelete, "/api/v1/labels/{label}", Operators(), ordinary,
             [parts](const Request& request, Context& context) {
               return Remove(parts, request, context);
             });
}

}  // namespace limequat::verifier
