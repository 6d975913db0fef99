#include <utility>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/json/value.h"
#include "limequat/verifier/api.h"
#include "limequat/verifier/api_keylime_internal.h"
#include "limequat/verifier/clock.h"
#include "limequat/verifier/views.h"
#include "limequat/wire/envelope.h"
#include "limequat/wire/version.h"

// Keylime's API v2 as its tenant uses it (keylime-server-protocol, 2.2).

namespace limequat::verifier {

namespace {

using http::Context;
using http::Request;
using http::Response;

wire::AgentStatus FullStatus(const MachineState& state, const ApiParts& parts) {
  wire::AgentStatus status = KeylimeStatusOf(state, parts.fleet.options().pace, Now());
  status.verifier_id = parts.verifier_id;
  status.verifier_ip = parts.listen_address;
  status.verifier_port = parts.listen_port;
  return status;
}

// Pages of this size keep one lock short and one piece of a body small.
constexpr std::size_t kPage = 200;

// {"uuids": [["id"], …]}, or with bulk {"id": status, …}: written page by page.
http::Producer ListBody(const ApiParts& parts, bool bulk) {
  return [parts, bulk, last = std::string(), begun = false,
          ended = false](Context&) mutable -> Result<std::optional<std::string>> {
    if (ended) return std::optional<std::string>();
    std::string piece;
    if (!begun)
      piece = bulk ? R"({"code": 200, "status": "Success", "results": {)"
                   : R"({"code": 200, "status": "Success", "results": {"uuids": [)";
    const auto page = parts.fleet.Page(last, kPage);
    for (const auto& state : page) {
      if (begun) piece += ", ";
      begun = true;
      last = state->enrolment->id.text();
      piece += bulk
                   ? fmt::format("\"{}\": {}", last,
                                 json::Serialize(wire::WriteAgentStatus(FullStatus(*state, parts))))
                   : fmt::format("[\"{}\"]", last);
    }
    if (page.size() < kPage) {
      piece += bulk ? "}}" : "]}}";
      ended = true;
    }
    begun = true;
    return std::optional(std::move(piece));
  };
}

Result<Response> List(const ApiParts& parts, const Request& request) {
  if (!KnownVersion(request)) return UnknownVersion();
  const auto bulk = request.QueryParameter("bulk");
  Response response;
  response.body = ListBody(parts, bulk && !bulk->empty());
  return response;
}

Result<Response> Show(const ApiParts& parts, const Request& request) {
  if (!KnownVersion(request)) return UnknownVersion();
  const auto state = parts.fleet.Find(request.PathParameter("id"));
  if (!state) return KeylimeReply(404, "agent id not found");
  return KeylimeReply(200, "Success", wire::WriteAgentStatus(FullStatus(*state, parts)));
}

// Lets the policy of an enrolment in, sent along or named; nullptr for none. A key in
// the request is compared with both.
Result<std::shared_ptr<const policy::RuntimePolicy>> AdmitPolicy(
    const ApiParts& parts, const wire::EnrolRequest& request) {
  const Time now = Now();
  if (request.runtime_policy) {
    return parts.policies.Admit(*request.runtime_policy, request.runtime_policy_key, now);
  }
  if (!request.runtime_policy_key || request.runtime_policy_name.empty()) return nullptr;
  LQ_ASSIGN_OR_RETURN(const auto stored, parts.store.FindPolicy(request.runtime_policy_name));
  if (!stored) return nullptr;  // the fleet says so
  return parts.policies.Admit(stored->body, request.runtime_policy_key, now);
}

// The policy of an enrolment: named, sent along, or Keylime's empty one (none). Several layers
// are not to be had over this API.
std::vector<Fleet::PolicyChoice> ChoicesOf(const wire::AgentId& id, wire::EnrolRequest& request) {
  if (request.runtime_policy) {
    std::string name =
        request.runtime_policy_name.empty() ? id.text() : request.runtime_policy_name;
    return {{.name = std::move(name), .body = std::move(request.runtime_policy)}};
  }
  if (!request.runtime_policy_name.empty()) return {{.name = request.runtime_policy_name}};
  return {};
}

// The same for measured boot. Without a name it has the machine's; "{}" is no content.
std::optional<Fleet::PolicyChoice> BootChoiceOf(const wire::AgentId& id,
                                                wire::EnrolRequest& request) {
  if (!SaysSomething(request.mb_policy)) request.mb_policy.reset();
  if (!request.mb_policy_name.empty()) {
    return Fleet::PolicyChoice{.name = request.mb_policy_name,
                               .body = std::move(request.mb_policy)};
  }
  if (!request.mb_policy) return std::nullopt;
  return Fleet::PolicyChoice{.name = id.text(), .body = std::move(request.mb_policy)};
}

// Status and text as Keylime's verifier gives them (2.2.3).
Response EnrolError(const Error& error) {
  if (auto refused = SignatureError(error)) return *std::move(refused);
  switch (error.code) {
    case ErrorCode::kNotFound:
    case ErrorCode::kConflict:
    case ErrorCode::kUnavailable:
    case ErrorCode::kInternal:
      return KeylimeReply(http::HttpStatus(error.code), error.message);
    default:
      break;
  }
  if (error.id.starts_with("policy."))
    return KeylimeReply(400, fmt::format("Runtime policy is malformatted: {}", error.message));
  if (error.id == "verifier.enrol.mtls") return KeylimeReply(400, error.message);
  return KeylimeReply(400, fmt::format("Exception error: {}", error.message));
}

Result<Response> Enrol(const ApiParts& parts, const Request& request, Context& context) {
  if (!KnownVersion(request)) return UnknownVersion();
  const auto id = wire::AgentId::Parse(request.PathParameter("id"));
  if (!id) return KeylimeReply(400, "agent_id not not valid");
  if (request.body.empty()) return KeylimeReply(400, "Expected non zero content length");
  auto message = wire::ParseEnrolRequest(request.body);
  if (!message) return EnrolError(message.error());
  // Keylime's tenant has checked the EK, or has not: the name of who says so is kept.
  const EnrolmentExtras extras{
      .identity = fmt::format("asserted by {}", context.principal().common_name),
      .ek_fingerprint = {},
      .approve_first_boot = false,
      .waivers = {}};
  auto enrolment = MakeEnrolment(*id, *message, extras);
  if (!enrolment) return EnrolError(enrolment.error());
  // Held until the fleet holds it.
  const auto policy = AdmitPolicy(parts, *message);
  if (!policy) return EnrolError(policy.error());
  const Status enrolled = parts.fleet.Enrol(*std::move(enrolment), ChoicesOf(*id, *message),
                                            BootChoiceOf(*id, *message));
  if (!enrolled) return EnrolError(enrolled.error());
  return KeylimeReply(200, "Success");
}

Result<Response> Remove(const ApiParts& parts, const Request& request) {
  if (!KnownVersion(request)) return UnknownVersion();
  const auto id = wire::AgentId::Parse(request.PathParameter("id"));
  if (!id) return KeylimeReply(404, "agent id not found");
  const Status removed = parts.fleet.Remove(*id);
  if (!removed)
    return KeylimeReply(http::HttpStatus(removed.error().code), removed.error().message);
  return KeylimeReply(200, "Success");
}

}  // namespace

Response KeylimeReply(int code, std::string status, json::Value results) {
  return http::Reply(
      code, wire::WriteEnvelope(
                {.code = code, .status = std::move(status), .results = std::move(results)}));
}

std::optional<Response> SignatureError(const Error& error) {
  if (error.id == "policy.signature.present")
    return KeylimeReply(400, "Runtime policy is not signed!");
  if (error.code != ErrorCode::kUntrusted) return std::nullopt;
  if (error.id == "policy.signature.key") {
    return KeylimeReply(401,
                        "Runtime policy signature verification required but no key was given!");
  }
  if (error.id == "policy.signature") {
    return KeylimeReply(401, "Runtime policy failed DSSE signature verification!");
  }
  return std::nullopt;
}

bool KnownVersion(const Request& request) {
  const auto version = wire::ParseVersionSegment(request.PathParameter("version"));
  return version && version->major == 2;
}

Response UnknownVersion() { return http::Reply(404, "", "text/html; charset=UTF-8"); }

void AddKeylimeRoutes(http::Router& router, const ApiParts& parts) {
  using http::Access;
  using http::Method;
  const http::RouteOptions ordinary = Administration();
  const http::RouteOptions upload = Upload(kMaxPolicyBody);

  router.Add(Method::kGet, "/version",
             Access::Public("names the API versions, nothing about machines"),
             {.lane = http::Lane::kHealth}, [](const Request&, Context&) -> Result<Response> {
               return KeylimeReply(200, "Success", wire::WriteServerVersions());
             });
  router.Add(Method::kGet, "/{version}/agents", Operators(), ordinary,
             [parts](const Request& request, Context&) { return List(parts, request); });
  router.Add(Method::kGet, "/{version}/agents/{id}", Operators(), ordinary,
             [parts](const Request& request, Context&) { return Show(parts, request); });
  router.Add(
      Method::kPost, "/{version}/agents/{id}", Operators(), upload,
      [parts](const Request& request, Context& context) { return Enrol(parts, request, context); });
  router.Add(Method::kDelete, "/{version}/agents/{id}", Operators(), ordinary,
             [parts](const Request& request, Context&) { return Remove(parts, request); });
}

}  // namespace limequat::verifier
