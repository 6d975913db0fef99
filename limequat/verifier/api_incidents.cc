#include <charconv>
#include <limits>
#include <utility>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/json/reader.h"
#include "limequat/json/value.h"
#include "limequat/telemetry/log.h"
#include "limequat/verifier/api.h"
#include "limequat/verifier/clock.h"
#include "limequat/verifier/views.h"

// /api/v1/incidents: what happened and was not closed by an operator yet.

namespace limequat::verifier {

namespace {

using http::Context;
using http::Request;
using http::Response;

constexpr std::size_t kIncidentsPerPage = 500;
constexpr std::size_t kMaxNote = 4096;

Result<std::int64_t> ParseNumber(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) {
    return Malformed("verifier.incident_number", "an incident's number is a whole number");
  }
  return number;
}

// {"incidents": […], "next_before": n}: the next page is asked for with ?before=n.
Result<Response> List(const ApiParts& parts, const Request& request) {
  std::optional<std::string> agent;
  if (const auto name = request.QueryParameter("agent")) agent = std::string(*name);
  const bool open_only = request.QueryParameter("open") == std::optional<std::string_view>("true");
  std::int64_t before = 0;
  if (const auto text = request.QueryParameter("before")) {
    LQ_ASSIGN_OR_RETURN(before, ParseNumber(*text));
  }
  LQ_ASSIGN_OR_RETURN(auto incidents,
                      parts.store.ListIncidents(agent, open_only, before, kIncidentsPerPage));
  json::Array array;
  for (const Incident& incident : incidents)
    array.push_back(wire::WriteIncidentView(ViewOf(incident)));
  json::Object document{{"incidents", std::move(array)}};
  if (incidents.size() == kIncidentsPerPage) document.Set("next_before", incidents.back().number);
  return http::Reply(200, json::Serialize(document));
}

// Has the machines of an incident count again.
void Recount(const ApiParts& parts, std::int64_t number) {
  if (number == std::numeric_limits<std::int64_t>::max()) return;
  const auto found = parts.store.ListIncidents(std::nullopt, false, number + 1, 1);
  if (!found || found->empty() || found->front().number != number) return;
  parts.fleet.RecountIncidents(found->front().agent_id, found->front().ek_fingerprint);
}

Result<Response> Close(const ApiParts& parts, const Request& request, Context& context) {
  LQ_ASSIGN_OR_RETURN(const std::int64_t number, ParseNumber(request.PathParameter("number")));
  std::string note;
  if (!request.body.empty()) {
    LQ_ASSIGN_OR_RETURN(json::Value document, json::Parse(request.body));
    json::ObjectReader in(document, "close");
    note = in.OptionalString("note").value_or("");
    if (note.size() > kMaxNote) in.Fail("note", "is longer than 4096 bytes");
    LQ_RETURN_IF_ERROR(in.status());
  }
  const std::string& by = context.principal().common_name;
  Result<Incident> closed = parts.store.CloseIncident(number, Now(), by, note);
  // Whatever came of it: the machines may not have heard of an earlier try.
  if (!closed) Recount(parts, number);
  LQ_ASSIGN_OR_RETURN(const Incident incident, std::move(closed));
  telemetry::LogInfo("verifier.incident_closed",
                     {{"incident", number}, {"agent", incident.agent_id}, {"by", by}});
  parts.fleet.RecountIncidents(incident.agent_id, incident.ek_fingerprint);
  return http::Reply(200, json::Serialize(wire::WriteIncidentView(ViewOf(incident))));
}

}  // namespace

void AddIncidentRoutes(http::Router& router, const ApiParts& parts) {
  using http::Method;
  const http::RouteOptions ordinary = Administration();

  router.Add(Method::kGet, "/api/v1/incidents", Operators(), ordinary,
             [parts](const Request& request, Context&) { return List(parts, request); });
  router.Add(
      Method::kPost, "/api/v1/incidents/{number}/close", Operators(), ordinary,
      [parts](const Request& request, Context& context) { return Close(parts, request, context); });
}

}  // namespace limequat::verifier
