#include "limequat/policy/boot_lint.h"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/policy/testing/boot_values.h"

namespace limequat::policy {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing::Values;
using testing::ValuesKernel;
using testing::ValuesSecureBoot;

// "check: detail" of what did not pass, one a line.
std::string Told(const Findings& findings) {
  std::string told;
  for (const Finding& finding : findings) {
    if (!finding.passed()) told += finding.check.substr(13) + ": " + finding.detail + "\n";
  }
  return told;
}

std::string Told(const json::Object& values) {
  return Told(CheckBootValues(json::Serialize(values)));
}

json::Object With(std::string_view name, json::Value value) {
  return Values().Set(name, std::move(value));
}

json::Object Good() {
  return With("firmware",
              json::Array{json::Object{{"pcrs", json::Object{{"0", std::string(64, '1')}}}}});
}

TEST(BootLint, GoodValues) {
  EXPECT_EQ(Told(Good()), "");
  EXPECT_EQ(CheckBootValues(json::Serialize(Good())).size(), 4U);
}

TEST(BootLint, RulesThatAcceptAnything) {
  EXPECT_EQ(Told(Values()), "boot.open: any firmware is accepted\n");
  EXPECT_THAT(Told(Good().Set("secure_boot", json::Object{{"required", false}})),
              StartsWith("boot.open: Secure Boot"));
  json::Object kernel = ValuesKernel();
  const auto matches = [](std::string_view expression) {
    return json::Array{json::Object{{"matches", expression}}};
  };
  kernel.Set("command_lines", matches(".*"));
  EXPECT_EQ(Told(Good().Set("kernels", json::Array{kernel})),
            "boot.open: command line of kernel 'linux 6.1': '.*' matches every text\n");
  for (const char* narrow : {"/vmlinuz .*", "[0-9a-f]*"}) {
    kernel.Set("command_lines", matches(narrow));
    EXPECT_EQ(Told(Good().Set("kernels", json::Array{kernel})), "") << narrow;
  }
  EXPECT_THAT(Told(Good().Set("grub_commands", matches(".+"))), HasSubstr("commands of GRUB"));
  EXPECT_THAT(
      Told(Good().Set("user_space", json::Array{json::Object{{"pcr", 15}, {"matches", "(.|x)*"}}})),
      HasSubstr("records of PCR 15"));
}

TEST(BootLint, ListsThatAcceptNothing) {
  for (const char* list : {"pk", "kek", "db"}) {
    EXPECT_THAT(Told(Good().Set("secure_boot", ValuesSecureBoot().Set(list, json::Array()))),
                HasSubstr(std::string("boot.empty: Secure Boot is required and ") + list));
  }
  for (const char* path : {"shim-grub", "systemd-boot"}) {
    EXPECT_THAT(Told(Good().Set("loaders", json::Array()).Set("boot_path", path)),
                HasSubstr("no loaders"))
        << path;
  }
}

TEST(BootLint, ExamplesAreCounted) {
  json::Array kernels;
  for (int i = 0; i < 10; ++i) {
    json::Object kernel = ValuesKernel();
    kernel.Set("command_lines", json::Array{json::Object{{"matches", ".*"}}});
    kernels.emplace_back(kernel);
  }
  EXPECT_THAT(Told(Good().Set("kernels", kernels)), ::testing::EndsWith("; and 2 more\n"));
}

TEST(BootLint, WhatCannotBeReadIsNotEvaluated) {
  for (const char* text : {"", "{", "[]", R"({"kind":"limequat-boot-reference"})"}) {
    const Findings findings = CheckBootValues(text);
    EXPECT_FALSE(findings.at(0).passed());
    for (std::size_t i = 1; i < 4; ++i) {
      EXPECT_EQ(findings.at(i).outcome, Outcome::kNotEvaluated);
    }
  }
  EXPECT_THAT(Told(Good().Set("more", 1)), HasSubstr("schema: "));
  EXPECT_THAT(Told(Good().Set("digest_algorithm", "sha1")), HasSubstr("schema: "));
}

TEST(BootLint, Releases) {
  EXPECT_THAT(Told(Good().Set("release", 0)), HasSubstr("boot.release: they have no release"));
  const auto check = [](const std::vector<json::Object>& documents) {
    std::vector<std::string> texts;
    for (const json::Object& one : documents) texts.push_back(json::Serialize(one));
    return CheckReleases(std::vector<std::string_view>(texts.begin(), texts.end()));
  };
  const json::Object three = Good();
  const json::Object four = Good().Set("release", 4);
  const json::Object other = Good().Set("release", 1).Set("name", "other");
  EXPECT_TRUE(check({three, four}).passed());
  EXPECT_TRUE(check({three, other, four}).passed());
  EXPECT_TRUE(check({three, Good().Set("more", 1)}).passed());
  EXPECT_THAT(check({four, three}).detail, HasSubstr("document 2 is release 3"));
  EXPECT_FALSE(check({three, three}).passed());
  EXPECT_FALSE(check({four, three, Good().Set("release", 4)}).passed());
}

TEST(BootLint, ReferenceStates) {
  const json::Object state = testing::Reference();
  const auto told = [](const json::Object& one) {
    return Told(CheckBootReference(json::Serialize(one)));
  };
  EXPECT_EQ(told(state), "");
  EXPECT_THAT(told(testing::Without(state, "kernels")), HasSubstr("boot.empty: kernels is absent"));
  json::Object more = state;
  more.Set("events", 1);
  EXPECT_THAT(told(more), HasSubstr("members: events"));
  EXPECT_THAT(told({}), HasSubstr("it is empty"));
  const Findings bad = CheckBootReference("[1]");
  EXPECT_EQ(bad.at(0).outcome, Outcome::kFailed);
  EXPECT_EQ(bad.at(1).outcome, Outcome::kNotEvaluated);
  EXPECT_EQ(bad.at(2).outcome, Outcome::kNotEvaluated);
}

}  // namespace
}  // namespace limequat::policy
