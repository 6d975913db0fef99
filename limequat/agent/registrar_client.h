#pragma once

#include <chrono>
#include <functional>

#include "limequat/base/result.h"
#include "limequat/base/secret.h"
#include "limequat/http/client.h"
#include "limequat/tpm/credential.h"
#include "limequat/wire/agent_id.h"
#include "limequat/wire/registration.h"

namespace limequat::agent {

// How long a registrar that does not answer is waited for: between tries 1, 2, 4, ...
// times `first_delay`, at most `max_delay`.
struct RetryPolicy {
  std::chrono::milliseconds first_delay{1'000};
  std::chrono::milliseconds max_delay{60'000};
  int max_retries = 12;
  std::chrono::milliseconds request_timeout{30'000};
};

// Proves to the registrar that the attestation key is in this TPM: TPM2_ActivateCredential.
using Activate = std::function<Result<Secret>(const tpm::Credential&)>;

// Registers and activates `id` (keylime-agent-protocol, 2). The registrar's answers
// are hostile: the transport is plain HTTP, since the credential protects itself. Blocks;
// ends early with kUnavailable when `cancel` fires.
//
// Retried, from the beginning: transport trouble, status 408, 429 and 5xx. Final:
// kConflict ("agent.registration.identity"): 403, the registrar knows this identifier
// with another identity; kUntrusted ("agent.registration.refused"): another status;
// kUnsupported ("agent.registration.version"): no common version; whatever `activate`
// gives; kMalformed for what is no answer of a registrar.
Status Register(http::Client& client, const http::Endpoint& registrar, const wire::AgentId& id,
                const wire::Registration& registration, const Activate& activate,
                const RetryPolicy& policy, const http::CancelToken& cancel);

}  // namespace limequat::agent
