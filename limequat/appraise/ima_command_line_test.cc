// Coverage that the measured command line of the kernel proves (A02).

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/appraise/ima_appraisal.h"
#include "limequat/appraise/testing/attest.h"
#include "limequat/appraise/testing/machine.h"
#include "limequat/eventlog/testing/corpus.h"
#include "limequat/json/value.h"
#include "limequat/policy/testing/boot.h"

namespace limequat::appraise {
namespace {

using crypto::HashAlgorithm;
using testing::AttestFull;
using testing::AttestNext;
using testing::FailsFor;
using testing::FailsOnlyFor;
using testing::FakeMachine;
using ::testing::HasSubstr;
using testing::MachineOptions;
using testing::Passes;

constexpr std::string_view kCoverage = "ima.coverage";
const std::filesystem::path kBoots = std::filesystem::path(LQ_SOURCE_DIR) / "data/lab/boots";

Bytes LabLog(std::string_view boot) {
  return ToBytes(eventlog::testing::ReadFile(kBoots / boot / "eventlog"));
}

std::string DetailOf(const Appraisal& appraisal) {
  const Finding* finding = FindCheck(appraisal.findings, kCoverage);
  return finding == nullptr ? "absent" : finding->detail;
}

// A machine that booted as one of the recordings, and a policy that asks for ima_policy=tcb.
class CommandLineTest : public ::testing::Test {
 protected:
  void Boot(Bytes log, MachineOptions options = {}) {
    machine_.emplace(std::move(options));
    machine_->BootFromLog(std::move(log));
    machine_->Run("/usr/bin/listed", "listed 1");
  }
  Reference MakeReference(
      std::string_view coverage = R"({"command_line":{"ima_policy":["tcb"]}})") {
    std::string text = machine_->PolicyText();
    text.insert(text.find(R"("dm_policy")"), R"("coverage":)" + std::string(coverage) + ",");
    Reference reference = machine_->MakeReference();
    reference.policy = testing::ParsePolicy(text);
    return reference;
  }
  Attestation Full() { return AttestFull(*machine_, MakeReference()); }

  std::optional<FakeMachine> machine_;
};

TEST_F(CommandLineTest, Attack_A02_TheMeasuredCommandLineProvesIt) {
  for (const char* boot : {"shim-grub-sb-6.1", "shim-grub-6.12", "sd-boot-stub-6.12",
                           "sd-boot-uki-6.1", "sd-boot-uki-sb-6.12"}) {
    Boot(LabLog(boot));
    const Attestation first = Full();
    EXPECT_TRUE(Passes(first)) << boot;
    EXPECT_EQ(DetailOf(first.appraisal), "proven by the command line") << boot;
    // Later answers have no event log: what the boot showed holds for all of it.
    machine_->Run("/usr/bin/listed", "listed 1");
    const Attestation next = AttestNext(*machine_, MakeReference(), first.progress.value());
    EXPECT_TRUE(Passes(next)) << boot;
    EXPECT_EQ(DetailOf(next.appraisal), "proven by the command line") << boot;
  }
}

TEST_F(CommandLineTest, Attack_A02_UnprovenCommandLineIsNotEvaluated) {
  for (const char* boot : {"uki-sb-6.12", "direct-6.1", "direct-sb-6.1"}) {
    Boot(LabLog(boot));
    const Attestation first = Full();
    ASSERT_TRUE(FailsOnlyFor(first, kCoverage)) << boot;
    EXPECT_EQ(FindCheck(first.appraisal.findings, kCoverage)->outcome, Outcome::kNotEvaluated);
    EXPECT_TRUE(
        FailsOnlyFor(AttestNext(*machine_, MakeReference(), first.progress.value()), kCoverage));
  }
  Boot(policy::testing::Boot().Log());
  EXPECT_THAT(DetailOf(Full().appraisal), HasSubstr("without ima_policy"));
}

TEST_F(CommandLineTest, Attack_A02_WithoutALogThatCanBeRead) {
  Boot(LabLog("shim-grub-6.12"));
  machine_->ReplaceBootLog(std::nullopt);
  EXPECT_THAT(DetailOf(Full().appraisal), HasSubstr("no event log"));
  for (Bytes log : {Bytes(7, 1), Bytes(kMaxBootLog + 1, 0)}) {
    machine_->ReplaceBootLog(std::move(log));
    EXPECT_TRUE(FailsOnlyFor(Full(), kCoverage));
  }
  machine_->ReplaceBootLog(LabLog("sd-boot-stub-6.12"));
  EXPECT_TRUE(FailsOnlyFor(Full(), kCoverage));
}

// PCRs 8 and 9 can be extended after the boot as well: a boot_aggregate over PCRs 0-7, as of
// SHA-1, does not notice.
TEST_F(CommandLineTest, Attack_A02_PcrsThatBootAggregateDoesNotBind) {
  Boot(LabLog("shim-grub-6.12"), {.boot_aggregate_hash = HashAlgorithm::kSha1});
  Reference reference = MakeReference();
  reference.waivers.boot_aggregate_bank = true;
  EXPECT_TRUE(FailsFor(AttestFull(*machine_, reference), kCoverage));
  EXPECT_THAT(DetailOf(AttestFull(*machine_, reference).appraisal), HasSubstr("boot_aggregate"));
}

// The bank that is quoted has to be the one that boot_aggregate binds: root can extend one
// bank alone.
TEST_F(CommandLineTest, Attack_A02_AnotherBankThanThatOfBootAggregate) {
  const MachineOptions options{.bank = HashAlgorithm::kSha384,
                               .active = {HashAlgorithm::kSha256, HashAlgorithm::kSha384}};
  Boot(LabLog("shim-grub-6.12"), options);
  Reference reference = MakeReference();
  reference.bank = HashAlgorithm::kSha384;
  reference.waivers.boot_aggregate_bank = true;
  EXPECT_THAT(DetailOf(AttestFull(*machine_, reference).appraisal), HasSubstr("sha384"));
}

TEST_F(CommandLineTest, Attack_A02_TogetherWithEntries) {
  Boot(LabLog("shim-grub-6.12"));
  const Reference reference = MakeReference(
      R"({"entries":{"p":["1111111111111111111111111111111111111111"]},"command_line":{"ima_policy":["x"]}})");
  const Attestation first = AttestFull(*machine_, reference);
  ASSERT_TRUE(FailsOnlyFor(first, kCoverage));
  EXPECT_THAT(DetailOf(first.appraisal), HasSubstr("listed for p; "));
  EXPECT_THAT(DetailOf(first.appraisal), HasSubstr("'ima_policy=tcb'"));
}

TEST_F(CommandLineTest, Attack_A20_WithoutTheStateTheBootIsAskedForInFull) {
  Boot(LabLog("shim-grub-6.12"));
  BootProgress before = Full().progress.value();
  before.learned = nullptr;
  EXPECT_EQ(AttestNext(*machine_, MakeReference(), before).advice, Advice::kAskInFull);
}

TEST_F(CommandLineTest, PcrsToAsk) {
  Boot(LabLog("shim-grub-6.12"));
  EXPECT_EQ(appraise::PcrsToAsk(MakeReference(), true), kFullPcrs | tpm::PcrSet::Of(12));
  EXPECT_EQ(appraise::PcrsToAsk(MakeReference(), false), tpm::PcrSet::Of(tpm::kImaPcr));
  EXPECT_EQ(appraise::PcrsToAsk(machine_->MakeReference(), true), kFullPcrs);
}

TEST_F(CommandLineTest, WhatLooksAtTheEventLog) {
  Boot(LabLog("shim-grub-6.12"));
  EXPECT_TRUE(LooksAtBootLog(MakeReference()));
  Reference reference = machine_->MakeReference();
  EXPECT_FALSE(LooksAtBootLog(reference));
  for (const auto& [policy, looks] : {std::pair{policy::BootPolicy::kMeasuredOnly, true},
                                      std::pair{policy::BootPolicy::kAcceptAll, false}}) {
    reference.boot = *BootCriteria::Create(policy, "");
    EXPECT_EQ(LooksAtBootLog(reference), looks);
  }
}

// --- a list, an event log and PCR values ---------------------------------------------

struct Recorded {
  std::string list;
  std::string log;
  tpm::PcrValues pcrs;
};

Recorded Record(std::string_view boot) {
  const auto document = json::Parse(eventlog::testing::ReadFile(kBoots / boot / "pcrs.json"));
  return {.list = eventlog::testing::ReadFile(kBoots / boot / "ima.ascii"),
          .log = eventlog::testing::ReadFile(kBoots / boot / "eventlog"),
          .pcrs = *tpm::PcrValues::FromJson(eventlog::testing::Member(*document, "pcrs"))};
}

Result<Appraisal> AppraiseRecorded(const Recorded& it, bool with_boot = true) {
  const auto policy = testing::ParsePolicy(
      R"({"meta":{"version":1,"generator":3},"release":0,"digests":{"/x":["1111111111111111111111111111111111111111"]},"excludes":[],"keyrings":{},"ima":{"ignored_keyrings":[],"log_hash_alg":"sha1","dm_policy":null,"coverage":{"command_line":{"ima_policy":["tcb"]}}},"ima-buf":{},"verification-keys":""})");
  PcrClaim claim{.value = *it.pcrs.Find(HashAlgorithm::kSha256, tpm::kImaPcr)};
  if (with_boot) claim.boot = BootClaim{.pcrs = it.pcrs, .log = AsBytes(it.log)};
  return AppraiseImaList(AsBytes(it.list), ima::Format::kAscii,
                         policy::PolicyAt(*policy, testing::EvaluationTime()), claim);
}

TEST(RecordedCommandLine, Attack_A02_ARealListWithItsBoot) {
  for (const char* boot : {"shim-grub-sb-6.1", "shim-grub-6.12", "sd-boot-uki-sb-6.1"}) {
    const auto appraisal = AppraiseRecorded(Record(boot));
    ASSERT_TRUE(appraisal) << appraisal.error().message;
    EXPECT_EQ(DetailOf(*appraisal), "proven by the command line") << boot;
    EXPECT_TRUE(FindCheck(appraisal->findings, "ima.boot_aggregate")->passed()) << boot;
  }
  EXPECT_THAT(DetailOf(*AppraiseRecorded(Record("uki-6.12"))), HasSubstr("no log shows the text"));
  EXPECT_THAT(DetailOf(*AppraiseRecorded(Record("shim-grub-6.12"), false)),
              HasSubstr("nothing but the list"));
}

TEST(RecordedCommandLine, Attack_A01_ABootAggregateOfAnotherBoot) {
  Recorded it = Record("shim-grub-6.12");
  const Recorded other = Record("sd-boot-stub-6.12");
  it.log = other.log;
  const crypto::Digest pcr = *it.pcrs.Find(HashAlgorithm::kSha256, tpm::kImaPcr);
  it.pcrs = other.pcrs;
  it.pcrs.Set(tpm::kImaPcr, pcr);
  const auto appraisal = AppraiseRecorded(it);
  EXPECT_FALSE(FindCheck(appraisal->findings, "ima.boot_aggregate")->passed());
  EXPECT_THAT(DetailOf(*appraisal), HasSubstr("boot_aggregate"));
}

TEST(RecordedCommandLine, ALogThatCannotBeReadIsAnError) {
  Recorded it = Record("shim-grub-6.12");
  it.log.resize(it.log.size() - 3);
  EXPECT_FALSE(AppraiseRecorded(it));
}

}  // namespace
}  // namespace limequat::appraise
