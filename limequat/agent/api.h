#pragma once

#include <string_view>

#include "limequat/agent/bootstrap_key.h"
#include "limequat/agent/evidence.h"
#include "limequat/crypto/key.h"
#include "limequat/http/router.h"
#include "limequat/wire/agent_id.h"

namespace limequat::agent {

// What the routes work on: all of it must outlive every server of the router
// (http::Server::Stop waits for handlers).
struct ApiState {
  const wire::AgentId& id;
  const crypto::PrivateKey& transport_key;
  Evidence& evidence;
  BootstrapKey& bootstrap_key;
};

// The role of whoever holds a certificate of a trusted client authority.
inline constexpr std::string_view kClientRole = "client";

// API 2.1 to 2.6 of Keylime's agent (keylime-agent-protocol, 3). Every route wants a
// client certificate. Quotes run on the evidence lane, one after another if it has
// one worker, and the rest beside them. Payloads are refused: this agent runs nothing
// that comes over the network.
http::Router MakeRouter(const ApiState& state);

}  // namespace limequat::agent
