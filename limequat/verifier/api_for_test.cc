#include "limequat/verifier/api_for_test.h"

#include <utility>

#include <fmt/format.h>

namespace limequat::verifier {

ApiTest::~ApiTest() { server_.reset(); }

const http::Router& ApiTest::router() {
  if (!router_) {
    router_ = MakeRouter({.fleet = fleet(),
                          .store = store(),
                          .policies = policies_,
                          .boots = boots_,
                          .verifier_id = "default",
                          .listen_address = "10.0.0.1",
                          .listen_port = 8881});
  }
  return *router_;
}

void ApiTest::Serve() {
  router();
  auto server = http::Server::Listen(runtime_, router_, callers_.Secure());
  ASSERT_TRUE(server) << server.error().message;
  server_ = *std::move(server);
}

ApiAnswer ApiTest::Call(http::Method method, const std::string& target, std::string body, As as) {
  if (!server_) Serve();
  return callers_.Call(server_->port(), as, method, target, std::move(body));
}

void ApiTest::Stop() {
  server_.reset();
  router_.reset();
  VerifierTest::Stop();
}

ApiAnswer ApiTest::Get(const std::string& target, As as) {
  return Call(http::Method::kGet, target, {}, as);
}
ApiAnswer ApiTest::Post(const std::string& target, std::string body, As as) {
  return Call(http::Method::kPost, target, std::move(body), as);
}
ApiAnswer ApiTest::Put(const std::string& target, std::string body, As as) {
  return Call(http::Method::kPut, target, std::move(body), as);
}
ApiAnswer ApiTest::Delete(const std::string& target, As as) {
  return Call(http::Method::kDelete, target, {}, as);
}

int ApiTest::StatusOfLength(std::string_view method, const std::string& target,
                            std::size_t length) {
  if (!server_) Serve();
  http::RawClient client(server_->port());
  if (!client.StartTls(&callers_.alice())) return 0;
  const auto answer = client.Exchange(
      fmt::format("{} {} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
                  method, target, length));
  return answer ? answer->status : 0;
}

wire::EnrolRequest ApiTest::RequestFor(const AgentPeer& agent) const {
  wire::EnrolRequest request = agent.Request();
  request.runtime_policy = agent.PolicyText();
  return request;
}

void ApiTest::PutMachines(int count) {
  const Enrolment enrolment = *testing::MakeTestEnrolment();
  const auto put = store().PutMachine(enrolment, {}, false);
  ASSERT_TRUE(put);
  Execute(fmt::format(
      "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {}) "
      "INSERT INTO machines SELECT printf('m%04d', n), generation, enrolment, policy_hash, "
      "ek_fingerprint, memory, boot_policy_name FROM machines, number",
      count));
  Execute("DELETE FROM machines WHERE agent_id = 'machine-1'");
}

}  // namespace limequat::verifier
