#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
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

// Runs on a worker of the route's lane and may block it for the length of a
// database read. An Error is answered by the router's Refusal with HttpStatus(code).
using Handler = std::function<Result<Response>(const Request&, Context&)>;

// The one chance to answer an asynchronous request: from any thread, never blocks.
// The first call wins; it is ignored if nobody waits any more. Dropped unanswered:
// 503 while stopping, else 500 ("http.unanswered").
class Responder {
 public:
  using Send = std::move_only_function<void(Result<Response>)>;
  explicit Responder(Send send);
  Responder(Responder&&) noexcept;
  Responder& operator=(Responder&&) = delete;
  ~Responder();
  void operator()(Result<Response> response);

 private:
  Send send_;
};

// Starts on a worker of the route's lane, must not block there, and answers later:
// after a group commit (sql::Database::WriteAsync) or an outgoing call
// (Client::Send). No worker waits in between.
using AsyncHandler =
    std::function<void(std::shared_ptr<const Request>, std::shared_ptr<Context>, Responder)>;

// Checked in this order: route, method, access, size, then the body is read.
struct RouteOptions {
  Lane lane = Lane::kAdministration;
  std::size_t max_body = 64U << 10U;          // a longer body is answered 413, unread
  std::chrono::milliseconds timeout{30'000};  // end of the head to the complete Response, and each
                                              // call of a Producer or event source: 503
  std::chrono::milliseconds stall_timeout{
      30'000};  // no byte of the answer leaves for this long: closed
  std::chrono::milliseconds max_duration{3'600'000};  // of a produced body or event stream in all
  std::size_t max_running = 1024;  // requests and streams of this route at once; beyond: 503
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
    std::variant<Handler, AsyncHandler> handler;
  };
  // Writes the answer for a refusal (400, 401, 403, 404, 405, 413, 429, 500, 503)
  // and for an Error of a handler. `request` may lack a body. Runs on an I/O thread
  // and must not block; the body of its Response is text.
  using Refusal = std::function<Response(const Request& request, int status, const Error& why)>;

  Router();
  Router& Add(Method method, std::string_view pattern, Access access, RouteOptions options,
              Handler handler);
  Router& AddAsync(Method method, std::string_view pattern, Access access, RouteOptions options,
                   AsyncHandler handler);
  Router& OnRefusal(Refusal refusal);

  const std::vector<Route>& routes() const { return routes_; }

  struct Match {
    const Route* route = nullptr;  // nullptr: none
    bool method_differs = false;   // a pattern fits, with another method only
    std::vector<Method> allowed;   // then: the methods that exist (RFC 9110, 15.5.6)
    std::vector<std::pair<std::string, std::string>> parameters;
  };
  Match Find(Method method, std::string_view path) const;
  Response Refuse(const Request& request, int status, const Error& why) const;

 private:
  std::vector<Route> routes_;
  Refusal refusal_;
};

}  // namespace limequat::http
