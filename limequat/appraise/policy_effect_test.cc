#include "limequat/appraise/policy_effect.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "limequat/appraise/testing/machine.h"

namespace limequat::appraise {
namespace {

using testing::FakeMachine;
using testing::ParsePolicy;

Appraisal Of(Findings findings, bool policed = true) {
  return {.findings = std::move(findings), .policed = policed};
}

Finding About(std::string path, std::string found = "sha256:00") {
  Finding finding = Comparing(Failed("ima.path", "detail"), {}, found);
  finding.subject.path = std::move(path);
  return finding;
}

const Appraisal kPass = Of({Passed("ima.list")});
const Appraisal kFail = Of({Passed("ima.list"), About("/bin/x")});
const Appraisal kUnpoliced = Of({Passed("ima.list")}, false);
const Appraisal kError = Of({NotEvaluated("ima.list", "")});

TEST(CompareAppraisals, SaysWhatChanges) {
  const auto effect = [](const Appraisal& now, const Appraisal& then) {
    return std::string(EffectName(CompareAppraisals(now, then).effect));
  };
  EXPECT_EQ(effect(kPass, kPass), "stays_passing");
  EXPECT_EQ(effect(kPass, kFail), "newly_failing");
  EXPECT_EQ(effect(kPass, kUnpoliced), "newly_unpoliced");
  EXPECT_EQ(effect(kFail, kPass), "newly_passing");
  EXPECT_EQ(effect(kFail, kFail), "stays_failing");
  EXPECT_EQ(effect(kFail, kUnpoliced), "newly_unpoliced");
  EXPECT_EQ(effect(kUnpoliced, kPass), "newly_passing");
  EXPECT_EQ(effect(kUnpoliced, kFail), "newly_failing");
  EXPECT_EQ(effect(kUnpoliced, kUnpoliced), "stays_unpoliced");
  EXPECT_EQ(effect(kPass, kError), "newly_failing") << "fails closed";
  EXPECT_EQ(effect(kError, kFail), "stays_failing");
}

TEST(CompareAppraisals, NamesOnlyWhatDiffers) {
  const PolicyEffect effect =
      CompareAppraisals(Of({About("/bin/both"), About("/bin/gone"), Passed("ima.list")}),
                        Of({About("/bin/both"), About("/bin/new"), Passed("ima.replay")}));
  ASSERT_EQ(effect.added.size(), 1U);
  EXPECT_EQ(effect.added[0].subject.path, "/bin/new");
  ASSERT_EQ(effect.removed.size(), 1U);
  EXPECT_EQ(effect.removed[0].subject.path, "/bin/gone");
  EXPECT_EQ(effect.not_compared, 0U);
}

TEST(CompareAppraisals, OtherWordsOfTheSameAreNoChange) {
  Finding other = About("/bin/x");
  other.detail = "the policy lists something else instead";
  other.expected = {"11"};
  const PolicyEffect effect = CompareAppraisals(kFail, Of({other}));
  EXPECT_TRUE(effect.added.empty());
  EXPECT_TRUE(effect.removed.empty());
}

TEST(CompareAppraisals, AnotherDigestOfTheSameFileIsAChange) {
  EXPECT_EQ(CompareAppraisals(kFail, Of({About("/bin/x", "sha256:01")})).added.size(), 1U);
}

TEST(CompareAppraisals, SaysHowManyFindingsItDidNotSee) {
  Appraisal then = kFail;
  then.not_shown = 7;
  EXPECT_EQ(CompareAppraisals(kPass, then).not_compared, 7U);
  EXPECT_EQ(CompareAppraisals(then, kPass).not_compared, 7U);
}

class SimulationTest : public ::testing::Test {
 protected:
  SimulationTest() {
    machine_.Boot();
    machine_.Run("/usr/bin/listed", "listed 1");
  }
  Appraisal Simulated(const std::string& policy) {
    const auto set = ParsePolicy(policy);
    auto appraisal = AppraiseForSimulation(AsBytes(machine_.list()), ima::Format::kAscii,
                                           policy::PolicyAt(*set, Time{}), std::nullopt);
    EXPECT_TRUE(appraisal.has_value());
    return appraisal ? *std::move(appraisal) : Appraisal();
  }

  FakeMachine machine_;
};

TEST_F(SimulationTest, BootAggregateThatNobodyCanComputeFailsNoList) {
  EXPECT_EQ(Simulated(machine_.PolicyText({})).verdict(), Verdict::kPass);
}

// It would fail every list, under the policy of now and under the draft, and hide what the
// draft breaks.
TEST_F(SimulationTest, CommandLineThatNobodyCanSeeFailsNoList) {
  const auto needs = [&](std::string_view coverage) {
    std::string policy = machine_.PolicyText({});
    policy.insert(policy.find("\"dm_policy\""), "\"coverage\":{" + std::string(coverage) + "},");
    return policy;
  };
  const std::string_view line = R"("command_line":{"ima_policy":["tcb"]})";
  EXPECT_EQ(Simulated(needs(line)).verdict(), Verdict::kPass);
  const std::string entry = R"("entries":{"ima_policy":[")" + std::string(64, '1') + R"("]})";
  const Appraisal appraisal = Simulated(needs(std::string(line) + "," + entry));
  EXPECT_EQ(appraisal.verdict(), Verdict::kFail) << "what the list can show is looked at";
  EXPECT_NE(FindCheck(appraisal.findings, "ima.coverage"), nullptr);
}

TEST_F(SimulationTest, NothingElseIsLeftOut) {
  const std::string policy = machine_.PolicyText({});
  machine_.Run("/usr/bin/unknown", "unknown 1");
  const Appraisal appraisal = Simulated(policy);
  EXPECT_EQ(appraisal.verdict(), Verdict::kFail);
  EXPECT_NE(FindCheck(appraisal.findings, "ima.path"), nullptr);
}

TEST_F(SimulationTest, ABootAggregateThatThePolicyRefusesFails) {
  std::string policy = machine_.PolicyText({});
  const std::string digests = "\"digests\":{";
  policy.insert(policy.find(digests) + digests.size(),
                "\"boot_aggregate\":[\"" + std::string(64, '1') + "\"],");
  EXPECT_EQ(Simulated(policy).verdict(), Verdict::kFail);
}

TEST_F(SimulationTest, MalformedListsAreErrors) {
  const auto set = ParsePolicy(machine_.PolicyText({}));
  EXPECT_FALSE(AppraiseForSimulation(AsBytes("no list\n"), ima::Format::kAscii,
                                     policy::PolicyAt(*set, Time{}), std::nullopt));
}

}  // namespace
}  // namespace limequat::appraise
