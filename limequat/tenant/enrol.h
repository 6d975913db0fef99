#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/policy/boot_policy.h"
#include "limequat/tenant/client.h"
#include "limequat/wire/agent_id.h"
#include "limequat/wire/enrolment.h"

namespace limequat::tenant {

// What an operator says when adding a machine.
struct AddOptions {
  // Policies that were pushed, by name, as its layers in their order, and the text of one for
  // this machine alone as its last layer; with neither the machine is unpoliced. `policy_name`
  // is what policy_text is to be called; empty: as the machine.
  std::vector<std::string> policy_names{};
  std::optional<std::string> policy_text{};
  std::string policy_name{};
  // Labels that it carries, in their order: their layers come before its own.
  std::vector<std::string> labels{};
  // Public key (PEM) with which policy_text, an envelope then, must verify.
  std::optional<std::string> policy_key{};
  // A reference state or reference values for measured boot that were pushed, by name; or the
  // text of one for this machine alone; or neither. `boot_policy` goes by it; nullopt: the
  // verifier's usual one. `model`: what the machine is, for values that are for models.
  std::string boot_reference_name{};
  std::optional<std::string> boot_reference{};
  std::optional<policy::BootPolicy> boot_policy{};
  std::string model{};
  bool approve_current_boot = false;
  bool waive_identity = false;  // enrol although the EK certificate could not be verified
  bool waive_sha1 = false;
  bool waive_boot_aggregate_bank = false;
  // Values that single PCRs must have (Keylime's tpm_policy). Not for PCR 10, which the IMA
  // list explains, nor for PCR 16, which holds the transport key.
  wire::TpmPolicy tpm_policy{};
  // Instead of what the machine registered, for machines behind a forwarded port.
  std::optional<std::string> contact_host{};
  std::optional<std::uint16_t> contact_port{};
};

// What was enrolled, for people.
struct Added {
  std::string identity;         // "verified", "waived"
  std::string identity_detail;  // why it is not verified
  std::string address;
};

// Enrols a machine that is registered and activated: takes its keys and its
// certificate from the registrar and gives them to the verifier. What the machine
// says of itself is never asked. kNotFound if it is not registered,
// kPermissionDenied ("tenant.identity_unverified") if its EK was not verified and no
// waiver was given for it, kUnsupported if it serves without TLS, kConflict if it is
// enrolled already, kMalformed ("tenant.tpm_policy") for a PCR policy that no machine can meet.
Result<Added> AddMachine(Services& services, const wire::AgentId& id, const AddOptions& options);

}  // namespace limequat::tenant
