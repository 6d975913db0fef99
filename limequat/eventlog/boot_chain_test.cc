#include "limequat/eventlog/boot_chain.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/eventlog/device_path.h"
#include "limequat/eventlog/event_data.h"
#include "limequat/eventlog/replay.h"
#include "limequat/eventlog/testing/corpus.h"
#include "limequat/eventlog/testing/log_builder.h"
#include "limequat/eventlog/testing/quote.h"

namespace limequat::eventlog {
namespace {

using crypto::HashAlgorithm;
using ::testing::HasSubstr;
using testing::LogBuilder;
using testing::Text16;
using testing::VerifiedOnItsMachine;
constexpr HashAlgorithm kSha256 = HashAlgorithm::kSha256;

Bytes ImageData() {
  ByteWriter out;
  for (const std::uint32_t value : {1U, 2U, 3U, 10U}) out.U32Le(value).U32Le(0);
  out.Raw(Bytes{1, 1, 6, 0, 3, 2, 0x7f, 0xff, 4, 0});
  return out.Take();
}

LogBuilder Start() {
  LogBuilder log = LogBuilder::CryptoAgile();
  return log.Event(0, EventType::kSCrtmVersion, "v");
}

BootChainReading Read(const LogBuilder& log) {
  return ReadBootChain(VerifiedOnItsMachine(log.bytes(), kSha256));
}

TEST(ReadBootChain, ImagesAreWhatIsNothingElse) {
  LogBuilder log = Start();
  log.Event(4, EventType::kEfiAction, "Calling EFI Application from Boot Option")
      .Separator(4)
      .Event(4, EventType::kEfiBootServicesApplication, ImageData(), AsBytes("the image"))
      .Event(4, EventType::kCompactHash, "short");
  const auto reading = Read(log);
  EXPECT_TRUE(AllPassed(reading.findings));
  ASSERT_EQ(reading.chain.images.size(), 1U);
  const MeasuredObject& image = reading.chain.images[0];
  EXPECT_EQ(image.event, 4U);
  EXPECT_EQ(image.digest, crypto::Hash(kSha256, AsBytes("the image")));
  EXPECT_EQ(image.untrusted_type, EventType::kEfiBootServicesApplication);
  EXPECT_EQ(FormatDevicePath(image.untrusted_device_path), "Pci(0x2,0x3)");
}

TEST(ReadBootChain, DriversOfPcr2) {
  LogBuilder log = Start();
  log.Separator(2).Event(2, EventType::kEfiBootServicesDriver, ImageData(), AsBytes("option ROM"));
  const BootChain chain = Read(log).chain;
  EXPECT_TRUE(chain.images.empty());
  ASSERT_EQ(chain.drivers.size(), 1U);
  EXPECT_EQ(chain.drivers[0].digest, crypto::Hash(kSha256, AsBytes("option ROM")));
}

TEST(ReadBootChain, Attack_AFalseTypeHidesNoImage) {
  for (const EventType type : {EventType::kSeparator, EventType::kEfiAction, EventType::kIpl,
                               EventType::kEventTag, EventType::kOmitBootDeviceEvents}) {
    LogBuilder log = Start();
    log.Event(4, type, AsBytes("anything"), AsBytes("the image"));
    EXPECT_EQ(Read(log).chain.images.size(), 1U) << EventTypeName(type);
  }
  // Bytes that an Authenticode hash is of, as the event's own data.
  LogBuilder log = Start();
  log.Event(4, EventType::kEventTag, Bytes(65, 7));
  EXPECT_EQ(Read(log).chain.images.size(), 1U);
  LogBuilder short_data = Start();
  short_data.Event(4, EventType::kEventTag, Bytes(64, 7));
  EXPECT_TRUE(Read(short_data).chain.images.empty());
}

TEST(ReadBootChain, Attack_A21_AFalseTypeMakesNoImage) {
  LogBuilder log = Start();
  log.Event(4, EventType::kEfiBootServicesApplication, ImageData(), Bytes(4, 0))
      .Event(4, EventType::kEfiBootServicesApplication, ImageData(),
             AsBytes("Calling EFI Application from Boot Option"))
      .Event(4, EventType::kEfiBootServicesApplication, ImageData(),
             AsBytes("Returning from EFI Application from Boot Option"));
  const auto reading = Read(log);
  EXPECT_TRUE(reading.chain.images.empty());
  EXPECT_EQ(reading.findings[0].outcome, Outcome::kFailed);
}

TEST(ReadBootChain, Attack_A21_DirectBootIsNotMeasured) {
  LogBuilder log = Start();
  log.Separator(4).Event(5, EventType::kEfiAction, "Exit Boot Services Invocation");
  const auto reading = Read(log);
  ASSERT_EQ(reading.findings.size(), 1U);
  EXPECT_EQ(reading.findings[0].check, "eventlog.kernel");
  EXPECT_EQ(reading.findings[0].outcome, Outcome::kFailed);
  EXPECT_THAT(reading.findings[0].detail, HasSubstr("was started"));
  EXPECT_TRUE(reading.chain.exit_boot_services);
  const auto nothing = Read(Start().Separator(4));
  EXPECT_EQ(nothing.findings[0].outcome, Outcome::kFailed);
  EXPECT_FALSE(nothing.chain.exit_boot_services);
}

LogBuilder WithImages(int count) {
  LogBuilder log = Start();
  log.Separator(4);
  for (int i = 0; i < count; ++i) {
    log.Event(4, EventType::kEfiBootServicesApplication, ImageData(), AsBytes(std::to_string(i)));
  }
  return log;
}

TEST(ReadBootChain, Attack_A21_ShimStartsWhatItMeasures) {
  const Bytes variable = testing::VariableData(kShimLock, "SbatLevel", AsBytes("sbat,1\n"));
  for (const EventType type : {EventType::kEfiVariableAuthority, EventType::kEfiAction}) {
    LogBuilder one = WithImages(1);
    one.Event(7, type, variable).Event(5, EventType::kEfiAction, "Exit Boot Services Invocation");
    const auto reading = Read(one);
    EXPECT_TRUE(reading.chain.shim);
    ASSERT_EQ(reading.findings.size(), 1U);
    EXPECT_EQ(reading.findings[0].outcome, Outcome::kFailed);
    EXPECT_THAT(reading.findings[0].detail, HasSubstr("shim ran"));
    EXPECT_TRUE(AllPassed(Read(WithImages(2).Event(7, type, variable)).findings));
  }
  // Not measured, or of somebody else: it does not tell.
  EXPECT_FALSE(
      Read(WithImages(1).Event(7, EventType::kEfiVariableAuthority, variable, AsBytes("else")))
          .chain.shim);
  const Bytes other = testing::VariableData(kImageSecurityDatabase, "db", Bytes(20, 1));
  EXPECT_FALSE(Read(WithImages(1).Event(7, EventType::kEfiVariableAuthority, other)).chain.shim);
}

// A kernel that the firmware starts and whose stub measures nothing, with Secure Boot on
// (guard-oss Haruhi), looks like a loader that measured no kernel.
TEST(ReadBootChain, OneImageMayBeAKernel) {
  const auto reading = Read(WithImages(1));
  EXPECT_TRUE(AllPassed(reading.findings));
  EXPECT_THAT(reading.findings[0].detail, HasSubstr("1 image in PCR 4; whether a kernel"));
}

TEST(ReadBootChain, Attack_A07_Pcr4MustReplay) {
  LogBuilder log = Start();
  log.Event(4, EventType::kEfiBootServicesApplication, ImageData(), AsBytes("image"));
  tpm::PcrValues values;
  values.Set(0,
             crypto::Extend(crypto::Digest(kSha256), crypto::Hash(kSha256, AsBytes("v")).bytes()));
  values.Set(4, crypto::Hash(kSha256, AsBytes("else")));
  const auto result = VerifyLog(log.bytes(), testing::QuoteOf(values, kSha256), kSha256, {});
  ASSERT_TRUE(result && result->log);
  const auto reading = ReadBootChain(*result->log);
  EXPECT_EQ(reading.findings[0].outcome, Outcome::kNotEvaluated);
  EXPECT_TRUE(reading.chain.images.empty());
}

TEST(ReadBootChain, TextsOfGrub) {
  LogBuilder log = Start();
  log.Event(8, EventType::kIpl, AsBytes("grub_cmd: set root=hd0"), AsBytes("set root=hd0"))
      .Event(8, EventType::kIpl, AsBytes("kernel_cmdline: /vmlinuz quiet"),
             AsBytes("/vmlinuz quiet"))
      .Event(8, EventType::kIpl, AsBytes("kernel_cmdline: /vmlinuz quiet"),
             AsBytes("/vmlinuz init=/bin/sh"))
      .Event(8, EventType::kIpl, "of no key");
  const BootChain chain = Read(log).chain;
  ASSERT_EQ(chain.grub_commands.size(), 1U);
  EXPECT_EQ(AsText(chain.grub_commands[0].text), "set root=hd0");
  EXPECT_EQ(chain.grub_commands[0].event, 2U);
  ASSERT_EQ(chain.kernel_command_lines.size(), 2U);
  EXPECT_EQ(AsText(chain.kernel_command_lines[0].text), "/vmlinuz quiet");
  // What does not say that it is a command may be a command line.
  EXPECT_EQ(AsText(chain.kernel_command_lines[1].text), "of no key");
  // The log shows another line than the one that was measured: it is not dropped.
  ASSERT_EQ(chain.unexplained.size(), 1U);
  EXPECT_EQ(chain.unexplained[0].event, 4U);
  EXPECT_EQ(chain.unexplained[0].digest, crypto::Hash(kSha256, AsBytes("/vmlinuz init=/bin/sh")));
}

TEST(ReadBootChain, WhatIsNoTextIsUnexplained) {
  LogBuilder log = Start();
  log.Separator(8)
      .Event(8, EventType::kIpl, AsBytes("grub_cmd"), AsBytes("insmod x"))
      .Separator(12)
      .Event(12, EventType::kIpl, AsBytes(Text16("Credentials initrd")), AsBytes("archive"));
  const BootChain chain = Read(log).chain;
  EXPECT_TRUE(chain.grub_commands.empty());
  EXPECT_TRUE(chain.kernel_command_lines.empty());
  ASSERT_EQ(chain.unexplained.size(), 2U);
  EXPECT_EQ(chain.unexplained[1].digest, crypto::Hash(kSha256, AsBytes("archive")));
}

TEST(UntrustedPathOf, WhatStartedTheKernel) {
  const auto path_of = [](const LogBuilder& log) { return UntrustedPathOf(Read(log).chain); };
  EXPECT_EQ(path_of(Start().Separator(4)), BootPath::kUnmeasured);
  LogBuilder image = Start();
  image.Event(4, EventType::kEfiBootServicesApplication, ImageData(), AsBytes("image"));
  EXPECT_EQ(path_of(image), BootPath::kUnknown);
  LogBuilder stub = image;
  ByteWriter tag;
  tag.U32Le(kTagLinuxLoadOptions);
  tag.SizedU32Le(AsBytes(std::string_view("LOADED_IMAGE::LoadOptions\0", 26)));
  stub.Event(9, EventType::kEventTag, tag.bytes(), AsBytes("options"));
  EXPECT_EQ(path_of(stub), BootPath::kEfiStub);
  stub.Event(8, EventType::kIpl, AsBytes("grub_cmd: boot"), AsBytes("boot"));
  EXPECT_EQ(path_of(stub), BootPath::kGrub);
  // The name that the log shows does not decide, its digest does.
  stub.Event(11, EventType::kIpl, AsBytes(".linux"), AsBytes("content"));
  EXPECT_EQ(path_of(stub), BootPath::kGrub);
  stub.Event(11, EventType::kIpl, AsBytes("anything"), AsBytes(std::string_view(".linux\0", 7)));
  EXPECT_EQ(path_of(stub), BootPath::kUnifiedImage);
}

TEST(BootPathName, EachHasItsOwn) {
  EXPECT_EQ(BootPathName(BootPath::kUnmeasured), "unmeasured");
  EXPECT_EQ(BootPathName(BootPath::kUnknown), "unknown");
  EXPECT_EQ(BootPathName(BootPath::kEfiStub), "efi_stub");
  EXPECT_EQ(BootPathName(BootPath::kGrub), "grub");
  EXPECT_EQ(BootPathName(BootPath::kUnifiedImage), "unified_image");
}

TEST(ReadBootChain, FilesSectionsAndLists) {
  ByteWriter tag;
  tag.U32Le(kTagLinuxInitrd).SizedU32Le(AsBytes(std::string_view("Linux initrd\0", 13)));
  LogBuilder log = Start();
  log.Separator(9)
      .Event(9, EventType::kIpl, AsBytes(std::string_view("/vmlinuz\0", 9)), AsBytes("kernel"))
      .Event(9, EventType::kEventTag, tag.bytes(), AsBytes("initrd"))
      .Separator(11)
      .Event(11, EventType::kIpl, AsBytes(".linux"), AsBytes("section"))
      .Separator(12)
      .Event(12, EventType::kIpl, Text16("quiet"))
      .Event(12, EventType::kIpl, AsBytes("said"), AsBytes("measured"))
      .Separator(14)
      .Event(14, EventType::kIpl, AsBytes(std::string_view("MokList\0", 8)), AsBytes("list"));
  const BootChain chain = Read(log).chain;
  ASSERT_EQ(chain.files.size(), 2U);
  EXPECT_EQ(chain.files[0].untrusted_name, "/vmlinuz");
  EXPECT_EQ(chain.files[0].digest, crypto::Hash(kSha256, AsBytes("kernel")));
  EXPECT_EQ(chain.files[1].untrusted_name, "Linux initrd");
  ASSERT_EQ(chain.image_sections.size(), 1U);
  EXPECT_EQ(chain.image_sections[0].untrusted_name, ".linux");
  ASSERT_EQ(chain.kernel_command_lines.size(), 1U);
  EXPECT_EQ(AsText(chain.kernel_command_lines[0].text), Text16("quiet"));
  ASSERT_EQ(chain.machine_owner_lists.size(), 1U);
  EXPECT_EQ(chain.machine_owner_lists[0].untrusted_name, "MokList");
}

TEST(BootChainCorpus, OwnLogs) {
  const std::string shim = testing::ReadFile(testing::OwnData() / "vm__fw-shim-sb-61.bin");
  const auto chain = ReadBootChain(VerifiedOnItsMachine(AsBytes(shim), kSha256));
  EXPECT_TRUE(AllPassed(chain.findings));
  // Shim, GRUB, and the kernel: as GRUB verifies it and as its stub is started.
  ASSERT_EQ(chain.chain.images.size(), 4U);
  EXPECT_THAT(FormatDevicePath(chain.chain.images[0].untrusted_device_path),
              HasSubstr("BOOTX64.EFI"));
  ASSERT_EQ(chain.chain.kernel_command_lines.size(), 1U);
  EXPECT_THAT(std::string(AsText(chain.chain.kernel_command_lines[0].text)), HasSubstr("vmlinuz"));
  EXPECT_FALSE(chain.chain.files.empty());
  EXPECT_TRUE(chain.chain.exit_boot_services);

  const std::string stub = testing::ReadFile(testing::OwnData() / "vm__verity-sigv2-612.bin");
  const auto direct = ReadBootChain(VerifiedOnItsMachine(AsBytes(stub), kSha256));
  EXPECT_TRUE(AllPassed(direct.findings));
  EXPECT_EQ(direct.chain.images.size(), 1U);
  ASSERT_EQ(direct.chain.files.size(), 2U);
  EXPECT_EQ(direct.chain.files[0].untrusted_name, "LOADED_IMAGE::LoadOptions");
  EXPECT_EQ(direct.chain.files[1].untrusted_name, "Linux initrd");
}

// Which of the shared logs show no chain, as far as each is consistent with itself.
TEST(BootChainCorpus, SharedLogs) {
  const auto folder = testing::SharedCorpus() / "eventlog";
  if (!std::filesystem::exists(folder)) {
    GTEST_SKIP() << "the shared corpus is absent: 0 of its logs were checked";
  }
  std::vector<std::string> failed;
  std::size_t with_shim = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() != ".bin") continue;
    const std::string log = testing::ReadFile(file.path());
    const auto reader = LogReader::Open(AsBytes(log));
    if (!reader || reader->registers() == Registers::kCcel) continue;
    const auto banks = ReplayedBanks(reader->algorithms());
    const auto verified =
        VerifyLogByItself({.firmware = AsBytes(log), .user_space = {}}, banks.back());
    if (!verified || !verified->log) continue;
    const auto reading = ReadBootChain(*verified->log);
    if (reading.chain.shim) ++with_shim;
    if (!AllPassed(reading.findings)) failed.push_back(file.path().stem());
  }
  EXPECT_GT(with_shim, 30U);
  // Neither has an image in PCR 4.
  EXPECT_THAT(failed, ::testing::UnorderedElementsAre("HIRS__laptop_varOsInstall_oem.1",
                                                      "tpm2-tools__event-sd-boot-fedora37"));
}

}  // namespace
}  // namespace limequat::eventlog
