#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/json/value.h"

namespace limequat::wire {

// {"code": …, "status": …, "results": …}: every body of Keylime's API v2.
struct Envelope {
  int code = 200;
  std::string status = "Success";
  json::Value results = json::Object();
};

// The registrar indents by four, the others write compact text.
std::string WriteEnvelope(const Envelope& envelope, bool indented = false);
// Hostile input; kMalformed ("wire.envelope"). `results` may be absent: empty object.
Result<Envelope> ParseEnvelope(std::string_view body);

// {"errors": [{"status": "403", "title": …, "detail": …}]}: what Keylime answers
// when it refuses a caller, on every API version.
std::string WriteRefusal(int status, std::string_view detail);

// The standard reason phrase: "Not Found".
std::string_view ReasonPhrase(int status);

// {"current_version": …, "supported_versions": […]} and its inverse; agents answer
// "supported_version", old ones only that (a string).
struct Versions {
  std::string current;
  std::vector<std::string> supported;
};
json::Object WriteServerVersions();
json::Object WriteAgentVersions();
Result<Versions> ParseVersions(const json::Value& results);

}  // namespace limequat::wire
