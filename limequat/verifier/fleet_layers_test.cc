// Machines that are held to several layers.

#include <algorithm>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "limequat/verifier/clock.h"
#include "limequat/verifier/fleet_for_test.h"
#include "limequat/verifier/layering.h"

namespace limequat::verifier {
namespace {

using Names = std::vector<std::string>;
using testing::IdOf;

constexpr std::string_view kTool = "/usr/bin/tool";

// Lists `kTool`, until `retire_after` if that is not empty.
std::string ToolPolicy(std::string_view content, const std::string& retire_after = "") {
  return fmt::format(
      R"({{"meta":{{"version":1,"generator":3{}}},"release":0,"digests":{{"{}":["{}"]}},)"
      R"("excludes":[],"keyrings":{{}},"ima":{{"ignored_keyrings":[],"log_hash_alg":"sha1",)"
      R"("dm_policy":null}},"ima-buf":{{}},"verification-keys":""}})",
      retire_after.empty() ? "" : fmt::format(R"(,"retire_after":"{}")", retire_after), kTool,
      crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(content)).hex());
}

// A machine that ran what "base" lists. "team" lists another program.
class FleetLayersTest : public VerifierTest {
 protected:
  void SetUp() override {
    Push("base", agent_.PolicyText());
    Push("team", PolicyListing("/usr/bin/other"));
  }
  std::size_t Push(std::string_view name, std::string_view body) {
    const auto pushed = fleet().PushPolicy(name, body);
    EXPECT_TRUE(pushed) << pushed.error().message;
    return pushed.value_or(99);
  }
  void RunTool() {
    agent_.Change([](auto& machine) { machine.Run(kTool, "tool 1"); });
  }

  AgentPeer agent_{verifiers_};
};

TEST_F(FleetLayersTest, AFileIsGoodIfAnyLayerListsIt) {
  ASSERT_TRUE(EnrolLayers("m1", agent_, {"base", "team"}));
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_EQ(LayersOf("m1"), (Names{"base", "team"}));
  RunTool();
  EXPECT_EQ(FailuresOf("m1"), Names{"ima.path"}) << "nobody lists it";
  EXPECT_EQ(Push("team", ToolPolicy("tool 1")), 1U);
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
}

// A layer that is pushed concerns each machine that has it anywhere in its list, and no other.
TEST_F(FleetLayersTest, Attack_A20_APushedLayerAppraisesTheWholeListAgain) {
  AgentPeer second(verifiers_);
  AgentPeer third(verifiers_);
  ASSERT_TRUE(EnrolLayers("m1", agent_, {"team", "base"}));
  ASSERT_TRUE(EnrolLayers("m2", second, {"base", "team"}));
  ASSERT_TRUE(EnrolLayers("m3", third, {"team"}));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  ASSERT_TRUE(Becomes("m2", Integrity::kPass));
  const auto untouched = StateOf("m3").enrolment;
  const std::int64_t generation = StateOf("m1").enrolment->generation;
  const std::size_t asked = agent_.asked();

  // What was good before is in no layer any more: only the whole list shows that.
  EXPECT_EQ(Push("base", ToolPolicy("tool 1")), 2U);
  EXPECT_EQ(FailuresOf("m1"), (Names{"ima.path", "ima.path"}));
  EXPECT_EQ(FailuresOf("m2"), (Names{"ima.path", "ima.path"}));
  EXPECT_GT(StateOf("m1").enrolment->generation, generation);
  EXPECT_EQ(StateOf("m1").enrolment->layers.at(1).version, 2);
  EXPECT_EQ(StateOf("m1").enrolment->layers.at(0).version, 1);
  const auto questions = agent_.questions();
  EXPECT_TRUE(std::any_of(questions.begin() + static_cast<std::ptrdiff_t>(asked), questions.end(),
                          [](const auto& question) { return question.full; }));
  EXPECT_EQ(StateOf("m3").enrolment, untouched);
  // What was found under the old layers is never written under the new ones.
  for (const StoredMachine& stored : store().LoadMachines()->machines) {
    const MachineState state = StateOf(stored.enrolment.id.text());
    EXPECT_EQ(stored.enrolment.generation, state.enrolment->generation);
    EXPECT_EQ(stored.policy_hash, state.enrolment->PolicyHash());
  }
}

// The answer to a question that was asked under the old layers comes after the push.
TEST_F(FleetLayersTest, Attack_A14_AnAnswerUnderOldLayersIsDropped) {
  RunTool();
  HeldAnswer held;
  agent_.AnswerWith(held.Hold());
  Push("team", ToolPolicy("tool 1"));
  ASSERT_TRUE(EnrolLayers("m1", agent_, {"base", "team"}));
  ASSERT_TRUE(held.Wait());
  // Under "base" and what "team" was, the machine would pass.
  EXPECT_EQ(Push("team", PolicyListing("/usr/bin/other")), 1U);
  Push("base", PolicyListing("/usr/bin/another"));
  held.GoOn();
  EXPECT_FALSE(FailuresOf("m1").empty());
  EXPECT_EQ(StateOf("m1").last_good, std::nullopt);
}

// As when the outcome of the first push was not known: the database has it, the machine has not.
TEST_F(FleetLayersTest, Attack_A14_ARepeatedPushReachesAMachineThatIsBehind) {
  Push("team", ToolPolicy("tool 1"));
  ASSERT_TRUE(EnrolLayers("m1", agent_, {"base", "team"}));
  const std::string text = PolicyListing("/usr/bin/other");
  const auto policy = *policies_.Get(text);
  Layering layering(store(), policies_);
  ASSERT_TRUE(layering.Assume("team", policy));
  const auto layered = *layering.Of({.labels = {}, .policies = {"base", "team"}});
  ASSERT_TRUE(store().PutPolicy({.name = "team", .hash = policy->hash(), .body = text},
                                {{.agent_id = "m1", .policy_hash = layered.set->hash()}}, Now()));
  ASSERT_NE(StateOf("m1").enrolment->PolicyHash(), layered.set->hash());

  EXPECT_EQ(Push("team", text), 1U);
  EXPECT_EQ(StateOf("m1").enrolment->PolicyHash(), layered.set->hash());
  EXPECT_EQ(StateOf("m1").enrolment->generation,
            store().LoadMachines()->machines.at(0).enrolment.generation);
  EXPECT_EQ(Push("team", text), 0U);
}

// A push of a layer that it still has does not make good that it lost another one.
TEST_F(FleetLayersTest, Attack_A14_APushDoesNotTakeInAMachineThatWasLeftOut) {
  Push("team", ToolPolicy("tool 1"));
  ASSERT_TRUE(EnrolLayers("m1", agent_, {"base", "team"}));
  Stop();
  Execute("DELETE FROM machine_layers WHERE policy_name = 'team'");
  Restart();
  ASSERT_EQ(fleet().Find("m1"), nullptr);
  EXPECT_EQ(Push("base", PolicyListing("/usr/bin/another")), 0U);
  Restart();
  EXPECT_EQ(fleet().Find("m1"), nullptr) << "held to fewer layers";
}

TEST_F(FleetLayersTest, APushIsRefusedIfAnotherOneCameBeforeIt) {
  Push("new", ToolPolicy("tool 1"));
  Push("new", ToolPolicy("tool 2"));
  const auto late = fleet().PushPolicy("new", ToolPolicy("tool 3"), Fleet::Push::kEither, 1);
  EXPECT_EQ(IdOf(late), "verifier.policy_changed");
  EXPECT_EQ(store().ListPolicyVersions("new")->front().number, 2);
  EXPECT_TRUE(fleet().PushPolicy("new", ToolPolicy("tool 3"), Fleet::Push::kEither, 2));
}

TEST_F(FleetLayersTest, NoOrderMakesAnUnlistedFileGood) {
  Push("node", PolicyListing("/usr/bin/node"));
  RunTool();
  Names order = {"base", "node", "team"};
  do {
    ASSERT_TRUE(EnrolLayers("m1", agent_, order));
    EXPECT_EQ(FailuresOf("m1"), Names{"ima.path"}) << order[0] << order[1] << order[2];
    ASSERT_TRUE(fleet().Remove(*wire::AgentId::Parse("m1")));
  } while (std::ranges::next_permutation(order).found);
}

TEST_F(FleetLayersTest, MachinesOfOneListShareItsSet) {
  AgentPeer second(verifiers_);
  const auto set_of = [this](std::string_view id) {
    return StateOf(id).enrolment->reference.policy;
  };
  ASSERT_TRUE(EnrolLayers("m1", agent_, {"base", "team"}));
  ASSERT_TRUE(EnrolLayers("m2", second, {"base", "team"}));
  EXPECT_EQ(set_of("m1"), set_of("m2"));
  EXPECT_EQ(Push("team", ToolPolicy("tool 1")), 2U);
  EXPECT_TRUE(Comes("m1", [&](const auto&) { return set_of("m1") == set_of("m2"); }));
  Restart();
  EXPECT_EQ(set_of("m1"), set_of("m2"));
  EXPECT_EQ(LayersOf("m1"), (Names{"base", "team"}));
  EXPECT_EQ(StateOf("m2").enrolment->layers.at(1).version, 2);
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
}

TEST_F(FleetLayersTest, RefusedLayersChangeNothing) {
  EXPECT_EQ(IdOf(EnrolLayers("m1", agent_, {"base", "missing"})), "verifier.unknown_policy");
  EXPECT_EQ(IdOf(EnrolLayers("m1", agent_, {"base", "base"})), "policy.layers");
  EXPECT_EQ(IdOf(fleet().Enrol(EnrolmentOf("m1", agent_),
                               {{.name = "node", .body = ToolPolicy("x")}, {.name = "missing"}})),
            "verifier.unknown_policy");
  EXPECT_EQ(fleet().size(), 0U);
  EXPECT_FALSE(store().FindPolicy("node")->has_value()) << "stored before all was checked";
}

// A layer that cannot stand beside the others of some machine is refused for all of them.
TEST_F(FleetLayersTest, ALayerThatDoesNotFitAnywhereIsNotPushed) {
  const auto devices = [](std::string text) {
    const std::string none = R"("dm_policy":null)";
    text.replace(text.find(none), none.size(),
                 R"("dm_policy":{"version":1,"match_on":"name","rules":{}})");
    return text;
  };
  Push("base", devices(agent_.PolicyText()));
  ASSERT_TRUE(EnrolLayers("m1", agent_, {"base", "team"}));
  const auto before = StateOf("m1").enrolment;
  const auto pushed = fleet().PushPolicy("team", devices(ToolPolicy("x")));
  EXPECT_EQ(IdOf(pushed), "policy.layers");
  EXPECT_NE(pushed.error().message.find("m1"), std::string::npos) << pushed.error().message;
  EXPECT_EQ(StateOf("m1").enrolment, before);
  EXPECT_EQ(store().ListPolicyVersions("team")->size(), 1U);
}

TEST_F(FleetLayersTest, Attack_A14_AMachineOneOfWhoseLayersIsLostIsLeftOut) {
  AgentPeer second(verifiers_);
  ASSERT_TRUE(EnrolLayers("m1", agent_, {"base", "team"}));
  ASSERT_TRUE(EnrolLayers("m2", second, {"base"}));
  const std::string lost =
      StateOf("m1").enrolment->reference.policy->layers()[1].policy->hash().hex();
  Stop();
  Execute("DELETE FROM policies WHERE hash = '" + lost + "'");
  Restart();
  EXPECT_EQ(fleet().Find("m1"), nullptr) << "unknown, never held to fewer layers";
  EXPECT_TRUE(Becomes("m2", Integrity::kPass));
  // It does not keep the others from following.
  EXPECT_EQ(Push("base", PolicyListing("/usr/bin/another")), 1U);
  EXPECT_EQ(FailuresOf("m2"), (Names{"ima.path", "ima.path"}));
}

// What the database says of it was written of other layers.
TEST_F(FleetLayersTest, Attack_A14_AMachineWhoseLayersWereChangedBehindUsIsLeftOut) {
  ASSERT_TRUE(EnrolLayers("m1", agent_, {"base", "team"}));
  Stop();
  Execute("DELETE FROM machine_layers WHERE position = 1");
  Restart();
  EXPECT_EQ(fleet().Find("m1"), nullptr);
  Stop();
  Execute("DELETE FROM machine_layers");
  Restart();
  EXPECT_EQ(fleet().Find("m1"), nullptr) << "unknown, not unpoliced";
}

// Old and new are good while the old layer is in its window. Afterwards what was verified in
// time stays good, until the mark of when that was is lost: with a restart of the verifier.
TEST_F(FleetLayersTest, WhatRetiresStaysGoodUntilARestartForgetsWhenItWasVerified) {
  const Time end = Now() + std::chrono::milliseconds(2500);
  RunTool();
  Push("team", ToolPolicy("tool 2"));
  Push("old", ToolPolicy("tool 1", FormatRfc3339(end)));
  ASSERT_TRUE(EnrolLayers("m1", agent_, {"base", "team", "old"}));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  ASSERT_LT(Now(), end) << "too slow to test anything";
  ASSERT_TRUE(http::Eventually([&] { return Now() > end; }));
  EXPECT_TRUE(AttestedAgain("m1"));
  EXPECT_EQ(IntegrityOf("m1"), Integrity::kPass);
  // Also when the whole list is appraised again.
  EXPECT_EQ(Push("team", ToolPolicy("tool 3")), 1U);
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  Restart();
  EXPECT_EQ(FailuresOf("m1"), Names{"ima.digest"});
  const Finding* finding = FindCheck(StateOf("m1").newest->findings, "ima.digest");
  ASSERT_NE(finding, nullptr);
  EXPECT_EQ(finding->cause, Cause::kPolicyLag);
  EXPECT_NE(finding->detail.find("layer 'old', retired"), std::string::npos) << finding->detail;
}

// First seen after its time: no restart is needed.
TEST_F(FleetLayersTest, WhatIsFirstSeenAfterItsTimeDoesNotPass) {
  Push("old", ToolPolicy("tool 1", FormatRfc3339(Now() - std::chrono::seconds(1))));
  ASSERT_TRUE(EnrolLayers("m1", agent_, {"base", "old"}));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  RunTool();
  EXPECT_EQ(FailuresOf("m1"), Names{"ima.digest"});
}

}  // namespace
}  // namespace limequat::verifier
