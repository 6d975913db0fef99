#include "limequat/verifier/enrolment.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/json/reader.h"
#include "limequat/json/value.h"
#include "limequat/policy/verification_keys.h"
#include "limequat/wire/version.h"

namespace limequat::verifier {

namespace {

// A host name or an address: what may stand in a URL and in a name look-up.
Status CheckHost(std::string_view host) {
  constexpr std::size_t kMaxHost = 253;
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_' || c == ':';
  };
  if (host.empty() || host.size() > kMaxHost || !std::ranges::all_of(host, allowed)) {
    return Malformed("verifier.enrol.address",
                     "cloudagent_ip is neither an address nor a host name");
  }
  return {};
}

// Keylime's keys for IMA signatures, nullptr if nothing was sent. A text that cannot be read
// is refused: Keylime goes on without keys then.
Result<std::shared_ptr<const ima::Keyring>> VerificationKeysOf(std::string_view text) {
  if (text.empty()) return std::shared_ptr<const ima::Keyring>();
  auto keys = policy::ParseVerificationKeys(text, "enrolment");
  if (!keys) return Malformed("verifier.enrol.verification_keys", keys.error().message);
  return std::make_shared<const ima::Keyring>(*std::move(keys));
}

std::vector<crypto::HashAlgorithm> KnownHashes(const std::vector<std::string>& names, bool sha1) {
  std::vector<crypto::HashAlgorithm> hashes;
  for (const std::string& name : names) {
    const auto hash = crypto::HashFromName(name);
    // A list that a client sends is no waiver for SHA-1 (A08).
    if (!hash || (*hash == crypto::HashAlgorithm::kSha1 && !sha1)) continue;
    hashes.push_back(*hash);
  }
  return hashes;
}

json::Array Strings(const std::vector<std::string>& texts) {
  json::Array array;
  for (const std::string& text : texts) array.emplace_back(text);
  return array;
}

}  // namespace

bool SaysSomething(const std::optional<std::string>& boot_policy) {
  if (!boot_policy) return false;
  const auto parsed = json::Parse(*boot_policy);
  if (!parsed) return true;
  if (parsed->is_null()) return false;
  const json::Object* object = parsed->as_object();
  return object == nullptr || !object->empty();
}

crypto::Digest Enrolment::PolicyHash() const {
  return reference.policy ? reference.policy->hash()
                          : crypto::Digest(crypto::HashAlgorithm::kSha256);
}

Result<Enrolment> MakeEnrolment(const wire::AgentId& id, const wire::EnrolRequest& request,
                                const EnrolmentExtras& extras) {
  LQ_ASSIGN_OR_RETURN(auto keys, VerificationKeysOf(request.ima_sign_verification_keys));
  if (!request.ip || !request.port) {
    return Malformed(
        "verifier.enrol.address",
        "cloudagent_ip and cloudagent_port are required: this verifier asks its machines");
  }
  LQ_RETURN_IF_ERROR(CheckHost(*request.ip));
  LQ_ASSIGN_OR_RETURN(tpm::PublicArea ak, tpm::PublicArea::FromTpm2b(request.ak_tpm));
  if (const Finding fit = tpm::CheckAttestationKey(ak); !fit.passed()) {
    return Unsupported("verifier.enrol.ak",
                       fmt::format("ak_tpm is not an attestation key: {}", fit.detail));
  }
  if (!request.transport_certificate || request.transport_certificate->empty() ||
      *request.transport_certificate == "disabled") {
    return Malformed("verifier.enrol.mtls", "mTLS certificate for agent is required!");
  }
  LQ_ASSIGN_OR_RETURN(auto certificate,
                      crypto::Certificate::FromPem(*request.transport_certificate));

  auto hashes = KnownHashes(request.accept_hash_algs, extras.waivers.sha1);
  if (hashes.empty()) {
    return Unsupported(
        "verifier.enrol.hash",
        "accept_tpm_hash_algs names no hash that this verifier accepts (SHA-1 needs a waiver)");
  }
  const auto version = wire::ParseVersion(request.supported_version);
  return Enrolment{
      .id = id,
      .generation = 0,
      .host = *request.ip,
      .port = *request.port,
      .transport_certificate = std::move(certificate),
      .api_version = version.value_or(wire::ApiVersion{}).ToString(),
      .reference = appraise::Reference{.ak = std::move(ak),
                                       .bank = {},
                                       .accepted_hashes = std::move(hashes),
                                       .policy = nullptr,
                                       .boot = nullptr,
                                       .baseline = {},
                                       .verification_keys = std::move(keys),
                                       .pcr_policy = request.tpm_policy.pcrs,
                                       .requested = tpm::PcrSet(request.tpm_policy.mask) -
                                                    tpm::PcrSet::Of(appraise::kTransportKeyPcr),
                                       .waivers = extras.waivers},
      .layers = {},
      .boot_policy_name = {},
      .boot_policy = extras.boot_policy,
      .model = extras.model,
      .identity = extras.identity,
      .ek_fingerprint = extras.ek_fingerprint,
      .approve_first_boot = extras.approve_first_boot,
      .verification_keys = request.ima_sign_verification_keys,
      .tpm_policy = request.tpm_policy,
      .metadata = request.metadata,
      .accept_hash_algs = request.accept_hash_algs,
      .accept_enc_algs = request.accept_enc_algs,
      .accept_sign_algs = request.accept_sign_algs};
}

std::string StoreForm(const Enrolment& enrolment) {
  json::Object document{
      {"host", enrolment.host},
      {"port", std::int64_t{enrolment.port}},
      {"api_version", enrolment.api_version},
      {"ak_tpm", Base64Encode(enrolment.reference.ak.tpm2b())},
      {"tpm_policy", wire::WriteTpmPolicy(enrolment.tpm_policy)},
      {"metadata", enrolment.metadata},
      {"accept_hash_algs", Strings(enrolment.accept_hash_algs)},
      {"accept_enc_algs", Strings(enrolment.accept_enc_algs)},
      {"accept_sign_algs", Strings(enrolment.accept_sign_algs)},
      {"identity", enrolment.identity},
      {"ek_fingerprint", enrolment.ek_fingerprint},
      {"approve_first_boot", enrolment.approve_first_boot},
      {"waive_sha1", enrolment.reference.waivers.sha1},
      {"waive_boot_aggregate_bank", enrolment.reference.waivers.boot_aggregate_bank}};
  if (enrolment.transport_certificate)
    document.Set("transport_certificate", enrolment.transport_certificate->ToPem());
  if (enrolment.boot_policy)
    document.Set("boot_policy", policy::BootPolicyName(*enrolment.boot_policy));
  if (!enrolment.model.empty()) document.Set("model", enrolment.model);
  if (!enrolment.verification_keys.empty())
    document.Set("verification_keys", enrolment.verification_keys);
  return json::Serialize(document);
}

Result<Enrolment> FromStoreForm(const wire::AgentId& id, std::int64_t generation,
                                std::string_view document) {
  LQ_ASSIGN_OR_RETURN(json::Value value, json::Parse(document));
  json::ObjectReader in(value, "stored enrolment");
  wire::EnrolRequest request;
  request.ip = in.String("host");
  request.port = static_cast<std::uint16_t>(in.Int("port", 1, 65535));
  request.supported_version = in.String("api_version");
  request.ak_tpm = in.Base64("ak_tpm");
  const std::string tpm_policy = in.String("tpm_policy");
  request.metadata = in.String("metadata");
  request.accept_hash_algs = in.Strings("accept_hash_algs");
  request.accept_enc_algs = in.Strings("accept_enc_algs");
  request.accept_sign_algs = in.Strings("accept_sign_algs");
  request.transport_certificate = in.OptionalString("transport_certificate");
  request.ima_sign_verification_keys = in.OptionalString("verification_keys").value_or("");
  EnrolmentExtras extras;
  extras.identity = in.String("identity");
  extras.ek_fingerprint = in.String("ek_fingerprint");
  extras.approve_first_boot = in.Bool("approve_first_boot");
  extras.waivers.sha1 = in.Bool("waive_sha1");
  extras.waivers.boot_aggregate_bank = in.Bool("waive_boot_aggregate_bank");
  const auto boot_policy = in.OptionalString("boot_policy");
  extras.model = in.OptionalString("model").value_or("");
  LQ_RETURN_IF_ERROR(in.status());
  if (boot_policy) {
    extras.boot_policy = policy::BootPolicyFromName(*boot_policy);
    if (!extras.boot_policy)
      return Malformed("verifier.store.boot_policy", "the database names an unknown boot policy");
  }
  LQ_ASSIGN_OR_RETURN(request.tpm_policy, wire::ParseTpmPolicy(tpm_policy));
  LQ_ASSIGN_OR_RETURN(Enrolment enrolment, MakeEnrolment(id, request, extras));
  enrolment.generation = generation;
  return enrolment;
}

}  // namespace limequat::verifier
