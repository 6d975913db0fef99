#include "limequat/verifier/driver.h"

#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "limequat/verifier/fleet_for_test.h"
#include "limequat/wire/attestation.h"
#include "limequat/wire/envelope.h"

namespace limequat::verifier {
namespace {

using std::chrono::milliseconds;

class DriverTest : public VerifierTest {
 protected:
  AgentPeer agent_{verifiers_};
};

http::Response Envelope(int code, std::string status) {
  return http::Reply(code, wire::WriteEnvelope({.code = code, .status = std::move(status)}));
}

// --- asking -------------------------------------------------------------------------

TEST_F(DriverTest, HonestMachinePasses) {
  ASSERT_TRUE(Enrol("m1", agent_));
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_TRUE(AttestedAgain("m1"));
  EXPECT_EQ(StateOf("m1").transport_trouble, "");
}

TEST_F(DriverTest, Attack_A01_TheFirstQuestionIsFullAndLaterOnesGoOn) {
  ASSERT_TRUE(Enrol("m1", agent_));
  ASSERT_TRUE(agent_.WaitAsked(2));
  const auto questions = agent_.questions();
  EXPECT_TRUE(questions[0].full);
  EXPECT_EQ(questions[0].ima_from, 0U);
  EXPECT_TRUE(questions[0].mask.ContainsAll(appraise::kFullPcrs)) << questions[0].mask.ToString();
  EXPECT_FALSE(questions[0].mask.Contains(appraise::kTransportKeyPcr)) << "the agent adds it";
  EXPECT_FALSE(questions[1].full);
  EXPECT_EQ(questions[1].ima_from, 3U);
  EXPECT_EQ(questions[1].mask, tpm::PcrSet::Of(tpm::kImaPcr));
}

TEST_F(DriverTest, Attack_A03_EveryQuestionHasItsOwnNonce) {
  ASSERT_TRUE(Enrol("m1", agent_));
  ASSERT_TRUE(agent_.WaitAsked(10));
  std::set<std::string> nonces;
  for (const auto& question : agent_.questions()) {
    EXPECT_EQ(question.nonce.size(), 20U);
    EXPECT_TRUE(nonces.insert(question.nonce).second) << question.nonce;
  }
}

TEST_F(DriverTest, Attack_A03_QuoteForAnotherNonceFails) {
  agent_.AnswerWith([this](const AgentPeer::Question& question) {
    AgentPeer::Question held = question;
    held.nonce = "heldheldheldheldheld";
    return agent_.HonestAnswer(held);
  });
  ASSERT_TRUE(Enrol("m1", agent_));
  const auto checks = FailuresOf("m1");
  EXPECT_NE(std::ranges::find(checks, "tpm.quote.nonce"), checks.end());
  EXPECT_FALSE(StateOf("m1").verified_evidence.has_value());
}

TEST_F(DriverTest, Attack_A12_QuoteOfAnotherKeyFails) {
  agent_.AnswerWith(
      [other = std::make_shared<AgentPeer>(verifiers_)](const AgentPeer::Question& question) {
        return other->HonestAnswer(question);
      });
  ASSERT_TRUE(Enrol("m1", agent_));
  const auto checks = FailuresOf("m1");
  EXPECT_NE(std::ranges::find(checks, "tpm.quote.signature"), checks.end());
}

TEST_F(DriverTest, Attack_A01_RebootIsAskedAgainInFull) {
  ASSERT_TRUE(Enrol("m1", agent_));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  agent_.Change([](auto& machine) { machine.Boot(); });
  ASSERT_TRUE(Comes("m1", [](const MachineState& now) { return now.memory.boots == 2; }));
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  const auto questions = agent_.questions();
  EXPECT_GE(std::ranges::count_if(questions, [](const auto& asked) { return asked.full; }), 2);
}

TEST_F(DriverTest, WhatIsRememberedSurvivesARestart) {
  ASSERT_TRUE(Enrol("m1", agent_));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  Stop();
  agent_.AnswerWith([](const auto&) { return Envelope(500, "not now"); });
  const std::size_t before = agent_.asked();
  Restart();
  const MachineState state = StateOf("m1");
  ASSERT_TRUE(state.memory.baseline.has_value());
  EXPECT_TRUE(state.memory.baseline->approved);
  EXPECT_EQ(state.memory.bank, crypto::HashAlgorithm::kSha256);
  ASSERT_TRUE(state.memory.boot.has_value());
  EXPECT_EQ(state.memory.boot->entries, 3U);
  EXPECT_EQ(IntegrityOf("m1"), Integrity::kPending) << "nothing good is shown on old evidence";
  EXPECT_TRUE(agent_.WaitAskedInFull(before));
}

// What it knows only in its own memory, a verifier forgets; and what it forgot of a boot, it
// would approve anew.
TEST_F(DriverTest, Attack_A19_ABaselineThatTheDatabaseRefusedIsWrittenWhenItCan) {
  static_cast<void>(fleet());
  Execute(
      "CREATE TRIGGER full BEFORE UPDATE OF memory ON machines "
      "BEGIN SELECT RAISE(ABORT, 'full'); END");
  ASSERT_TRUE(Enrol("m1", agent_));
  ASSERT_TRUE(Comes("m1", [](const auto& now) { return now.memory_writes.lost_in_a_row >= 2; }))
      << "tried again though nothing is new";
  EXPECT_FALSE(store().LoadMachines()->machines.at(0).memory.baseline.has_value());
  Execute("DROP TRIGGER full");
  EXPECT_TRUE(Comes("m1", [](const auto& now) { return !now.memory_writes.DatabaseMayLag(); }));
  const auto stored = store().LoadMachines()->machines.at(0).memory.baseline;
  ASSERT_TRUE(stored.has_value());
  EXPECT_EQ(stored->pcrs, StateOf("m1").memory.baseline->pcrs);
}

TEST_F(DriverTest, Attack_A19_AnIncidentThatTheDatabaseRefusedIsWrittenWhenItCan) {
  ASSERT_TRUE(Enrol("m1", agent_));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  Execute("CREATE TRIGGER full BEFORE INSERT ON incidents BEGIN SELECT RAISE(ABORT, 'full'); END");
  agent_.Change([](auto& machine) { machine.Run("/root/intruder", "content"); });
  ASSERT_TRUE(Comes("m1", [](const auto& now) {
    return !now.lost_failures.empty() && now.lost_failures[0].lost >= 2;
  }));
  EXPECT_EQ(StateOf("m1").memory.open_incidents, 1);
  Execute("DROP TRIGGER full");
  EXPECT_TRUE(
      http::Eventually([&] { return Column("SELECT COUNT(*) || '' FROM incidents") == "1"; }));
  EXPECT_EQ(Column("SELECT COUNT(*) || '' FROM failures"), "1") << "with what it is about, once";
  Restart();
  EXPECT_EQ(StateOf("m1").memory.open_incidents, 1);
}

// --- what is no answer --------------------------------------------------------------

TEST_F(DriverTest, OtherStatusIsTroubleWhateverTheBodySays) {
  for (const int status : {201, 202, 400, 403, 404, 500, 503}) {
    AgentPeer agent(verifiers_);
    agent.AnswerWith([&agent, status](const AgentPeer::Question& question) {
      http::Response answer = agent.HonestAnswer(question);
      answer.status = status;
      return answer;
    });
    const std::string id = "m" + std::to_string(status);
    ASSERT_TRUE(Enrol(id, agent));
    EXPECT_EQ(TroubleOf(id), "the agent answered " + std::to_string(status) + " Success");
    EXPECT_EQ(IntegrityOf(id), Integrity::kPending) << status;
    EXPECT_EQ(StateOf(id).attestations, 0) << status;
    EXPECT_EQ(agent.version_requests(), 0U) << status;
    ASSERT_TRUE(fleet().Remove(*wire::AgentId::Parse(id)));
  }
}

TEST_F(DriverTest, Attack_A15_TheAgentsWordsAreEscapedAndCut) {
  agent_.AnswerWith(
      [](const auto&) { return Envelope(500, "red \x1b[31m\n" + std::string(1000, 'x')); });
  ASSERT_TRUE(Enrol("m1", agent_));
  const std::string trouble = TroubleOf("m1");
  EXPECT_EQ(trouble.find('\x1b'), std::string::npos);
  EXPECT_EQ(trouble.find('\n'), std::string::npos);
  EXPECT_LT(trouble.size(), 400U);
}

TEST_F(DriverTest, AnswerAboveTheLimitIsNotTaken) {
  options_.max_answer = 500;
  ASSERT_TRUE(Enrol("m1", agent_));
  TroubleOf("m1");
  EXPECT_EQ(IntegrityOf("m1"), Integrity::kPending);
  EXPECT_EQ(StateOf("m1").attestations, 0);
}

TEST_F(DriverTest, AnotherCertificateThanTheRegisteredOneIsNotTalkedTo) {
  wire::EnrolRequest request = agent_.Request();
  request.transport_certificate = testing::MakeCertificatePem();
  auto enrolment = MakeEnrolment(*wire::AgentId::Parse("m1"), request, {});
  ASSERT_TRUE(enrolment);
  ASSERT_TRUE(fleet().Enrol(*std::move(enrolment), {}));
  EXPECT_NE(TroubleOf("m1").find("certificate"), std::string::npos) << TroubleOf("m1");
  EXPECT_EQ(agent_.asked(), 0U) << "no nonce went to a stranger";
  EXPECT_EQ(IntegrityOf("m1"), Integrity::kPending);
}

TEST_F(DriverTest, SilentMachineIsTrouble) {
  options_.request_timeout = milliseconds(30);
  const auto gate = std::make_shared<http::Gate>();
  agent_.AnswerWith([gate](const auto&) -> std::optional<http::Response> {
    EXPECT_TRUE(gate->Wait());
    return std::nullopt;
  });
  ASSERT_TRUE(Enrol("m1", agent_));
  TroubleOf("m1");
  EXPECT_EQ(IntegrityOf("m1"), Integrity::kPending);
  gate->Open();
}

TEST_F(DriverTest, NobodyListens) {
  auto gone = std::make_unique<AgentPeer>(verifiers_);
  const Enrolment enrolment = EnrolmentOf("m1", *gone);
  gone.reset();
  ASSERT_TRUE(fleet().Enrol(enrolment, {}));
  TroubleOf("m1");
  EXPECT_EQ(IntegrityOf("m1"), Integrity::kPending);
}

// --- evidence that cannot be read ---------------------------------------------------

// An honest answer whose quote was changed.
http::Response WithQuote(AgentPeer& agent, const AgentPeer::Question& question,
                         std::string (*change)(std::string)) {
  wire::QuoteAnswer answer = agent.HonestQuote(question);
  answer.quote = change(std::move(answer.quote));
  return http::Reply(200, wire::WriteEnvelope({.results = wire::WriteQuoteAnswer(answer)}));
}

TEST_F(DriverTest, MalformedEvidenceFailsTheMachine) {
  using Lie = http::Response (*)(AgentPeer&, const AgentPeer::Question&);
  const std::map<std::string, Lie> lies = {
      {"empty", [](auto&, const auto&) { return http::Reply(200, ""); }},
      {"no-json", [](auto&, const auto&) { return http::Reply(200, "<html>"); }},
      {"no-results",
       [](auto&, const auto&) {
         return http::Reply(200, R"({"code": 200, "status": "Success"})");
       }},
      {"error-inside",
       [](auto&, const auto&) {
         return http::Reply(200, wire::WriteEnvelope({.code = 500, .status = "no"}));
       }},
      {"no-quote",
       [](AgentPeer& agent, const auto& question) {
         return WithQuote(agent, question, [](std::string) { return std::string("r::"); });
       }},
      {"cut-quote",
       [](AgentPeer& agent, const auto& question) {
         return WithQuote(agent, question,
                          [](std::string quote) { return quote.substr(0, quote.size() / 2); });
       }},
  };
  for (const auto& [name, lie] : lies) {
    AgentPeer agent(verifiers_);
    agent.AnswerWith([&agent, tell = lie](const auto& question) { return tell(agent, question); });
    ASSERT_TRUE(Enrol(name, agent)) << name;
    EXPECT_EQ(FailuresOf(name), std::vector<std::string>{"evidence.malformed"}) << name;
    EXPECT_TRUE(Comes(name, [](const MachineState& now) { return now.memory.open_incidents == 1; }))
        << name;
    EXPECT_FALSE(StateOf(name).verified_evidence.has_value()) << name;
    ASSERT_TRUE(fleet().Remove(*wire::AgentId::Parse(name)));
  }
}

TEST_F(DriverTest, GoodEvidenceAfterMalformedIsTaken) {
  agent_.AnswerWith([](const auto&) { return http::Reply(200, "<html>"); });
  ASSERT_TRUE(Enrol("m1", agent_));
  FailuresOf("m1");
  agent_.AnswerWith({});
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_EQ(TrustAt(StateOf("m1"), options_.pace, StateOf("m1").enrolled_at), Trust::kNotTrusted)
      << "the incident stays open";
}

// --- API versions -------------------------------------------------------------------

TEST_F(DriverTest, VersionIsAgreedWithAnOlderAgent) {
  agent_.SupportOnly({"2.1", "2.2", "2.3"});
  ASSERT_TRUE(Enrol("m1", agent_));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_EQ(agent_.version_requests(), 1U);
  const auto questions = agent_.questions();
  EXPECT_EQ(questions[0].version, "v2.6");
  EXPECT_EQ(questions[1].version, "v2.3");
  EXPECT_EQ(std::ranges::count(questions, "v2.6", &AgentPeer::Question::version), 1);
}

TEST_F(DriverTest, TheEnrolmentsVersionIsAskedFirst) {
  Enrolment enrolment = EnrolmentOf("m1", agent_);
  enrolment.api_version = "2.2";
  ASSERT_TRUE(fleet().Enrol(std::move(enrolment), {}));
  ASSERT_TRUE(agent_.WaitAsked(1));
  EXPECT_EQ(agent_.questions()[0].version, "v2.2");
}

TEST_F(DriverTest, NoDowngradeOnceEvidenceWasAccepted) {
  ASSERT_TRUE(Enrol("m1", agent_));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  agent_.SupportOnly({"2.1"});
  ASSERT_TRUE(Comes("m1", [](const MachineState& now) {
    return now.transport_trouble == "the agent offers only older API versions than before";
  })) << StateOf("m1").transport_trouble;
  const std::size_t asked = agent_.asked();
  ASSERT_TRUE(agent_.WaitAsked(asked + 3));
  const auto questions = agent_.questions();
  EXPECT_EQ(std::ranges::count(questions, "v2.1", &AgentPeer::Question::version), 0);
  agent_.SupportOnly({"2.1", "2.6"});
  EXPECT_TRUE(AttestedAgain("m1"));
}

TEST_F(DriverTest, ListOfVersionsThatCannotBeUsedChangesNothing) {
  const std::string none = "the agent does not support the API version and gives no list";
  const std::string unreadable = "the agent's list of API versions cannot be read";
  const std::string nothing_common = "no API version in common with the agent";
  struct Case {
    const char* name;
    int status;
    std::string body;
    std::string trouble;
  };
  const Case cases[] = {
      {"error", 500, R"({"code":200,"status":"Success","results":{"supported_version":"2.1"}})",
       none},
      {"html", 200, "<html>", unreadable},
      {"empty", 200, R"({"code":200,"status":"Success","results":{}})", unreadable},
      {"types", 200, R"({"code":200,"status":"Success","results":{"supported_versions":[2.1]}})",
       unreadable},
      {"strange", 200,
       R"({"code":200,"status":"Success","results":{"supported_versions":["1.0","3.0","x","2.01"]}})",
       nothing_common},
      {"too-long", 200, std::string(70'000, ' '), none},
  };
  for (const Case& kase : cases) {
    AgentPeer agent(verifiers_);
    agent.SupportOnly({"2.1"});
    agent.AnswerVersionWith(kase.status, kase.body);
    ASSERT_TRUE(Enrol(kase.name, agent));
    EXPECT_EQ(TroubleOf(kase.name), kase.trouble) << kase.name;
    ASSERT_TRUE(agent.WaitAsked(3));
    for (const auto& question : agent.questions()) EXPECT_EQ(question.version, "v2.6") << kase.name;
    EXPECT_EQ(IntegrityOf(kase.name), Integrity::kPending);
    ASSERT_TRUE(fleet().Remove(*wire::AgentId::Parse(kase.name)));
  }
}

// --- changes while a question is under way ------------------------------------------

// The machine holds every question until it is told to go on.
class HeldTest : public DriverTest {
 protected:
  HeldTest() {
    // A handler may be in here until the machine's server has ended.
    agent_.AnswerWith([held = held_, go_on = go_on_](const auto&) -> std::optional<http::Response> {
      held->Open();
      EXPECT_TRUE(go_on->Wait());
      return std::nullopt;
    });
  }
  ~HeldTest() override { go_on_->Open(); }

  const std::shared_ptr<http::Gate> held_ = std::make_shared<http::Gate>();
  const std::shared_ptr<http::Gate> go_on_ = std::make_shared<http::Gate>();
};

TEST_F(HeldTest, Attack_A20_NothingIsSentAfterRemoval) {
  AgentPeer other(verifiers_);
  ASSERT_TRUE(Enrol("m1", agent_));
  ASSERT_TRUE(held_->Wait());
  ASSERT_TRUE(fleet().Remove(*wire::AgentId::Parse("m1")));
  go_on_->Open();
  // Another machine is asked ten times meanwhile: this one would have been, too.
  ASSERT_TRUE(Enrol("m2", other));
  ASSERT_TRUE(other.WaitAsked(10));
  EXPECT_EQ(agent_.asked(), 1U);
  EXPECT_EQ(agent_.version_requests(), 0U);
}

TEST_F(HeldTest, Attack_A20_NoVersionIsAskedForAfterRemoval) {
  AgentPeer other(verifiers_);
  agent_.SupportOnly({"2.1"});
  ASSERT_TRUE(Enrol("m1", agent_));
  ASSERT_TRUE(held_->Wait());
  ASSERT_TRUE(fleet().Remove(*wire::AgentId::Parse("m1")));
  go_on_->Open();
  ASSERT_TRUE(Enrol("m2", other));
  ASSERT_TRUE(other.WaitAsked(10));
  EXPECT_EQ(agent_.version_requests(), 0U);
}

// One machine without a fleet that forgets it.
class HeldAloneTest : public HeldTest {
 protected:
  std::shared_ptr<Machine> Started() {
    auto machine = LoneMachine("m1", agent_);
    machine->Start(Duration(0));
    EXPECT_TRUE(held_->Wait());
    return machine;
  }
  // Long enough for ten more questions.
  void WaitForOther() {
    AgentPeer other(verifiers_);
    ASSERT_TRUE(Enrol("m2", other));
    ASSERT_TRUE(other.WaitAsked(10));
    ASSERT_TRUE(fleet().Remove(*wire::AgentId::Parse("m2")));
  }
};

TEST_F(HeldAloneTest, Attack_A20_StoppedMachineStaysStopped) {
  const auto machine = Started();
  machine->StopAndWait();
  go_on_->Open();
  WaitForOther();
  EXPECT_EQ(agent_.asked(), 1U);
}

TEST_F(HeldAloneTest, Attack_A20_NoVersionIsAskedForInTheMomentOfRemoval) {
  agent_.SupportOnly({"2.1"});
  const auto machine = Started();
  // Without the cancellation that belongs to it: the answer is still delivered.
  machine->Post(Removed{});
  go_on_->Open();
  WaitForOther();
  EXPECT_EQ(agent_.version_requests(), 0U);
  machine->StopAndWait();
}

TEST_F(HeldTest, Attack_A14_AnswerUnderThePolicyBeforeIsDropped) {
  // The old policy lists what ran, the new one does not.
  const std::string good = agent_.PolicyText();
  agent_.Change([](auto& machine) { machine.Run("/usr/bin/new", "new 1"); });
  ASSERT_TRUE(
      EnrolWith("m1", agent_, Fleet::PolicyChoice{.name = "base", .body = agent_.PolicyText()}));
  ASSERT_TRUE(held_->Wait());
  ASSERT_EQ(fleet().PushPolicy("base", good).value_or(99), 1U);
  go_on_->Open();
  EXPECT_EQ(FailuresOf("m1"), std::vector<std::string>{"ima.path"});
  EXPECT_FALSE(StateOf("m1").last_good.has_value()) << "the old policy's verdict counted";
}

// --- failures and notices -----------------------------------------------------------

TEST_F(DriverTest, FailureIsKeptAndOpensAnIncident) {
  ASSERT_TRUE(Enrol("m1", agent_));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  agent_.Change([](auto& machine) { machine.Run("/usr/bin/evil", "evil"); });
  EXPECT_EQ(FailuresOf("m1"), std::vector<std::string>{"ima.path"});
  ASSERT_TRUE(http::Eventually([&] { return !store().LoadFailures("m1")->empty(); }));
  ASSERT_TRUE(Comes("m1", [](const MachineState& now) { return now.memory.open_incidents == 1; }));
  ASSERT_TRUE(AttestedAgain("m1"));
  const auto failures = store().LoadFailures("m1");
  ASSERT_EQ(failures->size(), 1U) << "the same failure is kept once";
  EXPECT_NE(failures->at(0).document.find("/usr/bin/evil"), std::string::npos);
  const auto incidents = store().ListIncidents("m1", true, 0, 10);
  ASSERT_EQ(incidents->size(), 1U);
  EXPECT_EQ(incidents->at(0).check, "ima.path");
}

TEST_F(DriverTest, FailureThatCannotBeStoredIsStillOne) {
  ASSERT_TRUE(Enrol("m1", agent_));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  Execute("DROP TABLE incidents");
  agent_.Change([](auto& machine) { machine.Run("/usr/bin/evil", "evil"); });
  EXPECT_EQ(FailuresOf("m1"), std::vector<std::string>{"ima.path"});
  ASSERT_TRUE(AttestedAgain("m1"));
  EXPECT_EQ(StateOf("m1").memory.open_incidents, 1) << "counted in memory";
}

TEST_F(DriverTest, NoticeOfAFailureAndOfTheRecovery) {
  NoticeReceiver receiver(runtime_);
  SendNoticesTo(receiver.url());
  ASSERT_TRUE(
      EnrolWith("m1", agent_, Fleet::PolicyChoice{.name = "base", .body = agent_.PolicyText()}));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  agent_.Change([](auto& machine) {
    for (int i = 0; i < 30; ++i) machine.Run("/usr/bin/new" + std::to_string(i), "new");
  });
  const json::Object failed = receiver.Wait("machine.failed");
  EXPECT_EQ(*failed.Find("agent_id")->as_string(), "m1");
  EXPECT_EQ(failed.Find("open_incidents")->as_int64(), 1);
  EXPECT_TRUE(ParseRfc3339(*failed.Find("at")->as_string()));
  const json::Object& result = *failed.Find("result")->as_object();
  EXPECT_EQ(*result.Find("verdict")->as_string(), "fail");
  const json::Array& findings = *result.Find("findings")->as_array();
  ASSERT_EQ(findings.size(), 20U) << "a notice stays small";
  EXPECT_EQ(*findings[0].as_object()->Find("check")->as_string(), "ima.path");
  EXPECT_GE(result.Find("findings_not_shown")->as_int64(), 10);

  ASSERT_TRUE(fleet().PushPolicy("base", agent_.PolicyText()));
  const json::Object recovered = receiver.Wait("machine.recovered");
  EXPECT_EQ(*recovered.Find("result")->as_object()->Find("verdict")->as_string(), "pass");
  EXPECT_EQ(recovered.Find("open_incidents")->as_int64(), 1) << "an operator closes it";
}

TEST_F(DriverTest, NoticeOfSilence) {
  options_.pace.late_after = Duration(1);
  NoticeReceiver receiver(runtime_);
  SendNoticesTo(receiver.url());
  agent_.AnswerWith([](const auto&) { return Envelope(500, "not now"); });
  ASSERT_TRUE(Enrol("m1", agent_));
  const json::Object late = receiver.Wait("machine.late");
  EXPECT_EQ(*late.Find("agent_id")->as_string(), "m1");
  EXPECT_FALSE(late.Contains("result")) << "there is no appraisal to speak of";
  ASSERT_TRUE(agent_.WaitAsked(agent_.asked() + 3));
  EXPECT_EQ(receiver.events(), std::vector<std::string>{"machine.late"}) << "told once";
}

}  // namespace
}  // namespace limequat::verifier
