#include "limequat/policy/boot_reference.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/json/value.h"
#include "limequat/policy/testing/boot.h"

namespace limequat::policy {
namespace {

using testing::Digest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::KernelReference;
using testing::Key;
using testing::Reference;
using testing::Sha256Hex;
using testing::Without;

Result<BootReference> Parse(const json::Value& value) {
  return BootReference::Parse(json::Serialize(value));
}

json::Object With(std::string_view name, json::Value value) {
  return Reference().Set(name, std::move(value));
}

std::string ErrorOf(const json::Value& value) {
  const auto reference = Parse(value);
  return reference ? "" : reference.error().id;
}

std::string ErrorOfKernel(std::string_view name, json::Value value) {
  return ErrorOf(
      With("kernels", json::Array{json::Object(KernelReference()).Set(name, std::move(value))}));
}

TEST(BootReference, ReadsWhatKeylimeWrites) {
  const auto reference = Parse(Reference());
  ASSERT_TRUE(reference) << reference.error().message;
  EXPECT_THAT(reference->missing, IsEmpty());
  EXPECT_THAT(reference->unevaluated, IsEmpty());
  EXPECT_FALSE(reference->says_nothing);
  EXPECT_TRUE(reference->has_secureboot);
  ASSERT_EQ(reference->kernels.size(), 1U);
  EXPECT_EQ("0x" + reference->kernels[0].shim->hex(), Sha256Hex("shim"));
  EXPECT_EQ("0x" + reference->kernels[0].kernel_file->hex(), Sha256Hex("the kernel's file"));
  const auto& line = reference->kernels[0].command_line;
  EXPECT_EQ(line->Match(std::string(kCommandLineKey) + std::string(testing::kLine)),
            Expression::Answer::kYes);
  EXPECT_EQ(line->Match(testing::kLine), Expression::Answer::kNo);
  ASSERT_EQ(reference->scrtm_and_bios.size(), 1U);
  EXPECT_EQ(reference->scrtm_and_bios[0].platform_firmware->size(), 2U);
  EXPECT_EQ(reference->vendor_db.size(), 1U);
  EXPECT_EQ(reference->mokxdig.size(), 1U);
}

TEST(BootReference, SecureBootIsOnUnlessItIsSaidToBeOff) {
  EXPECT_TRUE(Parse(Without(Reference(), "has_secureboot"))->has_secureboot);
  EXPECT_FALSE(Parse(With("has_secureboot", false))->has_secureboot);
  for (const json::Value& wrong : {json::Value(0), json::Value("yes"), json::Value(nullptr)}) {
    EXPECT_EQ(ErrorOf(With("has_secureboot", wrong)), "policy.boot_reference");
  }
}

// What Python takes for false.
TEST(BootReference, AnEmptyOneSaysNothing) {
  for (const char* text : {"", "{}", "null", "[]", "\"\"", "0", "0.0", "false"}) {
    const auto reference = BootReference::Parse(text);
    ASSERT_TRUE(reference) << text;
    EXPECT_TRUE(reference->says_nothing) << text;
  }
  for (const char* text : {"1", "true", "[0]", "\"{}\""}) {
    const auto reference = BootReference::Parse(text);
    ASSERT_FALSE(reference) << text;
    EXPECT_EQ(reference.error().id, "policy.boot_reference") << text;
  }
}

// The tools leave out what the log does not have (a chain that is not shim and GRUB).
TEST(BootReference, WhatIsMissingIsNamed) {
  for (const char* name :
       {"scrtm_and_bios", "pk", "kek", "db", "dbx", "mokdig", "mokxdig", "kernels"}) {
    EXPECT_THAT(Parse(Without(Reference(), name))->missing, ElementsAre(name));
  }
  EXPECT_THAT(Parse(Without(Reference(), "vendor_db"))->missing, IsEmpty());
  for (const char* name : {"shim_authcode_sha256", "grub_authcode_sha256", "initrd_plain_sha256",
                           "kernel_cmdline", "kernel_authcode_sha256"}) {
    const auto reference = Parse(With("kernels", json::Array{Without(KernelReference(), name)}));
    EXPECT_THAT(reference->missing, ElementsAre(std::string("kernels[0].") + name));
  }
  const json::Value firmware = json::Object{{"platform_firmware", json::Array()}};
  EXPECT_THAT(Parse(With("scrtm_and_bios", json::Array{firmware}))->missing,
              ElementsAre("scrtm_and_bios[0].scrtm"));
}

TEST(BootReference, WhichDigestOfTheKernelIsNeededDependsOnSecureBoot) {
  const auto without = [](std::string_view name, bool secure) {
    return Parse(With("kernels", json::Array{Without(KernelReference(), name)})
                     .Set("has_secureboot", secure))
        ->missing;
  };
  EXPECT_THAT(without("vmlinuz_plain_sha256", true), IsEmpty());
  EXPECT_THAT(without("kernel_authcode_sha256", false), IsEmpty());
  EXPECT_THAT(without("vmlinuz_plain_sha256", false),
              ElementsAre("kernels[0].vmlinuz_plain_sha256"));
}

TEST(BootReference, MembersThatNothingEvaluatesAreNamed) {
  EXPECT_THAT(Parse(With("events", json::Array()))->unevaluated, ElementsAre("events"));
  EXPECT_THAT(Parse(With("\x1b[2J", 1))->unevaluated, ElementsAre(HasSubstr("x1b")));
  const json::Value kernel = json::Object(KernelReference()).Set("uki_authcode_sha256", "0x00");
  EXPECT_THAT(Parse(With("kernels", json::Array{kernel}))->unevaluated,
              ElementsAre("kernels[0].uki_authcode_sha256"));
  const json::Value firmware =
      json::Object{{"scrtm", Digest("v")}, {"platform_firmware", json::Array()}, {"logo", "0x00"}};
  EXPECT_THAT(Parse(With("scrtm_and_bios", json::Array{firmware}))->unevaluated,
              ElementsAre("scrtm_and_bios[0].logo"));
  const json::Value sm3 = json::Object{{"sm3_256", "0x00"}};
  EXPECT_THAT(Parse(With("mokdig", json::Array{sm3}))->unevaluated,
              ElementsAre("mokdig[0].sm3_256"));
}

TEST(BootReference, WrongTypesAreMalformed) {
  for (const char* name :
       {"scrtm_and_bios", "pk", "kek", "db", "dbx", "vendor_db", "mokdig", "mokxdig", "kernels"}) {
    EXPECT_EQ(ErrorOf(With(name, "none")), "policy.boot_reference") << name;
    EXPECT_EQ(ErrorOf(With(name, json::Array{"none"})), "policy.boot_reference") << name;
  }
  EXPECT_EQ(ErrorOfKernel("kernel_cmdline", 7), "policy.boot_reference");
  EXPECT_EQ(ErrorOfKernel("initrd_plain_sha256", nullptr), "policy.boot_reference");
}

TEST(BootReference, DigestsAreLowerCaseHexOfTheirSize) {
  const std::string good = Sha256Hex("initrd");
  for (const std::string& wrong :
       {good.substr(2), good.substr(0, 64), good + "00", std::string("0x"),
        "0x" + std::string(64, 'A'), "0x" + std::string(64, 'g')}) {
    EXPECT_EQ(ErrorOfKernel("initrd_plain_sha256", wrong), "policy.boot_reference") << wrong;
    EXPECT_EQ(ErrorOf(With("mokdig", json::Array{json::Object{{"sha256", wrong}}})),
              "policy.boot_reference");
  }
}

TEST(BootReference, KeysHaveAnOwnerAndData) {
  for (const char* owner :
       {"", "605dab50e0464300abb63dd810dd8b23", "605dab50-e046-4300-abb6-3dd810dd8b2",
        "605dab5g-e046-4300-abb6-3dd810dd8b23"}) {
    EXPECT_EQ(ErrorOf(With("db", json::Array{Key("key", owner)})), "policy.boot_reference");
  }
  const json::Value key = Key("key");
  for (const char* name : {"SignatureOwner", "SignatureData"}) {
    EXPECT_EQ(ErrorOf(With("db", json::Array{Without(*key.as_object(), name)})),
              "policy.boot_reference");
  }
}

// Quirk: tpm2-tools before 5.2 wrote owners in the order of memory.
TEST(BootReference, Quirk_OwnersOfEitherSpelling) {
  const Bytes data = ToBytes(std::string_view("key"));
  const eventlog::SignatureData entry{.owner = eventlog::kShimLock, .data = data};
  const auto is = [&](std::string_view key, std::string_view owner) {
    return IsEntry(Parse(With("db", json::Array{Key(key, owner)}))->db.at(0), entry);
  };
  EXPECT_TRUE(is("key", "605dab50-e046-4300-abb6-3dd810dd8b23"));
  EXPECT_TRUE(is("key", "50ab5d60-46e0-0043-abb6-3dd810dd8b23"));
  EXPECT_FALSE(is("key", "605dab51-e046-4300-abb6-3dd810dd8b23"));
  EXPECT_FALSE(is("another", "605dab50-e046-4300-abb6-3dd810dd8b23"));
}

TEST(BootReference, ExpressionsThatPythonRefuses) {
  // Flags for all of it cannot stand behind the key, and no parenthesis leads out of it.
  for (const char* bad :
       {"(", "(?i)/vmlinuz", "(?s).*", "a)(?:b", "a)|.*(?:b", "(?-:a)", "*a", "+a"}) {
    EXPECT_EQ(ErrorOfKernel("kernel_cmdline", bad), "policy.expression") << bad;
  }
}

TEST(BootReference, Limits) {
  EXPECT_EQ(BootReference::Parse(std::string(kMaxBootReferenceBytes + 1, ' ')).error().id,
            "policy.limit");
  EXPECT_EQ(ErrorOfKernel("kernel_cmdline", std::string(kMaxCommandLineExpression + 1, 'a')),
            "policy.limit");
  EXPECT_EQ(ErrorOf(With("kernels", json::Array(kMaxReferenceKernels + 1, KernelReference()))),
            "policy.limit");
  // Each of them compiles to many kilobytes.
  const json::Value large =
      json::Object(KernelReference()).Set("kernel_cmdline", "(((a{1,99}){1,99}){1,30})");
  EXPECT_EQ(ErrorOf(With("kernels", json::Array(kMaxReferenceKernels, large))), "policy.limit");
}

TEST(BootReference, WhatIsNoJsonIsMalformed) {
  for (const char* text : {"{", "{\"pk\":[],\"pk\":[]}", "\xff"}) {
    EXPECT_EQ(BootReference::Parse(text).error().id, "policy.json") << text;
  }
}

// All that Keylime's tools ever made of a log loads.
TEST(BootReference, EveryReferenceStateOfTheCorpusLoads) {
  namespace fs = std::filesystem;
  const fs::path folder =
      fs::path(LQ_SOURCE_DIR) / ".." / "shared" / "corpus" / "policy" / "measured-boot";
  if (!fs::exists(folder)) GTEST_SKIP() << "no corpus at " << folder;
  int loaded = 0;
  for (const auto& file : fs::directory_iterator(folder)) {
    const std::string name = file.path().filename().string();
    if (!name.starts_with("keylime_") && !name.ends_with("refstate.json")) continue;
    std::ifstream in(file.path());
    const auto reference =
        BootReference::Parse(std::string(std::istreambuf_iterator<char>(in), {}));
    ASSERT_TRUE(reference) << name << ": " << reference.error().message;
    EXPECT_THAT(reference->unevaluated, IsEmpty()) << name;
    ++loaded;
  }
  EXPECT_GE(loaded, 18);
}

}  // namespace
}  // namespace limequat::policy
