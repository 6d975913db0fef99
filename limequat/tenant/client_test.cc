#include "limequat/tenant/client.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "limequat/json/value.h"
#include "limequat/tenant/fake_services_test.h"
#include "limequat/wire/own_api.h"
#include "limequat/wire/policy_view.h"

namespace limequat::tenant {
namespace {

class ClientTest : public ::testing::Test {
 protected:
  FakeServices fake_;
  std::unique_ptr<Services> services_ = *fake_.Connect();
};

std::string Machine(std::string_view id) {
  wire::MachineView view;
  view.agent_id = id;
  view.integrity = "pass";
  view.trusted = true;
  return json::Serialize(wire::WriteMachineView(view));
}

std::string Incidents(std::int64_t first, int count, std::string_view more = "") {
  json::Array array;
  for (int i = 0; i < count; ++i) {
    wire::IncidentView view;
    view.number = first - i;
    view.agent_id = "a";
    view.opened = "2026-11-25T09:00:00Z";
    array.push_back(wire::WriteIncidentView(view));
  }
  json::Object document{{"incidents", std::move(array)}};
  if (!more.empty()) document.Set("next_before", std::stoi(std::string(more)));
  return json::Serialize(document);
}

TEST_F(ClientTest, AsksTheServiceThatHasTheAnswer) {
  fake_.Answer("GET /api/v1/agents", 200,
               "{\"agents\":[" + Machine("a") + "," + Machine("b") + "]}");
  const auto machines = services_->ListMachines();
  ASSERT_TRUE(machines) << machines.error().message;
  ASSERT_EQ(machines->size(), 2U);
  EXPECT_EQ(machines->at(1).agent_id, "b");
  fake_.Answer("GET /v2.6/agents", 200,
               R"({"code": 200, "status": "Success", "results": {"uuids": ["a", "b"]}})");
  EXPECT_EQ(*services_->ListRegistered(), (std::vector<std::string>{"a", "b"}));
}

TEST_F(ClientTest, OneMachineAndItsFindings) {
  fake_.Answer("GET /api/v1/agents/a", 200, Machine("a"));
  EXPECT_TRUE(services_->FindMachine("a")->trusted);
  fake_.Answer("GET /api/v1/agents/a/findings", 200,
               "{\"machine\":" + Machine("a") + ",\"current\":null,\"failures\":[{}]}");
  const auto findings = services_->Findings("a");
  ASSERT_TRUE(findings) << findings.error().message;
  EXPECT_TRUE(findings->current.is_null());
  EXPECT_EQ(findings->failures.size(), 1U);
}

TEST_F(ClientTest, TheEventLogOfAMachine) {
  EXPECT_EQ(services_->FindBootLog("a").error().code, ErrorCode::kNotFound);
  const wire::BootLogView view{.agent_id = "a",
                               .verified = "2026-11-29T03:00:00Z",
                               .log = {1, 2},
                               .pcrs = json::Object{},
                               .boot_policy = "example",
                               .boot_reference = "fleet",
                               .model = ""};
  fake_.Answer("GET /api/v1/agents/a/boot-log", 200, json::Serialize(wire::WriteBootLogView(view)));
  const auto log = services_->FindBootLog("a");
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_EQ(log->log, view.log);
}

// A name never becomes a path or a parameter of its own.
TEST_F(ClientTest, NamesArePercentEncoded) {
  static_cast<void>(services_->FindMachine("../x?y=z&a#b"));
  static_cast<void>(services_->PushPolicy("a/b", "{}"));
  static_cast<void>(services_->RemoveLabel("a/b"));
  static_cast<void>(services_->ListIncidents("x&open=false", true));
  const auto asked = fake_.asked();
  ASSERT_EQ(asked.size(), 4U);
  EXPECT_EQ(asked[0].method_and_target, "GET /api/v1/agents/..%2Fx%3Fy%3Dz%26a%23b");
  EXPECT_EQ(asked[1].method_and_target, "PUT /api/v1/policies/a%2Fb");
  EXPECT_EQ(asked[2].method_and_target, "DELETE /api/v1/labels/a%2Fb");
  EXPECT_EQ(asked[3].method_and_target,
            "GET /api/v1/incidents?before=0&open=true&agent=x%26open%3Dfalse");
}

TEST_F(ClientTest, APolicyIsSentByteByByte) {
  fake_.Answer("PUT /api/v1/policies/p", 200, R"({"hash": "ab", "machines_appraised_again": 3})");
  const auto pushed = services_->PushPolicy("p", "{ \"a\" : 1 }\n");
  ASSERT_TRUE(pushed) << pushed.error().message;
  EXPECT_EQ(pushed->hash, "ab");
  EXPECT_EQ(pushed->machines, 3);
  EXPECT_EQ(fake_.asked()[0].body, "{ \"a\" : 1 }\n");
  EXPECT_EQ(fake_.asked()[0].content_type, "application/json");
  fake_.Answer("GET /api/v1/policies/p", 200, "{ \"a\" : 1 }\n");
  EXPECT_EQ(*services_->FetchPolicy("p"), "{ \"a\" : 1 }\n");
  const std::string hash(64, 'a');
  const std::string key(64, 'b');
  fake_.Answer("GET /api/v1/policies", 200,
               json::Serialize(wire::WritePolicies(
                   {{.name = "p", .hash = hash}, {.name = "q", .hash = hash, .signed_by = key}})));
  EXPECT_EQ(services_->ListPolicies()->at(0).signed_by, std::nullopt);
  EXPECT_EQ(services_->ListPolicies()->at(1).signed_by, key);
  fake_.Answer("GET /api/v1/policies/p/versions", 200,
               R"({"versions": [{"version": 2, "hash": "ab", "pushed": "2026-11-25T09:00:00Z"}]})");
  EXPECT_EQ(services_->ListPolicyVersions("p")->at(0).number, 2);
  fake_.Answer("POST /api/v1/policies/p/rollback", 200,
               R"({"hash": "ab", "machines_appraised_again": 3})");
  EXPECT_EQ(services_->RollBackPolicy("p", 1)->machines, 3);
}

TEST_F(ClientTest, ReferenceStatesHaveNamesOfTheirOwn) {
  constexpr auto kBoot = Services::PolicyKind::kMeasuredBoot;
  fake_.Answer("PUT /api/v1/boot-policies/p", 200,
               R"({"hash": "ab", "machines_appraised_again": 3})");
  EXPECT_EQ(services_->PushPolicy("p", "{ }", kBoot)->machines, 3);
  fake_.Answer("GET /api/v1/boot-policies/p", 200, "{ }");
  EXPECT_EQ(*services_->FetchPolicy("p", kBoot), "{ }");
  const std::string hash(64, 'a');
  fake_.Answer("GET /api/v1/boot-policies", 200,
               json::Serialize(wire::WritePolicies({{.name = "p", .hash = hash}})));
  EXPECT_EQ(services_->ListPolicies(kBoot)->at(0).hash, hash);
}

TEST_F(ClientTest, ARemovalNamesItsKind) {
  constexpr auto kBoot = Services::PolicyKind::kMeasuredBoot;
  fake_.Answer("DELETE /api/v1/policies/p", 409,
               R"({"error": {"id": "verifier.policy_in_use", "message": "m1"}})");
  EXPECT_EQ(services_->RemovePolicy("p").error().id, "verifier.policy_in_use");
  fake_.Answer("DELETE /api/v1/boot-policies/p", 200, R"({"name": "p"})");
  EXPECT_TRUE(services_->RemovePolicy("p", kBoot));
}

TEST_F(ClientTest, LabelsAreAskedForAndSent) {
  constexpr const char* kWeb = R"({"name":"web","policies":["base","team"],"machines":2})";
  fake_.Answer("PUT /api/v1/labels/web", 200,
               R"({"name":"web","policies":[],"machines":2,"machines_appraised_again":2})");
  EXPECT_EQ(services_->PutLabel("web", {"base", "team"}).value_or(0), 2);
  EXPECT_EQ(fake_.asked()[0].body, R"({"policies":["base","team"]})");
  fake_.Answer("GET /api/v1/labels", 200, std::string(R"({"labels":[)") + kWeb + "]}");
  EXPECT_EQ(services_->ListLabels()->at(0).machines, 2);
  fake_.Answer("GET /api/v1/labels/web", 200, kWeb);
  EXPECT_EQ(services_->FindLabel("web")->policies, (std::vector<std::string>{"base", "team"}));
  fake_.Answer("DELETE /api/v1/labels/web", 200, "{}");
  EXPECT_TRUE(services_->RemoveLabel("web"));
  EXPECT_EQ(services_->FindLabel("eu").error().code, ErrorCode::kNotFound);
  fake_.Answer("GET /api/v1/labels", 200, R"({"labels":[{}]})");
  EXPECT_FALSE(services_->ListLabels());
  fake_.Answer("PUT /api/v1/labels/web", 200, "{}");
  EXPECT_FALSE(services_->PutLabel("web", {"base"}));
}

TEST_F(ClientTest, AMachineIsChanged) {
  fake_.Answer("PATCH /api/v1/agents/a", 200, Machine("a"));
  const auto machine =
      services_->Update("a", {.labels = std::vector<std::string>{"web"}, .policy_names = {}});
  ASSERT_TRUE(machine) << machine.error().message;
  EXPECT_EQ(machine->agent_id, "a");
  EXPECT_EQ(fake_.asked()[0].body, R"({"labels":["web"]})");
}

TEST_F(ClientTest, AllPagesOfIncidentsAreRead) {
  fake_.Answer("GET /api/v1/incidents?before=0&open=false", 200, Incidents(9, 2, "8"));
  fake_.Answer("GET /api/v1/incidents?before=8&open=false", 200, Incidents(7, 2, "6"));
  fake_.Answer("GET /api/v1/incidents?before=6&open=false", 200, Incidents(5, 1));
  const auto incidents = services_->ListIncidents(std::nullopt, false);
  ASSERT_TRUE(incidents) << incidents.error().message;
  ASSERT_EQ(incidents->size(), 5U);
  EXPECT_EQ(incidents->front().number, 9);
  EXPECT_EQ(incidents->back().number, 5);
}

TEST_F(ClientTest, PagesThatLeadNowhereEnd) {
  fake_.Answer("GET /api/v1/incidents?before=0&open=true", 200, Incidents(9, 1, "9"));
  fake_.Answer("GET /api/v1/incidents?before=9&open=true", 200, Incidents(9, 1, "9"));
  const auto incidents = services_->ListIncidents(std::nullopt, true);
  ASSERT_FALSE(incidents);
  EXPECT_EQ(incidents.error().id, "tenant.incidents");
  EXPECT_EQ(fake_.asked().size(), 2U);
}

TEST_F(ClientTest, ANoteIsOneJsonString) {
  fake_.Answer(
      "POST /api/v1/incidents/7/close", 200,
      json::Serialize(
          json::Parse(Incidents(7, 1))->as_object()->Find("incidents")->as_array()->at(0)));
  const auto closed = services_->CloseIncident(7, "said \"so\",\n\"note\": \"x\"");
  ASSERT_TRUE(closed) << closed.error().message;
  EXPECT_EQ(closed->number, 7);
  const auto body = json::Parse(fake_.asked()[0].body);
  ASSERT_TRUE(body);
  EXPECT_EQ(*body, (json::Value(json::Object{{"note", "said \"so\",\n\"note\": \"x\""}})));
}

TEST_F(ClientTest, AnErrorOfTheServiceKeepsItsIdentifierAndMeaning) {
  const struct {
    int status;
    ErrorCode code;
  } cases[] = {{400, ErrorCode::kMalformed},        {413, ErrorCode::kMalformed},
               {401, ErrorCode::kPermissionDenied}, {403, ErrorCode::kPermissionDenied},
               {404, ErrorCode::kNotFound},         {409, ErrorCode::kConflict},
               {501, ErrorCode::kUnsupported},      {503, ErrorCode::kUnavailable},
               {500, ErrorCode::kInternal},         {302, ErrorCode::kInternal}};
  for (const auto& [status, code] : cases) {
    fake_.Answer("DELETE /api/v1/agents/a", status,
                 R"({"error": {"id": "verifier.some", "message": "said so"}})");
    const Status removed = services_->Remove("a");
    ASSERT_FALSE(removed) << status;
    EXPECT_EQ(removed.error().code, code) << status;
    EXPECT_EQ(removed.error().id, "verifier.some") << status;
    EXPECT_EQ(removed.error().message, "said so") << status;
  }
}

TEST_F(ClientTest, OtherBodiesOfErrorsAreReadAsFarAsTheyGo) {
  fake_.Answer("DELETE /v2.6/agents/a", 404,
               R"({"code": 404, "status": "not here", "results": {}})");
  EXPECT_EQ(services_->RemoveRegistered("a").error().message, "not here");
  for (const char* body : {"", "<html>", "[]", "{}", R"({"error": 1})", R"({"error": {"id": 1}})",
                           R"({"status": 1})"}) {
    fake_.Answer("DELETE /v2.6/agents/a", 503, body);
    const Status removed = services_->RemoveRegistered("a");
    ASSERT_FALSE(removed) << body;
    EXPECT_EQ(removed.error().id, "tenant.service") << body;
    EXPECT_EQ(removed.error().message, "the service answered 503") << body;
    EXPECT_EQ(removed.error().code, ErrorCode::kUnavailable) << body;
  }
}

TEST_F(ClientTest, Attack_A15_WordsOfTheServiceAreEscaped) {
  fake_.Answer("DELETE /api/v1/agents/a", 400,
               "{\"error\": {\"id\": \"x\\u001b\", \"message\": \"\\u001b[2J\"}}");
  Status removed = services_->Remove("a");
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().id, R"(x\x1b)");
  EXPECT_EQ(removed.error().message, R"(\x1b[2J)");
  fake_.Answer("DELETE /api/v1/agents/a", 400, "{\"status\": \"\\u001b[2J\"}");
  removed = services_->Remove("a");
  EXPECT_EQ(removed.error().message, R"(\x1b[2J)");
}

TEST_F(ClientTest, AnswersThatCannotBeReadAreErrors) {
  for (const char* body :
       {"", "{}", "[]", R"({"agents": 1})", R"({"agents": [1]})", R"({"agents": [{}]})"}) {
    fake_.Answer("GET /api/v1/agents", 200, body);
    const auto machines = services_->ListMachines();
    ASSERT_FALSE(machines) << body;
    EXPECT_EQ(machines.error().code, ErrorCode::kMalformed) << body;
  }
  fake_.Answer("PUT /api/v1/policies/p", 200, R"({"hash": "ab", "machines_appraised_again": -1})");
  EXPECT_FALSE(services_->PushPolicy("p", "{}"));
  fake_.Answer("GET /api/v1/policies", 200, R"({"policies": [{"name": "p"}]})");
  EXPECT_FALSE(services_->ListPolicies());
}

// The server is not one of this site's: nothing is sent to it.
TEST_F(ClientTest, AnotherSitesServersAreNotTrusted) {
  const Site other = fake_.MakeSite("other");
  auto services = fake_.ConnectAs(other);
  ASSERT_TRUE(services);
  const auto machines = (*services)->ListMachines();
  ASSERT_FALSE(machines);
  EXPECT_EQ(machines.error().code, ErrorCode::kUntrusted);
  EXPECT_TRUE(fake_.asked().empty());
}

// Somebody else's operator is no operator here (attack A16).
TEST_F(ClientTest, Attack_A16_AnotherSitesOperatorIsRefused) {
  OperatorIdentity stranger = fake_.IdentityOf(fake_.MakeSite("other"));
  stranger.server_authorities = fake_.IdentityOf(fake_.site()).server_authorities;
  OperatorIdentity own = fake_.IdentityOf(fake_.site());
  EXPECT_NE(stranger.private_key_pem, own.private_key_pem);
  fake_.Answer("GET /api/v1/agents", 200, R"({"agents":[]})");
  auto services = fake_.ConnectWith(stranger);
  ASSERT_TRUE(services);
  EXPECT_FALSE((*services)->ListMachines());
  EXPECT_TRUE(fake_.asked().empty());
  services = fake_.ConnectWith(own);
  ASSERT_TRUE(services);
  EXPECT_TRUE((*services)->ListMachines());
}

TEST_F(ClientTest, NobodyAnswers) {
  fake_.Stop();
  const auto machines = services_->ListMachines();
  ASSERT_FALSE(machines);
  EXPECT_EQ(machines.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(machines.error().message.find("127.0.0.1:"), std::string::npos);
}

}  // namespace
}  // namespace limequat::tenant
