// Machines that are bound by labels, and machines that are bound by something else.

#include <algorithm>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "limequat/verifier/clock.h"
#include "limequat/verifier/fleet_for_test.h"

namespace limequat::verifier {
namespace {

using Names = std::vector<std::string>;
using testing::IdOf;

constexpr std::string_view kTool = "/usr/bin/tool";

// A machine that ran what "base" lists, and `kTool`, which "web" lists. "other" lists another
// program.
class FleetLabelsTest : public VerifierTest {
 protected:
  void SetUp() override {
    Push("base", agent_.PolicyText());
    Push("web", PolicyListing(kTool));
    Push("other", PolicyListing("/usr/bin/other"));
    agent_.Change([](auto& machine) { machine.Run(kTool, "content"); });
  }
  void Push(std::string_view name, std::string_view body) {
    const auto pushed = fleet().PushPolicy(name, body);
    ASSERT_TRUE(pushed) << pushed.error().message;
  }
  std::size_t PutLabel(std::string_view name, const Names& policies) {
    const auto put = fleet().PutLabel(name, policies);
    EXPECT_TRUE(put) << put.error().message;
    return put.value_or(99);
  }
  Status EnrolBound(std::string_view id, const AgentPeer& agent, const Binding& bound) {
    Enrolment enrolment = EnrolmentOf(id, agent);
    enrolment.bound.labels = bound.labels;
    std::vector<Fleet::PolicyChoice> policies;
    for (const std::string& name : bound.policies) policies.push_back({.name = name});
    return fleet().Enrol(std::move(enrolment), policies);
  }
  Status Update(std::string_view id, const wire::MachineChange& change) {
    return fleet().Update(*wire::AgentId::Parse(id), change);
  }
  std::int64_t GenerationOf(std::string_view id) { return StateOf(id).enrolment->generation; }

  AgentPeer agent_{verifiers_};
};

TEST_F(FleetLabelsTest, AMachineIsHeldToTheLayersOfItsLabelsAndItsOwn) {
  PutLabel("web", {"base", "web"});
  ASSERT_TRUE(EnrolBound("m1", agent_, {.labels = {"web"}, .policies = {"other", "base"}}));
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_EQ(LayersOf("m1"), (Names{"base", "web", "other"}));
  EXPECT_EQ(StateOf("m1").enrolment->layers.at(0).label, "web");
  EXPECT_EQ(StateOf("m1").enrolment->layers.at(2).label, "");
  Restart();
  EXPECT_EQ(LayersOf("m1"), (Names{"base", "web", "other"}));
  EXPECT_EQ(StateOf("m1").enrolment->bound,
            (Binding{.labels = {"web"}, .policies = {"other", "base"}}));
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
}

TEST_F(FleetLabelsTest, Attack_A20_AChangedLabelAppraisesTheWholeListOfItsMachinesAgain) {
  AgentPeer second(verifiers_);
  AgentPeer third(verifiers_);
  PutLabel("web", {"base", "web"});
  PutLabel("eu", {"other"});
  ASSERT_TRUE(EnrolBound("m1", agent_, {.labels = {"web"}, .policies = {}}));
  ASSERT_TRUE(EnrolBound("m2", second, {.labels = {"eu", "web"}, .policies = {}}));
  ASSERT_TRUE(EnrolBound("m3", third, {.labels = {"eu"}, .policies = {"base"}}));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  ASSERT_TRUE(Becomes("m2", Integrity::kPass));
  const auto untouched = StateOf("m3").enrolment;
  const std::int64_t generation = GenerationOf("m1");
  const std::size_t asked = agent_.asked();

  EXPECT_EQ(PutLabel("web", {"base"}), 2U);
  EXPECT_EQ(FailuresOf("m1"), Names{"ima.path"});
  EXPECT_GT(GenerationOf("m1"), generation);
  EXPECT_EQ(LayersOf("m2"), (Names{"other", "base"}));
  EXPECT_EQ(StateOf("m3").enrolment, untouched);
  const auto questions = agent_.questions();
  EXPECT_TRUE(std::any_of(questions.begin() + static_cast<std::ptrdiff_t>(asked), questions.end(),
                          [](const auto& question) { return question.full; }));
  for (const StoredMachine& stored : store().LoadMachines()->machines) {
    const MachineState state = StateOf(stored.enrolment.id.text());
    EXPECT_EQ(stored.enrolment.generation, state.enrolment->generation);
    EXPECT_EQ(stored.policy_hash, state.enrolment->PolicyHash());
  }

  EXPECT_EQ(PutLabel("web", {"base", "web"}), 2U);
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_EQ(PutLabel("web", {"base", "web"}), 0U) << "it is what it was";
}

// The answer to a question that was asked under the old list comes after the change.
TEST_F(FleetLabelsTest, Attack_A14_AnAnswerUnderTheOldListIsDropped) {
  HeldAnswer held;
  agent_.AnswerWith(held.Hold());
  PutLabel("web", {"base", "web"});
  ASSERT_TRUE(EnrolBound("m1", agent_, {.labels = {"web"}, .policies = {}}));
  ASSERT_TRUE(held.Wait());
  EXPECT_EQ(PutLabel("web", {"base"}), 1U);
  held.GoOn();
  EXPECT_EQ(FailuresOf("m1"), Names{"ima.path"});
  EXPECT_EQ(StateOf("m1").last_good, std::nullopt);
}

TEST_F(FleetLabelsTest, APushedPolicyOfALabelReachesItsMachines) {
  PutLabel("web", {"base", "web"});
  ASSERT_TRUE(EnrolBound("m1", agent_, {.labels = {"web"}, .policies = {}}));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_EQ(fleet().PushPolicy("web", PolicyListing("/usr/bin/another")).value_or(99), 1U);
  EXPECT_EQ(FailuresOf("m1"), Names{"ima.path"});
  EXPECT_EQ(StateOf("m1").enrolment->layers.at(1).version, 2);
  EXPECT_EQ(StateOf("m1").enrolment->layers.at(1).label, "web");
}

// As when the outcome of the first change was not known.
TEST_F(FleetLabelsTest, Attack_A14_ARepeatedChangeReachesAMachineThatIsBehind) {
  PutLabel("web", {"base", "web"});
  ASSERT_TRUE(EnrolBound("m1", agent_, {.labels = {"web"}, .policies = {}}));
  ASSERT_TRUE(store().PutLabel("web", {"base"}, {}));
  EXPECT_EQ(LayersOf("m1"), (Names{"base", "web"}));
  EXPECT_EQ(PutLabel("web", {"base"}), 1U);
  EXPECT_EQ(LayersOf("m1"), Names{"base"});
  EXPECT_EQ(PutLabel("web", {"base"}), 0U);
}

// Two labels that make the same list together as before: what came through which is told anew.
TEST_F(FleetLabelsTest, WhereALayerComesFromFollowsTheLabels) {
  PutLabel("a", {"base", "web"});
  PutLabel("b", {"web", "other"});
  ASSERT_TRUE(EnrolBound("m1", agent_, {.labels = {"a", "b"}, .policies = {}}));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  const auto hash = StateOf("m1").enrolment->PolicyHash();
  EXPECT_EQ(PutLabel("a", {"base"}), 1U);
  EXPECT_TRUE(Comes(
      "m1", [](const MachineState& state) { return state.enrolment->layers.at(1).label == "b"; }));
  EXPECT_EQ(StateOf("m1").enrolment->PolicyHash(), hash);
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
}

// A list that cannot stand beside what some machine has is refused for all of them.
TEST_F(FleetLabelsTest, AChangeThatDoesNotFitAnywhereChangesNothing) {
  AgentPeer second(verifiers_);
  Names many;
  for (std::size_t i = 0; i + 1 < policy::kMaxLayers; ++i) {
    many.push_back(fmt::format("p{}", i));
    Push(many.back(), PolicyListing(fmt::format("/usr/bin/p{}", i)));
  }
  PutLabel("web", {"base"});
  ASSERT_TRUE(EnrolBound("m1", agent_, {.labels = {"web"}, .policies = {}}));
  ASSERT_TRUE(EnrolBound("m2", second, {.labels = {"web"}, .policies = many}));
  const auto first_before = StateOf("m1").enrolment;
  const auto second_before = StateOf("m2").enrolment;
  const auto put = fleet().PutLabel("web", {"base", "web"});
  EXPECT_EQ(IdOf(put), "policy.layers");
  EXPECT_NE(put.error().message.find("m2"), std::string::npos) << put.error().message;
  EXPECT_EQ(StateOf("m1").enrolment, first_before);
  EXPECT_EQ(StateOf("m2").enrolment, second_before);
  EXPECT_EQ((*store().FindLabel("web"))->policies, Names{"base"});
}

TEST_F(FleetLabelsTest, ALabelOfNobodyIsCheckedToo) {
  EXPECT_EQ(IdOf(fleet().PutLabel("web", {"base", "missing"})), "verifier.unknown_policy");
  EXPECT_EQ(IdOf(fleet().PutLabel("web", {"base", "base"})), "policy.layers");
  Names many;
  for (std::size_t i = 0; i <= policy::kMaxLayers; ++i) many.push_back(fmt::format("p{}", i));
  EXPECT_EQ(IdOf(fleet().PutLabel("web", many)), "policy.layers");
  EXPECT_TRUE(store().ListLabels()->empty());
}

TEST_F(FleetLabelsTest, RefusedEnrolmentsChangeNothing) {
  EXPECT_EQ(IdOf(EnrolBound("m1", agent_, {.labels = {"missing"}, .policies = {"base"}})),
            "verifier.unknown_label");
  EXPECT_EQ(fleet().size(), 0U);
}

TEST_F(FleetLabelsTest, LabelsAndPoliciesInUseStay) {
  PutLabel("web", {"base", "web"});
  ASSERT_TRUE(EnrolBound("m1", agent_, {.labels = {"web"}, .policies = {}}));
  EXPECT_EQ(IdOf(fleet().RemoveLabel("web")), "verifier.label_in_use");
  EXPECT_EQ(IdOf(fleet().RemovePolicy("base")), "verifier.policy_in_use");
  ASSERT_TRUE(fleet().Remove(*wire::AgentId::Parse("m1")));
  EXPECT_EQ(IdOf(fleet().RemovePolicy("base")), "verifier.policy_in_use") << "the label is there";
  EXPECT_EQ(IdOf(fleet().RemoveLabel("web")), "ok");
  EXPECT_EQ(IdOf(fleet().RemovePolicy("base")), "ok");
  EXPECT_EQ(IdOf(fleet().RemoveLabel("web")), "verifier.unknown_label");
}

TEST_F(FleetLabelsTest, Attack_A14_AMachineWhoseLabelLostAPolicyIsLeftOut) {
  AgentPeer second(verifiers_);
  PutLabel("web", {"base", "web"});
  ASSERT_TRUE(EnrolBound("m1", agent_, {.labels = {"web"}, .policies = {}}));
  ASSERT_TRUE(EnrolLayers("m2", second, {"base"}));
  const std::string lost =
      StateOf("m1").enrolment->reference.policy->layers()[1].policy->hash().hex();
  Stop();
  Execute("DELETE FROM policies WHERE hash = '" + lost + "'");
  Restart();
  EXPECT_EQ(fleet().Find("m1"), nullptr) << "unknown, never held to fewer layers";
  EXPECT_TRUE(Becomes("m2", Integrity::kPass));
  EXPECT_EQ(IdOf(Update("m1", {.labels = Names{}, .policy_names = {}})), "verifier.unknown_agent");
  EXPECT_EQ(IdOf(fleet().PutLabel("web", {"base", "other"})), "ok")
      << "it does not keep its label as it is";
}

// What the database says of it was written of other layers.
TEST_F(FleetLabelsTest, Attack_A14_AMachineWhoseLabelsWereChangedBehindUsIsLeftOut) {
  PutLabel("web", {"base", "web"});
  ASSERT_TRUE(EnrolBound("m1", agent_, {.labels = {"web"}, .policies = {}}));
  for (const char* change :
       {"DELETE FROM label_layers WHERE policy_name = 'web'", "DELETE FROM label_layers",
        "DELETE FROM labels", "DELETE FROM machine_labels"}) {
    Stop();
    Execute(change);
    Restart();
    EXPECT_EQ(fleet().Find("m1"), nullptr) << "unknown, not unpoliced: " << change;
  }
}

// --- update -------------------------------------------------------------------------

TEST_F(FleetLabelsTest, AMachineMovesToAnotherLabelAndKeepsItsPast) {
  PutLabel("web", {"base", "web"});
  PutLabel("eu", {"other"});
  ASSERT_TRUE(EnrolBound("m1", agent_, {.labels = {"web"}, .policies = {"other"}}));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  const MachineState before = StateOf("m1");

  ASSERT_TRUE(Update("m1", {.labels = Names{"eu"}, .policy_names = std::nullopt}));
  EXPECT_EQ(StateOf("m1").enrolment->bound, (Binding{.labels = {"eu"}, .policies = {"other"}}))
      << "held to it when it was answered, and its own policies are as they were";
  EXPECT_EQ(FailuresOf("m1"), Names(3, "ima.path")) << "the files of base and web";
  EXPECT_EQ(StateOf("m1").memory.baseline->pcrs, before.memory.baseline->pcrs);
  EXPECT_TRUE(StateOf("m1").memory.baseline->approved);
  EXPECT_EQ(StateOf("m1").memory.boots, before.memory.boots);
  EXPECT_GT(GenerationOf("m1"), before.enrolment->generation);
  EXPECT_EQ(StateOf("m1").memory.open_incidents, 1);

  ASSERT_TRUE(Update("m1", {.labels = Names{}, .policy_names = Names{"base", "web"}}));
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_EQ(LayersOf("m1"), (Names{"base", "web"}));
  EXPECT_EQ(StateOf("m1").memory.open_incidents, 1) << "what happened stays (attack A19)";
  Restart();
  EXPECT_EQ(LayersOf("m1"), (Names{"base", "web"}));
  EXPECT_EQ(StateOf("m1").memory.open_incidents, 1);
  EXPECT_TRUE(StateOf("m1").memory.baseline->approved);
}

TEST_F(FleetLabelsTest, OnlyWhatIsGivenChanges) {
  PutLabel("web", {"base", "web"});
  ASSERT_TRUE(EnrolBound("m1", agent_, {.labels = {"web"}, .policies = {"other"}}));
  ASSERT_TRUE(Update("m1", {.labels = std::nullopt, .policy_names = Names{"base"}}));
  EXPECT_EQ(StateOf("m1").enrolment->bound, (Binding{.labels = {"web"}, .policies = {"base"}}));
  ASSERT_TRUE(Update("m1", {.labels = Names{}, .policy_names = Names{}}));
  EXPECT_TRUE(Becomes("m1", Integrity::kUnpoliced));
  Restart();
  EXPECT_TRUE(Becomes("m1", Integrity::kUnpoliced));
}

TEST_F(FleetLabelsTest, RefusedUpdatesChangeNothing) {
  ASSERT_TRUE(EnrolLayers("m1", agent_, {"base", "web"}));
  const auto before = StateOf("m1").enrolment;
  const auto refused = [&](std::string_view id, const wire::MachineChange& change) {
    return IdOf(Update(id, change));
  };
  EXPECT_EQ(refused("m2", {.labels = Names{}, .policy_names = {}}), "verifier.unknown_agent");
  EXPECT_EQ(refused("m1", {.labels = Names{"missing"}, .policy_names = {}}),
            "verifier.unknown_label");
  EXPECT_EQ(refused("m1", {.labels = {}, .policy_names = Names{"missing"}}),
            "verifier.unknown_policy");
  EXPECT_EQ(refused("m1", {.labels = {}, .policy_names = Names{"base", "base"}}), "policy.layers");
  EXPECT_EQ(StateOf("m1").enrolment, before);
  EXPECT_EQ(*store().FindBinding(*wire::AgentId::Parse("m1")),
            (Binding{.labels = {}, .policies = {"base", "web"}}));
}

}  // namespace
}  // namespace limequat::verifier
