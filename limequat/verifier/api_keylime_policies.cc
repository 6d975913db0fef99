#include <utility>

#include <fmt/format.h>

#include "limequat/base/bytes.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/json/reader.h"
#include "limequat/json/value.h"
#include "limequat/verifier/api.h"
#include "limequat/verifier/api_keylime_internal.h"
#include "limequat/verifier/clock.h"
#include "limequat/wire/agent_id.h"

// Keylime's /allowlists: named runtime policies (keylime-server-protocol, 2.3).

namespace limequat::verifier {

namespace {

using http::Context;
using http::Request;
using http::Response;

Response UnknownPolicy(std::string_view name) {
  return KeylimeReply(404, fmt::format("Runtime policy {} not found", EscapeForDisplay(name, 128)));
}

Result<Response> List(const ApiParts& parts, const Request& request) {
  if (!KnownVersion(request)) return UnknownVersion();
  LQ_ASSIGN_OR_RETURN(const auto policies, parts.store.ListPolicies());
  json::Array names;
  for (const StoredPolicy& policy : policies) names.emplace_back(policy.name);
  return KeylimeReply(200, "Success", json::Object{{"runtimepolicy names", std::move(names)}});
}

// `tmp_policy` is how Keylime spells it, and it is never anything else.
Result<Response> Show(const ApiParts& parts, const Request& request) {
  if (!KnownVersion(request)) return UnknownVersion();
  const std::string name(request.PathParameter("name"));
  LQ_ASSIGN_OR_RETURN(const auto policy, parts.store.FindPolicy(name));
  if (!policy) return UnknownPolicy(name);
  return KeylimeReply(
      200, "Success",
      json::Object{{"name", name}, {"tmp_policy", nullptr}, {"runtime_policy", policy->body}});
}

struct Sent {
  std::string policy;
  std::optional<std::string> key;
};

// Both are base64 of text. `tpm_policy` may come with them; no machine is held to it, in
// Keylime either.
Result<Sent> ParseBody(const Request& request) {
  LQ_ASSIGN_OR_RETURN(const json::Value document,
                      json::Parse(request.body, {.max_bytes = kMaxPolicyBody}));
  json::ObjectReader in(document, "runtime policy");
  const Bytes policy = in.Base64("runtime_policy");
  const std::optional<Bytes> key = in.OptionalBase64("runtime_policy_key");
  LQ_RETURN_IF_ERROR(in.status());
  Sent sent{.policy = std::string(AsText(policy)), .key = {}};
  if (key && !key->empty()) sent.key = std::string(AsText(*key));
  return sent;
}

Response PushError(const Error& error) {
  if (auto refused = SignatureError(error)) return *std::move(refused);
  if (error.code == ErrorCode::kNotFound || error.code == ErrorCode::kConflict)
    return KeylimeReply(http::HttpStatus(error.code), error.message);
  if (error.id.starts_with("policy."))
    return KeylimeReply(400, fmt::format("Runtime policy is malformatted: {}", error.message));
  return KeylimeReply(http::HttpStatus(error.code), error.message);
}

// POST for a new name, PUT for a known one. A policy that says nothing is stored, and its
// machines are unpoliced, as with an enrolment over this API.
Result<Response> Push(const ApiParts& parts, const Request& request, Fleet::Push push) {
  if (!KnownVersion(request)) return UnknownVersion();
  if (request.body.empty()) return KeylimeReply(400, "Expected non zero content length");
  const auto name = wire::AgentId::Parse(request.PathParameter("name"));
  if (!name) return KeylimeReply(400, "runtime_policy name not valid");
  const auto sent = ParseBody(request);
  if (!sent) return KeylimeReply(400, "Exception error: " + sent.error().message);
  // Held until the fleet holds it.
  const auto policy = parts.policies.Admit(sent->policy, sent->key, Now());
  if (!policy) return PushError(policy.error());
  const auto pushed = parts.fleet.PushPolicy(name->text(), sent->policy, push);
  if (!pushed) return PushError(pushed.error());
  return KeylimeReply(201, "Created");
}

Result<Response> Remove(const ApiParts& parts, const Request& request) {
  if (!KnownVersion(request)) return UnknownVersion();
  const std::string name(request.PathParameter("name"));
  const Status removed = parts.fleet.RemovePolicy(name);
  if (removed) return http::Reply(204, "");
  if (removed.error().code == ErrorCode::kNotFound) return UnknownPolicy(name);
  return KeylimeReply(http::HttpStatus(removed.error().code), removed.error().message);
}

}  // namespace

void AddKeylimePolicyRoutes(http::Router& router, const ApiParts& parts) {
  using http::Method;
  const http::RouteOptions ordinary = Administration();
  const http::RouteOptions upload = Upload(kMaxPolicyBody);

  router.Add(Method::kGet, "/{version}/allowlists", Operators(), ordinary,
             [parts](const Request& request, Context&) { return List(parts, request); });
  router.Add(Method::kGet, "/{version}/allowlists/{name}", Operators(), ordinary,
             [parts](const Request& request, Context&) { return Show(parts, request); });
  router.Add(Method::kPost, "/{version}/allowlists/{name}", Operators(), upload,
             [parts](const Request& request, Context&) {
               return Push(parts, request, Fleet::Push::kNew);
             });
  router.Add(Method::kPut, "/{version}/allowlists/{name}", Operators(), upload,
             [parts](const Request& request, Context&) {
               return Push(parts, request, Fleet::Push::kChange);
             });
  router.Add(Method::kDelete, "/{version}/allowlists/{name}", Operators(), ordinary,
             [parts](const Request& request, Context&) { return Remove(parts, request); });
}

}  // namespace limequat::verifier
