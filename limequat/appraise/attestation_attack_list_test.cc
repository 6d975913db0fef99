// Attacks on the measurement list: kexec, offsets, what no quote covers.

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "limequat/appraise/attestation.h"
#include "limequat/appraise/testing/attest.h"

namespace limequat::appraise {
namespace {

using crypto::Digest;
using crypto::HashAlgorithm;
using testing::Appraise;
using testing::AttestFull;
using testing::AttestNext;
using testing::FailsFor;
using testing::FailsOnlyFor;
using testing::MakeChallenge;
using testing::Passes;

using AttackTest = testing::MachineTest;

Digest Evil() { return crypto::Hash(HashAlgorithm::kSha256, ToBytes("evil")); }

// --- A04: kexec -------------------------------------------------------------------

TEST_F(AttackTest, Attack_A04_SecondBootAggregate) {
  const BootProgress before = FirstProgress();
  machine_.Measure("boot_aggregate", Evil());
  EXPECT_TRUE(FailsFor(AttestNext(machine_, reference(), before), "ima.boot_aggregate_repeated"));
}

// --- A05: offset forgery ----------------------------------------------------------

TEST_F(AttackTest, Attack_A05_AnotherOffset) {
  machine_.Run("/usr/bin/shell", "shell 1");
  const BootProgress before = FirstProgress();
  machine_.Run("/usr/bin/shell", "shell 1");
  for (const std::uint64_t first : {1U, 4U, 6U, 100U}) {
    const Challenge challenge = MakeChallenge(reference(), false, before.entries());
    Answer answer = machine_.AnswerTo(challenge);
    answer.ima_first = first;
    const Attestation next = Appraise(reference(), challenge, answer, &before);
    EXPECT_TRUE(FailsOnlyFor(next, "ima.offset")) << first;
    EXPECT_FALSE(next.progress.has_value());
  }
}

TEST_F(AttackTest, Attack_A05_FullAnswerBeginsAtZero) {
  const Challenge challenge = MakeChallenge(reference(), true);
  Answer answer = machine_.AnswerTo(challenge);
  answer.ima_first = 2;
  answer.ima_list = machine_.ListFrom(2).text;
  EXPECT_TRUE(FailsOnlyFor(Appraise(reference(), challenge, answer, nullptr), "ima.offset"));
}

TEST_F(AttackTest, Attack_A05_WholeListInsteadOfAPartIsAccepted) {
  const BootProgress before = FirstProgress();
  machine_.Run("/usr/bin/shell", "shell 1");
  const Challenge challenge = MakeChallenge(reference(), false, before.entries());
  Answer answer = machine_.AnswerTo(challenge);
  answer.ima_list = machine_.list();
  answer.ima_first = 0;
  const Attestation next = Appraise(reference(), challenge, answer, &before);
  EXPECT_TRUE(Passes(next));
  EXPECT_EQ(next.progress.value().entries(), 5U);
  EXPECT_NE(FindCheck(next.appraisal.findings, "ima.continuity"), nullptr);
}

// It is joined to what was verified, not a way to lose a failure: only PCR 10 is signed.
TEST_F(AttackTest, Attack_A05_WholeListInsteadOfAPartKeepsFailures) {
  ApproveBoot();
  machine_.Boot("evil");
  const Attestation bad = AttestFull(machine_, reference());
  ASSERT_TRUE(FailsOnlyFor(bad, "boot.baseline"));
  const BootProgress& before = bad.progress.value();
  const Challenge challenge = MakeChallenge(reference(), false, before.entries());
  Answer answer = machine_.AnswerTo(challenge);
  answer.ima_list = machine_.list();
  answer.ima_first = 0;
  EXPECT_TRUE(FailsOnlyFor(Appraise(reference(), challenge, answer, &before), "boot.baseline"));
}

TEST_F(AttackTest, Attack_A05_ShorterList) {
  const BootProgress before = FirstProgress();
  // Keylime's agent answers with the whole list if less is there than was asked for.
  const std::string list = machine_.list();
  machine_.ReplaceList(list.substr(0, list.rfind('\n', list.size() - 2) + 1));
  const Attestation part = AttestNext(machine_, reference(), before);
  EXPECT_TRUE(FailsFor(part, "ima.continuity"));
  EXPECT_FALSE(part.progress.has_value());
  EXPECT_TRUE(FailsFor(AttestFull(machine_, reference(), &before), "ima.continuity"));
}

// An attacker with the attestation key could sign any PCR 10: the stored digest tells.
TEST_F(AttackTest, Attack_A05_OtherListThatReplays) {
  const BootProgress before = FirstProgress();
  const tpm::ClockInfo clock = machine_.clock();
  machine_.Boot();
  machine_.Run("/usr/bin/init", "init 1");
  machine_.Run("/usr/bin/agent", "agent 1");
  machine_.Run("/usr/bin/shell", "shell 1");
  machine_.clock() = clock;
  const Attestation full = AttestFull(machine_, reference(), &before);
  EXPECT_TRUE(FailsOnlyFor(full, "ima.continuity"));
  EXPECT_FALSE(full.progress.has_value());
}

TEST_F(AttackTest, Attack_A05_ListThatCannotBeReadUpToTheKnownState) {
  const BootProgress before = FirstProgress();
  machine_.ReplaceList("garbage\n" + machine_.list());
  const Attestation full = AttestFull(machine_, reference(), &before);
  EXPECT_TRUE(FailsOnlyFor(full, "ima.continuity"));
  EXPECT_FALSE(full.progress.has_value());
}

// Entries of other PCRs do not change PCR 10: the number of entries must fit too.
TEST_F(AttackTest, Attack_A05_EntriesInsertedBeforeTheKnownState) {
  const BootProgress before = FirstProgress();
  std::string line = machine_.list().substr(machine_.list().find('\n') + 1);
  line = line.substr(0, line.find('\n') + 1);
  line.replace(0, 2, "11");
  machine_.ReplaceList(line + machine_.list());
  EXPECT_TRUE(FailsFor(AttestFull(machine_, reference(), &before), "ima.continuity"));
}

// --- A06: unquoted suffix ---------------------------------------------------------

TEST_F(AttackTest, Attack_A06_UnquotedEntryHasNoEffect) {
  const Challenge challenge = MakeChallenge(reference(), true);
  Answer answer = machine_.AnswerTo(challenge);
  machine_.Measure("/tmp/intruder", Evil());  // after the quote, before the list was read
  answer.ima_list = machine_.list();
  const Attestation first = Appraise(reference(), challenge, answer, nullptr);
  EXPECT_TRUE(Passes(first));
  EXPECT_TRUE(first.list_is_ahead);
  EXPECT_EQ(first.progress.value().entries(), 4U);
  EXPECT_TRUE(first.progress->failures.empty());
  // The next quote covers it.
  const Attestation next = AttestNext(machine_, reference(), *first.progress);
  EXPECT_TRUE(FailsOnlyFor(next, "ima.path"));
  EXPECT_FALSE(next.list_is_ahead);
}

TEST_F(AttackTest, Attack_A06_UnquotedGarbageHasNoEffect) {
  const BootProgress before = FirstProgress();
  const Challenge challenge = MakeChallenge(reference(), false, before.entries());
  Answer answer = machine_.AnswerTo(challenge);
  const std::string garbage = "\x1b[2J no line feed";
  answer.ima_list = garbage;
  const Attestation next = Appraise(reference(), challenge, answer, &before);
  EXPECT_TRUE(Passes(next));
  EXPECT_TRUE(next.list_is_ahead);
  EXPECT_EQ(next.progress.value().entries(), before.entries());
}

TEST_F(AttackTest, Attack_A06_UnquotedBootAggregateHasNoEffect) {
  const Challenge challenge = MakeChallenge(reference(), true);
  Answer answer = machine_.AnswerTo(challenge);
  machine_.Measure("boot_aggregate", Evil());
  answer.ima_list = machine_.list();
  EXPECT_TRUE(Passes(Appraise(reference(), challenge, answer, nullptr)));
}

// --- names that look like records: whoever gets a file measured chooses its name ----

// One line of an ASCII list, whatever digest it states.
std::string LineLike(std::string_view path) {
  return "10 " + std::string(40, '1') + " ima-ng sha256:" + Evil().hex() + " " + std::string(path);
}

std::string OddName() { return "/var/odd\n" + LineLike("/usr/bin/fake"); }

std::size_t Count(const Attestation& attestation, std::string_view check) {
  return static_cast<std::size_t>(
      std::ranges::count(attestation.appraisal.findings, check, &Finding::check));
}

TEST_F(AttackTest, Attack_ANameLikeARecordIsOneEntry) {
  const BootProgress before = FirstProgress();
  machine_.Measure(OddName(), Evil());
  for (const Attestation& odd :
       {AttestFull(machine_, reference()), AttestFull(machine_, reference(), &before),
        AttestNext(machine_, reference(), before)}) {
    EXPECT_TRUE(FailsOnlyFor(odd, "ima.path"));
    EXPECT_EQ(Count(odd, "ima.path"), 1U);
    EXPECT_EQ(odd.progress.value().entries(), 5U);
    EXPECT_FALSE(odd.list_is_ahead);
    EXPECT_EQ(FindCheck(odd.appraisal.findings, "ima.path")->subject.path, OddName());
  }
}

TEST_F(AttackTest, Attack_ANameLikeARecordIsPassedByWhatComesLater) {
  machine_.Measure(OddName(), Evil());
  const Attestation first = AttestFull(machine_, reference());
  const BootProgress& before = first.progress.value();
  machine_.Measure("/tmp/second", Evil());
  for (const bool full : {false, true}) {
    const Challenge challenge = MakeChallenge(reference(), full, before.entries());
    Answer answer = machine_.AnswerTo(challenge);
    answer.ima_list = machine_.list();
    answer.ima_first = 0;
    const Attestation next = Appraise(reference(), challenge, answer, &before);
    EXPECT_TRUE(FailsOnlyFor(next, "ima.path")) << full;
    EXPECT_EQ(Count(next, "ima.path"), 2U) << full;
    EXPECT_EQ(next.progress.value().entries(), 6U);
  }
}

// The stated digest is the attacker's to choose: of a file that the policy excludes, it says that
// the entry of the next file belongs to its name.
TEST_F(AttackTest, Attack_A10_JoiningHidesNoEntry) {
  reference().policy = testing::ParsePolicy(machine_.PolicyText({"/tmp/"}));
  const BootProgress before = FirstProgress();
  const std::size_t start = machine_.list().size();
  machine_.Measure("/tmp/own", Evil());
  const std::size_t second = machine_.list().size();
  machine_.Measure("/usr/bin/evil", Evil());
  std::string list = machine_.list();
  const std::string line = list.substr(second, list.size() - second - 1);
  testing::FakeMachine helper;
  helper.Boot();
  const std::size_t at = helper.list().size();
  helper.Measure("/tmp/own\n" + line, Evil());
  list.replace(start, 44, helper.list().substr(at, 44));
  ASSERT_EQ(list.substr(start), helper.list().substr(at)) << "its lines say two things";
  for (const std::string_view behind : {"", "garbage\n", "garbage"}) {
    machine_.ReplaceList(list + std::string(behind));
    for (const BootProgress* known : {static_cast<const BootProgress*>(nullptr), &before}) {
      const Attestation full = AttestFull(machine_, reference(), known);
      EXPECT_TRUE(FailsFor(full, "ima.path")) << behind;
      EXPECT_TRUE(FailsFor(full, "ima.template_digest")) << behind;
    }
  }
  // Nor does an entry that has to be joined, later in the list.
  machine_.ReplaceList(list);
  machine_.Measure(OddName(), Evil());
  EXPECT_TRUE(FailsFor(AttestFull(machine_, reference()), "ima.replay"));
  const Attestation full = AttestFull(machine_, reference(), &before);
  EXPECT_FALSE(Passes(full));
}

}  // namespace
}  // namespace limequat::appraise
