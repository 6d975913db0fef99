#include "limequat/policy/boot_reference_maker.h"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/eventlog/testing/quote.h"
#include "limequat/policy/boot_policy.h"
#include "limequat/policy/testing/boot.h"

namespace limequat::policy {
namespace {

using eventlog::EventType;
using testing::Boot;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
constexpr eventlog::Guid kGlobal = eventlog::kGlobalVariable;

Result<MadeBootReference> Make(const Boot& boot, SecureBootWanted wanted = SecureBootWanted::kOn) {
  return MakeBootReference(boot.Log(), wanted);
}

std::string ErrorOf(const Boot& boot, SecureBootWanted wanted = SecureBootWanted::kOn) {
  const auto made = Make(boot, wanted);
  return made ? "" : made.error().id;
}

// Shim, GRUB and no image of the kernel, with Secure Boot off.
Boot OpenBoot() {
  Boot boot;
  boot.SetConfig(0, kGlobal, "SecureBoot", Bytes{0});
  return boot.Remove(4, 4);
}

Findings Objections(const Boot& boot, std::string_view json) {
  const auto reference = BootReference::Parse(json);
  EXPECT_TRUE(reference) << reference.error().message;
  const Bytes log = boot.Log();
  return AppraiseByExample(*reference, eventlog::testing::VerifiedOnItsMachine(
                                           log, crypto::HashAlgorithm::kSha256))
      .findings;
}

TEST(MakeBootReference, WritesWhatKeylimeWrites) {
  const auto made = Make(Boot());
  ASSERT_TRUE(made) << made.error().message;
  json::Object expected = testing::Reference();
  const json::Object kernel = testing::Without(testing::KernelReference(), "vmlinuz_plain_sha256");
  expected.Set("kernels", json::Array{kernel});
  EXPECT_EQ(made->json, json::Serialize(expected));
  EXPECT_THAT(made->notes, IsEmpty());
}

TEST(MakeBootReference, ItsOwnBootIsAccepted) {
  EXPECT_THAT(Objections(Boot(), Make(Boot())->json), IsEmpty());
  const auto open = Make(OpenBoot(), SecureBootWanted::kEither);
  ASSERT_TRUE(open) << open.error().message;
  EXPECT_THAT(Objections(OpenBoot(), open->json), IsEmpty());
}

TEST(MakeBootReference, SecureBootIsOffOnlyIfThatIsWanted) {
  EXPECT_EQ(ErrorOf(OpenBoot()), "policy.boot_reference.secure_boot");
  EXPECT_EQ(ErrorOf(Boot().Remove(7, 0)), "policy.boot_reference.secure_boot");
  EXPECT_EQ(ErrorOf(Boot(), SecureBootWanted::kEither), "");
}

// Keylime writes a reference state without kernels, which accepts no boot.
TEST(MakeBootReference, Quirk_OtherChainsAreAnError) {
  EXPECT_EQ(ErrorOf(Boot().Remove(4, 4)), "policy.boot_reference.chain");
  const auto one_more = [] {
    return Boot().Add(4, EventType::kEfiBootServicesApplication, "where", "more");
  };
  EXPECT_EQ(ErrorOf(one_more()), "");
  EXPECT_EQ(ErrorOf(one_more().Add(4, EventType::kEfiBootServicesApplication, "where", "more")),
            "policy.boot_reference.chain");
  EXPECT_EQ(ErrorOf(OpenBoot().Remove(4, 3), SecureBootWanted::kEither),
            "policy.boot_reference.chain");
}

TEST(MakeBootReference, ApplicationsOfTheFirmwareAreNoLoaders) {
  ByteWriter path;
  path.U8(4).U8(7).U16Le(20).Raw(eventlog::kShimLock.bytes);  // FvVol
  path.U8(4).U8(6).U16Le(20).Raw(eventlog::kShimLock.bytes);  // FvFile
  path.U8(0x7f).U8(0xff).U16Le(4);
  ByteWriter image;
  image.Raw(Bytes(24, 0)).U32Le(static_cast<std::uint32_t>(path.bytes().size())).U32Le(0);
  image.Raw(path.bytes());
  Boot boot;
  boot.Add(4, EventType::kEfiBootServicesApplication, image.bytes(),
           ToBytes(std::string_view("boot menu")));
  EXPECT_EQ(Make(boot)->json, Make(Boot())->json);
}

TEST(MakeBootReference, VariablesMustBeWhatWasMeasured) {
  Boot boot;
  boot.At(7, 3).measured = ToBytes(std::string_view("another"));
  EXPECT_EQ(ErrorOf(boot), "policy.boot_reference.variable");
  Boot authority;
  authority.At(7, 8).measured = ToBytes(std::string_view("another"));
  EXPECT_EQ(ErrorOf(authority), "policy.boot_reference.variable");
}

TEST(MakeBootReference, WhatTheLogDoesNotShowIsNoted) {
  EXPECT_THAT(Make(Boot().Remove(9, 2))->notes, ElementsAre(HasSubstr("initrd_plain_sha256")));
  EXPECT_THAT(Make(Boot().Remove(8, 2))->notes, ElementsAre(HasSubstr("kernel_cmdline")));
  EXPECT_THAT(Make(Boot().Remove(0, 0))->notes, ElementsAre(HasSubstr("version of the firmware")));
  EXPECT_THAT(Make(OpenBoot().Remove(9, 1), SecureBootWanted::kEither)->notes,
              ElementsAre(HasSubstr("vmlinuz_plain_sha256")));
  Boot old;
  old.At(8, 2).data = ToBytes(std::string_view("grub_kernel_cmdline /vmlinuz"));
  EXPECT_THAT(Make(old)->notes, ElementsAre(HasSubstr("never matches")));
}

TEST(MakeBootReference, TheCommandLineIsEscaped) {
  Boot boot;
  const std::string line = "/a(b)[c]{d}?*+-|^$\\.&~# e";
  boot.At(8, 1).data = ToBytes("grub_cmd: linux " + line + '\0');
  boot.At(8, 1).measured = ToBytes("linux " + line);
  boot.At(8, 2).data = ToBytes("kernel_cmdline: " + line + '\0');
  boot.At(8, 2).measured = ToBytes(line);
  EXPECT_THAT(Objections(boot, Make(boot)->json), IsEmpty());
}

TEST(MakeBootReference, LogsThatItCannotBeMadeOf) {
  auto sha1 = eventlog::testing::LogBuilder();
  sha1.Sha1Record(0, EventType::kSCrtmVersion, Bytes(4, 1));
  EXPECT_EQ(MakeBootReference(sha1.bytes(), SecureBootWanted::kOn).error().id,
            "policy.boot_reference.bank");
  EXPECT_EQ(MakeBootReference({}, SecureBootWanted::kOn).error().id, "eventlog.empty");
  Bytes cut = Boot().Log();
  cut.pop_back();
  EXPECT_EQ(MakeBootReference(cut, SecureBootWanted::kOn).error().id, "eventlog.truncated");
}

}  // namespace
}  // namespace limequat::policy
