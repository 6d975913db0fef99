#include "limequat/cli/change_view.h"

#include <string>

#include <gtest/gtest.h>

namespace limequat::cli {
namespace {

const std::string kHex(64, 'a');

ShownFinding Unlisted(std::string_view path, std::string_view outcome = "failed") {
  ShownFinding finding;
  finding.check = "ima.path";
  finding.outcome = outcome;
  finding.path = path;
  finding.found = "sha256:" + kHex;
  return finding;
}

TEST(ChangeForResult, ReadsWhatTheServiceTells) {
  ResultView result;
  result.findings = {Unlisted("/opt/a"), Unlisted("/opt/b", "passed"), Unlisted("/opt/c", "new")};
  ShownFinding pcr;
  pcr.check = "pcr.policy";
  pcr.outcome = "failed";
  pcr.pcr = 14;
  pcr.found = kHex;
  result.findings.push_back(pcr);
  const appraise::PolicyChange change = ChangeFor(result);
  EXPECT_EQ(change.runtime.digests.size(), 2U);
  EXPECT_EQ(change.runtime.digests.count("/opt/b"), 0U);
  EXPECT_EQ(change.pcrs.count(14), 1U);
  EXPECT_TRUE(change.suffices());
}

TEST(ChangeForResult, WhatCannotBeReadIsNotCovered) {
  ResultView result;
  result.findings_not_shown = 3;
  EXPECT_FALSE(ChangeFor(result).suffices());
  result.findings_not_shown = 0;
  ShownFinding pcr;
  pcr.check = "pcr.policy";
  pcr.outcome = "failed";
  pcr.pcr = std::uint64_t{1} << 40U;
  pcr.found = kHex;
  result.findings.push_back(pcr);
  EXPECT_FALSE(ChangeFor(result).suffices());
  result.findings = {Unlisted("/opt/a", "not_evaluated")};
  EXPECT_FALSE(ChangeFor(result).suffices());
}

TEST(RenderChange, SaysWhatWouldBeListedAndWhatWouldStay) {
  ResultView result;
  for (int i = 0; i < 9; ++i) result.findings.push_back(Unlisted("/opt/" + std::to_string(i)));
  ShownFinding stays;
  stays.check = "tpm.quote.nonce";
  stays.outcome = "failed";
  result.findings.push_back(stays);
  result.findings_not_shown = 7;
  const std::string text = RenderChange(ChangeFor(result), {.look = {}, .few = 3});
  for (const std::string& part :
       {std::string("nothing was changed"), "path /opt/0  " + kHex, std::string("and 6 more"),
        std::string("tpm.quote.nonce: no policy accepts it"), std::string("7 findings were")}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
  EXPECT_NE(RenderChange(ChangeFor(result), {.look = {}, .all = true}).find("/opt/8"),
            std::string::npos);
  EXPECT_NE(RenderChange(appraise::PolicyChange(), {}).find("nothing: no addition"),
            std::string::npos);
}

TEST(RenderChange, Attack_A15_TextIsEscaped) {
  ResultView result;
  ShownFinding hostile = Unlisted("/opt/\x1b[2J\n", "not_evaluated");
  hostile.check = "a\x1b";
  result.findings = {hostile};
  ShownFinding pcr;
  pcr.check = "pcr.policy";
  pcr.outcome = "failed";
  pcr.pcr = 14;
  pcr.found = "x\x1b\n";
  result.findings.push_back(pcr);
  const std::string text = RenderChange(ChangeFor(result), {});
  for (const char c : text) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << text;
  EXPECT_EQ(text.find("x\n"), std::string::npos);
}

TEST(ChangeView, OfABootReference) {
  appraise::BootChange change;
  EXPECT_NE(RenderChange(change, {}).find("nothing: no addition"), std::string::npos);
  change.additions = {
      {.member = "kernels[0].command_lines", .value = json::Value("a\x1b[31m")},
      {.member = "loaders", .value = json::Object{{"name", "shim"}, {"digest", "00"}}},
      {.member = "kernels", .value = json::Object{{"name", "linux"}}}};
  const std::string text = RenderChange(change, {});
  for (const char* part : {"boot reference would have to list", "kernels[0].command_lines  a",
                           "loaders  shim 00", "kernels  {"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace limequat::cli
