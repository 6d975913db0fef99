#include "limequat/verifier/views.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace limequat::verifier {

namespace {

// Index of "emergency" in Keylime's default labels: what a failure that does not go
// away by itself has.
constexpr std::int64_t kHighestSeverity = 6;

constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kEventIds = {{
    {"ima.path", "ima.validation.ima-ng.not_in_allowlist"},
    {"ima.digest", "ima.validation.ima-ng.runtime_policy_hash"},
    {"ima.template_digest", "ima.validation.ima_hash"},
    {"ima.pcr", "ima.validation.ima_pcr"},
    {"ima.violation", "ima.validation.tomtou"},
    {"ima.replay", "ima.pcr_mismatch"},
    {"ima.continuity", "ima.quote_progress"},
    {"ima.offset", "qoute_validation.invalid_ima_entry_nb"},
    {"tpm.quote.selection", "pcr_validation.missing_pcrs"},
    {"tpm.quote.transport_key", "pcr_validation.invalid_pcr_16"},
    {"tpm.quote.algorithms", "qoute_validation.invalid_hash_alg"},
    {"evidence.malformed", "qoute_validation.invalid_data"},
    {"eventlog.readable", "measured_boot.parser.tpm2_eventlog.error"},
    {"eventlog.present", "pcr_validation.unused_pcr_0"},
}};

const Finding* FirstFailed(const MachineState& state) {
  if (!state.newest) return nullptr;
  for (const Finding& finding : state.newest->findings) {
    if (!finding.passed()) return &finding;
  }
  return nullptr;
}

std::string BaselineOf(const MachineState& state) {
  const auto& boot = state.enrolment->reference.boot;
  if (boot != nullptr && boot->compares()) return "by boot policy";
  if (!state.memory.baseline) return "none";
  return state.memory.baseline->approved ? "approved" : "unapproved";
}

std::string PolicyOf(const Enrolment& enrolment) {
  if (!enrolment.reference.policy) return "none";
  std::string names;
  for (const BoundLayer& layer : enrolment.layers)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", layer.policy);
  return fmt::format("{} ({})", names, enrolment.PolicyHash().hex().substr(0, 12));
}

std::optional<std::string> TextOf(const std::optional<Time>& time) {
  if (!time) return std::nullopt;
  return FormatRfc3339(*time);
}

std::optional<std::string> LabelOf(const BoundLayer& layer) {
  if (layer.label.empty()) return std::nullopt;
  return layer.label;
}

std::vector<wire::LayerView> LayersOf(const Enrolment& enrolment, Time now) {
  std::vector<wire::LayerView> views;
  if (!enrolment.reference.policy) return views;
  const policy::PolicyAt policy(*enrolment.reference.policy, now);
  const auto& layers = policy.set().layers();
  for (std::size_t i = 0; i < layers.size() && i < enrolment.layers.size(); ++i) {
    const policy::PolicyWindow& window = layers[i].policy->window();
    views.push_back({.name = enrolment.layers[i].policy,
                     .version = enrolment.layers[i].version,
                     .sha256 = layers[i].policy->hash().hex(),
                     .effective_from = TextOf(window.effective_from),
                     .retire_after = TextOf(window.retire_after),
                     .state = std::string(policy::StateOf(layers[i], policy)),
                     .label = LabelOf(enrolment.layers[i])});
  }
  return views;
}

std::string BootPolicyOf(const Enrolment& enrolment) {
  const auto& boot = enrolment.reference.boot;
  if (boot == nullptr) return "none";
  const std::string_view policy = policy::BootPolicyName(boot->policy());
  if (enrolment.boot_policy_name.empty()) return std::string(policy);
  std::string text = fmt::format("{}: {} ({}", policy, enrolment.boot_policy_name,
                                 boot->hash().hex().substr(0, 12));
  if (boot->values() != nullptr) text += fmt::format(", release {}", boot->values()->release);
  if (!enrolment.model.empty()) text += ", model " + enrolment.model;
  return text + ")";
}

}  // namespace

std::string KeylimeEventId(const Finding& finding) {
  for (const auto& [check, event] : kEventIds) {
    if (finding.check == check) return std::string(event);
  }
  const std::uint32_t pcr = finding.subject.pcr.value_or(0);
  if (finding.check == "boot.baseline") return fmt::format("measured_boot.invalid_pcr_{}", pcr);
  if (finding.check == "eventlog.replay") return fmt::format("measured_boot.invalid_pcr_{}", pcr);
  if (finding.check == "pcr.policy") return fmt::format("pcr_validation.invalid_pcr_{}", pcr);
  if (finding.check.starts_with("tpm.")) return "qoute_validation.quote_validation";
  const bool of_boot = finding.check.starts_with("boot.") || finding.check.starts_with("eventlog.");
  if (of_boot && finding.check != "boot.unstable") return "measured_boot.policy_example";
  return "internal.limequat." + finding.check;
}

wire::MachineView ViewOf(const MachineState& state, const Pace& pace, Time now) {
  const Enrolment& enrolment = *state.enrolment;
  wire::MachineView view;
  view.agent_id = enrolment.id.text();
  view.integrity = IntegrityName(IntegrityAt(state, pace, now));
  view.trusted = TrustAt(state, pace, now) == Trust::kTrusted;
  view.open_incidents = state.memory.open_incidents;
  view.identity = enrolment.identity;
  view.baseline = BaselineOf(state);
  view.policy = PolicyOf(enrolment);
  view.labels = enrolment.bound.labels;
  view.layers = LayersOf(enrolment, now);
  view.boot_policy = BootPolicyOf(enrolment);
  if (!enrolment.boot_policy_name.empty()) view.boot_reference = enrolment.boot_policy_name;
  view.address = fmt::format("{}:{}", enrolment.host, enrolment.port);
  if (state.verified_evidence) {
    view.evidence_time = FormatRfc3339(*state.verified_evidence);
    // A clock that was put back makes no negative age.
    const Duration age = std::max(Duration(0), now - *state.verified_evidence);
    view.evidence_age_seconds = std::chrono::duration<double>(age).count();
  }
  view.attestations = state.attestations;
  view.boots = state.memory.boots;
  // Entries known from before a restart of the verifier are not verified ones.
  view.ima_entries = state.verified_evidence && state.progress
                         ? static_cast<std::int64_t>(state.progress->entries())
                         : 0;
  if (!state.transport_trouble.empty()) {
    view.last_problem = state.transport_trouble;
  } else if (const Finding* failed = FirstFailed(state)) {
    view.last_problem = failed->check;
  }
  return view;
}

wire::IncidentView ViewOf(const Incident& incident) {
  wire::IncidentView view{.number = incident.number,
                          .agent_id = incident.agent_id,
                          .opened = FormatRfc3339(incident.opened),
                          .closed = {},
                          .closed_by = incident.closed_by,
                          .note = incident.note,
                          .check = incident.check,
                          .detail = incident.detail,
                          .cause = incident.cause};
  if (incident.closed) view.closed = FormatRfc3339(*incident.closed);
  return view;
}

wire::AgentStatus KeylimeStatusOf(const MachineState& state, const Pace& pace, Time now) {
  const Enrolment& enrolment = *state.enrolment;
  wire::AgentStatus status;
  const Integrity integrity = IntegrityAt(state, pace, now);
  status.operational_state = wire::OperationalState::kStart;
  status.attestation_status = "PENDING";
  if (integrity == Integrity::kFail || state.memory.open_incidents > 0) {
    status.operational_state = wire::OperationalState::kInvalidQuote;
    status.attestation_status = "FAIL";
  } else if (integrity == Integrity::kPass) {
    status.operational_state = wire::OperationalState::kGetQuote;
    status.attestation_status = "PASS";
  } else if (integrity == Integrity::kUnpoliced) {
    status.operational_state = wire::OperationalState::kGetQuote;
  } else if (integrity == Integrity::kLate) {
    status.operational_state = wire::OperationalState::kGetQuoteRetry;
    status.attestation_status = "TIMEOUT";
  }
  status.ip = enrolment.host;
  status.port = enrolment.port;
  status.tpm_policy = wire::WriteTpmPolicy(enrolment.tpm_policy);
  status.meta_data = enrolment.metadata;
  status.has_runtime_policy =
      enrolment.reference.policy && !enrolment.reference.policy->says_nothing();
  status.has_mb_refstate = !enrolment.boot_policy_name.empty();
  status.accept_hash_algs = enrolment.accept_hash_algs;
  status.accept_enc_algs = enrolment.accept_enc_algs;
  status.accept_sign_algs = enrolment.accept_sign_algs;
  if (state.memory.bank) {
    // Known once a quote has verified; what was announced had to equal what was signed.
    const tpm::PublicArea& ak = enrolment.reference.ak;
    const bool rsa = ak.type() == tpm::AlgorithmId::kRsa;
    status.hash_alg = crypto::HashName(*state.memory.bank);
    status.enc_alg = rsa ? "rsa" : "ecc";
    status.sign_alg = ak.scheme() == tpm::AlgorithmId::kNull ? (rsa ? "rsassa" : "ecdsa")
                                                             : tpm::AlgorithmName(ak.scheme());
  }
  if (integrity == Integrity::kFail) status.severity_level = kHighestSeverity;
  if (const Finding* failed = FirstFailed(state)) status.last_event_id = KeylimeEventId(*failed);
  status.attestation_count = state.attestations_at_failure.value_or(state.attestations);
  if (state.last_answer) status.last_received_quote = ToUnixSeconds(*state.last_answer);
  if (state.last_good) status.last_successful_attestation = ToUnixSeconds(*state.last_good);
  status.attestation_period_seconds =
      std::chrono::duration_cast<std::chrono::seconds>(pace.interval).count();
  return status;
}

}  // namespace limequat::verifier
