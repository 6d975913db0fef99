#include <optional>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/json/value.h"
#include "limequat/verifier/api.h"
#include "limequat/verifier/clock.h"
#include "limequat/wire/agent_id.h"

// /api/v1/policies: named runtime policies.

namespace limequat::verifier {

namespace {

using http::Context;
using http::Request;
using http::Response;

Result<Response> Push(const ApiParts& parts, const Request& request) {
  LQ_ASSIGN_OR_RETURN(wire::AgentId name, wire::AgentId::Parse(request.PathParameter("name")));
  LQ_ASSIGN_OR_RETURN(auto policy, parts.policies.Admit(request.body, std::nullopt, Now()));
  LQ_RETURN_IF_ERROR(CheckSaysSomething(*policy));
  LQ_ASSIGN_OR_RETURN(const std::size_t machines,
                      parts.fleet.PushPolicy(name.text(), request.body));
  const json::Object document{{"name", name.text()},
                              {"hash", policy->hash().hex()},
                              {"paths", static_cast<std::int64_t>(policy->paths())},
                              {"machines_appraised_again", static_cast<std::int64_t>(machines)}};
  return http::Reply(200, json::Serialize(document));
}

Result<Response> List(const ApiParts& parts) {
  LQ_ASSIGN_OR_RETURN(auto policies, parts.store.ListPolicies());
  json::Array array;
  for (const StoredPolicy& policy : policies) {
    array.push_back(json::Object{{"name", policy.name}, {"hash", policy.hash.hex()}});
  }
  return http::Reply(200, json::Serialize(json::Object{{"policies", std::move(array)}}));
}

Result<Response> Show(const ApiParts& parts, const Request& request) {
  LQ_ASSIGN_OR_RETURN(auto policy, parts.store.FindPolicy(request.PathParameter("name")));
  if (!policy) return NotFound("verifier.unknown_policy", "no policy of this name was pushed");
  return http::Reply(200, std::move(policy->body));
}

}  // namespace

Status CheckSaysSomething(const policy::RuntimePolicy& policy) {
  if (!policy.says_nothing()) return {};
  return Malformed("verifier.policy_says_nothing",
                   fmt::format("the policy is refused: {}", policy.why_it_says_nothing()));
}

void AddPolicyRoutes(http::Router& router, const ApiParts& parts) {
  using http::Access;
  using http::Method;
  const http::RouteOptions ordinary{.lane = http::Lane::kAdministration};
  const http::RouteOptions upload{
      .lane = http::Lane::kAdministration, .max_body = kMaxPolicyBody, .max_running = 8};
  const auto operators = [] { return Access::Roles({std::string(kOperatorRole)}); };

  router.Add(Method::kGet, "/api/v1/policies", operators(), ordinary,
             [parts](const Request&, Context&) { return List(parts); });
  router.Add(Method::kGet, "/api/v1/policies/{name}", operators(), ordinary,
             [parts](const Request& request, Context&) { return Show(parts, request); });
  router.Add(Method::kPut, "/api/v1/policies/{name}", operators(), upload,
             [parts](const Request& request, Context&) { return Push(parts, request); });
}

}  // namespace limequat::verifier
