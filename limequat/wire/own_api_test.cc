#include "limequat/wire/own_api.h"

#include <gtest/gtest.h>

#include "limequat/wire/testing.h"

namespace limequat::wire {
namespace {

OwnEnrolment SomeEnrolment() {
  return {.enrolment = "{}",
          .identity = "verified",
          .identity_detail = "chain ok",
          .ek_fingerprint = std::string(64, 'b'),
          .waive_identity = true,
          .approve_current_boot = true,
          .waive_sha1 = true,
          .waive_boot_aggregate_bank = true,
          .policy_names = {"base", "team"},
          .labels = {"web", "eu"},
          .boot_reference_name = "b",
          .boot_policy = "example",
          .model = "R640"};
}

json::Object EnrolmentDocument() {
  return *json::Parse(WriteOwnEnrolment(SomeEnrolment()))->as_object();
}

Parses ReadsEnrolment(std::string_view body) {
  const Result<OwnEnrolment> enrolment = ParseOwnEnrolment(body);
  if (!enrolment) {
    EXPECT_EQ(enrolment.error().code, ErrorCode::kMalformed);
    EXPECT_TRUE(enrolment.error().id.starts_with("wire.own_enrolment.")) << enrolment.error().id;
  }
  return enrolment ? Parses::kYes : Parses::kNo;
}

TEST(OwnEnrolmentTest, IsReadBack) {
  const OwnEnrolment enrolment = SomeEnrolment();
  Result<OwnEnrolment> parsed = ParseOwnEnrolment(WriteOwnEnrolment(enrolment));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->enrolment, enrolment.enrolment);
  EXPECT_EQ(parsed->identity, enrolment.identity);
  EXPECT_EQ(parsed->identity_detail, enrolment.identity_detail);
  EXPECT_EQ(parsed->ek_fingerprint, enrolment.ek_fingerprint);
  EXPECT_TRUE(parsed->waive_identity);
  EXPECT_TRUE(parsed->approve_current_boot);
  EXPECT_TRUE(parsed->waive_sha1);
  EXPECT_TRUE(parsed->waive_boot_aggregate_bank);
  EXPECT_EQ(parsed->policy_names, (std::vector<std::string>{"base", "team"}));
  EXPECT_EQ(parsed->labels, (std::vector<std::string>{"web", "eu"}));
  EXPECT_EQ(parsed->boot_reference_name, "b");
  EXPECT_EQ(parsed->boot_policy, "example");
  EXPECT_EQ(parsed->model, "R640");
}

TEST(OwnEnrolmentTest, OnePolicyMayBeNamedAsBefore) {
  json::Object document;
  for (const auto& [name, value] : EnrolmentDocument()) {
    if (name != "policy_names") document.Set(name, value);
  }
  EXPECT_TRUE(ParseOwnEnrolment(json::Serialize(document))->policy_names.empty());
  document.Set("policy_name", "");
  EXPECT_TRUE(ParseOwnEnrolment(json::Serialize(document))->policy_names.empty());
  document.Set("policy_name", "p");
  EXPECT_EQ(ParseOwnEnrolment(json::Serialize(document))->policy_names,
            std::vector<std::string>{"p"});
  document.Set("policy_names", json::Array{"q"});
  EXPECT_EQ(ReadsEnrolment(json::Serialize(document)), Parses::kNo) << "which of them?";
}

TEST(OwnEnrolmentTest, NothingIsWaivedUnlessItIsSaid) {
  json::Object document;
  for (const auto& [name, value] : EnrolmentDocument()) {
    if (value.as_bool() == nullptr) document.Set(name, value);
  }
  const Result<OwnEnrolment> parsed = ParseOwnEnrolment(json::Serialize(document));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_FALSE(parsed->waive_identity);
  EXPECT_FALSE(parsed->approve_current_boot);
  EXPECT_FALSE(parsed->waive_sha1);
  EXPECT_FALSE(parsed->waive_boot_aggregate_bank);
}

TEST(OwnEnrolmentTest, EveryMemberHasItsType) {
  ExpectWhole(WriteOwnEnrolment(SomeEnrolment()), ReadsEnrolment);
  ExpectTyped(
      EnrolmentDocument(),
      {{"enrolment"},
       {"identity"},
       {"identity_detail"},
       {"ek_fingerprint"},
       {"waive_identity", false, {"null"}},
       {"approve_current_boot", false, {"null"}},
       {"waive_sha1", false, {"null"}},
       {"waive_boot_aggregate_bank", false, {"null"}},
       {"policy_names", false, {"null"}},
       {"labels", false, {"null"}},
       {"boot_reference_name", false, {"null"}},
       {"boot_policy", false, {"null"}},
       {"model", false, {"null"}}},
      [](const json::Object& document) { return ReadsEnrolment(json::Serialize(document)); });
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, json::Value>>{{"identity", "trusted"},
                                                        {"identity", ""},
                                                        {"ek_fingerprint", "00"},
                                                        {"ek_fingerprint", std::string(64, 'x')},
                                                        {"labels", json::Array{"a", "a"}},
                                                        {"labels", json::Array{"a b"}},
                                                        {"waive_sha_1", true}}) {
    EXPECT_EQ(ReadsEnrolment(json::Serialize(EnrolmentDocument().Set(name, value))), Parses::kNo)
        << name;
  }
}

MachineView SomeMachine() {
  return {.agent_id = "a-1",
          .integrity = "pass",
          .trusted = true,
          .open_incidents = 2,
          .identity = "verified",
          .baseline = "approved",
          .policy = "base, team (1234)",
          .labels = {"web"},
          .layers = {{.name = "base",
                      .version = 3,
                      .sha256 = std::string(64, 'a'),
                      .effective_from = std::nullopt,
                      .retire_after = std::nullopt,
                      .state = "in effect"},
                     {.name = "team",
                      .version = 1,
                      .sha256 = std::string(64, 'b'),
                      .effective_from = "2026-11-25T09:00:00Z",
                      .retire_after = "2026-12-25T09:00:00Z",
                      .state = "retired",
                      .label = "web"}},
          .boot_policy = "example: fleet (1234)",
          .boot_reference = "fleet",
          .address = "127.0.0.1:9002",
          .evidence_time = "2026-11-25T09:00:00Z",
          .evidence_age_seconds = 1.5,
          .attestations = 5,
          .boots = 1,
          .ima_entries = 54,
          .last_problem = "ima.x"};
}

TEST(MachineViewTest, IsReadBack) {
  MachineView view = SomeMachine();
  Result<MachineView> parsed =
      ParseMachineView(*json::Parse(json::Serialize(WriteMachineView(view))));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(WriteMachineView(*parsed), WriteMachineView(view));
  EXPECT_EQ(parsed->evidence_age_seconds, 1.5);
  EXPECT_TRUE(parsed->trusted);
  EXPECT_EQ(parsed->boot_reference, "fleet");
  view.boot_reference.reset();
  view.evidence_time.reset();
  view.evidence_age_seconds.reset();
  parsed = ParseMachineView(WriteMachineView(view));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->boot_reference, std::nullopt);
  EXPECT_EQ(parsed->evidence_time, std::nullopt);
  EXPECT_EQ(parsed->evidence_age_seconds, std::nullopt);
  // Whole seconds are a number, too.
  EXPECT_EQ(ParseMachineView(WriteMachineView(SomeMachine()).Set("evidence_age_seconds", 3))
                ->evidence_age_seconds,
            3.0);
}

TEST(MachineViewTest, EveryMemberHasItsType) {
  ExpectTyped(WriteMachineView(SomeMachine()),
              {{"agent_id"},
               {"integrity"},
               {"trusted"},
               {"open_incidents"},
               {"identity"},
               {"baseline"},
               {"policy"},
               {"boot_policy", false, {"null"}},
               {"boot_reference", false, {"null"}},
               {"address"},
               {"evidence_time", false, {"null"}},
               {"attestations"},
               {"boots"},
               {"ima_entries"},
               {"last_problem"}},
              [](const json::Object& document) {
                const Result<MachineView> view = ParseMachineView(document);
                if (!view) EXPECT_EQ(view.error().id, "wire.machine.member");
                return view ? Parses::kYes : Parses::kNo;
              });
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, json::Value>>{{"agent_id", "../x"},
                                                        {"open_incidents", -1},
                                                        {"evidence_time", "yesterday"},
                                                        {"evidence_age_seconds", -1.0},
                                                        {"evidence_age_seconds", "1"},
                                                        {"evidence_age_seconds", true}}) {
    EXPECT_FALSE(ParseMachineView(WriteMachineView(SomeMachine()).Set(name, value))) << name;
  }
  EXPECT_FALSE(ParseMachineView(json::Array()));
}

TEST(FindingsViewTest, IsReadBack) {
  const FindingsView view{.machine = SomeMachine(),
                          .current = json::Object{{"verdict", "pass"}},
                          .failures = {json::Object{{"verdict", "fail"}}}};
  const Result<FindingsView> parsed = ParseFindingsView(WriteFindingsView(view));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(WriteFindingsView(*parsed), WriteFindingsView(view));
}

TEST(FindingsViewTest, EveryMemberHasItsType) {
  const FindingsView view{.machine = SomeMachine(), .current = nullptr, .failures = {}};
  ExpectTyped(WriteFindingsView(view), {{"machine"}, {"failures"}},
              [](const json::Object& document) {
                return ParseFindingsView(document) ? Parses::kYes : Parses::kNo;
              });
}

IncidentView SomeIncident() {
  return {.number = 4,
          .agent_id = "a-1",
          .opened = "2026-11-25T09:00:00Z",
          .closed = "2026-11-25T10:00:00Z",
          .closed_by = "op",
          .note = "n",
          .check = "ima.x",
          .detail = "d",
          .cause = "tamper"};
}

TEST(IncidentViewTest, IsReadBack) {
  IncidentView view = SomeIncident();
  EXPECT_EQ(WriteIncidentView(*ParseIncidentView(WriteIncidentView(view))),
            WriteIncidentView(view));
  view.closed.reset();
  EXPECT_EQ(ParseIncidentView(WriteIncidentView(view))->closed, std::nullopt);
}

TEST(IncidentViewTest, EveryMemberHasItsType) {
  ExpectTyped(WriteIncidentView(SomeIncident()),
              {{"number"},
               {"agent_id"},
               {"opened"},
               {"closed", false, {"null"}},
               {"closed_by"},
               {"note"},
               {"check"},
               {"detail"},
               {"cause"}},
              [](const json::Object& document) {
                return ParseIncidentView(document) ? Parses::kYes : Parses::kNo;
              });
  for (const auto& [name, value] : std::vector<std::pair<std::string, json::Value>>{
           {"number", -1}, {"agent_id", ""}, {"opened", "now"}, {"closed", "later"}}) {
    EXPECT_FALSE(ParseIncidentView(WriteIncidentView(SomeIncident()).Set(name, value))) << name;
  }
}

}  // namespace
}  // namespace limequat::wire
