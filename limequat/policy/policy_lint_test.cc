#include "limequat/policy/policy_lint.h"

#include <string>
#include <string_view>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/json/value.h"
#include "limequat/policy/testing/device_mapper.h"

namespace limequat::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kSha1Digest(40, '1');
const std::string kSha256Digest(64, '2');

std::string Quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

std::string Policy(std::string_view digests, std::string_view excludes = "",
                   std::string_view more = "") {
  return R"({"meta":{"version":1,"generator":3,"timestamp":"t"},"release":0,"digests":{)" +
         std::string(digests) + R"(},"excludes":[)" + std::string(excludes) +
         R"(],"keyrings":{},"ima":{"ignored_keyrings":[],"log_hash_alg":"sha1","dm_policy":null},)"
         R"("ima-buf":{},"verification-keys":"")" +
         std::string(more) + "}";
}

const std::string kGood = R"("/usr/bin/a":[")" + kSha256Digest + R"("])";

Findings Check(std::string_view text) {
  auto findings = CheckRuntimePolicy(text);
  EXPECT_TRUE(findings) << findings.error().message;
  return findings.value_or(Findings());
}

// The names, without "policy.check.", of what did not pass.
std::vector<std::string> Wrong(const Findings& findings) {
  std::vector<std::string> names;
  for (const Finding& finding : findings) {
    if (!finding.passed()) names.push_back(finding.check.substr(13));
  }
  return names;
}

std::string Detail(const Findings& findings, std::string_view name) {
  const Finding* finding = FindCheck(findings, "policy.check." + std::string(name));
  return finding == nullptr ? "(absent)" : finding->detail;
}

TEST(CheckPolicy, FindsNothingInAGoodOne) {
  const Findings findings = Check(Policy(kGood, R"("/var/log/.*","/usr/bin/x$")"));
  EXPECT_EQ(findings.size(), 11U);
  EXPECT_TRUE(AllPassed(findings));
}

TEST(CheckPolicy, NamesMembersThatNobodyEvaluates) {
  const Findings findings = Check(Policy(kGood, "", R"(,"exclude":["/tmp"],"x\n":1)"));
  EXPECT_THAT(Wrong(findings), ElementsAre("members"));
  EXPECT_EQ(Detail(findings, "members"), R"(2 members that nobody evaluates: 'exclude', 'x\x0a')");
  std::string text = Policy(kGood);
  text.replace(text.find("\"version\""), 0, "\"colour\":1,");
  text.replace(text.find("\"ignored_keyrings\""), 0, "\"hash\":1,");
  EXPECT_EQ(Detail(Check(text), "members"),
            "2 members that nobody evaluates: 'meta.colour', 'ima.hash'");
}

TEST(CheckPolicy, TellsOfDigestsThatNobodyVouchesFor) {
  const auto marked = [](std::string_view value) {
    std::string text = Policy(kGood);
    text.replace(text.find("\"version\""), 0, "\"unattested\":" + std::string(value) + ",");
    return text;
  };
  EXPECT_THAT(Wrong(Check(marked("true"))), ElementsAre("attested"));
  EXPECT_THAT(Wrong(Check(marked("false"))), ElementsAre());
  EXPECT_THAT(Wrong(Check(marked("7"))), ElementsAre("schema", "attested", "says_something"));
}

TEST(CheckPolicy, NamesEveryPathWithAMalformedDigest) {
  std::string digests = kGood;
  for (const std::string_view bad : {R"("/b":["x"])", R"("/c":[1])", R"("/d":[])", R"("/e":7)"}) {
    digests += ',' + std::string(bad);
  }
  const Findings findings = Check(Policy(digests + R"(,"/f":[")" + std::string(64, 'A') + R"("])"));
  EXPECT_THAT(Wrong(findings), ElementsAre("schema", "digests", "says_something"));
  EXPECT_EQ(Detail(findings, "digests"),
            "5 names with a malformed digest, or none: '/b', '/c', '/d', '/e', '/f'");
  // Keylime's own test policy.
  EXPECT_EQ(Detail(Check(Policy(R"("/a":["sha256:)" + kSha256Digest + R"("])")), "digests"),
            "1 names with a malformed digest, or none: '/a'");
}

TEST(CheckPolicy, ShowsAFewExamplesAndCountsAll) {
  std::string digests;
  for (int i = 0; i < 1000; ++i) {
    digests += Quoted("/p" + std::to_string(i)) + ":[" + Quoted(kSha1Digest) + "],";
  }
  const Findings findings = Check(Policy(digests + kGood));
  EXPECT_THAT(Wrong(findings), ElementsAre("weak_digests"));
  EXPECT_EQ(Detail(findings, "weak_digests"),
            "1000 names have only SHA-1 digests: '/p0', '/p1', '/p2', '/p3', '/p4', …");
}

TEST(CheckPolicy, TakesASha1DigestBesideAStrongOne) {
  EXPECT_TRUE(AllPassed(
      Check(Policy("\"/a\":[" + Quoted(kSha1Digest) + "," + Quoted(kSha256Digest) + "]"))));
}

TEST(CheckPolicy, LooksIntoKeyringsAndBuffersToo) {
  std::string text = Policy(kGood);
  text.replace(text.find("\"keyrings\":{}"), 13, "\"keyrings\":{\".ima\":[\"x\"]}");
  text.replace(text.find("\"ima-buf\":{}"), 12,
               "\"ima-buf\":{\"k\":[" + Quoted(kSha1Digest) + "]}");
  const Findings findings = Check(text);
  EXPECT_THAT(Detail(findings, "digests"), HasSubstr("'keyrings..ima'"));
  EXPECT_THAT(Detail(findings, "weak_digests"), HasSubstr("'ima-buf.k'"));
}

TEST(CheckPolicy, NamesWhatIsListedTwice) {
  const std::string twice = Quoted(kSha256Digest) + "," + Quoted(kSha256Digest);
  const Findings findings = Check(Policy("\"/a\":[" + twice + "]", R"("/tmp","/tmp")"));
  EXPECT_THAT(Wrong(findings), ElementsAre("repeated"));
  EXPECT_THAT(Detail(findings, "repeated"), HasSubstr("'/a', '/tmp'"));
}

TEST(CheckPolicy, NamesEveryInvalidExpression) {
  const Findings findings = Check(Policy(kGood, R"("(","/tmp","[")"));
  EXPECT_THAT(Wrong(findings), ElementsAre("schema", "excludes", "says_something"));
  EXPECT_THAT(Detail(findings, "excludes"), HasSubstr("2 expressions are invalid"));
}

TEST(CheckPolicy, Attack_A10_NamesExpressionsThatMatchEverything) {
  for (const std::string_view all : {"", ".*", "/", "^", "/.*", "(?s).*", "(?!x)", "/[^/]+/"}) {
    const Findings findings = Check(Policy(kGood, Quoted(all) + ",\"/tmp/.*\""));
    EXPECT_THAT(Wrong(findings), ElementsAre("exclude_all", "says_something")) << all;
    EXPECT_THAT(Detail(findings, "exclude_all"), HasSubstr("'" + std::string(all) + "'"));
  }
}

TEST(CheckPolicy, NamesExpressionsThatMatchFoldersOfPrograms) {
  for (const std::string_view folder : {"/usr/bin", "/usr/bin/.*", "/lib.*", "/usr/(?!bin).*"}) {
    const Findings findings = Check(Policy(kGood, Quoted(folder)));
    EXPECT_THAT(Wrong(findings), ElementsAre("exclude_programs")) << folder;
  }
  EXPECT_TRUE(AllPassed(Check(Policy(kGood, R"("/usr/bin/[a-c]*$","/var","/usr/share/.*")"))));
}

TEST(CheckPolicy, NamesRulesForDevicesOfAnyName) {
  const auto ruled = [](std::string_view name, std::string_view uuid, std::string_view match_on) {
    json::Object rule = testing::VerityRule();
    json::Object table = *rule.Find("table_load")->as_object();
    table.Set("name", name);
    table.Set("uuid", uuid);
    rule.Set("table_load", std::move(table));
    const json::Object rules{
        {"version", 1}, {"match_on", match_on}, {"rules", json::Object{{"root", std::move(rule)}}}};
    std::string text = Policy(kGood);
    text.replace(text.find("null"), 4, json::Serialize(rules));
    return Check(text);
  };
  EXPECT_TRUE(AllPassed(ruled("root|usr", ".*", "name")));
  EXPECT_TRUE(AllPassed(ruled(".*", "CRYPT-VERITY-.*", "uuid")));
  for (const Findings& findings :
       {ruled(".*", "x", "name"), ruled(".+", "x", "name"), ruled("x", "[^/]*", "uuid")}) {
    EXPECT_THAT(Wrong(findings), ElementsAre("devices"));
    EXPECT_EQ(Detail(findings, "devices"), "1 rules are for a device of any name: 'root'");
  }
}

TEST(CheckPolicy, SaysIfNothingIsSaid) {
  EXPECT_THAT(Wrong(Check(Policy(""))), ElementsAre("says_something"));
}

TEST(CheckPolicy, ReportsASchemaThatIsNotMetAsAFinding) {
  EXPECT_THAT(Wrong(Check("{}")), ElementsAre("schema", "says_something"));
  EXPECT_THAT(Wrong(Check(R"({"digests":7,"excludes":7,"keyrings":7,"ima":7,"meta":7})")),
              ElementsAre("schema", "says_something"));
}

TEST(CheckPolicy, RefusesWhatIsNoDocument) {
  const auto id = [](std::string_view text) { return CheckRuntimePolicy(text).error().id; };
  EXPECT_EQ(id(""), "policy.json");
  EXPECT_EQ(id("[]"), "policy.json");
  EXPECT_EQ(id(R"({"digests":{},"digests":{}})"), "policy.json");
  EXPECT_EQ(id(Policy(R"("/a":["x"],"/a":["x"])")), "policy.json");
}

}  // namespace
}  // namespace limequat::policy
