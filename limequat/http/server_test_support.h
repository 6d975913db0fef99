#pragma once

// What the tests of the server share: routes, and requests as text.

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "limequat/http/server.h"
#include "limequat/http/test_support.h"

namespace limequat::http {

inline Access Anybody() { return Access::Public("test"); }

// A router with what most tests need: "/echo" and "/version".
inline Router Basic() {
  Router router;
  router
      .Add(Method::kPost, "/echo", Anybody(), {},
           [](const Request& request, Context&) -> Result<Response> {
             return Reply(200, request.body);
           })
      .Add(Method::kGet, "/version", Anybody(), {.lane = Lane::kHealth},
           [](const Request&, Context&) -> Result<Response> { return Reply(200, "{}"); });
  return router;
}

inline Router With(Method method, std::string_view pattern, RouteOptions options, Handler handler) {
  Router router = Basic();
  router.Add(method, pattern, Anybody(), options, std::move(handler));
  return router;
}

inline RuntimeOptions OneEvidenceWorker(std::size_t max_queued = 16) {
  RuntimeOptions options;
  options.evidence = {.workers = 1, .max_queued = max_queued};
  return options;
}

inline std::string Get(std::string_view target, std::string_view more = "") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: h\r\n" + std::string(more) + "\r\n";
}

inline std::string Post(std::string_view target, std::string_view body,
                        std::string_view more = "") {
  return "POST " + std::string(target) +
         " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(more) + "\r\n" + std::string(body);
}

inline int StatusOf(const TestServer& server, std::string_view request) {
  RawClient client(server.port());
  const auto answer = client.Exchange(request);
  return answer ? answer->status : -1;
}

}  // namespace limequat::http
