#include "limequat/policy/testing/boot_example.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/base/escape.h"
#include "limequat/policy/boot_policy.h"
#include "limequat/policy/boot_rule.h"

namespace limequat::policy {
namespace {

using crypto::HashAlgorithm;
using eventlog::EventType;
using ::testing::AllOf;
using testing::Appraise;
using testing::Boot;
using testing::Both;
using testing::Certificate;
using ::testing::Contains;
using testing::Digest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::KernelReference;
using testing::Key;
using testing::kRevoked;
using testing::Objections;
using testing::Reference;
using testing::Sha256Hex;
using testing::Signature;
using testing::SignatureList;
using testing::With;
using testing::Without;
constexpr eventlog::Guid kGlobal = eventlog::kGlobalVariable;
constexpr eventlog::Guid kSecurity = eventlog::kImageSecurityDatabase;

TEST(BootExample, AcceptsTheBootThatTheReferenceWasMadeOf) {
  EXPECT_THAT(Objections(Boot()), IsEmpty());
}

TEST(BootExample, FindingsNameTheEventAndTheNextStep) {
  Boot boot;
  boot.At(14, 0).measured = ToBytes(std::string_view("other owner keys"));
  const auto objections = Appraise(boot);
  ASSERT_EQ(objections.findings.size(), 1U);
  EXPECT_EQ(objections.findings[0].subject.pcr, 14U);
  EXPECT_TRUE(objections.findings[0].subject.event.has_value());
  EXPECT_EQ(objections.findings[0].next, "limequat inspect eventlog LOG --pcr 14");
}

TEST(BootExample, EveryObjectionIsTold) {
  Boot boot;
  boot.At(0, 1).measured = ToBytes(std::string_view("another firmware"));
  boot.SetConfig(1, kGlobal, "PK", SignatureList(eventlog::kSignatureX509, {Certificate("mine")}));
  boot.At(9, 2).measured = ToBytes(std::string_view("another initrd"));
  boot.Add(12, EventType::kIpl, "systemd-stub");
  EXPECT_THAT(Objections(boot),
              ElementsAre(HasSubstr("boot.key: "), HasSubstr("boot.event: PCR 12"),
                          HasSubstr("boot.firmware: "), HasSubstr("boot.initrd: ")));
}

// ---- The reference state

TEST(BootExample, AReferenceThatLacksWhatIsNeededAcceptsNothing) {
  EXPECT_THAT(Objections(Boot(), Without(Reference(), "pk")),
              ElementsAre("boot.reference: the reference state has no pk",
                          HasSubstr("boot.key: PK holds a certificate")));
  EXPECT_THAT(Objections(Boot(), With("kernels", json::Array())),
              ElementsAre(HasSubstr("boot.image: the reference state lists no kernel")));
  EXPECT_THAT(Objections(Boot(), With("scrtm_and_bios", json::Array())),
              ElementsAre(HasSubstr("boot.firmware: the reference state lists no firmware")));
  EXPECT_THAT(Objections(Boot(), With("kernels",
                                      json::Array{Without(KernelReference(), "kernel_cmdline")})),
              ElementsAre(HasSubstr("boot.reference: "), HasSubstr("boot.command_line: ")));
}

TEST(BootExample, WhatIsNotEvaluatedIsSaid) {
  EXPECT_THAT(Objections(Boot(), With("events", json::Array())),
              ElementsAre(HasSubstr("policy.unevaluated: the reference state's events")));
}

// Kernels have SHA-256 digests alone. Keylime takes them from a log whose SHA-256 nobody
// quoted.
TEST(BootExample, Attack_A08_DigestsOfABankThatIsNotCovered) {
  const auto objections = Appraise(Boot(), Reference(), HashAlgorithm::kSha1);
  EXPECT_NE(FindCheck(objections.findings, "boot.bank"), nullptr);
  EXPECT_NE(FindCheck(objections.findings, "boot.image"), nullptr);
}

// ---- Events

TEST(BootExample, EventsWithoutAPlace) {
  const std::vector<std::pair<std::uint32_t, EventType>> kPlaces = {
      {0, EventType::kPostCode},   {1, EventType::kEfiVariableDriverConfig},
      {2, EventType::kIpl},        {3, EventType::kEfiAction},
      {5, EventType::kEventTag},   {6, EventType::kEfiAction},
      {7, EventType::kEfiAction},  {8, EventType::kSeparator},
      {9, EventType::kEventTag},   {11, EventType::kIpl},
      {14, EventType::kSeparator}, {15, EventType::kIpl}};
  for (const auto& [pcr, type] : kPlaces) {
    EXPECT_THAT(Objections(Boot().Add(pcr, type, "UEFI Debug Mode")),
                ElementsAre(AllOf(HasSubstr("boot.event: PCR " + std::to_string(pcr) + " "),
                                  HasSubstr("has no place in this policy"))));
  }
}

TEST(BootExample, MoreEventsThanThereArePlacesFor) {
  const std::vector<std::tuple<std::uint32_t, EventType, int>> kPlaces = {
      {1, EventType::kCpuMicrocode, 1},
      {1, EventType::kEfiHandoffTables, 1},
      {1, EventType::kEfiHandoffTables2, 1},
      {1, EventType::kPlatformConfigFlags, 3},  // and one of Boot
      {5, EventType::kEfiGptEvent, 0}};
  for (const auto& [pcr, type, places] : kPlaces) {
    Boot boot;
    for (int i = 0; i < places; ++i) boot.Add(pcr, type, "something");
    EXPECT_THAT(Objections(boot), IsEmpty());
    EXPECT_THAT(Objections(boot.Add(pcr, type, "something")),
                ElementsAre(HasSubstr("boot.event: ")));
  }
}

TEST(BootExample, SeparatorsAreWhatTheirDigestsSay) {
  EXPECT_THAT(Objections(Boot().Add(3, EventType::kSeparator, Bytes(4, 0xff))), IsEmpty());
  EXPECT_THAT(Objections(Boot().Add(3, EventType::kSeparator, Bytes{1, 0, 0, 0})),
              ElementsAre(HasSubstr("boot.separator: ")));
  EXPECT_THAT(Objections(Boot().Add(4, EventType::kSeparator, Bytes(4, 0),
                                    ToBytes(std::string_view("evil image")))),
              Contains(HasSubstr("boot.separator: ")));
}

TEST(BootExample, ActionsAreWhatTheirDigestsSay) {
  EXPECT_THAT(Objections(Boot().Add(1, EventType::kEfiAction, "Entering ROM Based Setup")),
              IsEmpty());
  EXPECT_THAT(Objections(Boot().Add(4, EventType::kEfiAction,
                                    "Returning from EFI Application from Boot Option")),
              IsEmpty());
  EXPECT_THAT(Objections(Boot().Add(5, EventType::kEfiAction, "UEFI Debug Mode")),
              ElementsAre(AllOf(HasSubstr("boot.action: "), HasSubstr("UEFI Debug Mode"))));
  EXPECT_THAT(Objections(Boot().Add(5, EventType::kEfiAction, "Exit Boot Services Invocation",
                                    "something else")),
              ElementsAre(HasSubstr("boot.action: ")));
}

TEST(BootExample, BootOptionsByName) {
  const auto option = [](const eventlog::Guid& vendor, std::string_view name) {
    return Objections(Boot().Add(1, EventType::kEfiVariableBoot,
                                 eventlog::testing::VariableData(vendor, name, Bytes(4, 1))));
  };
  EXPECT_THAT(option(kGlobal, "BootOrder"), IsEmpty());
  EXPECT_THAT(option(kGlobal, "Boot00aF"), IsEmpty());
  for (const char* name : {"Boot", "BootNext", "xBoot0001"}) {
    EXPECT_THAT(option(kGlobal, name), ElementsAre(HasSubstr("boot.event: "))) << name;
  }
  EXPECT_THAT(option(kSecurity, "BootOrder"), ElementsAre(HasSubstr("boot.event: ")));
  EXPECT_THAT(Objections(Boot().Add(1, EventType::kEfiVariableBoot, "short")),
              ElementsAre(HasSubstr("boot.event: ")));
}

// Nothing covers an event that extends nothing, so nothing follows from it. Keylime's rule
// (one of them) refuses every machine that states its startup locality.
TEST(BootExample, Quirk_NoActionEventsDecideNothing) {
  Boot boot;
  boot.Add(0, EventType::kNoAction, "somewhere", "");
  EXPECT_THAT(Objections(boot), IsEmpty());
}

// ---- Firmware

TEST(BootExample, FirmwareIsOneOfTheListed) {
  const json::Value other = json::Object{{"scrtm", Digest("version 0")},
                                         {"platform_firmware", json::Array{Digest("firmware")}}};
  const json::Value good = (*Reference().Find("scrtm_and_bios")->as_array())[0];
  EXPECT_THAT(Objections(Boot(), With("scrtm_and_bios", json::Array{other, good})), IsEmpty());
  EXPECT_THAT(Objections(Boot(), With("scrtm_and_bios", json::Array{other})),
              ElementsAre(HasSubstr("boot.firmware: "), HasSubstr("boot.firmware: "),
                          HasSubstr("PCR 0 shows 2 parts of the firmware, the policy has 1")));
}

TEST(BootExample, FirmwareComesInOrderAndOnce) {
  Boot swapped;
  std::swap(swapped.At(0, 1).measured, swapped.At(0, 2).measured);
  EXPECT_THAT(Objections(swapped),
              ElementsAre(HasSubstr("boot.firmware: "), HasSubstr("boot.firmware: ")));
  EXPECT_THAT(Objections(Boot().Add(0, EventType::kSCrtmVersion, "version 1")),
              ElementsAre(HasSubstr("PCR 0 shows 2 versions of an S-CRTM")));
  EXPECT_THAT(Objections(Boot().Remove(0, 0)),
              ElementsAre(HasSubstr("PCR 0 shows 0 versions of an S-CRTM")));
  EXPECT_THAT(Objections(Boot().Add(0, EventType::kEfiPlatformFirmwareBlob, "w", "implant")),
              ElementsAre(HasSubstr("PCR 0 shows 3 parts of the firmware")));
}

// ---- Secure Boot

TEST(BootExample, SecureBootIsWhatTheReferenceSays) {
  Boot off;
  off.SetConfig(0, kGlobal, "SecureBoot", Bytes{0});
  EXPECT_THAT(Objections(off), ElementsAre(HasSubstr("boot.secure_boot: Secure Boot is off")));
  Boot wrong;
  wrong.SetConfig(0, kGlobal, "SecureBoot", Bytes{1, 1});
  EXPECT_THAT(Objections(wrong), ElementsAre(HasSubstr("boot.secure_boot: ")));
}

// Keylime looks at what the log shows of a variable, whatever was measured.
TEST(BootExample, Attack_A07_VariablesThatWereNotMeasured) {
  Boot boot;
  boot.SetConfig(3, kSecurity, "db",
                 SignatureList(eventlog::kSignatureX509, {Certificate("attacker")}));
  boot.At(7, 3).data = Boot().At(7, 3).data;
  EXPECT_THAT(Objections(boot), ElementsAre(HasSubstr("boot.variable: PCR 7")));
  Boot garbage;
  garbage.Add(7, EventType::kEfiVariableAuthority, "no variable");
  EXPECT_THAT(Objections(garbage), ElementsAre(HasSubstr("carries no variable")));
}

TEST(BootExample, KeysAreAmongTheListed) {
  const std::vector<std::tuple<std::size_t, eventlog::Guid, std::string>> kVariables = {
      {1, kGlobal, "PK"}, {2, kGlobal, "KEK"}, {3, kSecurity, "db"}};
  for (const auto& [index, vendor, name] : kVariables) {
    Boot foreign;
    foreign.SetConfig(index, vendor, name,
                      SignatureList(eventlog::kSignatureX509, {Certificate("foreign0")}));
    EXPECT_THAT(Objections(foreign),
                ElementsAre(AllOf(HasSubstr("boot.key: " + name + " holds a certificate"),
                                  HasSubstr("does not list"))));
    Boot empty;
    empty.SetConfig(index, vendor, name, {});
    EXPECT_THAT(Objections(empty), ElementsAre("boot.key: " + name + " is empty"));
    Boot garbage;
    garbage.SetConfig(index, vendor, name, Bytes(5, 1));
    EXPECT_THAT(Objections(garbage), ElementsAre(HasSubstr("holds no signature lists")));
    Boot twice;
    twice.Config(vendor, name, SignatureList(eventlog::kSignatureX509, {Certificate("allowed")}));
    EXPECT_THAT(Objections(twice), Contains(HasSubstr("was measured a second time")));
  }
}

TEST(BootExample, OnlyDbMayListDigests) {
  const std::string digest(32, '\x22');
  const Bytes list = SignatureList(eventlog::kSignatureSha256, {digest});
  const Bytes certificates = SignatureList(eventlog::kSignatureX509, {Certificate("allowed")});
  Boot boot;
  boot.SetConfig(3, kSecurity, "db", Both(certificates, list));
  EXPECT_THAT(Objections(boot, With("db", json::Array{Key(Certificate("allowed")), Key(digest)})),
              IsEmpty());
  EXPECT_THAT(Objections(boot), ElementsAre(HasSubstr("db holds a SHA-256 digest 2222")));
  Boot pk;
  pk.SetConfig(1, kGlobal, "PK", list);
  EXPECT_THAT(Objections(pk, With("pk", json::Array{Key(digest)})),
              ElementsAre(HasSubstr("PK has a list of a kind that may not be here")));
}

TEST(BootExample, RevocationsMayBeMoreAndNotFewer) {
  Boot more;
  more.SetConfig(4, kSecurity, "dbx",
                 SignatureList(eventlog::kSignatureSha256, {std::string(32, '\x33'), kRevoked}));
  EXPECT_THAT(Objections(more), IsEmpty());
  Boot fewer;
  fewer.SetConfig(4, kSecurity, "dbx",
                  SignatureList(eventlog::kSignatureSha256, {std::string(32, '\x33')}));
  EXPECT_THAT(Objections(fewer), ElementsAre(HasSubstr("boot.revocation: dbx lacks 1111")));
  EXPECT_THAT(Objections(fewer, With("dbx", json::Array())), IsEmpty());
  Boot empty;
  empty.SetConfig(4, kSecurity, "dbx", {});
  EXPECT_THAT(Objections(empty, With("dbx", json::Array())),
              ElementsAre("boot.revocation: dbx is empty"));
  Boot certificates;
  certificates.SetConfig(4, kSecurity, "dbx", SignatureList(eventlog::kSignatureX509, {kRevoked}));
  EXPECT_THAT(Objections(certificates), ElementsAre(HasSubstr("dbx is a list for a certificate")));
  Boot two;
  const Bytes list = SignatureList(eventlog::kSignatureSha256, {kRevoked});
  two.SetConfig(4, kSecurity, "dbx", Both(list, list));
  EXPECT_THAT(Objections(two), ElementsAre(HasSubstr("dbx has 2 signature lists")));
}

TEST(BootExample, ObjectionsToOneVariableAreCountedBeyondALimit) {
  json::Array keys;
  for (int i = 0; i < static_cast<int>(kMaxObjections) + 7; ++i) {
    keys.push_back(Key("revocation number " + std::to_string(1000 + i)));
  }
  const auto objections = Objections(Boot(), With("dbx", keys));
  EXPECT_EQ(objections.size(), kMaxObjections + 1);
  EXPECT_THAT(objections.back(), HasSubstr("has 7 more objections"));
}

TEST(BootExample, ObjectionsToEventsAreCountedBeyondALimit) {
  Boot boot;
  for (std::size_t i = 0; i < kMaxBootObjections + 3; ++i) boot.Add(15, EventType::kIpl, "x");
  const auto objections = Appraise(boot);
  EXPECT_EQ(objections.findings.size(), kMaxBootObjections);
  EXPECT_EQ(objections.not_shown, 3U);
}

TEST(BootExample, VariablesWithoutAPlace) {
  EXPECT_THAT(Objections(Boot().Config(kGlobal, "DeployedMode", Bytes{1})),
              ElementsAre(HasSubstr("boot.event: DeployedMode")));
  EXPECT_THAT(Objections(Boot().Config(kSecurity, "SecureBoot", Bytes{1})),
              ElementsAre(HasSubstr("boot.event: SecureBoot")));
  EXPECT_THAT(Objections(Boot().Authority(kSecurity, "MokListRT", Bytes{1})),
              ElementsAre(HasSubstr("boot.authority: MokListRT")));
}

TEST(BootExample, Authorities) {
  EXPECT_THAT(Objections(Boot()
                             .Authority(eventlog::kShimLock, "Shim", Bytes(8, 1))
                             .Authority(eventlog::kShimLock, "MokListRT", Bytes(8, 1))
                             .Authority(eventlog::kShimLock, "MokListTrusted", Bytes{1})),
              IsEmpty());
  EXPECT_THAT(Objections(Boot().Authority(eventlog::kShimLock, "MokListTrusted", Bytes{2})),
              ElementsAre(HasSubstr("boot.authority: MokListTrusted")));
  EXPECT_THAT(Objections(Boot().Authority(kSecurity, "db", Bytes(20, 1))),
              ElementsAre(HasSubstr("db (owner d719b2cb-3d3a-4596-a3bc-dad00e67656f) was measured "
                                    "a second time")));
  EXPECT_THAT(Objections(Boot(), With("vendor_db", json::Array())),
              ElementsAre(HasSubstr("boot.authority: vendor_db is ")));
}

// shim may name several certificates at once.
TEST(BootExample, AuthoritiesWithoutAList) {
  const auto with = [](const Bytes& value) {
    Boot boot;
    return boot.Remove(7, 8).Authority(kSecurity, "vendor_db", value);
  };
  const Bytes two = Both(Signature(Certificate("vendor")), Signature(Certificate("another")));
  EXPECT_THAT(Objections(with(two)), ElementsAre(HasSubstr("boot.authority: vendor_db is ")));
  EXPECT_THAT(Objections(with(two), With("vendor_db", json::Array{Key(Certificate("vendor")),
                                                                  Key(Certificate("another"))})),
              IsEmpty());
  EXPECT_THAT(Objections(with(Bytes(3, 1))), ElementsAre(HasSubstr("holds no signature")));
  EXPECT_THAT(Objections(with({})), ElementsAre(HasSubstr("holds no signature")));
}

// ---- Secure Boot off

// The chain without Secure Boot: the firmware starts shim and GRUB, and GRUB the kernel.
Boot OpenBoot() {
  Boot boot;
  boot.SetConfig(0, kGlobal, "SecureBoot", Bytes{0});
  return boot.Remove(4, 4);
}

json::Object OpenReference() { return With("has_secureboot", false); }

TEST(BootExample, WithoutSecureBootTheKernelIsAFile) {
  EXPECT_THAT(Objections(OpenBoot(), OpenReference()), IsEmpty());
  Boot boot = OpenBoot();
  boot.At(9, 1).measured = ToBytes(std::string_view("another kernel"));
  EXPECT_THAT(Objections(boot, OpenReference()), ElementsAre(HasSubstr("boot.kernel_file: ")));
  boot.Add(4, EventType::kEfiBootServicesApplication, "where", "kernel");
  EXPECT_THAT(Objections(boot, OpenReference()), Contains(HasSubstr("PCR 4 shows 3 images")));
}

TEST(BootExample, WithoutSecureBootEmptyListsCompareNothing) {
  json::Object reference = OpenReference();
  for (const char* name : {"pk", "kek", "db", "dbx", "vendor_db"}) {
    reference.Set(name, json::Array());
  }
  EXPECT_THAT(Objections(OpenBoot(), reference), IsEmpty());
  reference.Set("db", json::Array{Key("another")});
  EXPECT_THAT(Objections(OpenBoot(), reference), ElementsAre(HasSubstr("boot.key: db holds")));
}

// ---- The chain

TEST(BootExample, ImagesAreShimGrubAndKernel) {
  for (std::size_t i = 2; i < 5; ++i) {
    Boot boot;
    boot.At(4, i).measured = ToBytes(std::string_view("evil image"));
    EXPECT_THAT(Objections(boot), ElementsAre(HasSubstr("boot.image: PCR 4 event")));
  }
  EXPECT_THAT(Objections(Boot().Add(4, EventType::kEfiBootServicesApplication, "w", "kernel")),
              IsEmpty())
      << "measured by the firmware as well";
  EXPECT_THAT(Objections(Boot().Add(4, EventType::kEfiBootServicesApplication, "w", "another")),
              ElementsAre(HasSubstr("boot.image: ")));
}

// Whatever the log calls it.
TEST(BootExample, Attack_A07_ImagesOfAFalseType) {
  for (const EventType type : {EventType::kEfiAction, EventType::kSeparator, EventType::kIpl,
                               EventType::kEfiBootServicesDriver}) {
    EXPECT_THAT(
        Objections(Boot().Add(4, type, "Calling EFI Application from Boot Option", "evil image")),
        Contains(HasSubstr("boot.image: ")));
  }
}

TEST(BootExample, Attack_A21_NoImageAtAll) {
  Boot boot;
  boot.Remove(4, 4).Remove(4, 3).Remove(4, 2);
  EXPECT_THAT(Objections(boot), Contains(HasSubstr("PCR 4 shows 0 images, the policy has 3")));
}

TEST(BootExample, OneKernelHasToFitAsAWhole) {
  json::Object other = KernelReference();
  other.Set("initrd_plain_sha256", Sha256Hex("new initrd"));
  other.Set("kernel_authcode_sha256", Sha256Hex("new kernel"));
  const auto both = With("kernels", json::Array{other, KernelReference()});
  EXPECT_THAT(Objections(Boot(), both), IsEmpty());
  Boot mixed;
  mixed.At(9, 2).measured = ToBytes(std::string_view("new initrd"));
  EXPECT_THAT(Objections(mixed, both), ElementsAre(HasSubstr("boot.")));
}

TEST(BootExample, InitrdAndKernelFileComeOnce) {
  EXPECT_THAT(Objections(Boot().File("/initrd.img", "more")),
              ElementsAre(HasSubstr("PCR 9 shows 2 initrds, the policy has 1")));
  EXPECT_THAT(Objections(Boot().File("/initramfs.img", "initrd")),
              ElementsAre(HasSubstr("PCR 9 shows 2 initrds")));
  EXPECT_THAT(Objections(Boot().Remove(9, 2)), ElementsAre(HasSubstr("PCR 9 shows 0 initrds")));
  EXPECT_THAT(Objections(Boot().File("/vmlinuz", "the kernel's file")),
              ElementsAre(HasSubstr("PCR 9 shows 2 kernel files")));
}

TEST(BootExample, FilesOfGrubAndOthers) {
  EXPECT_THAT(
      Objections(
          Boot().File("(hd0)/boot/grub/grubenv", "x").File("(hd0)/loader/entries/linux.conf", "x")),
      IsEmpty());
  EXPECT_THAT(Objections(Boot().File("/boot/xen.gz", "x")),
              ElementsAre(AllOf(HasSubstr("boot.event: "), HasSubstr("/boot/xen.gz"))));
  EXPECT_THAT(Objections(Boot().File("/initrd\n.img", "initrd")),
              ElementsAre(HasSubstr("line feed")));
}

// ---- shim's lists

TEST(BootExample, OwnerListsAreTheListedOnes) {
  EXPECT_THAT(Objections(Boot(), With("mokdig", json::Array{Digest("x"), Digest("owner keys")})),
              IsEmpty());
  for (std::size_t i = 0; i < 3; ++i) {
    Boot boot;
    boot.At(14, i).measured = ToBytes(std::string_view("other"));
    EXPECT_THAT(Objections(boot), ElementsAre(HasSubstr("boot.machine_owner_list: PCR 14")));
  }
}

TEST(BootExample, OwnerListsThatAreMissing) {
  EXPECT_THAT(Objections(Boot().Remove(14, 0)),
              ElementsAre(HasSubstr("MokList (mokdig) was not measured")));
  EXPECT_THAT(Objections(Boot().Remove(14, 1)),
              ElementsAre(HasSubstr("MokListX (mokxdig) was not measured")));
  EXPECT_THAT(Objections(Boot().Remove(14, 2)), IsEmpty()) << "older shim";
}

// Their names are not measured: Keylime takes any content for one that is called
// MokListTrusted, and a revocation list for the list of keys.
TEST(BootExample, Attack_A07_OwnerListsUnderFalseNames) {
  Boot trusted;
  trusted.At(14, 0).data = ToBytes(std::string("MokListTrusted\0", 15));
  trusted.At(14, 0).measured = ToBytes(std::string_view("keys of an attacker"));
  EXPECT_THAT(Objections(trusted), ElementsAre(HasSubstr("boot.machine_owner_list: ")));
  Boot revocations;
  revocations.At(14, 0).data = ToBytes(std::string("MokListX\0", 9));
  revocations.At(14, 0).measured = ToBytes(std::string_view("owner revocations"));
  EXPECT_THAT(Objections(revocations), ElementsAre(HasSubstr("boot.machine_owner_list: ")));
}

TEST(BootPolicy, Names) {
  for (const char* name : {"example", "measured-only", "accept-all", "reject-all"}) {
    const auto policy = BootPolicyFromName(name);
    ASSERT_TRUE(policy) << name;
    EXPECT_EQ(BootPolicyName(*policy), name);
  }
  for (const char* name : {"", "Example", "accept_all", "ibm-elba"}) {
    EXPECT_FALSE(BootPolicyFromName(name)) << name;
  }
}

TEST(BootPolicy, PcrsThatAPolicyNeeds) {
  EXPECT_EQ(PcrsOf(BootPolicy::kExample).ToString(), "0-9,14");
  EXPECT_EQ(PcrsOf(BootPolicy::kMeasuredOnly).ToString(), "0-7");
  EXPECT_TRUE(PcrsOf(BootPolicy::kAcceptAll).empty());
  EXPECT_TRUE(PcrsOf(BootPolicy::kRejectAll).empty());
}

}  // namespace
}  // namespace limequat::policy
