// Events of block devices against the rules of a policy.

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/appraise/ima_appraisal.h"
#include "limequat/appraise/testing/attest.h"
#include "limequat/appraise/testing/machine.h"
#include "limequat/json/value.h"
#include "limequat/policy/testing/device_mapper.h"

namespace limequat::appraise {
namespace {

using crypto::HashAlgorithm;
using policy::testing::Device;
using policy::testing::DeviceMapperRules;
using policy::testing::kVerityRow;
using policy::testing::SetIn;
using policy::testing::VerityRule;
using testing::AttestFull;
using testing::AttestNext;
using testing::FailsOnlyFor;
using testing::FakeMachine;
using ::testing::HasSubstr;
using testing::Passes;

using Names = std::vector<std::string>;

crypto::Digest DigestOf(std::string_view text, HashAlgorithm hash = HashAlgorithm::kSha256) {
  return crypto::Hash(hash, AsBytes(text));
}

std::string Load(std::string_view name = "root", std::string_view row = kVerityRow) {
  return "dm_version=4.45.0;" + Device(name) + std::string(row);
}
std::string Resume(std::string_view load, std::string_view name = "root") {
  return "dm_version=4.45.0;" + Device(name) + "active_table_hash=sha256:" + DigestOf(load).hex() +
         ";current_device_capacity=8;";
}
std::string Clear(std::string_view name = "root") {
  return "dm_version=4.45.0;" + Device(name) +
         "inactive_table_hash=sha256:00;"
         "current_device_capacity=8;";
}
std::string Remove(std::string_view name = "root") {
  return "dm_version=4.45.0;device_active_metadata=" + Device(name) +
         "active_table_hash=sha256:00,remove_all=n;current_device_capacity=8;";
}
std::string Rename(std::string_view to, std::string_view uuid = "CRYPT-VERITY-1",
                   std::string_view name = "root") {
  return "dm_version=4.45.0;" + Device(name) + "new_name=" + std::string(to) +
         ",new_uuid=" + std::string(uuid) + ";current_device_capacity=8;";
}
std::string Update(std::string_view row = kVerityRow, std::string_view name = "root") {
  return "dm_version=4.45.0;" + Device(name) + std::string(row);
}

class DeviceMapperTest : public ::testing::Test {
 protected:
  DeviceMapperTest() {
    machine_.Boot();
    machine_.Run("/usr/bin/listed", "listed 1");
  }

  void InLoad(std::string_view name, json::Value value) {
    SetIn(rule_, "table_load", name, std::move(value));
  }
  void InRename(std::string_view name, json::Value value) {
    SetIn(rule_, "device_rename", name, std::move(value));
  }
  void AllowRemoval() { SetIn(rule_, "device_remove", "allow_removal", true); }

  std::string PolicyText() const {
    json::Value policy = *json::Parse(machine_.PolicyText());
    SetIn(*policy.as_object(), "ima", "dm_policy",
          DeviceMapperRules({{"verity", rule_}}, match_on_));
    return json::Serialize(policy);
  }
  Reference MakeReference() const {
    Reference reference = machine_.MakeReference();
    reference.policy = testing::ParsePolicy(PolicyText());
    return reference;
  }
  void Measure(std::string_view name, std::string_view text, std::uint32_t pcr = tpm::kImaPcr) {
    machine_.MeasureWith("ima-buf", name, DigestOf(text), AsBytes(text), pcr);
  }
  void MapDevice(std::string_view name) {
    Measure("dm_table_load", Load(name));
    Measure("dm_device_resume", Resume(Load(name), name));
  }
  // The checks that did not pass, of the whole list.
  Names Wrong() {
    Names names;
    attestation_ = AttestFull(machine_, MakeReference());
    for (const Finding& finding : attestation_.appraisal.findings) {
      if (!finding.passed()) names.push_back(finding.check);
    }
    return names;
  }
  std::string Detail(std::string_view check) const {
    const Finding* finding = FindCheck(attestation_.appraisal.findings, check);
    return finding == nullptr ? "" : finding->detail;
  }

  FakeMachine machine_;
  json::Object rule_ = VerityRule();
  std::string match_on_ = "name";
  Attestation attestation_;
};

constexpr std::string_view kTable = "ima.device_mapper.table";
constexpr std::string_view kOrder = "ima.device_mapper.order";
constexpr std::string_view kChange = "ima.device_mapper.change";
constexpr std::string_view kTarget = "ima.device_mapper.target";
constexpr std::string_view kEvent = "ima.device_mapper.event";
constexpr std::string_view kRequired = "ima.device_mapper.required";

TEST_F(DeviceMapperTest, LoadedAndResumed) {
  MapDevice("root");
  EXPECT_EQ(Wrong(), Names{});
  EXPECT_TRUE(FindCheck(attestation_.appraisal.findings, kRequired)->passed());
  match_on_ = "uuid";
  EXPECT_EQ(Wrong(), Names{});
}

TEST_F(DeviceMapperTest, WithoutRulesBuffersAreLookedUp) {
  MapDevice("root");
  Reference reference = machine_.MakeReference();
  EXPECT_TRUE(FailsOnlyFor(AttestFull(machine_, reference), "ima.buffer"));
}

TEST_F(DeviceMapperTest, OnlyTheKernelsNamesAreEvents) {
  MapDevice("root");
  Measure("table_load", Load());
  EXPECT_EQ(Wrong(), Names{"ima.buffer"});
}

TEST_F(DeviceMapperTest, TablesThatNoRuleAllows) {
  MapDevice("root");
  Measure("dm_table_load", Load("other"));
  EXPECT_EQ(Wrong(), (Names{std::string(kTable)}));
  EXPECT_THAT(Detail(kTable), HasSubstr("'other': no rule is for this device"));
}

TEST_F(DeviceMapperTest, TablesThatARuleDoesNotAllow) {
  std::string row(kVerityRow);
  row.replace(row.find("ab12"), 4, "ffff");
  Measure("dm_table_load", Load("root", row));
  EXPECT_EQ(Wrong(), (Names{std::string(kRequired), std::string(kTable)}));
  EXPECT_THAT(Detail(kTable), HasSubstr("row 0: root_digest is 'ffff', the rule says 'ab12'"));
  // Nothing that was refused can be resumed.
  Measure("dm_device_resume", Resume(Load("root", row)));
  EXPECT_EQ(Wrong(), (Names{std::string(kRequired), std::string(kTable), std::string(kOrder)}));
}

TEST_F(DeviceMapperTest, DevicesThatARuleDoesNotAllow) {
  InLoad("major", 7);
  MapDevice("root");
  EXPECT_EQ(Wrong(), (Names{std::string(kRequired), std::string(kTable), std::string(kOrder)}));
  EXPECT_THAT(Detail(kTable), HasSubstr("major is '253', the rule says 7"));
}

TEST_F(DeviceMapperTest, TablesThatAreNotShownInFull) {
  const std::string more =
      "dm_version=4.45.0;" + Device("root", "CRYPT-VERITY-1", 2) + std::string(kVerityRow);
  Measure("dm_table_load", more);
  EXPECT_THAT(Wrong(), ::testing::Contains(std::string(kTable)));
  EXPECT_THAT(Detail(kTable), HasSubstr("the event has 1 of 2 rows, the rule has 1"));
}

TEST_F(DeviceMapperTest, RowsAreInTheirOrder) {
  std::string row(kVerityRow);
  row.replace(row.find("target_index=0"), 14, "target_index=1");
  Measure("dm_table_load", Load("root", row));
  EXPECT_THAT(Wrong(), ::testing::Contains(std::string(kTable)));
  EXPECT_THAT(Detail(kTable), HasSubstr("row 0 says that it is row 1"));
}

TEST_F(DeviceMapperTest, ASecondTable) {
  MapDevice("root");
  Measure("dm_table_load", Load());
  EXPECT_EQ(Wrong(), (Names{std::string(kTable)}));
  InLoad("allow_multiple_loads", true);
  EXPECT_EQ(Wrong(), Names{});
  Measure("dm_device_resume", Resume(Load()));
  EXPECT_EQ(Wrong(), Names{});
}

TEST_F(DeviceMapperTest, ResumedWithAnotherTable) {
  Measure("dm_table_load", Load());
  Measure("dm_device_resume", Resume("another table"));
  EXPECT_EQ(Wrong(), (Names{std::string(kRequired), std::string(kTable)}));
  EXPECT_THAT(Detail(kTable), HasSubstr("was loaded"));
}

TEST_F(DeviceMapperTest, ResumedTwice) {
  MapDevice("root");
  Measure("dm_device_resume", Resume(Load()));
  EXPECT_EQ(Wrong(), (Names{std::string(kOrder)}));
}

TEST_F(DeviceMapperTest, EventsWithoutATable) {
  rule_.Set("required", false);
  Measure("dm_device_resume", Resume(Load()));
  Measure("dm_table_clear", Clear());
  Measure("dm_device_remove", Remove());
  Measure("dm_device_rename", Rename("x"));
  Measure("dm_target_update", Update());
  EXPECT_EQ(Wrong(), Names(5, std::string(kOrder)));
}

TEST_F(DeviceMapperTest, Removal) {
  MapDevice("root");
  Measure("dm_device_remove", Remove());
  EXPECT_EQ(Wrong(), (Names{std::string(kChange)}));
  AllowRemoval();
  EXPECT_EQ(Wrong(), (Names{std::string(kRequired)}));
  MapDevice("root");
  EXPECT_EQ(Wrong(), Names{});
}

// A device that has no active table: Keylime's verifier stops with an exception.
TEST_F(DeviceMapperTest, Quirk_RemovalOfADeviceThatWasNotResumed) {
  AllowRemoval();
  rule_.Set("required", false);
  Measure("dm_table_load", Load());
  Measure("dm_device_remove",
          "dm_version=4.45.0;device_inactive_metadata=" + Device() +
              "inactive_table_hash=sha256:00,remove_all=n;current_device_capacity=8;");
  EXPECT_EQ(Wrong(), Names{});
  Measure("dm_device_remove",
          "dm_version=4.45.0;device_remove=no_data;remove_all=n;current_device_capacity=8;");
  EXPECT_EQ(Wrong(), (Names{std::string(kEvent)}));
  EXPECT_THAT(Detail(kEvent), HasSubstr("names no device"));
}

TEST_F(DeviceMapperTest, AnEventOfTwoDevices) {
  MapDevice("root");
  Measure("dm_device_remove",
          "dm_version=4.45.0;device_active_metadata=" + Device() +
              "device_inactive_metadata=" + Device("usr") +
              "active_table_hash=sha256:00;inactive_table_hash=sha256:00,remove_all=n;");
  EXPECT_EQ(Wrong(), (Names{std::string(kEvent)}));
}

TEST_F(DeviceMapperTest, Clearing) {
  MapDevice("root");
  Measure("dm_table_clear", Clear());
  EXPECT_EQ(Wrong(), (Names{std::string(kChange)}));
  rule_.Set("allow_clear", true);
  EXPECT_EQ(Wrong(), Names{});
}

// Keylime goes on counting the device as set up.
TEST_F(DeviceMapperTest, Quirk_AClearedTableIsNotInUse) {
  rule_.Set("allow_clear", true);
  rule_.Set("device_resume_required", false);
  Measure("dm_table_load", Load());
  EXPECT_EQ(Wrong(), Names{});
  Measure("dm_table_clear", Clear());
  EXPECT_EQ(Wrong(), (Names{std::string(kRequired)}));
  Measure("dm_device_resume", Resume(Load()));
  EXPECT_EQ(Wrong(), (Names{std::string(kRequired), std::string(kOrder)}));
}

TEST_F(DeviceMapperTest, ClearingLeavesTheActiveTable) {
  rule_.Set("allow_clear", true);
  InLoad("allow_multiple_loads", true);
  MapDevice("root");
  Measure("dm_table_load", Load());
  Measure("dm_table_clear", Clear());
  EXPECT_EQ(Wrong(), Names{});
  Measure("dm_device_resume", Resume(Load()));
  EXPECT_EQ(Wrong(), (Names{std::string(kOrder)}));
}

TEST_F(DeviceMapperTest, Renames) {
  MapDevice("root");
  Measure("dm_device_rename", Rename("usr"));
  EXPECT_EQ(Wrong(), (Names{std::string(kChange)}));
  EXPECT_THAT(Detail(kChange), HasSubstr("its new name is 'usr', the rule says nothing"));
  InRename("valid_name", "usr");
  EXPECT_EQ(Wrong(), Names{});
  Measure("dm_target_update", Update(kVerityRow, "usr"));
  EXPECT_EQ(Wrong(), Names{});
  Measure("dm_device_rename", Rename("usr", "CRYPT-VERITY-2", "usr"));
  EXPECT_EQ(Wrong(), (Names{std::string(kChange)}));
  EXPECT_THAT(Detail(kChange), HasSubstr("its new uuid is 'CRYPT-VERITY-2'"));
}

// Keylime files the device under its new *name*.
TEST_F(DeviceMapperTest, Quirk_ARenamedDeviceIsKnownByItsNewUuid) {
  match_on_ = "uuid";
  InRename("valid_uuid", "CRYPT-VERITY-2");
  MapDevice("root");
  Measure("dm_device_rename", Rename("root", "CRYPT-VERITY-2"));
  Measure("dm_target_update",
          "dm_version=4.45.0;" + Device("root", "CRYPT-VERITY-2") + std::string(kVerityRow));
  EXPECT_EQ(Wrong(), Names{});
}

TEST_F(DeviceMapperTest, ARenameTakesNoOtherDevicesPlace) {
  InRename("valid_name", nullptr);
  MapDevice("root");
  MapDevice("usr");
  Measure("dm_device_rename", Rename("usr"));
  EXPECT_EQ(Wrong(), (Names{std::string(kChange)}));
  EXPECT_THAT(Detail(kChange), HasSubstr("that of another device"));
}

TEST_F(DeviceMapperTest, ARenameToNoName) {
  InRename("valid_name", nullptr);
  MapDevice("root");
  Measure("dm_device_rename", Rename(""));
  Measure("dm_device_rename", "dm_version=4.45.0;" + Device() + "new_name=x;");
  Measure("dm_device_rename", Rename(std::string(129, 'x')));
  EXPECT_EQ(Wrong(), (Names{std::string(kChange), std::string(kEvent), std::string(kChange)}));
}

TEST_F(DeviceMapperTest, Updates) {
  MapDevice("root");
  Measure("dm_target_update", Update());
  EXPECT_EQ(Wrong(), Names{});
  std::string row(kVerityRow);
  row.replace(row.find("hash_failed=V"), 13, "hash_failed=C");
  Measure("dm_target_update", Update(row));
  EXPECT_EQ(Wrong(), (Names{std::string(kTarget)}));
  EXPECT_THAT(Detail(kTarget), HasSubstr("hash_failed is 'C', the rule says 'V'"));
  Measure("dm_target_update", "dm_version=4.45.0;" + Device());
  EXPECT_EQ(Wrong(), (Names{std::string(kTarget), std::string(kEvent)}));
}

// A row that the rule does not have: Keylime's verifier stops with an exception.
TEST_F(DeviceMapperTest, Quirk_UpdatesOfUnknownRows) {
  MapDevice("root");
  std::string row(kVerityRow);
  row.replace(row.find("target_index=0"), 14, "target_index=7");
  Measure("dm_target_update", Update(row));
  EXPECT_EQ(Wrong(), (Names{std::string(kTarget)}));
}

TEST_F(DeviceMapperTest, EventsThatCannotBeRead) {
  MapDevice("root");
  Measure("dm_table_load", "garbage");
  EXPECT_EQ(Wrong(), (Names{std::string(kEvent)}));
}

TEST_F(DeviceMapperTest, BuffersWithTheDigestOfAnother) {
  rule_.Set("required", false);
  machine_.MeasureWith("ima-buf", "dm_table_load", DigestOf("another"), AsBytes(Load()));
  Measure("dm_device_resume", Resume(Load()));
  EXPECT_EQ(Wrong(), (Names{"ima.buffer_digest", std::string(kOrder)}));
}

// Keylime compares the table's hash, always SHA-256, with the digest of the list.
TEST_F(DeviceMapperTest, Quirk_ListsOfAnotherHash) {
  const std::string load = Load();
  const std::string resume = Resume(load);
  for (const auto& [name, text] :
       {std::pair("dm_table_load", load), {"dm_device_resume", resume}}) {
    machine_.MeasureWith("ima-buf", name, DigestOf(text, HashAlgorithm::kSha512), AsBytes(text));
  }
  EXPECT_EQ(Wrong(), Names{});
}

// Devices without a uuid would be one device to Keylime.
TEST_F(DeviceMapperTest, Quirk_DevicesThatCannotBeToldApart) {
  match_on_ = "uuid";
  rule_.Set("required", false);
  InLoad("uuid", ".*");
  Measure("dm_table_load", "dm_version=4.45.0;" + Device("root", "") + std::string(kVerityRow));
  EXPECT_EQ(Wrong(), (Names{std::string(kEvent)}));
  EXPECT_THAT(Detail(kEvent), HasSubstr("has no uuid"));
}

TEST_F(DeviceMapperTest, LongNames) {
  rule_.Set("required", false);
  InLoad("name", ".*");
  Measure("dm_table_load", Load(std::string(128, 'a')));
  EXPECT_EQ(Wrong(), Names{});
  Measure("dm_table_load", Load(std::string(129, 'a')));
  EXPECT_EQ(Wrong(), (Names{std::string(kEvent)}));
}

TEST_F(DeviceMapperTest, MoreDevicesThanAreFollowed) {
  InLoad("name", ".*");
  rule_.Set("required", false);
  for (std::size_t i = 0; i < kMaxMappedDevices; ++i) {
    Measure("dm_table_load", Load("d" + std::to_string(i)));
  }
  EXPECT_EQ(Wrong(), Names{});
  Measure("dm_table_load", Load("one more"));
  EXPECT_EQ(Wrong(), (Names{std::string(kTable)}));
  EXPECT_THAT(Detail(kTable), HasSubstr("more than 1024 devices"));
}

// Keylime has this check and never calls it.
TEST_F(DeviceMapperTest, Quirk_RequiredDevicesMustBeInUse) {
  EXPECT_EQ(Wrong(), (Names{std::string(kRequired)}));
  EXPECT_THAT(Detail(kRequired), HasSubstr("'verity'"));
  Measure("dm_table_load", Load());
  EXPECT_EQ(Wrong(), (Names{std::string(kRequired)}));
  Measure("dm_device_resume", Resume(Load()));
  EXPECT_EQ(Wrong(), Names{});
}

// It is about the present: a device that is set up late is no failure for good.
TEST_F(DeviceMapperTest, ADeviceThatIsSetUpLate) {
  const Attestation first = AttestFull(machine_, MakeReference());
  ASSERT_TRUE(FailsOnlyFor(first, kRequired));
  const Attestation again = AttestNext(machine_, MakeReference(), first.progress.value());
  EXPECT_TRUE(FailsOnlyFor(again, kRequired));
  MapDevice("root");
  const Attestation next = AttestNext(machine_, MakeReference(), again.progress.value());
  EXPECT_TRUE(Passes(next));
  EXPECT_TRUE(Passes(AttestNext(machine_, MakeReference(), next.progress.value())));
}

TEST_F(DeviceMapperTest, StateGoesOnWhereTheQuoteEnded) {
  Measure("dm_table_load", Load());
  const Attestation first = AttestFull(machine_, MakeReference());
  Measure("dm_device_resume", Resume(Load()));
  const Attestation next = AttestNext(machine_, MakeReference(), first.progress.value());
  EXPECT_TRUE(Passes(next));
  // Nothing new: what is known is shared, not copied.
  const Attestation last = AttestNext(machine_, MakeReference(), next.progress.value());
  EXPECT_EQ(last.progress.value().learned, next.progress->learned);
}

// After a restart of the verifier the state is gone.
TEST_F(DeviceMapperTest, WithoutTheStateTheListIsAskedForInFull) {
  MapDevice("root");
  BootProgress before = AttestFull(machine_, MakeReference()).progress.value();
  before.learned = nullptr;
  EXPECT_EQ(AttestNext(machine_, MakeReference(), before).advice, Advice::kAskInFull);
  EXPECT_TRUE(Passes(AttestFull(machine_, MakeReference(), &before)));
}

// The list shows a load that the TPM has never seen.
TEST_F(DeviceMapperTest, Attack_A06_UnquotedEventsChangeNothing) {
  Measure("dm_table_load", Load());
  FakeMachine other;
  other.Boot();
  const std::string resume = Resume(Load());
  other.MeasureWith("ima-buf", "dm_device_resume", DigestOf(resume), AsBytes(resume));
  machine_.ReplaceList(machine_.list() + other.list().substr(other.list().find('\n') + 1));
  const Attestation first = AttestFull(machine_, MakeReference());
  EXPECT_TRUE(FailsOnlyFor(first, kRequired));
  EXPECT_TRUE(first.list_is_ahead);
  EXPECT_FALSE(first.progress.value().learned->devices.at("root").active);
}

TEST_F(DeviceMapperTest, Attack_A06_EventsOfAnotherPcrChangeNothing) {
  Measure("dm_table_load", Load());
  Measure("dm_device_resume", Resume(Load()), 11);
  machine_.Run("/usr/bin/listed", "listed 1");  // what ends the quoted part of the list
  EXPECT_EQ(Wrong(), (Names{std::string(kRequired), "ima.pcr"}));
}

// A layer that was retired lets nothing pass that comes afterwards, and its rules stay.
TEST_F(DeviceMapperTest, RulesOfARetiredLayer) {
  MapDevice("root");
  json::Value text = *json::Parse(PolicyText());
  SetIn(*text.as_object(), "meta", "retire_after", "2020-01-01T00:00:00Z");
  const auto base = policy::RuntimePolicy::Parse(machine_.PolicyText());
  const auto rules = policy::RuntimePolicy::Parse(json::Serialize(text));
  ASSERT_TRUE(base && rules);
  const auto set = policy::PolicySet::Compose(
      {{.name = "base", .policy = *base}, {.name = "rules", .policy = *rules}});
  ASSERT_TRUE(set);
  Reference reference = machine_.MakeReference();
  reference.policy = *set;
  const Attestation first = AttestFull(machine_, reference);
  EXPECT_TRUE(testing::FailsFor(first, kTable));
  EXPECT_TRUE(testing::FailsFor(first, kRequired));
  EXPECT_EQ(FindCheck(first.appraisal.findings, "ima.buffer"), nullptr);
}

TEST_F(DeviceMapperTest, AListAlone) {
  MapDevice("root");
  const auto policy = testing::ParsePolicy(PolicyText());
  const auto out =
      AppraiseImaList(AsBytes(machine_.list()), ima::Format::kAscii,
                      policy::PolicyAt(*policy, testing::EvaluationTime()), std::nullopt);
  EXPECT_TRUE(FindCheck(out->findings, kRequired)->passed());
}

TEST_F(DeviceMapperTest, APolicyThatSaysNothingRequiresNothing) {
  json::Value policy = *json::Parse(PolicyText());
  policy.as_object()->Set("excludes", json::Array{".*"});
  Reference reference = machine_.MakeReference();
  reference.policy = testing::ParsePolicy(json::Serialize(policy));
  EXPECT_TRUE(testing::Verdicts(AttestFull(machine_, reference), Verdict::kUnpoliced));
}

}  // namespace
}  // namespace limequat::appraise
