#include "limequat/appraise/appraisal.h"

#include <gtest/gtest.h>

#include "limequat/base/check_catalogue.h"

namespace limequat::appraise {
namespace {

Appraisal With(Findings findings, bool policed = true) {
  Appraisal appraisal;
  appraisal.findings = std::move(findings);
  appraisal.policed = policed;
  return appraisal;
}

TEST(VerdictTest, Names) {
  EXPECT_EQ(VerdictName(Verdict::kPass), "pass");
  EXPECT_EQ(VerdictName(Verdict::kFail), "fail");
  EXPECT_EQ(VerdictName(Verdict::kError), "error");
  EXPECT_EQ(VerdictName(Verdict::kUnpoliced), "unpoliced");
}

TEST(VerdictTest, NothingFoundIsNotGood) { EXPECT_EQ(With({}).verdict(), Verdict::kError); }

TEST(VerdictTest, AllPassed) {
  EXPECT_EQ(With({Passed("a"), Passed("b")}).verdict(), Verdict::kPass);
  EXPECT_EQ(With({Passed("a"), Passed("b")}, false).verdict(), Verdict::kUnpoliced);
}

TEST(VerdictTest, OneFailure) {
  EXPECT_EQ(With({Passed("a"), Failed("b", "")}).verdict(), Verdict::kFail);
  EXPECT_EQ(With({Passed("a"), Failed("b", "")}, false).verdict(), Verdict::kFail);
}

TEST(VerdictTest, WhatWasNotEvaluatedDidNotPass) {
  EXPECT_EQ(With({Passed("a"), NotEvaluated("b", "")}).verdict(), Verdict::kFail);
}

TEST(VerdictTest, NothingEvaluatedIsAnError) {
  EXPECT_EQ(With({NotEvaluated("a", ""), NotEvaluated("b", "")}).verdict(), Verdict::kError);
  EXPECT_EQ(With({NotEvaluated("a", ""), Failed("b", "")}).verdict(), Verdict::kFail);
}

TEST(VerdictTest, FailuresThatWereOnlyCountedCount) {
  Appraisal appraisal = With({Passed("a")});
  appraisal.not_shown = 1;
  EXPECT_EQ(appraisal.verdict(), Verdict::kFail);
}

TEST(AddTest, KeepsALimitedNumberAndCountsFailures) {
  Appraisal appraisal;
  appraisal.policed = true;
  for (std::size_t i = 0; i < kMaxFindings; ++i) Add(appraisal, Passed("a"));
  Add(appraisal, Passed("b"));
  EXPECT_EQ(appraisal.findings.size(), kMaxFindings);
  EXPECT_EQ(appraisal.not_shown, 0U);
  EXPECT_EQ(appraisal.verdict(), Verdict::kPass);
  Add(appraisal, Failed("c", ""));
  Add(appraisal, NotEvaluated("d", ""));
  EXPECT_EQ(appraisal.findings.size(), kMaxFindings);
  EXPECT_EQ(appraisal.not_shown, 2U);
  EXPECT_EQ(appraisal.verdict(), Verdict::kFail);
}

TEST(ToJsonTest, Finding) {
  Finding finding = Failed("ima.digest", "one sentence", Cause::kPolicyLag);
  finding.subject = {.path = "/usr/bin/x", .pcr = 10, .event = 17};
  finding.next = "limequat explain AGENT";
  finding = Comparing(std::move(finding), {"ab", "cd"}, "sha256:ef");
  EXPECT_EQ(json::Serialize(ToJson(finding)),
            R"({"check":"ima.digest","outcome":"failed","detail":"one sentence",)"
            R"("subject":{"path":"/usr/bin/x","pcr":10,"event":17},)"
            R"("expected":["ab","cd"],"found":"sha256:ef",)"
            R"("cause":"policy-lag","next":"limequat explain AGENT"})");
}

TEST(ToJsonTest, WhatIsNotThereIsLeftOut) {
  EXPECT_EQ(json::Serialize(ToJson(Passed("a"))),
            R"({"check":"a","outcome":"passed","detail":""})");
}

TEST(ToJsonTest, WhatDidNotPassHasANextCommand) {
  const auto next = [](const Finding& finding) {
    const json::Value json = ToJson(finding);
    const json::Value* member = json.as_object()->Find("next");
    return member == nullptr ? std::string() : std::string(*member->as_string());
  };
  EXPECT_EQ(next(Failed("tpm.quote.nonce", "")), FindCheckEntry("tpm.quote.nonce")->next);
  EXPECT_EQ(next(NotEvaluated("ima.replay", "")), FindCheckEntry("ima.replay")->next);
  EXPECT_EQ(next(Passed("tpm.quote.nonce")), "");
  EXPECT_EQ(next(Failed("no.such.check", "")), "");
  Finding own = Failed("tpm.quote.nonce", "");
  own.next = "limequat agent list";
  EXPECT_EQ(next(own), "limequat agent list");
}

TEST(ToJsonTest, Attack_A15_PathIsEscaped) {
  Finding finding = Failed("ima.path", "");
  finding.subject.path = "/tmp/\x1b[2J\xff";
  const json::Value json = ToJson(finding);
  const json::Value* path = json.as_object()->Find("subject")->as_object()->Find("path");
  EXPECT_EQ(*path->as_string(), R"(/tmp/\x1b[2J\xff)");
}

TEST(ToJsonTest, Appraisal) {
  Appraisal appraisal = With({Passed("a")});
  appraisal.evidence_time = FromUnixSeconds(0);
  appraisal.evaluated_at = FromUnixSeconds(3600);
  EXPECT_EQ(json::Serialize(ToJson(appraisal)),
            R"({"verdict":"pass","findings":[{"check":"a","outcome":"passed","detail":""}],)"
            R"("evaluated_at":"1970-01-01T01:00:00Z"})");
  appraisal.evidence_time = FromUnixSeconds(1);
  EXPECT_EQ(*ToJson(appraisal).as_object()->Find("evidence_time")->as_string(),
            "1970-01-01T00:00:01Z");
}

TEST(ToJsonTest, PartOfTheFindings) {
  Appraisal appraisal = With({Passed("a"), Failed("b", ""), Passed("c"), Failed("d", "")});
  appraisal.not_shown = 7;
  const json::Value json = ToJson(appraisal, 3);
  const json::Array& findings = *json.as_object()->Find("findings")->as_array();
  ASSERT_EQ(findings.size(), 3U);
  const std::vector<std::string> expected = {"b", "d", "a"};
  for (std::size_t i = 0; i < findings.size(); ++i) {
    EXPECT_EQ(*findings[i].as_object()->Find("check")->as_string(), expected[i]);
  }
  EXPECT_EQ(json.as_object()->Find("findings_not_shown")->as_uint64(), 8U);
  EXPECT_EQ(ToJson(appraisal, 0).as_object()->Find("findings")->as_array()->size(), 4U);
  EXPECT_EQ(ToJson(appraisal, 4).as_object()->Find("findings")->as_array()->size(), 4U);
}

}  // namespace
}  // namespace limequat::appraise
