#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "limequat/http/api_for_test.h"
#include "limequat/verifier/api.h"
#include "limequat/verifier/fleet_for_test.h"

namespace limequat::verifier {

using http::ApiAnswer;
using http::As;

// The verifier behind its listener.
class ApiTest : public VerifierTest {
 protected:
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

  http::ApiCallers callers_{runtime_, std::string(kOperatorRole)};
  std::shared_ptr<const http::Router> router_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace limequat::verifier
