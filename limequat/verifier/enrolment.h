#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/appraise/attestation.h"
#include "limequat/base/result.h"
#include "limequat/crypto/certificate.h"
#include "limequat/policy/boot_policy.h"
#include "limequat/wire/agent_id.h"
#include "limequat/wire/enrolment.h"

namespace limequat::verifier {

// What a machine is bound by. Its layers are those of its labels, in their order, then its own,
// each policy once, where it comes first (Layering).
struct Binding {
  std::vector<std::string> labels;
  std::vector<std::string> policies;  // its own
  friend auto operator<=>(const Binding&, const Binding&) = default;
};

// One layer of a machine's policy: a policy's name, whose present version it follows.
struct BoundLayer {
  std::string policy;
  std::int64_t version = 0;  // of the name, as the store counts them
  std::string label = {};    // through which it came, "" if it is the machine's own

  bool operator==(const BoundLayer&) const = default;
};

// What an operator or a Keylime tenant said about one machine, checked and typed.
// A change makes a new generation: whatever was found before is then about another
// enrolment and is dropped (attacks A14, A20).
struct Enrolment {
  wire::AgentId id;
  std::int64_t generation = 0;

  std::string host;
  std::uint16_t port = 0;
  // The certificate the machine registered: its server is this one, or nobody.
  std::optional<crypto::Certificate> transport_certificate;
  std::string api_version = "2.6";

  // What the attestations are held against; `reference.policy` is what `layers`, those of
  // `bound`, make together, in their order, shared by all machines that have the same; null
  // without any.
  appraise::Reference reference;
  Binding bound = {};
  std::vector<BoundLayer> layers;
  // Name of the reference state or the reference values for measured boot, "" if none, and
  // the policy that goes by it; nullopt: the one that this verifier usually uses. `model` is
  // what the operator says the machine is ("": nothing), for values that are for models: no
  // evidence says it. `reference.boot` is made of these.
  std::string boot_policy_name;
  std::optional<policy::BootPolicy> boot_policy;
  std::string model = {};

  std::string identity;        // "verified", "waived", "asserted by NAME"
  std::string ek_fingerprint;  // hex; incidents follow it (attack A19). "" if unknown
  bool approve_first_boot = false;

  // Kept as received, for Keylime's status answer.
  std::string verification_keys = {};  // `reference.verification_keys` is made of it
  wire::TpmPolicy tpm_policy;
  std::string metadata;
  std::vector<std::string> accept_hash_algs;
  std::vector<std::string> accept_enc_algs;
  std::vector<std::string> accept_sign_algs;

  // Hash of the policy, all zero without one: what attestations are compared with.
  crypto::Digest PolicyHash() const;
};

// Extra facts that our own API sends with an enrolment; defaults are Keylime's.
struct EnrolmentExtras {
  std::string identity;
  std::string ek_fingerprint;
  bool approve_first_boot = false;
  appraise::Waivers waivers;
  std::optional<policy::BootPolicy> boot_policy = std::nullopt;
  std::string model = {};
};

// Whether a measured-boot policy that came along says something: not null, and no empty
// document. Keylime's tenant sends "{}" or null without one.
bool SaysSomething(const std::optional<std::string>& boot_policy);

// Turns a message into an enrolment without policies (the caller binds them).
// kMalformed for an address, key or certificate that is none, kUnsupported
// ("verifier.enrol.*") for what this version cannot hold a machine against:
// keyrings, an AK that may not sign quotes. Fail closed: what
// cannot be evaluated is refused, not ignored.
Result<Enrolment> MakeEnrolment(const wire::AgentId& id, const wire::EnrolRequest& request,
                                const EnrolmentExtras& extras);

// JSON document for the database and back. Reading is as strict as for a message.
std::string StoreForm(const Enrolment& enrolment);
Result<Enrolment> FromStoreForm(const wire::AgentId& id, std::int64_t generation,
                                std::string_view document);

}  // namespace limequat::verifier
