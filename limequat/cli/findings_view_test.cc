#include "limequat/cli/findings_view.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "limequat/base/check_catalogue.h"
#include "limequat/cli/file_groups.h"

namespace limequat::cli {
namespace {

ShownFinding Make(std::string check, std::string outcome, std::string detail = "",
                  std::string cause = "tamper", std::string next = "") {
  return {.check = std::move(check),
          .outcome = std::move(outcome),
          .detail = std::move(detail),
          .path = {},
          .pcr = {},
          .event = {},
          .expected = {},
          .found = {},
          .cause = std::move(cause),
          .next = std::move(next)};
}

TEST(GroupFindings, ManyFilesOfOneCheckAreOneGroup) {
  std::vector<ShownFinding> findings;
  for (int i = 0; i < 500; ++i) findings.push_back(Make("ima.path", "failed", std::to_string(i)));
  const auto groups = GroupFindings(findings);
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(groups[0].findings.size(), 500U);
  EXPECT_EQ(groups[0].findings[0]->detail, "0");
  EXPECT_EQ(groups[0].findings[499]->detail, "499");
}

TEST(GroupFindings, FailedComesFirstThenNotEvaluatedThenPassed) {
  const std::vector<ShownFinding> findings = {Make("a", "passed"), Make("b", "not_evaluated"),
                                              Make("c", "failed"), Make("d", "strange"),
                                              Make("e", "passed")};
  const auto groups = GroupFindings(findings);
  ASSERT_EQ(groups.size(), 5U);
  EXPECT_EQ(groups[0].check, "c");
  EXPECT_EQ(groups[1].check, "d");  // an unknown outcome is never put among the good ones
  EXPECT_EQ(groups[2].check, "b");
  EXPECT_EQ(groups[3].check, "a");
  EXPECT_EQ(groups[4].check, "e");
}

TEST(GroupFindings, WhatDiffersInCauseOrNextStepStaysApart) {
  const std::vector<ShownFinding> findings = {
      Make("ima.digest", "failed", "1", "tamper", "x"),
      Make("ima.digest", "failed", "2", "policy-lag", "x"),
      Make("ima.digest", "failed", "3", "tamper", "y"),
      Make("ima.digest", "not_evaluated", "4", "tamper", "x")};
  EXPECT_EQ(GroupFindings(findings).size(), 4U);
}

ResultView ManyUnknownFiles() {
  ResultView result;
  result.verdict = "fail";
  for (int i = 0; i < 8; ++i) {
    result.findings.push_back(Make("ima.path", "failed", "/tmp/x" + std::to_string(i), "tamper",
                                   "limequat explain AGENT"));
    result.findings.back().event = 600 + i;
  }
  result.findings.push_back(Make("tpm.quote.nonce", "passed", "", ""));
  return result;
}

TEST(RenderFindings, CountsInFullAndShowsTheFirst) {
  const std::string text = RenderFindings(ManyUnknownFiles(), {.look = {}, .few = 3});
  EXPECT_NE(text.find("FAILED  ima.path  8 findings  cause: tamper\n"), std::string::npos) << text;
  EXPECT_NE(text.find("- /tmp/x2 (entry 602)\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("/tmp/x3"), std::string::npos) << text;
  EXPECT_NE(text.find("… and 5 more (--all shows them)\n"), std::string::npos) << text;
  EXPECT_NE(text.find("next: limequat explain AGENT\n"), std::string::npos) << text;
  EXPECT_NE(text.find("passed  tpm.quote.nonce\n"), std::string::npos) << text;
}

// 214 files of one package are one line.
TEST(RenderFindings, FilesAreShownByTheirFolders) {
  ResultView result = ManyUnknownFiles();
  for (ShownFinding& finding : result.findings) {
    if (!finding.passed()) finding.path = finding.detail;
  }
  result.findings.push_back(
      Make("ima.path", "failed", "/opt/one is new", "tamper", "limequat explain AGENT"));
  result.findings.back().path = "/opt/one";
  const std::string text = RenderFindings(result, {.look = {}, .few = 3});
  EXPECT_NE(text.find("FAILED  ima.path  9 findings  cause: tamper\n"), std::string::npos) << text;
  EXPECT_NE(text.find("    - 8 files in /tmp, the first: /tmp/x0 (entry 600)\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("    - /opt/one is new\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("/tmp/x1"), std::string::npos) << text;
  EXPECT_NE(text.find("(--all shows each)\n"), std::string::npos) << text;
  const std::string all = RenderFindings(result, {.look = {}, .all = true, .few = 3});
  EXPECT_NE(all.find("/tmp/x7"), std::string::npos) << all;
}

// A package is named however few its files are, and each of them with --all.
TEST(RenderFindings, FilesAreShownByTheirPackages) {
  ResultView result;
  for (const char* name : {"/usr/bin/a", "/usr/bin/b", "/usr/bin/c"}) {
    result.findings.push_back(Make("ima.path", "failed", std::string(name) + " is new"));
    result.findings.back().path = name;
  }
  for (std::size_t i = 0; i < 2; ++i) {
    result.findings[i].event = 7 + i;
    result.findings[i].owner = {.package = "tools_2.deb", .content = collect::OwnedContent::kSame};
  }
  const std::string text = RenderFindings(result, {.look = {}, .few = 3});
  EXPECT_NE(text.find("    - 2 files as in tools_2.deb, the first: /usr/bin/a is new "
                      "(entry 7)\n    - /usr/bin/c is new\n"),
            std::string::npos)
      << text;
  const std::string all = RenderFindings(result, {.look = {}, .all = true, .few = 3});
  EXPECT_NE(all.find("    - /usr/bin/b is new (entry 8, as in tools_2.deb)\n"), std::string::npos)
      << all;
}

TEST(RenderFindings, WhatIsShownInFullHasNoMore) {
  ResultView result;
  result.findings.push_back(Make("ima.path", "failed", "/usr/bin/a is new"));
  result.findings.back().path = "/usr/bin/a";
  result.findings.back().owner = {.package = "tools 2", .content = {}};
  const std::string text = RenderFindings(result, {.look = {}, .few = 3});
  EXPECT_NE(text.find("    - /usr/bin/a is new (of tools 2)\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("--all"), std::string::npos) << text;
}

TEST(RenderFindings, PackagesThatAreTooManyAreCounted) {
  ResultView result;
  for (std::size_t i = 0; i < kFewPackages + 3; ++i) {
    result.findings.push_back(Make("ima.path", "failed", "d" + std::to_string(i)));
    result.findings.back().path = "/x" + std::to_string(i);
    result.findings.back().owner = {.package = "p" + std::to_string(i), .content = {}};
  }
  const std::string text = RenderFindings(result, {.look = {}, .few = 3});
  EXPECT_NE(text.find("… and 3 more elsewhere (--all shows each)\n"), std::string::npos) << text;
}

TEST(RenderFindings, FoldersThatAreTooManyAreCounted) {
  ResultView result;
  for (int i = 0; i < 9; ++i) {
    result.findings.push_back(Make("ima.path", "failed", "d", "tamper"));
    result.findings.back().path = "/folder" + std::to_string(i % 5) + "/x";
  }
  const std::string text = RenderFindings(result, {.look = {}, .few = 3});
  EXPECT_NE(text.find("- 2 files in /folder0, "), std::string::npos) << text;
  EXPECT_NE(text.find("… and 3 more elsewhere (--all shows each)\n"), std::string::npos) << text;
}

TEST(RenderFindings, Attack_A15_FoldersAreEscaped) {
  ResultView result;
  for (int i = 0; i < 9; ++i) {
    result.findings.push_back(Make("ima.path", "failed", "d", "tamper"));
    result.findings.back().path = "/\x1b[2J\n/x";
  }
  const std::string text = RenderFindings(result, {.look = {}, .few = 3});
  EXPECT_NE(text.find(R"(9 files in /\x1b[2J\x0a, )"), std::string::npos) << text;
}

TEST(RenderFindings, AllShowsEverything) {
  const std::string text = RenderFindings(ManyUnknownFiles(), {.look = {}, .all = true, .few = 3});
  EXPECT_NE(text.find("/tmp/x7"), std::string::npos);
  EXPECT_EQ(text.find("--all"), std::string::npos);
}

TEST(RenderFindings, SaysWhatACheckMeans) {
  const std::string text = RenderFindings(ManyUnknownFiles(), {});
  ASSERT_NE(FindCheckEntry("ima.path"), nullptr);
  EXPECT_NE(text.find(FindCheckEntry("ima.path")->meaning), std::string::npos);
}

TEST(RenderFindings, DoesNotSayOfACheckThatDidNotRunWhatItsFailureMeans) {
  ResultView result;
  result.findings.push_back(Make("ima.boot_aggregate", "not_evaluated", "no PCRs 0-9"));
  const std::string text = RenderFindings(result, {});
  EXPECT_NE(text.find("NOT EVALUATED  ima.boot_aggregate"), std::string::npos) << text;
  EXPECT_NE(text.find("- no PCRs 0-9\n"), std::string::npos) << text;
  ASSERT_NE(FindCheckEntry("ima.boot_aggregate"), nullptr);
  EXPECT_EQ(text.find(FindCheckEntry("ima.boot_aggregate")->meaning), std::string::npos) << text;
}

TEST(RenderFindings, SaysThatSomeWereOnlyCounted) {
  ResultView result = ManyUnknownFiles();
  result.findings_not_shown = 77;
  EXPECT_NE(RenderFindings(result, {}).find("77 more findings were counted"), std::string::npos);
}

TEST(RenderFindings, Attack_A15_TextOfTheResultIsEscaped) {
  ResultView result;
  result.verdict = "fail\x1b[32m";
  result.findings.push_back(Make("ima.path\n", "failed", "x\x1b]0;t\x07", "c\r", "next\n$(id)"));
  result.evidence_time = "now\x1b";
  const std::string text = RenderVerdict(result, {}) + RenderFindings(result, {});
  for (const char c : text) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << text;
  EXPECT_NE(text.find(R"(next: next\x0a$(id))"), std::string::npos) << text;
}

TEST(ParseResultView, ReadsADocumentOfTheContract) {
  const auto document = json::Parse(R"({"verdict": "fail", "findings": [
      {"check": "boot.baseline", "outcome": "failed", "detail": "d", "subject": {"pcr": 4},
       "expected": ["a", "b"], "found": "c", "cause": "firmware", "next": "n"},
      {"check": "x", "outcome": "passed", "subject": {"path": "/p", "event": 17}}],
      "findings_not_shown": 3, "evidence_time": "2026-11-25T09:00:00Z", "evaluated_at": "t"})");
  ASSERT_TRUE(document);
  const auto result = ParseResultView(*document);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->verdict, "fail");
  ASSERT_EQ(result->findings.size(), 2U);
  EXPECT_EQ(result->findings[0].pcr, 4U);
  EXPECT_EQ(result->findings[0].expected, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(result->findings[0].found, "c");
  EXPECT_TRUE(result->findings[1].expected.empty());
  EXPECT_EQ(result->findings[0].cause, "firmware");
  EXPECT_EQ(result->findings[0].next, "n");
  EXPECT_EQ(result->findings[1].path, "/p");
  EXPECT_EQ(result->findings[1].event, 17U);
  EXPECT_EQ(result->findings_not_shown, 3U);
  EXPECT_EQ(result->evidence_time, "2026-11-25T09:00:00Z");
}

TEST(ParseResultView, RefusesWhatIsNoResult) {
  for (
      const char* text :
      {"null", "{}", R"({"verdict": 1, "findings": []})", R"({"verdict": "pass"})",
       R"({"verdict": "pass", "findings": [1]})",
       R"({"verdict": "pass", "findings": [{"check": "a"}]})",
       R"({"verdict": "pass", "findings": [{"check": "a", "outcome": "passed", "subject": 1}]})",
       R"({"verdict": "pass", "findings": [{"check": "a", "outcome": "passed", "expected": "x"}]})",
       R"({"verdict": "pass", "findings": [{"check": "a", "outcome": "passed", "subject": {"pcr": -1}}]})"}) {
    const auto result = ParseResultView(*json::Parse(text));
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().code, ErrorCode::kMalformed) << text;
  }
}

TEST(TintOf, OnlyPassIsGood) {
  EXPECT_EQ(TintOf("pass"), Tint::kGood);
  EXPECT_EQ(TintOf("fail"), Tint::kBad);
  EXPECT_EQ(TintOf("error"), Tint::kBad);
  for (const char* other : {"unpoliced", "late", "pending", "PASS", ""}) {
    EXPECT_EQ(TintOf(other), Tint::kWarning) << other;
  }
}

}  // namespace
}  // namespace limequat::cli
