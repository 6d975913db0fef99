#include "limequat/agent/identity.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>

#include "limequat/agent/ak_record.h"
#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/config/files.h"
#include "limequat/telemetry/log.h"

namespace limequat::agent {

namespace {

constexpr std::string_view kAkFile = "agent_data.json";  // as Keylime's agent calls it
constexpr std::string_view kTransportKeyFile = "transport.key";
constexpr std::size_t kMaxPem = 1U << 20U;
constexpr int kTransportKeyBits = 2048;
constexpr auto kValidity = std::chrono::days(3650);
constexpr auto kClockSkew = std::chrono::days(1);

struct KindName {
  std::string_view name;
  device::KeyKind kind;
};
constexpr std::array<KindName, 7> kKinds{{{"rsa", device::KeyKind::kRsa2048},
                                          {"rsa2048", device::KeyKind::kRsa2048},
                                          {"ecc", device::KeyKind::kEcc256},
                                          {"ecc256", device::KeyKind::kEcc256},
                                          {"ecc_nist_p256", device::KeyKind::kEcc256},
                                          {"ecc384", device::KeyKind::kEcc384},
                                          {"ecc_nist_p384", device::KeyKind::kEcc384}}};

Error UnknownAlgorithm(std::string_view what, std::string_view name) {
  return Unsupported("agent.algorithm",
                     fmt::format("{}: \"{}\" is not supported", what, EscapeForDisplay(name, 40)));
}

std::string Pem(ByteView der) {
  // Line by line as RFC 7468 wants it; the DER may be too odd for our parser.
  const std::string text = Base64Encode(der);
  std::string pem = "-----BEGIN CERTIFICATE-----\n";
  for (std::size_t at = 0; at < text.size(); at += 64) {
    pem += text.substr(at, 64);
    pem += '\n';
  }
  return pem + "-----END CERTIFICATE-----\n";
}

bool IsAddress(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> buffer{};
  return ::inet_pton(AF_INET, host.c_str(), buffer.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), buffer.data()) == 1;
}

}  // namespace

Result<KeyChoice> ParseKeyChoice(std::string_view encryption, std::string_view signing,
                                 std::string_view hash) {
  KeyChoice choice;
  const auto* kind = std::ranges::find(kKinds, encryption, &KindName::name);
  if (kind == kKinds.end()) return UnknownAlgorithm("key algorithm", encryption);
  choice.kind = kind->kind;
  const bool rsa = choice.kind == device::KeyKind::kRsa2048;
  choice.scheme = rsa ? tpm::AlgorithmId::kRsaSsa : tpm::AlgorithmId::kEcdsa;
  if (!signing.empty()) {
    const std::optional<tpm::AlgorithmId> scheme = tpm::AlgorithmFromName(signing);
    const bool fits =
        rsa ? scheme == tpm::AlgorithmId::kRsaSsa || scheme == tpm::AlgorithmId::kRsaPss
            : scheme == tpm::AlgorithmId::kEcdsa;
    if (!fits) return UnknownAlgorithm(fmt::format("signature scheme for {}", encryption), signing);
    choice.scheme = *scheme;
  }
  const std::optional<crypto::HashAlgorithm> algorithm = crypto::HashFromName(hash);
  if (!algorithm) return UnknownAlgorithm("hash algorithm", hash);
  choice.hash = *algorithm;
  return choice;
}

std::string_view EncryptionName(device::KeyKind kind, int minor) {
  constexpr int kFullNames = 5;
  switch (kind) {
    case device::KeyKind::kRsa2048:
      return minor < kFullNames ? "rsa" : "rsa2048";
    case device::KeyKind::kEcc256:
      return minor < kFullNames ? "ecc" : "ecc256";
    case device::KeyKind::kEcc384:
      return "ecc384";
  }
  return "";
}

std::string EkHash(const tpm::PublicArea& ek) {
  return crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(ek.key().ToPem())).hex();
}

Result<device::Tpm::Key> ObtainEndorsementKey(device::Tpm& tpm, device::KeyKind kind,
                                              std::optional<std::uint32_t> handle) {
  if (!handle) return tpm.CreateEndorsementKey(kind);
  return tpm.OpenEndorsementKey(*handle);
}

std::optional<std::string> EkCertificatePem(const device::EkCertificates& certificates) {
  switch (certificates.state) {
    case device::EkCertificates::State::kAbsent:
      return "";
    case device::EkCertificates::State::kUnreadable:
      return std::nullopt;
    case device::EkCertificates::State::kPresent:
      break;
  }
  std::string pem = Pem(certificates.der);
  for (auto element = certificates.chain.rbegin(); element != certificates.chain.rend();
       ++element) {
    pem += Pem(*element);
  }
  return pem;
}

namespace {

// The key of `record`, or why it is not this machine's.
Result<device::Tpm::Key> LoadRecord(device::Tpm& tpm, const device::Tpm::Key& ek,
                                    const KeyChoice& choice, const AkRecord& record) {
  if (record.hash != choice.hash || record.scheme != choice.scheme) {
    return Untrusted("agent.ak.algorithm", "it was made for other algorithms");
  }
  if (record.ek_hash != EkHash(ek.public_area())) {
    return Untrusted("agent.ak.ek", "it was made under another endorsement key");
  }
  LQ_ASSIGN_OR_RETURN(device::Tpm::Key key, tpm.LoadAttestationKey(ek, record.blob));
  // A persistent endorsement key may have keys of several types below it (quirk A33).
  const bool rsa = choice.kind == device::KeyKind::kRsa2048;
  const std::optional<crypto::Curve> curve =
      choice.kind == device::KeyKind::kEcc384 ? crypto::Curve::kP384 : crypto::Curve::kP256;
  const crypto::PublicKey& public_key = key.public_area().key();
  const bool same_type =
      rsa ? public_key.type() == crypto::KeyType::kRsa : public_key.curve() == curve;
  if (!same_type || tpm::CheckAttestationKey(key.public_area()).outcome != Outcome::kPassed) {
    return Untrusted("agent.ak.type", "it is not a key of the type that is wanted");
  }
  return key;
}

// The key that `text` keeps.
Result<device::Tpm::Key> LoadOldKey(device::Tpm& tpm, const device::Tpm::Key& ek,
                                    const KeyChoice& choice,
                                    const std::optional<std::string>& text) {
  if (!text) return NotFound("agent.ak.none", "there is none yet");
  LQ_ASSIGN_OR_RETURN(const AkRecord record, ParseAkRecord(*text));
  return LoadRecord(tpm, ek, choice, record);
}

}  // namespace

Result<device::Tpm::Key> ObtainAttestationKey(device::Tpm& tpm, const device::Tpm::Key& ek,
                                              const KeyChoice& choice, const StateFolder& state) {
  // A file that cannot be read is not a file that is not there.
  LQ_ASSIGN_OR_RETURN(const std::optional<std::string> text, state.Read(kAkFile));
  Result<device::Tpm::Key> old = LoadOldKey(tpm, ek, choice, text);
  if (old || old.error().code == ErrorCode::kUnavailable) return old;
  if (old.error().code == ErrorCode::kNotFound) {
    telemetry::LogInfo("agent.attestation_key.made");
  } else {
    telemetry::LogWarning("agent.attestation_key.replaced",
                          {{"why", old.error().message},
                           {"consequence",
                            "a registrar that knows the old key refuses the new one "
                            "until the old record is deleted"}});
  }
  LQ_ASSIGN_OR_RETURN(device::KeyBlob blob,
                      tpm.CreateAttestationKey(ek, choice.kind, choice.scheme, choice.hash));
  LQ_ASSIGN_OR_RETURN(device::Tpm::Key key, tpm.LoadAttestationKey(ek, blob));
  LQ_RETURN_IF_ERROR(state.Write(kAkFile, WriteAkRecord({.blob = std::move(blob),
                                                         .scheme = choice.scheme,
                                                         .hash = choice.hash,
                                                         .ek_hash = EkHash(ek.public_area())})));
  return key;
}

Result<device::Tpm::Key> ReloadAttestationKey(device::Tpm& tpm, const KeyChoice& choice,
                                              std::optional<std::uint32_t> ek_handle,
                                              const StateFolder& state) {
  LQ_RETURN_IF_ERROR(FlushOldAttestationKey(tpm, state));
  LQ_ASSIGN_OR_RETURN(const device::Tpm::Key ek, ObtainEndorsementKey(tpm, choice.kind, ek_handle));
  LQ_ASSIGN_OR_RETURN(const std::optional<std::string> text, state.Read(kAkFile));
  return LoadOldKey(tpm, ek, choice, text);
}

Status FlushOldAttestationKey(device::Tpm& tpm, const StateFolder& state) {
  LQ_ASSIGN_OR_RETURN(const std::optional<std::string> text, state.Read(kAkFile));
  if (!text) return {};
  const Result<AkRecord> record = ParseAkRecord(*text);
  if (!record) return {};
  const Result<tpm::PublicArea> area = tpm::PublicArea::FromTpmt(record->blob.public_area);
  if (!area) return {};
  return tpm.FlushLeftovers(area->Name());
}

Result<crypto::PrivateKey> ObtainTransportKey(const StateFolder& state) {
  LQ_ASSIGN_OR_RETURN(const std::optional<std::string> text, state.ReadSecret(kTransportKeyFile));
  if (text) {
    Result<crypto::PrivateKey> key = crypto::PrivateKey::FromPem(*text);
    if (!key) return std::move(key).error().In(std::string(kTransportKeyFile));
    const crypto::PublicKey public_key = key->public_key();
    if (public_key.type() != crypto::KeyType::kRsa || public_key.bits() != kTransportKeyBits) {
      return Malformed("agent.transport_key", fmt::format("{}: not an RSA key of {} bits",
                                                          kTransportKeyFile, kTransportKeyBits));
    }
    return key;
  }
  crypto::PrivateKey key = crypto::PrivateKey::GenerateRsa(kTransportKeyBits);
  LQ_RETURN_IF_ERROR(state.Write(kTransportKeyFile, key.ExposePem()));
  return key;
}

namespace {

Result<crypto::PrivateKey> ObtainServerKey(const StateFolder& state) {
  LQ_ASSIGN_OR_RETURN(const std::optional<std::string> text, state.ReadSecret(kServerKeyFile));
  if (text) {
    Result<crypto::PrivateKey> key = crypto::PrivateKey::FromPem(*text);
    if (!key) return std::move(key).error().In(std::string(kServerKeyFile));
    return key;
  }
  crypto::PrivateKey key = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256);
  LQ_RETURN_IF_ERROR(state.Write(kServerKeyFile, key.ExposePem()));
  return key;
}

// Why `certificate` cannot be used; empty if it can.
std::string_view Flaw(const crypto::Certificate& certificate, const crypto::PublicKey& key,
                      Time now) {
  const Result<crypto::PublicKey> certified = certificate.public_key();
  if (!certified || !(*certified == key)) return "it does not belong to the key";
  if (now < certificate.not_before() || now > certificate.not_after()) return "it is not valid now";
  return "";
}

Result<crypto::Certificate> IssueServerCertificate(const crypto::PrivateKey& key,
                                                   const wire::AgentId& id,
                                                   const std::string& contact_host, Time now) {
  crypto::CertificateRequest request;
  request.common_name = id.text();
  request.dns_names = {"localhost"};
  request.ip_addresses = {"127.0.0.1", "::1"};
  auto& names = IsAddress(contact_host) ? request.ip_addresses : request.dns_names;
  if (std::ranges::find(names, contact_host) == names.end()) names.push_back(contact_host);
  request.not_before = now - kClockSkew;
  request.not_after = now + kValidity;
  request.server_auth = true;
  return crypto::Issue(request, key.public_key(), nullptr, key);
}

}  // namespace

Result<ServerIdentity> ObtainServerIdentity(const StateFolder& state, const wire::AgentId& id,
                                            const std::string& contact_host, Time now) {
  LQ_ASSIGN_OR_RETURN(crypto::PrivateKey key, ObtainServerKey(state));
  LQ_ASSIGN_OR_RETURN(const std::optional<std::string> text, state.Read(kServerCertificateFile));
  if (text) {
    Result<crypto::Certificate> old = crypto::Certificate::FromPem(*text);
    std::string_view flaw = old ? Flaw(*old, key.public_key(), now) : "it cannot be read";
    if (flaw.empty() && old->common_name() != id.text()) flaw = "it has another identifier";
    if (flaw.empty()) return ServerIdentity{std::move(key), *std::move(old)};
    telemetry::LogWarning("agent.server_certificate.replaced",
                          {{"why", flaw},
                           {"consequence",
                            "verifiers learn the new one when the machine is "
                            "enrolled again"}});
  }
  LQ_ASSIGN_OR_RETURN(crypto::Certificate certificate,
                      IssueServerCertificate(key, id, contact_host, now));
  LQ_RETURN_IF_ERROR(state.Write(kServerCertificateFile, certificate.ToPem()));
  return ServerIdentity{std::move(key), std::move(certificate)};
}

Result<ServerIdentity> LoadServerIdentity(const std::filesystem::path& certificate,
                                          const std::filesystem::path& key, Time now) {
  LQ_ASSIGN_OR_RETURN(const std::string key_text, config::ReadSecretFile(key, kMaxPem));
  Result<crypto::PrivateKey> private_key = crypto::PrivateKey::FromPem(key_text);
  if (!private_key) return std::move(private_key).error().In(key.string());
  LQ_ASSIGN_OR_RETURN(const std::string text, config::ReadTextFile(certificate, kMaxPem));
  Result<crypto::Certificate> parsed = crypto::Certificate::FromPem(text);
  if (!parsed) return std::move(parsed).error().In(certificate.string());
  if (const std::string_view flaw = Flaw(*parsed, private_key->public_key(), now); !flaw.empty()) {
    return Untrusted("agent.server_certificate", fmt::format("{}: {}", certificate.string(), flaw));
  }
  return ServerIdentity{*std::move(private_key), *std::move(parsed)};
}

}  // namespace limequat::agent
