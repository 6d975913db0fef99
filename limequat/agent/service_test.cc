// What the agent answers, apart from evidence and keys; and to whom.

#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/agent/service_for_test.h"
#include "limequat/tpm/public_area.h"
#include "limequat/wire/envelope.h"
#include "limequat/wire/version.h"

namespace limequat::agent {
namespace {

TEST_F(ServiceTest, RegistersWhatItIs) {
  EXPECT_EQ(registrar_.activations(), 1);
  EXPECT_EQ(registered_->ip.value, "127.0.0.1");
  EXPECT_EQ(registered_->port.value, 9002);
  EXPECT_TRUE(registered_->ek_certificate.present);
  EXPECT_FALSE(registered_->ek_certificate.value) << "this TPM has no certificate, and says so";
  const tpm::PublicArea ek = *tpm::PublicArea::FromTpm2b(*registered_->ek_tpm.value);
  EXPECT_EQ(tpm::CheckEndorsementKey(ek).outcome, Outcome::kPassed);
  EXPECT_EQ(tpm::CheckAttestationKey(Ak()).outcome, Outcome::kPassed);
}

TEST_F(ServiceTest, SaysItsVersions) {
  const Answer answer = Get("/version");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.results, json::Value(wire::WriteAgentVersions()));
  EXPECT_EQ(answer.headers.Find("Content-Type"), "application/json");
}

TEST_F(ServiceTest, SaysWhoItIs) {
  const Answer answer = Get("/v2.6/agent/info");
  ASSERT_EQ(answer.status, 200);
  const json::Object& info = *answer.results.as_object();
  EXPECT_EQ(*info.Find("agent_uuid"), json::Value("agent-1"));
  EXPECT_EQ(*info.Find("tpm_hash_alg"), json::Value("sha256"));
  EXPECT_EQ(*info.Find("tpm_enc_alg"), json::Value("rsa2048"));
  EXPECT_EQ(*info.Find("tpm_sign_alg"), json::Value("rsassa"));
  EXPECT_TRUE(info.Find("ak_handle")->as_int64());
  EXPECT_EQ(*Get("/v2.4/agent/info").results.as_object()->Find("tpm_enc_alg"), json::Value("rsa"));
  EXPECT_EQ(Get("/v2.1/agent/info").status, 400) << "not there yet";
}

TEST_F(ServiceTest, EveryVersionIsServed) {
  for (const wire::ApiVersion& version : wire::AgentVersions()) {
    const Answer answer = Get("/v" + version.ToString() + "/keys/pubkey");
    EXPECT_EQ(answer.status, 200) << version.ToString();
  }
  // The verifier negotiates anew on exactly these words.
  ExpectRefused("/v2.7/quotes/integrity?nonce=a&mask=0x0&partial=0", 400,
                "API version not supported: v2.7");
  ExpectRefused("/v3.0/quotes/integrity?nonce=a&mask=0x0&partial=0", 400,
                "API version not supported: v3.0");
}

TEST_F(ServiceTest, RevocationNoticesAreTakenAndOnlyTold) {
  const Answer answer = Post("/v2.6/notifications/revocation",
                             {{"msg", "{\"type\": \"revocation\"}"}, {"signature", ""}});
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.results.is_null());
  EXPECT_EQ(Post("/v2.6/notifications/revocation", {{"msg", 1}, {"signature", ""}}).status, 400);
  EXPECT_EQ(Post("/v2.6/notifications/revocation", {{"msg", "x"}}).status, 400);
  EXPECT_EQ(Send(http::Method::kPost, "/v2.6/notifications/revocation", "{").status, 400);
  EXPECT_EQ(Send(http::Method::kPost, "/v2.6/notifications/revocation", "{}", "text/plain").text,
            "Content type error");
}

TEST_F(ServiceTest, UnknownPathsAreAnsweredAsKeylimeDoes) {
  EXPECT_EQ(Get("/").status, 400);
  ExpectRefused(
      "/v2.6/keys/x", 400,
      "URI not supported, only /pubkey and /verify are supported for GET in /keys interface");
  const Answer unknown = Send(http::Method::kPut, "/v2.6/quotes/x", "{}");
  EXPECT_EQ(unknown.status, 405);
  EXPECT_EQ(unknown.headers.Find("Allow"), "GET");
  const Answer known = Send(http::Method::kPost, "/v2.6/quotes/identity?nonce=a", "{}");
  EXPECT_EQ(known.status, 405);
  EXPECT_EQ(known.headers.Find("Allow"), "GET");
  EXPECT_EQ(known.body, "");
}

TEST_F(ServiceTest, NobodyIsServedWithoutACertificateOfTheAuthority) {
  const http::TestCa stranger("stranger");
  const http::Identity wrong = stranger.Client();
  const http::Identity self_signed = http::SelfSigned(http::Named("client"));
  const http::Identity server = ca_.Server();
  for (const http::Identity* identity :
       std::vector<const http::Identity*>{nullptr, &wrong, &self_signed, &server}) {
    http::RawClient raw(service_->port());
    // With TLS 1.3 the refusal may arrive after the client's side of the handshake.
    if (raw.StartTls(identity)) {
      EXPECT_FALSE(raw.Exchange("GET /version HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
  }
  http::RawClient plain(service_->port());
  EXPECT_FALSE(plain.Exchange("GET /version HTTP/1.1\r\nHost: a\r\n\r\n"));
  http::RawClient good(service_->port());
  ASSERT_TRUE(good.StartTls(&client_identity_));
  EXPECT_EQ(good.Exchange("GET /version HTTP/1.1\r\nHost: a\r\n\r\n")->status, 200);
}

// The queue in front of the TPM is bounded, and a full one is never 503: Keylime's
// verifier would give the machine up.
TEST_F(ServiceTest, AFullQueueIsFiveHundred) {
  // Behind the work that runs, as many as the queue takes.
  const auto release = std::make_shared<http::Gate>();
  http::Gate running;
  ASSERT_TRUE(runtime_.Post(http::Lane::kEvidence, [release, &running] {
    running.Open();
    EXPECT_TRUE(release->Wait());
  }));
  ASSERT_TRUE(running.Wait());
  while (runtime_.Post(http::Lane::kEvidence, [] {})) {
  }
  ExpectRefused("/v2.6/quotes/identity?nonce=a", 500, "the agent is busy");
  EXPECT_EQ(Get("/version").status, 200) << "the rest goes on";
  release->Open();
  EXPECT_TRUE(
      http::Eventually([this] { return Get("/v2.6/quotes/identity?nonce=a").status == 200; }));
}

TEST_F(ServiceTest, OneAgentForOneState) { EXPECT_EQ(OpenError(), "agent.state.in_use"); }

// Answers to the recorded questions of Keylime's tenant and verifier have the members
// of the recorded answers, in their order, with values of the same types.
TEST_F(ServiceTest, Replay_RecordedQuestionsAreAnsweredAlike) {
  const auto shape = [](const json::Value& value) {
    std::vector<std::pair<std::string, std::string>> members;
    if (const json::Object* object = value.as_object()) {
      for (const auto& [name, member] : *object) members.emplace_back(name, member.type_name());
    }
    return members;
  };
  int seen = 0;
  for (const std::string scenario :
       {"pull-pass", "pull-ima-fail", "agent-restart", "tenant-tour"}) {
    std::ifstream file(std::string(LQ_SOURCE_DIR) + "/../shared/corpus/wire/" + scenario +
                       "/server-agent.jsonl");
    for (std::string line; std::getline(file, line);) {
      const json::Value record = *json::Parse(line);
      const auto text = [&record](std::string_view name) {
        return *record.as_object()->Find(name)->as_string();
      };
      // The halves of keys are encrypted for another machine.
      if (!record.as_object()->Contains("method") || text("path").find("key") != std::string::npos)
        continue;
      const std::string target = text("path") + (text("query").empty() ? "" : "?" + text("query"));
      const std::string request =
          *record.as_object()->Find("request_body")->as_object()->Find("text")->as_string();
      const Answer answer =
          text("method") == "GET" ? Get(target) : Send(http::Method::kPost, target, request);
      EXPECT_EQ(answer.status, record.as_object()->Find("status")->as_int64()) << target;
      const std::string recorded =
          *record.as_object()->Find("response_body")->as_object()->Find("text")->as_string();
      EXPECT_EQ(shape(answer.results), shape(wire::ParseEnvelope(recorded)->results)) << target;
      ++seen;
    }
  }
  if (seen == 0) GTEST_SKIP() << "the recorded conversations (../shared/corpus/wire) are absent";
}

}  // namespace
}  // namespace limequat::agent
