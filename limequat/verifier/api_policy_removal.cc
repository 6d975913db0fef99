#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "limequat/base/result_macros.h"
#include "limequat/json/value.h"
#include "limequat/telemetry/log.h"
#include "limequat/verifier/api.h"
#include "limequat/wire/agent_id.h"

// DELETE of a name, /api/v1/policies and /api/v1/boot-policies.

namespace limequat::verifier {

namespace {

using http::Context;
using http::Request;
using http::Response;

// Who has to be held to something else first. The store refused with one machine's name, in
// the words of Keylime.
Result<Response> InUse(const ApiParts& parts, PolicyNames names, std::string_view name,
                       Error refused) {
  LQ_ASSIGN_OR_RETURN(const auto users, parts.store.FindPolicyUsers(names, name));
  if (users.machines == 0) return refused;  // the last one has just gone
  const auto named = static_cast<std::int64_t>(users.first.size());
  refused.message = fmt::format("the policy {} is in use by {} machine{}: {}", name, users.machines,
                                users.machines == 1 ? "" : "s", fmt::join(users.first, ", "));
  if (users.machines > named)
    refused.message += fmt::format(" and {} more", users.machines - named);
  return refused;
}

Result<Response> Remove(const ApiParts& parts, PolicyNames names, const Request& request,
                        Context& context) {
  LQ_ASSIGN_OR_RETURN(const wire::AgentId id, wire::AgentId::Parse(request.PathParameter("name")));
  const std::string& name = id.text();
  const bool boot = names == PolicyNames::kBoot;
  Status removed = boot ? parts.fleet.RemoveBootPolicy(name) : parts.fleet.RemovePolicy(name);
  if (!removed && removed.error().id == "verifier.policy_in_use")
    return InUse(parts, names, name, std::move(removed).error());
  LQ_RETURN_IF_ERROR(removed);
  telemetry::LogInfo("verifier.policy_removed", {{"policy", name},
                                                 {"kind", boot ? "measured-boot" : "runtime"},
                                                 {"by", context.principal().common_name}});
  return http::Reply(200, json::Serialize(json::Object{{"name", name}}));
}

}  // namespace

void AddPolicyRemovalRoutes(http::Router& router, const ApiParts& parts) {
  using http::Method;
  router.Add(Method::kDelete, "/api/v1/policies/{name}", Operators(), Administration(),
             [parts](const Request& request, Context& context) {
               return Remove(parts, PolicyNames::kRuntime, request, context);
             });
  router.Add(Method::kDelete, "/api/v1/boot-policies/{name}", Operators(), Administration(),
             [parts](const Request& request, Context& context) {
               return Remove(parts, PolicyNames::kBoot, request, context);
             });
}

}  // namespace limequat::verifier
