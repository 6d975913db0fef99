#include "limequat/verifier/api_for_test.h"

#include <fmt/format.h>

namespace limequat::verifier {

json::Value ApiAnswer::At(std::initializer_list<std::string_view> path) const {
  const json::Value* value = &document;
  for (const std::string_view name : path) {
    const json::Object* object = value->as_object();
    value = object == nullptr ? nullptr : object->Find(name);
    if (value == nullptr) return {};
  }
  return *value;
}

std::string ApiAnswer::Text(std::initializer_list<std::string_view> path) const {
  const json::Value value = At(path);
  return value.as_string() != nullptr ? *value.as_string() : "(no text)";
}

std::int64_t ApiAnswer::Int(std::initializer_list<std::string_view> path) const {
  return At(path).as_int64().value_or(-1);
}

std::string ApiAnswer::Error() const { return fmt::format("{} {}", status, Text({"error", "id"})); }

std::string ApiAnswer::Told() const {
  if (Int({"code"}) != status || At({"results"}).as_object() == nullptr) {
    return fmt::format("{} without an envelope: {}", status, body);
  }
  return fmt::format("{} {}", status, Text({"status"}));
}

ApiTest::ApiTest() {
  const auto caller = [&](const http::Identity* identity) {
    http::ClientOptions options;
    if (identity != nullptr) {
      options.chain = {identity->certificate};
      options.private_key_pem = identity->key.ExposePem();
    }
    callers_.push_back(*http::Client::Create(runtime_, std::move(options)));
  };
  const http::Identity service = services_.Client("a service");
  caller(&alice_);
  caller(&service);
  caller(nullptr);
}

ApiTest::~ApiTest() { server_.reset(); }

const http::Router& ApiTest::router() {
  if (!router_) {
    router_ = MakeRouter({.fleet = fleet(),
                          .store = store(),
                          .policies = policies_,
                          .verifier_id = "default",
                          .listen_address = "10.0.0.1",
                          .listen_port = 8881});
  }
  return *router_;
}

void ApiTest::Serve() {
  router();
  http::ListenOptions options;
  options.tls = http::TlsOf(servers_.Server());
  options.tls->client_authorities = {
      {.role = std::string(kOperatorRole), .anchors = {operators_.certificate()}},
      {.role = "service", .anchors = {services_.certificate()}}};
  auto server = http::Server::Listen(runtime_, router_, std::move(options));
  ASSERT_TRUE(server) << server.error().message;
  server_ = *std::move(server);
}

ApiAnswer ApiTest::Call(http::Method method, const std::string& target, std::string body, As as) {
  if (!server_) Serve();
  const http::Endpoint endpoint{.host = "127.0.0.1",
                                .port = server_->port(),
                                .tls = true,
                                .trust = http::Anchored(servers_.certificate())};
  const auto response =
      callers_.at(static_cast<std::size_t>(as))
          ->SendAndWait(
              endpoint,
              {.method = method, .target = target, .headers = {}, .body = std::move(body)},
              http::In(std::chrono::seconds(10)));
  if (!response) {
    ADD_FAILURE() << target << ": " << response.error().message;
    return {};
  }
  ApiAnswer answer{.status = response->status,
                   .content_type = std::string(response->headers.Find("Content-Type").value_or("")),
                   .body = response->body,
                   .document = {}};
  if (auto document = json::Parse(answer.body)) answer.document = *std::move(document);
  return answer;
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
  if (!client.StartTls(&alice_)) return 0;
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
      "INSERT INTO machines SELECT printf('m%04d', n), generation, enrolment, policy_name, "
      "policy_hash, ek_fingerprint, memory FROM machines, number",
      count));
  Execute("DELETE FROM machines WHERE agent_id = 'machine-1'");
}

}  // namespace limequat::verifier
