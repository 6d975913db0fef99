#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "limequat/agent/state.h"
#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/crypto/certificate.h"
#include "limequat/crypto/key.h"
#include "limequat/device/tpm.h"
#include "limequat/tpm/algorithm.h"
#include "limequat/wire/agent_id.h"

namespace limequat::agent {

// The algorithms of this machine's keys, by the names of Keylime's configuration.
struct KeyChoice {
  device::KeyKind kind = device::KeyKind::kRsa2048;
  tpm::AlgorithmId scheme = tpm::AlgorithmId::kRsaSsa;
  crypto::HashAlgorithm hash = crypto::HashAlgorithm::kSha256;  // of the key and the PCR bank
};

// "rsa", "rsa2048", "ecc", "ecc256", "ecc_nist_p256", "ecc384", "ecc_nist_p384";
// "rsassa", ...; "sha256", ... An empty scheme is the usual one for the key.
// kUnsupported ("agent.algorithm") for others.
Result<KeyChoice> ParseKeyChoice(std::string_view encryption, std::string_view signing,
                                 std::string_view hash);
// Name of the key's type in an answer of API `minor` (keylime-agent-protocol, 3.7).
std::string_view EncryptionName(device::KeyKind kind, int minor);

// SHA-256 of the endorsement key's PEM text, in hexadecimal: Keylime's `hash_ek`.
std::string EkHash(const tpm::PublicArea& ek);

// The endorsement key: a persistent one if `handle` is set, else of the template.
Result<device::Tpm::Key> ObtainEndorsementKey(device::Tpm& tpm, device::KeyKind kind,
                                              std::optional<std::uint32_t> handle);

// The certificate and its helpers as a registration carries them: PEM text, "" if
// the TPM has none, nullopt if it could not be read this time (quirk A22).
std::optional<std::string> EkCertificatePem(const device::EkCertificates& certificates);

// The attestation key that was used before, or a new one, which is then kept. A new
// one is made only when the old one cannot be this machine's (another TPM, other
// algorithms, a damaged file): registrars refuse a second key for one identifier.
// Trouble of the TPM is an error and never a new key. Logs why a key was made.
Result<device::Tpm::Key> ObtainAttestationKey(device::Tpm& tpm, const device::Tpm::Key& ek,
                                              const KeyChoice& choice, const StateFolder& state);
// The key that was kept, after trouble with the TPM: never a new one. Its endorsement
// key is only needed for the time of loading.
Result<device::Tpm::Key> ReloadAttestationKey(device::Tpm& tpm, const KeyChoice& choice,
                                              std::optional<std::uint32_t> ek_handle,
                                              const StateFolder& state);
// Flushes what a killed agent left in a TPM without a resource manager.
Status FlushOldAttestationKey(device::Tpm& tpm, const StateFolder& state);

// Keylime's "NK": the key to which tenants and verifiers encrypt, bound to quotes
// through PCR 16. RSA-2048, kept in the state folder. kMalformed
// ("agent.transport_key") for a file with another key.
Result<crypto::PrivateKey> ObtainTransportKey(const StateFolder& state);

// What the agent's own TLS server is: a self-signed certificate that is registered
// and then pinned by others.
struct ServerIdentity {
  crypto::PrivateKey key;
  crypto::Certificate certificate;
};

// Made by the agent and kept in the state folder. The certificate is made anew, with a
// word in the log, if there is none, it is not of the key or of `id`, or it is not
// valid at `now` (quirk A13). It is valid for ten years: whoever pins it would have to
// learn a new one, and expiry protects nobody from a stolen key that is pinned.
Result<ServerIdentity> ObtainServerIdentity(const StateFolder& state, const wire::AgentId& id,
                                            const std::string& contact_host, Time now);
// Made by the operator: never written. kUntrusted ("agent.server_certificate") if the
// certificate is not of the key or not valid at `now`.
Result<ServerIdentity> LoadServerIdentity(const std::filesystem::path& certificate,
                                          const std::filesystem::path& key, Time now);
// Names of the agent's own files in the state folder.
inline constexpr std::string_view kServerCertificateFile = "server.pem";
inline constexpr std::string_view kServerKeyFile = "server.key";

}  // namespace limequat::agent
