#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/http/test_support.h"
#include "limequat/json/value.h"

// What the tests of the services' APIs share: who calls them, and how an answer is read.

namespace limequat::http {

// How a caller comes: with an operator's certificate, with a service's, without one, or
// over plain HTTP.
enum class As { kOperator, kService, kNobody, kPlain };

struct ApiAnswer {
  int status = 0;
  std::string content_type;
  std::string body;
  json::Value document;  // null if the body is no JSON

  // A member by its path, null if it is absent: At({"results", "uuids"}).
  json::Value At(std::initializer_list<std::string_view> path) const;
  std::string Text(std::initializer_list<std::string_view> path) const;
  std::int64_t Int(std::initializer_list<std::string_view> path) const;
  // "404 verifier.unknown_agent": an error of /api/v1.
  std::string Error() const;
  // "404 agent id not found": status and text of Keylime's envelope, if code and status agree.
  std::string Told() const;
};

// The callers of one service, and the certificates of both sides.
class ApiCallers {
 public:
  // `operators`: the role that the service gives to who has an operator's certificate.
  ApiCallers(Runtime& runtime, std::string operators);

  // What the service listens with, to tell the callers apart.
  ListenOptions Secure() const;
  // Fails the test if there is no answer within 10 seconds.
  ApiAnswer Call(std::uint16_t port, As as, Method method, const std::string& target,
                 std::string body = {});
  // The operator's.
  const Identity& alice() const { return alice_; }

 private:
  const std::string role_;
  const TestCa servers_{"servers"};
  const TestCa operators_{"operators"};
  const TestCa services_{"services"};
  const Identity alice_ = operators_.Client("alice");
  std::vector<std::unique_ptr<Client>> clients_;  // in the order of As; over plain HTTP: kNobody's
};

}  // namespace limequat::http
