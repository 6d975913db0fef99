#include <utility>
#include <vector>

#include "limequat/base/result_macros.h"
#include "limequat/json/value.h"
#include "limequat/verifier/api.h"
#include "limequat/wire/agent_id.h"
#include "limequat/wire/policy_view.h"

// /api/v1/boot-policies: named reference states and reference values of measured boot.

namespace limequat::verifier {

namespace {

using http::Context;
using http::Request;
using http::Response;

// Room for the envelope of the largest document.
constexpr std::size_t kMaxBody = 2 * policy::kMaxBootValuesBytes;
static_assert(policy::kMaxBootReferenceBytes <= policy::kMaxBootValuesBytes);

Result<Response> Push(const ApiParts& parts, const Request& request) {
  LQ_ASSIGN_OR_RETURN(wire::AgentId name, wire::AgentId::Parse(request.PathParameter("name")));
  LQ_RETURN_IF_ERROR(CheckSaysSomething(parts.boots, request.body));
  LQ_ASSIGN_OR_RETURN(const std::size_t machines,
                      parts.fleet.PushBootPolicy(name.text(), request.body, Fleet::Push::kEither));
  LQ_ASSIGN_OR_RETURN(const auto stored, parts.store.FindBootPolicy(name.text()));
  const json::Object document{{"name", name.text()},
                              {"hash", stored ? stored->hash : std::string()},
                              {"machines_appraised_again", static_cast<std::int64_t>(machines)}};
  return http::Reply(200, json::Serialize(document));
}

Result<Response> List(const ApiParts& parts) {
  LQ_ASSIGN_OR_RETURN(const auto policies, parts.store.ListBootPolicies());
  std::vector<wire::PolicyView> views;
  for (const Store::BootPolicy& policy : policies) {
    views.push_back({.name = policy.name, .hash = policy.hash});
  }
  return http::Reply(200, json::Serialize(wire::WritePolicies(views)));
}

Result<Response> Show(const ApiParts& parts, const Request& request) {
  LQ_ASSIGN_OR_RETURN(auto policy, parts.store.FindBootPolicy(request.PathParameter("name")));
  if (!policy) {
    return NotFound("verifier.unknown_policy", "no measured-boot policy of this name was pushed");
  }
  return http::Reply(200, std::move(policy->body));
}

}  // namespace

Status CheckSaysSomething(BootShelf& boots, std::string_view reference) {
  LQ_ASSIGN_OR_RETURN(const auto criteria, boots.Get(policy::BootPolicy::kExample, reference));
  if (criteria->compares()) return {};
  return Malformed("verifier.policy_says_nothing", "the reference state is empty");
}

void AddBootPolicyRoutes(http::Router& router, const ApiParts& parts) {
  using http::Method;
  const http::RouteOptions ordinary = Administration();
  const http::RouteOptions upload = Upload(kMaxBody);

  router.Add(Method::kGet, "/api/v1/boot-policies", Operators(), ordinary,
             [parts](const Request&, Context&) { return List(parts); });
  router.Add(Method::kGet, "/api/v1/boot-policies/{name}", Operators(), ordinary,
             [parts](const Request& request, Context&) { return Show(parts, request); });
  router.Add(Method::kPut, "/api/v1/boot-policies/{name}", Operators(), upload,
             [parts](const Request& request, Context&) { return Push(parts, request); });
}

}  // namespace limequat::verifier
