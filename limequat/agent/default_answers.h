#pragma once

#include <string>
#include <string_view>

#include "limequat/http/message.h"
#include "limequat/http/router.h"

namespace limequat::agent {

// What the agent answers when no route fits, or a route could not be served, in the
// words of Keylime's agent (keylime-agent-protocol, 10): its verifier takes "API
// version not supported" for a reason to ask for /version again, and everything that is
// neither that nor 408 nor 500 for the end of the machine. So a full queue or a
// passed deadline is 500 here, never 503.
http::Response Refuse(const http::Request& request, int status, const Error& why);

// An envelope without results.
http::Response Fail(int status, std::string_view text);

}  // namespace limequat::agent
