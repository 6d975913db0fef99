#include "limequat/wire/registration.h"

#include <limits>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/base/result_macros.h"
#include "limequat/crypto/mac.h"
#include "limequat/crypto/stored_certificate.h"
#include "limequat/json/reader.h"
#include "limequat/wire/document.h"

namespace limequat::wire {

namespace {

constexpr std::string_view kPrefix = "wire.registration";
constexpr std::string_view kPemBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::size_t kMaxCertificateText = 256U << 10U;
constexpr std::size_t kMaxCredential = 4096;
constexpr std::size_t kAuthTagBytes = 48;

bool HasValue(json::ObjectReader& in, std::string_view name) {
  const json::Value* value = in.Any(name);
  if (value == nullptr || value->is_null()) return false;
  const std::string* text = value->as_string();
  return text == nullptr || !text->empty();
}

// PEM (the first certificate counts), or the base64 of one DER certificate, which is
// what Keylime's own agent of old sends.
Result<crypto::Certificate> CertificateFromText(std::string_view text) {
  if (text.starts_with(kPemBegin)) return crypto::Certificate::FromPem(text);
  LQ_ASSIGN_OR_RETURN(const Bytes der, Base64Decode(text));
  return crypto::Certificate::FromDer(der);
}

Member<Bytes> ReadPublicArea(json::ObjectReader& in, std::string_view name) {
  Member<Bytes> member;
  member.present = in.Any(name) != nullptr;
  if (HasValue(in, name)) member.value = PublicArea(in, name);
  return member;
}

// An endorsement certificate as it lies in the TPM may be padded, or in a form that only
// its vendor finds good.
Result<crypto::StoredCertificates> EkCertificatesFromText(std::string_view text) {
  if (text.starts_with(kPemBegin)) {
    return crypto::ReadStoredCertificates(AsBytes(text.substr(0, text.find(kPemBegin, 1))));
  }
  LQ_ASSIGN_OR_RETURN(const Bytes der, Base64Decode(text));
  return crypto::ReadStoredCertificates(der);
}

// What follows the first certificate. These are only helpers for building a path, so
// one that cannot be read is left out: the path is then not found, and that shows.
void AddChain(const std::vector<crypto::Certificate>& found, std::size_t first,
              std::vector<crypto::Certificate>& chain) {
  for (std::size_t i = first; i < found.size() && chain.size() < kMaxEkChain; ++i) {
    chain.push_back(found[i]);
  }
}

void AddPemChain(std::string_view pem, std::vector<crypto::Certificate>& chain) {
  std::size_t at = pem.find(kPemBegin, 1);
  while (at != std::string_view::npos && chain.size() < kMaxEkChain) {
    const std::size_t next = pem.find(kPemBegin, at + 1);
    const auto found = EkCertificatesFromText(pem.substr(at, next - at));
    if (found) AddChain(found->certificates, 0, chain);
    at = next;
  }
}

void ReadEkCertificate(json::ObjectReader& in, RegistrationRequest& request) {
  request.ek_certificate.present = in.Any("ekcert") != nullptr;
  if (!HasValue(in, "ekcert")) return;
  const std::string text = BoundedString(in, "ekcert", kMaxCertificateText);
  Result<crypto::StoredCertificates> found = EkCertificatesFromText(text);
  if (!found) {
    in.Fail("ekcert", found.error().message);
    return;
  }
  request.ek_certificate.value = found->certificates.front();
  AddChain(found->certificates, 1, request.ek_chain);
  if (text.starts_with(kPemBegin)) AddPemChain(text, request.ek_chain);
}

bool IsDisabled(std::string_view text) {
  constexpr std::string_view kDisabled = "disabled";
  if (text.size() != kDisabled.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((text[i] | 0x20) != kDisabled[i]) return false;
  }
  return true;
}

void ReadTransportCertificate(json::ObjectReader& in, RegistrationRequest& request) {
  request.transport_certificate.present = in.Any("mtls_cert") != nullptr;
  if (!HasValue(in, "mtls_cert")) return;
  const std::string text = BoundedString(in, "mtls_cert", kMaxCertificateText);
  if (IsDisabled(text)) {
    request.transport_certificate.value = TransportCertificate{.disabled = true, .pem = {}};
    return;
  }
  const Result<crypto::Certificate> certificate = CertificateFromText(text);
  if (!certificate) {
    in.Fail("mtls_cert", certificate.error().message);
    return;
  }
  request.transport_certificate.value =
      TransportCertificate{.disabled = false, .pem = certificate->ToPem()};
}

}  // namespace

Result<RegistrationRequest> ParseRegistration(std::string_view body) {
  LQ_ASSIGN_OR_RETURN(const json::Value document, ParseDocument(body, kMaxSmallMessage, kPrefix));
  json::ObjectReader in(document, "registration");
  RegistrationRequest request;
  request.aik_tpm = PublicArea(in, "aik_tpm");
  request.ek_tpm = ReadPublicArea(in, "ek_tpm");
  ReadEkCertificate(in, request);
  request.ip = {.present = in.Any("ip") != nullptr, .value = OptionalHost(in, "ip")};
  request.port.present = in.Any("port") != nullptr;
  if (HasValue(in, "port")) request.port.value = OptionalPort(in, "port");
  ReadTransportCertificate(in, request);
  for (const std::string_view name :
       {"iak_tpm", "iak_cert", "iak_attest", "iak_sign", "idevid_tpm", "idevid_cert"}) {
    request.has_device_identity = request.has_device_identity || HasValue(in, name);
  }
  LQ_RETURN_IF_ERROR(MemberStatus(in, kPrefix));
  return request;
}

std::string WriteRegistration(const Registration& registration) {
  json::Object message{{"aik_tpm", Base64Encode(registration.aik_tpm)},
                       {"ek_tpm", Base64Encode(registration.ek_tpm)}};
  if (registration.ek_certificate_pem) message.Set("ekcert", *registration.ek_certificate_pem);
  message.Set("iak_cert", nullptr);
  message.Set("idevid_cert", nullptr);
  message.Set("ip", registration.ip);
  message.Set("mtls_cert", registration.transport_certificate_pem);
  message.Set("port", std::uint32_t{registration.port});
  return json::Serialize(message);
}

json::Object WriteRegistrationResults(ByteView blob) { return {{"blob", Base64Encode(blob)}}; }

Result<Bytes> ParseRegistrationResults(const json::Value& results) {
  json::ObjectReader in(results, "registration answer");
  Bytes blob = in.Base64("blob");
  if (blob.empty()) in.Fail("blob", "is empty");
  if (blob.size() > kMaxCredential) in.Fail("blob", "is too long");
  LQ_RETURN_IF_ERROR(MemberStatus(in, "wire.registration_answer"));
  return blob;
}

std::string WriteActivation(std::string_view auth_tag) {
  return json::Serialize(json::Object{{"auth_tag", auth_tag}});
}

Result<std::string> ParseActivation(std::string_view body) {
  constexpr std::string_view kActivation = "wire.activation";
  LQ_ASSIGN_OR_RETURN(const json::Value document,
                      ParseDocument(body, kMaxSmallMessage, kActivation));
  json::ObjectReader in(document, "activation");
  const std::string text = in.String("auth_tag");
  const Result<Bytes> tag = HexDecode(text);
  if (!tag || tag->size() != kAuthTagBytes) {
    in.Fail("auth_tag", fmt::format("not {} bytes of hexadecimal", kAuthTagBytes));
  }
  LQ_RETURN_IF_ERROR(MemberStatus(in, kActivation));
  return HexEncode(*tag);
}

std::string AuthTag(ByteView secret, const AgentId& id) {
  const std::string key = Base64Encode(secret);
  return crypto::Hmac(crypto::HashAlgorithm::kSha384, AsBytes(key), AsBytes(id.text())).hex();
}

json::Object WriteRegistrarAgent(const RegistrarAgent& agent) {
  json::Value certificate;
  if (agent.ek_certificate_der) certificate = Base64Encode(*agent.ek_certificate_der);
  json::Value port;
  if (agent.port) port = std::uint32_t{*agent.port};
  return {{"agent_id", agent.agent_id},
          {"ek_tpm", Base64Encode(agent.ek_tpm)},
          {"ekcert", std::move(certificate)},
          {"aik_tpm", Base64Encode(agent.aik_tpm)},
          {"ip", OrNull(agent.ip)},
          {"port", std::move(port)},
          {"mtls_cert", OrNull(agent.transport_certificate)},
          {"regcount", agent.regcount}};
}

namespace {

RegistrarAgent ReadRegistrarAgent(json::ObjectReader& in) {
  RegistrarAgent agent;
  agent.agent_id = in.String("agent_id");
  if (in.status() && !AgentId::Parse(agent.agent_id))
    in.Fail("agent_id", "not an agent identifier");
  agent.ek_tpm = PublicArea(in, "ek_tpm");
  if (HasValue(in, "ekcert")) {
    agent.ek_certificate_der = in.Base64("ekcert");
    if (agent.ek_certificate_der->size() > kMaxCertificateText) in.Fail("ekcert", "is too long");
  }
  agent.aik_tpm = PublicArea(in, "aik_tpm");
  agent.ip = OptionalHost(in, "ip");
  agent.port = OptionalPort(in, "port");
  agent.transport_certificate = OptionalBoundedString(in, "mtls_cert", kMaxCertificateText);
  agent.regcount =
      in.OptionalInt("regcount", 0, std::numeric_limits<std::int64_t>::max()).value_or(0);
  return agent;
}

constexpr std::string_view kIdentityVerified = "verified";
constexpr std::string_view kIdentityUnverified = "unverified";

}  // namespace

Result<RegistrarAgent> ParseRegistrarAgent(const json::Value& results) {
  json::ObjectReader in(results, "registrar's answer");
  RegistrarAgent agent = ReadRegistrarAgent(in);
  LQ_RETURN_IF_ERROR(MemberStatus(in, "wire.registrar_agent"));
  return agent;
}

json::Object WriteRegistrarIdentity(const RegistrarIdentity& identity) {
  json::Object document = WriteRegistrarAgent(identity.agent);
  document.Set("identity",
               identity.identity == Identity::kVerified ? kIdentityVerified : kIdentityUnverified);
  document.Set("why", identity.why);
  document.Set("findings", identity.findings);
  document.Set("ek_fingerprint", identity.ek_fingerprint);
  return document;
}

Result<RegistrarIdentity> ParseRegistrarIdentity(const json::Value& document) {
  json::ObjectReader in(document, "registrar's answer");
  RegistrarIdentity identity;
  identity.agent = ReadRegistrarAgent(in);
  const std::string name = in.String("identity");
  if (name == kIdentityVerified) {
    identity.identity = Identity::kVerified;
  } else if (name != kIdentityUnverified) {
    in.Fail("identity", "neither \"verified\" nor \"unverified\"");
  }
  identity.why = in.String("why");
  if (const json::Value* findings = in.Any("findings")) identity.findings = *findings;
  identity.ek_fingerprint = in.String("ek_fingerprint");
  const Result<Bytes> fingerprint = HexDecode(identity.ek_fingerprint);
  if (!fingerprint || fingerprint->size() != 32) {
    in.Fail("ek_fingerprint", "not a SHA-256 digest in hexadecimal");
  }
  LQ_RETURN_IF_ERROR(MemberStatus(in, "wire.registrar_identity"));
  return identity;
}

}  // namespace limequat::wire
