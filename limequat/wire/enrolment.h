#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/crypto/digest.h"
#include "limequat/json/value.h"
#include "limequat/wire/agent_id.h"

namespace limequat::wire {

// tpm_policy: {"mask": "0x…", "22": ["hex", …], …} inside a JSON string.
struct TpmPolicy {
  std::uint32_t mask = 0;
  std::vector<std::pair<std::uint32_t, std::vector<std::string>>> pcrs;  // lower-case hex values
};

// POST /v2.x/agents/{id} at the verifier, as Keylime's tenant sends it
// (keylime-server-protocol, 2.2.3).
struct EnrolRequest {
  std::optional<std::string> ip;
  std::optional<std::uint16_t> port;
  std::optional<Bytes> v;  // key half for a payload: this version delivers none
  TpmPolicy tpm_policy;
  std::string metadata;                       // JSON text, kept as it is
  std::optional<std::string> runtime_policy;  // JSON text or DSSE envelope, decoded; nullopt: none
  std::string runtime_policy_name;
  std::optional<std::string> runtime_policy_key;
  std::optional<std::string> mb_policy;  // JSON text
  std::string mb_policy_name;
  std::string ima_sign_verification_keys;
  std::string revocation_key;
  std::vector<std::string> accept_hash_algs;
  std::vector<std::string> accept_enc_algs;
  std::vector<std::string> accept_sign_algs;
  Bytes ak_tpm;                                      // TPM2B_PUBLIC
  std::optional<std::string> transport_certificate;  // PEM, "disabled", or none
  std::string supported_version;
};
// Hostile input (a client with an operator's certificate). kMalformed
// ("wire.enrol.*"); the message of a missing member is Keylime's: `'NAME'`.
Result<EnrolRequest> ParseEnrolRequest(std::string_view body);
// What our own client sends to Keylime's or our verifier.
std::string WriteEnrolRequest(const EnrolRequest& request);

Result<TpmPolicy> ParseTpmPolicy(std::string_view json);
std::string WriteTpmPolicy(const TpmPolicy& policy);

// GET /v2.x/agents/{id} at the verifier.
enum class OperationalState : std::uint8_t {
  kRegistered = 0,
  kStart = 1,
  kSaved = 2,
  kGetQuote = 3,
  kGetQuoteRetry = 4,
  kProvideV = 5,
  kProvideVRetry = 6,
  kFailed = 7,
  kTerminated = 8,
  kInvalidQuote = 9,
  kTenantFailed = 10,
};
struct AgentStatus {
  OperationalState operational_state = OperationalState::kStart;
  std::string attestation_status;  // "PASS", "FAIL", "PENDING"
  std::optional<std::string> ip;
  std::optional<std::uint16_t> port;
  std::string tpm_policy;  // JSON text
  std::string meta_data;   // JSON text
  bool has_mb_refstate = false;
  bool has_runtime_policy = false;
  std::vector<std::string> accept_hash_algs;
  std::vector<std::string> accept_enc_algs;
  std::vector<std::string> accept_sign_algs;
  std::string hash_alg;
  std::string enc_alg;
  std::string sign_alg;
  std::string verifier_id;
  std::string verifier_ip;
  std::uint16_t verifier_port = 0;
  std::optional<std::int64_t> severity_level;
  std::optional<std::string> last_event_id;
  std::int64_t attestation_count = 0;
  std::int64_t last_received_quote = 0;          // UNIX seconds
  std::int64_t last_successful_attestation = 0;  // UNIX seconds
  std::int64_t attestation_period_seconds = 2;
};
// In Keylime's order; "v" is always null.
json::Object WriteAgentStatus(const AgentStatus& status);

}  // namespace limequat::wire
