#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "limequat/agent/bootstrap_key.h"
#include "limequat/agent/evidence.h"
#include "limequat/agent/identity.h"
#include "limequat/agent/state.h"
#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/config/agent.h"
#include "limequat/crypto/certificate.h"
#include "limequat/http/client.h"
#include "limequat/http/runtime.h"
#include "limequat/http/server.h"

namespace limequat::agent {

// The threads of an agent: quotes one after another behind a bounded queue.
http::RuntimeOptions RuntimeOptions();

// What can be wrong with a configuration beyond its syntax, without touching the TPM:
// algorithms, identifier, trusted authorities (attack A17: a lab's only with lab = true).
Status CheckConfiguration(const config::AgentConfig& config);

// A machine's agent. Whatever it loads into the TPM is flushed when it ends.
class Service {
 public:
  // Opens the logs, the TPM, and the keys.
  static Result<std::unique_ptr<Service>> Open(http::Runtime& runtime,
                                               const config::AgentConfig& config);

  // Registers and activates, then serves: nobody shall reach an agent whose key is not
  // proved. Blocks until it serves; ends early with kUnavailable when `cancel` fires.
  // Errors of Register and http::Server::Listen.
  Status Start(const http::CancelToken& cancel);

  // After Start.
  std::uint16_t port() const;
  const wire::AgentId& id() const { return id_; }

 private:
  struct Parts;
  Service(http::Runtime& runtime, const config::AgentConfig& config, Parts parts);
  Status RegisterOnce(const http::CancelToken& cancel);
  Status Listen();

  http::Runtime& runtime_;
  const config::AgentConfig config_;
  const StateFolder state_;
  const wire::AgentId id_;
  const crypto::PrivateKey transport_key_;
  const ServerIdentity server_identity_;
  const std::vector<crypto::Certificate> clients_;
  const std::unique_ptr<device::Tpm> tpm_;
  std::optional<device::Tpm::Key> ek_;  // until the agent is activated
  const Bytes ek_tpm_;
  const std::optional<std::string> ek_certificate_pem_;
  Evidence evidence_;
  BootstrapKey bootstrap_key_;
  // Last: when it ends nobody asks any more, and the others may go.
  std::unique_ptr<http::Server> server_;
};

}  // namespace limequat::agent
