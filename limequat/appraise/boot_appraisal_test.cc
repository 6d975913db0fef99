#include "limequat/appraise/boot_appraisal.h"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/eventlog/log.h"
#include "limequat/eventlog/replay.h"
#include "limequat/policy/testing/boot.h"

namespace limequat::appraise {
namespace {

using crypto::HashAlgorithm;
using eventlog::EventType;
using policy::BootPolicy;
using policy::testing::Boot;
using ::testing::HasSubstr;
constexpr Time kNow{};

const std::string& Good() {
  static const std::string reference = json::Serialize(policy::testing::Reference());
  return reference;
}

// What a machine that booted so has in PCRs 0 to 15.
tpm::PcrValues MachineOf(ByteView log, const std::vector<HashAlgorithm>& banks) {
  eventlog::Replay replay(banks);
  auto reader = eventlog::LogReader::Open(log);
  for (auto next = reader->Next(); next && *next; next = reader->Next()) replay.Extend(**next);
  tpm::PcrValues values;
  for (const HashAlgorithm bank : banks) {
    for (std::uint32_t pcr = 0; pcr < 16; ++pcr) values.Set(pcr, replay.Pcr(bank, pcr));
  }
  return values;
}

tpm::PcrValues MachineOf(ByteView log) { return MachineOf(log, {HashAlgorithm::kSha256}); }

BootAppraisal Appraise(ByteView log, const std::optional<tpm::PcrValues>& pcrs,
                       BootPolicy policy = BootPolicy::kExample,
                       std::string_view reference = Good()) {
  const auto criteria = *BootCriteria::Create(policy, reference);
  auto result = AppraiseBootLog({.firmware = log, .user_space = {}}, pcrs, *criteria, kNow);
  EXPECT_TRUE(result) << result.error().message;
  return result ? *std::move(result) : BootAppraisal();
}

std::string OutcomeOf(const BootAppraisal& result, std::string_view check) {
  const Finding* finding = FindCheck(result.appraisal.findings, check);
  return finding == nullptr ? "absent" : std::string(OutcomeName(finding->outcome));
}

std::string ReplayOf(const BootAppraisal& result, std::uint32_t pcr) {
  for (const Finding& finding : result.appraisal.findings) {
    if (finding.check == "eventlog.replay" && finding.subject.pcr == pcr) {
      return std::string(OutcomeName(finding.outcome));
    }
  }
  return "absent";
}

TEST(BootAppraisal, AGoodBootPasses) {
  const Bytes log = Boot().Log();
  const auto result = Appraise(log, MachineOf(log));
  EXPECT_EQ(result.appraisal.verdict(), Verdict::kPass);
  EXPECT_EQ(result.bank, HashAlgorithm::kSha256);
  for (const std::string_view check : policy::ExampleChecks()) {
    EXPECT_EQ(OutcomeOf(result, check), "passed") << check;
  }
  for (const char* check : {"eventlog.present", "eventlog.bank", "eventlog.startup",
                            "eventlog.boot", "eventlog.secure_boot", "eventlog.kernel"}) {
    EXPECT_EQ(OutcomeOf(result, check), "passed") << check;
  }
  for (const std::uint32_t pcr : {0U, 1U, 2U, 3U, 4U, 5U, 6U, 7U, 8U, 9U, 14U}) {
    EXPECT_EQ(ReplayOf(result, pcr), "passed") << pcr;
  }
  EXPECT_EQ(ReplayOf(result, 11), "absent");
}

TEST(BootAppraisal, WithoutPcrsTheLogAloneIsAppraised) {
  const auto result = Appraise(Boot().Log(), std::nullopt);
  EXPECT_EQ(result.appraisal.verdict(), Verdict::kPass);
  EXPECT_EQ(OutcomeOf(result, "eventlog.boot"), "absent");
  EXPECT_EQ(OutcomeOf(result, "eventlog.replay"), "absent");
}

TEST(BootAppraisal, ObjectionsOfThePolicyFail) {
  Boot boot;
  boot.At(4, 2).measured = ToBytes(std::string_view("evil image"));
  const auto result = Appraise(boot.Log(), std::nullopt);
  EXPECT_EQ(result.appraisal.verdict(), Verdict::kFail);
  EXPECT_EQ(OutcomeOf(result, "boot.image"), "failed");
  EXPECT_EQ(OutcomeOf(result, "boot.initrd"), "passed");
}

// The log of a good boot beside the PCRs of another.
TEST(BootAppraisal, Attack_A07_RulesSeeOnlyPcrsThatReplay) {
  Boot evil;
  evil.At(4, 4).measured = ToBytes(std::string_view("evil kernel"));
  const auto result = Appraise(Boot().Log(), MachineOf(evil.Log()));
  EXPECT_EQ(result.appraisal.verdict(), Verdict::kFail);
  EXPECT_EQ(ReplayOf(result, 4), "failed");
  EXPECT_EQ(ReplayOf(result, 7), "passed");
  EXPECT_EQ(OutcomeOf(result, "boot.image"), "failed") << "no image is covered";
  EXPECT_EQ(OutcomeOf(result, "eventlog.kernel"), "not_evaluated");
}

TEST(BootAppraisal, Attack_A07_ALogOfAnotherBoot) {
  Boot other;
  for (std::uint32_t pcr = 0; pcr < 15; ++pcr) other.Add(pcr, EventType::kIpl, "other");
  tpm::PcrValues pcrs = MachineOf(other.Log());
  for (const std::uint32_t unused : {10U, 11U, 12U, 13U, 15U}) {
    pcrs.Set(unused, crypto::Hash(HashAlgorithm::kSha256, {}));
  }
  const auto result = Appraise(Boot().Log(), pcrs);
  EXPECT_EQ(result.appraisal.verdict(), Verdict::kFail);
  EXPECT_EQ(OutcomeOf(result, "eventlog.boot"), "failed");
  for (const std::string_view check : policy::ExampleChecks()) {
    EXPECT_EQ(OutcomeOf(result, check), "not_evaluated") << check;
  }
  const auto measured = Appraise(Boot().Log(), pcrs, BootPolicy::kMeasuredOnly);
  EXPECT_EQ(OutcomeOf(measured, "boot.policy"), "not_evaluated");
  EXPECT_EQ(measured.appraisal.verdict(), Verdict::kFail);
}

TEST(BootAppraisal, EveryPcrOfThePolicyMustBeGiven) {
  const Bytes log = Boot().Log();
  const tpm::PcrValues machine = MachineOf(log);
  for (const std::uint32_t left_out : {0U, 3U, 7U, 9U, 14U}) {
    tpm::PcrValues pcrs;
    for (std::uint32_t pcr = 0; pcr < 16; ++pcr) {
      if (pcr != left_out) pcrs.Set(pcr, *machine.Find(HashAlgorithm::kSha256, pcr));
    }
    const auto result = Appraise(log, pcrs);
    EXPECT_EQ(ReplayOf(result, left_out), "not_evaluated") << left_out;
    EXPECT_EQ(result.appraisal.verdict(), Verdict::kFail) << left_out;
  }
}

TEST(BootAppraisal, Attack_A21_SecureBootOnAndNoKernelMeasured) {
  Boot boot;
  boot.Remove(4, 4).Remove(4, 3).Remove(4, 2);
  for (const BootPolicy policy : {BootPolicy::kExample, BootPolicy::kMeasuredOnly}) {
    const auto result = Appraise(boot.Log(), std::nullopt, policy);
    EXPECT_EQ(OutcomeOf(result, "eventlog.secure_boot"), "passed");
    EXPECT_EQ(OutcomeOf(result, "eventlog.kernel"), "failed");
    EXPECT_EQ(result.appraisal.verdict(), Verdict::kFail);
  }
}

// A configuration whose order or place shows that a type was exchanged.
TEST(BootAppraisal, Attack_A07_ADatabaseCalledAnAuthority) {
  Boot boot;
  boot.At(7, 3).type = EventType::kEfiVariableAuthority;
  const auto result = Appraise(boot.Log(), std::nullopt);
  EXPECT_EQ(OutcomeOf(result, "eventlog.secure_boot"), "failed");
  EXPECT_EQ(result.appraisal.verdict(), Verdict::kFail);
}

TEST(BootAppraisal, TheBankOfReferenceStatesIsPreferred) {
  const Bytes log = Boot().Log();
  const std::vector<HashAlgorithm> both = {HashAlgorithm::kSha1, HashAlgorithm::kSha256};
  EXPECT_EQ(Appraise(log, MachineOf(log, both)).bank, HashAlgorithm::kSha256);
  EXPECT_EQ(Appraise(log, std::nullopt).bank, HashAlgorithm::kSha256);
  const auto sha1 = Appraise(log, MachineOf(log, {HashAlgorithm::kSha1}));
  EXPECT_EQ(sha1.bank, HashAlgorithm::kSha1);
  EXPECT_EQ(OutcomeOf(sha1, "boot.bank"), "failed");
  EXPECT_EQ(sha1.appraisal.verdict(), Verdict::kFail);
}

TEST(BootAppraisal, PcrsThatAreNone) {
  const auto result = Appraise(Boot().Log(), tpm::PcrValues());
  EXPECT_FALSE(result.bank);
  EXPECT_EQ(OutcomeOf(result, "eventlog.bank"), "not_evaluated");
  EXPECT_EQ(result.appraisal.verdict(), Verdict::kError);
}

TEST(BootAppraisal, NoLog) {
  const auto result = Appraise({}, std::nullopt);
  EXPECT_EQ(OutcomeOf(result, "eventlog.present"), "failed");
  EXPECT_EQ(OutcomeOf(result, "boot.image"), "not_evaluated");
  EXPECT_EQ(result.appraisal.verdict(), Verdict::kFail);
}

TEST(BootAppraisal, ALogThatCannotBeReadIsAnError) {
  Bytes log = Boot().Log();
  log.resize(log.size() - 1);
  const auto criteria = *BootCriteria::Create(BootPolicy::kExample, Good());
  const auto result =
      AppraiseBootLog({.firmware = log, .user_space = {}}, std::nullopt, *criteria, kNow);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().id, "eventlog.truncated");
  EXPECT_FALSE(AppraiseBootLog({.firmware = log, .user_space = {}}, MachineOf(Boot().Log()),
                               *criteria, kNow));
  const Bytes ones(40, 1);
  EXPECT_FALSE(
      AppraiseBootLog({.firmware = ones, .user_space = {}}, std::nullopt, *criteria, kNow));
}

TEST(BootAppraisal, MeasuredOnlyComparesNothing) {
  Boot boot;
  boot.At(4, 2).measured = ToBytes(std::string_view("whatever"));
  const auto result = Appraise(boot.Log(), std::nullopt, BootPolicy::kMeasuredOnly, "");
  EXPECT_EQ(result.appraisal.verdict(), Verdict::kPass);
  EXPECT_THAT(FindCheck(result.appraisal.findings, "boot.policy")->detail, HasSubstr("not asked"));
  EXPECT_EQ(OutcomeOf(result, "boot.image"), "absent");
}

TEST(BootAppraisal, AcceptAllIsNoPolicy) {
  const auto result = Appraise(Boot().Log(), std::nullopt, BootPolicy::kAcceptAll);
  EXPECT_EQ(result.appraisal.verdict(), Verdict::kUnpoliced);
  EXPECT_THAT(FindCheck(result.appraisal.findings, "boot.policy")->detail,
              HasSubstr("none is looked at"));
}

TEST(BootAppraisal, RejectAll) {
  const auto result = Appraise(Boot().Log(), std::nullopt, BootPolicy::kRejectAll);
  EXPECT_EQ(result.appraisal.verdict(), Verdict::kFail);
  EXPECT_EQ(OutcomeOf(result, "boot.policy"), "failed");
}

// Keylime skips the evaluation.
TEST(BootAppraisal, AReferenceThatSaysNothingIsNoPolicy) {
  for (const std::string_view reference : {"{}", ""}) {
    const auto result = Appraise(Boot().Log(), std::nullopt, BootPolicy::kExample, reference);
    EXPECT_EQ(result.appraisal.verdict(), Verdict::kUnpoliced);
    EXPECT_THAT(FindCheck(result.appraisal.findings, "boot.policy")->detail, HasSubstr("empty"));
  }
}

TEST(BootAppraisal, WhatIsNotShownIsCounted) {
  Boot boot;
  for (std::size_t i = 0; i < policy::kMaxBootObjections + 3; ++i) {
    boot.Add(15, EventType::kIpl, "x");
  }
  const auto result = Appraise(boot.Log(), std::nullopt);
  EXPECT_GE(result.appraisal.not_shown, 3U);
  EXPECT_EQ(result.appraisal.findings.size(), kMaxFindings);
}

}  // namespace
}  // namespace limequat::appraise
