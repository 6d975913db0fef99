// When an answer's event log is worth to be kept, and with which values.

#include <memory>
#include <string_view>

#include <gtest/gtest.h>

#include "limequat/appraise/attestation.h"
#include "limequat/appraise/testing/attest.h"
#include "limequat/appraise/testing/boot.h"

namespace limequat::appraise {
namespace {

using crypto::HashAlgorithm;
using policy::BootPolicy;
using policy::testing::Boot;
using testing::AttestFull;
using testing::AttestNext;
using testing::BootFrom;
using testing::Criteria;
using testing::Example;
using testing::FailsFor;
using testing::FailsOnlyFor;
using testing::FakeMachine;
using testing::Passes;

Boot EvilKernel() {
  Boot evil;
  evil.At(4, 4).measured = ToBytes(std::string_view("evil kernel"));
  return evil;
}

class BootLogTest : public testing::MachineTest {
 protected:
  BootLogTest() {
    reference().boot = Example();
    BootFrom(machine_, Boot().Log());
  }
};
using BootLogAttackTest = BootLogTest;

TEST_F(BootLogTest, GoodBoot) {
  const Attestation full = AttestFull(machine_, reference());
  ASSERT_TRUE(Passes(full));
  ASSERT_TRUE(full.boot_log_pcrs.has_value());
  const tpm::PcrValues& pcrs = *full.boot_log_pcrs;
  EXPECT_EQ(pcrs.Banks(), std::vector{HashAlgorithm::kSha256});
  EXPECT_EQ(pcrs.Numbers(HashAlgorithm::kSha256), kBootPcrs | tpm::PcrSet::Of(14))
      << "not PCR 10 and not PCR 16, which change while the machine runs";
  for (const std::uint32_t pcr : pcrs.Numbers(HashAlgorithm::kSha256).ToList()) {
    EXPECT_EQ(*pcrs.Find(HashAlgorithm::kSha256, pcr), machine_.Pcr(HashAlgorithm::kSha256, pcr));
  }
  EXPECT_FALSE(AttestNext(machine_, reference(), full.progress.value()).boot_log_pcrs)
      << "the log of a later answer is not looked at";
}

// What is refused is what somebody will ask about.
TEST_F(BootLogTest, BootThatThePolicyRefuses) {
  BootFrom(machine_, EvilKernel().Log());
  const Attestation full = AttestFull(machine_, reference());
  ASSERT_TRUE(FailsOnlyFor(full, "boot.image"));
  EXPECT_TRUE(full.boot_log_pcrs.has_value());
}

TEST_F(BootLogTest, WhatIsWrongWithTheListOrAPcrPolicyDoesNotMatter) {
  machine_.ReplaceList("");
  reference().pcr_policy = {{14, {std::string(64, '0')}}};
  const Attestation full = AttestFull(machine_, reference());
  ASSERT_TRUE(FailsFor(full, "ima.replay"));
  ASSERT_TRUE(FailsFor(full, "pcr.policy"));
  EXPECT_TRUE(full.boot_log_pcrs.has_value());
}

TEST_F(BootLogTest, WithoutAPolicyThatLooksThereIsNone) {
  for (const auto& boot : {std::shared_ptr<const BootCriteria>(), Criteria(BootPolicy::kAcceptAll),
                           Criteria(BootPolicy::kRejectAll)}) {
    reference().boot = boot;
    EXPECT_FALSE(AttestFull(machine_, reference()).boot_log_pcrs.has_value());
  }
  reference().boot = Criteria(BootPolicy::kMeasuredOnly);
  EXPECT_TRUE(AttestFull(machine_, reference()).boot_log_pcrs.has_value());
}

TEST_F(BootLogAttackTest, Attack_A07_LogBesideAnotherBootIsNotOne) {
  BootFrom(machine_, EvilKernel().Log());
  machine_.ReplaceBootLog(Boot().Log());
  const Attestation full = AttestFull(machine_, reference());
  ASSERT_TRUE(FailsFor(full, "eventlog.replay"));
  EXPECT_FALSE(full.boot_log_pcrs.has_value());
}

TEST_F(BootLogAttackTest, Attack_A07_NoLogAndOneThatCannotBeReadAreNone) {
  Bytes cut = Boot().Log();
  cut.pop_back();
  Bytes too_long = Boot().Log();
  too_long.resize(kMaxBootLog + 1, 0xff);
  for (const auto& log : {std::optional<Bytes>(), std::optional(cut), std::optional(too_long)}) {
    machine_.ReplaceBootLog(log);
    EXPECT_FALSE(AttestFull(machine_, reference()).boot_log_pcrs.has_value());
  }
}

TEST_F(BootLogAttackTest, Attack_A07_QuoteThatDoesNotVerify) {
  const Challenge challenge = testing::MakeChallenge(reference(), true);
  const Answer answer = machine_.AnswerTo(testing::MakeChallenge(reference(), true));
  const Attestation full = testing::Appraise(reference(), challenge, answer, nullptr);
  ASSERT_TRUE(FailsFor(full, "tpm.quote.nonce"));
  EXPECT_FALSE(full.boot_log_pcrs.has_value());
}

// The quote verifies, but the key would sign anything.
TEST(BootLogOtherMachinesTest, Attack_A12_KeyThatSignsWhatItIsGiven) {
  FakeMachine machine({.ak_attributes = tpm::kFixedTpm | tpm::kFixedParent |
                                        tpm::kSensitiveDataOrigin | tpm::kUserWithAuth |
                                        tpm::kSign});
  BootFrom(machine, Boot().Log());
  Reference reference = machine.MakeReference();
  reference.boot = Example();
  const Attestation full = AttestFull(machine, reference);
  ASSERT_TRUE(FailsFor(full, "tpm.ak.attributes"));
  EXPECT_FALSE(full.boot_log_pcrs.has_value());
}

TEST_F(BootLogAttackTest, Attack_A18_CountersThatWentBack) {
  machine_.PassTime(1000);
  const BootProgress before = FirstProgress();
  machine_.clock().clock -= 1000;
  const Attestation same = AttestFull(machine_, reference(), &before);
  ASSERT_TRUE(FailsFor(same, "tpm.clock"));
  EXPECT_FALSE(same.boot_log_pcrs.has_value());
  --machine_.clock().reset_count;
  const Attestation earlier = AttestFull(machine_, reference(), &before);
  ASSERT_TRUE(FailsFor(earlier, "tpm.clock"));
  EXPECT_FALSE(earlier.boot_log_pcrs.has_value());
}

}  // namespace
}  // namespace limequat::appraise
