#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/json/reader.h"
#include "limequat/json/value.h"
#include "limequat/telemetry/log.h"
#include "limequat/verifier/api.h"
#include "limequat/verifier/clock.h"
#include "limequat/wire/agent_id.h"
#include "limequat/wire/policy_view.h"

// /api/v1/policies: named runtime policies.

namespace limequat::verifier {

namespace {

using http::Context;
using http::Request;
using http::Response;

Error UnknownPolicy() {
  return NotFound("verifier.unknown_policy", "no policy of this name was pushed");
}

// A policy is let in, whether it comes from outside or out of its own past: keys may have
// been taken away since (attack A11).
// `after`: the version that must be the present one.
Result<Response> PushBody(const ApiParts& parts, const wire::AgentId& name, std::string_view body,
                          std::optional<std::int64_t> after = std::nullopt) {
  LQ_ASSIGN_OR_RETURN(const auto key, parts.store.FindPolicyKey(name.text()));
  std::optional<std::string> pem;
  if (key) pem = key->pem;
  auto admitted = parts.policies.Admit(body, pem, Now());
  if (!admitted && key && admitted.error().code == ErrorCode::kUntrusted)
    return Fleet::NotByPinnedKey(name.text(), key->pem, std::move(admitted).error());
  LQ_ASSIGN_OR_RETURN(const auto policy, std::move(admitted));
  LQ_RETURN_IF_ERROR(CheckSaysSomething(*policy));
  LQ_ASSIGN_OR_RETURN(const std::size_t machines,
                      parts.fleet.PushPolicy(name.text(), body, Fleet::Push::kEither, after));
  const json::Object document{{"name", name.text()},
                              {"hash", policy->hash().hex()},
                              {"paths", static_cast<std::int64_t>(policy->paths())},
                              {"machines_appraised_again", static_cast<std::int64_t>(machines)}};
  return http::Reply(200, json::Serialize(document));
}

Result<Response> Push(const ApiParts& parts, const Request& request) {
  LQ_ASSIGN_OR_RETURN(wire::AgentId name, wire::AgentId::Parse(request.PathParameter("name")));
  return PushBody(parts, name, request.body);
}

Result<Response> Pin(const ApiParts& parts, const Request& request, Context& context) {
  LQ_ASSIGN_OR_RETURN(wire::AgentId name, wire::AgentId::Parse(request.PathParameter("name")));
  LQ_ASSIGN_OR_RETURN(const Fleet::Pinned pinned,
                      parts.fleet.PinPolicyKey(name.text(), request.body));
  const std::string& by = context.principal().common_name;
  if (pinned.before.empty()) {
    telemetry::LogInfo("verifier.policy_pinned",
                       {{"policy", name.text()}, {"key", pinned.key}, {"by", by}});
  } else {
    telemetry::LogInfo(
        "verifier.policy_key_replaced",
        {{"policy", name.text()}, {"key", pinned.key}, {"before", pinned.before}, {"by", by}});
  }
  return http::Reply(200,
                     json::Serialize(json::Object{{"name", name.text()}, {"key", pinned.key}}));
}

// {"version": n}, or the version before the present one.
Result<std::int64_t> VersionOf(const Request& request, const std::vector<PolicyVersion>& versions) {
  if (!request.body.empty()) {
    LQ_ASSIGN_OR_RETURN(json::Value document, json::Parse(request.body));
    json::ObjectReader in(document, "rollback");
    const auto number = in.OptionalInt("version", 1, std::numeric_limits<std::int64_t>::max());
    LQ_RETURN_IF_ERROR(in.status());
    if (number) return *number;
  }
  if (versions.size() < 2) {
    return NotFound("verifier.unknown_version", "there is no version before the present one");
  }
  // Whoever asks twice, because the first answer did not come, must not go forward again.
  for (std::size_t i = 2; i < versions.size(); ++i) {
    if (versions[i].hash != versions.front().hash) continue;
    return Conflict("verifier.rolled_back",
                    fmt::format("the present version {} says what version {} says: it was rolled "
                                "back before; name the version to go to",
                                versions.front().number, versions[i].number));
  }
  return versions[1].number;
}

Result<Response> Rollback(const ApiParts& parts, const Request& request, Context& context) {
  LQ_ASSIGN_OR_RETURN(wire::AgentId name, wire::AgentId::Parse(request.PathParameter("name")));
  LQ_ASSIGN_OR_RETURN(const auto versions, parts.store.ListPolicyVersions(name.text()));
  if (versions.empty()) return UnknownPolicy();
  LQ_ASSIGN_OR_RETURN(const std::int64_t number, VersionOf(request, versions));
  LQ_ASSIGN_OR_RETURN(const auto stored, parts.store.FindPolicyVersion(name.text(), number));
  if (!stored) {
    return NotFound("verifier.unknown_version",
                    fmt::format("{} has no version {}, or no longer", name.text(), number));
  }
  LQ_ASSIGN_OR_RETURN(Response response,
                      PushBody(parts, name, stored->body, versions.front().number));
  telemetry::LogInfo(
      "verifier.policy_rolled_back",
      {{"policy", name.text()}, {"version", number}, {"by", context.principal().common_name}});
  return response;
}

Result<Response> Versions(const ApiParts& parts, const Request& request) {
  LQ_ASSIGN_OR_RETURN(auto versions, parts.store.ListPolicyVersions(request.PathParameter("name")));
  if (versions.empty()) return UnknownPolicy();
  json::Array array;
  for (const PolicyVersion& version : versions) {
    array.push_back(json::Object{{"version", version.number},
                                 {"hash", version.hash.hex()},
                                 {"pushed", FormatRfc3339(version.pushed)}});
  }
  return http::Reply(200, json::Serialize(json::Object{{"versions", std::move(array)}}));
}

Result<Response> List(const ApiParts& parts) {
  LQ_ASSIGN_OR_RETURN(const auto policies, parts.store.ListPolicies());
  LQ_ASSIGN_OR_RETURN(const auto keys, parts.fleet.ListPinnedKeys());
  std::vector<wire::PolicyView> views;
  for (const StoredPolicy& policy : policies) {
    views.push_back({.name = policy.name, .hash = policy.hash.hex()});
    if (const auto key = keys.find(policy.name); key != keys.end())
      views.back().signed_by = key->second;
  }
  return http::Reply(200, json::Serialize(wire::WritePolicies(views)));
}

Result<Response> Show(const ApiParts& parts, const Request& request) {
  LQ_ASSIGN_OR_RETURN(auto policy, parts.store.FindPolicy(request.PathParameter("name")));
  if (!policy) return UnknownPolicy();
  return http::Reply(200, std::move(policy->body));
}

}  // namespace

Status CheckSaysSomething(const policy::RuntimePolicy& policy) {
  if (!policy.says_nothing()) return {};
  return Malformed("verifier.policy_says_nothing",
                   fmt::format("the policy is refused: {}", policy.why_it_says_nothing()));
}

void AddPolicyRoutes(http::Router& router, const ApiParts& parts) {
  using http::Method;
  const http::RouteOptions ordinary = Administration();
  const http::RouteOptions upload = Upload(kMaxPolicyBody);

  router.Add(Method::kGet, "/api/v1/policies", Operators(), ordinary,
             [parts](const Request&, Context&) { return List(parts); });
  router.Add(Method::kGet, "/api/v1/policies/{name}", Operators(), ordinary,
             [parts](const Request& request, Context&) { return Show(parts, request); });
  router.Add(Method::kGet, "/api/v1/policies/{name}/versions", Operators(), ordinary,
             [parts](const Request& request, Context&) { return Versions(parts, request); });
  router.Add(Method::kPost, "/api/v1/policies/{name}/rollback", Operators(), ordinary,
             [parts](const Request& request, Context& context) {
               return Rollback(parts, request, context);
             });
  router.Add(
      Method::kPut, "/api/v1/policies/{name}/key", Operators(), ordinary,
      [parts](const Request& request, Context& context) { return Pin(parts, request, context); });
  router.Add(Method::kPut, "/api/v1/policies/{name}", Operators(), upload,
             [parts](const Request& request, Context&) { return Push(parts, request); });
}

}  // namespace limequat::verifier
