#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "limequat/json/value.h"
#include "limequat/verifier/api.h"
#include "limequat/verifier/fleet_for_test.h"

namespace limequat::verifier {

// Who calls the API: with a certificate of the operators, with one of the services, or
// with none.
enum class As { kOperator, kService, kNobody };

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

// The verifier behind its listener.
class ApiTest : public VerifierTest {
 protected:
  ApiTest();
  ~ApiTest() override;

  // As VerifierTest, with the listener.
  void Stop();

  ApiAnswer Get(const std::string& target, As as = As::kOperator);
  ApiAnswer Post(const std::string& target, std::string body, As as = As::kOperator);
  ApiAnswer Put(const std::string& target, std::string body, As as = As::kOperator);
  ApiAnswer Delete(const std::string& target, As as = As::kOperator);
  ApiAnswer Call(http::Method method, const std::string& target, std::string body = {},
                 As as = As::kOperator);
  // Sends only the head of a request that announces a body of this length.
  int StatusOfLength(std::string_view method, const std::string& target, std::size_t length);

  // The message that enrols `agent`, with a policy that lists what it ran.
  wire::EnrolRequest RequestFor(const AgentPeer& agent) const;
  // Puts machines m0001, m0002, … into the database; nobody answers for them.
  void PutMachines(int count);
  const http::Router& router();

 private:
  void Serve();

  const http::TestCa servers_{"servers"};
  const http::TestCa operators_{"operators"};
  const http::TestCa services_{"services"};
  const http::Identity alice_ = operators_.Client("alice");
  std::vector<std::unique_ptr<http::Client>> callers_;
  std::shared_ptr<const http::Router> router_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace limequat::verifier
