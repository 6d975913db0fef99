#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/http/message.h"
#include "limequat/http/runtime.h"

namespace limequat::http {

// Who may use a route. There is no default: a route without a rule does not compile.
class Access {
 public:
  // Anybody, also without TLS where the listener has none. `why` says why that is
  // safe; it is printed by the route list.
  static Access Public(std::string_view why);
  // Whoever holds a certificate issued by the authority of one of these roles.
  static Access Roles(std::vector<std::string> roles);

  bool Allows(const Principal& principal) const;
  bool is_public() const { return roles_.empty(); }
  std::string Describe() const;

 private:
  Access() = default;
  std::vector<std::string> roles_;
  std::string why_;
};

using Handler = std::function<Response(const Request&, Context&)>;

struct RouteOptions {
  Lane lane = Lane::kAdministration;
  std::size_t max_body = 64U << 10U;      // a longer body is answered 413, unread
  std::chrono::milliseconds timeout{30'000};  // from the end of the head to the end of the answer
};

// Patterns are split on '/'; a segment "{name}" matches one non-empty segment, not
// percent-decoded; others match exactly. One trailing slash of a path is ignored.
// Earlier routes win. A table of data: tests walk it and try every route without a
// certificate (CVE-2026-1709 of Keylime).
class Router {
 public:
  struct Route {
    Method method;
    std::string pattern;
    Access access;
    RouteOptions options;
    Handler handler;
  };
  // Writes the answer for a refusal made outside a handler: 400, 403, 404, 405,
  // 413, 500, 503. `request` may lack a body.
  using Refusal = std::function<Response(const Request& request, int status, const Error& why)>;

  Router();
  Router& Add(Method method, std::string_view pattern, Access access, RouteOptions options, Handler handler);
  Router& OnRefusal(Refusal refusal);

  const std::vector<Route>& routes() const { return routes_; }

  struct Match {
    const Route* route = nullptr;      // nullptr: none
    bool method_differs = false;       // a pattern fits, with another method only
    std::vector<std::pair<std::string, std::string>> parameters;
  };
  Match Find(Method method, std::string_view path) const;
  Response Refuse(const Request& request, int status, const Error& why) const;

 private:
  std::vector<Route> routes_;
  Refusal refusal_;
};

}  // namespace limequat::http
