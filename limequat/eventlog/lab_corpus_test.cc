// Boots that tools/lab/record_boots.py recorded: every boot path with two kernels, each
// with two command lines. What is expected was read from the TPM and the running
// system, or is what the boot was made to show.

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/eventlog/boot_chain.h"
#include "limequat/eventlog/replay.h"
#include "limequat/eventlog/secure_boot.h"
#include "limequat/eventlog/testing/corpus.h"
#include "limequat/eventlog/testing/quote.h"
#include "limequat/eventlog/utf16.h"
#include "limequat/eventlog/verify.h"
#include "limequat/json/value.h"

namespace limequat::eventlog {
namespace {

namespace fs = std::filesystem;
using crypto::HashAlgorithm;
using ::testing::HasSubstr;
using testing::Member;
using testing::ReadFile;

const fs::path kBoots = fs::path(LQ_SOURCE_DIR) / "data" / "lab" / "boots";
constexpr std::string_view kChange = "lab.note=changed";
constexpr std::uint32_t kImaPcr = 10;

// PCRs that the logs explain: all that were read, apart from IMA's.
const tpm::PcrSet kBootPcrs = tpm::PcrSet::Range(0, 9) | tpm::PcrSet::Range(11, 15);

struct Boot {
  std::string log;         // empty: the kernel has none
  std::string user_space;  // empty: none
  json::Value about;
  tpm::PcrValues pcrs;
};

Boot Load(const fs::path& folder, const std::string& prefix) {
  Boot boot;
  const auto document = json::Parse(ReadFile(folder / (prefix + "pcrs.json")));
  EXPECT_TRUE(document) << folder;
  if (!document) return boot;
  boot.about = Member(*document, "boot");
  auto pcrs = tpm::PcrValues::FromJson(Member(*document, "pcrs"));
  EXPECT_TRUE(pcrs) << folder;
  if (pcrs) boot.pcrs = *std::move(pcrs);
  if (fs::exists(folder / (prefix + "eventlog")))
    boot.log = ReadFile(folder / (prefix + "eventlog"));
  const fs::path measure = folder / (prefix + "tpm2-measure.log");
  if (fs::exists(measure)) boot.user_space = ReadFile(measure);
  return boot;
}

Result<LogVerification> Verify(const Boot& boot, HashAlgorithm bank, tpm::PcrSet required) {
  return VerifyLog({.firmware = AsBytes(boot.log), .user_space = AsBytes(boot.user_space)},
                   testing::QuoteOf(boot.pcrs, bank), bank, required);
}

bool IsTrue(const json::Value& about, std::string_view name) {
  return json::Serialize(Member(about, name)) == "true";
}

class LabBoots : public ::testing::Test {
 protected:
  // Every recording, by the name of its folder and the prefix of its files.
  template <class Check>
  static void ForEach(const Check& check) {
    int boots = 0;
    for (const auto& folder : fs::directory_iterator(kBoots)) {
      for (const std::string prefix : {"", "changed."}) {
        SCOPED_TRACE(folder.path().filename().string() + " " + prefix);
        check(folder.path().filename().string(), prefix, Load(folder.path(), prefix));
        ++boots;
      }
    }
    EXPECT_GE(boots, 40);
  }
};

TEST_F(LabBoots, ReplayLeadsToThePcrsOfTheTpmInEveryBank) {
  ForEach([](const std::string&, const std::string&, const Boot& boot) {
    if (boot.log.empty()) return;
    ASSERT_EQ(boot.pcrs.Banks().size(), 4U);
    for (const HashAlgorithm bank : boot.pcrs.Banks()) {
      const auto result = Verify(boot, bank, kBootPcrs);
      ASSERT_TRUE(result) << result.error().message;
      for (const Finding& finding : result->findings) {
        EXPECT_TRUE(finding.passed()) << finding.check << ": " << finding.detail;
      }
    }
  });
}

// GRUB extends PCRs and tells nobody: PCR 10 aside there is nothing to replay.
TEST_F(LabBoots, AnAbsentLogIsSaidToBeAbsent) {
  int absent = 0;
  ForEach([&](const std::string& name, const std::string&, const Boot& boot) {
    EXPECT_EQ(boot.log.empty(), name.starts_with("shim-grub-nolog-"));
    if (!boot.log.empty()) return;
    ++absent;
    const auto result = Verify(boot, HashAlgorithm::kSha256, tpm::PcrSet::Of(4));
    ASSERT_TRUE(result);
    EXPECT_FALSE(result->log);
    EXPECT_EQ(FindCheck(result->findings, "eventlog.present")->outcome, Outcome::kFailed);
    EXPECT_THAT(FindCheck(result->findings, "eventlog.present")->detail, HasSubstr("no event log"));
  });
  EXPECT_GE(absent, 4);
}

TEST_F(LabBoots, ALogOfAnotherBootIsSaidToBeThat) {
  const Boot direct = Load(kBoots / "direct-6.1", "");
  Boot other = Load(kBoots / "shim-grub-sb-6.12", "");
  other.log = direct.log;
  const auto result = Verify(other, HashAlgorithm::kSha256, tpm::PcrSet::Of(4));
  ASSERT_TRUE(result);
  // The firmware is the same, so its PCRs replay; what the boot differs in does not.
  EXPECT_FALSE(result->log && result->log->pcrs().Contains(4));
  EXPECT_EQ(FindCheck(result->findings, "eventlog.replay")->outcome, Outcome::kFailed);
}

TEST_F(LabBoots, SecureBootIsAsTheSystemSays) {
  ForEach([](const std::string&, const std::string&, const Boot& boot) {
    if (boot.log.empty()) return;
    const auto result = Verify(boot, HashAlgorithm::kSha256, tpm::PcrSet::Of(7));
    ASSERT_TRUE(result && result->log);
    const auto reading = ReadSecureBoot(*result->log);
    ASSERT_TRUE(reading.state) << reading.findings[0].detail;
    EXPECT_EQ(reading.state->enabled, IsTrue(boot.about, "secure_boot"));
    EXPECT_EQ(reading.state->platform_key.empty(), !IsTrue(boot.about, "secure_boot"));
  });
}

TEST_F(LabBoots, Attack_A21_TheKernelIsMeasuredOrSaidToBeUnmeasured) {
  int unmeasured = 0;
  ForEach([&](const std::string&, const std::string&, const Boot& boot) {
    if (boot.log.empty()) return;
    const auto result = Verify(boot, HashAlgorithm::kSha256, kBootPcrs);
    ASSERT_TRUE(result && result->log);
    const auto reading = ReadBootChain(*result->log);
    EXPECT_EQ(reading.findings[0].passed(), IsTrue(boot.about, "kernel_measured"));
    EXPECT_EQ(BootPathName(UntrustedPathOf(reading.chain)),
              testing::Text(Member(boot.about, "boot_path")));
    EXPECT_TRUE(reading.chain.exit_boot_services);
    EXPECT_TRUE(reading.chain.unexplained.empty());
    if (reading.findings[0].passed()) return;
    ++unmeasured;
    // What makes the attack: PCR 7 looks as good as it can.
    EXPECT_TRUE(ReadSecureBoot(*result->log).state->enabled);
    EXPECT_THAT(reading.findings[0].detail, HasSubstr("was started"));
  });
  EXPECT_GE(unmeasured, 4);
}

// The command line of the running kernel, as a boot loader or a stub measured it.
TEST_F(LabBoots, CommandLinesAreFoundWhereTheyWereMeasured) {
  ForEach([](const std::string& name, const std::string& prefix, const Boot& boot) {
    const bool is_grub = name.contains("-grub");
    const bool in_text =
        is_grub || name.starts_with("sd-boot-stub") || name.starts_with("sd-boot-uki-6");
    if (boot.log.empty() || !in_text) return;
    const auto result = Verify(boot, HashAlgorithm::kSha256, kBootPcrs);
    ASSERT_TRUE(result && result->log);
    const BootChain chain = ReadBootChain(*result->log).chain;
    ASSERT_FALSE(chain.kernel_command_lines.empty());
    const std::string command_line = testing::Text(Member(boot.about, "command_line"));
    EXPECT_EQ(command_line.ends_with(kChange), !prefix.empty());
    for (const MeasuredText& line : chain.kernel_command_lines) {
      std::string text = is_grub ? std::string(AsText(line.text)) : DecodeUtf16(line.text);
      text = text.substr(0, text.find('\0'));
      // GRUB's begins with the kernel's path, as the kernel's own BOOT_IMAGE= does.
      EXPECT_THAT("BOOT_IMAGE=" + text, HasSubstr(command_line));
    }
  });
}

// Which PCRs another command line changes, by the TPM; 10 holds boot_aggregate.
TEST_F(LabBoots, AnotherCommandLineShowsInThePcrsOfItsBootPath) {
  const std::map<std::string, std::set<std::uint32_t>> kChanging = {
      {"direct", {9, kImaPcr}},
      {"direct-sb", {}},
      {"shim-grub", {8, 9, kImaPcr}},
      {"shim-grub-nolog", {8, 9, kImaPcr}},
      {"shim-grub-sb", {8, 9, kImaPcr}},
      {"uki", {4, 9, 11, kImaPcr}},
      {"uki-sb", {4, 9, 11, kImaPcr}},
      {"sd-boot-uki", {9, 12, kImaPcr}},
      {"sd-boot-uki-sb", {4, 9, 11, 12, kImaPcr}},
      {"sd-boot-stub", {9, 12, kImaPcr}},
      {"net-uki", {4, 9, 11, kImaPcr}},
      {"net-grub-sb", {8, 9, kImaPcr}},
      {"systemd", {4, 9, 11, kImaPcr}},
  };
  std::set<std::string> seen;
  for (const auto& folder : fs::directory_iterator(kBoots)) {
    const std::string name = folder.path().filename().string();
    SCOPED_TRACE(name);
    const Boot first = Load(folder.path(), "");
    const Boot changed = Load(folder.path(), "changed.");
    std::set<std::uint32_t> differing;
    for (std::uint32_t pcr = 0; pcr < 16; ++pcr) {
      if (*first.pcrs.Find(HashAlgorithm::kSha256, pcr) !=
          *changed.pcrs.Find(HashAlgorithm::kSha256, pcr)) {
        differing.insert(pcr);
      }
    }
    const std::string path = name.substr(0, name.rfind('-'));
    ASSERT_TRUE(kChanging.contains(path));
    EXPECT_EQ(differing, kChanging.at(path));
    seen.insert(path);
  }
  EXPECT_EQ(seen.size(), kChanging.size());
}

// systemd 257 says what it measures: boot phases into PCR 11, machine and file systems
// into PCR 15.
TEST_F(LabBoots, UserSpaceLogExplainsWhatTheFirmwareCannot) {
  const Boot boot = Load(kBoots / "systemd-6.12", "");
  ASSERT_FALSE(boot.user_space.empty());
  Boot without = boot;
  without.user_space.clear();
  const tpm::PcrSet systemd = tpm::PcrSet::Of(11) | tpm::PcrSet::Of(15);
  const auto firmware_only = Verify(without, HashAlgorithm::kSha256, systemd);
  ASSERT_TRUE(firmware_only && firmware_only->log);
  EXPECT_TRUE((firmware_only->log->pcrs() & systemd).empty());
  const auto both = Verify(boot, HashAlgorithm::kSha256, systemd);
  ASSERT_TRUE(both && both->log);
  EXPECT_TRUE(both->log->pcrs().ContainsAll(systemd));
  std::set<std::string> types;
  std::set<std::string> phases;
  VerifiedRecords records = both->log->user_space_records();
  for (auto record = records.Next(); record; record = records.Next()) {
    ASSERT_TRUE(record->MeasuredText()) << record->index();
    types.insert(record->untrusted_event_type());
    if (record->untrusted_event_type() == "phase") phases.emplace(*record->MeasuredText());
  }
  EXPECT_TRUE(types.contains("phase"));
  EXPECT_TRUE(types.contains("machine-id"));
  EXPECT_TRUE(phases.contains("sysinit"));
}

}  // namespace
}  // namespace limequat::eventlog
