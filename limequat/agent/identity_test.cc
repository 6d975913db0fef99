#include "limequat/agent/identity.h"

#include <chrono>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/agent/ak_record.h"
#include "limequat/agent/test_support.h"
#include "limequat/base/encoding.h"
#include "limequat/device/swtpm_for_test.h"

namespace limequat::agent {
namespace {

using device::EkCertificates;
using device::KeyKind;

const wire::AgentId& Id() {
  static const wire::AgentId id = *wire::AgentId::Parse("agent-1");
  return id;
}

Time Now() { return FromUnixSeconds(1'800'000'000); }

TEST(KeyChoiceTest, TakesTheNamesOfKeylime) {
  const Result<KeyChoice> rsa = ParseKeyChoice("rsa", "rsassa", "sha256");
  ASSERT_TRUE(rsa);
  EXPECT_EQ(rsa->kind, KeyKind::kRsa2048);
  EXPECT_EQ(rsa->scheme, tpm::AlgorithmId::kRsaSsa);
  EXPECT_EQ(rsa->hash, crypto::HashAlgorithm::kSha256);
  EXPECT_EQ(ParseKeyChoice("rsa2048", "rsapss", "sha384")->scheme, tpm::AlgorithmId::kRsaPss);
  EXPECT_EQ(ParseKeyChoice("ecc_nist_p256", "ecdsa", "sha256")->kind, KeyKind::kEcc256);
  EXPECT_EQ(ParseKeyChoice("ecc384", "", "sha384")->scheme, tpm::AlgorithmId::kEcdsa);
  EXPECT_EQ(ParseKeyChoice("rsa", "", "sha256")->scheme, tpm::AlgorithmId::kRsaSsa);
}

TEST(KeyChoiceTest, RefusesWhatCannotWork) {
  for (const auto& [encryption, signing, hash] :
       std::vector<std::tuple<std::string, std::string, std::string>>{
           {"rsa1024", "rsassa", "sha256"},
           {"", "rsassa", "sha256"},
           {"rsa", "ecdsa", "sha256"},
           {"ecc", "rsassa", "sha256"},
           {"ecc", "rsapss", "sha256"},
           {"ecc", "ecschnorr", "sha256"},
           {"rsa", "sha256", "sha256"},
           {"rsa", "rsassa", "sm3_256"},
           {"rsa", "rsassa", ""}}) {
    const Result<KeyChoice> choice = ParseKeyChoice(encryption, signing, hash);
    ASSERT_FALSE(choice) << encryption << signing << hash;
    EXPECT_EQ(choice.error().id, "agent.algorithm");
  }
}

TEST(EncryptionNameTest, DependsOnTheVersion) {
  EXPECT_EQ(EncryptionName(KeyKind::kRsa2048, 4), "rsa");
  EXPECT_EQ(EncryptionName(KeyKind::kRsa2048, 5), "rsa2048");
  EXPECT_EQ(EncryptionName(KeyKind::kEcc256, 1), "ecc");
  EXPECT_EQ(EncryptionName(KeyKind::kEcc256, 6), "ecc256");
  EXPECT_EQ(EncryptionName(KeyKind::kEcc384, 1), "ecc384");
}

TEST(EkCertificatePemTest, Quirk_A22_AbsentAndUnreadableAreTold) {
  EkCertificates certificates;
  EXPECT_EQ(EkCertificatePem(certificates), "");
  certificates.state = EkCertificates::State::kUnreadable;
  EXPECT_EQ(EkCertificatePem(certificates), std::nullopt);
}

TEST(EkCertificatePemTest, TheCertificateComesFirstThenTheChainFromItsEnd) {
  const http::TestCa ca("ek");
  const crypto::Certificate ek = ca.Server("ek").certificate;
  const crypto::Certificate low = ca.Server("low").certificate;
  const crypto::Certificate high = ca.Server("high").certificate;
  EkCertificates certificates{.state = EkCertificates::State::kPresent,
                              .reason = "",
                              .der = ek.ToDer(),
                              .chain = {low.ToDer(), high.ToDer()}};
  EXPECT_EQ(EkCertificatePem(certificates), ek.ToPem() + high.ToPem() + low.ToPem());
  // Quirk A21: one that no parser here takes is sent all the same.
  certificates.der = {0x30, 0x01, 0x00};
  certificates.chain.clear();
  EXPECT_EQ(EkCertificatePem(certificates),
            "-----BEGIN CERTIFICATE-----\nMAEA\n-----END CERTIFICATE-----\n");
}

class StateTest : public testing::Test {
 protected:
  std::string Content(std::string_view name) const { return state_.Read(name)->value_or("(none)"); }
  const TemporaryFolder folder_;
  const StateFolder state_ = *StateFolder::Open(folder_.path());
};

using TransportKeyTest = StateTest;

TEST_F(TransportKeyTest, StaysTheSame) {
  const Result<crypto::PrivateKey> first = ObtainTransportKey(state_);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->public_key().bits(), 2048);
  const Result<crypto::PrivateKey> again = ObtainTransportKey(state_);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->public_key(), first->public_key());
}

TEST_F(TransportKeyTest, AnotherKeyIsRefused) {
  ASSERT_TRUE(state_.Write("transport.key",
                           crypto::PrivateKey::GenerateEc(crypto::Curve::kP256).ExposePem()));
  EXPECT_EQ(ObtainTransportKey(state_).error().id, "agent.transport_key");
  ASSERT_TRUE(state_.Write("transport.key", crypto::PrivateKey::GenerateRsa(3072).ExposePem()));
  EXPECT_EQ(ObtainTransportKey(state_).error().id, "agent.transport_key");
  ASSERT_TRUE(state_.Write("transport.key", "garbage"));
  const Result<crypto::PrivateKey> key = ObtainTransportKey(state_);
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().code, ErrorCode::kMalformed);
  EXPECT_EQ(Content("transport.key"), "garbage") << "nothing is overwritten";
}

using ServerIdentityTest = StateTest;

TEST_F(ServerIdentityTest, Quirk_A12_TheCertificateIsProper) {
  const Result<ServerIdentity> identity = ObtainServerIdentity(state_, Id(), "10.1.2.3", Now());
  ASSERT_TRUE(identity) << identity.error().message;
  const crypto::Certificate& certificate = identity->certificate;
  EXPECT_EQ(certificate.common_name(), "agent-1");
  EXPECT_EQ(*certificate.public_key(), identity->key.public_key());
  EXPECT_GT(certificate.not_after(), Now() + std::chrono::days(3000));
  EXPECT_LT(certificate.not_before(), Now());
  EXPECT_NE(certificate.serial_hex().find_first_not_of('0'), std::string::npos);
  // Signed last: the signature covers the names, and verifies.
  EXPECT_TRUE(certificate.extension("2.5.29.17"));
  crypto::ChainOptions options;
  options.at = Now();
  for (const Finding& finding :
       crypto::VerifyChain(certificate, {certificate}, {}, options, "test")) {
    EXPECT_EQ(finding.outcome, Outcome::kPassed) << finding.check << finding.detail;
  }
}

TEST_F(ServerIdentityTest, StaysTheSame) {
  const Result<ServerIdentity> first = ObtainServerIdentity(state_, Id(), "10.1.2.3", Now());
  const Result<ServerIdentity> again =
      ObtainServerIdentity(state_, Id(), "10.1.2.3", Now() + std::chrono::days(3000));
  ASSERT_TRUE(first);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->certificate, first->certificate);
  EXPECT_EQ(again->key.public_key(), first->key.public_key());
}

TEST_F(ServerIdentityTest, AHostNameIsAName) {
  const Result<ServerIdentity> identity =
      ObtainServerIdentity(state_, Id(), "machine.example", Now());
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_THAT(std::string(AsText(*identity->certificate.extension("2.5.29.17"))),
              testing::HasSubstr("machine.example"));
}

TEST_F(ServerIdentityTest, Quirk_A13_ACertificateThatDoesNotFitIsMadeAnew) {
  const Result<ServerIdentity> first = ObtainServerIdentity(state_, Id(), "10.1.2.3", Now());
  ASSERT_TRUE(first);
  const auto replaced = [&](const wire::AgentId& id, Time now) {
    const Result<ServerIdentity> identity = ObtainServerIdentity(state_, id, "10.1.2.3", now);
    EXPECT_TRUE(identity) << identity.error().message;
    EXPECT_EQ(Content("server.pem"), identity->certificate.ToPem());
    const bool anew = !(identity->certificate == first->certificate);
    EXPECT_TRUE(state_.Write("server.pem", first->certificate.ToPem()));
    return anew;
  };
  EXPECT_FALSE(replaced(Id(), Now()));
  EXPECT_TRUE(replaced(Id(), Now() + std::chrono::days(4000))) << "expired";
  EXPECT_TRUE(replaced(Id(), Now() - std::chrono::days(2))) << "not valid yet";
  EXPECT_TRUE(replaced(*wire::AgentId::Parse("other"), Now())) << "another identifier";
  ASSERT_TRUE(state_.Write("server.pem", "garbage"));
  EXPECT_TRUE(replaced(Id(), Now())) << "unreadable";
  ASSERT_TRUE(
      state_.Write("server.key", crypto::PrivateKey::GenerateEc(crypto::Curve::kP256).ExposePem()));
  EXPECT_TRUE(replaced(Id(), Now())) << "another key";
}

TEST_F(ServerIdentityTest, AKeyThatCannotBeReadIsNotReplaced) {
  ASSERT_TRUE(state_.Write("server.key", "garbage"));
  EXPECT_FALSE(ObtainServerIdentity(state_, Id(), "10.1.2.3", Now()));
  EXPECT_EQ(Content("server.key"), "garbage");
}

TEST_F(ServerIdentityTest, TheOperatorsOwnIsLoadedAndNeverWritten) {
  const http::TestCa ca("operator");
  const http::Identity own = ca.Server("agent");
  const Time now = own.certificate.not_before() + std::chrono::hours(1);
  ASSERT_TRUE(state_.Write("own.pem", own.certificate.ToPem()));
  ASSERT_TRUE(state_.Write("own.key", own.key.ExposePem()));
  const auto load = [&](Time at) {
    return LoadServerIdentity(folder_.path() / "own.pem", folder_.path() / "own.key", at);
  };
  const Result<ServerIdentity> loaded = load(now);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->certificate, own.certificate);
  EXPECT_EQ(load(now + std::chrono::days(400)).error().id, "agent.server_certificate");
  EXPECT_EQ(load(now - std::chrono::days(400)).error().id, "agent.server_certificate");
  ASSERT_TRUE(
      state_.Write("own.key", crypto::PrivateKey::GenerateEc(crypto::Curve::kP256).ExposePem()));
  EXPECT_EQ(load(now).error().id, "agent.server_certificate");
  EXPECT_EQ(Content("own.pem"), own.certificate.ToPem());
  ASSERT_TRUE(state_.Write("own.key", "garbage"));
  EXPECT_FALSE(load(now));
  EXPECT_FALSE(
      LoadServerIdentity(folder_.path() / "absent.pem", folder_.path() / "absent.key", now));
}

class AttestationKeyTest : public StateTest {
 protected:
  void SetUp() override {
    Result<std::unique_ptr<device::SwTpm>> started = device::SwTpm::Start();
    if (!started && started.error().code == ErrorCode::kNotFound)
      GTEST_SKIP() << started.error().message;
    ASSERT_TRUE(started) << started.error().message;
    swtpm_ = *std::move(started);
    tpm_ = *device::Tpm::Open(swtpm_->tcti());
  }

  // The Name of the key that the agent obtains now.
  Bytes Obtain(const KeyChoice& choice = {}) {
    const Result<device::Tpm::Key> ek = ObtainEndorsementKey(*tpm_, choice.kind, std::nullopt);
    EXPECT_TRUE(ek) << ek.error().message;
    const Result<device::Tpm::Key> ak = ObtainAttestationKey(*tpm_, *ek, choice, state_);
    EXPECT_TRUE(ak) << ak.error().message;
    return ak ? ak->public_area().Name() : Bytes();
  }

  std::unique_ptr<device::SwTpm> swtpm_;
  std::unique_ptr<device::Tpm> tpm_;
};

TEST_F(AttestationKeyTest, Quirk_A33_StaysTheSame) {
  const Bytes name = Obtain();
  EXPECT_EQ(Obtain(), name);
  tpm_.reset();
  ASSERT_TRUE(swtpm_->Reboot());
  tpm_ = *device::Tpm::Open(swtpm_->tcti());
  EXPECT_EQ(Obtain(), name) << "after a reboot";
}

TEST_F(AttestationKeyTest, OtherAlgorithmsMakeAnotherKey) {
  const Bytes name = Obtain();
  KeyChoice pss;
  pss.scheme = tpm::AlgorithmId::kRsaPss;
  EXPECT_NE(Obtain(pss), name);
  KeyChoice hash;
  hash.hash = crypto::HashAlgorithm::kSha384;
  EXPECT_NE(Obtain(hash), name);
  const KeyChoice ecc{.kind = KeyKind::kEcc256,
                      .scheme = tpm::AlgorithmId::kEcdsa,
                      .hash = crypto::HashAlgorithm::kSha256};
  const Bytes ecc_name = Obtain(ecc);
  EXPECT_EQ(Obtain(ecc), ecc_name);
}

// With a persistent EK the EK stays when the key's type changes.
TEST_F(AttestationKeyTest, Quirk_A33_AnotherTypeUnderTheSameEndorsementKeyIsNoticed) {
  const Result<device::Tpm::Key> ek = ObtainEndorsementKey(*tpm_, KeyKind::kEcc384, std::nullopt);
  ASSERT_TRUE(ek);
  const KeyChoice p256{.kind = KeyKind::kEcc256,
                       .scheme = tpm::AlgorithmId::kEcdsa,
                       .hash = crypto::HashAlgorithm::kSha256};
  KeyChoice p384 = p256;
  p384.kind = KeyKind::kEcc384;
  {
    const Result<device::Tpm::Key> ak = ObtainAttestationKey(*tpm_, *ek, p256, state_);
    ASSERT_TRUE(ak) << ak.error().message;
    EXPECT_EQ(ak->public_area().key().curve(), crypto::Curve::kP256);
  }
  const Result<device::Tpm::Key> ak = ObtainAttestationKey(*tpm_, *ek, p384, state_);
  ASSERT_TRUE(ak) << ak.error().message;
  EXPECT_EQ(ak->public_area().key().curve(), crypto::Curve::kP384);
}

TEST_F(AttestationKeyTest, AKeyOfAnotherTpmIsReplaced) {
  const Bytes name = Obtain();
  tpm_.reset();
  swtpm_ = *device::SwTpm::Start();
  tpm_ = *device::Tpm::Open(swtpm_->tcti());
  const Bytes other = Obtain();
  EXPECT_NE(other, name);
  EXPECT_EQ(Obtain(), other);
}

TEST_F(AttestationKeyTest, ABlobThatTheTpmRefusesIsReplaced) {
  const Bytes name = Obtain();
  AkRecord record = *ParseAkRecord(Content("agent_data.json"));
  record.blob.private_area.back() ^= 1U;
  ASSERT_TRUE(state_.Write("agent_data.json", WriteAkRecord(record)));
  EXPECT_NE(Obtain(), name);
}

TEST_F(AttestationKeyTest, ADamagedFileIsReplaced) {
  const Bytes name = Obtain();
  ASSERT_TRUE(state_.Write("agent_data.json", "{"));
  EXPECT_NE(Obtain(), name);
}

TEST_F(AttestationKeyTest, TroubleOfTheTpmNeverMakesANewKey) {
  const Bytes name = Obtain();
  const std::string record = Content("agent_data.json");
  {
    const Result<device::Tpm::Key> ek =
        ObtainEndorsementKey(*tpm_, KeyKind::kRsa2048, std::nullopt);
    ASSERT_TRUE(ek);
    swtpm_->Stop();
    const Result<device::Tpm::Key> ak = ObtainAttestationKey(*tpm_, *ek, {}, state_);
    ASSERT_FALSE(ak);
    EXPECT_EQ(ak.error().code, ErrorCode::kUnavailable);
  }
  EXPECT_EQ(Content("agent_data.json"), record);
  tpm_.reset();
  ASSERT_TRUE(swtpm_->Reboot());
  tpm_ = *device::Tpm::Open(swtpm_->tcti());
  EXPECT_EQ(Obtain(), name);
}

TEST_F(AttestationKeyTest, AFileThatCannotBeReadNeverMakesANewKey) {
  const Bytes name = Obtain();
  const std::string record = Content("agent_data.json");
  // Longer than any such file: it is not looked into.
  ASSERT_TRUE(state_.Write("agent_data.json", record + std::string(2U << 20U, ' ')));
  {
    const Result<device::Tpm::Key> ek =
        ObtainEndorsementKey(*tpm_, KeyKind::kRsa2048, std::nullopt);
    ASSERT_TRUE(ek);
    EXPECT_FALSE(ObtainAttestationKey(*tpm_, *ek, {}, state_));
  }
  ASSERT_TRUE(state_.Write("agent_data.json", record));
  EXPECT_EQ(Obtain(), name);
}

TEST_F(AttestationKeyTest, TheHashOfTheEndorsementKeyIsOfItsPem) {
  const Result<device::Tpm::Key> ek = ObtainEndorsementKey(*tpm_, KeyKind::kRsa2048, std::nullopt);
  ASSERT_TRUE(ek);
  const std::string hash = EkHash(ek->public_area());
  EXPECT_EQ(
      hash,
      crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(ek->public_area().key().ToPem())).hex());
  EXPECT_TRUE(wire::AgentId::Parse(hash));
  Obtain();
  EXPECT_EQ(ParseAkRecord(Content("agent_data.json"))->ek_hash, hash);
}

}  // namespace
}  // namespace limequat::agent
