#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/json/value.h"

namespace limequat::wire {

// Documents of Limequat's own API, /api/v1. Times are RFC 3339 text.

// POST /api/v1/agents/{id}: what `limequat agent add` sends. `enrolment` is the
// Keylime message; the rest is what Keylime's API cannot say.
struct OwnEnrolment {
  std::string enrolment;  // WriteEnrolRequest
  std::string identity;   // "verified" or "unverified", as our registrar said
  std::string identity_detail;
  std::string ek_fingerprint;         // incidents follow it (attack A19)
  bool waive_identity = false;        // enrol although the identity is not verified
  bool approve_current_boot = false;  // the first verified PCRs 0-9 become the approved baseline
  bool waive_sha1 = false;
  bool waive_boot_aggregate_bank = false;
  // Policies that were pushed before, the machine's layers in their order; or none. One that is
  // in `enrolment` is the last layer. Read also as `policy_name`, the text of one.
  std::vector<std::string> policy_names;
  // Labels that the machine carries, in their order: their layers come first. CheckLabels.
  std::vector<std::string> labels = {};
  // A reference for measured boot that was pushed before; or empty: `enrolment` has one, or
  // there is none. The policy that goes by it; empty: the verifier's usual one. What the
  // machine is, for reference values that are for models; empty: nobody says.
  std::string boot_reference_name = {};
  std::string boot_policy = {};
  std::string model = {};
};
std::string WriteOwnEnrolment(const OwnEnrolment& enrolment);
Result<OwnEnrolment> ParseOwnEnrolment(std::string_view body);

// One layer of a machine's policy.
struct LayerView {
  std::string name;
  std::int64_t version = 0;  // of the name, as GET /api/v1/policies/{name}/versions counts
  std::string sha256;
  std::optional<std::string> effective_from;
  std::optional<std::string> retire_after;
  // "in effect", "not yet", "retired" (for what is first seen now), "says nothing".
  std::string state;
  // The label that it comes from, the first one that has it; nullopt: it is the machine's own.
  std::optional<std::string> label = std::nullopt;
};

// One machine of GET /api/v1/agents and GET /api/v1/agents/{id}.
struct MachineView {
  std::string agent_id;
  // "pass", "fail", "late", "pending", "unpoliced".
  std::string integrity;
  bool trusted = false;  // integrity passes and no incident is open
  std::int64_t open_incidents = 0;
  std::string identity;  // "verified", "unverified", "waived", "asserted by CLIENT"
  std::string baseline;  // "approved", "unapproved", "by boot policy", "none"
  std::string policy;    // names of its layers, and the beginning of the hash of them together
  std::vector<std::string> labels;   // that it carries, in their order
  std::vector<LayerView> layers;     // in their order
  std::string boot_policy = "none";  // the same of measured boot: "example: NAME (HASH)"
  std::optional<std::string> boot_reference = std::nullopt;  // NAME alone
  std::string address;                                       // "ip:port"
  std::optional<std::string> evidence_time;
  std::optional<double> evidence_age_seconds;
  std::int64_t attestations = 0;  // verified so far, in this process
  std::int64_t boots = 0;         // seen since enrolment
  std::int64_t ima_entries = 0;   // verified in this boot
  std::string last_problem;  // check of the newest finding that did not pass, or transport trouble
};
json::Object WriteMachineView(const MachineView& view);
Result<MachineView> ParseMachineView(const json::Value& document);

// GET /api/v1/agents/{id}/findings.
struct FindingsView {
  MachineView machine;
  json::Value current;   // result document of the newest appraisal (appraise::ToJson), or null
  json::Array failures;  // the newest failed appraisals in full, newest first
};
json::Object WriteFindingsView(const FindingsView& view);
Result<FindingsView> ParseFindingsView(const json::Value& document);

// GET /api/v1/incidents, POST /api/v1/incidents/{number}/close.
struct IncidentView {
  std::int64_t number = 0;
  std::string agent_id;
  std::string opened;
  std::optional<std::string> closed;
  std::string closed_by;
  std::string note;
  std::string check;  // of its first finding
  std::string detail;
  std::string cause;
};
json::Object WriteIncidentView(const IncidentView& view);
Result<IncidentView> ParseIncidentView(const json::Value& document);

}  // namespace limequat::wire
