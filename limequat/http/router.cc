#include "limequat/http/router.h"

#include <algorithm>
#include <optional>

#include "limequat/base/check.h"

namespace limequat::http {
namespace {

using Parameters = std::vector<std::pair<std::string, std::string>>;

// Cuts the next segment off the front of `path`, which begins behind a '/'.
std::string_view TakeSegment(std::string_view& path) {
  const std::size_t slash = path.find('/');
  const std::string_view segment = path.substr(0, slash);
  path = slash == std::string_view::npos ? std::string_view() : path.substr(slash);
  return segment;
}

bool IsParameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

std::optional<Parameters> MatchPattern(std::string_view pattern, std::string_view path) {
  Parameters parameters;
  while (!pattern.empty() && !path.empty()) {
    pattern.remove_prefix(1);
    path.remove_prefix(1);
    const std::string_view expected = TakeSegment(pattern);
    const std::string_view got = TakeSegment(path);
    if (IsParameter(expected)) {
      if (got.empty()) return std::nullopt;
      parameters.emplace_back(expected.substr(1, expected.size() - 2), got);
    } else if (expected != got) {
      return std::nullopt;
    }
  }
  if (!pattern.empty() || !path.empty()) return std::nullopt;
  return parameters;
}

// A path starts with '/' (the server refuses others); "/" alone has no segments.
std::string_view WithoutTrailingSlash(std::string_view path) {
  if (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

Response EmptyRefusal(int status) { return Reply(status, "", "text/html; charset=UTF-8"); }

}  // namespace

Access Access::Public(std::string_view why) {
  LQ_CHECK(!why.empty());
  Access access;
  access.why_ = why;
  return access;
}

Access Access::Roles(std::vector<std::string> roles) {
  // No role at all would read as "public", and an empty one as "anonymous".
  LQ_CHECK(!roles.empty());
  LQ_CHECK(std::ranges::none_of(roles, [](const std::string& role) { return role.empty(); }));
  Access access;
  access.roles_ = std::move(roles);
  return access;
}

bool Access::Allows(const Principal& principal) const {
  if (is_public()) return true;
  return !principal.anonymous() && std::ranges::find(roles_, principal.role) != roles_.end();
}

std::string Access::Describe() const {
  if (is_public()) return "public: " + why_;
  std::string text = "roles:";
  for (const std::string& role : roles_) text += " " + role;
  return text;
}

Responder::Responder(Send send) : send_(std::move(send)) {}

Responder::Responder(Responder&& other) noexcept : send_(std::exchange(other.send_, nullptr)) {}

Responder::~Responder() {
  if (send_) (*this)(Internal("http.unanswered", "the handler ended without an answer"));
}

void Responder::operator()(Result<Response> response) {
  if (Send send = std::exchange(send_, nullptr)) send(std::move(response));
}

Router::Router()
    : refusal_([](const Request&, int status, const Error&) { return EmptyRefusal(status); }) {}

Router& Router::Add(Method method, std::string_view pattern, Access access, RouteOptions options,
                    Handler handler) {
  LQ_CHECK(pattern.starts_with('/') && handler != nullptr);
  routes_.push_back({method, std::string(pattern), std::move(access), options, std::move(handler)});
  return *this;
}

Router& Router::AddAsync(Method method, std::string_view pattern, Access access,
                         RouteOptions options, AsyncHandler handler) {
  LQ_CHECK(pattern.starts_with('/') && handler != nullptr);
  routes_.push_back({method, std::string(pattern), std::move(access), options, std::move(handler)});
  return *this;
}

Router& Router::OnRefusal(Refusal refusal) {
  LQ_CHECK(refusal != nullptr);
  refusal_ = std::move(refusal);
  return *this;
}

Router::Match Router::Find(Method method, std::string_view path) const {
  Match match;
  path = WithoutTrailingSlash(path);
  for (const Route& route : routes_) {
    std::optional<Parameters> parameters = MatchPattern(WithoutTrailingSlash(route.pattern), path);
    if (!parameters) continue;
    if (route.method == method) {
      match.route = &route;
      match.method_differs = false;
      match.parameters = *std::move(parameters);
      match.allowed.clear();
      return match;
    }
    match.method_differs = true;
    if (std::ranges::find(match.allowed, route.method) == match.allowed.end()) {
      match.allowed.push_back(route.method);
    }
  }
  return match;
}

Response Router::Refuse(const Request& request, int status, const Error& why) const {
  return refusal_(request, status, why);
}

}  // namespace limequat::http
