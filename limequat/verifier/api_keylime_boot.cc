#include <utility>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/json/reader.h"
#include "limequat/json/value.h"
#include "limequat/policy/boot_reference.h"
#include "limequat/verifier/api.h"
#include "limequat/verifier/api_keylime_internal.h"
#include "limequat/wire/agent_id.h"

// Keylime's /mbpolicies (keylime-server-protocol, 2.4).

namespace limequat::verifier {

namespace {

using http::Context;
using http::Request;
using http::Response;

// A reference state as text inside a JSON document at most doubles.
constexpr std::size_t kMaxBody = 2 * policy::kMaxBootReferenceBytes + 4096;

Response UnknownPolicy(std::string_view name) {
  return KeylimeReply(
      404, fmt::format("Measured boot policy {} not found", EscapeForDisplay(name, 128)));
}

Result<Response> List(const ApiParts& parts, const Request& request) {
  if (!KnownVersion(request)) return UnknownVersion();
  LQ_ASSIGN_OR_RETURN(const auto policies, parts.store.ListBootPolicies());
  json::Array names;
  for (const Store::BootPolicy& policy : policies) names.emplace_back(policy.name);
  return KeylimeReply(200, "Success", json::Object{{"mbpolicy names", std::move(names)}});
}

Result<Response> Show(const ApiParts& parts, const Request& request) {
  if (!KnownVersion(request)) return UnknownVersion();
  const std::string name(request.PathParameter("name"));
  LQ_ASSIGN_OR_RETURN(const auto policy, parts.store.FindBootPolicy(name));
  if (!policy) return UnknownPolicy(name);
  return KeylimeReply(200, "Success", json::Object{{"name", name}, {"mb_policy", policy->body}});
}

Result<std::string> ParseBody(const Request& request) {
  LQ_ASSIGN_OR_RETURN(const json::Value document,
                      json::Parse(request.body, {.max_bytes = kMaxBody}));
  json::ObjectReader in(document, "measured-boot policy");
  std::string body = in.OptionalString("mb_policy").value_or("");
  LQ_RETURN_IF_ERROR(in.status());
  return body;
}

// POST for a new name, PUT for a known one. Keylime looks at the content when a machine
// attests; what cannot be read is refused here.
Result<Response> Push(const ApiParts& parts, const Request& request, Fleet::Push push) {
  if (!KnownVersion(request)) return UnknownVersion();
  if (request.body.empty()) return KeylimeReply(400, "Expected non zero content length");
  const auto name = wire::AgentId::Parse(request.PathParameter("name"));
  if (!name) return KeylimeReply(400, "mb_policy name not valid");
  const auto body = ParseBody(request);
  if (!body) return KeylimeReply(400, "Exception error: " + body.error().message);
  const auto pushed = parts.fleet.PushBootPolicy(name->text(), *body, push);
  if (pushed) return KeylimeReply(201, "Created");
  const Error& error = pushed.error();
  // Keylime answers 409 to both.
  if (error.id == "verifier.policy_exists" || error.id == "verifier.unknown_policy")
    return KeylimeReply(409, error.message);
  if (error.id.starts_with("verifier.boot_policy"))
    return KeylimeReply(400, "Exception error: " + error.message);
  return KeylimeReply(http::HttpStatus(error.code), error.message);
}

Result<Response> Remove(const ApiParts& parts, const Request& request) {
  if (!KnownVersion(request)) return UnknownVersion();
  const std::string name(request.PathParameter("name"));
  const Status removed = parts.fleet.RemoveBootPolicy(name);
  if (removed) return http::Reply(204, "");
  if (removed.error().code == ErrorCode::kNotFound) return UnknownPolicy(name);
  return KeylimeReply(http::HttpStatus(removed.error().code), removed.error().message);
}

}  // namespace

void AddKeylimeBootRoutes(http::Router& router, const ApiParts& parts) {
  using http::Method;
  const http::RouteOptions ordinary = Administration();
  const http::RouteOptions upload = Upload(kMaxBody);

  router.Add(Method::kGet, "/{version}/mbpolicies", Operators(), ordinary,
             [parts](const Request& request, Context&) { return List(parts, request); });
  router.Add(Method::kGet, "/{version}/mbpolicies/{name}", Operators(), ordinary,
             [parts](const Request& request, Context&) { return Show(parts, request); });
  router.Add(Method::kPost, "/{version}/mbpolicies/{name}", Operators(), upload,
             [parts](const Request& request, Context&) {
               return Push(parts, request, Fleet::Push::kNew);
             });
  router.Add(Method::kPut, "/{version}/mbpolicies/{name}", Operators(), upload,
             [parts](const Request& request, Context&) {
               return Push(parts, request, Fleet::Push::kChange);
             });
  router.Add(Method::kDelete, "/{version}/mbpolicies/{name}", Operators(), ordinary,
             [parts](const Request& request, Context&) { return Remove(parts, request); });
}

}  // namespace limequat::verifier
