#include "limequat/wire/own_api.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "limequat/base/encoding.h"
#include "limequat/base/result_macros.h"
#include "limequat/base/time.h"
#include "limequat/json/reader.h"
#include "limequat/wire/agent_id.h"
#include "limequat/wire/document.h"
#include "limequat/wire/label.h"

namespace limequat::wire {

namespace {

// An enrolment holds a policy in base64 and is itself text inside this document.
constexpr std::size_t kMaxEnrolment = 256U << 20U;
constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

std::int64_t Count(json::ObjectReader& in, std::string_view name) { return in.Int(name, 0, kMost); }

std::string AgentIdMember(json::ObjectReader& in, std::string_view name) {
  std::string text = in.String(name);
  if (in.status() && !AgentId::Parse(text)) in.Fail(name, "not an agent identifier");
  return text;
}

void CheckTime(json::ObjectReader& in, std::string_view name,
               const std::optional<std::string>& text) {
  if (text && in.status() && !ParseRfc3339(*text)) in.Fail(name, "not a time of RFC 3339");
}

// `policy_names`, or `policy_name` as callers have it that know of one layer only.
std::vector<std::string> PolicyNames(json::ObjectReader& in) {
  std::vector<std::string> names =
      in.OptionalStrings("policy_names").value_or(std::vector<std::string>());
  const std::string one = in.OptionalString("policy_name").value_or("");
  if (one.empty()) return names;
  if (!names.empty()) in.Fail("policy_name", "given beside policy_names");
  return {one};
}

// Absent: none, as callers have it that know of none.
std::vector<std::string> Labels(json::ObjectReader& in) {
  auto labels = in.OptionalStrings("labels").value_or(std::vector<std::string>());
  if (const Status fit = CheckLabels(labels); !fit) in.Fail("labels", fit.error().message);
  return labels;
}

json::Object WriteLayer(const LayerView& layer) {
  return {{"name", layer.name},
          {"version", layer.version},
          {"sha256", layer.sha256},
          {"effective_from", OrNull(layer.effective_from)},
          {"retire_after", OrNull(layer.retire_after)},
          {"state", layer.state},
          {"label", OrNull(layer.label)}};
}

Result<std::vector<LayerView>> ReadLayers(const json::Value* value) {
  std::vector<LayerView> layers;
  // Verifiers of before had none.
  if (value == nullptr) return layers;
  const json::Array* array = value->as_array();
  if (array == nullptr) return Malformed("wire.machine.layers", "layers: not a list");
  for (const json::Value& one : *array) {
    json::ObjectReader in(one, "layer");
    LayerView layer;
    layer.name = in.String("name");
    layer.version = Count(in, "version");
    layer.sha256 = in.String("sha256");
    layer.effective_from = in.OptionalString("effective_from");
    CheckTime(in, "effective_from", layer.effective_from);
    layer.retire_after = in.OptionalString("retire_after");
    CheckTime(in, "retire_after", layer.retire_after);
    layer.state = in.String("state");
    layer.label = in.OptionalString("label");
    LQ_RETURN_IF_ERROR(MemberStatus(in, "wire.machine"));
    layers.push_back(std::move(layer));
  }
  return layers;
}

}  // namespace

std::string WriteOwnEnrolment(const OwnEnrolment& enrolment) {
  return json::Serialize(
      json::Object{{"enrolment", enrolment.enrolment},
                   {"identity", enrolment.identity},
                   {"identity_detail", enrolment.identity_detail},
                   {"ek_fingerprint", enrolment.ek_fingerprint},
                   {"waive_identity", enrolment.waive_identity},
                   {"approve_current_boot", enrolment.approve_current_boot},
                   {"waive_sha1", enrolment.waive_sha1},
                   {"waive_boot_aggregate_bank", enrolment.waive_boot_aggregate_bank},
                   {"policy_names", ToArray(enrolment.policy_names)},
                   {"labels", ToArray(enrolment.labels)},
                   {"boot_reference_name", enrolment.boot_reference_name},
                   {"boot_policy", enrolment.boot_policy},
                   {"model", enrolment.model}});
}

Result<OwnEnrolment> ParseOwnEnrolment(std::string_view body) {
  constexpr std::string_view kPrefix = "wire.own_enrolment";
  LQ_ASSIGN_OR_RETURN(const json::Value document, ParseDocument(body, kMaxEnrolment, kPrefix));
  json::ObjectReader in(document, "enrolment");
  OwnEnrolment enrolment;
  enrolment.enrolment = in.String("enrolment");
  enrolment.identity = in.String("identity");
  if (enrolment.identity != "verified" && enrolment.identity != "unverified") {
    in.Fail("identity", "neither \"verified\" nor \"unverified\"");
  }
  enrolment.identity_detail = in.String("identity_detail");
  enrolment.ek_fingerprint = in.String("ek_fingerprint");
  const Result<Bytes> fingerprint = HexDecode(enrolment.ek_fingerprint);
  if (fingerprint && fingerprint->size() == 32) {
    // Incidents are found by it: one key has one spelling.
    enrolment.ek_fingerprint = HexEncode(*fingerprint);
  } else {
    in.Fail("ek_fingerprint", "not a SHA-256 digest in hexadecimal");
  }
  enrolment.waive_identity = in.OptionalBool("waive_identity").value_or(false);
  enrolment.approve_current_boot = in.OptionalBool("approve_current_boot").value_or(false);
  enrolment.waive_sha1 = in.OptionalBool("waive_sha1").value_or(false);
  enrolment.waive_boot_aggregate_bank =
      in.OptionalBool("waive_boot_aggregate_bank").value_or(false);
  enrolment.policy_names = PolicyNames(in);
  enrolment.labels = Labels(in);
  enrolment.boot_reference_name = in.OptionalString("boot_reference_name").value_or("");
  enrolment.boot_policy = in.OptionalString("boot_policy").value_or("");
  enrolment.model = in.OptionalString("model").value_or("");
  // A misspelt member must not silently be a default.
  in.NoOthers();
  LQ_RETURN_IF_ERROR(MemberStatus(in, kPrefix));
  return enrolment;
}

json::Object WriteMachineView(const MachineView& view) {
  json::Array layers;
  for (const LayerView& layer : view.layers) layers.push_back(WriteLayer(layer));
  return {{"agent_id", view.agent_id},
          {"integrity", view.integrity},
          {"trusted", view.trusted},
          {"open_incidents", view.open_incidents},
          {"identity", view.identity},
          {"baseline", view.baseline},
          {"policy", view.policy},
          {"labels", ToArray(view.labels)},
          {"layers", std::move(layers)},
          {"boot_policy", view.boot_policy},
          {"boot_reference", OrNull(view.boot_reference)},
          {"address", view.address},
          {"evidence_time", OrNull(view.evidence_time)},
          {"evidence_age_seconds", OrNull(view.evidence_age_seconds)},
          {"attestations", view.attestations},
          {"boots", view.boots},
          {"ima_entries", view.ima_entries},
          {"last_problem", view.last_problem}};
}

namespace {

std::optional<double> OptionalSeconds(json::ObjectReader& in, std::string_view name) {
  const json::Value* value = in.Any(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  const std::optional<double> seconds = value->as_double();
  if (!seconds || *seconds < 0) in.Fail(name, "not a number of seconds");
  return seconds;
}

MachineView ReadMachineView(json::ObjectReader& in) {
  MachineView view;
  view.agent_id = AgentIdMember(in, "agent_id");
  view.integrity = in.String("integrity");
  view.trusted = in.Bool("trusted");
  view.open_incidents = Count(in, "open_incidents");
  view.identity = in.String("identity");
  view.baseline = in.String("baseline");
  view.policy = in.String("policy");
  view.labels = Labels(in);
  // Verifiers of before had none.
  view.boot_policy = in.OptionalString("boot_policy").value_or("none");
  view.boot_reference = in.OptionalString("boot_reference");
  view.address = in.String("address");
  view.evidence_time = in.OptionalString("evidence_time");
  CheckTime(in, "evidence_time", view.evidence_time);
  view.evidence_age_seconds = OptionalSeconds(in, "evidence_age_seconds");
  view.attestations = Count(in, "attestations");
  view.boots = Count(in, "boots");
  view.ima_entries = Count(in, "ima_entries");
  view.last_problem = in.String("last_problem");
  return view;
}

}  // namespace

Result<MachineView> ParseMachineView(const json::Value& document) {
  json::ObjectReader in(document, "machine");
  MachineView view = ReadMachineView(in);
  LQ_RETURN_IF_ERROR(MemberStatus(in, "wire.machine"));
  LQ_ASSIGN_OR_RETURN(view.layers, ReadLayers(in.Any("layers")));
  return view;
}

json::Object WriteFindingsView(const FindingsView& view) {
  return {{"machine", WriteMachineView(view.machine)},
          {"current", view.current},
          {"failures", view.failures}};
}

Result<FindingsView> ParseFindingsView(const json::Value& document) {
  json::ObjectReader in(document, "findings");
  const json::Value* machine = in.Any("machine");
  if (machine == nullptr) in.Fail("machine", "is absent");
  const json::Array* failures = in.ArrayMember("failures");
  LQ_RETURN_IF_ERROR(MemberStatus(in, "wire.findings"));
  FindingsView view;
  LQ_ASSIGN_OR_RETURN(view.machine, ParseMachineView(*machine));
  if (const json::Value* current = in.Any("current")) view.current = *current;
  view.failures = *failures;
  return view;
}

json::Object WriteIncidentView(const IncidentView& view) {
  return {{"number", view.number},         {"agent_id", view.agent_id},   {"opened", view.opened},
          {"closed", OrNull(view.closed)}, {"closed_by", view.closed_by}, {"note", view.note},
          {"check", view.check},           {"detail", view.detail},       {"cause", view.cause}};
}

Result<IncidentView> ParseIncidentView(const json::Value& document) {
  json::ObjectReader in(document, "incident");
  IncidentView view;
  view.number = Count(in, "number");
  view.agent_id = AgentIdMember(in, "agent_id");
  view.opened = in.String("opened");
  CheckTime(in, "opened", view.opened);
  view.closed = in.OptionalString("closed");
  CheckTime(in, "closed", view.closed);
  view.closed_by = in.String("closed_by");
  view.note = in.String("note");
  view.check = in.String("check");
  view.detail = in.String("detail");
  view.cause = in.String("cause");
  LQ_RETURN_IF_ERROR(MemberStatus(in, "wire.incident"));
  return view;
}

}  // namespace limequat::wire
