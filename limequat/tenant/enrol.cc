#include "limequat/tenant/enrol.h"

#include <cstdint>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "limequat/appraise/attestation.h"
#include "limequat/base/result_macros.h"
#include "limequat/tpm/pcr.h"

namespace limequat::tenant {

namespace {

Status CheckTpmPolicy(const wire::TpmPolicy& policy) {
  const auto refused = [](std::uint32_t pcr, std::string_view why) {
    return Malformed("tenant.tpm_policy", fmt::format("the TPM policy names PCR {}, {}", pcr, why));
  };
  for (const auto& [pcr, values] : policy.pcrs) {
    if (pcr == tpm::kImaPcr) return refused(pcr, "whose value the IMA list must explain");
    if (pcr == appraise::kTransportKeyPcr)
      return refused(pcr, "which holds the hash of the transport key");
    if (values.empty()) return refused(pcr, "and no value that would be good");
  }
  return {};
}

wire::EnrolRequest RequestFor(const wire::RegistrarAgent& agent, const AddOptions& options) {
  wire::EnrolRequest request;
  request.ip = options.contact_host ? options.contact_host : agent.ip;
  request.port = options.contact_port ? options.contact_port : agent.port;
  request.tpm_policy = options.tpm_policy;
  request.tpm_policy.mask |= tpm::PcrSet::Of(tpm::kImaPcr).bits();
  request.metadata = "{}";
  request.runtime_policy = options.policy_text;
  request.runtime_policy_name = options.policy_name;
  request.runtime_policy_key = options.policy_key;
  request.mb_policy = options.boot_reference;
  request.accept_hash_algs = {"sha512", "sha384", "sha256"};
  if (options.waive_sha1) request.accept_hash_algs.emplace_back("sha1");
  request.accept_enc_algs = {"rsa", "ecc"};
  request.accept_sign_algs = {"rsassa", "rsapss", "ecdsa"};
  request.ak_tpm = agent.aik_tpm;
  request.transport_certificate = agent.transport_certificate;
  request.supported_version = "2.6";
  return request;
}

}  // namespace

Result<Added> AddMachine(Services& services, const wire::AgentId& id, const AddOptions& options) {
  LQ_RETURN_IF_ERROR(CheckTpmPolicy(options.tpm_policy));
  auto registered = services.FindRegistered(id.text());
  if (!registered) {
    if (registered.error().code != ErrorCode::kNotFound) return std::move(registered).error();
    return NotFound(
        "tenant.not_registered",
        fmt::format("{} is not registered: start limequat-agent on that machine first", id.text()));
  }
  const bool verified = registered->identity == wire::Identity::kVerified;
  if (!verified && !options.waive_identity) {
    return PermissionDenied("tenant.identity_unverified",
                            fmt::format("the identity of {} is not verified: {}. Add the "
                                        "manufacturer's certificate to the registrar's "
                                        "ek_trust folder and restart the agent, or enrol this one "
                                        "machine with --waive-identity",
                                        id.text(), registered->why));
  }
  const wire::RegistrarAgent& agent = registered->agent;
  if (!agent.transport_certificate || *agent.transport_certificate == "disabled") {
    return Unsupported(
        "tenant.no_tls",
        fmt::format("{} serves without TLS; evidence is only taken over mutual TLS", id.text()));
  }
  const wire::EnrolRequest request = RequestFor(agent, options);
  if (!request.ip || !request.port) {
    return Malformed("tenant.no_address",
                     fmt::format("{} registered no address; give --contact HOST:PORT", id.text()));
  }
  wire::OwnEnrolment enrolment{.enrolment = wire::WriteEnrolRequest(request),
                               .identity = verified ? "verified" : "unverified",
                               .identity_detail = registered->why,
                               .ek_fingerprint = registered->ek_fingerprint,
                               .waive_identity = options.waive_identity,
                               .approve_current_boot = options.approve_current_boot,
                               .waive_sha1 = options.waive_sha1,
                               .waive_boot_aggregate_bank = options.waive_boot_aggregate_bank,
                               .policy_names = options.policy_names,
                               .labels = options.labels,
                               .boot_reference_name = options.boot_reference_name,
                               .boot_policy = {},
                               .model = options.model};
  if (options.boot_policy) enrolment.boot_policy = policy::BootPolicyName(*options.boot_policy);
  LQ_RETURN_IF_ERROR(services.Enrol(id.text(), enrolment));
  return Added{.identity = verified ? "verified" : "waived",
               .identity_detail = registered->why,
               .address = fmt::format("{}:{}", *request.ip, *request.port)};
}

}  // namespace limequat::tenant
