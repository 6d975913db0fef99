#include "limequat/wire/label.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "limequat/wire/testing.h"

namespace limequat::wire {
namespace {

using Names = std::vector<std::string>;

TEST(LabelViewTest, IsReadBackAndEveryMemberHasItsType) {
  const LabelView view{.name = "web", .policies = {"base", "web-team"}, .machines = 7};
  const auto parsed = ParseLabelView(*json::Parse(json::Serialize(WriteLabelView(view))));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->name, "web");
  EXPECT_EQ(parsed->policies, (Names{"base", "web-team"}));
  EXPECT_EQ(parsed->machines, 7);
  ExpectTyped(WriteLabelView(view), {{"name"}, {"policies"}, {"machines"}},
              [](const json::Object& document) {
                const auto read = ParseLabelView(document);
                if (!read) EXPECT_EQ(read.error().id, "wire.label.member");
                return read ? Parses::kYes : Parses::kNo;
              });
  EXPECT_FALSE(ParseLabelView(WriteLabelView(view).Set("name", "a b")));
  EXPECT_FALSE(ParseLabelView(WriteLabelView(view).Set("machines", -1)));
}

Parses ReadsPolicies(std::string_view body) {
  const auto policies = ParseLabelPolicies(body);
  if (!policies) EXPECT_TRUE(policies.error().id.starts_with("wire.label_policies."));
  return policies ? Parses::kYes : Parses::kNo;
}

TEST(LabelPoliciesTest, AreReadBackWhole) {
  EXPECT_EQ(*ParseLabelPolicies(WriteLabelPolicies({"b", "a"})), (Names{"b", "a"}));
  ExpectWhole(WriteLabelPolicies({"b", "a"}), ReadsPolicies);
  ExpectTyped({{"policies", json::Array{"a"}}}, {{"policies"}}, [](const json::Object& document) {
    return ReadsPolicies(json::Serialize(document));
  });
}

TEST(LabelPoliciesTest, AnEmptyLabelOrAnUnknownMemberIsRefused) {
  EXPECT_EQ(ReadsPolicies(R"({"policies":[]})"), Parses::kNo);
  EXPECT_EQ(ReadsPolicies(R"({"policies":["a"],"policy":"b"})"), Parses::kNo);
  const std::string most(1U << 20U, ' ');
  EXPECT_EQ(ReadsPolicies(R"({"policies":["a"]})" + most), Parses::kNo) << "longer than a message";
}

Parses ReadsChange(std::string_view body) {
  const auto change = ParseMachineChange(body);
  if (!change) EXPECT_TRUE(change.error().id.starts_with("wire.machine_change."));
  return change ? Parses::kYes : Parses::kNo;
}

TEST(MachineChangeTest, WhatIsAbsentStays) {
  const auto change = [](const MachineChange& given) {
    return *ParseMachineChange(WriteMachineChange(given));
  };
  const MachineChange labels = change({.labels = Names{"web", "eu"}, .policy_names = {}});
  EXPECT_EQ(labels.labels, (Names{"web", "eu"}));
  EXPECT_EQ(labels.policy_names, std::nullopt);
  const MachineChange policies = change({.labels = {}, .policy_names = Names{"node"}});
  EXPECT_EQ(policies.labels, std::nullopt);
  EXPECT_EQ(policies.policy_names, Names{"node"});
  const MachineChange none = change({.labels = Names{}, .policy_names = Names{}});
  EXPECT_EQ(none.labels, Names{}) << "all away, and not nothing said";
  EXPECT_EQ(none.policy_names, Names{});
}

TEST(MachineChangeTest, EveryMemberHasItsType) {
  const MachineChange change{.labels = Names{"web"}, .policy_names = Names{"node"}};
  ExpectWhole(WriteMachineChange(change), ReadsChange);
  ExpectTyped(*json::Parse(WriteMachineChange(change))->as_object(),
              {{"labels", false, {"null"}}, {"policy_names", false, {"null"}}},
              [](const json::Object& document) { return ReadsChange(json::Serialize(document)); });
  EXPECT_EQ(ReadsChange("{}"), Parses::kNo) << "nothing to change";
  EXPECT_EQ(ReadsChange(R"({"labels":["web"],"policies":["base"]})"), Parses::kNo);
  EXPECT_EQ(ReadsChange(R"({"labels":["web","web"]})"), Parses::kNo);
}

TEST(LabelsTest, AMachineCarriesAtMostSoManyOnceEach) {
  Names labels;
  for (std::size_t i = 0; i < kMaxMachineLabels; ++i) labels.push_back(fmt::format("l{}", i));
  EXPECT_TRUE(CheckLabels(labels));
  labels.emplace_back("one-more");
  EXPECT_EQ(CheckLabels(labels).error().id, "wire.labels");
  EXPECT_TRUE(CheckLabels({}));
  for (const Names& wrong : {Names{"a", "b", "a"}, Names{""}, Names{"a b"}, Names{"..", "a"},
                             Names{std::string(129, 'a')}}) {
    EXPECT_EQ(CheckLabels(wrong).error().code, ErrorCode::kMalformed) << wrong.front();
  }
  EXPECT_TRUE(CheckLabels({std::string(128, 'a')}));
}

}  // namespace
}  // namespace limequat::wire
