#include "limequat/policy/command_line_coverage.h"

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/eventlog/testing/corpus.h"
#include "limequat/eventlog/testing/quote.h"
#include "limequat/json/value.h"
#include "limequat/policy/testing/boot.h"
#include "limequat/tpm/pcr.h"

namespace limequat::policy {
namespace {

using crypto::HashAlgorithm;
using eventlog::EventType;
using eventlog::testing::Member;
using eventlog::testing::ReadFile;
using testing::Boot;
using ::testing::HasSubstr;

const ParameterValues kTcb = {{"ima_policy", {"tcb"}}};

// UTF-16 with its NUL, as systemd-boot and the EFI stub measure it.
std::string Wide(std::string_view text) {
  std::string wide;
  for (const char c : text) wide += std::string{c, '\0'};
  return wide + std::string(2, '\0');
}

std::string ObjectionTo(const Boot& boot, const ParameterValues& needed = kTcb) {
  const Bytes log = boot.Log();
  return ObjectToBoot(eventlog::testing::VerifiedOnItsMachine(log, HashAlgorithm::kSha256), needed);
}

// --- one line -----------------------------------------------------------------------

TEST(CommandLineCoverage, AsTheKernelReadsIt) {
  for (const char* line : {"ima_policy=tcb", "/vmlinuz quiet  ima_policy=tcb ro", "ima-policy=tcb",
                           "image=a ima_policy=tcb", "ima_policy=tcb ima_policy=tcb",
                           "x=\"a b\" ima_policy=tcb", "ima_policy=tcb -- single"}) {
    EXPECT_EQ(ObjectToCommandLine(line, kTcb), "") << line;
  }
  for (const char* line : {"", "quiet", "ima_policy", "ima_policy=", "ima_policy=tcb|x",
                           "xima_policy=tcb", "ima_policy=secure_boot", "-- ima_policy=tcb",
                           "\"--\" ima_policy=tcb", "x=\"a ima_policy=tcb b\"",
                           "\"x ima_policy=tcb", "ima_policy=\"tcb\"", "\"ima_policy=tcb\""}) {
    EXPECT_NE(ObjectToCommandLine(line, kTcb), "") << line;
  }
}

TEST(CommandLineCoverage, Attack_A02_WhatElseIsSaidOfImaMustBeListed) {
  for (const char* more :
       {"ima_tcb", "ima-tcb", "ima_tcbx", "ima.ahash_minsize=1", "ima=off",
        "ima_policy=critical_data", "ima_template=custom", "\"ima_tcb\"", "-- ima_tcb"}) {
    for (const std::string& line :
         {std::string(more) + " ima_policy=tcb", "ima_policy=tcb " + std::string(more)}) {
      EXPECT_NE(ObjectToCommandLine(line, kTcb), "") << line;
    }
  }
  ParameterValues more = kTcb;
  more["ima_template"] = {"ima-ng", "ima-sig"};
  more["ima_tcb"] = {""};
  EXPECT_EQ(ObjectToCommandLine("ima_tcb ima_policy=tcb ima_template=ima-sig", more), "");
  EXPECT_THAT(ObjectToCommandLine("ima_tcb ima_policy=tcb", more),
              HasSubstr("without ima_template"));
}

TEST(CommandLineCoverage, Attack_A02_WhatKernelsReadDifferently) {
  const std::string good = "ima_policy=tcb";
  EXPECT_THAT(ObjectToCommandLine("ro bootconfig " + good, kTcb), HasSubstr("bootconfig"));
  for (const char* other : {"initcall_blacklist=init_ima", "initcall-blacklist=x,init_ima",
                            "\"initcall_blacklist=x\"", "initcall_blacklist"}) {
    EXPECT_THAT(ObjectToCommandLine(good + " " + other, kTcb), HasSubstr("initcall_blacklist"));
  }
  for (const char c : {'\0', '\n', '\t', '\x7f', '\xa0'}) {
    EXPECT_THAT(ObjectToCommandLine("ro" + std::string(1, c) + " " + good, kTcb),
                HasSubstr("characters"));
  }
  EXPECT_EQ(ObjectToCommandLine(std::string(kMaxKernelCommandLine - good.size(), ' ') + good, kTcb),
            "");
  EXPECT_THAT(
      ObjectToCommandLine(std::string(kMaxKernelCommandLine - good.size() + 1, ' ') + good, kTcb),
      HasSubstr("2048 bytes"));
}

// --- recorded boots ------------------------------------------------------------------

TEST(CommandLineCoverage, RecordedBoots) {
  const auto boots = std::filesystem::path(LQ_SOURCE_DIR) / "data" / "lab" / "boots";
  std::map<std::string, std::string> told;
  for (const auto& folder : std::filesystem::directory_iterator(boots)) {
    const std::string name = folder.path().filename().string();
    const std::string log = ReadFile(folder.path() / "eventlog");
    if (log.empty()) continue;
    const auto document = json::Parse(ReadFile(folder.path() / "pcrs.json"));
    const auto pcrs = tpm::PcrValues::FromJson(Member(*document, "pcrs"));
    const auto verification = eventlog::VerifyLogByValues(
        {.firmware = AsBytes(log), .user_space = {}}, *pcrs, HashAlgorithm::kSha256, {});
    told[name] = ObjectToBoot(*verification->log, kTcb);
    EXPECT_NE(ObjectToBoot(*verification->log, {{"ima_hash", {"sha256"}}}), "") << name;
  }
  ASSERT_GE(told.size(), 19U);
  for (const auto& [name, objection] : told) {
    const bool has_text = name.contains("-grub") || name.starts_with("sd-boot");
    if (has_text) {
      EXPECT_EQ(objection, "") << name;
    } else {
      EXPECT_THAT(objection, HasSubstr("no log shows the text")) << name;
    }
  }
}

// --- GRUB ---------------------------------------------------------------------------

// A boot whose command line has the parameter, in both texts.
Boot WithGrub(std::string_view line = "/vmlinuz root=/dev/vda ro ima_policy=tcb") {
  Boot boot;
  for (const std::size_t index : {1U, 2U}) {
    auto& event = boot.At(8, index);
    const std::string key = index == 1 ? "grub_cmd: linux " : "kernel_cmdline: ";
    event.data = ToBytes(key + std::string(line) + '\0');
    event.measured = ToBytes((index == 1 ? "linux " : "") + std::string(line));
  }
  return boot;
}

TEST(CommandLineCoverage, Attack_A02_TheLineThatGrubMeasured) {
  EXPECT_EQ(ObjectionTo(WithGrub()), "");
  EXPECT_THAT(ObjectionTo(Boot()), HasSubstr("without ima_policy"));
}

// The true line can be called a command and a command the line: nothing measures the words.
TEST(CommandLineCoverage, Attack_A02_ExchangedKeysOfGrub) {
  Boot boot;
  boot.At(8, 2).data = ToBytes("grub_cmd: " + std::string(testing::kLine) + '\0');
  boot.Grub("kernel_cmdline", "echo ima_policy=tcb");
  EXPECT_THAT(ObjectionTo(boot), HasSubstr("without ima_policy"));
}

TEST(CommandLineCoverage, Attack_A02_ATextThatTheLogHides) {
  Boot boot = WithGrub();
  boot.Add(8, EventType::kIpl, "kernel_cmdline: nothing", "/vmlinuz root=/dev/vda ro");
  EXPECT_THAT(ObjectionTo(boot), HasSubstr("does not show"));
}

TEST(CommandLineCoverage, Attack_A02_AnotherProgramAfterTheGoodLine) {
  for (const char* command : {"chainloader /other.efi", "exit", "multiboot2 /other"}) {
    for (const char* key : {"grub_cmd", "kernel_cmdline"}) {
      EXPECT_THAT(ObjectionTo(WithGrub().Grub(key, command + std::string(" ima_policy=tcb"))),
                  HasSubstr("GRUB ran"));
    }
  }
}

// GRUB measures `! command` as a whole, and runs the command.
TEST(CommandLineCoverage, Attack_A02_ACommandBehindAnInversion) {
  for (const char* command : {"! chainloader /x.efi", "! exit", "! ! exit", "! linux /v ro",
                              "! linux 8192+20000 root=/dev/sda1"}) {
    EXPECT_NE(ObjectionTo(WithGrub().Grub("grub_cmd", command)), "") << command;
  }
  EXPECT_EQ(ObjectionTo(WithGrub().Grub("grub_cmd", "! [ x = y ]")), "");
  EXPECT_EQ(ObjectionTo(WithGrub().Grub("grub_cmd", "! linux /v ima_policy=tcb")), "");
}

// No command is known to be harmless because nobody knows it.
TEST(CommandLineCoverage, Attack_A02_OnlyKnownCommandsAreHarmless) {
  for (const char* command :
       {"", " ", "exitx", "!", "!exit", "! ", "time chainloader /x.efi", "xen_hypervisor /xen",
        "acpi /t", "devicetree /t", "normal_exit", "lua /x", "write_byte 1 2", "legacy_kernel /v",
        "1a=b", "a-b=c", "=", "ima_policy"}) {
    EXPECT_THAT(ObjectionTo(WithGrub().Grub("grub_cmd", command)), HasSubstr("GRUB ran"))
        << command;
  }
  for (const char* command : {"recordfail", "gptpriority hd0 2 prioA", "menuentry_id_option=--id",
                              "font=a b", "[ -s /grubenv ]", "boot"}) {
    EXPECT_EQ(ObjectionTo(WithGrub().Grub("grub_cmd", command)), "") << command;
  }
}

// The file of a kernel is a list of blocks, or any name on a network.
TEST(CommandLineCoverage, Attack_A02_AKernelWhoseNameIsNoPath) {
  for (const char* line : {"8192+20000 root=/dev/sda1", "8192+20000 ima_policy=tcb", "8192+20000",
                           "vmlinuz ima_policy=tcb", "\"/v\" ima_policy=tcb"}) {
    for (const char* key : {"grub_cmd", "kernel_cmdline"}) {
      EXPECT_THAT(ObjectionTo(WithGrub().Grub(key, line)), HasSubstr("GRUB ran")) << line;
    }
  }
}

// It is a file that is named first, never a parameter, whatever the log calls the texts.
TEST(CommandLineCoverage, Attack_A02_AKernelFileThatIsNamedLikeAParameter) {
  for (const char* key : {"grub_cmd", "kernel_cmdline"}) {
    Boot boot = WithGrub().Grub(key, "linux ima_policy=tcb ro").Grub(key, "ima_policy=tcb ro");
    EXPECT_THAT(ObjectionTo(boot), HasSubstr("without ima_policy")) << key;
  }
  const std::string file = "/v" + std::string(kMaxKernelCommandLine - 28, 'x');
  EXPECT_EQ(ObjectionTo(WithGrub(file + " ima_policy=tcb")), "");
  EXPECT_THAT(ObjectionTo(WithGrub(file + "x ima_policy=tcb")), HasSubstr("2048 bytes"));
}

// A command that did not load its kernel measured no line of its own; PCR 12 is open to anybody.
TEST(CommandLineCoverage, Attack_A02_ALineThatGrubDidNotStart) {
  Boot boot = WithGrub();
  boot.Remove(8, 2);
  EXPECT_THAT(ObjectionTo(boot), HasSubstr("no command line"));
  boot.Grub("kernel_cmdline", "echo /vmlinuz ima_policy=tcb");
  EXPECT_THAT(ObjectionTo(boot), HasSubstr("no command line"));
  boot.Add(12, EventType::kIpl, "/vmlinuz ima_policy=tcb");
  EXPECT_THAT(ObjectionTo(boot), HasSubstr("PCR 12"));
}

// What systemd-boot before version 251 measured into PCR 8, called a command of GRUB.
TEST(CommandLineCoverage, Attack_A02_ALineThatIsNotOfGrub) {
  EXPECT_THAT(ObjectionTo(WithGrub().Grub("grub_cmd", Wide("ro init=/bin/sh"))),
              HasSubstr("does not show"));
  Boot boot;
  for (int i = 0; i < 4; ++i) boot.Remove(8, 0);
  boot.Add(8, EventType::kIpl, Wide("ima_policy=tcb"));
  EXPECT_THAT(ObjectionTo(boot), HasSubstr("not of GRUB"));
}

TEST(CommandLineCoverage, Attack_A02_GrubWithoutALine) {
  Boot boot;
  boot.Remove(8, 2).Remove(8, 1);
  EXPECT_THAT(ObjectionTo(boot), HasSubstr("no command line"));
}

// --- the kernel's EFI stub ----------------------------------------------------------

// A boot without GRUB: the loader measures the line into PCR 12, the stub into PCR 9.
Boot WithStub(std::string_view line = "ro ima_policy=tcb") {
  Boot boot;
  for (int i = 0; i < 4; ++i) boot.Remove(8, 0);
  for (int i = 0; i < 3; ++i) boot.Remove(9, 0);
  boot.Add(12, EventType::kIpl, Wide(line));
  boot.Add(9, EventType::kEventTag, "options", Wide(line));
  boot.Add(9, EventType::kEventTag, "initrd", "initrd");
  return boot;
}

TEST(CommandLineCoverage, Attack_A02_TheLineThatTheStubMeasured) {
  EXPECT_EQ(ObjectionTo(WithStub()), "");
  EXPECT_THAT(ObjectionTo(WithStub("ro")), HasSubstr("without ima_policy"));
}

// PCR 12 can be extended at any time, so a good line there is no proof by itself.
TEST(CommandLineCoverage, Attack_A02_ALineThatWasAddedAfterTheBoot) {
  EXPECT_THAT(ObjectionTo(WithStub("ro").Add(12, EventType::kIpl, Wide("ro ima_policy=tcb"))),
              HasSubstr("without ima_policy"));
  Boot hidden = WithStub("ro");
  hidden.At(12, 0).data = ToBytes(std::string_view("hidden"));
  hidden.Add(12, EventType::kIpl, Wide("ro ima_policy=tcb"));
  EXPECT_THAT(ObjectionTo(hidden), HasSubstr("no log shows the text"));
}

// Nor is an initrd whose content is a good line.
TEST(CommandLineCoverage, Attack_A02_AnInitrdThatLooksLikeALine) {
  Boot boot = WithStub("ro");
  boot.At(9, 1).measured = ToBytes(Wide("ro ima_policy=tcb"));
  boot.Add(12, EventType::kIpl, Wide("ro ima_policy=tcb"));
  EXPECT_THAT(ObjectionTo(boot), HasSubstr("without ima_policy"));
}

// Linux 5.17 to 6.0 measures the initrd alone, which comes first then.
TEST(CommandLineCoverage, Attack_A02_AStubThatMeasuresOnlyTheInitrd) {
  Boot boot = WithStub("ro");
  boot.Remove(9, 0);
  boot.At(9, 0).measured = ToBytes(Wide("ro ima_policy=tcb"));
  boot.Add(12, EventType::kIpl, Wide("ro ima_policy=tcb"));
  EXPECT_THAT(ObjectionTo(boot), HasSubstr("PCR 9 has 1 events"));
  // Another kernel, which was started when this one gave up.
  boot.Add(9, EventType::kEventTag, "options", Wide("ro"));
  boot.Add(9, EventType::kEventTag, "initrd", "initrd");
  EXPECT_THAT(ObjectionTo(boot), HasSubstr("PCR 9 has 3 events"));
}

// Options that are the bytes of a separator: the kernel was started with nothing.
TEST(CommandLineCoverage, Attack_A02_NoOptionsInTheFormOfASeparator) {
  Boot boot = WithStub();
  boot.Remove(9, 0).Remove(9, 0);
  boot.Add(9, EventType::kSeparator, Bytes(4, 0));
  boot.Add(9, EventType::kEventTag, "initrd", Wide("ro ima_policy=tcb"));
  EXPECT_THAT(ObjectionTo(boot), HasSubstr("no log shows the text"));
}

// The stub reads UTF-16: of these bytes it makes no parameter at all.
TEST(CommandLineCoverage, Attack_A02_OptionsOfEightBits) {
  for (const std::string_view line :
       {std::string_view("ro ima_policy=tcb"), std::string_view("ro ima_policy=tcb\0", 18)}) {
    Boot boot = WithStub();
    boot.At(12, 0).data = ToBytes(line);
    boot.At(12, 0).measured = ToBytes(line);
    boot.At(9, 0).measured = ToBytes(line);
    EXPECT_THAT(ObjectionTo(boot), HasSubstr("no log shows the text"));
  }
}

TEST(CommandLineCoverage, Attack_A02_ADigestThatIsNotOfTheText) {
  Boot boot = WithStub("ro");
  boot.At(12, 0).data = ToBytes(Wide("ro ima_policy=tcb"));
  EXPECT_THAT(ObjectionTo(boot), HasSubstr("no log shows the text"));
}

TEST(CommandLineCoverage, Attack_A02_NothingIsMeasured) {
  Boot boot;
  for (int i = 0; i < 4; ++i) boot.Remove(8, 0);
  for (int i = 0; i < 3; ++i) boot.Remove(9, 0);
  boot.Add(12, EventType::kIpl, Wide("ro ima_policy=tcb"));
  EXPECT_THAT(ObjectionTo(boot), HasSubstr("nothing measured"));
}

// --- what is covered ----------------------------------------------------------------

TEST(CommandLineCoverage, Attack_A02_PcrsThatDoNotReplay) {
  for (const std::uint32_t pcr : {8U, 9U}) {
    const Bytes log = WithGrub().Log();
    tpm::PcrValues values = eventlog::testing::ValuesOf(log, HashAlgorithm::kSha256);
    values.Set(pcr, crypto::Digest(HashAlgorithm::kSha256));
    const auto verification = eventlog::VerifyLogByValues({.firmware = log, .user_space = {}},
                                                          values, HashAlgorithm::kSha256, {});
    EXPECT_THAT(ObjectToBoot(*verification->log, kTcb), HasSubstr("PCR " + std::to_string(pcr)));
  }
}

}  // namespace
}  // namespace limequat::policy
