#pragma once

#include <optional>
#include <string>

#include "limequat/base/error.h"
#include "limequat/http/router.h"
#include "limequat/json/value.h"

// What the sources of Keylime's API share. Included by nobody else.
namespace limequat::verifier {

// Keylime's envelope around results; `code` is also the status of the response.
http::Response KeylimeReply(int code, std::string status, json::Value results = json::Object());

// Keylime's answer to a policy that nobody vouches for (5.7); nullopt for another error.
std::optional<http::Response> SignatureError(const Error& error);

// Whether the path names a version of the API that we have.
bool KnownVersion(const http::Request& request);
// The answer to a path of another version, as for any unknown path.
http::Response UnknownVersion();

}  // namespace limequat::verifier
