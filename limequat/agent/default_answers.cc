#include "limequat/agent/default_answers.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/wire/envelope.h"
#include "limequat/wire/version.h"

namespace limequat::agent {

namespace {

using http::Method;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// "2.6" of "/v2.6/anything" and "/v2.6anything"; empty for other paths.
std::string_view VersionOf(std::string_view path) {
  if (!path.starts_with("/v")) return {};
  path.remove_prefix(2);
  const std::size_t major =
      static_cast<std::size_t>(std::ranges::find_if_not(path, IsDigit) - path.begin());
  if (major == 0 || major >= path.size() || path[major] != '.') return {};
  const std::string_view rest = path.substr(major + 1);
  const std::size_t minor =
      static_cast<std::size_t>(std::ranges::find_if_not(rest, IsDigit) - rest.begin());
  if (minor == 0) return {};
  return path.substr(0, major + 1 + minor);
}

bool IsServed(std::string_view path, std::string_view version) {
  const std::optional<wire::ApiVersion> parsed = wire::ParseVersion(version);
  if (!parsed || std::ranges::find(wire::AgentVersions(), *parsed) == wire::AgentVersions().end()) {
    return false;
  }
  const std::string_view rest = path.substr(2 + version.size());
  return rest.empty() || rest.front() == '/';
}

// What is answered below one interface.
struct Interface {
  std::string_view name;
  std::string_view get;  // 400 for GET of an unknown path; empty: no GET at all
  std::string_view post;
  std::string_view other;
};
constexpr std::array<Interface, 4> kInterfaces{{
    {"keys", "URI not supported, only /pubkey and /verify are supported for GET in /keys interface",
     "URI not supported, only /ukey and /vkey are supported for POST in /keys interface",
     "Method is not supported in /keys interface"},
    {"quotes",
     "URI not supported, only /identity and /integrity are supported for GET in /quotes/ interface",
     "", "Method is not supported in /quotes/ interface"},
    {"notifications", "",
     "URI not supported, only /revocation is supported for POST in /notifications/ interface",
     "Method is not supported in /notifications/ interface"},
    {"agent", "URI not supported, only /info is supported for GET in /agent interface", "",
     "Method is not supported in /agent interface"},
}};

http::Response NotAllowed(std::string_view text, std::string_view allow) {
  http::Response response = Fail(405, text);
  response.headers.Set("Allow", allow);
  return response;
}

http::Response Unknown(Method method, std::string_view get, std::string_view post,
                       std::string_view other) {
  if (method == Method::kGet && !get.empty()) return Fail(400, get);
  if (method == Method::kPost && !post.empty()) return Fail(400, post);
  const std::string_view allow = get.empty() ? "POST" : post.empty() ? "GET" : "GET, POST";
  return NotAllowed(other, allow);
}

http::Response UnknownPath(const http::Request& request) {
  const std::string_view path = request.path;
  const std::string_view version = VersionOf(path);
  if (version.empty()) {
    std::string versions;
    for (const wire::ApiVersion& known : wire::AgentVersions()) {
      versions += fmt::format("/{}, ", known.ToString());
    }
    versions.resize(versions.size() - 2);
    const std::string text =
        fmt::format("Not Implemented: Use {} or /version interfaces", versions);
    return Unknown(request.method, text, text, "Method is not supported");
  }
  if (!IsServed(path, version)) {
    return Fail(400, fmt::format("API version not supported: v{}", version));
  }
  std::string_view name = path.substr(2 + version.size());
  if (!name.empty()) name.remove_prefix(1);
  name = name.substr(0, name.find('/'));
  const bool has_agent = version != "2.1";
  for (const Interface& interface : kInterfaces) {
    if (name != interface.name || (name == "agent" && !has_agent)) continue;
    return Unknown(request.method, interface.get, interface.post, interface.other);
  }
  return Unknown(request.method, "Not Implemented: Use /agent, /keys, or /quotes interfaces",
                 "Not Implemented: Use /keys or /notifications interfaces",
                 "Method is not supported");
}

}  // namespace

http::Response Fail(int status, std::string_view text) {
  return http::Reply(status, wire::WriteEnvelope({.code = status, .status = std::string(text)}));
}

http::Response Refuse(const http::Request& request, int status, const Error& why) {
  if (status == 404) return UnknownPath(request);
  if (status == 405) return http::Reply(405, "");
  if (status == 503) return Fail(500, "the agent is busy");
  return Fail(status, EscapeForDisplay(why.message, 400));
}

}  // namespace limequat::agent
