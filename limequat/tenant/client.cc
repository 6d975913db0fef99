#include "limequat/tenant/client.h"

#include <chrono>
#include <limits>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/json/reader.h"
#include "limequat/json/value.h"
#include "limequat/wire/envelope.h"

namespace limequat::tenant {

namespace {

constexpr std::chrono::seconds kPatience{30};
// A list of 100,000 machines is about 40 MB.
constexpr std::size_t kMaxDocument = 128U << 20U;

ErrorCode CodeOf(int status) {
  switch (status) {
    case 400:
    case 413:
    case 422:
      return ErrorCode::kMalformed;
    case 401:
    case 403:
      return ErrorCode::kPermissionDenied;
    case 404:
      return ErrorCode::kNotFound;
    case 409:
      return ErrorCode::kConflict;
    case 501:
      return ErrorCode::kUnsupported;
    case 503:
      return ErrorCode::kUnavailable;
    default:
      return ErrorCode::kInternal;
  }
}

// The service's own words: our API's error, Keylime's envelope, or just the status.
Error ErrorOf(const http::ClientResponse& response) {
  Error error{.code = CodeOf(response.status),
              .id = "tenant.service",
              .message = fmt::format("the service answered {}", response.status)};
  const auto document = json::Parse(response.body);
  if (!document) return error;
  const json::Object* object = document->as_object();
  if (object == nullptr) return error;
  if (const json::Value* own = object->Find("error")) {
    json::ObjectReader in(*own, "error");
    const std::string id = in.String("id");
    const std::string message = in.String("message");
    if (in.status()) {
      error.id = EscapeForDisplay(id, 128);
      error.message = EscapeForDisplay(message);
    }
  } else if (const json::Value* status = object->Find("status");
             status != nullptr && status->as_string() != nullptr) {
    error.message = EscapeForDisplay(*status->as_string());
  }
  return error;
}

// Each element of the array `member` of a document, which errors call `what`, as `parse` reads
// it.
template <class View>
Result<std::vector<View>> ReadAll(const json::Value& document, std::string_view what,
                                  std::string_view member,
                                  Result<View> (*parse)(const json::Value&)) {
  json::ObjectReader in(document, what);
  const json::Array* array = in.ArrayMember(member);
  LQ_RETURN_IF_ERROR(in.status());
  std::vector<View> views;
  for (const json::Value& value : *array) {
    LQ_ASSIGN_OR_RETURN(View view, parse(value));
    views.push_back(std::move(view));
  }
  return views;
}

std::string AgentPath(std::string_view agent_id) {
  return "/api/v1/agents/" + http::PercentEncode(agent_id);
}

}  // namespace

Result<std::unique_ptr<Services>> Services::Create(http::Runtime& runtime,
                                                   const OperatorIdentity& identity,
                                                   ServiceAddress registrar,
                                                   ServiceAddress verifier) {
  LQ_ASSIGN_OR_RETURN(auto client,
                      http::Client::Create(runtime, {.chain = identity.chain,
                                                     .private_key_pem = identity.private_key_pem}));
  const auto trust = std::make_shared<http::ServerTrust>(
      http::ServerTrust{.pinned = {}, .anchors = identity.server_authorities, .check_host = true});
  const auto endpoint = [&](ServiceAddress& address) {
    return http::Endpoint{
        .host = std::move(address.host), .port = address.port, .tls = true, .trust = trust};
  };
  return std::unique_ptr<Services>(
      new Services(std::move(client), endpoint(registrar), endpoint(verifier)));
}

Result<std::string> Services::Call(const http::Endpoint& endpoint, http::Method method,
                                   std::string target, std::string body) {
  http::ClientRequest request{.method = method,
                              .target = std::move(target),
                              .headers = {},
                              .body = std::move(body),
                              .max_response = kMaxDocument};
  if (!request.body.empty()) request.headers.Set("Content-Type", "application/json");
  auto response = client_->SendAndWait(endpoint, std::move(request),
                                       std::chrono::steady_clock::now() + kPatience);
  if (!response)
    return std::move(response).error().In(fmt::format("{}:{}", endpoint.host, endpoint.port));
  if (response->status < 200 || response->status > 299) return ErrorOf(*response);
  return std::move(response->body);
}

Result<json::Value> Services::CallJson(const http::Endpoint& endpoint, http::Method method,
                                       std::string target, std::string body) {
  LQ_ASSIGN_OR_RETURN(const std::string text,
                      Call(endpoint, method, std::move(target), std::move(body)));
  return json::Parse(text, {.max_bytes = kMaxDocument, .max_depth = 32, .max_values = 16'000'000});
}

Result<wire::RegistrarIdentity> Services::FindRegistered(std::string_view agent_id) {
  LQ_ASSIGN_OR_RETURN(const json::Value document,
                      CallJson(registrar_, http::Method::kGet, AgentPath(agent_id)));
  return wire::ParseRegistrarIdentity(document);
}

Result<std::vector<std::string>> Services::ListRegistered() {
  LQ_ASSIGN_OR_RETURN(const std::string text, Call(registrar_, http::Method::kGet, "/v2.6/agents"));
  LQ_ASSIGN_OR_RETURN(const wire::Envelope envelope, wire::ParseEnvelope(text));
  json::ObjectReader in(envelope.results, "list of agents");
  auto ids = in.Strings("uuids");
  LQ_RETURN_IF_ERROR(in.status());
  return ids;
}

Status Services::RemoveRegistered(std::string_view agent_id) {
  LQ_RETURN_IF_ERROR(
      Call(registrar_, http::Method::kDelete, "/v2.6/agents/" + http::PercentEncode(agent_id)));
  return {};
}

Status Services::Enrol(std::string_view agent_id, const wire::OwnEnrolment& enrolment) {
  LQ_RETURN_IF_ERROR(Call(verifier_, http::Method::kPost, AgentPath(agent_id),
                          wire::WriteOwnEnrolment(enrolment)));
  return {};
}

Result<wire::MachineView> Services::Update(std::string_view agent_id,
                                           const wire::MachineChange& change) {
  LQ_ASSIGN_OR_RETURN(const json::Value document,
                      CallJson(verifier_, http::Method::kPatch, AgentPath(agent_id),
                               wire::WriteMachineChange(change)));
  return wire::ParseMachineView(document);
}

Status Services::Remove(std::string_view agent_id) {
  LQ_RETURN_IF_ERROR(Call(verifier_, http::Method::kDelete, AgentPath(agent_id)));
  return {};
}

Result<std::vector<wire::MachineView>> Services::ListMachines() {
  LQ_ASSIGN_OR_RETURN(const json::Value document,
                      CallJson(verifier_, http::Method::kGet, "/api/v1/agents"));
  return ReadAll(document, "list of machines", "agents", wire::ParseMachineView);
}

Result<wire::MachineView> Services::FindMachine(std::string_view agent_id) {
  LQ_ASSIGN_OR_RETURN(const json::Value document,
                      CallJson(verifier_, http::Method::kGet, AgentPath(agent_id)));
  return wire::ParseMachineView(document);
}

Result<wire::FindingsView> Services::Findings(std::string_view agent_id) {
  LQ_ASSIGN_OR_RETURN(const json::Value document,
                      CallJson(verifier_, http::Method::kGet, AgentPath(agent_id) + "/findings"));
  return wire::ParseFindingsView(document);
}

Result<wire::BootLogView> Services::FindBootLog(std::string_view agent_id) {
  LQ_ASSIGN_OR_RETURN(const json::Value document,
                      CallJson(verifier_, http::Method::kGet, AgentPath(agent_id) + "/boot-log"));
  return wire::ParseBootLogView(document);
}

namespace {

std::string PathOf(Services::PolicyKind kind) {
  return kind == Services::PolicyKind::kRuntime ? "/api/v1/policies" : "/api/v1/boot-policies";
}

std::string PolicyPath(std::string_view name,
                       Services::PolicyKind kind = Services::PolicyKind::kRuntime) {
  return PathOf(kind) + "/" + http::PercentEncode(name);
}

Result<Services::Pushed> ReadPushed(const json::Value& document) {
  json::ObjectReader in(document, "answer to a policy");
  Services::Pushed pushed;
  pushed.hash = in.String("hash");
  pushed.machines = in.Int("machines_appraised_again", 0, std::numeric_limits<std::int64_t>::max());
  LQ_RETURN_IF_ERROR(in.status());
  return pushed;
}

}  // namespace

Result<Services::Pushed> Services::PushPolicy(std::string_view name, std::string body,
                                              PolicyKind kind) {
  LQ_ASSIGN_OR_RETURN(
      const json::Value document,
      CallJson(verifier_, http::Method::kPut, PolicyPath(name, kind), std::move(body)));
  return ReadPushed(document);
}

Status Services::RemovePolicy(std::string_view name, PolicyKind kind) {
  LQ_RETURN_IF_ERROR(Call(verifier_, http::Method::kDelete, PolicyPath(name, kind)));
  return {};
}

Result<std::string> Services::PinPolicyKey(std::string_view name, std::string key) {
  LQ_ASSIGN_OR_RETURN(
      const json::Value document,
      CallJson(verifier_, http::Method::kPut, PolicyPath(name) + "/key", std::move(key)));
  json::ObjectReader in(document, "pinned key");
  std::string id = in.String("key");
  LQ_RETURN_IF_ERROR(in.status());
  return id;
}

Result<Services::Pushed> Services::RollBackPolicy(std::string_view name,
                                                  std::optional<std::int64_t> version) {
  json::Object asked;
  if (version) asked.Set("version", *version);
  LQ_ASSIGN_OR_RETURN(const json::Value document,
                      CallJson(verifier_, http::Method::kPost, PolicyPath(name) + "/rollback",
                               json::Serialize(asked)));
  return ReadPushed(document);
}

Result<std::vector<Services::PolicyVersion>> Services::ListPolicyVersions(std::string_view name) {
  LQ_ASSIGN_OR_RETURN(const json::Value document,
                      CallJson(verifier_, http::Method::kGet, PolicyPath(name) + "/versions"));
  json::ObjectReader in(document, "versions of a policy");
  const json::Array* array = in.ArrayMember("versions");
  LQ_RETURN_IF_ERROR(in.status());
  std::vector<PolicyVersion> versions;
  for (const json::Value& value : *array) {
    json::ObjectReader one(value, "version");
    versions.push_back({.number = one.Int("version", 1, std::numeric_limits<std::int64_t>::max()),
                        .hash = one.String("hash"),
                        .pushed = one.String("pushed")});
    LQ_RETURN_IF_ERROR(one.status());
  }
  return versions;
}

Result<std::vector<wire::PolicyView>> Services::ListPolicies(PolicyKind kind) {
  LQ_ASSIGN_OR_RETURN(const json::Value document,
                      CallJson(verifier_, http::Method::kGet, PathOf(kind)));
  return wire::ParsePolicies(document);
}

Result<std::string> Services::FetchPolicy(std::string_view name, PolicyKind kind) {
  return Call(verifier_, http::Method::kGet, PolicyPath(name, kind));
}

namespace {

std::string LabelPath(std::string_view name) {
  return "/api/v1/labels/" + http::PercentEncode(name);
}

}  // namespace

Result<std::int64_t> Services::PutLabel(std::string_view name,
                                        const std::vector<std::string>& policies) {
  LQ_ASSIGN_OR_RETURN(
      const json::Value document,
      CallJson(verifier_, http::Method::kPut, LabelPath(name), wire::WriteLabelPolicies(policies)));
  json::ObjectReader in(document, "answer to a label");
  const std::int64_t machines =
      in.Int("machines_appraised_again", 0, std::numeric_limits<std::int64_t>::max());
  LQ_RETURN_IF_ERROR(in.status());
  return machines;
}

Result<std::vector<wire::LabelView>> Services::ListLabels() {
  LQ_ASSIGN_OR_RETURN(const json::Value document,
                      CallJson(verifier_, http::Method::kGet, "/api/v1/labels"));
  return ReadAll(document, "list of labels", "labels", wire::ParseLabelView);
}

Result<wire::LabelView> Services::FindLabel(std::string_view name) {
  LQ_ASSIGN_OR_RETURN(const json::Value document,
                      CallJson(verifier_, http::Method::kGet, LabelPath(name)));
  return wire::ParseLabelView(document);
}

Status Services::RemoveLabel(std::string_view name) {
  LQ_RETURN_IF_ERROR(Call(verifier_, http::Method::kDelete, LabelPath(name)));
  return {};
}

Result<std::vector<wire::IncidentView>> Services::ListIncidents(
    const std::optional<std::string>& agent_id, bool open_only) {
  std::vector<wire::IncidentView> incidents;
  std::optional<std::int64_t> before = 0;
  while (before) {
    std::string target =
        fmt::format("/api/v1/incidents?before={}&open={}", *before, open_only ? "true" : "false");
    if (agent_id) target += "&agent=" + http::PercentEncode(*agent_id);
    LQ_ASSIGN_OR_RETURN(const json::Value document,
                        CallJson(verifier_, http::Method::kGet, std::move(target)));
    json::ObjectReader in(document, "list of incidents");
    const json::Array* array = in.ArrayMember("incidents");
    const auto next = in.OptionalInt("next_before", 1, std::numeric_limits<std::int64_t>::max());
    LQ_RETURN_IF_ERROR(in.status());
    for (const json::Value& value : *array) {
      LQ_ASSIGN_OR_RETURN(wire::IncidentView view, wire::ParseIncidentView(value));
      incidents.push_back(std::move(view));
    }
    // A page that does not lead on would be asked for without end.
    if (next && *before != 0 && *next >= *before)
      return Malformed("tenant.incidents", "the verifier's pages of incidents do not end");
    before = next;
  }
  return incidents;
}

Result<wire::IncidentView> Services::CloseIncident(std::int64_t number, std::string_view note) {
  LQ_ASSIGN_OR_RETURN(
      const json::Value document,
      CallJson(verifier_, http::Method::kPost, fmt::format("/api/v1/incidents/{}/close", number),
               json::Serialize(json::Object{{"note", note}})));
  return wire::ParseIncidentView(document);
}

}  // namespace limequat::tenant
