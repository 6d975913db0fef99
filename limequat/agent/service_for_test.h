#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "limequat/agent/service.h"
#include "limequat/agent/test_support.h"
#include "limequat/device/swtpm_for_test.h"
#include "limequat/json/value.h"
#include "limequat/tpm/quote.h"
#include "limequat/wire/attestation.h"

// What the tests of the service share: a machine with a TPM in software, and an agent
// on it that serves.

namespace limequat::agent {

// The lists that the machine of these tests has measured.
inline constexpr std::string_view kImaList =
    "10 1d8d532d463c9f8c205d0df7787669a85f93e260 ima-ng "
    "sha1:0000000000000000000000000000000000000000 boot_aggregate\n"
    "10 2d8d532d463c9f8c205d0df7787669a85f93e260 ima-ng "
    "sha1:1111111111111111111111111111111111111111 /bin/sh\n"
    "10 3d8d532d463c9f8c205d0df7787669a85f93e260 ima-ng "
    "sha1:2222222222222222222222222222222222222222 /bin/\xe9t\xe9\n";
inline constexpr std::string_view kBootLog = "firmware log\x01\x02";

inline void WriteFile(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

// A machine with a TPM and its state, without a program.
class MachineTest : public testing::Test {
 protected:
  void SetUp() override {
    Result<std::unique_ptr<device::SwTpm>> started = device::SwTpm::Start();
    if (!started && started.error().code == ErrorCode::kNotFound)
      GTEST_SKIP() << started.error().message;
    ASSERT_TRUE(started) << started.error().message;
    swtpm_ = *std::move(started);
    WriteFile(folder_.path() / "ima", kImaList);
    WriteFile(folder_.path() / "boot", kBootLog);
    WriteFile(folder_.path() / "clients.pem", ca_.certificate().ToPem());
    config_.id = "agent-1";
    config_.port = 0;
    config_.contact_port = 9002;
    config_.state_dir = folder_.path() / "state";
    config_.registrar_port = registrar_.port();
    config_.registrar_retry = std::chrono::milliseconds(1);
    config_.registrar_max_retries = 1;
    config_.trusted_client_ca = {folder_.path() / "clients.pem"};
    config_.tcti = swtpm_->tcti();
    config_.ima_log = folder_.path() / "ima";
    config_.boot_log = folder_.path() / "boot";
  }

  Result<std::unique_ptr<Service>> Open() { return Service::Open(runtime_, config_); }
  std::string OpenError() {
    const Result<std::unique_ptr<Service>> service = Open();
    EXPECT_FALSE(service);
    return service ? "" : service.error().id;
  }

  const TemporaryFolder folder_;
  const http::TestCa ca_{"clients"};
  const http::Identity client_identity_ = ca_.Client();
  FakeRegistrar registrar_;
  std::unique_ptr<device::SwTpm> swtpm_;
  config::AgentConfig config_;
  http::Runtime runtime_{RuntimeOptions()};
};

// The same with an agent that serves.
class ServiceTest : public MachineTest {
 protected:
  void SetUp() override {
    MachineTest::SetUp();
    if (swtpm_) Start();
  }

  void Start() {
    Result<std::unique_ptr<Service>> service = Open();
    ASSERT_TRUE(service) << service.error().message;
    service_ = *std::move(service);
    const Status started = service_->Start({});
    ASSERT_TRUE(started) << started.error().message;
    registered_ = registrar_.registration();
    ASSERT_TRUE(registered_);
    const auto certificate =
        crypto::Certificate::FromPem(registered_->transport_certificate.value->pem);
    ASSERT_TRUE(certificate);
    endpoint_ = {.host = "127.0.0.1",
                 .port = service_->port(),
                 .tls = true,
                 .trust = http::Pinned(*certificate)};
    client_ =
        *http::Client::Create(runtime_, {.chain = {client_identity_.certificate},
                                         .private_key_pem = client_identity_.key.ExposePem()});
  }

  struct Answer {
    int status = 0;
    std::string text;
    json::Value results;
    http::Headers headers;
    std::string body;
  };
  Answer Send(http::Method method, std::string target, std::string body = "",
              std::string_view type = "application/json") {
    http::ClientRequest request;
    request.method = method;
    request.target = std::move(target);
    if (!body.empty() || method == http::Method::kPost) request.headers.Set("Content-Type", type);
    request.body = std::move(body);
    Result<http::ClientResponse> response =
        client_->SendAndWait(endpoint_, std::move(request), http::In(std::chrono::seconds(30)));
    EXPECT_TRUE(response) << response.error().message;
    if (!response) return {};
    Answer answer{.status = response->status,
                  .text = {},
                  .results = {},
                  .headers = response->headers,
                  .body = response->body};
    if (const Result<wire::Envelope> envelope = wire::ParseEnvelope(response->body)) {
      EXPECT_EQ(envelope->code, response->status);
      answer.text = envelope->status;
      answer.results = envelope->results;
    }
    return answer;
  }
  Answer Get(std::string target) { return Send(http::Method::kGet, std::move(target)); }
  Answer Post(std::string target, const json::Object& body) {
    return Send(http::Method::kPost, std::move(target), json::Serialize(body));
  }
  void ExpectRefused(const std::string& target, int status, std::string_view text) {
    const Answer answer = Get(target);
    EXPECT_EQ(answer.status, status) << target;
    EXPECT_EQ(answer.text, text) << target;
    EXPECT_EQ(answer.results, json::Value(json::Object())) << target;
  }

  tpm::PublicArea Ak() const { return *tpm::PublicArea::FromTpm2b(registered_->aik_tpm); }

  // The quote of `answer` if it verifies for `nonce` and has `pcrs`.
  std::optional<tpm::VerifiedQuote> Verify(const wire::QuoteAnswer& answer, std::string_view nonce,
                                           tpm::PcrSet pcrs) {
    const Result<tpm::QuoteString> quote = tpm::ParseQuoteString(answer.quote);
    EXPECT_TRUE(quote) << quote.error().message;
    tpm::QuoteRequirements requirements;
    requirements.nonce = ToBytes(nonce);
    requirements.pcrs = {{tpm::AlgorithmId::kSha256, pcrs}};
    auto verification = tpm::VerifyQuote(Ak().key(), quote->attest, quote->signature,
                                         quote->pcrs.values, requirements);
    EXPECT_TRUE(verification) << verification.error().message;
    for (const Finding& finding : verification->findings) {
      EXPECT_EQ(finding.outcome, Outcome::kPassed) << finding.check << finding.detail;
    }
    EXPECT_EQ(quote->pcrs.selection, requirements.pcrs) << "no more than that";
    return std::move(verification->quote);
  }

  std::optional<wire::RegistrationRequest> registered_;
  std::unique_ptr<Service> service_;
  http::Endpoint endpoint_;
  std::unique_ptr<http::Client> client_;
};

}  // namespace limequat::agent
