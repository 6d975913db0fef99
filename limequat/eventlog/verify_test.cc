#include "limequat/eventlog/verify.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/eventlog/replay.h"
#include "limequat/eventlog/testing/log_builder.h"
#include "limequat/eventlog/testing/quote.h"

namespace limequat::eventlog {
namespace {

using crypto::Digest;
using crypto::HashAlgorithm;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::LogBuilder;
using testing::QuoteOf;
constexpr HashAlgorithm kSha256 = HashAlgorithm::kSha256;
constexpr tpm::PcrSet kPcrs = tpm::PcrSet::Range(0, 2);

// What a machine with this log has in its PCRs 0 to 9.
tpm::PcrValues MachineOf(ByteView log) {
  auto reader = LogReader::Open(log);
  Replay replay({HashAlgorithm::kSha1, kSha256});
  for (auto next = reader->Next(); next && *next; next = reader->Next()) replay.Extend(**next);
  tpm::PcrValues values;
  for (std::uint32_t pcr = 0; pcr < 10; ++pcr) {
    for (const HashAlgorithm bank : {HashAlgorithm::kSha1, kSha256}) {
      values.Set(pcr, replay.Pcr(bank, pcr));
    }
  }
  return values;
}

LogBuilder GoodLog() {
  LogBuilder log = LogBuilder::CryptoAgile();
  log.Event(0, EventType::kSCrtmVersion, "v1")
      .Event(1, EventType::kEfiAction, "first")
      .Event(1, EventType::kPostCode, AsBytes("where the code is"), AsBytes("the code"));
  return log.Separator(2);
}

LogVerification Verify(ByteView log, const tpm::PcrValues& machine, tpm::PcrSet required = kPcrs) {
  auto result = VerifyLog(log, QuoteOf(machine, kSha256), kSha256, required);
  EXPECT_TRUE(result) << result.error().message;
  return result ? *std::move(result) : LogVerification();
}

std::string OutcomeOf(const LogVerification& result, std::string_view check) {
  const Finding* finding = FindCheck(result.findings, check);
  return finding == nullptr ? "absent" : std::string(OutcomeName(finding->outcome));
}

const Finding* ReplayOf(const LogVerification& result, std::uint32_t pcr) {
  for (const Finding& finding : result.findings) {
    if (finding.check == "eventlog.replay" && finding.subject.pcr == pcr) return &finding;
  }
  return nullptr;
}

std::vector<std::uint64_t> Covered(const LogVerification& result) {
  std::vector<std::uint64_t> events;
  if (!result.log) return events;
  VerifiedEvents covered = result.log->events();
  for (auto event = covered.Next(); event; event = covered.Next()) events.push_back(event->index());
  return events;
}

TEST(VerifyLog, EverythingReplays) {
  const LogBuilder log = GoodLog();
  const auto result = Verify(log.bytes(), MachineOf(log.bytes()));
  EXPECT_TRUE(AllPassed(result.findings));
  EXPECT_EQ(result.findings.size(), 4U + 3U);
  ASSERT_TRUE(result.log);
  EXPECT_EQ(result.log->bank(), kSha256);
  EXPECT_EQ(result.log->pcrs().ToString(), "0-9");
  EXPECT_THAT(Covered(result), ElementsAre(1, 2, 3, 4));
}

TEST(VerifyLogByValues, HoldsTheLogAgainstThemAsAgainstAQuote) {
  const LogBuilder log = GoodLog();
  tpm::PcrValues values = MachineOf(log.bytes());
  values.Set(1, Digest(kSha256));
  const BootLogs logs{.firmware = log.bytes(), .user_space = {}};
  const auto result = VerifyLogByValues(logs, values, kSha256, kPcrs);
  ASSERT_TRUE(result);
  EXPECT_EQ(ReplayOf(*result, 0)->outcome, Outcome::kPassed);
  EXPECT_EQ(ReplayOf(*result, 1)->outcome, Outcome::kFailed);
  EXPECT_THAT(Covered(*result), ElementsAre(1, 4));
}

TEST(VerifyLog, EventsShowWhatTheirDigestCovers) {
  const LogBuilder log = GoodLog();
  const auto result = Verify(log.bytes(), MachineOf(log.bytes()));
  ASSERT_TRUE(result.log);
  VerifiedEvents events = result.log->events();
  const auto version = events.Next();
  ASSERT_TRUE(version);
  EXPECT_EQ(version->pcr(), 0U);
  EXPECT_EQ(version->untrusted_type(), EventType::kSCrtmVersion);
  EXPECT_EQ(version->digest(), crypto::Hash(kSha256, AsBytes("v1")));
  ASSERT_TRUE(version->MeasuredData());
  EXPECT_EQ(AsText(*version->MeasuredData()), "v1");
  ASSERT_TRUE(events.Next());
  const auto code = events.Next();
  ASSERT_TRUE(code);
  EXPECT_FALSE(code->MeasuredData());
  EXPECT_EQ(AsText(code->untrusted_data()), "where the code is");
  EXPECT_TRUE(code->Measures(AsBytes("the code")));
  EXPECT_FALSE(code->Measures(AsBytes("the cod")));
}

TEST(VerifyLog, Attack_A07_OnlyPcrsThatReplaySupplyEvents) {
  const LogBuilder log = GoodLog();
  LogBuilder changed = LogBuilder::CryptoAgile();
  changed.Event(0, EventType::kSCrtmVersion, "v1").Event(1, EventType::kEfiAction, "forged");
  changed.Separator(2);
  const auto result = Verify(changed.bytes(), MachineOf(log.bytes()));
  EXPECT_TRUE(ReplayOf(result, 0)->passed());
  EXPECT_EQ(ReplayOf(result, 1)->outcome, Outcome::kFailed);
  EXPECT_TRUE(ReplayOf(result, 2)->passed());
  EXPECT_EQ(OutcomeOf(result, "eventlog.boot"), "passed");
  EXPECT_THAT(Covered(result), ElementsAre(1, 3));
  EXPECT_FALSE(result.log->pcrs().Contains(1));
}

TEST(VerifyLog, UnsignedPcrsAreNotEvaluated) {
  const LogBuilder log = GoodLog();
  tpm::PcrValues values;
  values.Set(1, *MachineOf(log.bytes()).Find(kSha256, 1));
  const auto result = Verify(log.bytes(), values);
  EXPECT_EQ(ReplayOf(result, 0)->outcome, Outcome::kNotEvaluated);
  EXPECT_TRUE(ReplayOf(result, 1)->passed());
  EXPECT_EQ(ReplayOf(result, 2)->outcome, Outcome::kNotEvaluated);
  EXPECT_THAT(Covered(result), ElementsAre(2, 3));
}

TEST(VerifyLog, EventsOfOtherBanksAreNotCovered) {
  LogBuilder log = GoodLog();
  log.Record(1, EventType::kAction, {{testing::kSha1Id, Bytes(20, 1)}}, AsBytes("sha1 only"));
  const auto result = Verify(log.bytes(), MachineOf(log.bytes()));
  EXPECT_TRUE(AllPassed(result.findings));
  EXPECT_THAT(Covered(result), ElementsAre(1, 2, 3, 4));
}

TEST(VerifyLog, NoActionIsNeverCovered) {
  LogBuilder log = GoodLog();
  log.Event(1, EventType::kNoAction, "looks measured");
  EXPECT_THAT(Covered(Verify(log.bytes(), MachineOf(log.bytes()))), ElementsAre(1, 2, 3, 4));
}

TEST(VerifyLog, PcrWithoutEventsIsProvenUnused) {
  const LogBuilder log = GoodLog();
  tpm::PcrValues machine = MachineOf(log.bytes());
  EXPECT_TRUE(ReplayOf(Verify(log.bytes(), machine, tpm::PcrSet::Of(8)), 8)->passed());
  machine.Set(8, crypto::Hash(kSha256, AsBytes("something")));
  EXPECT_EQ(ReplayOf(Verify(log.bytes(), machine, tpm::PcrSet::Of(8)), 8)->outcome,
            Outcome::kFailed);
}

TEST(VerifyLog, EventsBehindTheSignedValueFailAndAreNamed) {
  const LogBuilder log = GoodLog();
  LogBuilder longer = GoodLog();
  longer.Event(1, EventType::kAction, "later");
  const auto result = Verify(longer.bytes(), MachineOf(log.bytes()));
  EXPECT_EQ(ReplayOf(result, 1)->outcome, Outcome::kFailed);
  EXPECT_THAT(ReplayOf(result, 1)->detail, HasSubstr("after event 3"));
}

TEST(VerifyLog, Quirk_ExitBootServicesIsNotLogged) {
  const LogBuilder log = GoodLog();
  LogBuilder measured = GoodLog();
  measured.Event(5, EventType::kEfiAction, "Exit Boot Services Invocation")
      .Event(5, EventType::kEfiAction, "Exit Boot Services Returned with Success");
  const auto result = Verify(log.bytes(), MachineOf(measured.bytes()), tpm::PcrSet::Range(1, 5));
  // Explained, not repaired.
  EXPECT_EQ(ReplayOf(result, 5)->outcome, Outcome::kFailed);
  EXPECT_EQ(ReplayOf(result, 5)->cause, Cause::kFirmware);
  EXPECT_THAT(ReplayOf(result, 5)->detail, HasSubstr("ExitBootServices"));
  EXPECT_FALSE(result.log->pcrs().Contains(5));

  measured.Event(5, EventType::kEfiAction, "something else");
  const auto other = Verify(log.bytes(), MachineOf(measured.bytes()), tpm::PcrSet::Of(5));
  EXPECT_EQ(ReplayOf(other, 5)->cause, Cause::kTamper);
}

TEST(VerifyLog, NoLog) {
  const tpm::PcrValues machine = MachineOf(GoodLog().bytes());
  for (const Bytes& log : {Bytes(), Bytes(64, 0), LogBuilder::CryptoAgile().bytes(),
                           LogBuilder::CryptoAgile().StartupLocality(3).bytes()}) {
    const auto result = Verify(log, machine);
    EXPECT_EQ(OutcomeOf(result, "eventlog.present"), "failed");
    EXPECT_EQ(OutcomeOf(result, "eventlog.bank"), "not_evaluated");
    EXPECT_EQ(OutcomeOf(result, "eventlog.boot"), "not_evaluated");
    EXPECT_EQ(ReplayOf(result, 0)->outcome, Outcome::kFailed);
    EXPECT_FALSE(result.log);
  }
}

TEST(VerifyLog, AnEmptyLogCoversNothingEvenIfAllPcrsAreZero) {
  tpm::PcrValues zero;
  for (std::uint32_t pcr = 0; pcr < 3; ++pcr) zero.Set(pcr, Digest(kSha256));
  const auto result = Verify({}, zero);
  EXPECT_EQ(ReplayOf(result, 1)->outcome, Outcome::kFailed);
  EXPECT_FALSE(result.log);
}

TEST(VerifyLog, LogOfAnotherBoot) {
  LogBuilder other = LogBuilder::CryptoAgile();
  for (std::uint32_t pcr = 0; pcr < 3; ++pcr) other.Event(pcr, EventType::kAction, "other");
  const auto result = Verify(other.bytes(), MachineOf(GoodLog().bytes()));
  EXPECT_EQ(OutcomeOf(result, "eventlog.present"), "passed");
  EXPECT_EQ(OutcomeOf(result, "eventlog.boot"), "failed");
  EXPECT_THAT(Covered(result), ElementsAre());
}

TEST(VerifyLog, Attack_A08_BankThatNothingExtends) {
  const LogBuilder log = GoodLog();
  tpm::PcrValues machine = MachineOf(log.bytes());
  machine.Set(0, Digest(kSha256));
  const auto result = Verify(log.bytes(), machine);
  EXPECT_EQ(OutcomeOf(result, "eventlog.bank"), "failed");
  EXPECT_FALSE(result.log);
  EXPECT_EQ(ReplayOf(result, 1)->outcome, Outcome::kFailed);
}

TEST(VerifyLog, LogWithoutTheBank) {
  const Bytes log = LogBuilder().Sha1Record(0, EventType::kSCrtmVersion, AsBytes("v")).bytes();
  const auto result = Verify(log, MachineOf(GoodLog().bytes()));
  EXPECT_EQ(OutcomeOf(result, "eventlog.present"), "passed");
  EXPECT_EQ(OutcomeOf(result, "eventlog.bank"), "not_evaluated");
  EXPECT_FALSE(result.log);
}

TEST(VerifyLog, ContradictingStartupDoesNotCoverPcr0) {
  LogBuilder log = LogBuilder::CryptoAgile();
  log.Event(24, EventType::kAction, "of no PCR");
  log.StartupLocality(3).StartupLocality(0).Event(0, EventType::kSCrtmVersion, "v");
  log.Separator(1);
  const auto result = Verify(log.bytes(), MachineOf(log.bytes()), tpm::PcrSet::Range(0, 1));
  EXPECT_EQ(OutcomeOf(result, "eventlog.startup"), "failed");
  EXPECT_THAT(FindCheck(result.findings, "eventlog.startup")->detail, HasSubstr("locality 0"));
  EXPECT_EQ(ReplayOf(result, 0)->outcome, Outcome::kFailed);
  EXPECT_TRUE(ReplayOf(result, 1)->passed());
  EXPECT_FALSE(result.log->pcrs().Contains(0));
}

TEST(VerifyLog, StartupLocalityIsReported) {
  LogBuilder log = LogBuilder::CryptoAgile();
  log.StartupLocality(3).Event(0, EventType::kSCrtmVersion, "v");
  const auto result = Verify(log.bytes(), MachineOf(log.bytes()), tpm::PcrSet::Of(0));
  EXPECT_TRUE(AllPassed(result.findings));
  EXPECT_EQ(FindCheck(result.findings, "eventlog.startup")->detail, "locality 3");
}

TEST(VerifyLog, LogThatCannotBeReadIsAnError) {
  Bytes log = GoodLog().bytes();
  const auto quote = QuoteOf(MachineOf(log), kSha256);
  log.pop_back();
  const auto cut = VerifyLog(log, quote, kSha256, kPcrs);
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().id, "eventlog.truncated");
  const auto garbage = VerifyLog(Bytes(31, 1), quote, kSha256, kPcrs);
  ASSERT_FALSE(garbage);
  EXPECT_EQ(garbage.error().id, "eventlog.truncated");
}

// Records of user space.

// "-" for a record of whose text nothing was measured.
std::vector<std::string> CoveredTexts(const LogVerification& result) {
  std::vector<std::string> texts;
  if (!result.log) return texts;
  VerifiedRecords records = result.log->user_space_records();
  for (auto record = records.Next(); record; record = records.Next()) {
    texts.emplace_back(record->MeasuredText().value_or("-"));
  }
  return texts;
}

// PCR 11 (from a UKI) and 15 of a machine after the firmware's log and these texts.
tpm::PcrValues AfterUserSpace(ByteView firmware, const std::vector<std::string_view>& phases,
                              const std::vector<std::string_view>& identities) {
  tpm::PcrValues values = MachineOf(firmware);
  auto reader = LogReader::Open(firmware);
  Replay replay({kSha256});
  for (auto next = reader->Next(); next && *next; next = reader->Next()) replay.Extend(**next);
  for (const auto& [pcr, texts] : {std::pair(11U, phases), std::pair(15U, identities)}) {
    Digest value = replay.Pcr(kSha256, pcr);
    for (const std::string_view text : texts) {
      value = crypto::Extend(value, crypto::Hash(kSha256, AsBytes(text)).bytes());
    }
    values.Set(pcr, value);
  }
  return values;
}

constexpr tpm::PcrSet kUserPcrs = tpm::PcrSet(1U << 11U | 1U << 15U);

LogVerification VerifyBoth(ByteView firmware, std::string_view user_space,
                           const tpm::PcrValues& machine) {
  auto result = VerifyLog(BootLogs{.firmware = firmware, .user_space = AsBytes(user_space)},
                          QuoteOf(machine, kSha256), kSha256, kUserPcrs);
  EXPECT_TRUE(result) << result.error().message;
  return result ? *std::move(result) : LogVerification();
}

LogBuilder UnifiedImage() { return GoodLog().Event(11, EventType::kIpl, ".linux"); }

TEST(VerifyLog, UserSpaceGoesOnWhereFirmwareEnds) {
  const LogBuilder firmware = UnifiedImage();
  const std::string log = testing::CelLine(11, "enter-initrd", "phase") +
                          testing::CelLine(15, "machine-id:1", "machine-id") +
                          testing::CelLine(11, "ready", "phase");
  const auto machine =
      AfterUserSpace(firmware.bytes(), {"enter-initrd", "ready"}, {"machine-id:1"});
  const auto result = VerifyBoth(firmware.bytes(), log, machine);
  EXPECT_TRUE(AllPassed(result.findings));
  EXPECT_THAT(CoveredTexts(result), ElementsAre("enter-initrd", "machine-id:1", "ready"));
  EXPECT_THAT(Covered(result), ElementsAre(1, 2, 3, 4, 5));
  VerifiedRecords records = result.log->user_space_records();
  const auto first = records.Next();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->index(), 0U);
  EXPECT_EQ(first->pcr(), 11U);
  EXPECT_EQ(first->untrusted_event_type(), "phase");
  EXPECT_EQ(first->digest(), crypto::Hash(kSha256, AsBytes("enter-initrd")));
}

TEST(VerifyLog, Attack_A06_RecordsBehindTheSignedValueAreNotCovered) {
  const LogBuilder firmware = UnifiedImage();
  const std::string log = testing::CelLine(11, "enter-initrd", "phase") +
                          testing::CelLine(15, "machine-id:1", "machine-id") +
                          testing::CelLine(11, "ready", "phase");
  const auto machine = AfterUserSpace(firmware.bytes(), {"enter-initrd"}, {});
  const auto result = VerifyBoth(firmware.bytes(), log, machine);
  EXPECT_TRUE(AllPassed(result.findings));
  EXPECT_THAT(CoveredTexts(result), ElementsAre("enter-initrd"));
}

TEST(VerifyLog, MissingOrForgedRecordsDoNotReplay) {
  const LogBuilder firmware = UnifiedImage();
  const auto machine = AfterUserSpace(firmware.bytes(), {"enter-initrd", "ready"}, {});
  for (const std::string& log : {std::string(), testing::CelLine(11, "ready", "phase"),
                                 testing::CelLine(11, "enter-initrd", "phase") +
                                     testing::CelLine(11, "emergency", "phase")}) {
    const auto result = VerifyBoth(firmware.bytes(), log, machine);
    EXPECT_EQ(ReplayOf(result, 11)->outcome, Outcome::kFailed);
    EXPECT_TRUE(ReplayOf(result, 15)->passed());
    EXPECT_THAT(CoveredTexts(result), ElementsAre());
    EXPECT_FALSE(result.log->pcrs().Contains(11));
  }
}

TEST(VerifyLog, TextThatWasNotMeasuredIsNotShown) {
  const LogBuilder firmware = UnifiedImage();
  std::string log = testing::CelLine(11, "enter-initrd", "phase");
  log.replace(log.find("\"string\":\"enter-initrd"), 22, "\"string\":\"forged-initr");
  const auto machine = AfterUserSpace(firmware.bytes(), {"enter-initrd"}, {});
  EXPECT_THAT(CoveredTexts(VerifyBoth(firmware.bytes(), log, machine)), ElementsAre("-"));
}

TEST(VerifyLog, UserSpaceLogThatCannotBeReadIsAnError) {
  const LogBuilder firmware = UnifiedImage();
  const auto machine = AfterUserSpace(firmware.bytes(), {}, {});
  const auto result =
      VerifyLog(BootLogs{.firmware = firmware.bytes(), .user_space = AsBytes("\x1e{")},
                QuoteOf(machine, kSha256), kSha256, kUserPcrs);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().id, "eventlog.cel.truncated");
}

// Not even against the values that it leads to itself, and whatever a quote signs.
TEST(VerifyLog, ACcelIsNotVerifiedYet) {
  LogBuilder log;
  log.Sha1Record(1, EventType::kNoAction, testing::SpecIdData(), Bytes(20, 0));
  log.Event(1, EventType::kEfiAction, "a").Event(2, EventType::kSeparator, Bytes(4, 0));
  tpm::PcrValues values = testing::ValuesOf(log.bytes(), HashAlgorithm::kSha256);
  values.Set(0, crypto::Hash(HashAlgorithm::kSha256, AsBytes("in use")));
  const auto quoted = VerifyLog(log.bytes(), testing::QuoteOf(values, HashAlgorithm::kSha256),
                                HashAlgorithm::kSha256, tpm::PcrSet::Of(1));
  const auto itself =
      VerifyLogByItself({.firmware = log.bytes(), .user_space = {}}, HashAlgorithm::kSha256);
  for (const auto* result : {&quoted, &itself}) {
    ASSERT_TRUE(*result);
    EXPECT_FALSE((*result)->log);
    for (const std::string_view check : {"eventlog.bank", "eventlog.boot"}) {
      const Finding* finding = FindCheck((*result)->findings, check);
      ASSERT_NE(finding, nullptr);
      EXPECT_EQ(finding->outcome, Outcome::kNotEvaluated) << check;
      EXPECT_THAT(finding->detail, ::testing::HasSubstr("TDX guest (CCEL)")) << check;
    }
  }
}

TEST(VerifyLog, ALogWithoutPcr0MayBeACcelOfTdShim) {
  LogBuilder log = LogBuilder::CryptoAgile();
  log.Event(1, EventType::kEfiAction, "a");
  const auto result =
      VerifyLogByItself({.firmware = log.bytes(), .user_space = {}}, HashAlgorithm::kSha256);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->findings[1].outcome, Outcome::kFailed);
  EXPECT_THAT(result->findings[1].detail,
              ::testing::HasSubstr("PCR 0 is zero; the log has no event of PCR 0"));
}

}  // namespace
}  // namespace limequat::eventlog
