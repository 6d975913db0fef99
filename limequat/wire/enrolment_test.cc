#include "limequat/wire/enrolment.h"

#include <gtest/gtest.h>

#include "limequat/crypto/certificate.h"
#include "limequat/wire/envelope.h"
#include "limequat/wire/testing.h"

namespace limequat::wire {
namespace {

std::string SomeCertificatePem() {
  const crypto::PrivateKey key = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256);
  crypto::CertificateRequest request;
  request.common_name = "agent";
  request.not_before = FromUnixSeconds(1'700'000'000);
  request.not_after = FromUnixSeconds(1'900'000'000);
  return crypto::Issue(request, key.public_key(), nullptr, key)->ToPem();
}

const std::string& CertificatePem() {
  static const std::string pem = SomeCertificatePem();
  return pem;
}

EnrolRequest SomeRequest() {
  EnrolRequest request;
  request.ip = "127.0.0.1";
  request.port = 9002;
  request.v = Bytes(32, 7);
  request.tpm_policy = {.mask = 0x408000,
                        .pcrs = {{15, {std::string(64, '0')}}, {22, {std::string(40, 'a')}}}};
  request.metadata = R"({"a": 1})";
  request.runtime_policy = R"({"meta": {}})";
  request.runtime_policy_name = "rp";
  request.runtime_policy_key = "-----BEGIN PUBLIC KEY-----";
  request.mb_policy = "{}";
  request.mb_policy_name = "mb";
  request.ima_sign_verification_keys = "{}";
  request.revocation_key = "key";
  request.accept_hash_algs = {"sha512", "sha256"};
  request.accept_enc_algs = {"ecc", "rsa"};
  request.accept_sign_algs = {"rsassa"};
  request.ak_tpm = Bytes(280, 3);
  request.transport_certificate = CertificatePem();
  request.supported_version = "2.5";
  return request;
}

json::Object Good() { return *json::Parse(WriteEnrolRequest(SomeRequest()))->as_object(); }

Result<EnrolRequest> With(std::string_view name, json::Value value) {
  return ParseEnrolRequest(json::Serialize(Good().Set(name, std::move(value))));
}

void ExpectSame(const EnrolRequest& a, const EnrolRequest& b) {
  EXPECT_EQ(a.ip, b.ip);
  EXPECT_EQ(a.port, b.port);
  EXPECT_EQ(a.v, b.v);
  EXPECT_EQ(a.tpm_policy.mask, b.tpm_policy.mask);
  EXPECT_EQ(a.tpm_policy.pcrs, b.tpm_policy.pcrs);
  EXPECT_EQ(a.metadata, b.metadata);
  EXPECT_EQ(a.runtime_policy, b.runtime_policy);
  EXPECT_EQ(a.runtime_policy_name, b.runtime_policy_name);
  EXPECT_EQ(a.runtime_policy_key, b.runtime_policy_key);
  EXPECT_EQ(a.mb_policy, b.mb_policy);
  EXPECT_EQ(a.mb_policy_name, b.mb_policy_name);
  EXPECT_EQ(a.ima_sign_verification_keys, b.ima_sign_verification_keys);
  EXPECT_EQ(a.revocation_key, b.revocation_key);
  EXPECT_EQ(a.accept_hash_algs, b.accept_hash_algs);
  EXPECT_EQ(a.accept_enc_algs, b.accept_enc_algs);
  EXPECT_EQ(a.accept_sign_algs, b.accept_sign_algs);
  EXPECT_EQ(a.ak_tpm, b.ak_tpm);
  EXPECT_EQ(a.transport_certificate, b.transport_certificate);
  EXPECT_EQ(a.supported_version, b.supported_version);
}

Parses Reads(std::string_view body) {
  const Result<EnrolRequest> request = ParseEnrolRequest(body);
  if (!request) {
    EXPECT_EQ(request.error().code, ErrorCode::kMalformed);
    EXPECT_TRUE(request.error().id.starts_with("wire.enrol.")) << request.error().id;
  }
  return request ? Parses::kYes : Parses::kNo;
}

TEST(Enrolment, IsReadBack) {
  EnrolRequest request = SomeRequest();
  Result<EnrolRequest> parsed = ParseEnrolRequest(WriteEnrolRequest(request));
  ASSERT_TRUE(parsed) << parsed.error().message;
  ExpectSame(*parsed, request);

  request.ip.reset();
  request.port.reset();
  request.v.reset();
  request.runtime_policy.reset();
  request.runtime_policy_key.reset();
  request.mb_policy.reset();
  request.transport_certificate.reset();
  parsed = ParseEnrolRequest(WriteEnrolRequest(request));
  ASSERT_TRUE(parsed) << parsed.error().message;
  ExpectSame(*parsed, request);

  request.transport_certificate = "disabled";
  EXPECT_EQ(ParseEnrolRequest(WriteEnrolRequest(request))->transport_certificate, "disabled");
}

TEST(Enrolment, EveryMemberHasItsType) {
  ExpectWhole(json::Serialize(Good()), Reads);
  ExpectTyped(Good(),
              {{"v", false, {"null"}},
               {"cloudagent_ip", false, {"null"}},
               {"cloudagent_port", false, {"null"}},
               {"tpm_policy"},
               {"runtime_policy"},
               {"runtime_policy_name", false, {"null"}},
               {"runtime_policy_key", false, {"null"}},
               {"mb_policy", true, {"null"}},
               {"mb_policy_name", true, {"null"}},
               {"ima_sign_verification_keys", true, {"null"}},
               {"metadata"},
               {"revocation_key", true, {"null"}},
               {"accept_tpm_hash_algs"},
               {"accept_tpm_encryption_algs"},
               {"accept_tpm_signing_algs"},
               {"ak_tpm"},
               {"mtls_cert", false, {"null"}},
               {"supported_version", false, {"null"}}},
              [](const json::Object& message) { return Reads(json::Serialize(message)); });
}

TEST(Enrolment, WhatIsMissingIsNamedAsKeylimeDoes) {
  for (const std::string name :
       {"tpm_policy", "metadata", "mb_policy", "mb_policy_name", "ima_sign_verification_keys",
        "revocation_key", "accept_tpm_hash_algs", "accept_tpm_encryption_algs",
        "accept_tpm_signing_algs", "ak_tpm"}) {
    json::Object message;
    for (const auto& [other, value] : Good()) {
      if (other != name) message.Set(other, value);
    }
    const Result<EnrolRequest> request = ParseEnrolRequest(json::Serialize(message));
    ASSERT_FALSE(request) << name;
    EXPECT_EQ(request.error().id, "wire.enrol.missing");
    EXPECT_EQ(request.error().message, "'" + name + "'");
  }
  const Result<EnrolRequest> request = With("runtime_policy", nullptr);
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().message,
            "argument should be a bytes-like object or ASCII string, not 'NoneType'");
}

TEST(Enrolment, OtherSpellingsOfPeersAreRead) {
  EXPECT_EQ(With("cloudagent_port", "9002")->port, 9002);
  EXPECT_EQ(With("v", "")->v, std::nullopt);
  EXPECT_EQ(With("runtime_policy", "")->runtime_policy, std::nullopt);
  EXPECT_EQ(With("mb_policy", "")->mb_policy, std::nullopt);
  EXPECT_EQ(With("mtls_cert", "")->transport_certificate, std::nullopt);
  EXPECT_EQ(With("verifier_port", "8881")->port, 9002) << "ignored";
  EXPECT_EQ(With("supported_version", "3.0")->supported_version, "2.6");
  EXPECT_EQ(With("supported_version", "x")->supported_version, "2.6");
  EXPECT_EQ(With("supported_version", "2.1")->supported_version, "2.1");
}

TEST(Enrolment, EveryMemberHasItsContent) {
  const std::vector<std::pair<std::string, json::Value>> wrong{
      {"v", "A"},
      {"v", Base64Encode(Bytes(65, 1))},
      {"cloudagent_ip", "a b"},
      {"cloudagent_port", 0},
      {"cloudagent_port", 65536},
      {"cloudagent_port", "x"},
      {"tpm_policy", "{"},
      {"tpm_policy", ""},
      {"runtime_policy", "{}"},
      {"runtime_policy_name", std::string(256, 'n')},
      {"runtime_policy_key", "*"},
      {"mb_policy_name", std::string(256, 'n')},
      {"ima_sign_verification_keys", std::string((1U << 20U) + 1, 'k')},
      {"metadata", ""},
      {"metadata", "{"},
      {"revocation_key", std::string(70'000, 'k')},
      {"accept_tpm_hash_algs", json::Array{1}},
      {"accept_tpm_hash_algs", json::Array{std::string(33, 'h')}},
      {"accept_tpm_hash_algs", json::Array(33, json::Value("sha1"))},
      {"accept_tpm_encryption_algs", json::Array(33, json::Value("rsa"))},
      {"accept_tpm_signing_algs", json::Array(33, json::Value("rsassa"))},
      {"ak_tpm", ""},
      {"ak_tpm", "A"},
      {"ak_tpm", Base64Encode(Bytes(5000, 1))},
      {"mtls_cert", "certificate"},
      {"mtls_cert", "Disabled"},
  };
  for (const auto& [name, value] : wrong) {
    EXPECT_EQ(Reads(json::Serialize(Good().Set(name, value))), Parses::kNo)
        << name << " " << json::Serialize(value).substr(0, 60);
  }
}

TEST(Enrolment, AnErrorQuotesNoControlCharacters) {
  const Result<EnrolRequest> request = With("tpm_policy", "{\"\x1b[2J\": []}");
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().message.find('\x1b'), std::string::npos);
}

TEST(TpmPolicyTest, IsReadBack) {
  const TpmPolicy policy{.mask = 0xffff,
                         .pcrs = {{0, {std::string(64, 'a'), std::string(64, 'b')}}, {23, {}}}};
  const Result<TpmPolicy> parsed = ParseTpmPolicy(WriteTpmPolicy(policy));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->mask, policy.mask);
  EXPECT_EQ(parsed->pcrs, policy.pcrs);
  EXPECT_EQ(WriteTpmPolicy({.mask = 0x400, .pcrs = {}}), R"({"mask":"0x400"})");
}

TEST(TpmPolicyTest, EverySpellingIsRead) {
  const std::string value(64, 'A');
  const Result<TpmPolicy> policy =
      ParseTpmPolicy(R"({"22": "0x)" + value + R"(", "1": [")" + value + R"("]})");
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_EQ(policy->mask, (1U << 22U) | (1U << 1U)) << "without a mask: the PCRs that are named";
  EXPECT_EQ(policy->pcrs, (std::vector<std::pair<std::uint32_t, std::vector<std::string>>>{
                              {1, {std::string(64, 'a')}}, {22, {std::string(64, 'a')}}}));
  EXPECT_EQ(ParseTpmPolicy("{}")->mask, 0U);
  EXPECT_EQ(ParseTpmPolicy(R"({"mask": "400"})")->mask, 0x400U);
  EXPECT_EQ(ParseTpmPolicy(R"({"mask": "0X400"})")->mask, 0x400U);
  for (const std::size_t size : {40U, 64U, 96U, 128U}) {
    EXPECT_TRUE(ParseTpmPolicy(R"({"0": ")" + std::string(size, '0') + "\"}")) << size;
  }
}

TEST(TpmPolicyTest, EverythingElseIsRefused) {
  const std::string zeros(64, '0');
  for (const std::string& text :
       std::vector<std::string>{"",
                                "[]",
                                "null",
                                "1",
                                "{",
                                R"({"mask": 1024})",
                                R"({"mask": "0x"})",
                                R"({"mask": ""})",
                                R"({"mask": "0x1000000"})",
                                R"({"mask": "0x400 "})",
                                R"({"mask": "-1"})",
                                R"({"mask": "0x0x400"})",
                                R"({"mask": "0x400", "mask": "0x0"})",
                                R"({"24": []})",
                                R"({"01": []})",
                                R"({"-1": []})",
                                R"({"a": []})",
                                R"({"": []})",
                                R"({"1 ": []})",
                                R"({"4294967296": []})",
                                R"({"1": null})",
                                R"({"1": 1})",
                                R"({"1": {}})",
                                R"({"1": [1]})",
                                R"({"1": [[]]})",
                                R"({"1": "00"})",
                                R"({"1": "zz"})",
                                R"({"1": ""})",
                                R"({"1": ["0x"]})",
                                R"({"1": [")" + zeros + "0\"]}",
                                R"({"1": [")" + std::string(66, '0') + "\"]}"}) {
    const Result<TpmPolicy> policy = ParseTpmPolicy(text);
    ASSERT_FALSE(policy) << text;
    EXPECT_EQ(policy.error().code, ErrorCode::kMalformed);
    EXPECT_EQ(policy.error().id, "wire.tpm_policy");
  }
  json::Array many(4097, json::Value(std::string(40, '0')));
  EXPECT_FALSE(ParseTpmPolicy(json::Serialize(json::Object{{"1", many}})));
  EXPECT_EQ(ParseTpmPolicy(R"({"77": []})").error().message, "Invalid tpm policy pcr number: 77");
}

TEST(AgentStatusTest, IsWrittenAsKeylimeDoes) {
  AgentStatus status;
  status.operational_state = OperationalState::kGetQuote;
  status.attestation_status = "PASS";
  status.ip = "127.0.0.1";
  status.port = 19002;
  status.tpm_policy = R"({"mask": "0x400"})";
  status.meta_data = "{}";
  status.has_runtime_policy = true;
  status.accept_hash_algs = {"sha256"};
  status.accept_enc_algs = {"rsa"};
  status.accept_sign_algs = {"rsassa"};
  status.verifier_id = "default";
  status.verifier_ip = "127.0.0.1";
  status.verifier_port = 8881;
  status.severity_level = 3;
  status.last_event_id = "ima.x";
  status.attestation_count = 7;
  status.last_received_quote = 11;
  status.last_successful_attestation = 10;
  EXPECT_EQ(
      json::Serialize(WriteAgentStatus(status)),
      R"({"operational_state":3,"v":null,"ip":"127.0.0.1","port":19002,"tpm_policy":"{\"mask\": \"0x400\"}",)"
      R"("meta_data":"{}","has_mb_refstate":0,"has_runtime_policy":1,"accept_tpm_hash_algs":["sha256"],)"
      R"("accept_tpm_encryption_algs":["rsa"],"accept_tpm_signing_algs":["rsassa"],"hash_alg":"","enc_alg":"",)"
      R"("sign_alg":"","verifier_id":"default","verifier_ip":"127.0.0.1","verifier_port":8881,)"
      R"("severity_level":3,"last_event_id":"ima.x","attestation_count":7,"last_received_quote":11,)"
      R"("last_successful_attestation":10,"attestation_status":"PASS","attestation_period":"2s",)"
      R"("maximum_attestation_interval":"10s"})");
}

// Member names and their order, in the recordings.
TEST(AgentStatusTest, HasTheMembersOfRecordedAnswers) {
  std::vector<std::string> ours;
  for (const auto& [name, value] : WriteAgentStatus({})) ours.push_back(name);
  int seen = 0;
  for (const Exchange& exchange : Recorded("tenant-verifier")) {
    if (exchange.method != "GET" || exchange.status != 200) continue;
    const Result<Envelope> envelope = ParseEnvelope(exchange.response);
    if (!envelope->results.as_object()->Contains("operational_state")) continue;
    std::vector<std::string> theirs;
    for (const auto& [name, value] : *envelope->results.as_object()) theirs.push_back(name);
    EXPECT_EQ(ours, theirs) << exchange.where;
    ++seen;
  }
  if (seen == 0) GTEST_SKIP() << kNoRecordings;
}

TEST(Enrolment, RecordedRequestsAreRead) {
  int seen = 0;
  for (const Exchange& exchange : Recorded("tenant-verifier")) {
    if (exchange.method != "POST" || exchange.path.find("/agents/") == std::string::npos) continue;
    const Result<EnrolRequest> request = ParseEnrolRequest(exchange.request);
    ASSERT_TRUE(request) << exchange.where << request.error().message;
    EXPECT_NE(request->tpm_policy.mask, 0U) << exchange.where;
    EXPECT_FALSE(request->accept_hash_algs.empty());
    // What we would send says the same.
    const Result<EnrolRequest> again = ParseEnrolRequest(WriteEnrolRequest(*request));
    ASSERT_TRUE(again) << exchange.where << again.error().message;
    ExpectSame(*again, *request);
    ++seen;
  }
  if (seen == 0) GTEST_SKIP() << kNoRecordings;
}

}  // namespace
}  // namespace limequat::wire
