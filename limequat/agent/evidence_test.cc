#include "limequat/agent/evidence.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "limequat/base/result_macros.h"
#include "limequat/device/swtpm_for_test.h"

namespace limequat::agent {
namespace {

// Evidence of a software TPM that counts how often the attestation key was loaded again.
class EvidenceTest : public testing::Test {
 protected:
  void SetUp() override {
    Result<std::unique_ptr<device::SwTpm>> started = device::SwTpm::Start();
    if (!started && started.error().code == ErrorCode::kNotFound)
      GTEST_SKIP() << started.error().message;
    ASSERT_TRUE(started) << started.error().message;
    swtpm_ = *std::move(started);
    tpm_ = *device::Tpm::Open(swtpm_->tcti());
    ek_.emplace(*tpm_->CreateEndorsementKey(choice_.kind));
    blob_ = *tpm_->CreateAttestationKey(*ek_, choice_.kind, choice_.scheme, choice_.hash);
    evidence_.emplace(
        *tpm_, *tpm_->LoadAttestationKey(*ek_, blob_), [this] { return Reload(); }, choice_,
        crypto::PrivateKey::GenerateEc(crypto::Curve::kP256).public_key(), Logs{});
  }

  Result<device::Tpm::Key> Reload() {
    ++reloads_;
    LQ_ASSIGN_OR_RETURN(device::Tpm::Key ek, tpm_->CreateEndorsementKey(choice_.kind));
    ek_.emplace(std::move(ek));
    return tpm_->LoadAttestationKey(*ek_, blob_);
  }
  // The identifier of the error of one quote; "" if there is none.
  std::string Ask() {
    const Result<wire::QuoteAnswer> answer = evidence_->Identity("nonce", {});
    return answer ? "" : answer.error().id;
  }

  const KeyChoice choice_;
  std::unique_ptr<device::SwTpm> swtpm_;
  std::unique_ptr<device::Tpm> tpm_;
  std::optional<device::Tpm::Key> ek_;
  device::KeyBlob blob_;
  int reloads_ = 0;
  std::optional<Evidence> evidence_;
};

TEST_F(EvidenceTest, ABrokenConnectionIsMadeAnew) {
  EXPECT_EQ(Ask(), "");
  EXPECT_EQ(reloads_, 0);
  swtpm_->Stop();
  EXPECT_EQ(Ask(), "device.tpm.open");
  EXPECT_EQ(reloads_, 0);
  ASSERT_TRUE(swtpm_->Resume());
  EXPECT_EQ(Ask(), "");
  EXPECT_EQ(Ask(), "");
  EXPECT_EQ(reloads_, 1);
}

TEST_F(EvidenceTest, AKeyThatSomebodyElseFlushedIsLoadedAgain) {
  const auto somebody = device::Tpm::Open(swtpm_->tcti());
  ASSERT_TRUE(somebody);
  ASSERT_TRUE((*somebody)->FlushLeftovers(evidence_->ak_public().Name()));
  EXPECT_EQ(Ask(), "");
  EXPECT_EQ(reloads_, 1);
}

TEST_F(EvidenceTest, WhatTheTpmRefusesIsToldAndNothingIsLoadedAgain) {
  ASSERT_TRUE(swtpm_->ResetWithoutStartup());
  EXPECT_EQ(Ask(), "device.tpm.pcr_reset");
  EXPECT_EQ(Ask(), "device.tpm.pcr_reset");
  EXPECT_EQ(reloads_, 0);
}

}  // namespace
}  // namespace limequat::agent
