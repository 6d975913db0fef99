// Policies of layers over time: what is retired, what comes into effect, and what is lost.

#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "limequat/appraise/attestation.h"
#include "limequat/appraise/testing/attest.h"

namespace limequat::appraise {
namespace {

using crypto::HashAlgorithm;
using testing::FailsOnlyFor;
using testing::MakeChallenge;
using testing::Passes;

constexpr std::string_view kProgram = "/usr/bin/tool";
crypto::Digest Old() { return crypto::Hash(HashAlgorithm::kSha256, ToBytes("tool 1")); }
crypto::Digest New() { return crypto::Hash(HashAlgorithm::kSha256, ToBytes("tool 2")); }

// Hours after the moment at which other tests appraise.
Time At(int hours) { return testing::EvaluationTime() + std::chrono::hours(hours); }

std::shared_ptr<const policy::RuntimePolicy> Layer(const crypto::Digest& digest,
                                                   const std::string& meta) {
  const auto policy = policy::RuntimePolicy::Parse(fmt::format(
      R"({{"meta":{{"version":1,"generator":3{}}},"release":0,"digests":{{"{}":["{}"]}},)"
      R"("excludes":[],"keyrings":{{}},"ima":{{"ignored_keyrings":[],"log_hash_alg":"sha1",)"
      R"("dm_policy":null}},"ima-buf":{{}},"verification-keys":""}})",
      meta, kProgram, digest.hex()));
  EXPECT_TRUE(policy) << policy.error().message;
  return *policy;
}

// A machine that runs the old tool, held to its base system, the new tool, and the old
// one until hour 10.
class LayersTest : public testing::MachineTest {
 protected:
  LayersTest() {
    base_ = *policy::RuntimePolicy::Parse(machine_.PolicyText());
    old_ = Layer(Old(), fmt::format(R"(,"retire_after":"{}")", FormatRfc3339(At(10))));
    machine_.Measure(kProgram, Old());
    Bind(Layer(New(), ""));
  }
  void Bind(std::shared_ptr<const policy::RuntimePolicy> tool) {
    reference().policy = *policy::PolicySet::Compose({{.name = "base", .policy = base_},
                                                      {.name = "tool", .policy = std::move(tool)},
                                                      {.name = "tool-old", .policy = old_}});
  }
  Attestation Attest(bool full, const BootProgress* before, Time now) {
    const std::uint64_t from = before == nullptr ? 0 : before->entries();
    const Challenge challenge = MakeChallenge(reference(), full, from);
    const Answer answer = machine_.AnswerTo(challenge);
    auto result = AppraiseAttestation(reference(), challenge, answer, before, now);
    EXPECT_TRUE(result);
    return *std::move(result);
  }
  BootProgress VerifiedAt(Time now) {
    const Attestation first = Attest(true, nullptr, now);
    EXPECT_TRUE(Passes(first));
    return first.progress.value();
  }

  std::shared_ptr<const policy::RuntimePolicy> base_;
  std::shared_ptr<const policy::RuntimePolicy> old_;
};

TEST_F(LayersTest, OldAndNewAreGoodInTheGraceWindow) {
  machine_.Measure(kProgram, New());
  EXPECT_TRUE(Passes(Attest(true, nullptr, At(10))));
}

// What was verified in time stays good in this boot, also when the whole list is
// appraised again for another policy.
TEST_F(LayersTest, WhatWasVerifiedInTimeStaysGoodInThisBoot) {
  const BootProgress before = VerifiedAt(At(9));
  EXPECT_TRUE(Passes(Attest(false, &before, At(11))));
  EXPECT_TRUE(Passes(Attest(true, &before, At(11))));
  Bind(Layer(New(), R"(,"name":"changed")"));
  const Attestation again = Attest(true, &before, At(11));
  EXPECT_TRUE(Passes(again));
  EXPECT_TRUE(Passes(Attest(true, &again.progress.value(), At(99))));
}

TEST_F(LayersTest, ARetiredDigestDoesNotPassWhenFirstSeenAfterItsTime) {
  EXPECT_TRUE(FailsOnlyFor(Attest(true, nullptr, At(11)), "ima.digest"));
  const BootProgress before = VerifiedAt(At(9));
  // The same program again: its entry is a new one.
  machine_.Measure(kProgram, Old());
  const Attestation next = Attest(false, &before, At(11));
  ASSERT_TRUE(FailsOnlyFor(next, "ima.digest"));
  const Finding* finding = FindCheck(next.appraisal.findings, "ima.digest");
  EXPECT_EQ(finding->cause, Cause::kPolicyLag);
  EXPECT_EQ(finding->subject.event, before.entries());
  EXPECT_NE(finding->detail.find("layer 'tool-old', retired " + FormatRfc3339(At(10))),
            std::string::npos)
      << finding->detail;
  // It stays a failure, whoever asks again: only the first of the two is good.
  const Attestation full = Attest(true, &next.progress.value(), At(12));
  ASSERT_TRUE(FailsOnlyFor(full, "ima.digest"));
  EXPECT_EQ(FindCheck(full.appraisal.findings, "ima.digest")->subject.event, before.entries());
}

// Restart of the verifier: the list's length is known, when it was verified is not.
TEST_F(LayersTest, WithoutTheMarkADigestIsTreatedAsRetired) {
  BootProgress before = VerifiedAt(At(9));
  before.first_verified = nullptr;
  EXPECT_TRUE(FailsOnlyFor(Attest(true, &before, At(11)), "ima.digest"));
  EXPECT_TRUE(FailsOnlyFor(Attest(true, nullptr, At(11)), "ima.digest"));
  // Verified again in time: that counts from then on.
  const Attestation in_time = Attest(true, &before, At(10));
  ASSERT_TRUE(Passes(in_time));
  EXPECT_TRUE(Passes(Attest(true, &in_time.progress.value(), At(11))));
}

TEST_F(LayersTest, AnotherBootHasNoMarks) {
  const BootProgress before = VerifiedAt(At(9));
  machine_.Boot();
  machine_.Run("/usr/bin/init", "init 1");
  machine_.Measure(kProgram, Old());
  EXPECT_TRUE(FailsOnlyFor(Attest(true, &before, At(11)), "ima.digest"));
}

// Entries that no quote covered have no mark.
TEST_F(LayersTest, Attack_A06_UnquotedEntriesAreNotVerified) {
  const Challenge challenge = MakeChallenge(reference(), true);
  const std::string quoted = machine_.list();
  Answer answer = machine_.AnswerTo(challenge);
  machine_.Measure(kProgram, Old());
  const std::string longer = machine_.list();
  answer.ima_list = longer;
  const auto first = AppraiseAttestation(reference(), challenge, answer, nullptr, At(9));
  ASSERT_TRUE(first);
  ASSERT_TRUE(Passes(*first));
  const Attestation later = Attest(true, &first->progress.value(), At(11));
  ASSERT_TRUE(FailsOnlyFor(later, "ima.digest"));
  EXPECT_EQ(FindCheck(later.appraisal.findings, "ima.digest")->subject.event,
            first->progress->entries());
}

TEST_F(LayersTest, Attack_A20_ALayerThatComesIntoEffectNeedsTheWholeList) {
  machine_.Measure(kProgram, New());
  Bind(Layer(New(), fmt::format(R"(,"effective_from":"{}")", FormatRfc3339(At(5)))));
  const Attestation early = Attest(true, nullptr, At(4));
  ASSERT_TRUE(FailsOnlyFor(early, "ima.digest"));
  const BootProgress before = early.progress.value();
  EXPECT_EQ(Attest(false, &before, At(4)).advice, Advice::kAccept);
  EXPECT_EQ(Attest(false, &before, At(5)).advice, Advice::kAskInFull);
  EXPECT_TRUE(Passes(Attest(true, &before, At(5))));
}

TEST_F(LayersTest, NothingIsPolicedBeforeAnyLayerIsInEffect) {
  reference().policy = policy::PolicySet::Of(
      Layer(New(), fmt::format(R"(,"effective_from":"{}")", FormatRfc3339(At(5)))));
  EXPECT_EQ(Attest(true, nullptr, At(4)).appraisal.verdict(), Verdict::kUnpoliced);
  EXPECT_EQ(Attest(true, nullptr, At(5)).appraisal.verdict(), Verdict::kFail);
}

}  // namespace
}  // namespace limequat::appraise
