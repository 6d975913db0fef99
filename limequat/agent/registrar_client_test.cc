#include "limequat/agent/registrar_client.h"

#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/agent/test_support.h"

namespace limequat::agent {
namespace {

using testing::ElementsAre;

class RegistrarClientTest : public testing::Test {
 protected:
  RegistrarClientTest() : client_(*http::Client::Create(runtime_, {})) {
    policy_.first_delay = std::chrono::milliseconds(1);
    policy_.max_delay = std::chrono::milliseconds(4);
    policy_.max_retries = 3;
    registration_.aik_tpm = Bytes(4, 1);
    registration_.ek_tpm = Bytes(4, 2);
    registration_.ek_certificate_pem = "";
    registration_.ip = "127.0.0.1";
    registration_.port = 9002;
    registration_.transport_certificate_pem = "disabled";
  }

  Status Run(const FakeRegistrar& registrar) { return Run(registrar.endpoint()); }
  Status Run(const http::Endpoint& endpoint) {
    return Register(*client_, endpoint, *wire::AgentId::Parse("agent-1"), registration_, activate_,
                    policy_, cancel_.token());
  }

  http::Runtime runtime_{{}};
  std::unique_ptr<http::Client> client_;
  wire::Registration registration_;
  RetryPolicy policy_;
  http::CancelSource cancel_;
  Activate activate_ = [](const tpm::Credential&) -> Result<Secret> {
    return Secret(ToBytes(FakeRegistrar::kSecret));
  };
};

FakeRegistrar::Override At(int number, http::Response (*answer)()) {
  return [number, answer](const http::Request&, int at) -> std::optional<http::Response> {
    if (at == number) return answer();
    return std::nullopt;
  };
}

FakeRegistrar::Override Always(http::Method method, http::Response (*answer)()) {
  return [method, answer](const http::Request& request, int) -> std::optional<http::Response> {
    if (request.method == method) return answer();
    return std::nullopt;
  };
}

TEST_F(RegistrarClientTest, RegistersAndActivates) {
  FakeRegistrar registrar;
  const Status status = Run(registrar);
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_THAT(registrar.requests(),
              ElementsAre("GET /version", "POST /v2.6/agents/agent-1", "PUT /v2.6/agents/agent-1"));
  EXPECT_EQ(registrar.activations(), 1);
  EXPECT_EQ(registrar.last_content_type(), "application/json");
  EXPECT_EQ(registrar.registration()->aik_tpm, registration_.aik_tpm);
}

TEST_F(RegistrarClientTest, TheHighestCommonVersionIsUsed) {
  FakeRegistrar registrar(At(1, [] {
    return Envelope(200, "Success",
                    json::Object{{"current_version", "3.0"},
                                 {"supported_versions", json::Array{"1.0", "2.1", "2.3", "3.0"}}});
  }));
  ASSERT_TRUE(Run(registrar));
  EXPECT_EQ(registrar.requests()[1], "POST /v2.3/agents/agent-1");
}

TEST_F(RegistrarClientTest, NoCommonVersionIsFinal) {
  FakeRegistrar registrar(At(1, [] {
    return Envelope(
        200, "Success",
        json::Object{{"current_version", "3.0"}, {"supported_versions", json::Array{"3.0"}}});
  }));
  const Status status = Run(registrar);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().id, "agent.registration.version");
  EXPECT_THAT(registrar.requests(), ElementsAre("GET /version"));
}

TEST_F(RegistrarClientTest, ARegistrarThatCannotSayItsVersionIsTriedFromTheNewest) {
  FakeRegistrar registrar([](const http::Request& request, int) -> std::optional<http::Response> {
    if (request.method == http::Method::kGet) return Envelope(404, "Not Found");
    if (request.path.starts_with("/v2.1/")) return std::nullopt;
    return Envelope(404, "Not Found");
  });
  ASSERT_TRUE(Run(registrar));
  EXPECT_THAT(registrar.requests(),
              ElementsAre("GET /version", "POST /v2.6/agents/agent-1", "POST /v2.5/agents/agent-1",
                          "POST /v2.4/agents/agent-1", "POST /v2.3/agents/agent-1",
                          "POST /v2.2/agents/agent-1", "POST /v2.1/agents/agent-1",
                          "PUT /v2.1/agents/agent-1"));
}

TEST_F(RegistrarClientTest, AnotherIdentityIsFinal) {
  FakeRegistrar registrar(
      Always(http::Method::kPost, [] { return Envelope(403, "different TPM identity\x1b[2J"); }));
  const Status status = Run(registrar);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kConflict);
  EXPECT_EQ(status.error().id, "agent.registration.identity");
  EXPECT_THAT(status.error().message, testing::HasSubstr("different TPM identity"));
  EXPECT_EQ(status.error().message.find('\x1b'), std::string::npos);
  EXPECT_EQ(registrar.requests().size(), 2U);
}

TEST_F(RegistrarClientTest, ARefusalIsFinal) {
  FakeRegistrar registrar(Always(http::Method::kPost, [] { return http::Reply(400, "not JSON"); }));
  const Status status = Run(registrar);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kUntrusted);
  EXPECT_EQ(status.error().id, "agent.registration.refused");
  EXPECT_EQ(registrar.requests().size(), 2U);
}

TEST_F(RegistrarClientTest, ARefusedActivationIsFinal) {
  FakeRegistrar registrar;
  activate_ = [](const tpm::Credential&) -> Result<Secret> {
    return Secret(ToBytes("another secret"));
  };
  const Status status = Run(registrar);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().id, "agent.registration.refused");
  EXPECT_EQ(registrar.activations(), 0);
}

TEST_F(RegistrarClientTest, ACredentialForAnotherTpmIsFinal) {
  FakeRegistrar registrar;
  activate_ = [](const tpm::Credential&) -> Result<Secret> {
    return Untrusted("device.credential", "not ours");
  };
  const Status status = Run(registrar);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().id, "device.credential");
  EXPECT_EQ(registrar.requests().size(), 2U) << "nothing is sent after that";
}

TEST_F(RegistrarClientTest, TemporaryTroubleIsTriedAgainFromTheBeginning) {
  for (const int status : {408, 429, 500, 502, 503, 504}) {
    FakeRegistrar registrar(
        [status](const http::Request&, int number) -> std::optional<http::Response> {
          // In turn the question, the registration and the activation.
          if (number == 1 || number == 3 || number == 6) return Envelope(status, "later");
          return std::nullopt;
        });
    const Status done = Run(registrar);
    ASSERT_TRUE(done) << status << done.error().message;
    EXPECT_THAT(
        registrar.requests(),
        ElementsAre("GET /version", "GET /version", "POST /v2.6/agents/agent-1", "GET /version",
                    "POST /v2.6/agents/agent-1", "PUT /v2.6/agents/agent-1", "GET /version",
                    "POST /v2.6/agents/agent-1", "PUT /v2.6/agents/agent-1"))
        << status;
  }
}

TEST_F(RegistrarClientTest, RetriesHaveAnEnd) {
  FakeRegistrar registrar(Always(http::Method::kPost, [] { return Envelope(500, "broken"); }));
  const Status status = Run(registrar);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(status.error().id, "agent.registration.status");
  EXPECT_EQ(registrar.requests().size(), 2U * 4U) << "once, and three times more";
}

TEST_F(RegistrarClientTest, ARegistrarThatIsNotThereIsUnavailable) {
  const http::ReservedPort nobody;
  const Status status = Run(nobody.plain());
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kUnavailable);
}

TEST_F(RegistrarClientTest, Quirk_A16_ARegistrarThatNeverAnswersIsNotWaitedForForEver) {
  policy_.request_timeout = std::chrono::milliseconds(50);
  policy_.max_retries = 1;
  const auto release = std::make_shared<http::Gate>();
  FakeRegistrar registrar([release](const http::Request&, int) -> std::optional<http::Response> {
    EXPECT_TRUE(release->Wait());
    return Envelope(200, "Success");
  });
  const Status status = Run(registrar);
  release->Open();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kUnavailable);
}

TEST_F(RegistrarClientTest, StoppingEndsAWait) {
  policy_.first_delay = policy_.max_delay = std::chrono::hours(1);
  FakeRegistrar registrar([this](const http::Request&, int) -> std::optional<http::Response> {
    cancel_.Cancel();
    return Envelope(500, "later");
  });
  const Status status = Run(registrar);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kUnavailable);
}

TEST_F(RegistrarClientTest, TheRegistrarMayAskForAPause) {
  policy_.first_delay = policy_.max_delay = std::chrono::milliseconds(1);
  std::atomic<int> answered = 0;
  FakeRegistrar registrar([&](const http::Request&, int number) -> std::optional<http::Response> {
    if (number > 3) return std::nullopt;
    answered = number;
    http::Response response = Envelope(503, "later");
    // Seconds; a date and garbage leave the usual delay.
    response.headers.Set("Retry-After", number == 1   ? "1"
                                        : number == 2 ? "Wed, 21 Oct 2099 07:28:00 GMT"
                                                      : "x");
    return response;
  });
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(Run(registrar));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
  EXPECT_EQ(answered, 3);
}

TEST_F(RegistrarClientTest, Quirk_A27_HostileAnswersAreErrors) {
  const std::vector<std::pair<http::Method, std::string>> hostile{
      {http::Method::kGet, "{}"},
      {http::Method::kGet, "not JSON"},
      {http::Method::kGet,
       R"({"code":200,"status":"Success","results":{"supported_versions":[1]}})"},
      {http::Method::kPost, R"({"code":200,"status":"Success","results":{}})"},
      {http::Method::kPost, R"({"code":200,"status":"Success","results":{"blob":null}})"},
      {http::Method::kPost, R"({"code":200,"status":"Success","results":{"blob":"utzA3g=="}})"},
      {http::Method::kPost, R"({"code":200,"status":"Success","results":{"blob":"AAAAAAAA"}})"},
      {http::Method::kPut, R"({"code":200,"status":"Success","results":null})"},
      {http::Method::kPut, R"({"code":200,"status":"Success","results":[]})"},
      {http::Method::kPut, ""},
      {http::Method::kGet, std::string(2U << 20U, 'x')},
  };
  for (const auto& answer : hostile) {
    FakeRegistrar registrar(
        [&answer](const http::Request& request, int) -> std::optional<http::Response> {
          if (request.method == answer.first) return http::Reply(200, answer.second);
          return std::nullopt;
        });
    const Status status = Run(registrar);
    ASSERT_FALSE(status) << answer.second.substr(0, 100);
    EXPECT_EQ(status.error().code, ErrorCode::kMalformed)
        << status.error().id << answer.second.substr(0, 100);
  }
}

}  // namespace
}  // namespace limequat::agent
