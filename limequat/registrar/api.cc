#include "limequat/registrar/api.h"

#include <utility>

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/json/value.h"
#include "limequat/registrar/clock.h"
#include "limequat/registrar/registration.h"
#include "limequat/telemetry/log.h"
#include "limequat/wire/envelope.h"
#include "limequat/wire/registration.h"
#include "limequat/wire/version.h"

namespace limequat::registrar {

namespace {

using http::Context;
using http::Request;
using http::Response;

constexpr std::string_view kInvalidData = "Could not register agent with invalid data";
constexpr std::size_t kPage = 500;

// Keylime's registrar indents by four.
Response Reply(int code, std::string status, json::Value results = json::Object()) {
  return http::Reply(code,
                     wire::WriteEnvelope(
                         {.code = code, .status = std::move(status), .results = std::move(results)},
                         /*indented=*/true));
}

Response Empty(int status) { return http::Reply(status, "", "text/html; charset=UTF-8"); }

Response Refuse(const Request& request, int status, const Error& why) {
  if (request.path.starts_with("/api/")) {
    const json::Object error{
        {"code", ErrorCodeName(why.code)}, {"id", why.id}, {"message", why.message}};
    return http::Reply(status, json::Serialize(json::Object{{"error", error}}));
  }
  if (status == 401 || status == 403)
    return http::Reply(status, wire::WriteRefusal(status, why.message));
  return Empty(status);
}

bool KnownVersion(const Request& request) {
  const auto version = wire::ParseVersionSegment(request.PathParameter("version"));
  return version && version->major == 2;
}

// Why a registration was not taken. Details are for our log: the answer is one text
// for all of them, as Keylime's.
Response RegistrationRefused(std::string_view id, const Error& error) {
  telemetry::LogWarning("registrar.refused",
                        {{"agent", id}, {"error", error.id}, {"why", error.message}});
  switch (error.code) {
    case ErrorCode::kPermissionDenied:
      return Reply(403, error.message);
    case ErrorCode::kUnavailable:
    case ErrorCode::kInternal:
      return Reply(http::HttpStatus(error.code), "The registrar cannot store the registration now");
    default:
      return Reply(400, std::string(kInvalidData));
  }
}

void Register(const ApiParts& parts, const std::shared_ptr<const Request>& request,
              http::Responder respond) {
  if (!KnownVersion(*request)) return respond(Empty(404));
  const auto id = wire::AgentId::Parse(request->PathParameter("id"));
  if (!id)
    return respond(
        RegistrationRefused(EscapeForDisplay(request->PathParameter("id"), 64), id.error()));
  auto message = wire::ParseRegistration(request->body);
  if (!message) return respond(RegistrationRefused(id->text(), message.error()));
  const Time now = Now();
  auto candidate = Examine(*message, *parts.trust, now);
  if (!candidate) return respond(RegistrationRefused(id->text(), candidate.error()));

  auto answer = std::make_shared<http::Responder>(std::move(respond));
  parts.store.AddChallenge(
      *id, *std::move(message), std::move(candidate->record), candidate->secret.Expose(), now,
      [answer, id = id->text(), blob = std::move(candidate->blob)](Status stored) {
        if (!stored) return (*answer)(RegistrationRefused(id, stored.error()));
        telemetry::LogInfo("registrar.challenged", {{"agent", id}});
        (*answer)(Reply(200, "Success", wire::WriteRegistrationResults(blob)));
      });
}

void Activate(const ApiParts& parts, const std::shared_ptr<const Request>& request,
              http::Responder respond) {
  if (!KnownVersion(*request)) return respond(Empty(404));
  const auto id = wire::AgentId::Parse(request->PathParameter("id"));
  if (!id)
    return respond(Reply(404, fmt::format("Agent with ID '{}' not found",
                                          EscapeForDisplay(request->PathParameter("id"), 64))));
  auto tag = wire::ParseActivation(request->body);
  if (!tag) return respond(Empty(400));
  auto answer = std::make_shared<http::Responder>(std::move(respond));
  parts.store.Activate(*id, *std::move(tag), Now(), [answer, id = id->text()](Status activated) {
    if (activated) {
      telemetry::LogInfo("registrar.activated", {{"agent", id}});
      return (*answer)(Reply(200, "Success"));
    }
    telemetry::LogWarning("registrar.not_activated",
                          {{"agent", id}, {"error", activated.error().id}});
    (*answer)(Reply(http::HttpStatus(activated.error().code), activated.error().message));
  });
}

wire::RegistrarAgent ToWire(std::string_view id, const Record& record) {
  return {.agent_id = std::string(id),
          .ek_tpm = record.ek_tpm,
          .ek_certificate_der = record.ek_certificate_der,
          .aik_tpm = record.aik_tpm,
          .ip = record.ip,
          .port = record.port,
          .transport_certificate = record.transport_certificate,
          .regcount = record.regcount};
}

Result<Response> List(const ApiParts& parts, const Request& request) {
  if (!KnownVersion(request)) return Empty(404);
  Response response;
  response.body = [&store = parts.store, last = std::string(), begun = false,
                   ended = false](Context&) mutable -> Result<std::optional<std::string>> {
    if (ended) return std::optional<std::string>();
    std::string piece = begun ? "" : R"({"code": 200, "status": "Success", "results": {"uuids": [)";
    begun = true;
    LQ_ASSIGN_OR_RETURN(const auto page, store.Page(last, kPage));
    for (const std::string& id : page) {
      if (!last.empty()) piece += ", ";
      piece += '"' + id + '"';
      last = id;
    }
    if (page.size() < kPage) {
      piece += "]}}";
      ended = true;
    }
    return std::optional(std::move(piece));
  };
  return response;
}

Result<Response> Show(const ApiParts& parts, const Request& request) {
  if (!KnownVersion(request)) return Empty(404);
  const std::string id = EscapeForDisplay(request.PathParameter("id"), 128);
  LQ_ASSIGN_OR_RETURN(const auto record, parts.store.Find(request.PathParameter("id")));
  if (record) return Reply(200, "Success", wire::WriteRegistrarAgent(ToWire(id, *record)));
  LQ_ASSIGN_OR_RETURN(const auto waiting, parts.store.HasChallenge(request.PathParameter("id")));
  if (waiting == Store::Waiting::kYes)
    return Reply(404, fmt::format("Agent with ID '{}' has not been activated", id));
  return Reply(404, fmt::format("Agent with ID '{}' not found", id));
}

Result<Response> Remove(const ApiParts& parts, const Request& request) {
  if (!KnownVersion(request)) return Empty(404);
  const Status removed = parts.store.Remove(request.PathParameter("id"));
  if (!removed) return Reply(http::HttpStatus(removed.error().code), removed.error().message);
  telemetry::LogInfo("registrar.removed", {{"agent", request.PathParameter("id")}});
  return Reply(200, "Success");
}

// What Keylime's answer cannot say: whether the EK is that of a genuine TPM.
Result<Response> ShowIdentity(const ApiParts& parts, const Request& request) {
  LQ_ASSIGN_OR_RETURN(wire::AgentId id, wire::AgentId::Parse(request.PathParameter("id")));
  LQ_ASSIGN_OR_RETURN(const auto record, parts.store.Find(id.text()));
  if (!record)
    return NotFound("registrar.unknown_agent",
                    fmt::format("no machine named {} is registered", id.text()));
  LQ_ASSIGN_OR_RETURN(const tpm::PublicArea ek, tpm::PublicArea::FromTpm2b(record->ek_tpm));
  LQ_ASSIGN_OR_RETURN(json::Value findings, json::Parse(record->identity_findings));
  const wire::RegistrarIdentity identity{
      .agent = ToWire(id.text(), *record),
      .identity = record->identity,
      .why = record->identity_why,
      .findings = std::move(findings),
      .ek_fingerprint = crypto::Hash(crypto::HashAlgorithm::kSha256, ek.key().ToSpkiDer()).hex()};
  return http::Reply(200, json::Serialize(wire::WriteRegistrarIdentity(identity)));
}

Result<Response> Health(const ApiParts& parts) {
  const Status database = parts.store.database().Health();
  return http::Reply(database ? 200 : 503,
                     json::Serialize(json::Object{{"status", database ? "ok" : "degraded"}}));
}

void AddPublicRoutes(http::Router& router, const ApiParts& parts) {
  using http::Access;
  using http::Method;
  // A flood of registrations must leave operators and health answering.
  const http::RouteOptions registering{.lane = http::Lane::kEvidence, .max_body = kMaxRegistration};
  const auto anybody = [] {
    return Access::Public(
        "registration is by protocol open to any machine: it proves itself by activation");
  };
  const auto activate = [parts](std::shared_ptr<const Request> request, std::shared_ptr<Context>,
                                http::Responder respond) {
    Activate(parts, request, std::move(respond));
  };

  router.Add(Method::kGet, "/version",
             Access::Public("names the API versions, nothing about machines"),
             {.lane = http::Lane::kHealth}, [](const Request&, Context&) -> Result<Response> {
               return Reply(200, "Success", wire::WriteServerVersions());
             });
  router.Add(Method::kGet, "/api/v1/health", Access::Public("says whether the registrar works"),
             {.lane = http::Lane::kHealth},
             [parts](const Request&, Context&) { return Health(parts); });
  router.AddAsync(
      Method::kPost, "/{version}/agents/{id}", anybody(), registering,
      [parts](std::shared_ptr<const Request> request, std::shared_ptr<Context>,
              http::Responder respond) { Register(parts, request, std::move(respond)); });
  router.AddAsync(Method::kPut, "/{version}/agents/{id}", anybody(), registering, activate);
  router.AddAsync(Method::kPut, "/{version}/agents/{id}/activate", anybody(), registering,
                  activate);
  router.AddAsync(Method::kPost, "/{version}/agents/{id}/activate", anybody(), registering,
                  activate);
}

void AddOperatorRoutes(http::Router& router, const ApiParts& parts) {
  using http::Access;
  using http::Method;
  const http::RouteOptions ordinary{.lane = http::Lane::kAdministration};
  const auto operators = [] { return Access::Roles({std::string(kOperatorRole)}); };

  router.Add(Method::kGet, "/{version}/agents", operators(), ordinary,
             [parts](const Request& request, Context&) { return List(parts, request); });
  router.Add(Method::kGet, "/{version}/agents/{id}", operators(), ordinary,
             [parts](const Request& request, Context&) { return Show(parts, request); });
  router.Add(Method::kDelete, "/{version}/agents/{id}", operators(), ordinary,
             [parts](const Request& request, Context&) { return Remove(parts, request); });
  router.Add(Method::kGet, "/api/v1/agents/{id}", operators(), ordinary,
             [parts](const Request& request, Context&) { return ShowIdentity(parts, request); });
}

}  // namespace

std::shared_ptr<http::Router> MakeRouter(const ApiParts& parts) {
  auto router = std::make_shared<http::Router>();
  router->OnRefusal(Refuse);
  AddPublicRoutes(*router, parts);
  AddOperatorRoutes(*router, parts);
  return router;
}

}  // namespace limequat::registrar
