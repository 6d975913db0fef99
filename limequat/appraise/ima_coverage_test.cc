// What proves that the kernel measures (A02), and violations that a policy ignores (A09).

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/appraise/ima_appraisal.h"
#include "limequat/appraise/testing/attest.h"
#include "limequat/appraise/testing/machine.h"
#include "limequat/ima/testing/sign.h"
#include "limequat/json/value.h"

namespace limequat::appraise {
namespace {

using crypto::HashAlgorithm;
using testing::AttestFull;
using testing::AttestNext;
using testing::FailsFor;
using testing::FailsOnlyFor;
using testing::FakeMachine;
using ::testing::HasSubstr;
using testing::Passes;

constexpr std::string_view kRules = "measure func=BPRM_CHECK\n";
constexpr std::string_view kRulesPath = "/etc/ima/ima-policy";
constexpr std::string_view kCoverage = "ima.coverage";
constexpr std::string_view kIgnored = "ima.violations_ignored";

crypto::Digest DigestOf(std::string_view text) {
  return crypto::Hash(HashAlgorithm::kSha256, AsBytes(text));
}

class CoverageTest : public ::testing::Test {
 protected:
  CoverageTest() {
    machine_.Boot();
    machine_.Run("/usr/bin/listed", "listed 1");
  }

  // A policy of all that was measured so far, with a member of ours.
  void MakePolicy(std::string_view name, json::Value value) {
    json::Value policy = *json::Parse(machine_.PolicyText());
    json::Object ima = *policy.as_object()->Find("ima")->as_object();
    ima.Set(name, std::move(value));
    policy.as_object()->Set("ima", std::move(ima));
    text_ = json::Serialize(policy);
  }
  void RequireCoverage(std::string_view name = kRulesPath, std::string_view content = kRules) {
    MakePolicy("coverage",
               json::Object{{"entries", json::Object{{std::string(name),
                                                      json::Array{DigestOf(content).hex()}}}}});
  }
  Reference MakeReference() const {
    Reference reference = machine_.MakeReference();
    reference.policy = testing::ParsePolicy(text_);
    return reference;
  }
  Attestation Full() { return AttestFull(machine_, MakeReference()); }

  FakeMachine machine_;
  std::string text_;
};

std::string DetailOf(const Attestation& attestation, std::string_view check) {
  const Finding* finding = FindCheck(attestation.appraisal.findings, check);
  return finding == nullptr ? "" : finding->detail;
}

// --- A02: is what is not in the list not measured, or not run? ------------------------

TEST_F(CoverageTest, Attack_A02_UnprovenCoverageIsNotEvaluated) {
  RequireCoverage();
  const Attestation first = Full();
  ASSERT_TRUE(FailsOnlyFor(first, kCoverage));
  EXPECT_EQ(FindCheck(first.appraisal.findings, kCoverage)->outcome, Outcome::kNotEvaluated);
  EXPECT_THAT(DetailOf(first, kCoverage), HasSubstr("/etc/ima/ima-policy"));
}

TEST_F(CoverageTest, Attack_A02_ThePolicyThatTheKernelReadProvesIt) {
  machine_.Run(kRulesPath, kRules);
  RequireCoverage();
  const Attestation first = Full();
  ASSERT_TRUE(Passes(first));
  EXPECT_TRUE(FindCheck(first.appraisal.findings, kCoverage)->passed());
  // Proven once is proven for the boot.
  const Attestation next = AttestNext(machine_, MakeReference(), first.progress.value());
  ASSERT_TRUE(Passes(next));
  EXPECT_TRUE(FindCheck(next.appraisal.findings, kCoverage)->passed());
  machine_.Boot();
  EXPECT_TRUE(FailsOnlyFor(Full(), kCoverage));
}

TEST_F(CoverageTest, Attack_A02_AnotherPolicyProvesNothing) {
  machine_.Run(kRulesPath, "measure func=FIRMWARE_CHECK\n");
  RequireCoverage();
  EXPECT_TRUE(FailsOnlyFor(Full(), kCoverage));
}

TEST_F(CoverageTest, Attack_A02_ALoadedPolicyIsSeenWhenItComes) {
  RequireCoverage();
  const Attestation first = Full();
  ASSERT_TRUE(FailsOnlyFor(first, kCoverage));
  machine_.Run(kRulesPath, kRules);
  EXPECT_TRUE(FailsOnlyFor(AttestNext(machine_, MakeReference(), *first.progress), "ima.path"));
}

TEST_F(CoverageTest, Attack_A02_EveryEntryThatIsNamed) {
  machine_.Run(kRulesPath, kRules);
  MakePolicy(
      "coverage",
      json::Object{
          {"entries", json::Object{{std::string(kRulesPath), json::Array{DigestOf(kRules).hex()}},
                                   {"more", json::Array{DigestOf(kRules).hex()}}}}});
  const Attestation first = Full();
  EXPECT_TRUE(FailsOnlyFor(first, kCoverage));
  EXPECT_THAT(DetailOf(first, kCoverage), ::testing::EndsWith("listed for more"));
}

TEST_F(CoverageTest, Attack_A02_Buffers) {
  machine_.MeasureWith("ima-buf", "ima_policy", DigestOf(kRules), AsBytes(kRules));
  RequireCoverage("ima_policy");
  EXPECT_TRUE(FailsOnlyFor(Full(), "ima.buffer"));
  EXPECT_TRUE(FindCheck(Full().appraisal.findings, kCoverage)->passed());
}

// The digest beside a buffer is anything its writer likes.
TEST_F(CoverageTest, Attack_A02_ABufferWithTheDigestOfAnother) {
  machine_.MeasureWith("ima-buf", "ima_policy", DigestOf(kRules), ToBytes("dont_measure"));
  RequireCoverage("ima_policy");
  EXPECT_TRUE(FailsFor(Full(), kCoverage));
}

// Who makes a keyring chooses its name.
TEST_F(CoverageTest, Attack_A02_AKeyInAKeyringOfThatName) {
  const ima::testing::FileSigner signer(crypto::PrivateKey::GenerateEc(crypto::Curve::kP256));
  const Bytes key = signer.key().key.ToSpkiDer();
  machine_.MeasureWith("ima-buf", "ima_policy", DigestOf(AsText(key)), key);
  RequireCoverage("ima_policy", AsText(key));
  EXPECT_TRUE(FailsFor(Full(), kCoverage));
}

TEST_F(CoverageTest, Attack_A02_AViolationProvesNothing) {
  MakePolicy("ignore_violations", true);
  json::Value policy = *json::Parse(text_);
  json::Object ima = *policy.as_object()->Find("ima")->as_object();
  // What a violation shows as its digest.
  ima.Set("coverage", json::Object{{"entries", json::Object{{std::string(kRulesPath),
                                                             json::Array{std::string(64, '0')}}}}});
  policy.as_object()->Set("ima", std::move(ima));
  text_ = json::Serialize(policy);
  machine_.Violate(kRulesPath);
  EXPECT_TRUE(FailsOnlyFor(Full(), kCoverage));
}

TEST_F(CoverageTest, Attack_A06_AnotherPcrProvesNothing) {
  machine_.Measure(kRulesPath, DigestOf(kRules), 11);
  RequireCoverage();
  EXPECT_TRUE(FailsFor(Full(), kCoverage));
}

TEST_F(CoverageTest, WithoutTheStateTheListIsAskedForInFull) {
  machine_.Run(kRulesPath, kRules);
  RequireCoverage();
  BootProgress before = Full().progress.value();
  before.learned = nullptr;
  EXPECT_EQ(AttestNext(machine_, MakeReference(), before).advice, Advice::kAskInFull);
}

// --- A09: files that changed while they were measured ---------------------------------

TEST_F(CoverageTest, Attack_A09_ViolationsFailUnlessThePolicyIgnoresThem) {
  for (const json::Value& value : {json::Value(), json::Value(false)}) {
    MakePolicy("ignore_violations", value);
    FakeMachine other = machine_;
    other.Violate("/var/log/x");
    EXPECT_TRUE(FailsOnlyFor(AttestFull(other, MakeReference()), "ima.violation"));
  }
  MakePolicy("ignore_violations", true);
  EXPECT_EQ(FindCheck(Full().appraisal.findings, kIgnored), nullptr);
  machine_.Violate("/var/log/x");
  EXPECT_TRUE(Passes(Full()));
}

// Also later, when no new entry tells of it, and after a restart of the verifier.
TEST_F(CoverageTest, Attack_A09_IgnoringIsVisible) {
  MakePolicy("ignore_violations", true);
  machine_.Violate("/var/log/x");
  machine_.Violate("/var/log/y");
  const Attestation first = Full();
  EXPECT_THAT(DetailOf(first, kIgnored), HasSubstr("2 files"));
  const Attestation next = AttestNext(machine_, MakeReference(), first.progress.value());
  EXPECT_THAT(DetailOf(next, kIgnored), HasSubstr("2 files"));
  BootProgress before = *first.progress;
  before.learned = nullptr;
  EXPECT_EQ(AttestNext(machine_, MakeReference(), before).advice, Advice::kAskInFull);
}

// The TPM vouches for the fact of a violation, not for a word of it.
TEST_F(CoverageTest, Attack_A09_TheTextOfAViolationIsNotBelieved) {
  MakePolicy("ignore_violations", true);
  machine_.Violate("/usr/bin/\x1b[31m$(id)");
  const Attestation first = Full();
  ASSERT_TRUE(Passes(first));
  for (const Finding& finding : first.appraisal.findings) {
    EXPECT_THAT(finding.detail + finding.next, ::testing::Not(HasSubstr("id)")));
  }
}

// A list that begins with a violation tells nothing of the boot it belongs to.
TEST_F(CoverageTest, Attack_A09_ViolationInThePlaceOfBootAggregate) {
  MakePolicy("ignore_violations", true);
  const auto policy = testing::ParsePolicy(text_);
  machine_.BootWithoutIma();
  machine_.Violate("boot_aggregate");
  const auto alone =
      AppraiseImaList(AsBytes(machine_.list()), ima::Format::kAscii,
                      policy::PolicyAt(*policy, testing::EvaluationTime()), std::nullopt);
  const Finding* finding = FindCheck(alone->findings, "ima.violation");
  ASSERT_NE(finding, nullptr);
  EXPECT_EQ(finding->outcome, Outcome::kFailed);
  EXPECT_TRUE(FailsFor(Full(), "ima.boot_aggregate"));
}

TEST_F(CoverageTest, APolicyThatSaysNothingIsNotAskedForMore) {
  RequireCoverage();
  json::Value policy = *json::Parse(text_);
  policy.as_object()->Set("excludes", json::Array{".*"});
  text_ = json::Serialize(policy);
  EXPECT_TRUE(testing::Verdicts(Full(), Verdict::kUnpoliced));
}

}  // namespace
}  // namespace limequat::appraise
