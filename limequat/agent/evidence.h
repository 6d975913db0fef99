#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "limequat/agent/identity.h"
#include "limequat/base/result.h"
#include "limequat/crypto/key.h"
#include "limequat/device/logs.h"
#include "limequat/device/tpm.h"
#include "limequat/wire/attestation.h"
#include "limequat/wire/version.h"

namespace limequat::agent {

// The logs of this machine; one that could not be opened is simply not evidence.
struct Logs {
  std::optional<device::ImaLog> ima;
  std::optional<device::BootLog> boot;
};

// Loads the attestation key again after the TPM was connected anew.
using ReloadKey = std::function<Result<device::Tpm::Key>()>;

// Collects what verifiers ask for. Thread-safe; one quote at a time.
class Evidence {
 public:
  // `tpm` must outlive it. `ak` is flushed with it.
  Evidence(device::Tpm& tpm, device::Tpm::Key ak, ReloadKey reload, const KeyChoice& choice,
           const crypto::PublicKey& transport_key, Logs logs);

  // A quote of PCR 16 only, with the transport key that is bound to it. When the
  // connection to the TPM is broken or the key is lost (device::IsLost), both are made
  // anew and the quote tried once more; never for what the TPM itself refuses.
  Result<wire::QuoteAnswer> Identity(std::string_view nonce, const wire::ApiVersion& version);

  // A quote of the PCRs of the mask and PCR 16, and the logs (keylime-agent-protocol,
  // 3.5.7). The measurement list is read after the quote: it may be ahead of it, never
  // behind. Errors of the TPM and of the measurement list; a boot log that cannot be
  // read is left out, with a word in the log.
  Result<wire::QuoteAnswer> Integrity(const wire::IntegrityQuery& query,
                                      const wire::ApiVersion& version);

  const KeyChoice& choice() const { return choice_; }
  // The attestation key's public area and the TPM's handle for it (for people).
  const tpm::PublicArea& ak_public() const { return ak_public_; }
  std::uint32_t ak_handle() const;
  const std::string& transport_key_pem() const { return transport_key_pem_; }
  // Proves to a registrar that the attestation key is in this TPM.
  Result<Secret> Activate(const device::Tpm::Key& ek, const tpm::Credential& credential);

 private:
  Result<wire::QuoteAnswer> Quote(std::string_view nonce, tpm::PcrSet pcrs,
                                  const wire::ApiVersion& version);
  Result<device::Quote> TakeQuote(const device::QuoteRequest& request);

  device::Tpm& tpm_;
  mutable std::mutex mutex_;
  device::Tpm::Key ak_;
  const tpm::PublicArea ak_public_;
  const ReloadKey reload_;
  const KeyChoice choice_;
  const std::string transport_key_pem_;
  Logs logs_;
};

}  // namespace limequat::agent
