#include "limequat/eventlog/secure_boot.h"

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/eventlog/replay.h"
#include "limequat/eventlog/testing/corpus.h"
#include "limequat/eventlog/testing/log_builder.h"
#include "limequat/eventlog/testing/quote.h"

namespace limequat::eventlog {
namespace {

using crypto::HashAlgorithm;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::LogBuilder;
using testing::VariableData;
using testing::VerifiedOnItsMachine;
constexpr HashAlgorithm kSha256 = HashAlgorithm::kSha256;

Bytes OneKey() {
  ByteWriter out;
  out.Raw(kSignatureX509.bytes).U32Le(28 + 17).U32Le(0).U32Le(17).Raw(kShimLock.bytes).U8(0x30);
  return out.Take();
}

// The events of PCR 7, and one of PCR 0 so that the bank is in use. Tests exchange one.
class Pcr7 {
 public:
  Pcr7() {
    Config("SecureBoot", kGlobalVariable, Bytes{1});
    Config("PK", kGlobalVariable, OneKey());
    Config("KEK", kGlobalVariable, OneKey());
    Config("db", kImageSecurityDatabase, OneKey());
    Config("dbx", kImageSecurityDatabase, {});
    Add(EventType::kSeparator, Bytes(4, 0));
    Add(EventType::kEfiVariableAuthority, VariableData(kImageSecurityDatabase, "db", Bytes(20, 1)));
  }
  Pcr7& Config(std::string_view name, const Guid& vendor, const Bytes& value) {
    return Add(EventType::kEfiVariableDriverConfig, VariableData(vendor, name, value));
  }
  Pcr7& Add(EventType type, const Bytes& data) { return Add(type, data, data); }
  Pcr7& Add(EventType type, const Bytes& data, const Bytes& measured) {
    events_.push_back({type, data, measured});
    return *this;
  }
  Pcr7& Remove(std::size_t index) {
    events_.erase(events_.begin() + static_cast<std::ptrdiff_t>(index));
    return *this;
  }
  // Moves the last event to `index`.
  Pcr7& MoveLastTo(std::size_t index) {
    auto last = events_.back();
    events_.pop_back();
    events_.insert(events_.begin() + static_cast<std::ptrdiff_t>(index), last);
    return *this;
  }
  Pcr7& Retype(std::size_t index, EventType type) {
    events_[index].type = type;
    return *this;
  }
  Pcr7& ReplaceData(std::size_t index, const Bytes& data) {
    events_[index].data = data;
    return *this;
  }

  SecureBootReading Read() {
    log_ = LogBuilder::CryptoAgile();
    log_.Event(0, EventType::kSCrtmVersion, "v");
    for (const auto& event : events_) log_.Event(7, event.type, event.data, event.measured);
    return ReadSecureBoot(VerifiedOnItsMachine(log_.bytes(), kSha256));
  }
  std::string Problem() {
    const auto reading = Read();
    EXPECT_EQ(reading.findings.size(), 1U);
    EXPECT_EQ(reading.findings[0].check, "eventlog.secure_boot");
    EXPECT_EQ(reading.state.has_value(), reading.findings[0].passed());
    return reading.findings[0].passed() ? "" : reading.findings[0].detail;
  }

 private:
  struct Item {
    EventType type;
    Bytes data;
    Bytes measured;
  };
  std::vector<Item> events_;
  LogBuilder log_;
};

TEST(ReadSecureBoot, On) {
  Pcr7 pcr7;
  const auto reading = pcr7.Read();
  ASSERT_TRUE(reading.state) << reading.findings[0].detail;
  EXPECT_EQ(reading.findings[0].detail, "on");
  EXPECT_TRUE(reading.state->enabled);
  ASSERT_EQ(reading.state->platform_key.size(), 1U);
  EXPECT_EQ(reading.state->platform_key[0].entries[0].owner, kShimLock);
  EXPECT_EQ(reading.state->key_exchange_keys.size(), 1U);
  EXPECT_EQ(reading.state->allowed_signatures.size(), 1U);
  EXPECT_TRUE(reading.state->revoked_signatures.empty());
  EXPECT_TRUE(reading.state->driver_authorities.empty());
  ASSERT_EQ(reading.state->loader_authorities.size(), 1U);
  EXPECT_EQ(reading.state->loader_authorities[0].name, "db");
}

TEST(ReadSecureBoot, Off) {
  for (const Bytes& value : {Bytes{0}, Bytes{}}) {
    Pcr7 pcr7;
    pcr7.Config("SecureBoot", kGlobalVariable, value).Remove(0).MoveLastTo(0);
    const auto reading = pcr7.Read();
    ASSERT_TRUE(reading.state) << reading.findings[0].detail;
    EXPECT_FALSE(reading.state->enabled);
    EXPECT_EQ(reading.findings[0].detail, "off");
  }
}

TEST(ReadSecureBoot, ValuesThatAreNeither) {
  for (const Bytes& value : {Bytes{2}, Bytes{1, 0}}) {
    Pcr7 pcr7;
    pcr7.Config("SecureBoot", kGlobalVariable, value).Remove(0).MoveLastTo(0);
    EXPECT_THAT(pcr7.Problem(), HasSubstr("neither on nor off"));
  }
}

TEST(ReadSecureBoot, OnWithoutPlatformKey) {
  Pcr7 pcr7;
  pcr7.Config("PK", kGlobalVariable, {}).Remove(1).MoveLastTo(1);
  EXPECT_THAT(pcr7.Problem(), HasSubstr("without a platform key"));
}

TEST(ReadSecureBoot, EveryVariableIsRequiredOnceInOrder) {
  const char* const names[] = {"SecureBoot", "PK", "KEK", "db", "dbx"};
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_NE(Pcr7().Remove(i).Problem(), "") << names[i];
    // Twice.
    Pcr7 twice;
    twice.Config(names[i], i < 3 ? kGlobalVariable : kImageSecurityDatabase,
                 i == 0 ? Bytes{1} : OneKey());
    EXPECT_THAT(twice.MoveLastTo(i + 1).Problem(), HasSubstr(names[i]));
    // Behind the others.
    if (i == 4) continue;
    Pcr7 late;
    late.Config(names[i], i < 3 ? kGlobalVariable : kImageSecurityDatabase,
                i == 0 ? Bytes{1} : OneKey());
    EXPECT_NE(late.MoveLastTo(5).Remove(i).Problem(), "");
  }
}

TEST(ReadSecureBoot, NamesOfOtherVendorsAreOtherVariables) {
  Pcr7 pcr7;
  pcr7.Config("SecureBoot", kShimLock, Bytes{0}).MoveLastTo(1);
  const auto reading = pcr7.Read();
  ASSERT_TRUE(reading.state) << reading.findings[0].detail;
  EXPECT_TRUE(reading.state->enabled);
  ASSERT_EQ(reading.state->other_variables.size(), 1U);
  EXPECT_NE(Pcr7().Remove(0).Config("SecureBoot", kShimLock, Bytes{1}).MoveLastTo(0).Problem(), "");
  EXPECT_NE(Pcr7().Remove(3).Config("db", kGlobalVariable, OneKey()).MoveLastTo(3).Problem(), "");
}

TEST(ReadSecureBoot, Attack_ExchangedData) {
  // The log says on, the machine measured off: the digest is of the old data.
  Pcr7 pcr7;
  pcr7.Remove(0)
      .Add(EventType::kEfiVariableDriverConfig,
           VariableData(kGlobalVariable, "SecureBoot", Bytes{1}),
           VariableData(kGlobalVariable, "SecureBoot", Bytes{0}))
      .MoveLastTo(0);
  EXPECT_THAT(pcr7.Problem(), HasSubstr("does not have the digest of its data"));
  for (const std::size_t index : {1U, 4U, 6U}) {
    EXPECT_NE(Pcr7().ReplaceData(index, VariableData(kShimLock, "x", {})).Problem(), "");
  }
}

TEST(ReadSecureBoot, Attack_SeparatorHiddenBehindAnotherType) {
  // Configuration behind the separator would count if the type decided.
  Pcr7 pcr7;
  pcr7.Retype(5, EventType::kEfiAction);
  EXPECT_EQ(pcr7.Problem(), "");
  pcr7.Config("AuditMode", kGlobalVariable, Bytes{1});
  EXPECT_THAT(pcr7.Problem(), HasSubstr("behind the separator"));
}

TEST(ReadSecureBoot, Attack_TypeAloneMakesNoSeparator) {
  EXPECT_NE(
      Pcr7().Remove(5).Add(EventType::kSeparator, Bytes(4, 0), Bytes{9}).MoveLastTo(5).Problem(),
      "");
}

TEST(ReadSecureBoot, Separators) {
  EXPECT_THAT(Pcr7().Remove(5).Problem(), HasSubstr("no separator"));
  EXPECT_THAT(Pcr7().Add(EventType::kSeparator, Bytes(4, 0)).Problem(),
              HasSubstr("second separator"));
  EXPECT_THAT(
      Pcr7().Remove(5).Add(EventType::kSeparator, Bytes{1, 0, 0, 0}).MoveLastTo(5).Problem(),
      HasSubstr("had an error"));
  EXPECT_EQ(Pcr7().Remove(5).Add(EventType::kSeparator, Bytes(4, 0xff)).MoveLastTo(5).Problem(),
            "");
}

// A BIOS separates with one byte of ff (guard-oss binary_bios_measurements_27, TPM 1.2). The
// profile has four bytes of it, and a BIOS has no Secure Boot to report: it keeps failing.
TEST(ReadSecureBoot, ASeparatorOfABiosIsNone) {
  Pcr7 pcr7;
  pcr7.Remove(5).Add(EventType::kSeparator, Bytes{0xff}).MoveLastTo(5);
  EXPECT_THAT(pcr7.Problem(), HasSubstr("separator and is none of the profile's"));
}

TEST(ReadSecureBoot, AuthoritiesBeforeAndBehindTheSeparator) {
  Pcr7 pcr7;
  pcr7.Add(EventType::kEfiVariableAuthority, VariableData(kImageSecurityDatabase, "db", {}))
      .MoveLastTo(5);
  const auto reading = pcr7.Read();
  ASSERT_TRUE(reading.state);
  EXPECT_EQ(reading.state->driver_authorities.size(), 1U);
  EXPECT_EQ(reading.state->loader_authorities.size(), 1U);
}

TEST(ReadSecureBoot, Quirk_AuthorityOfShimWithOneByteTooMany) {
  Bytes data = VariableData(kShimLock, "Shim", Bytes{1, 2});
  Append(data, Bytes(5, 0));
  Bytes logged = data;
  logged.push_back(0xaf);
  Pcr7 pcr7;
  pcr7.Add(EventType::kEfiVariableAuthority, logged, data);
  const auto reading = pcr7.Read();
  ASSERT_TRUE(reading.state) << reading.findings[0].detail;
  EXPECT_EQ(reading.state->loader_authorities[1].name, "Shim");
}

TEST(ReadSecureBoot, Actions) {
  Pcr7 pcr7;
  pcr7.Add(EventType::kEfiAction, ToBytes("UEFI Debug Mode")).MoveLastTo(0);
  pcr7.Add(EventType::kEfiAction, ToBytes("DMA Protection Disabled"));
  const auto reading = pcr7.Read();
  ASSERT_TRUE(reading.state);
  EXPECT_THAT(reading.state->actions, ElementsAre("UEFI Debug Mode"));
  EXPECT_THAT(reading.state->late_actions, ElementsAre("DMA Protection Disabled"));
  EXPECT_THAT(
      Pcr7().Add(EventType::kEfiAction, ToBytes("harmless"), ToBytes("UEFI Debug Mode")).Problem(),
      HasSubstr("does not have the digest"));
}

TEST(ReadSecureBoot, Attack_AuthorityHiddenBehindAnotherType) {
  EXPECT_THAT(Pcr7().Retype(6, EventType::kEfiAction).Problem(), HasSubstr("no text"));
  EXPECT_THAT(Pcr7().Retype(6, EventType::kEfiVariableDriverConfig).Problem(),
              HasSubstr("behind the separator"));
  EXPECT_THAT(Pcr7().Retype(6, EventType::kEfiVariableDriverConfig).MoveLastTo(5).Problem(),
              HasSubstr("db"));
  EXPECT_NE(Pcr7().Add(EventType::kEfiAction, Bytes{'a', 0x7f}).Problem(), "");
  EXPECT_NE(Pcr7().Add(EventType::kEfiAction, Bytes{'a', 0x1f}).Problem(), "");
  EXPECT_EQ(Pcr7().Add(EventType::kEfiAction, Bytes{' ', '~'}).Problem(), "");
}

TEST(ReadSecureBoot, WhatHasNoPlaceThere) {
  EXPECT_THAT(Pcr7().Add(EventType::kIpl, ToBytes("x")).Problem(), HasSubstr("EV_IPL"));
  EXPECT_THAT(Pcr7().Add(EventType::kEfiVariableAuthority, ToBytes("no variable")).Problem(),
              HasSubstr("carries no variable"));
  EXPECT_THAT(
      Pcr7().Config("PK", kGlobalVariable, Bytes{1, 2, 3}).Remove(1).MoveLastTo(1).Problem(),
      HasSubstr("cannot be read"));
}

// What EDK2 measures if it verifies devices: the database behind dbx, and an entry of it
// whenever one verified a device, which is behind the separator.
Bytes DeviceEntry() {
  Bytes entry = ToBytes(kShimLock.bytes);
  Append(entry,
         Bytes{0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00, 0x9f, 0x84, 0x12, 0x30});
  return entry;
}
Bytes Devdb(const Bytes& value) { return VariableData(kDeviceSecurityDatabase, "devdb", value); }

TEST(ReadSecureBoot, DevicePolicyAndAuthorities) {
  for (const Bytes& database : {OneKey(), Bytes{}}) {
    Pcr7 pcr7;
    pcr7.Add(EventType::kEfiSpdmDevicePolicy, Devdb(database)).MoveLastTo(5);
    pcr7.Add(EventType::kEfiSpdmDeviceAuthority, Devdb(DeviceEntry())).MoveLastTo(6);
    pcr7.Add(EventType::kEfiSpdmDeviceAuthority, Devdb(DeviceEntry()));
    const auto reading = pcr7.Read();
    ASSERT_TRUE(reading.state) << reading.findings[0].detail;
    ASSERT_TRUE(reading.state->device_policy);
    EXPECT_EQ(reading.state->device_policy->size(), database.empty() ? 0U : 1U);
    EXPECT_EQ(reading.state->device_authorities.size(), 2U);
    EXPECT_TRUE(reading.state->driver_authorities.empty());
    EXPECT_EQ(reading.state->loader_authorities.size(), 1U);
    EXPECT_TRUE(reading.state->other_variables.empty());
  }
  EXPECT_FALSE(Pcr7().Read().state->device_policy);
}

TEST(ReadSecureBoot, TheDatabaseOfDevicesIsThereOnceInItsPlace) {
  const auto with_policy = [](std::size_t index) {
    Pcr7 pcr7;
    pcr7.Add(EventType::kEfiSpdmDevicePolicy, Devdb(OneKey()));
    return pcr7.MoveLastTo(index);
  };
  EXPECT_THAT(with_policy(4).Problem(), HasSubstr("devdb where dbx belongs"));
  EXPECT_THAT(with_policy(6).Problem(), HasSubstr("behind the separator"));
  EXPECT_THAT(
      with_policy(5).Add(EventType::kEfiSpdmDevicePolicy, Devdb(OneKey())).MoveLastTo(5).Problem(),
      HasSubstr("second devdb"));
  EXPECT_THAT(Pcr7().Add(EventType::kEfiSpdmDeviceAuthority, Devdb(Bytes(15, 1))).Problem(),
              HasSubstr("cannot be read"));
}

TEST(ReadSecureBoot, ADevicesDigestIsOfTheWholeVariable) {
  // As of every authority: the value alone does not say what it is of.
  EXPECT_THAT(
      Pcr7().Add(EventType::kEfiSpdmDeviceAuthority, Devdb(DeviceEntry()), DeviceEntry()).Problem(),
      HasSubstr("does not have the digest of its data"));
}

TEST(ReadSecureBoot, Attack_AuthorityHiddenAmongThoseOfDevices) {
  EXPECT_THAT(Pcr7().Retype(6, EventType::kEfiSpdmDeviceAuthority).Problem(),
              HasSubstr("not about the database of devices"));
  EXPECT_THAT(Pcr7().Retype(3, EventType::kEfiSpdmDevicePolicy).Problem(),
              HasSubstr("not about the database of devices"));
  EXPECT_NE(Pcr7()
                .Add(EventType::kEfiSpdmDeviceAuthority,
                     VariableData(kImageSecurityDatabase, "devdb", DeviceEntry()))
                .Problem(),
            "");
  EXPECT_NE(Pcr7()
                .Add(EventType::kEfiSpdmDeviceAuthority,
                     VariableData(kDeviceSecurityDatabase, "db", DeviceEntry()))
                .Problem(),
            "");
}

TEST(ReadSecureBoot, Attack_TypesDoNotTurnAPolicyIntoAnAuthority) {
  for (const EventType type :
       {EventType::kEfiSpdmDeviceAuthority, EventType::kEfiVariableAuthority,
        EventType::kEfiVariableDriverConfig, EventType::kEfiSpdmDevicePolicy}) {
    Pcr7 pcr7;
    pcr7.Add(type, Devdb(OneKey())).MoveLastTo(5).Add(type, Devdb(DeviceEntry()));
    const auto reading = pcr7.Read();
    ASSERT_TRUE(reading.state) << reading.findings[0].detail;
    EXPECT_TRUE(reading.state->device_policy);
    EXPECT_EQ(reading.state->device_authorities.size(), 1U);
    EXPECT_EQ(reading.state->loader_authorities.size(), 1U);
    EXPECT_TRUE(reading.state->driver_authorities.empty());
  }
}

TEST(ReadSecureBoot, Attack_A07_Pcr7MustReplay) {
  LogBuilder log = LogBuilder::CryptoAgile();
  log.Event(0, EventType::kSCrtmVersion, "v").Separator(7);
  tpm::PcrValues values;
  Replay replay({kSha256});
  auto reader = LogReader::Open(log.bytes());
  for (auto next = reader->Next(); next && *next; next = reader->Next()) replay.Extend(**next);
  values.Set(0, replay.Pcr(kSha256, 0));
  values.Set(7, crypto::Hash(kSha256, AsBytes("else")));
  const auto result = VerifyLog(log.bytes(), testing::QuoteOf(values, kSha256), kSha256, {});
  ASSERT_TRUE(result && result->log);
  const auto reading = ReadSecureBoot(*result->log);
  EXPECT_EQ(reading.findings[0].outcome, Outcome::kNotEvaluated);
  EXPECT_FALSE(reading.state);
}

// Real logs: what PCR 7 says, as far as the log is consistent with itself.

std::string StateOf(const std::filesystem::path& path) {
  const std::string log = testing::ReadFile(path);
  auto reader = LogReader::Open(AsBytes(log));
  if (!reader) return "unreadable";
  const auto reading = ReadSecureBoot(
      VerifiedOnItsMachine(AsBytes(log), ReplayedBanks(reader->algorithms()).back()));
  return reading.findings[0].passed() ? reading.findings[0].detail
                                      : std::string(OutcomeName(reading.findings[0].outcome));
}

TEST(SecureBootCorpus, OwnLogs) {
  EXPECT_EQ(StateOf(testing::OwnData() / "vm__fw-shim-sb-61.bin"), "on");
  EXPECT_EQ(StateOf(testing::OwnData() / "vm__verity-sigv2-612.bin"), "off");
  EXPECT_EQ(StateOf(testing::OwnData() / "run1-secureboot" / "binary_bios_measurements"), "on");
}

TEST(SecureBootCorpus, SharedLogs) {
  const auto folder = testing::SharedCorpus() / "eventlog";
  if (!std::filesystem::exists(folder)) {
    GTEST_SKIP() << "the shared corpus is absent: 0 of its logs were checked";
  }
  const std::map<std::string, std::string> expected = {
      {"HIRS__TpmLogSHA1", "on"},
      {"go-attestation__option_rom_eventlog", "on"},
      {"go-attestation__crypto_agile_eventlog", "off"},
      {"go-tpm-tools__cos-93-amd-sev", "on"},
      {"guard-oss__IMN-SUPERMICRO-EPP-MSDefender", "failed"},  // a BIOS: no such variable
      {"guard-oss__binary_bios_measurements_27", "failed"},    // a BIOS: ff separates
      {"guard-oss__r340", "on"},                               // with an authority for drivers
      {"guard-oss__test-HP-EliteBook-830-G6-baseline", "on"},  // with actions behind the separator
      {"ibmtss__deb2", "on"},                                  // with AuditMode and DeployedMode
      {"python3-uefi-eventlog__rhcos", "on"},
      {"secboot__eventlog_no_sb", "off"},
      {"secboot__eventlog_sb_no_sbat", "on"},
      {"tpm2-tools__event-sd-boot-fedora37", "off"},
  };
  for (const auto& [name, state] : expected) {
    EXPECT_EQ(StateOf(folder / (name + ".bin")), state) << name;
  }
}

}  // namespace
}  // namespace limequat::eventlog
