#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/crypto/certificate.h"
#include "limequat/json/value.h"
#include "limequat/wire/agent_id.h"

namespace limequat::wire {

// The transport certificate a machine registers.
struct TransportCertificate {
  bool disabled = false;  // the literal "disabled": plain HTTP
  std::string pem;        // canonical PEM of the certificate otherwise
};

// POST /v2.x/agents/{id} at the registrar (keylime-server-protocol, 1.5). A member
// that was absent is nullopt; an empty string or null is `present` with an empty
// value, since clearing a known value is a violation.
template <class T>
struct Member {
  bool present = false;    // the member was in the message
  std::optional<T> value;  // nullopt: null or empty
};

struct RegistrationRequest {
  Bytes aik_tpm;         // TPM2B_PUBLIC, required
  Member<Bytes> ek_tpm;  // TPM2B_PUBLIC
  Member<crypto::Certificate> ek_certificate;
  std::vector<crypto::Certificate>
      ek_chain;  // what followed it in the PEM text: untrusted helpers, at most kMaxEkChain
  Member<std::string> ip;
  Member<std::uint16_t> port;
  Member<TransportCertificate> transport_certificate;
  // IAK and IDevID were sent. This version does not verify them and says so.
  bool has_device_identity = false;
};
inline constexpr std::size_t kMaxEkChain = 8;

// Hostile input. kMalformed ("wire.registration.*") names the member. Old agents
// send no Content-Type and leave out ek_tpm when they have a certificate.
// Unknown members are ignored.
Result<RegistrationRequest> ParseRegistration(std::string_view body);

// What the agent sends.
struct Registration {
  Bytes aik_tpm;
  Bytes ek_tpm;
  // PEM text, the EK certificate first; nullopt: left out (the certificate exists
  // but could not be read this time: quirk A22); "": there is none.
  std::optional<std::string> ek_certificate_pem;
  std::string ip;
  std::uint16_t port = 0;
  std::string transport_certificate_pem;
};
std::string WriteRegistration(const Registration& registration);

// {"blob": base64}: the credential to activate.
json::Object WriteRegistrationResults(ByteView blob);
Result<Bytes> ParseRegistrationResults(const json::Value& results);

// {"auth_tag": hex}: HMAC-SHA-384 with the base64 text of the secret as key, over the identifier.
std::string WriteActivation(std::string_view auth_tag);
Result<std::string> ParseActivation(std::string_view body);  // kMalformed ("wire.activation.*")
std::string AuthTag(ByteView secret, const AgentId& id);

// GET /v2.x/agents/{id} at the registrar.
struct RegistrarAgent {
  std::string agent_id;
  Bytes ek_tpm;
  std::optional<Bytes> ek_certificate_der;
  Bytes aik_tpm;
  std::optional<std::string> ip;
  std::optional<std::uint16_t> port;
  std::optional<std::string> transport_certificate;  // PEM or "disabled"
  std::int64_t regcount = 0;
};
json::Object WriteRegistrarAgent(const RegistrarAgent& agent);
Result<RegistrarAgent> ParseRegistrarAgent(
    const json::Value& results);  // an operator's registrar, still checked

// Our own API: GET /api/v1/agents/{id} at the registrar adds what Keylime's cannot say.
enum class Identity { kVerified, kUnverified };
struct RegistrarIdentity {
  RegistrarAgent agent;
  Identity identity = Identity::kUnverified;
  std::string why;             // which check failed, for people
  json::Value findings;        // findings of the EK certificate check
  std::string ek_fingerprint;  // SHA-256 of the EK's SubjectPublicKeyInfo, hex
};
json::Object WriteRegistrarIdentity(const RegistrarIdentity& identity);
Result<RegistrarIdentity> ParseRegistrarIdentity(const json::Value& document);

}  // namespace limequat::wire
