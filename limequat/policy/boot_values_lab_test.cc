// Reference values of the boots that tools/lab/record_boots.py recorded: those of one boot
// accept it, and no other chain.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/eventlog/testing/corpus.h"
#include "limequat/eventlog/verify.h"
#include "limequat/json/value.h"
#include "limequat/policy/boot_values_appraisal.h"
#include "limequat/policy/boot_values_maker.h"

namespace limequat::policy {
namespace {

namespace fs = std::filesystem;
using crypto::HashAlgorithm;
using eventlog::testing::Member;
using eventlog::testing::ReadFile;

const fs::path kBoots = fs::path(LQ_SOURCE_DIR) / "data" / "lab" / "boots";

// A recorded boot; stays where it is, since views point into it.
struct Boot {
  std::string log;
  std::string user_space;
  tpm::PcrValues pcrs;
  std::optional<eventlog::VerifiedLog> verified;
};

std::unique_ptr<Boot> Load(const std::string& name, const std::string& prefix = "",
                           HashAlgorithm bank = HashAlgorithm::kSha256) {
  auto boot = std::make_unique<Boot>();
  const fs::path folder = kBoots / name;
  boot->log = ReadFile(folder / (prefix + "eventlog"));
  boot->user_space = ReadFile(folder / (prefix + "tpm2-measure.log"));
  const auto document = json::Parse(ReadFile(folder / (prefix + "pcrs.json")));
  boot->pcrs = *tpm::PcrValues::FromJson(Member(*document, "pcrs"));
  auto verification = eventlog::VerifyLogByValues(
      {.firmware = AsBytes(boot->log), .user_space = AsBytes(boot->user_space)}, boot->pcrs, bank,
      {});
  EXPECT_TRUE(verification) << name;
  if (verification) boot->verified = std::move(verification->log);
  return boot;
}

// Every recording that has a log of a boot whose kernel was measured.
std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const auto& folder : fs::directory_iterator(kBoots)) {
    const std::string name = folder.path().filename().string();
    if (!name.starts_with("shim-grub-nolog") && !name.starts_with("direct-sb"))
      names.push_back(name);
  }
  return names;
}

BootValues ValuesOf(const Boot& boot) {
  const auto made = MakeBootValues(*boot.verified, {});
  EXPECT_TRUE(made) << made.error().message;
  if (!made) return {};
  const std::string text = WriteBootValues(made->values);
  auto values = BootValues::Parse(text);
  EXPECT_TRUE(values) << values.error().message << text;
  return values ? *std::move(values) : BootValues();
}

// "boot.command_line: the kernel …", of what did not pass.
std::vector<std::string> Objections(const BootValues& values, const Boot& boot) {
  std::vector<std::string> objections;
  for (const Finding& finding : AppraiseByValues(values, *boot.verified, "").findings) {
    if (!finding.passed()) objections.push_back(finding.check + ": " + finding.detail);
  }
  return objections;
}

// An image is the same wherever it was fetched from: where, no digest covers.
std::string WithoutSource(const std::string& name) {
  return name.starts_with("net-uki") ? name.substr(4) : name;
}

TEST(BootValuesLab, TheValuesOfABootAcceptItAndNoOtherChain) {
  std::map<std::string, std::unique_ptr<Boot>> boots;
  for (const std::string& name : Names()) {
    boots[name] = Load(name);
    boots[name + " changed"] = Load(name, "changed.");
  }
  ASSERT_GE(boots.size(), 42U);
  for (const auto& [name, boot] : boots) {
    const BootValues values = ValuesOf(*boot);
    for (const auto& [other, tried] : boots) {
      const auto objections = Objections(values, *tried);
      if (name == other) {
        EXPECT_THAT(objections, ::testing::IsEmpty()) << name;
      } else if (WithoutSource(name) != WithoutSource(other)) {
        EXPECT_FALSE(objections.empty()) << name << " accepts " << other;
      }
    }
  }
}

TEST(BootValuesLab, ABootFromANetworkIsCalledSo) {
  for (const std::string name : {"net-uki-6.1", "net-uki-6.12", "net-grub-sb-6.1"}) {
    EXPECT_EQ(ValuesOf(*Load(name)).path, BootValuesPath::kNetboot) << name;
  }
  EXPECT_EQ(ValuesOf(*Load("uki-6.12")).path, BootValuesPath::kUnifiedImage);
}

// A server that sends another image, or another command line, is found out.
TEST(BootValuesLab, WhatANetworkSendsIsHeldToTheValues) {
  const BootValues values = ValuesOf(*Load("net-grub-sb-6.12"));
  for (const auto& [name, prefix, check] :
       {std::tuple{"net-grub-sb-6.12", "changed.", "boot.command_line"},
        std::tuple{"net-grub-sb-6.1", "", "boot.kernel"}}) {
    EXPECT_THAT(Objections(values, *Load(name, prefix)),
                ::testing::Contains(::testing::StartsWith(check)))
        << name << prefix;
  }
}

}  // namespace
}  // namespace limequat::policy
