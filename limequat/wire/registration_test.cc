#include "limequat/wire/registration.h"

#include <gtest/gtest.h>

#include "limequat/crypto/key.h"
#include "limequat/wire/envelope.h"
#include "limequat/wire/testing.h"

namespace limequat::wire {
namespace {

crypto::Certificate SomeCertificate(const std::string& name) {
  const crypto::PrivateKey key = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256);
  crypto::CertificateRequest request;
  request.common_name = name;
  request.not_before = FromUnixSeconds(1'700'000'000);
  request.not_after = FromUnixSeconds(1'900'000'000);
  return *crypto::Issue(request, key.public_key(), nullptr, key);
}

class RegistrationTest : public testing::Test {
 protected:
  const crypto::Certificate ek_ = SomeCertificate("ek");
  const crypto::Certificate helper_ = SomeCertificate("helper");
  const crypto::Certificate server_ = SomeCertificate("server");
  const json::Object good_{{"aik_tpm", Base64Encode(Bytes(280, 1))},
                           {"ek_tpm", Base64Encode(Bytes(316, 2))},
                           {"ekcert", ek_.ToPem() + helper_.ToPem()},
                           {"iak_cert", nullptr},
                           {"idevid_cert", nullptr},
                           {"ip", "127.0.0.1"},
                           {"mtls_cert", server_.ToPem()},
                           {"port", 9002}};

  static Result<RegistrationRequest> Parse(const json::Object& message) {
    return ParseRegistration(json::Serialize(message));
  }
  Result<RegistrationRequest> With(std::string_view name, json::Value value) const {
    json::Object message = good_;
    message.Set(name, std::move(value));
    return Parse(message);
  }
  json::Object Without(std::string_view absent) const {
    json::Object message;
    for (const auto& [name, value] : good_) {
      if (name != absent) message.Set(name, value);
    }
    return message;
  }
};

Parses Reads(std::string_view body) {
  const Result<RegistrationRequest> request = ParseRegistration(body);
  if (!request) {
    EXPECT_EQ(request.error().code, ErrorCode::kMalformed);
    EXPECT_TRUE(request.error().id.starts_with("wire.registration.")) << request.error().id;
  }
  return request ? Parses::kYes : Parses::kNo;
}

TEST_F(RegistrationTest, EveryMemberIsRead) {
  const Result<RegistrationRequest> request = Parse(good_);
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->aik_tpm, Bytes(280, 1));
  EXPECT_TRUE(request->ek_tpm.present);
  EXPECT_EQ(request->ek_tpm.value, Bytes(316, 2));
  EXPECT_TRUE(request->ek_certificate.present);
  EXPECT_EQ(request->ek_certificate.value, ek_);
  EXPECT_EQ(request->ek_chain, std::vector{helper_});
  EXPECT_EQ(request->ip.value, "127.0.0.1");
  EXPECT_EQ(request->port.value, 9002);
  ASSERT_TRUE(request->transport_certificate.value);
  EXPECT_FALSE(request->transport_certificate.value->disabled);
  EXPECT_EQ(request->transport_certificate.value->pem, server_.ToPem());
  EXPECT_FALSE(request->has_device_identity);
}

TEST_F(RegistrationTest, AbsentIsNotEmpty) {
  for (const std::string_view name : {"ek_tpm", "ekcert", "ip", "port", "mtls_cert"}) {
    const auto member = [name](const RegistrationRequest& request) -> std::pair<bool, bool> {
      const auto of = [](const auto& m) { return std::pair(m.present, m.value.has_value()); };
      if (name == "ek_tpm") return of(request.ek_tpm);
      if (name == "ekcert") return of(request.ek_certificate);
      if (name == "ip") return of(request.ip);
      if (name == "port") return of(request.port);
      return of(request.transport_certificate);
    };
    const Result<RegistrationRequest> absent = Parse(Without(name));
    ASSERT_TRUE(absent) << name;
    EXPECT_EQ(member(*absent), std::pair(false, false)) << name;
    for (const json::Value& empty : {json::Value(nullptr), json::Value("")}) {
      const Result<RegistrationRequest> request = With(name, empty);
      ASSERT_TRUE(request) << name << request.error().message;
      EXPECT_EQ(member(*request), std::pair(true, false)) << name;
    }
  }
}

TEST_F(RegistrationTest, OtherSpellingsOfPeersAreRead) {
  EXPECT_EQ(With("port", "9002")->port.value, 9002);
  EXPECT_EQ(With("ekcert", Base64Encode(ek_.ToDer()))->ek_certificate.value, ek_);
  EXPECT_EQ(With("mtls_cert", Base64Encode(server_.ToDer()))->transport_certificate.value->pem,
            server_.ToPem());
  EXPECT_TRUE(With("mtls_cert", "disabled")->transport_certificate.value->disabled);
  EXPECT_TRUE(With("mtls_cert", "DISABLED")->transport_certificate.value->disabled);
  EXPECT_TRUE(With("new_member", json::Object{{"a", 1}}));
}

TEST_F(RegistrationTest, DeviceIdentityIsNoticed) {
  for (const std::string_view name :
       {"iak_tpm", "iak_cert", "iak_attest", "iak_sign", "idevid_tpm", "idevid_cert"}) {
    EXPECT_TRUE(With(name, "AAAA")->has_device_identity) << name;
  }
}

TEST_F(RegistrationTest, Quirk_A21_EkCertificatesAsTheyLieInTheTpmAreRead) {
  Bytes padded = ek_.ToDer();
  padded.resize(1500, 0xff);
  EXPECT_EQ(With("ekcert", Base64Encode(padded))->ek_certificate.value, ek_);
  Bytes with_chain = ek_.ToDer();
  Append(with_chain, helper_.ToDer());
  const Result<RegistrationRequest> request = With("ekcert", Base64Encode(with_chain));
  EXPECT_EQ(request->ek_certificate.value, ek_);
  EXPECT_EQ(request->ek_chain, std::vector{helper_});
}

TEST_F(RegistrationTest, HelpersThatCannotBeReadAreLeftOut) {
  const std::string damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  const auto chain = [&](const std::string& text) {
    const Result<RegistrationRequest> request = With("ekcert", text);
    EXPECT_TRUE(request) << request.error().message;
    EXPECT_EQ(request->ek_certificate.value, ek_);
    return request->ek_chain;
  };
  EXPECT_EQ(chain(ek_.ToPem() + damaged + helper_.ToPem()), std::vector{helper_});
  EXPECT_TRUE(chain(ek_.ToPem()).empty());
  std::string many = ek_.ToPem();
  for (int i = 0; i < 20; ++i) many += helper_.ToPem();
  EXPECT_EQ(chain(many).size(), kMaxEkChain);
  Bytes stored = ek_.ToDer();
  for (int i = 0; i < 20; ++i) Append(stored, helper_.ToDer());
  EXPECT_EQ(chain(Base64Encode(stored)).size(), kMaxEkChain);
  EXPECT_FALSE(With("ekcert", damaged + ek_.ToPem())) << "the first one counts";
}

TEST_F(RegistrationTest, EveryMemberHasItsType) {
  ExpectWhole(json::Serialize(good_), Reads);
  ExpectTyped(good_,
              {{"aik_tpm"},
               {"ek_tpm", false, {"null"}},
               {"ekcert", false, {"null"}},
               {"ip", false, {"null"}},
               {"mtls_cert", false, {"null"}},
               {"port", false, {"null"}}},
              [](const json::Object& message) { return Reads(json::Serialize(message)); });
}

TEST_F(RegistrationTest, EveryMemberHasItsContent) {
  for (const std::string_view name : {"aik_tpm", "ek_tpm"}) {
    EXPECT_FALSE(With(name, "AAA")) << name << ": no padding";
    EXPECT_FALSE(With(name, "AA\nAA")) << name;
    EXPECT_FALSE(With(name, Base64Encode(Bytes(5000, 1)))) << name << ": too long";
    EXPECT_FALSE(With(name, "0x00010203")) << name << ": hexadecimal";
  }
  EXPECT_FALSE(With("aik_tpm", ""));
  EXPECT_FALSE(With("aik_tpm", nullptr));
  for (const std::string_view name : {"ekcert", "mtls_cert"}) {
    EXPECT_FALSE(With(name, "AAAA")) << name;
    EXPECT_FALSE(With(name, "-----BEGIN CERTIFICATE-----\n")) << name;
    EXPECT_FALSE(With(name, " " + ek_.ToPem())) << name;
    EXPECT_FALSE(With(name, ek_.ToPem() + std::string(300'000, '\n'))) << name << ": too long";
  }
  Bytes trailing = ek_.ToDer();
  trailing.push_back(0);
  EXPECT_FALSE(With("mtls_cert", Base64Encode(trailing)));
  EXPECT_FALSE(With("mtls_cert", "enabled!"));
  for (const std::string_view ip : {"a b", "host/path", "[::1]", "a\nb", "a@b", "a?b"}) {
    EXPECT_FALSE(With("ip", ip)) << ip;
  }
  EXPECT_FALSE(With("ip", std::string(256, 'a')));
  EXPECT_TRUE(With("ip", "fe80::1%eth0"));
  for (const json::Value& port :
       std::vector<json::Value>{0, 65536, -1, "0", "65536", "9002x", " 9002", "-1", 90.02}) {
    EXPECT_FALSE(With("port", port)) << json::Serialize(port);
  }
}

TEST_F(RegistrationTest, AMessageHasABound) {
  EXPECT_FALSE(With("other", std::string(2U << 20U, 'x')));
  json::Value deep = 1;
  for (int i = 0; i < 40; ++i) deep = json::Array{deep};
  EXPECT_FALSE(With("other", deep));
}

TEST_F(RegistrationTest, IsWrittenAsTheRustAgentDoes) {
  Registration registration{.aik_tpm = Bytes(280, 1),
                            .ek_tpm = Bytes(316, 2),
                            .ek_certificate_pem = ek_.ToPem(),
                            .ip = "10.0.0.1",
                            .port = 9002,
                            .transport_certificate_pem = server_.ToPem()};
  const Result<json::Value> written = json::Parse(WriteRegistration(registration));
  std::vector<std::string> names;
  for (const auto& [name, value] : *written->as_object()) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"aik_tpm", "ek_tpm", "ekcert", "iak_cert",
                                             "idevid_cert", "ip", "mtls_cert", "port"}));
  Result<RegistrationRequest> request = ParseRegistration(WriteRegistration(registration));
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->aik_tpm, registration.aik_tpm);
  EXPECT_EQ(request->ek_tpm.value, registration.ek_tpm);
  EXPECT_EQ(request->ek_certificate.value, ek_);
  EXPECT_EQ(request->ip.value, "10.0.0.1");
  EXPECT_EQ(request->port.value, 9002);

  registration.ek_certificate_pem = "";
  EXPECT_TRUE(ParseRegistration(WriteRegistration(registration))->ek_certificate.present);
  registration.ek_certificate_pem = std::nullopt;
  EXPECT_FALSE(ParseRegistration(WriteRegistration(registration))->ek_certificate.present)
      << "quirk A22: a certificate that cannot be read is left out";
}

TEST(RegistrationAnswer, IsReadBack) {
  const Bytes blob(336, 3);
  EXPECT_EQ(*ParseRegistrationResults(WriteRegistrationResults(blob)), blob);
}

TEST(RegistrationAnswer, Quirk_A27_EverythingElseIsRefused) {
  for (const json::Value& results : std::vector<json::Value>{
           json::Object(), nullptr, json::Array(), json::Object{{"blob", nullptr}},
           json::Object{{"blob", ""}}, json::Object{{"blob", "A"}}, json::Object{{"blob", 1}},
           json::Object{{"blob", Base64Encode(Bytes(5000, 1))}}}) {
    const Result<Bytes> blob = ParseRegistrationResults(results);
    ASSERT_FALSE(blob) << json::Serialize(results);
    EXPECT_EQ(blob.error().id, "wire.registration_answer.member");
  }
}

constexpr std::string_view kTag =
    "01eb20098dc68aff2557f38d7c86528184a4501329e794d94c8ad07dedf056074a82ae8a0c2dcf777532b978c1fa7f"
    "3d";

// Vectors of keylime-agent-protocol, A.1, and keylime-server-protocol, A.2.
TEST(Activation, TheTagIsKeylimes) {
  EXPECT_EQ(AuthTag(AsBytes("0123456789abcdefghijABCDEFGHIJ01"),
                    *AgentId::Parse("d432fbb3-d2f1-4a97-9ef7-75bd81c00000")),
            kTag);
  EXPECT_EQ(AuthTag(Bytes(32, 'A'), *AgentId::Parse("11111111-2222-3333-4444-555555555555")),
            "35a5f0d87ba2ca29739d62aa1449b6e0d18c6027224fa86aa7ce07e4bef683381ca38ac9e8b7b86838bbc6"
            "bc841e2571");
}

Parses ReadsActivation(std::string_view body) {
  const Result<std::string> tag = ParseActivation(body);
  if (!tag) {
    EXPECT_EQ(tag.error().code, ErrorCode::kMalformed);
    EXPECT_TRUE(tag.error().id.starts_with("wire.activation.")) << tag.error().id;
  }
  return tag ? Parses::kYes : Parses::kNo;
}

TEST(Activation, IsReadBack) {
  EXPECT_EQ(*ParseActivation(WriteActivation(kTag)), kTag);
  ExpectWhole(WriteActivation(kTag), ReadsActivation);
  ExpectTyped({{"auth_tag", kTag}}, {{"auth_tag"}}, [](const json::Object& message) {
    return ReadsActivation(json::Serialize(message));
  });
  for (const std::string_view wrong : {"", "00", "zz"}) {
    EXPECT_EQ(ReadsActivation(WriteActivation(wrong)), Parses::kNo);
  }
  EXPECT_EQ(ReadsActivation(WriteActivation(std::string(kTag) + "00")), Parses::kNo);
  EXPECT_EQ(ReadsActivation(WriteActivation(std::string(96, 'g'))), Parses::kNo);
  EXPECT_EQ(ReadsActivation(WriteActivation(std::string(3U << 20U, '0'))), Parses::kNo);
}

RegistrarAgent SomeAgent() {
  RegistrarAgent agent;
  agent.agent_id = "agent-1";
  agent.ek_tpm = Bytes(316, 1);
  agent.ek_certificate_der = Bytes(100, 2);
  agent.aik_tpm = Bytes(280, 3);
  agent.ip = "127.0.0.1";
  agent.port = 9002;
  agent.transport_certificate = "disabled";
  agent.regcount = 3;
  return agent;
}

void ExpectSame(const RegistrarAgent& a, const RegistrarAgent& b) {
  EXPECT_EQ(a.agent_id, b.agent_id);
  EXPECT_EQ(a.ek_tpm, b.ek_tpm);
  EXPECT_EQ(a.ek_certificate_der, b.ek_certificate_der);
  EXPECT_EQ(a.aik_tpm, b.aik_tpm);
  EXPECT_EQ(a.ip, b.ip);
  EXPECT_EQ(a.port, b.port);
  EXPECT_EQ(a.transport_certificate, b.transport_certificate);
  EXPECT_EQ(a.regcount, b.regcount);
}

TEST(RegistrarAgentTest, IsReadBack) {
  RegistrarAgent agent = SomeAgent();
  ExpectSame(*ParseRegistrarAgent(WriteRegistrarAgent(agent)), agent);
  agent.ek_certificate_der.reset();
  agent.ip.reset();
  agent.port.reset();
  agent.transport_certificate.reset();
  const json::Object written = WriteRegistrarAgent(agent);
  for (const std::string_view name : {"ekcert", "ip", "port", "mtls_cert"}) {
    EXPECT_TRUE(written.Find(name)->is_null()) << name;
  }
  ExpectSame(*ParseRegistrarAgent(written), agent);
}

TEST(RegistrarAgentTest, EveryMemberHasItsType) {
  ExpectTyped(WriteRegistrarAgent(SomeAgent()),
              {{"agent_id"},
               {"ek_tpm"},
               {"ekcert", false, {"null"}},
               {"aik_tpm"},
               {"ip", false, {"null"}},
               {"port", false, {"null"}},
               {"mtls_cert", false, {"null"}},
               {"regcount", false, {"null"}}},
              [](const json::Object& results) {
                const Result<RegistrarAgent> agent = ParseRegistrarAgent(results);
                if (!agent) EXPECT_EQ(agent.error().id, "wire.registrar_agent.member");
                return agent ? Parses::kYes : Parses::kNo;
              });
  for (const auto& [name, value] : std::vector<std::pair<std::string, json::Value>>{
           {"agent_id", "../x"},
           {"regcount", -1},
           {"ekcert", "A"},
           {"ip", "a b"},
           {"port", 0},
           {"mtls_cert", std::string(300'000, 'x')},
           {"ekcert", Base64Encode(Bytes(300'000, 1))}}) {
    EXPECT_FALSE(ParseRegistrarAgent(WriteRegistrarAgent(SomeAgent()).Set(name, value))) << name;
  }
}

RegistrarIdentity SomeIdentity() {
  return {.agent = SomeAgent(),
          .identity = Identity::kVerified,
          .why = "",
          .findings = json::Array{json::Object{{"check", "tpm.ekcert.chain"}}},
          .ek_fingerprint = std::string(64, 'a')};
}

TEST(RegistrarIdentityTest, IsReadBack) {
  RegistrarIdentity identity = SomeIdentity();
  Result<RegistrarIdentity> parsed = ParseRegistrarIdentity(WriteRegistrarIdentity(identity));
  ASSERT_TRUE(parsed) << parsed.error().message;
  ExpectSame(parsed->agent, identity.agent);
  EXPECT_EQ(parsed->identity, Identity::kVerified);
  EXPECT_EQ(parsed->findings, identity.findings);
  EXPECT_EQ(parsed->ek_fingerprint, identity.ek_fingerprint);
  identity.identity = Identity::kUnverified;
  identity.why = "no certificate";
  parsed = ParseRegistrarIdentity(WriteRegistrarIdentity(identity));
  EXPECT_EQ(parsed->identity, Identity::kUnverified);
  EXPECT_EQ(parsed->why, "no certificate");
}

TEST(RegistrarIdentityTest, WhatIsNotClearIsRefused) {
  ExpectTyped(WriteRegistrarIdentity(SomeIdentity()),
              {{"identity"}, {"why"}, {"ek_fingerprint"}, {"agent_id"}},
              [](const json::Object& document) {
                return ParseRegistrarIdentity(document) ? Parses::kYes : Parses::kNo;
              });
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"identity", "Verified"},
                                                        {"identity", ""},
                                                        {"identity", "verified "},
                                                        {"ek_fingerprint", "aa"},
                                                        {"ek_fingerprint", std::string(64, 'g')}}) {
    EXPECT_FALSE(ParseRegistrarIdentity(WriteRegistrarIdentity(SomeIdentity()).Set(name, value)))
        << name << value;
  }
}

TEST(Registration, RecordedRequestsAreRead) {
  int seen = 0;
  for (const Exchange& exchange : Recorded("agent-registrar")) {
    if (exchange.method == "POST") {
      const Result<RegistrationRequest> request = ParseRegistration(exchange.request);
      ASSERT_TRUE(request) << exchange.where << request.error().message;
      EXPECT_TRUE(request->ek_tpm.value) << exchange.where;
      EXPECT_TRUE(request->ek_certificate.value) << exchange.where;
      EXPECT_TRUE(request->transport_certificate.value) << exchange.where;
      if (exchange.status == 200) {
        const Result<Bytes> blob =
            ParseRegistrationResults(ParseEnvelope(exchange.response)->results);
        ASSERT_TRUE(blob) << exchange.where;
        EXPECT_EQ(blob->size(), 336U);
      }
      ++seen;
    } else if (exchange.method == "PUT") {
      EXPECT_TRUE(ParseActivation(exchange.request)) << exchange.where;
    }
  }
  if (seen == 0) GTEST_SKIP() << kNoRecordings;
}

TEST(Registration, RecordedAgentsAreRead) {
  int seen = 0;
  for (const Exchange& exchange : Recorded("tenant-registrar")) {
    if (exchange.method != "GET" || exchange.status != 200 ||
        exchange.path.find("/agents/") == std::string::npos) {
      continue;
    }
    const Result<Envelope> envelope = ParseEnvelope(exchange.response);
    if (envelope->results.as_object()->Contains("uuids")) continue;
    const Result<RegistrarAgent> agent = ParseRegistrarAgent(envelope->results);
    ASSERT_TRUE(agent) << exchange.where << agent.error().message;
    // Ours has the same members in the same order.
    EXPECT_EQ(json::Serialize(WriteRegistrarAgent(*agent)), json::Serialize(envelope->results))
        << exchange.where;
    ++seen;
  }
  if (seen == 0) GTEST_SKIP() << kNoRecordings;
}

}  // namespace
}  // namespace limequat::wire
