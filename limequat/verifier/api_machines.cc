#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/json/value.h"
#include "limequat/telemetry/log.h"
#include "limequat/verifier/api.h"
#include "limequat/verifier/clock.h"
#include "limequat/verifier/views.h"
#include "limequat/wire/label.h"

// /api/v1/agents: what `limequat agent` and `limequat explain` use.

namespace limequat::verifier {

namespace {

using http::Context;
using http::Request;
using http::Response;

constexpr std::size_t kPage = 200;

Error UnknownMachine() {
  return NotFound("verifier.unknown_agent", "no machine of this name is enrolled");
}

json::Object Show(const MachineState& state, const ApiParts& parts) {
  return wire::WriteMachineView(ViewOf(state, parts.fleet.options().pace, Now()));
}

// {"agents": […]}, page by page.
http::Producer ListBody(const ApiParts& parts) {
  return [parts, last = std::string(), begun = false,
          ended = false](Context&) mutable -> Result<std::optional<std::string>> {
    if (ended) return std::optional<std::string>();
    std::string piece = begun ? "" : R"({"agents":[)";
    const auto page = parts.fleet.Page(last, kPage);
    for (const auto& state : page) {
      if (!last.empty()) piece += ',';
      last = state->enrolment->id.text();
      piece += json::Serialize(Show(*state, parts));
    }
    begun = true;
    if (page.size() < kPage) {
      piece += "]}";
      ended = true;
    }
    return std::optional(std::move(piece));
  };
}

Result<Response> ShowOne(const ApiParts& parts, const Request& request) {
  const auto state = parts.fleet.Find(request.PathParameter("id"));
  if (!state) return UnknownMachine();
  return http::Reply(200, json::Serialize(Show(*state, parts)));
}

Result<Response> Findings(const ApiParts& parts, const Request& request) {
  const auto state = parts.fleet.Find(request.PathParameter("id"));
  if (!state) return UnknownMachine();
  wire::FindingsView view;
  view.machine = ViewOf(*state, parts.fleet.options().pace, Now());
  if (state->newest) view.current = appraise::ToJson(*state->newest);
  LQ_ASSIGN_OR_RETURN(auto failures, parts.store.LoadFailures(state->enrolment->id.text()));
  for (const Failure& failure : failures) {
    // Written by us: what cannot be read is no fault of the caller's request.
    auto document = json::Parse(failure.document);
    if (!document)
      return Internal("verifier.store.failure",
                      "a stored failure cannot be read: " + std::move(document).error().message);
    view.failures.push_back(*std::move(document));
  }
  return http::Reply(200, json::Serialize(wire::WriteFindingsView(view)));
}

// What an enrolment is to be bound to.
struct Choices {
  std::vector<Fleet::PolicyChoice> policies;
  std::shared_ptr<const policy::RuntimePolicy> sent;  // held until the fleet holds it
  std::optional<Fleet::PolicyChoice> boot;
};

// What is for this machine alone is its last layer, and has its name unless it is given one.
Status ChooseSentPolicy(const ApiParts& parts, const wire::AgentId& id, wire::EnrolRequest& message,
                        Choices& choices) {
  std::string name = id.text();
  if (!message.runtime_policy_name.empty()) {
    LQ_ASSIGN_OR_RETURN(const auto given, wire::AgentId::Parse(message.runtime_policy_name));
    name = given.text();
  }
  LQ_ASSIGN_OR_RETURN(choices.sent, parts.policies.Admit(*message.runtime_policy,
                                                         message.runtime_policy_key, Now()));
  LQ_RETURN_IF_ERROR(CheckSaysSomething(*choices.sent));
  choices.policies.push_back({.name = std::move(name), .body = std::move(message.runtime_policy)});
  return {};
}

Status ChoosePolicies(const ApiParts& parts, const wire::AgentId& id, const wire::OwnEnrolment& own,
                      wire::EnrolRequest& message, Choices& choices) {
  for (const std::string& name : own.policy_names) choices.policies.push_back({.name = name});
  if (message.runtime_policy) return ChooseSentPolicy(parts, id, message, choices);
  if (message.runtime_policy_key) {
    return Malformed("verifier.enrol.policy_key",
                     "a key is for a policy that is sent along, not for one that was pushed");
  }
  if (!message.runtime_policy_name.empty()) {
    return Malformed("verifier.enrol.policy_name",
                     "a name is for a policy that is sent along: policy_names has the pushed ones");
  }
  return {};
}

// No evidence says which model a machine is: its operator does, for reference values that
// are for models.
Status CheckModel(const wire::OwnEnrolment& own, const Choices& choices) {
  if (own.model.empty()) return {};
  if (own.model.size() > policy::kMaxBootValuesName)
    return Malformed("verifier.enrol.model", "the model's name is too long");
  if (!choices.boot)
    return Malformed("verifier.enrol.model", "a model is for reference values, and there are none");
  return {};
}

// A boot policy that compares needs something to compare with: a reference state that says
// nothing would leave the boot unpoliced.
Result<std::optional<policy::BootPolicy>> ChooseBoot(const ApiParts& parts,
                                                     const wire::OwnEnrolment& own,
                                                     wire::EnrolRequest& message,
                                                     Choices& choices) {
  std::optional<policy::BootPolicy> policy;
  if (!own.boot_policy.empty()) {
    policy = policy::BootPolicyFromName(own.boot_policy);
    if (!policy) return Malformed("verifier.enrol.boot_policy", "there is no such boot policy");
  }
  if (!message.mb_policy_name.empty()) {
    return Malformed("verifier.enrol.boot_policy", "boot_reference_name names what was pushed");
  }
  if (!own.boot_reference_name.empty()) {
    choices.boot = Fleet::PolicyChoice{.name = own.boot_reference_name, .body = {}};
  } else if (message.mb_policy) {
    LQ_RETURN_IF_ERROR(CheckSaysSomething(parts.boots, *message.mb_policy));
    choices.boot = Fleet::PolicyChoice{.name = {}, .body = std::move(message.mb_policy)};
  } else if (policy == policy::BootPolicy::kExample) {
    return Malformed("verifier.enrol.boot_policy", "the policy example needs a reference state");
  }
  LQ_RETURN_IF_ERROR(CheckModel(own, choices));
  return policy;
}

Result<Response> Enrol(const ApiParts& parts, const Request& request) {
  LQ_ASSIGN_OR_RETURN(wire::AgentId id, wire::AgentId::Parse(request.PathParameter("id")));
  LQ_ASSIGN_OR_RETURN(wire::OwnEnrolment own, wire::ParseOwnEnrolment(request.body));
  if (own.identity != "verified" && !own.waive_identity) {
    return PermissionDenied(
        "verifier.identity_unverified",
        fmt::format(
            "the identity of {} is not verified ({}); enrol it only with a waiver for this machine",
            id.text(), own.identity_detail));
  }
  LQ_ASSIGN_OR_RETURN(wire::EnrolRequest message, wire::ParseEnrolRequest(own.enrolment));
  Choices choices;
  LQ_ASSIGN_OR_RETURN(const auto boot_policy, ChooseBoot(parts, own, message, choices));
  const EnrolmentExtras extras{
      .identity = own.identity == "verified" ? "verified" : "waived",
      .ek_fingerprint = own.ek_fingerprint,
      .approve_first_boot = own.approve_current_boot,
      .waivers = {.sha1 = own.waive_sha1, .boot_aggregate_bank = own.waive_boot_aggregate_bank},
      .boot_policy = boot_policy,
      .model = own.model};
  LQ_ASSIGN_OR_RETURN(Enrolment enrolment, MakeEnrolment(id, message, extras));
  enrolment.bound.labels = own.labels;
  LQ_RETURN_IF_ERROR(ChoosePolicies(parts, id, own, message, choices));
  if (choices.boot && choices.boot->name.empty()) choices.boot->name = id.text();
  LQ_RETURN_IF_ERROR(parts.fleet.Enrol(std::move(enrolment), choices.policies, choices.boot));
  return http::Reply(201, json::Serialize(json::Object{{"agent_id", id.text()}}));
}

// The machine as it is bound from now on.
Result<Response> Update(const ApiParts& parts, const Request& request, Context& context) {
  LQ_ASSIGN_OR_RETURN(const wire::AgentId id, wire::AgentId::Parse(request.PathParameter("id")));
  LQ_ASSIGN_OR_RETURN(const wire::MachineChange change, wire::ParseMachineChange(request.body));
  LQ_RETURN_IF_ERROR(parts.fleet.Update(id, change));
  telemetry::LogInfo("verifier.machine_updated",
                     {{"agent", id.text()}, {"by", context.principal().common_name}});
  return ShowOne(parts, request);
}

Result<Response> Remove(const ApiParts& parts, const Request& request) {
  LQ_ASSIGN_OR_RETURN(wire::AgentId id, wire::AgentId::Parse(request.PathParameter("id")));
  LQ_RETURN_IF_ERROR(parts.fleet.Remove(id));
  return http::Reply(200, "{}");
}

// What is not well must say so: the database's state and how many machines are asked.
Result<Response> Health(const ApiParts& parts) {
  const Status database = parts.store.database().Health();
  const json::Object document{{"status", database ? "ok" : "degraded"},
                              {"machines", static_cast<std::int64_t>(parts.fleet.size())}};
  return http::Reply(database ? 200 : 503, json::Serialize(document));
}

}  // namespace

void AddMachineRoutes(http::Router& router, const ApiParts& parts) {
  using http::Access;
  using http::Method;
  const http::RouteOptions ordinary = Administration();
  const http::RouteOptions upload = Upload(kMaxPolicyBody);

  router.Add(Method::kGet, "/api/v1/health",
             Access::Public("says whether the verifier works and how many machines it has"),
             {.lane = http::Lane::kHealth},
             [parts](const Request&, Context&) { return Health(parts); });
  router.Add(Method::kGet, "/api/v1/agents", Operators(), ordinary,
             [parts](const Request&, Context&) -> Result<Response> {
               Response response;
               response.body = ListBody(parts);
               return response;
             });
  router.Add(Method::kGet, "/api/v1/agents/{id}", Operators(), ordinary,
             [parts](const Request& request, Context&) { return ShowOne(parts, request); });
  router.Add(Method::kPost, "/api/v1/agents/{id}", Operators(), upload,
             [parts](const Request& request, Context&) { return Enrol(parts, request); });
  router.Add(Method::kPatch, "/api/v1/agents/{id}", Operators(), ordinary,
             [parts](const Request& request, Context& context) {
               return Update(parts, request, context);
             });
  router.Add(Method::kDelete, "/api/v1/agents/{id}", Operators(), ordinary,
             [parts](const Request& request, Context&) { return Remove(parts, request); });
  router.Add(Method::kGet, "/api/v1/agents/{id}/findings", Operators(), ordinary,
             [parts](const Request& request, Context&) { return Findings(parts, request); });
}

}  // namespace limequat::verifier
