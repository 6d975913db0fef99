#include "limequat/verifier/fleet.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "limequat/verifier/fleet_for_test.h"

namespace limequat::verifier {
namespace {

using Choice = Fleet::PolicyChoice;
using testing::IdOf;

wire::AgentId Id(std::string_view text) { return *wire::AgentId::Parse(text); }

class FleetTest : public VerifierTest {
 protected:
  std::vector<std::string> Names(std::string_view after, std::size_t limit) {
    std::vector<std::string> names;
    for (const auto& state : fleet().Page(after, limit))
      names.push_back(state->enrolment->id.text());
    return names;
  }

  std::string Rows(const std::string& table) {
    return Column("SELECT CAST(COUNT(*) AS TEXT) FROM " + table);
  }

  // What a refused enrolment must leave alone.
  std::string Everything() {
    return Rows("machines") + "/" + Rows("policies") + "/" + Rows("policy_names") + "/" +
           Column("SELECT CAST(newest AS TEXT) FROM generations") + "/" +
           std::to_string(fleet().size());
  }

  AgentPeer agent_{verifiers_};
};

// --- enrolling ----------------------------------------------------------------------

TEST_F(FleetTest, EnrolledMachineIsStoredAskedAndShown) {
  ASSERT_TRUE(Enrol("m1", agent_));
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_EQ(fleet().size(), 1U);
  const auto loaded = store().LoadMachines();
  ASSERT_EQ(loaded->machines.size(), 1U);
  EXPECT_EQ(loaded->machines[0].enrolment.generation, StateOf("m1").enrolment->generation);
  EXPECT_EQ(loaded->machines[0].policy_hash, StateOf("m1").enrolment->PolicyHash());
  EXPECT_EQ(fleet().Find("m2"), nullptr);
}

TEST_F(FleetTest, MachineWithoutPolicyIsUnpoliced) {
  ASSERT_TRUE(EnrolWith("m1", agent_, std::nullopt));
  EXPECT_TRUE(Becomes("m1", Integrity::kUnpoliced));
  EXPECT_FALSE(store().LoadMachines()->machines.at(0).policy_hash.has_value());
}

TEST_F(FleetTest, PolicyIsTakenByName) {
  ASSERT_TRUE(fleet().PushPolicy("base", agent_.PolicyText()));
  ASSERT_TRUE(EnrolWith("m1", agent_, Choice{.name = "base", .body = {}}));
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_EQ(LayersOf("m1"), std::vector<std::string>{"base"});
}

TEST_F(FleetTest, EnrolledTwiceIsAConflictAndChangesNothing) {
  ASSERT_TRUE(Enrol("m1", agent_));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  const std::string before = Everything();
  const std::int64_t generation = StateOf("m1").enrolment->generation;
  EXPECT_EQ(IdOf(EnrolWith("m1", agent_, std::nullopt)), "verifier.enrolled");
  EXPECT_EQ(IdOf(EnrolWith("m1", agent_, Choice{.name = "new", .body = PolicyListing("/a")})),
            "verifier.enrolled");
  EXPECT_EQ(Everything(), before);
  EXPECT_EQ(StateOf("m1").enrolment->generation, generation);
}

TEST_F(FleetTest, RefusedPolicyChangesNothing) {
  const std::string before = Everything();
  EXPECT_EQ(IdOf(EnrolWith("m1", agent_, Choice{.name = "missing", .body = {}})),
            "verifier.unknown_policy");
  const Status malformed = EnrolWith("m1", agent_, Choice{.name = "new", .body = "[]"});
  EXPECT_EQ(malformed.error().code, ErrorCode::kMalformed);
  EXPECT_EQ(malformed.error().id.substr(0, 7), "policy.") << malformed.error().id;
  EXPECT_EQ(Everything(), before);
  EXPECT_EQ(agent_.asked(), 0U);
}

TEST_F(FleetTest, PolicySentAlongDoesNotReplaceTheOneOfOthers) {
  ASSERT_TRUE(fleet().PushPolicy("base", agent_.PolicyText()));
  ASSERT_TRUE(EnrolWith("m1", agent_, Choice{.name = "base", .body = {}}));
  const std::string before = Everything();
  const auto hash = StateOf("m1").enrolment->PolicyHash();
  AgentPeer other(verifiers_);
  const Status refused =
      EnrolWith("m2", other, Choice{.name = "base", .body = PolicyListing("/a")});
  EXPECT_EQ(IdOf(refused), "verifier.policy_exists");
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_EQ(Everything(), before);
  EXPECT_EQ(StateOf("m1").enrolment->PolicyHash(), hash);
  // The same content is no change.
  EXPECT_TRUE(EnrolWith("m2", other, Choice{.name = "base", .body = agent_.PolicyText()}));
}

TEST_F(FleetTest, FullFleetTakesNoMore) {
  options_.max_machines = 2;
  AgentPeer second(verifiers_);
  AgentPeer third(verifiers_);
  ASSERT_TRUE(Enrol("m1", agent_));
  ASSERT_TRUE(Enrol("m2", second));
  const std::string before = Everything();
  const Status refused = Enrol("m3", third);
  EXPECT_EQ(IdOf(refused), "verifier.full");
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(Everything(), before);
  EXPECT_EQ(IdOf(Enrol("m2", second)), "verifier.enrolled") << "what is there is said first";
  ASSERT_TRUE(fleet().Remove(Id("m1")));
  EXPECT_TRUE(Enrol("m3", third));
}

TEST_F(FleetTest, MachineThatCannotBeStoredIsNotAsked) {
  fleet();
  Execute("DROP TABLE machines");
  EXPECT_FALSE(EnrolWith("m1", agent_, std::nullopt));
  EXPECT_EQ(fleet().size(), 0U);
  EXPECT_EQ(agent_.asked(), 0U);
}

TEST_F(FleetTest, Attack_A19_IncidentsComeBackWithTheEk) {
  Enrolment first = EnrolmentOf("m1", agent_);
  first.ek_fingerprint = std::string(64, 'a');
  ASSERT_TRUE(fleet().Enrol(first, {Choice{.name = "strict", .body = agent_.PolicyText()}}));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  agent_.Change([](auto& machine) { machine.Run("/usr/bin/evil", "evil"); });
  ASSERT_TRUE(http::Eventually([&] { return !store().ListIncidents("m1", true, 0, 1)->empty(); }));
  ASSERT_TRUE(fleet().Remove(Id("m1")));
  agent_.Change([](auto& machine) { machine.Boot(); });
  Enrolment renamed = EnrolmentOf("clean", agent_);
  renamed.ek_fingerprint = first.ek_fingerprint;
  ASSERT_TRUE(fleet().Enrol(renamed, {{.name = "strict"}}));
  EXPECT_TRUE(Becomes("clean", Integrity::kPass));
  EXPECT_EQ(StateOf("clean").memory.open_incidents, 1);
}

TEST_F(FleetTest, Attack_A19_AnIncidentIsOpenForEveryNameOfItsTpm) {
  AgentPeer other(verifiers_);
  Enrolment first = EnrolmentOf("m1", agent_);
  first.ek_fingerprint = std::string(64, 'a');
  Enrolment second = EnrolmentOf("m2", other);
  second.ek_fingerprint = first.ek_fingerprint;
  ASSERT_TRUE(fleet().Enrol(first, {Choice{.name = "strict", .body = agent_.PolicyText()}}));
  ASSERT_TRUE(fleet().Enrol(second, {{.name = "strict"}}));
  ASSERT_TRUE(Becomes("m2", Integrity::kPass));
  agent_.Change([](auto& machine) { machine.Run("/usr/bin/evil", "evil"); });
  EXPECT_TRUE(Comes("m2", [](const auto& now) { return now.memory.open_incidents == 1; }));
  EXPECT_TRUE(Becomes("m2", Integrity::kPass)) << "its own list is as it was";
}

// --- removing -----------------------------------------------------------------------

TEST_F(FleetTest, RemovedMachineIsGone) {
  ASSERT_TRUE(Enrol("m1", agent_));
  ASSERT_TRUE(fleet().Remove(Id("m1")));
  EXPECT_EQ(fleet().Find("m1"), nullptr);
  EXPECT_EQ(Rows("machines"), "0");
  EXPECT_EQ(Rows("policy_names"), "0") << "its own policy goes with it";
  EXPECT_EQ(IdOf(fleet().Remove(Id("m1"))), "verifier.unknown_agent");
  Restart();
  EXPECT_EQ(fleet().size(), 0U);
}

TEST_F(FleetTest, Attack_A20_MachineEnrolledAnewStartsFromNothing) {
  ASSERT_TRUE(Enrol("m1", agent_));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  const std::int64_t generation = StateOf("m1").enrolment->generation;
  ASSERT_TRUE(fleet().Remove(Id("m1")));
  const std::size_t asked = agent_.asked();
  ASSERT_TRUE(Enrol("m1", agent_));
  EXPECT_GT(StateOf("m1").enrolment->generation, generation);
  EXPECT_TRUE(agent_.WaitAskedInFull(asked));
}

// Nobody else would write it again.
TEST_F(FleetTest, Attack_A19_AMachineIsNotRemovedWhileItsFailureIsNotWritten) {
  ASSERT_TRUE(Enrol("m1", agent_));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  Execute("CREATE TRIGGER full BEFORE INSERT ON incidents BEGIN SELECT RAISE(ABORT, 'full'); END");
  agent_.Change([](auto& machine) { machine.Run("/usr/bin/evil", "evil"); });
  ASSERT_TRUE(Becomes("m1", Integrity::kFail));
  EXPECT_EQ(IdOf(fleet().Remove(Id("m1"))), "verifier.failure_pending");
  EXPECT_EQ(fleet().size(), 1U);
  Execute("DROP TRIGGER full");
  EXPECT_TRUE(http::Eventually([&] { return fleet().Remove(Id("m1")).has_value(); }));
  EXPECT_EQ(store().ListIncidents("m1", true, 0, 10)->size(), 1U);
}

TEST_F(FleetTest, AMachineThatCannotBeRemovedIsStillAsked) {
  ASSERT_TRUE(Enrol("m1", agent_));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  Execute("CREATE TRIGGER stays BEFORE DELETE ON machines BEGIN SELECT RAISE(ABORT, 'no'); END");
  EXPECT_FALSE(fleet().Remove(Id("m1")));
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_TRUE(AttestedAgain("m1"));
  EXPECT_TRUE(StateOf("m1").memory.baseline->approved);
  Execute("DROP TRIGGER stays");
  EXPECT_TRUE(fleet().Remove(Id("m1")));
  EXPECT_EQ(fleet().size(), 0U);
}

// The number of the release that goes with it would not be kept.
TEST_F(FleetTest, Attack_A11_AMachineStaysWhileItsOwnPolicyCannotBeLookedUp) {
  ASSERT_TRUE(Enrol("m1", agent_));
  Execute("ALTER TABLE policies RENAME TO elsewhere");
  EXPECT_FALSE(fleet().Remove(Id("m1")));
  EXPECT_EQ(fleet().size(), 1U);
  Execute("ALTER TABLE elsewhere RENAME TO policies");
  EXPECT_TRUE(fleet().Remove(Id("m1")));
}

// --- policies -----------------------------------------------------------------------

TEST_F(FleetTest, Attack_A20_PushedPolicyAppraisesTheWholeListAgain) {
  AgentPeer other(verifiers_);
  ASSERT_TRUE(EnrolWith("m1", agent_, Choice{.name = "base", .body = agent_.PolicyText()}));
  ASSERT_TRUE(EnrolWith("m2", other, Choice{.name = "other", .body = other.PolicyText()}));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  ASSERT_TRUE(Becomes("m2", Integrity::kPass));
  const auto untouched = StateOf("m2").enrolment;
  const std::size_t asked = agent_.asked();
  const std::int64_t generation = StateOf("m1").enrolment->generation;

  // What was good before is not in the new policy: only the whole list shows that.
  ASSERT_EQ(fleet().PushPolicy("base", PolicyListing("/usr/bin/other")).value_or(99), 1U);
  EXPECT_EQ(FailuresOf("m1"), (std::vector<std::string>{"ima.path", "ima.path"}));
  const MachineState state = StateOf("m1");
  EXPECT_GT(state.enrolment->generation, generation);
  EXPECT_EQ(store().LoadMachines()->machines.at(0).enrolment.generation,
            state.enrolment->generation);
  const auto questions = agent_.questions();
  EXPECT_TRUE(std::any_of(questions.begin() + static_cast<std::ptrdiff_t>(asked), questions.end(),
                          [](const auto& question) { return question.full; }));
  EXPECT_EQ(StateOf("m2").enrolment, untouched);
  EXPECT_EQ(std::ranges::count_if(other.questions(), [](const auto& q) { return q.full; }), 1);
}

TEST_F(FleetTest, SamePolicyAgainChangesNobody) {
  ASSERT_TRUE(EnrolWith("m1", agent_, Choice{.name = "base", .body = agent_.PolicyText()}));
  const auto before = StateOf("m1").enrolment;
  EXPECT_EQ(fleet().PushPolicy("base", agent_.PolicyText()).value_or(99), 0U);
  EXPECT_EQ(StateOf("m1").enrolment, before);
}

TEST_F(FleetTest, MalformedPolicyIsNotPushed) {
  ASSERT_TRUE(EnrolWith("m1", agent_, Choice{.name = "base", .body = agent_.PolicyText()}));
  const std::string before = Everything();
  const auto pushed = fleet().PushPolicy("base", "[]");
  ASSERT_FALSE(pushed);
  EXPECT_EQ(pushed.error().code, ErrorCode::kMalformed);
  EXPECT_EQ(Everything(), before);
}

// --- incidents ----------------------------------------------------------------------

TEST_F(FleetTest, ClosedIncidentIsCountedAnewForEveryMachineItConcerns) {
  const std::string ek(64, 'a');
  AgentPeer same_ek(verifiers_);
  AgentPeer stranger(verifiers_);
  Enrolment first = EnrolmentOf("m1", agent_);
  first.ek_fingerprint = ek;
  Enrolment second = EnrolmentOf("m2", same_ek);
  second.ek_fingerprint = ek;
  Execute(
      "INSERT INTO incidents (number, agent_id, ek_fingerprint, opened_us, closed_us, closed_by, "
      "note, check_name, detail, cause) VALUES (1, 'm1', '" +
      ek + "', 0, NULL, '', '', 'ima.path', '', ''), (2, 'm3', '', 0, NULL, '', '', 'x', '', '')");
  ASSERT_TRUE(fleet().Enrol(first, {}));
  ASSERT_TRUE(fleet().Enrol(second, {}));
  ASSERT_TRUE(EnrolWith("m3", stranger, std::nullopt));
  for (const char* id : {"m1", "m2", "m3"}) {
    EXPECT_TRUE(Comes(id, [](const auto& now) { return !now.counting && !now.count_again; }));
    EXPECT_EQ(StateOf(id).memory.open_incidents, 1) << id;
  }

  Execute("UPDATE incidents SET closed_us = 1");
  fleet().RecountIncidents("m1", ek);
  const auto none_open = [](const MachineState& now) { return now.memory.open_incidents == 0; };
  EXPECT_TRUE(Comes("m1", none_open));
  EXPECT_TRUE(Comes("m2", none_open)) << "the same TPM under another name (A19)";
  EXPECT_EQ(StateOf("m3").memory.open_incidents, 1) << "nobody counted for it";
  fleet().RecountIncidents("m3", "");
  EXPECT_TRUE(Comes("m3", none_open));
}

// --- pages --------------------------------------------------------------------------

TEST_F(FleetTest, PagesAreInOrderAndBounded) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(Names("", 10), Texts{});
  for (const char* id : {"m3", "m1", "M9", "m2"}) ASSERT_TRUE(EnrolWith(id, agent_, std::nullopt));
  EXPECT_EQ(Names("", 10), (Texts{"M9", "m1", "m2", "m3"}));
  EXPECT_EQ(Names("", 2), (Texts{"M9", "m1"}));
  EXPECT_EQ(Names("m1", 2), (Texts{"m2", "m3"}));
  EXPECT_EQ(Names("m2", 2), Texts{"m3"});
  EXPECT_EQ(Names("m15", 10), (Texts{"m2", "m3"})) << "behind one that is not there";
  EXPECT_EQ(Names("m3", 2), Texts{});
  EXPECT_EQ(Names("", 0), Texts{});
}

// --- starting -----------------------------------------------------------------------

TEST_F(FleetTest, MachinesAreLoadedWithTheirPolicies) {
  AgentPeer second(verifiers_);
  ASSERT_TRUE(Enrol("m1", agent_));
  ASSERT_TRUE(EnrolWith("m2", second, std::nullopt));
  const auto hash = StateOf("m1").enrolment->PolicyHash();
  Restart();
  EXPECT_EQ(fleet().size(), 2U);
  EXPECT_EQ(StateOf("m1").enrolment->PolicyHash(), hash);
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_TRUE(Becomes("m2", Integrity::kUnpoliced));
}

TEST_F(FleetTest, Cve_2025_1057_UnreadableMachineIsLeftOutAlone) {
  AgentPeer second(verifiers_);
  ASSERT_TRUE(Enrol("m1", agent_));
  ASSERT_TRUE(Enrol("m2", second));
  Stop();
  Execute("UPDATE machines SET memory = 'rubbish' WHERE agent_id = 'm1'");
  Restart();
  EXPECT_EQ(fleet().Find("m1"), nullptr) << "unknown, never good";
  EXPECT_TRUE(Becomes("m2", Integrity::kPass));
  // It can be removed, or enrolled anew.
  ASSERT_TRUE(fleet().Remove(Id("m1")));
  EXPECT_EQ(Rows("machines"), "1");
}

TEST_F(FleetTest, UnreadableMachineIsReplacedByAnEnrolment) {
  ASSERT_TRUE(Enrol("m1", agent_));
  Stop();
  Execute("UPDATE machines SET enrolment = 'rubbish'");
  Restart();
  ASSERT_EQ(fleet().size(), 0U);
  ASSERT_TRUE(Enrol("m1", agent_));
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_EQ(Rows("machines"), "1");
}

TEST_F(FleetTest, Attack_A14_MachineWhosePolicyIsLostIsNotUnpoliced) {
  AgentPeer second(verifiers_);
  second.Change([](auto& machine) { machine.Run("/usr/bin/second", "second"); });
  ASSERT_TRUE(Enrol("m1", agent_));
  ASSERT_TRUE(Enrol("m2", second));
  const std::string lost = StateOf("m1").enrolment->PolicyHash().hex();
  Stop();
  Execute("DELETE FROM policies WHERE hash = '" + lost + "'");
  Restart();
  EXPECT_EQ(fleet().Find("m1"), nullptr);
  EXPECT_TRUE(Becomes("m2", Integrity::kPass));
}

TEST_F(FleetTest, PolicyThatCannotBeReadIsLost) {
  ASSERT_TRUE(Enrol("m1", agent_));
  Stop();
  Execute("UPDATE policies SET body = 'rubbish'");
  Restart();
  EXPECT_EQ(fleet().Find("m1"), nullptr);
}

TEST_F(FleetTest, DatabaseThatCannotBeReadStopsTheStart) {
  fleet();
  Execute("DROP TABLE machines");
  Fleet second({.runtime = runtime_,
                .client = *client_,
                .store = store(),
                .policies = policies_,
                .boots = boots_},
               options_);
  EXPECT_FALSE(second.Start());
}

}  // namespace
}  // namespace limequat::verifier
