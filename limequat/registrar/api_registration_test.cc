#include <gtest/gtest.h>

#include "limequat/registrar/api_for_test.h"

// Registration and activation, as agents see them (keylime-server-protocol, 1.5 to 1.9).

namespace limequat::registrar {
namespace {

using http::Method;

constexpr const char* kInvalid = "400 Could not register agent with invalid data";

// --- registration -------------------------------------------------------------------

TEST_F(RegistrarApiTest, RegistersActivatesAndShows) {
  const Answer registered = Register("m1", tpm_.Registration());
  EXPECT_EQ(registered.Told(), "200 Success");
  EXPECT_EQ(registered.content_type, "application/json");
  EXPECT_EQ(Get("/v2.6/agents/m1").Told(), "404 Agent with ID 'm1' has not been activated");
  EXPECT_EQ(Get("/api/v1/agents/m1").Error(), "404 registrar.unknown_agent");
  EXPECT_EQ(json::Serialize(Get("/v2.6/agents").At({"results"})), R"({"uuids":[]})");

  EXPECT_EQ(Activate("m1", SecretOf(registered)).Told(), "200 Success");
  const Answer shown = Get("/v2.6/agents/m1");
  EXPECT_EQ(shown.Told(), "200 Success");
  const wire::Registration sent = tpm_.Registration();
  const auto agent = wire::ParseRegistrarAgent(shown.At({"results"}));
  ASSERT_TRUE(agent) << shown.body;
  EXPECT_EQ(agent->agent_id, "m1");
  EXPECT_EQ(agent->ek_tpm, sent.ek_tpm);
  EXPECT_EQ(agent->aik_tpm, sent.aik_tpm);
  EXPECT_EQ(agent->ek_certificate_der,
            crypto::Certificate::FromPem(*sent.ek_certificate_pem)->ToDer());
  EXPECT_EQ(agent->ip, "127.0.0.1");
  EXPECT_EQ(agent->port, 9002);
  EXPECT_EQ(agent->transport_certificate, "disabled");
  EXPECT_EQ(agent->regcount, 1);
  std::string members;
  for (const auto& [name, value] : *shown.At({"results"}).as_object()) members += name + " ";
  EXPECT_EQ(members, "agent_id ek_tpm ekcert aik_tpm ip port mtls_cert regcount ");
}

TEST_F(RegistrarApiTest, WhatIsRefusedSaysNotWhy) {
  const auto told = [&](std::string_view id, std::string body) {
    return Call(Method::kPost, fmt::format("/v2.6/agents/{}", id), std::move(body), As::kPlain)
        .Told();
  };
  const std::string good = wire::WriteRegistration(tpm_.Registration());
  EXPECT_EQ(told("a%20b", good), kInvalid);
  EXPECT_EQ(told("..", good), kInvalid);
  for (const char* body : {"", "{", "[]", "{}"}) EXPECT_EQ(told("m1", body), kInvalid) << body;

  // Attack A12: the certificate of another TPM.
  wire::Registration other = tpm_.Registration();
  other.ek_certificate_pem = SoftwareTpm(manufacturer_, 2).Registration().ek_certificate_pem;
  EXPECT_EQ(Register("m1", other).Told(), kInvalid);
  // An AK that signs anything.
  wire::Registration loose = tpm_.Registration();
  loose.aik_tpm =
      testing::Machine(manufacturer_, testing::kEkAttributes, 0x00040072).Request().aik_tpm;
  EXPECT_EQ(Register("m1", loose).Told(), kInvalid);
  EXPECT_EQ(*store_->HasChallenge("m1"), Store::Waiting::kNo);
}

TEST_F(RegistrarApiTest, Cve_2025_13609_AnotherTpmDoesNotTakeTheName) {
  Activated("m1");
  const std::string before = Get("/v2.6/agents/m1").body;
  const SoftwareTpm other(manufacturer_, 2);
  EXPECT_EQ(Register("m1", other.Registration()).Told(),
            "403 Agent re-registration with different TPM identity is forbidden for security "
            "reasons");
  EXPECT_EQ(*store_->HasChallenge("m1"), Store::Waiting::kNo);
  EXPECT_EQ(Get("/v2.6/agents/m1").body, before);
}

TEST_F(RegistrarApiTest, Attack_A13_NewAddressCountsOnceActivated) {
  Activated("m1");
  wire::Registration moved = tpm_.Registration();
  moved.ip = "127.0.0.9";
  const Answer registered = Register("m1", moved);
  EXPECT_EQ(Get("/v2.6/agents/m1").Text({"results", "ip"}), "127.0.0.1");
  EXPECT_EQ(Activate("m1", SecretOf(registered)).Told(), "200 Success");
  EXPECT_EQ(Get("/v2.6/agents/m1").Text({"results", "ip"}), "127.0.0.9");
  EXPECT_EQ(Get("/v2.6/agents/m1").At({"results", "regcount"}).as_int64(), 2);
}

TEST_F(RegistrarApiTest, TooManyThatWaitAre503) {
  Execute(fmt::format(
      "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {}) "
      "INSERT INTO challenges SELECT n, 'x' || n, {}, '', '' FROM number",
      kMaxChallenges, Now().time_since_epoch().count()));
  EXPECT_EQ(Register("m1", tpm_.Registration()).Told(),
            "503 The registrar cannot store the registration now");
}

// --- activation ---------------------------------------------------------------------

TEST_F(RegistrarApiTest, EveryFormOfActivation) {
  for (const auto& [method, end] :
       {std::pair(Method::kPut, ""), std::pair(Method::kPut, "/activate"),
        std::pair(Method::kPost, "/activate")}) {
    const Bytes secret = SecretOf(Register("m1", tpm_.Registration()));
    const std::string tag = wire::AuthTag(secret, *wire::AgentId::Parse("m1"));
    EXPECT_EQ(
        Call(method, fmt::format("/v2.6/agents/m1{}", end), wire::WriteActivation(tag), As::kPlain)
            .Told(),
        "200 Success");
    EXPECT_EQ(*store_->HasChallenge("m1"), Store::Waiting::kNo);
  }
}

TEST_F(RegistrarApiTest, Quirk_Q2_WrongTagEndsNothing) {
  const Bytes secret = SecretOf(Register("m1", tpm_.Registration()));
  const Answer wrong = Activate("m1", AsBytes("guessed"));
  EXPECT_EQ(wrong.Told(),
            "400 Auth tag for agent 'm1' does not match any challenge that waits for it");
  EXPECT_EQ(Get("/v2.6/agents/m1").status, 404);
  EXPECT_EQ(Activate("m1", secret).Told(), "200 Success");
  EXPECT_EQ(Activate("m1", AsBytes("guessed")).status, 400);
  EXPECT_EQ(Get("/v2.6/agents/m1").Told(), "200 Success") << "still registered";
  EXPECT_EQ(Activate("m1", secret).status, 400) << "a challenge is used once";
}

TEST_F(RegistrarApiTest, Attack_A12_SecretOfAnotherTpmDoesNotActivate) {
  const Answer registered = Register("m1", tpm_.Registration());
  const auto blob = wire::ParseRegistrationResults(registered.At({"results"}));
  ASSERT_TRUE(blob);
  EXPECT_NE(tpm_.Release(*blob).size(), 0U);
  EXPECT_EQ(Activate("m1", SoftwareTpm(manufacturer_, 2).Release(*blob)).status, 400);
  EXPECT_EQ(Get("/v2.6/agents/m1").status, 404);
}

TEST_F(RegistrarApiTest, TagOfAnotherMachineDoesNotActivate) {
  const Bytes secret = SecretOf(Register("m1", tpm_.Registration()));
  const std::string tag = wire::AuthTag(secret, *wire::AgentId::Parse("m2"));
  EXPECT_EQ(Call(Method::kPut, "/v2.6/agents/m1", wire::WriteActivation(tag), As::kPlain).status,
            400);
}

TEST_F(RegistrarApiTest, OfTwoTpmsTheFirstActivatedWins) {
  const SoftwareTpm other(manufacturer_, 2);
  const Answer first = Register("m1", tpm_.Registration());
  const Answer second = Register("m1", other.Registration());
  const auto blob = wire::ParseRegistrationResults(second.At({"results"}));
  ASSERT_TRUE(blob);
  // The first activation ends the challenges of both: put the second one back.
  Execute("CREATE TABLE kept AS SELECT * FROM challenges");
  ASSERT_EQ(Activate("m1", SecretOf(first)).Told(), "200 Success");
  Execute("INSERT INTO challenges SELECT * FROM kept");
  EXPECT_EQ(Activate("m1", other.Release(*blob)).Told(),
            "403 Agent re-registration with different TPM identity is forbidden for security "
            "reasons");
  EXPECT_EQ(wire::ParseRegistrarAgent(Get("/v2.6/agents/m1").At({"results"}))->ek_tpm,
            tpm_.Registration().ek_tpm);
}

TEST_F(RegistrarApiTest, WhatIsNoActivation) {
  Register("m1", tpm_.Registration());
  const auto put = [&](const std::string& target, std::string body) {
    return Call(Method::kPut, target, std::move(body), As::kPlain);
  };
  const std::string tag = wire::WriteActivation(std::string(96, 'a'));
  EXPECT_EQ(put("/v2.6/agents/m2", tag).Told(), "404 Agent with ID 'm2' not found");
  EXPECT_EQ(put("/v2.6/agents/a%20b", tag).Told(), "404 Agent with ID 'a%20b' not found");
  for (const char* body : {"", "{", "[]", "{}", R"({"auth_tag": 1})", R"({"auth_tag": "ab"})"}) {
    const Answer answer = put("/v2.6/agents/m1", body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_EQ(answer.body, "") << body;
    EXPECT_EQ(answer.content_type, "text/html; charset=UTF-8") << body;
  }
}

}  // namespace
}  // namespace limequat::registrar
