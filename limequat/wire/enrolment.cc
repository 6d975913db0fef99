#include "limequat/wire/enrolment.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/crypto/certificate.h"
#include "limequat/json/reader.h"
#include "limequat/wire/document.h"
#include "limequat/wire/version.h"

namespace limequat::wire {

namespace {

constexpr std::string_view kPrefix = "wire.enrol";
// A policy of a large distribution, in base64.
constexpr std::size_t kMaxEnrolment = 128U << 20U;
constexpr std::size_t kMaxText = 1U << 20U;
constexpr std::size_t kMaxKey = 64U << 10U;
constexpr std::size_t kMaxName = 255;
constexpr std::size_t kMaxAlgorithms = 32;
constexpr std::size_t kMaxAlgorithmName = 32;
constexpr std::size_t kMaxKeyHalf = 64;
constexpr std::uint32_t kPcrs = 24;
constexpr std::size_t kMaxValuesPerPcr = 4096;

constexpr std::array<std::string_view, 11> kRequired{"tpm_policy",
                                                     "metadata",
                                                     "mb_policy",
                                                     "mb_policy_name",
                                                     "ima_sign_verification_keys",
                                                     "revocation_key",
                                                     "accept_tpm_hash_algs",
                                                     "accept_tpm_encryption_algs",
                                                     "accept_tpm_signing_algs",
                                                     "ak_tpm",
                                                     "runtime_policy"};

// Keylime's verifier answers with the text of the exception that its code ran into;
// its clients show it.
Status CheckRequired(json::ObjectReader& in) {
  for (const std::string_view name : kRequired) {
    const json::Value* value = in.Any(name);
    if (name == "runtime_policy" && (value == nullptr || value->is_null())) {
      return Malformed("wire.enrol.missing",
                       "argument should be a bytes-like object or ASCII string, not 'NoneType'");
    }
    if (value == nullptr) return Malformed("wire.enrol.missing", fmt::format("'{}'", name));
  }
  return {};
}

std::string TextOrEmpty(json::ObjectReader& in, std::string_view name, std::size_t most) {
  return OptionalBoundedString(in, name, most).value_or("");
}

// Text in base64; nullopt when absent, null or empty.
std::optional<std::string> OptionalBase64Text(json::ObjectReader& in, std::string_view name) {
  const std::optional<Bytes> bytes = in.OptionalBase64(name);
  if (!bytes || bytes->empty()) return std::nullopt;
  return std::string(AsText(*bytes));
}

TpmPolicy ReadTpmPolicy(json::ObjectReader& in) {
  Result<TpmPolicy> policy = ParseTpmPolicy(in.String("tpm_policy"));
  if (policy) return *std::move(policy);
  in.Fail("tpm_policy", policy.error().message);
  return {};
}

std::string ReadMetadata(json::ObjectReader& in) {
  std::string text = BoundedString(in, "metadata", kMaxText);
  if (const Result<json::Value> metadata = json::Parse(text); !metadata) {
    in.Fail("metadata", metadata.error().message);
  }
  return text;
}

std::optional<std::string> ReadTransportCertificate(json::ObjectReader& in) {
  std::optional<std::string> text = OptionalBoundedString(in, "mtls_cert", kMaxKey);
  if (!text || text->empty()) return std::nullopt;
  if (*text == "disabled") return text;
  const Result<crypto::Certificate> certificate = crypto::Certificate::FromPem(*text);
  if (!certificate) {
    in.Fail("mtls_cert", certificate.error().message);
    return std::nullopt;
  }
  return certificate->ToPem();
}

// Keylime falls back to its newest version for one it does not know.
std::string ReadVersion(json::ObjectReader& in) {
  const std::string text = TextOrEmpty(in, "supported_version", kMaxName);
  const std::optional<ApiVersion> version = HighestCommon(ServerVersions(), {text});
  return version.value_or(ServerVersions().back()).ToString();
}

void ReadAlgorithms(json::ObjectReader& in, EnrolRequest& request) {
  request.accept_hash_algs =
      BoundedStrings(in, "accept_tpm_hash_algs", kMaxAlgorithms, kMaxAlgorithmName);
  request.accept_enc_algs =
      BoundedStrings(in, "accept_tpm_encryption_algs", kMaxAlgorithms, kMaxAlgorithmName);
  request.accept_sign_algs =
      BoundedStrings(in, "accept_tpm_signing_algs", kMaxAlgorithms, kMaxAlgorithmName);
}

void ReadPolicies(json::ObjectReader& in, EnrolRequest& request) {
  request.tpm_policy = ReadTpmPolicy(in);
  request.runtime_policy = OptionalBase64Text(in, "runtime_policy");
  request.runtime_policy_name = TextOrEmpty(in, "runtime_policy_name", kMaxName);
  request.runtime_policy_key = OptionalBase64Text(in, "runtime_policy_key");
  request.mb_policy = in.OptionalString("mb_policy");
  if (request.mb_policy && request.mb_policy->empty()) request.mb_policy.reset();
  request.mb_policy_name = TextOrEmpty(in, "mb_policy_name", kMaxName);
  request.ima_sign_verification_keys = TextOrEmpty(in, "ima_sign_verification_keys", kMaxText);
}

}  // namespace

Result<EnrolRequest> ParseEnrolRequest(std::string_view body) {
  LQ_ASSIGN_OR_RETURN(const json::Value document, ParseDocument(body, kMaxEnrolment, kPrefix));
  json::ObjectReader in(document, "enrolment");
  LQ_RETURN_IF_ERROR(MemberStatus(in, kPrefix));
  LQ_RETURN_IF_ERROR(CheckRequired(in));
  EnrolRequest request;
  request.v = in.OptionalBase64("v");
  if (request.v && request.v->empty()) request.v.reset();
  if (request.v && request.v->size() > kMaxKeyHalf) in.Fail("v", "is too long");
  request.ip = OptionalHost(in, "cloudagent_ip");
  request.port = OptionalPort(in, "cloudagent_port");
  ReadPolicies(in, request);
  request.metadata = ReadMetadata(in);
  request.revocation_key = TextOrEmpty(in, "revocation_key", kMaxKey);
  ReadAlgorithms(in, request);
  request.ak_tpm = PublicArea(in, "ak_tpm");
  request.transport_certificate = ReadTransportCertificate(in);
  request.supported_version = ReadVersion(in);
  LQ_RETURN_IF_ERROR(MemberStatus(in, kPrefix));
  return request;
}

namespace {

json::Value Base64OrNull(const std::optional<Bytes>& bytes) {
  return bytes ? json::Value(Base64Encode(*bytes)) : json::Value();
}

std::string Base64OrEmpty(const std::optional<std::string>& text) {
  return text ? Base64Encode(AsBytes(*text)) : std::string();
}

}  // namespace

std::string WriteEnrolRequest(const EnrolRequest& request) {
  json::Value port;
  if (request.port) port = std::uint32_t{*request.port};
  json::Object message{{"v", Base64OrNull(request.v)},
                       {"cloudagent_ip", OrNull(request.ip)},
                       {"cloudagent_port", std::move(port)},
                       {"tpm_policy", WriteTpmPolicy(request.tpm_policy)},
                       {"runtime_policy", Base64OrEmpty(request.runtime_policy)},
                       {"runtime_policy_name", request.runtime_policy_name},
                       {"runtime_policy_key", Base64OrEmpty(request.runtime_policy_key)},
                       {"mb_policy", OrNull(request.mb_policy)},
                       {"mb_policy_name", request.mb_policy_name},
                       {"ima_sign_verification_keys", request.ima_sign_verification_keys},
                       {"metadata", request.metadata},
                       {"revocation_key", request.revocation_key},
                       {"accept_tpm_hash_algs", ToArray(request.accept_hash_algs)},
                       {"accept_tpm_encryption_algs", ToArray(request.accept_enc_algs)},
                       {"accept_tpm_signing_algs", ToArray(request.accept_sign_algs)},
                       {"ak_tpm", Base64Encode(request.ak_tpm)},
                       {"mtls_cert", OrNull(request.transport_certificate)},
                       {"supported_version", request.supported_version}};
  return json::Serialize(message);
}

namespace {

// Decimal in its shortest form, so that one register has one name.
std::optional<std::uint32_t> PcrFromText(std::string_view text) {
  std::uint32_t pcr = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pcr);
  if (error != std::errc() || end != text.data() + text.size() || pcr >= kPcrs) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return pcr;
}

std::optional<std::uint32_t> MaskFromText(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  std::uint32_t mask = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mask, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if ((mask >> kPcrs) != 0) return std::nullopt;
  return mask;
}

Result<std::string> PcrValue(std::uint32_t pcr, const json::Value& value) {
  const std::string* text = value.as_string();
  if (text == nullptr) {
    return Malformed(
        "wire.tpm_policy",
        fmt::format("tpm policy: PCR {}: a value is {}, not a string", pcr, value.type_name()));
  }
  std::string_view digits = *text;
  if (digits.starts_with("0x") || digits.starts_with("0X")) digits.remove_prefix(2);
  const Result<Bytes> bytes = HexDecode(digits);
  const std::size_t size = bytes ? bytes->size() : 0;
  if (size != 20 && size != 32 && size != 48 && size != 64) {
    return Malformed("wire.tpm_policy",
                     fmt::format("tpm policy: PCR {}: not a digest in hexadecimal: "
                                 "\"{}\"",
                                 pcr, EscapeForDisplay(*text, 160)));
  }
  return HexEncode(*bytes);
}

Result<std::vector<std::string>> PcrValues(std::uint32_t pcr, const json::Value& value) {
  std::vector<std::string> values;
  const json::Array* list = value.as_array();
  if (list == nullptr) {
    LQ_ASSIGN_OR_RETURN(std::string text, PcrValue(pcr, value));
    values.push_back(std::move(text));
    return values;
  }
  if (list->size() > kMaxValuesPerPcr) {
    return Malformed("wire.tpm_policy", fmt::format("tpm policy: PCR {}: {} values, at most {} are "
                                                    "allowed",
                                                    pcr, list->size(), kMaxValuesPerPcr));
  }
  for (const json::Value& item : *list) {
    LQ_ASSIGN_OR_RETURN(std::string text, PcrValue(pcr, item));
    values.push_back(std::move(text));
  }
  return values;
}

Status ReadMask(const json::Value& value, TpmPolicy& policy) {
  const std::string* text = value.as_string();
  const std::optional<std::uint32_t> mask = text == nullptr ? std::nullopt : MaskFromText(*text);
  if (!mask) {
    return Malformed("wire.tpm_policy",
                     "tpm policy: \"mask\" is not a hexadecimal number of 24 bits in a string");
  }
  policy.mask = *mask;
  return {};
}

}  // namespace

Result<TpmPolicy> ParseTpmPolicy(std::string_view json) {
  Result<json::Value> document = ParseDocument(json, kMaxText, "wire.tpm_policy");
  if (!document) return Malformed("wire.tpm_policy", std::move(document).error().message);
  const json::Object* object = document->as_object();
  if (object == nullptr) {
    return Malformed("wire.tpm_policy",
                     fmt::format("tpm policy: an object is needed, not {}", document->type_name()));
  }
  TpmPolicy policy;
  for (const auto& [name, value] : *object) {
    if (name == "mask") {
      LQ_RETURN_IF_ERROR(ReadMask(value, policy));
      continue;
    }
    const std::optional<std::uint32_t> pcr = PcrFromText(name);
    if (!pcr) {
      return Malformed("wire.tpm_policy", fmt::format("Invalid tpm policy pcr number: {}",
                                                      EscapeForDisplay(name, 80)));
    }
    LQ_ASSIGN_OR_RETURN(std::vector<std::string> values, PcrValues(*pcr, value));
    policy.pcrs.emplace_back(*pcr, std::move(values));
  }
  if (!object->Contains("mask")) {
    for (const auto& [pcr, values] : policy.pcrs) policy.mask |= 1U << pcr;
  }
  std::ranges::sort(policy.pcrs, {}, [](const auto& entry) { return entry.first; });
  return policy;
}

std::string WriteTpmPolicy(const TpmPolicy& policy) {
  json::Object object;
  for (const auto& [pcr, values] : policy.pcrs) object.Set(std::to_string(pcr), ToArray(values));
  object.Set("mask", fmt::format("{:#x}", policy.mask));
  return json::Serialize(object);
}

json::Object WriteAgentStatus(const AgentStatus& status) {
  json::Value port;
  if (status.port) port = std::uint32_t{*status.port};
  return {
      {"operational_state", static_cast<int>(status.operational_state)},
      {"v", nullptr},
      {"ip", OrNull(status.ip)},
      {"port", std::move(port)},
      {"tpm_policy", status.tpm_policy},
      {"meta_data", status.meta_data},
      {"has_mb_refstate", status.has_mb_refstate ? 1 : 0},
      {"has_runtime_policy", status.has_runtime_policy ? 1 : 0},
      {"accept_tpm_hash_algs", ToArray(status.accept_hash_algs)},
      {"accept_tpm_encryption_algs", ToArray(status.accept_enc_algs)},
      {"accept_tpm_signing_algs", ToArray(status.accept_sign_algs)},
      {"hash_alg", status.hash_alg},
      {"enc_alg", status.enc_alg},
      {"sign_alg", status.sign_alg},
      {"verifier_id", status.verifier_id},
      {"verifier_ip", status.verifier_ip},
      {"verifier_port", std::uint32_t{status.verifier_port}},
      {"severity_level", OrNull(status.severity_level)},
      {"last_event_id", OrNull(status.last_event_id)},
      {"attestation_count", status.attestation_count},
      {"last_received_quote", status.last_received_quote},
      {"last_successful_attestation", status.last_successful_attestation},
      {"attestation_status", status.attestation_status},
      {"attestation_period", fmt::format("{}s", status.attestation_period_seconds)},
      {"maximum_attestation_interval", fmt::format("{}s", 5 * status.attestation_period_seconds)}};
}

}  // namespace limequat::wire
