#include "limequat/appraise/boot_change.h"

#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/appraise/boot_appraisal.h"
#include "limequat/eventlog/testing/corpus.h"
#include "limequat/eventlog/testing/quote.h"
#include "limequat/policy/boot_values_maker.h"
#include "limequat/policy/testing/boot_values.h"

namespace limequat::appraise {
namespace {

using crypto::HashAlgorithm;
using eventlog::EventType;
using policy::testing::Boot;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::filesystem::path kBoots = std::filesystem::path(LQ_SOURCE_DIR) / "data/lab/boots";

// Logs, PCRs and where they live.
struct Evidence {
  std::string log;
  std::string user_space;
  tpm::PcrValues pcrs;
};

Evidence Recorded(const std::string& name, const std::string& prefix = "") {
  const auto folder = kBoots / name;
  const auto document = json::Parse(eventlog::testing::ReadFile(folder / (prefix + "pcrs.json")));
  return {.log = eventlog::testing::ReadFile(folder / (prefix + "eventlog")),
          .user_space = eventlog::testing::ReadFile(folder / (prefix + "tpm2-measure.log")),
          .pcrs = *tpm::PcrValues::FromJson(eventlog::testing::Member(*document, "pcrs"))};
}

Evidence Of(const Boot& boot) {
  const Bytes log = boot.Log();
  return {.log = std::string(AsText(log)),
          .user_space = "",
          .pcrs = eventlog::testing::ValuesOf(log, HashAlgorithm::kSha256)};
}

BootCase CaseOf(const Evidence& evidence, std::string_view reference, std::string_view model = "") {
  return {.logs = {.firmware = AsBytes(evidence.log), .user_space = AsBytes(evidence.user_space)},
          .pcrs = evidence.pcrs,
          .policy = policy::BootPolicy::kExample,
          .reference = reference,
          .model = model,
          .evaluated_at = {}};
}

// The checks that do not pass, sorted.
std::multiset<std::string> FailedWith(const BootCase& about, std::string_view reference) {
  const auto criteria = BootCriteria::Create(about.policy, reference, about.model);
  EXPECT_TRUE(criteria) << criteria.error().message;
  if (!criteria) return {"criteria"};
  const auto result = AppraiseBootLog(about.logs, about.pcrs, **criteria, about.evaluated_at);
  std::multiset<std::string> failed;
  for (const Finding& finding : result->appraisal.findings) {
    if (!finding.passed()) failed.insert(finding.check);
  }
  return failed;
}

std::string ValuesOf(const Evidence& evidence) {
  const auto verification = eventlog::VerifyLogByValues(
      {.firmware = AsBytes(evidence.log), .user_space = AsBytes(evidence.user_space)},
      evidence.pcrs, HashAlgorithm::kSha256, {});
  return policy::WriteBootValues(policy::MakeBootValues(*verification->log, {})->values);
}

std::vector<std::string> MembersOf(const BootChange& change) {
  std::vector<std::string> members;
  for (const BootAddition& one : change.additions) members.push_back(one.member);
  return members;
}

// Applied, the change leaves what it says that it leaves.
BootChange Checked(const BootCase& about) {
  auto change = ChangeForBootLog(about);
  EXPECT_TRUE(change) << change.error().message;
  if (!change) return {};
  const std::string with = change->reference.is_null() ? std::string(about.reference)
                                                       : json::Serialize(change->reference);
  std::multiset<std::string> stays;
  for (const Unchangeable& one : change->unchangeable) stays.insert(one.check);
  EXPECT_EQ(FailedWith(about, with), stays);
  EXPECT_EQ(change->reference.is_null(), change->additions.empty());
  return *std::move(change);
}

// --- property: recorded boots ---------------------------------------------------------

TEST(BootChange, AppliedToTheValuesOfAnotherBootItPasses) {
  const std::vector<std::pair<std::string, std::string>> pairs = {
      {"shim-grub-6.1", "shim-grub-6.12"},
      {"shim-grub-sb-6.12", "shim-grub-sb-6.1"},
      {"sd-boot-stub-6.1", "sd-boot-stub-6.12"},
      {"sd-boot-uki-sb-6.1", "sd-boot-uki-sb-6.12"},
      {"uki-6.1", "uki-6.12"},
      {"uki-sb-6.12", "uki-sb-6.1"},
      {"direct-6.1", "direct-6.12"}};
  for (const auto& [known, booted] : pairs) {
    const std::string values = ValuesOf(Recorded(known));
    for (const char* prefix : {"", "changed."}) {
      const Evidence evidence = Recorded(booted, prefix);
      const BootChange change = Checked(CaseOf(evidence, values));
      EXPECT_TRUE(change.suffices()) << known << " " << prefix << booted;
      EXPECT_FALSE(change.additions.empty()) << known << " " << prefix << booted;
    }
  }
}

TEST(BootChange, OfAnotherCommandLine) {
  const auto changed = [](const std::string& name) {
    const std::string values = ValuesOf(Recorded(name));
    const Evidence evidence = Recorded(name, "changed.");
    const BootChange change = Checked(CaseOf(evidence, values));
    EXPECT_TRUE(change.suffices());
    EXPECT_EQ(change.reference.as_object()->Find("release")->as_uint64(), 1U);
    return MembersOf(change);
  };
  EXPECT_THAT(changed("shim-grub-sb-6.12"), ::testing::Contains("kernels[0].command_lines"));
  EXPECT_THAT(changed("sd-boot-stub-6.1"), ElementsAre("kernels[0].command_lines"));
  EXPECT_THAT(changed("direct-6.1"), ElementsAre("kernels[0].load_options"));
  EXPECT_THAT(changed("uki-6.12"), ElementsAre("kernels"));
}

TEST(BootChange, NothingOfItCanBeLeftOut) {
  const std::string values = ValuesOf(Recorded("shim-grub-sb-6.12"));
  const Evidence evidence = Recorded("shim-grub-sb-6.12", "changed.");
  const BootCase about = CaseOf(evidence, values);
  const BootChange change = Checked(about);
  ASSERT_FALSE(change.additions.empty());
  // All of these lists are at the top or of kernel 0, so one value less is easily made.
  for (const BootAddition& left_out : change.additions) {
    json::Value less = change.reference;
    json::Object& object = *less.as_object();
    const bool of_kernel = left_out.member.starts_with("kernels[0].");
    const std::string list = of_kernel ? left_out.member.substr(11) : left_out.member;
    json::Array kernels = *object.Find("kernels")->as_array();
    json::Object& owner = of_kernel ? *kernels[0].as_object() : object;
    json::Array items = *owner.Find(list)->as_array();
    std::erase(items, left_out.value);
    owner.Set(list, items);
    if (of_kernel) object.Set("kernels", kernels);
    EXPECT_THAT(FailedWith(about, json::Serialize(less)), ::testing::Not(IsEmpty())) << list;
  }
}

TEST(BootChange, NothingIsMissing) {
  const Evidence evidence = Recorded("systemd-6.12");
  const std::string values = ValuesOf(evidence);
  const BootChange change = Checked(CaseOf(evidence, values));
  EXPECT_TRUE(change.suffices());
  EXPECT_THAT(change.additions, IsEmpty());
}

TEST(BootChange, RecordsOfUserSpaceAreListedAsTheyAre) {
  const Evidence evidence = Recorded("systemd-6.12");
  json::Value values = *json::Parse(ValuesOf(evidence));
  values.as_object()->Set("user_space", json::Array{json::Object{{"pcr", 15}, {"text", "x"}},
                                                    json::Object{{"pcr", 11}, {"text", "x"}},
                                                    json::Object{{"pcr", 12}, {"text", "x"}}});
  const std::string text = json::Serialize(values);
  const BootChange change = Checked(CaseOf(evidence, text));
  EXPECT_TRUE(change.suffices());
  ASSERT_FALSE(change.additions.empty());
  for (const BootAddition& one : change.additions) {
    EXPECT_EQ(one.member, "user_space");
    EXPECT_FALSE(one.value.as_object()->Contains("matches"));
  }
}

// --- what no reference accepts --------------------------------------------------------

TEST(BootChange, AnotherChainStays) {
  const std::string values = ValuesOf(Recorded("shim-grub-sb-6.12"));
  const Evidence evidence = Recorded("uki-6.12");
  const BootChange change = Checked(CaseOf(evidence, values));
  EXPECT_FALSE(change.suffices());
}

TEST(BootChange, ALogThatDoesNotReplayStays) {
  const std::string values = ValuesOf(Recorded("uki-6.1"));
  Evidence evidence = Recorded("uki-6.12");
  for (const std::uint32_t pcr : {4U, 8U}) {
    Evidence other = evidence;
    other.pcrs.Set(pcr, crypto::Hash(HashAlgorithm::kSha256, Bytes{1}));
    const BootChange change = Checked(CaseOf(other, values));
    EXPECT_FALSE(change.suffices());
    EXPECT_THAT(change.additions, IsEmpty());
  }
  evidence.log.clear();
  evidence.user_space.clear();
  EXPECT_FALSE(Checked(CaseOf(evidence, values)).suffices());
}

TEST(BootChange, RulesAreNotChanged) {
  const Evidence evidence = Recorded("uki-6.12");
  json::Value values = *json::Parse(ValuesOf(evidence));
  const json::Object off = *values.as_object()->Find("secure_boot")->as_object();
  values.as_object()->Set("secure_boot",
                          json::Object{{"required", true},
                                       {"pk", json::Array{"x509:" + std::string(64, '1')}},
                                       {"kek", json::Array{"x509:" + std::string(64, '1')}},
                                       {"db", json::Array{"x509:" + std::string(64, '1')}},
                                       {"dbx", json::Array()},
                                       {"events", json::Array()}});
  const std::string text = json::Serialize(values);
  const BootChange change = Checked(CaseOf(evidence, text));
  EXPECT_FALSE(change.suffices());
  EXPECT_THAT(change.additions, IsEmpty());
  ASSERT_FALSE(change.unchangeable.empty());
}

TEST(BootChange, ManyAdditionsAreNone) {
  Boot boot;
  for (std::size_t i = 0; i <= kMaxBootAdditions; ++i) {
    boot.Add(14, EventType::kIpl, fmt::format("list {}", i), fmt::format("content {}", i));
  }
  const Evidence evidence = Of(boot);
  const std::string values = json::Serialize(policy::testing::Values());
  const BootChange change = Checked(CaseOf(evidence, values));
  EXPECT_THAT(change.additions, IsEmpty());
  EXPECT_FALSE(change.suffices());
}

TEST(BootChange, FirmwareOfUnknownModels) {
  const Evidence evidence = Of(Boot());
  json::Object values = policy::testing::Values();
  values.Set("firmware", json::Array{json::Object{
                             {"model", "A"}, {"pcrs", json::Object{{"0", std::string(64, '1')}}}}});
  const std::string text = json::Serialize(values);
  EXPECT_FALSE(Checked(CaseOf(evidence, text)).suffices());
  const BootChange known = Checked(CaseOf(evidence, text, "B"));
  EXPECT_TRUE(known.suffices());
  ASSERT_THAT(MembersOf(known), ElementsAre("firmware"));
  EXPECT_EQ(*known.additions[0].value.as_object()->Find("model"), json::Value("B"));
}

TEST(BootChange, CommandsOfGrub) {
  Boot boot;
  boot.Grub("grub_cmd", "set x").Grub("grub_cmd", "\xff\xfe");
  const Evidence evidence = Of(boot);
  json::Object values = policy::testing::Values();
  values.Set("grub_commands", json::Array{"search.fs_uuid 1234", "initrd /initrd.img"});
  const std::string text = json::Serialize(values);
  const BootChange change = Checked(CaseOf(evidence, text));
  EXPECT_THAT(MembersOf(change), ElementsAre("grub_commands"));
  EXPECT_EQ(change.additions[0].value, json::Value("set x"));
  EXPECT_FALSE(change.suffices()) << "bytes that are no text cannot be listed";
}

TEST(BootChange, OtherPoliciesListNothing) {
  const Evidence evidence = Of(Boot());
  BootCase about = CaseOf(evidence, "");
  about.policy = policy::BootPolicy::kRejectAll;
  const BootChange change = Checked(about);
  EXPECT_FALSE(change.suffices());
  EXPECT_EQ(change.unchangeable[0].check, "boot.policy");
}

TEST(BootChange, WhatCannotBeReadIsAnError) {
  Evidence evidence = Of(Boot());
  EXPECT_FALSE(ChangeForBootLog(CaseOf(evidence, "[")));
  evidence.log.resize(evidence.log.size() - 1);
  EXPECT_FALSE(ChangeForBootLog(CaseOf(evidence, json::Serialize(policy::testing::Values()))));
}

// --- reference states of Keylime's ----------------------------------------------------

TEST(BootChange, OfAReferenceState) {
  const std::string state = json::Serialize(policy::testing::Reference());
  Boot boot;
  for (const std::size_t index : {1U, 2U}) {
    const std::string line = "/vmlinuz root=/dev/vda ro init=/bin/sh";
    boot.At(8, index).data =
        ToBytes((index == 1 ? "grub_cmd: linux " : "kernel_cmdline: ") + line + '\0');
    boot.At(8, index).measured = ToBytes((index == 1 ? "linux " : "") + line);
  }
  const Evidence evidence = Of(boot);
  const BootChange change = Checked(CaseOf(evidence, state));
  EXPECT_TRUE(change.suffices());
  EXPECT_THAT(MembersOf(change), ElementsAre("kernels"));
  boot.At(0, 1).measured = ToBytes(std::string_view("firmware C"));
  const Evidence firmware = Of(boot);
  EXPECT_THAT(MembersOf(Checked(CaseOf(firmware, state))),
              ElementsAre("scrtm_and_bios", "kernels"));
}

TEST(BootChange, OfAReferenceStateThatNothingHelps) {
  const std::string state = json::Serialize(policy::testing::Reference());
  Boot boot;
  boot.Remove(14, 0);
  const Evidence evidence = Of(boot);
  const BootChange change = Checked(CaseOf(evidence, state));
  EXPECT_FALSE(change.suffices());
  EXPECT_THAT(change.additions, IsEmpty());
}

TEST(BootChange, AsJson) {
  const Evidence evidence = Recorded("direct-6.1", "changed.");
  const std::string values = ValuesOf(Recorded("direct-6.1"));
  const json::Value json = ToJson(Checked(CaseOf(evidence, values)));
  const json::Object& object = *json.as_object();
  EXPECT_EQ(*object.Find("suffices"), json::Value(true));
  EXPECT_EQ(object.Find("additions")->as_array()->size(), 1U);
  EXPECT_NE(object.Find("boot_reference")->as_object(), nullptr);
  EXPECT_EQ(*object.Find("not_covered"), json::Value(std::uint64_t{0}));
}

}  // namespace
}  // namespace limequat::appraise
