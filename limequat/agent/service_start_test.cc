// How an agent starts, what it refuses to start with, and what it leaves behind.

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "limequat/agent/api.h"
#include "limequat/agent/service_for_test.h"

namespace limequat::agent {
namespace {

TEST_F(MachineTest, EveryRouteWantsACertificate) {
  const std::unique_ptr<device::Tpm> tpm = *device::Tpm::Open(swtpm_->tcti());
  const StateFolder state = *StateFolder::Open(config_.state_dir);
  const device::Tpm::Key ek = *tpm->CreateEndorsementKey(device::KeyKind::kRsa2048);
  const crypto::PrivateKey key = *ObtainTransportKey(state);
  const wire::AgentId id = *wire::AgentId::Parse("agent-1");
  Evidence evidence(*tpm, *ObtainAttestationKey(*tpm, ek, {}, state), {}, {}, key.public_key(), {});
  BootstrapKey bootstrap_key(id);
  const http::Router router = MakeRouter(
      {.id = id, .transport_key = key, .evidence = evidence, .bootstrap_key = bootstrap_key});
  // 2.1 has no agent/info.
  EXPECT_EQ(router.routes().size(), 1U + 6U * 8U - 1U);
  for (const http::Router::Route& route : router.routes()) {
    EXPECT_FALSE(route.access.is_public()) << route.pattern;
    EXPECT_FALSE(route.access.Allows({})) << route.pattern;
  }
}

TEST_F(MachineTest, Attack_A17_ALabsAuthorityIsRefusedOutsideALab) {
  crypto::CertificateRequest request = http::Named("lab");
  request.ca = true;
  request.lab = true;
  const http::Identity lab = http::SelfSigned(request);
  WriteFile(folder_.path() / "clients.pem", ca_.certificate().ToPem() + lab.certificate.ToPem());
  const Status checked = CheckConfiguration(config_);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().id, "config.lab");
  EXPECT_EQ(OpenError(), "config.lab");
  config_.lab = true;
  EXPECT_TRUE(CheckConfiguration(config_));
  EXPECT_TRUE(Open());
}

TEST_F(MachineTest, AConfigurationThatCannotWorkIsRefused) {
  const config::AgentConfig good = config_;
  ASSERT_TRUE(CheckConfiguration(good));
  const auto refused = [&](const std::function<void(config::AgentConfig&)>& change) {
    config_ = good;
    change(config_);
    const Status status = CheckConfiguration(config_);
    EXPECT_FALSE(status);
    EXPECT_EQ(OpenError(), status ? "" : status.error().id);
    return status ? "" : status.error().id;
  };
  EXPECT_EQ(refused([](config::AgentConfig& c) { c.id = "../x"; }), "wire.agent_id");
  EXPECT_EQ(refused([](config::AgentConfig& c) { c.tpm_key = "rsa1024"; }), "agent.algorithm");
  EXPECT_EQ(refused([](config::AgentConfig& c) { c.tpm_key = "ecc256"; }), "agent.algorithm")
      << "with rsassa";
  EXPECT_EQ(refused([](config::AgentConfig& c) { c.ek_handle = "0x8101zz"; }), "agent.ek_handle");
  EXPECT_EQ(refused([](config::AgentConfig& c) { c.ek_handle = "0x8101000100"; }),
            "agent.ek_handle");
  EXPECT_EQ(refused([&](config::AgentConfig& c) {
              c.trusted_client_ca = {folder_.path() / "absent.pem"};
            }),
            "config.file");
  config_ = good;
  config_.ek_handle = "80000001";
  EXPECT_EQ(OpenError(), "device.ek_handle");
  config_ = good;
  config_.tcti = "cmd:/bin/true";
  EXPECT_EQ(OpenError(), "device.tcti");
}

TEST_F(MachineTest, WithoutATpmThereIsNoAgent) {
  swtpm_->Stop();
  const Result<std::unique_ptr<Service>> service = Open();
  ASSERT_FALSE(service);
  EXPECT_EQ(service.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(service.error().id, "device.tpm.open");
}

TEST_F(MachineTest, AnAgentThatIsNotRegisteredDoesNotServe) {
  FakeRegistrar refusing([](const http::Request& request, int) -> std::optional<http::Response> {
    if (request.method == http::Method::kPut) return Envelope(403, "no");
    return std::nullopt;
  });
  // A port of our choice, so that it can be tried.
  const http::ReservedPort port;
  config_.port = port.number();
  config_.registrar_port = refusing.port();
  {
    const Result<std::unique_ptr<Service>> service = Open();
    ASSERT_TRUE(service);
    const Status started = (*service)->Start({});
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, ErrorCode::kConflict);
  }
  config_.registrar_port = registrar_.port();
  const Result<std::unique_ptr<Service>> service = Open();
  ASSERT_TRUE(service);
  EXPECT_TRUE((*service)->Start({})) << "nobody listened on the port";
  EXPECT_EQ((*service)->port(), port.number());
}

TEST_F(MachineTest, APortThatIsTakenIsUnavailable) {
  const http::TestServer other{http::Router()};
  config_.port = other.port();
  const Result<std::unique_ptr<Service>> service = Open();
  ASSERT_TRUE(service);
  const Status started = (*service)->Start({});
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::kUnavailable);
}

TEST_F(MachineTest, StoppingEndsTheWaitForARegistrar) {
  http::CancelSource stopping;
  FakeRegistrar broken([&stopping](const http::Request&, int) -> std::optional<http::Response> {
    stopping.Cancel();
    return Envelope(500, "later");
  });
  config_.registrar_port = broken.port();
  config_.registrar_retry = std::chrono::hours(1);
  const Result<std::unique_ptr<Service>> service = Open();
  ASSERT_TRUE(service);
  const Status started = (*service)->Start(stopping.token());
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::kUnavailable);
}

TEST_F(MachineTest, TheIdentifierMayBeTheHashOfTheEndorsementKey) {
  config_.id = "hash_ek";
  const http::ReservedPort port;
  config_.contact_port = 0;
  config_.port = port.number();
  const Result<std::unique_ptr<Service>> service = Open();
  ASSERT_TRUE(service);
  ASSERT_TRUE((*service)->Start({}));
  const tpm::PublicArea ek = *tpm::PublicArea::FromTpm2b(*registrar_.registration()->ek_tpm.value);
  EXPECT_EQ((*service)->id().text(), EkHash(ek));
  EXPECT_EQ(registrar_.registration()->port.value, config_.port);
}

TEST_F(MachineTest, EveryKindOfKeyAttests) {
  for (const auto& [key, signing, hash] :
       std::vector<std::tuple<std::string, std::string, std::string>>{
           {"rsa2048", "rsapss", "sha256"},
           {"ecc256", "ecdsa", "sha256"},
           {"ecc384", "ecdsa", "sha384"}}) {
    config_.tpm_key = key;
    config_.tpm_signing = signing;
    config_.tpm_hash = hash;
    const Result<std::unique_ptr<Service>> service = Open();
    ASSERT_TRUE(service) << key << service.error().message;
    EXPECT_TRUE((*service)->Start({})) << key;
  }
  EXPECT_EQ(registrar_.activations(), 3);
}

// swtpm has three slots and no resource manager.
TEST_F(MachineTest, Quirk_A23_ManyStartsLeaveNothingBehind) {
  Bytes aik;
  std::string certificate;
  for (int round = 0; round < 10; ++round) {
    const Result<std::unique_ptr<Service>> service = Open();
    ASSERT_TRUE(service) << round << service.error().message;
    // Every other time it ends before it was registered.
    if (round % 2 == 1) continue;
    ASSERT_TRUE((*service)->Start({})) << round;
    const auto registered = registrar_.registration();
    if (round == 0) {
      aik = registered->aik_tpm;
      certificate = registered->transport_certificate.value->pem;
    }
    EXPECT_EQ(registered->aik_tpm, aik) << "the same attestation key";
    EXPECT_EQ(registered->transport_certificate.value->pem, certificate);
  }
  // Three keys fit: none of the slots is taken.
  const std::unique_ptr<device::Tpm> tpm = *device::Tpm::Open(swtpm_->tcti());
  std::vector<device::Tpm::Key> keys;
  for (int i = 0; i < 3; ++i) {
    Result<device::Tpm::Key> ek = tpm->CreateEndorsementKey(device::KeyKind::kEcc256);
    ASSERT_TRUE(ek) << i << ek.error().message;
    keys.push_back(*std::move(ek));
  }
}

// A process that dies leaves its attestation key in the TPM; the next one finds it.
TEST_F(MachineTest, Quirk_A23_AKilledAgentComesBack) {
  const auto aik = [this] {
    const Result<std::unique_ptr<Service>> service = Open();
    EXPECT_TRUE(service) << service.error().message;
    if (!service) return Bytes();
    EXPECT_TRUE((*service)->Start({}));
    return registrar_.registration()->aik_tpm;
  };
  const Bytes before = aik();
  for (int i = 0; i < 6; ++i) {
    // Only this thread exists in the child: it opens the keys and dies with them.
    const pid_t child = ::fork();
    if (child == 0) {
      const std::unique_ptr<device::Tpm> tpm = *device::Tpm::Open(config_.tcti);
      const StateFolder state = *StateFolder::Open(config_.state_dir);
      if (!FlushOldAttestationKey(*tpm, state)) ::_exit(2);
      Result<device::Tpm::Key> ek = tpm->CreateEndorsementKey(device::KeyKind::kRsa2048);
      if (!ek) ::_exit(3);
      const Result<device::Tpm::Key> ak = ObtainAttestationKey(*tpm, *ek, {}, state);
      if (!ak) ::_exit(4);
      {
        const device::Tpm::Key flushed = *std::move(ek);
      }
      ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0) << "round " << i;
  }
  EXPECT_EQ(aik(), before);
}

TEST_F(MachineTest, LogsThatAreNotThereAreNoEvidence) {
  config_.ima_log = folder_.path() / "absent";
  config_.boot_log = folder_.path() / "absent";
  const Result<std::unique_ptr<Service>> service = Open();
  ASSERT_TRUE(service) << service.error().message;
}

TEST_F(MachineTest, TheOperatorsCertificateIsRegistered) {
  const http::Identity own = ca_.Server("agent");
  const std::filesystem::path certificate = folder_.path() / "own.pem";
  const std::filesystem::path key = folder_.path() / "own.key";
  WriteFile(certificate, own.certificate.ToPem());
  WriteFile(key, own.key.ExposePem());
  std::filesystem::permissions(
      key, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  config_.server_certificate = certificate;
  config_.server_key = key;
  const Result<std::unique_ptr<Service>> service = Open();
  ASSERT_TRUE(service) << service.error().message;
  ASSERT_TRUE((*service)->Start({}));
  EXPECT_EQ(registrar_.registration()->transport_certificate.value->pem, own.certificate.ToPem());
}

}  // namespace
}  // namespace limequat::agent
