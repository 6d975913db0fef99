#include "limequat/policy/boot_values_appraisal.h"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/eventlog/testing/quote.h"
#include "limequat/policy/testing/boot_values.h"

namespace limequat::policy {
namespace {

using crypto::HashAlgorithm;
using eventlog::EventType;
using testing::Boot;
using testing::Certificate;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::Hex256;
using ::testing::IsEmpty;
using testing::NamedHex;
using testing::Signature;
using testing::SignatureList;
using ::testing::StartsWith;
using testing::Values;
using testing::ValuesKernel;
constexpr eventlog::Guid kSecurity = eventlog::kImageSecurityDatabase;

Findings Appraise(const Boot& boot, const json::Object& values = Values(),
                  std::string_view model = "") {
  const auto parsed = BootValues::Parse(json::Serialize(values));
  EXPECT_TRUE(parsed) << parsed.error().message;
  if (!parsed) return {};
  const Bytes log = boot.Log();
  return AppraiseByValues(
             *parsed, eventlog::testing::VerifiedOnItsMachine(log, HashAlgorithm::kSha256), model)
      .findings;
}

// "check: detail" of what did not pass.
std::vector<std::string> Objections(const Boot& boot, const json::Object& values = Values(),
                                    std::string_view model = "") {
  std::vector<std::string> texts;
  for (const Finding& finding : Appraise(boot, values, model)) {
    if (!finding.passed()) texts.push_back(finding.check + ": " + finding.detail);
  }
  return texts;
}

auto Has(std::string_view text) { return Contains(HasSubstr(std::string(text))); }

json::Object With(std::string_view name, json::Value value) {
  return Values().Set(name, std::move(value));
}
json::Object WithKernel(const json::Object& kernel) { return With("kernels", json::Array{kernel}); }

Boot& Image(Boot& boot, std::string_view content, EventType type) {
  return boot.Add(4, type, "where", content);
}

TEST(BootValuesAppraisal, AcceptsTheBootThatTheValuesAreOf) {
  EXPECT_THAT(Objections(Boot()), IsEmpty());
}

TEST(BootValuesAppraisal, FindingsNameTheEventAndTheNextStep) {
  Boot boot;
  boot.At(14, 0).measured = ToBytes(std::string_view("other owner keys"));
  for (const Finding& finding : Appraise(boot)) {
    if (finding.passed()) continue;
    EXPECT_EQ(finding.check, "boot.machine_owner_list");
    EXPECT_EQ(finding.subject.pcr, 14U);
    EXPECT_TRUE(finding.subject.event.has_value());
    EXPECT_EQ(finding.next, "limequat inspect eventlog LOG --pcr 14");
    EXPECT_THAT(finding.detail, HasSubstr(Hex256("other owner keys")));
  }
  EXPECT_FALSE(Objections(boot).empty());
}

// Whatever the log calls the event.
TEST(BootValuesAppraisal, Attack_A07_NoTypeHidesAnImage) {
  for (const EventType type : {EventType::kEfiBootServicesApplication, EventType::kEfiAction,
                               EventType::kSeparator, EventType::kIpl, EventType::kEventTag}) {
    Boot boot;
    EXPECT_THAT(Objections(Image(boot, "intruder", type)), Has("boot.image: ")) << int(type);
  }
}

TEST(BootValuesAppraisal, TheLastImageIsTheKernel) {
  Boot boot;
  Image(boot, "grub", EventType::kEfiBootServicesApplication);
  EXPECT_THAT(Objections(boot), Has("boot.kernel: PCR 4 event"));
}

TEST(BootValuesAppraisal, TheKernelIsBehindTheSeparator) {
  Boot boot;
  testing::TestEvent& image = boot.At(4, 4);  // action, separator, shim, grub, kernel
  ASSERT_EQ(AsText(image.measured), "kernel");
  std::swap(image, boot.At(4, 1).type == EventType::kSeparator ? boot.At(4, 1) : boot.At(4, 0));
  EXPECT_FALSE(Objections(boot).empty());
}

TEST(BootValuesAppraisal, AnotherKernelFileInitrdOrCommandLineIsTold) {
  EXPECT_THAT(Objections(Boot(), WithKernel(ValuesKernel().Set(
                                     "images", json::Array{Hex256("next kernel")}))),
              Has("boot.kernel: PCR 4 does not show the kernel linux 6.1"));
  EXPECT_THAT(Objections(Boot(), WithKernel(ValuesKernel().Set("file", Hex256("other")))),
              Has("boot.kernel: PCR 9 does not show the file"));
  EXPECT_THAT(
      Objections(Boot(), WithKernel(ValuesKernel().Set("initrds", json::Array{Hex256("other")}))),
      Has("boot.initrd: "));
  EXPECT_THAT(Objections(Boot(), WithKernel(ValuesKernel().Set("command_lines",
                                                               json::Array{"/vmlinuz ro"}))),
              Has("boot.command_line: the kernel was started with '/vmlinuz root=/dev/vda ro'"));
}

TEST(BootValuesAppraisal, ExpressionsMatchTheWholeCommandLine) {
  const auto line = [](std::string_view expression) {
    return WithKernel(
        ValuesKernel().Set("command_lines", json::Array{json::Object{{"matches", expression}}}));
  };
  EXPECT_THAT(Objections(Boot(), line("/vmlinuz root=/dev/[a-z]+ ro")), IsEmpty());
  EXPECT_THAT(Objections(Boot(), line("/vmlinuz")), Has("boot.command_line: "));
  EXPECT_THAT(Objections(Boot(), line("(/|v|m|l|i|n|u|z| |.)*x")), Has("boot.command_line: "));
}

// The key that tells a command line from a command is not measured: a line that is called a
// command is judged all the same, and so is what a command that loads was given.
TEST(BootValuesAppraisal, Attack_A07_NoKeyHidesACommandLine) {
  Boot called_command;
  called_command.Grub("grub_cmd", "/vmlinuz init=/bin/sh");
  EXPECT_THAT(Objections(called_command), Has("boot.command_line: the kernel was started with "
                                              "'/vmlinuz init=/bin/sh'"));
  Boot loaded;
  loaded.Grub("grub_cmd", "linux /vmlinuz init=/bin/sh");
  EXPECT_THAT(Objections(loaded), Has("'/vmlinuz init=/bin/sh'"));
  Boot hidden;
  hidden.Add(8, EventType::kIpl, "kernel_cmdline: /vmlinuz root=/dev/vda ro", "/vmlinuz single");
  EXPECT_THAT(Objections(hidden), Has("boot.addition: "));
}

// GRUB leaves out "!" when it looks for the command, and takes a file that is a list of blocks.
TEST(BootValuesAppraisal, Attack_A07_NoNameHidesACommandLine) {
  for (const char* command : {"! linux /vmlinuz init=/bin/sh", "! ! linux /vmlinuz init=/bin/sh",
                              "/vmlinuz init=/bin/sh"}) {
    EXPECT_THAT(Objections(Boot().Grub("grub_cmd", command)), Has("'/vmlinuz init=/bin/sh'"));
  }
  for (const char* text :
       {"8192+20000 root=/dev/sda1", "time linux echo init=/bin/sh", "vmlinuz"}) {
    EXPECT_THAT(Objections(Boot().Grub("grub_cmd", text)),
                Has("boot.command_line: the kernel was started with '" + std::string(text)));
  }
  EXPECT_THAT(Objections(Boot().Grub("grub_cmd", "! linux echo init=/bin/sh")),
              Has("boot.command_line: the kernel was started with 'echo init=/bin/sh'"));
  EXPECT_THAT(Objections(Boot().Grub("grub_cmd", "! [ -s x ]").Grub("grub_cmd", "chainloader /x")),
              IsEmpty());
}

TEST(BootValuesAppraisal, ACommandLineMustHaveBeenMeasured) {
  Boot boot;
  for (int i = 0; i < 5; ++i) boot.Remove(8, 0);
  EXPECT_THAT(Objections(boot), Has("boot.command_line: no command line"));
}

TEST(BootValuesAppraisal, EveryFileOfPcr9IsListed) {
  Boot boot;
  boot.File("/boot/grub/grub.cfg", "another configuration");
  EXPECT_THAT(Objections(boot), Has("boot.file: "));
}

TEST(BootValuesAppraisal, WhatTheStubMeasuresOfTheCommandLineIsDerived) {
  const std::string options =
      eventlog::testing::Text16("BOOT_IMAGE=/vmlinuz root=/dev/vda ro") + std::string(2, '\0');
  Boot boot;
  boot.Add(9, EventType::kEventTag, "LOADED_IMAGE::LoadOptions", options);
  EXPECT_THAT(Objections(boot), IsEmpty());
  boot.Add(9, EventType::kEventTag, "LOADED_IMAGE::LoadOptions",
           eventlog::testing::Text16("/vmlinuz init=/bin/sh") + std::string(2, '\0'));
  EXPECT_THAT(Objections(boot), Has("boot.file: "));
}

// The stub reads UTF-16: of the bytes of a good line it makes no parameter at all.
TEST(BootValuesAppraisal, Attack_A07_OptionsOfEightBits) {
  Boot boot;
  boot.Add(9, EventType::kEventTag, "LOADED_IMAGE::LoadOptions", testing::kLine);
  EXPECT_THAT(Objections(boot), Has("boot.file: "));
}

TEST(BootValuesAppraisal, CommandsOfGrubAreComparedIfTheyAreListed) {
  const json::Object listed = With(
      "grub_commands", json::Array{json::Object{{"matches", "search.*"}}, "initrd /initrd.img"});
  EXPECT_THAT(Objections(Boot(), listed), IsEmpty());
  Boot boot;
  boot.Grub("grub_cmd", "acpi /tables.aml");
  EXPECT_THAT(Objections(boot), IsEmpty());
  EXPECT_THAT(Objections(boot, listed), Has("boot.grub_command: GRUB ran 'acpi /tables.aml'"));
}

TEST(BootValuesAppraisal, ThePathIsTheOneThatWasNamed) {
  Boot without_grub;
  for (int i = 0; i < 5; ++i) without_grub.Remove(8, 0);
  EXPECT_THAT(Objections(without_grub), Has("boot.path: PCR 8 shows no command of GRUB"));
  EXPECT_THAT(Objections(Boot(), With("boot_path", "efi-stub")), Has("boot.path: PCR 8 shows"));
  EXPECT_THAT(Objections(Boot(), With("loaders", json::Array())), Has("boot.path: PCR 4 shows no"));
}

TEST(BootValuesAppraisal, Attack_A21_SecureBootNeedsTheKernelInPcr4) {
  Boot boot;
  while (boot.At(4, 0).type != EventType::kEfiBootServicesApplication) boot.Remove(4, 0);
  for (int i = 0; i < 3; ++i) boot.Remove(4, 0);
  const auto objections = Objections(boot);
  EXPECT_THAT(objections, Has("boot.kernel: PCR 4 does not show"));
  EXPECT_THAT(objections, Has("boot.separator: PCR 4 has 0"));
}

TEST(BootValuesAppraisal, SecureBootIsOnWithItsKeys) {
  Boot off;
  off.SetConfig(0, eventlog::kGlobalVariable, "SecureBoot", Bytes{0});
  EXPECT_THAT(Objections(off), Has("boot.secure_boot: Secure Boot is off"));
  Boot key;
  key.SetConfig(3, kSecurity, "db",
                SignatureList(eventlog::kSignatureX509, {Certificate("another")}));
  EXPECT_THAT(Objections(key), Has("boot.key: db holds x509:"));
  Boot exchange;
  exchange.SetConfig(2, eventlog::kGlobalVariable, "KEK",
                     SignatureList(eventlog::kSignatureX509, {Certificate("another")}));
  EXPECT_THAT(Objections(exchange), Has("boot.key: KEK holds x509:"));
  Boot revoked;
  revoked.SetConfig(4, kSecurity, "dbx",
                    SignatureList(eventlog::kSignatureSha256, {std::string(32, '\x22')}));
  EXPECT_THAT(Objections(revoked), Has("boot.revocation: dbx lacks sha256:1111"));
  Boot more;
  more.SetConfig(
      4, kSecurity, "dbx",
      SignatureList(eventlog::kSignatureSha256, {testing::kRevoked, std::string(32, '\x22')}));
  EXPECT_THAT(Objections(more), IsEmpty());
  Boot authority;
  authority.Authority(kSecurity, "db", Signature(Certificate("stranger")));
  EXPECT_THAT(Objections(authority), Has("boot.authority: "));
  Boot unread;
  unread.Remove(7, 5);
  EXPECT_THAT(Objections(unread), Has("boot.secure_boot: PCR 7 does not tell"));
}

TEST(BootValuesAppraisal, SecureBootThatIsNotRequiredIsNotCompared) {
  Boot off;
  off.SetConfig(0, eventlog::kGlobalVariable, "SecureBoot", Bytes{0});
  const json::Object values = With("secure_boot", json::Object{{"required", false}});
  EXPECT_THAT(Objections(off, values), IsEmpty());
  const Findings findings = Appraise(off, values);
  EXPECT_THAT(FindCheck(findings, "boot.secure_boot")->detail, HasSubstr("not required"));
}

TEST(BootValuesAppraisal, SeparatorsAreThereOnceAndReportNoError) {
  Boot error;
  error.Add(2, EventType::kSeparator, Bytes{1, 0, 0, 0});
  EXPECT_THAT(Objections(error), Has("says that the firmware had an error"));
  Boot twice;
  twice.Add(0, EventType::kIpl, Bytes(4, 0));
  EXPECT_THAT(Objections(twice), Has("boot.separator: PCR 0 has 2"));
}

TEST(BootValuesAppraisal, TheFirmwareIsLeftInOrder) {
  Boot twice;
  twice.Add(5, EventType::kEfiAction, "Exit Boot Services Invocation");
  EXPECT_THAT(Objections(twice), Has("boot.exit_boot_services: "));
  Boot again = Boot();
  again.Add(5, EventType::kEfiGptEvent, Bytes(92, 8));
  EXPECT_THAT(Objections(again), Has("out of order"));
  Boot never;
  while (never.At(5, 0).type != EventType::kEfiAction) never.Remove(5, 0);
  never.Remove(5, 0);
  never.Remove(5, 0);
  never.Add(5, EventType::kSeparator, Bytes(4, 0));
  EXPECT_THAT(Objections(never), Has("does not show that the firmware's services were left"));
  EXPECT_THAT(Objections(never, With("exit_boot_services", false)), IsEmpty());
}

json::Value FirmwareOf(std::string_view model, const crypto::Digest& pcr0) {
  return json::Object{{"model", model}, {"pcrs", json::Object{{"0", pcr0.hex()}}}};
}

TEST(BootValuesAppraisal, FirmwareIsComparedByModel) {
  const Boot boot;
  const Bytes log = boot.Log();
  const crypto::Digest good =
      eventlog::testing::VerifiedOnItsMachine(log, HashAlgorithm::kSha256).Value(0);
  const crypto::Digest bad = crypto::Hash(HashAlgorithm::kSha256, AsBytes("x"));
  const json::Object values =
      With("firmware", json::Array{FirmwareOf("A", good), FirmwareOf("B", bad)});
  EXPECT_THAT(Objections(boot, values, "A"), IsEmpty());
  EXPECT_THAT(Objections(boot, values, "B"), Has("boot.firmware: PCR 0 is"));
  EXPECT_THAT(Objections(boot, values, "C"), Has("no values for the model C"));
  EXPECT_THAT(Objections(boot, values, ""), Has("the machine's is not known"));
  EXPECT_THAT(Objections(boot, With("firmware", json::Array{FirmwareOf("", good)}), "C"),
              IsEmpty());
}

TEST(BootValuesAppraisal, AdditionsAreListed) {
  Boot credential;
  credential.Add(12, EventType::kIpl, "Credentials initrd", "archive");
  EXPECT_THAT(Objections(credential), Has("boot.addition: PCR 8 or 12"));
  Boot extension;
  extension.Add(13, EventType::kIpl, "Sysext", "archive");
  EXPECT_THAT(Objections(extension), Has("boot.addition: PCR 13"));
  const json::Object listed = With("additions", json::Array{NamedHex("a", Hex256("archive"))});
  EXPECT_THAT(Objections(credential, listed), IsEmpty());
  EXPECT_THAT(Objections(extension, listed), IsEmpty());
}

TEST(BootValuesAppraisal, ACommandLineOfPcr12IsJudgedInItsOwnEncoding) {
  Boot boot;
  const std::string good = eventlog::testing::Text16(testing::kLine) + std::string(2, '\0');
  boot.Add(12, EventType::kIpl, good);
  EXPECT_THAT(Objections(boot), IsEmpty());
  boot.Add(12, EventType::kIpl, good + eventlog::testing::Text16(" init=/bin/sh"));
  EXPECT_THAT(Objections(boot), Has("boot.command_line: "));
}

TEST(BootValuesAppraisal, Attack_A07_WhatIsNotCoveredIsNotEvaluated) {
  const Boot boot;
  const Bytes log = boot.Log();
  const auto values = BootValues::Parse(json::Serialize(Values()));
  ASSERT_TRUE(values);
  for (const std::uint32_t pcr : PcrsOf(*values).ToList()) {
    const auto whole = eventlog::testing::VerifiedOnItsMachine(log, HashAlgorithm::kSha256);
    tpm::PcrValues signed_values;
    for (const std::uint32_t other : whole.pcrs().ToList()) {
      if (other != pcr) signed_values.Set(other, whole.Value(other));
    }
    const auto partly =
        eventlog::VerifyLogByValues({.firmware = log, .user_space = {}}, signed_values,
                                    HashAlgorithm::kSha256, PcrsOf(*values));
    ASSERT_TRUE(partly && partly->log);
    const Findings findings = AppraiseByValues(*values, *partly->log, "").findings;
    EXPECT_TRUE(std::ranges::any_of(findings, [](const Finding& finding) {
      return finding.outcome == Outcome::kNotEvaluated;
    })) << pcr;
  }
}

TEST(BootValuesAppraisal, Attack_A08_AnotherBankIsNotCompared) {
  const Boot boot;
  const Bytes log = boot.Log();
  const auto values = BootValues::Parse(json::Serialize(Values()));
  const auto findings =
      AppraiseByValues(*values, eventlog::testing::VerifiedOnItsMachine(log, HashAlgorithm::kSha1),
                       "")
          .findings;
  EXPECT_EQ(findings.size(), BootValuesChecks().size());
  for (const Finding& finding : findings) EXPECT_EQ(finding.outcome, Outcome::kNotEvaluated);
}

TEST(BootValuesAppraisal, AFloodOfEventsIsToldOnce) {
  Boot boot;
  for (std::size_t i = 0; i <= kMaxJudgedTexts; ++i) boot.File("/f", std::to_string(i));
  EXPECT_THAT(Objections(boot), ::testing::ElementsAre(StartsWith("boot.kernel: more than 1024")));
}

}  // namespace
}  // namespace limequat::policy
