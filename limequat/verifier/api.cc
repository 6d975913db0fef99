#include "limequat/verifier/api.h"

#include "limequat/json/value.h"
#include "limequat/wire/envelope.h"

namespace limequat::verifier {

namespace {

// What Keylime's server answers when no handler was reached: an empty HTML body,
// except that it refuses callers with a document of its own.
http::Response RefuseAsKeylime(int status, const Error& error) {
  if (status == 401 || status == 403)
    return http::Reply(status, wire::WriteRefusal(status, error.message));
  if (error.id.starts_with("http.") || error.id.starts_with("runtime."))
    return http::Reply(status, "", "text/html; charset=UTF-8");
  return http::Reply(
      status,
      wire::WriteEnvelope({.code = status, .status = error.message, .results = json::Object()}));
}

}  // namespace

http::Response OwnError(int status, const Error& error) {
  const json::Object document{{"error", json::Object{{"code", ErrorCodeName(error.code)},
                                                     {"id", error.id},
                                                     {"message", error.message}}}};
  return http::Reply(status, json::Serialize(document));
}

http::Access Operators() { return http::Access::Roles({std::string(kOperatorRole)}); }

http::RouteOptions Administration() { return {.lane = http::Lane::kAdministration}; }

http::RouteOptions Upload(std::size_t max_body) {
  constexpr int kUploadsAtOnce = 8;
  return {.lane = http::Lane::kAdministration, .max_body = max_body, .max_running = kUploadsAtOnce};
}

std::shared_ptr<http::Router> MakeRouter(const ApiParts& parts) {
  auto router = std::make_shared<http::Router>();
  router->OnRefusal([](const http::Request& request, int status, const Error& why) {
    return request.path.starts_with("/api/") ? OwnError(status, why) : RefuseAsKeylime(status, why);
  });
  AddKeylimeRoutes(*router, parts);
  AddMachineRoutes(*router, parts);
  AddBootLogRoutes(*router, parts);
  AddPolicyRoutes(*router, parts);
  AddPolicyRemovalRoutes(*router, parts);
  AddLabelRoutes(*router, parts);
  AddBootPolicyRoutes(*router, parts);
  AddKeylimePolicyRoutes(*router, parts);
  AddKeylimeBootRoutes(*router, parts);
  AddIncidentRoutes(*router, parts);
  return router;
}

}  // namespace limequat::verifier
