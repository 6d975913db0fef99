#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/base/escape.h"
#include "limequat/policy/boot_rule.h"
#include "limequat/policy/testing/boot_example.h"

namespace limequat::policy {
namespace {

using eventlog::EventType;
using ::testing::AllOf;
using testing::Appraise;
using testing::Boot;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kLine;
using testing::Objections;
using testing::WithKernel;

TEST(BootExample, TheCommandLineMatchesAsAWhole) {
  const auto boot_with = [](std::string_view line) {
    Boot boot;
    boot.At(8, 1).data = ToBytes("grub_cmd: linux " + std::string(line) + '\0');
    boot.At(8, 1).measured = ToBytes("linux " + std::string(line));
    boot.At(8, 2).data = ToBytes("kernel_cmdline: " + std::string(line) + '\0');
    boot.At(8, 2).measured = ToBytes(line);
    return boot;
  };
  EXPECT_THAT(Objections(boot_with(kLine)), IsEmpty());
  for (const std::string& line : {std::string(kLine) + " init=/bin/sh", std::string(kLine) + "\n",
                                  "x" + std::string(kLine), std::string("\xff")}) {
    EXPECT_THAT(Objections(boot_with(line)),
                ElementsAre(HasSubstr("boot.command_line: the kernel was started with")))
        << line;
    const Finding finding = Appraise(boot_with(line)).findings.front();
    EXPECT_EQ(finding.expected.size(), 1U);
    EXPECT_EQ(finding.found, EscapeForDisplay(line));
  }
}

// The alternatives of an expression are alternatives of the command line. Keylime puts its
// key in front of the first one alone.
TEST(BootExample, Quirk_AlternativesOfACommandLine) {
  EXPECT_THAT(Objections(Boot(), WithKernel("kernel_cmdline", "no|/vmlinuz root=/dev/vda ro")),
              IsEmpty());
}

TEST(BootExample, AnExpressionThatGivesUpDoesNotMatch) {
  Boot boot;
  const std::string line(40, 'a');
  boot.At(8, 1).data = ToBytes("grub_cmd: linux " + line + "b" + '\0');
  boot.At(8, 1).measured = ToBytes("linux " + line + "b");
  boot.At(8, 2).data = ToBytes("kernel_cmdline: " + line + "b" + '\0');
  boot.At(8, 2).measured = ToBytes(line + "b");
  EXPECT_THAT(Objections(boot, WithKernel("kernel_cmdline", "(a+)+$")),
              ElementsAre(HasSubstr("boot.command_line: ")));
}

TEST(BootExample, CommandLinesComeOnce) {
  Boot two;
  two.Grub("kernel_cmdline", kLine);
  EXPECT_THAT(Objections(two), ElementsAre(HasSubstr("PCR 8 shows 2 kernel command lines")));
  EXPECT_THAT(Objections(Boot().Remove(8, 2)),
              ElementsAre(HasSubstr("PCR 8 shows 0 kernel command lines")));
}

TEST(BootExample, TextsOfGrubWereMeasured) {
  Boot boot;
  boot.At(8, 2).measured = ToBytes(std::string_view("/vmlinuz init=/bin/sh"));
  EXPECT_THAT(Objections(boot), Contains(HasSubstr("does not have the digest of the text")));
  EXPECT_THAT(Objections(Boot().Add(8, EventType::kIpl, "menu: x")),
              ElementsAre(HasSubstr("is neither a command nor a command line")));
}

// Nothing covers the key in front of a text: a good command line, typed as a command, is
// called the command line, and the true one a command.
TEST(BootExample, Attack_A07_ExchangedKeysOfGrub) {
  Boot boot;
  const std::string evil = "/vmlinuz root=/dev/vda ro init=/bin/sh";
  boot.At(8, 1).data = ToBytes("grub_cmd: linux " + evil + '\0');
  boot.At(8, 1).measured = ToBytes("linux " + evil);
  boot.At(8, 2).data = ToBytes("grub_cmd: " + evil + '\0');
  boot.At(8, 2).measured = ToBytes(evil);
  boot.Grub("kernel_cmdline", kLine);
  EXPECT_THAT(Objections(boot),
              ElementsAre(HasSubstr("is a command by the log, and is the command line"),
                          AllOf(HasSubstr("boot.command_line: GRUB loaded a kernel by"),
                                HasSubstr("init=/bin/sh"))));
  EXPECT_THAT(Objections(Boot().Remove(8, 1)),
              ElementsAre(HasSubstr("no command of GRUB loaded a kernel")));
}

// GRUB runs `! linux …` like `linux …` and measures what was typed; `linuxboot` loads, too.
TEST(BootExample, Attack_A07_OtherWordsThatLoadAKernel) {
  const std::string evil = "/vmlinuz init=/bin/sh";
  for (const char* word : {"! linux ", "! ! linux ", "linuxboot ", "! linux16 ", "linuxefi "}) {
    EXPECT_THAT(Objections(Boot().Grub("grub_cmd", word + evil)),
                ElementsAre(HasSubstr("boot.command_line: GRUB loaded a kernel by")))
        << word;
    Boot renamed;
    renamed.At(8, 1).data = ToBytes(fmt::format("grub_cmd: {}{}{}", word, kLine, '\0'));
    renamed.At(8, 1).measured = ToBytes(fmt::format("{}{}", word, kLine));
    EXPECT_THAT(Objections(renamed), IsEmpty()) << word;
  }
}

// However it was loaded, GRUB measured its command line: it is one whatever the log calls it.
TEST(BootExample, Attack_A07_CommandLinesUnderTheNameOfACommand) {
  for (const char* line :
       {"/vmlinuz init=/bin/sh", "(hd0,gpt2)/vmlinuz init=/bin/sh",
        R"("/vmlinuz root=/dev/vda" "ro quiet")", R"('/vmlinuz a')", R"(\\/vmlinuz)"}) {
    EXPECT_THAT(
        Objections(Boot().Grub("grub_cmd", line)),
        ElementsAre(AllOf(HasSubstr("boot.command_line: "), HasSubstr("is a command by the log"))))
        << line;
  }
}

// A kernel on a network needs no slash: the true command line is told by the command that
// loaded it, which GRUB measures without the quotes that make other words.
TEST(BootExample, Attack_A07_AQuotedCommandLineOfAKernelOnANetwork) {
  const auto reference = WithKernel("kernel_cmdline", "vmlinuz root=/dev/vda ro");
  const auto boot = [](const std::string& line) {
    Boot made;
    made.At(8, 1).data = ToBytes(fmt::format("grub_cmd: linux vmlinuz root=/dev/vda ro{}", '\0'));
    made.At(8, 1).measured = ToBytes(std::string_view("linux vmlinuz root=/dev/vda ro"));
    made.At(8, 2).data = ToBytes(fmt::format("kernel_cmdline: vmlinuz root=/dev/vda ro{}", '\0'));
    made.At(8, 2).measured = ToBytes(std::string_view("vmlinuz root=/dev/vda ro"));
    if (!line.empty()) made.Grub("grub_cmd", line);
    return made;
  };
  EXPECT_THAT(Objections(boot(""), reference), IsEmpty());
  EXPECT_THAT(Objections(boot("some_function x"), reference), IsEmpty());
  for (const char* quoted : {R"(vmlinuz "root=/dev/vda ro")", R"(vmlinuz 'root=/dev/vda ro')",
                             R"(vmlinuz root=/dev/vda\ ro)"}) {
    EXPECT_THAT(Objections(boot(quoted), reference),
                ElementsAre(HasSubstr("is a command by the log, and is a command line")))
        << quoted;
  }
}

TEST(BootExample, Attack_A07_CommandsThatLeadOutOfTheMeasurement) {
  for (const char* command :
       {"time linux /vmlinuz init=/bin/sh", "! time linux 8+20 init=/bin/sh", "lua", "normal_exit",
        "multiboot2 /evil", "xen_hypervisor /evil", "appleloader /evil", "kfreebsd /evil",
        "legacy_kernel 8+20 init=/bin/sh", "rmmod tpm", "rmmod tpm x", "rmmod tpm ",
        "! rmmod verifiers"}) {
    EXPECT_THAT(Objections(Boot().Grub("grub_cmd", command)),
                ElementsAre(HasSubstr("behind which a kernel may be loaded")))
        << command;
  }
  for (const char* command : {"", "rmmod all_video", "rmmod all_video tpm", "set root=hd0",
                              "insmod gzio", "timeout=5", "initrd /initrd", "load_video"}) {
    EXPECT_THAT(Objections(Boot().Grub("grub_cmd", command)), IsEmpty()) << command;
  }
}

// Keylime puts "kernel_cmdline: " in front of the expression and of what it matches.
TEST(BootExample, Quirk_AnExpressionOfACommandLineStandsBehindItsKey) {
  const std::string line(kLine);
  for (const std::string& good :
       {"(?<= )" + line, "(?<=kernel_cmdline: )" + line, "(?!^)" + line, "(?:" + line + ")"}) {
    EXPECT_THAT(Objections(Boot(), WithKernel("kernel_cmdline", good)), IsEmpty()) << good;
  }
  for (const std::string& bad :
       {"^" + line, "\\A" + line, "(?m:^" + line + "$)", "(?<! )" + line}) {
    EXPECT_THAT(Objections(Boot(), WithKernel("kernel_cmdline", bad)),
                ElementsAre(HasSubstr("the kernel was started with")))
        << bad;
  }
}

// What is not kept cannot be compared: nothing hides behind many commands.
TEST(BootExample, Attack_A07_MoreCommandsThanAreCompared) {
  Boot many;
  for (std::size_t i = 0; i < kMaxCollected; ++i) many.Grub("grub_cmd", "a_function");
  EXPECT_THAT(Objections(many), IsEmpty());
  EXPECT_THAT(Objections(many.Grub("grub_cmd", "another")),
              ElementsAre(HasSubstr("one more command than this policy compares")));
  Boot loads;
  const std::string load = fmt::format("linux {}", kLine);
  // One is there already.
  for (std::size_t i = 1; i < kMaxCollected; ++i) loads.Grub("grub_cmd", load);
  EXPECT_THAT(Objections(loads), IsEmpty());
  EXPECT_THAT(Objections(loads.Grub("grub_cmd", load)),
              ElementsAre(HasSubstr("one more command than this policy compares")));
}

TEST(BootExample, GrubQuotesInTheCommandLineAlone) {
  Boot boot;
  boot.At(8, 1).data = ToBytes(std::string("grub_cmd: linux /vmlinuz dyndbg=file a +p\0", 42));
  boot.At(8, 1).measured = ToBytes(std::string_view("linux /vmlinuz dyndbg=file a +p"));
  boot.At(8, 2).data = ToBytes(std::string("kernel_cmdline: /vmlinuz \"dyndbg=file a +p\"\0", 44));
  boot.At(8, 2).measured = ToBytes(std::string_view("/vmlinuz \"dyndbg=file a +p\""));
  EXPECT_THAT(Objections(boot, WithKernel("kernel_cmdline", "/vmlinuz .*")), IsEmpty());
}

}  // namespace
}  // namespace limequat::policy
