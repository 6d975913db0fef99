#include <fmt/format.h>
#include <gtest/gtest.h>

#include "limequat/verifier/api_for_test.h"
#include "limequat/wire/label.h"
#include "limequat/wire/own_api.h"

// /api/v1/labels, and PATCH of /api/v1/agents/{id}.

namespace limequat::verifier {
namespace {

using Names = std::vector<std::string>;

class LabelsApiTest : public ApiTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(fleet().PushPolicy("base", agent_.PolicyText()));
    ASSERT_TRUE(fleet().PushPolicy("web", PolicyListing("/usr/bin/web")));
  }
  ApiAnswer PutLabel(std::string_view name, const Names& policies) {
    return Put(fmt::format("/api/v1/labels/{}", name), wire::WriteLabelPolicies(policies));
  }
  ApiAnswer EnrolLabelled(std::string_view id, const Names& labels, const Names& policies = {}) {
    return Post(fmt::format("/api/v1/agents/{}", id),
                wire::WriteOwnEnrolment({.enrolment = wire::WriteEnrolRequest(agent_.Request()),
                                         .identity = "verified",
                                         .identity_detail = {},
                                         .ek_fingerprint = std::string(64, 'e'),
                                         .policy_names = policies,
                                         .labels = labels}));
  }
  ApiAnswer Patch(std::string_view id, const std::string& body) {
    return Call(http::Method::kPatch, fmt::format("/api/v1/agents/{}", id), body);
  }

  AgentPeer agent_{verifiers_};
};

TEST_F(LabelsApiTest, ALabelIsPutShownListedAndRemoved) {
  EXPECT_EQ(Get("/api/v1/labels").body, R"({"labels":[]})");
  const ApiAnswer put = PutLabel("site", {"web", "base"});
  EXPECT_EQ(put.status, 200);
  EXPECT_EQ(
      put.body,
      R"({"name":"site","policies":["web","base"],"machines":0,"machines_appraised_again":0})");
  EXPECT_EQ(Get("/api/v1/labels/site").body,
            R"({"name":"site","policies":["web","base"],"machines":0})");
  EXPECT_EQ(Get("/api/v1/labels").body,
            R"({"labels":[{"name":"site","policies":["web","base"],"machines":0}]})");
  const ApiAnswer removed = Delete("/api/v1/labels/site");
  EXPECT_EQ(removed.status, 200);
  EXPECT_EQ(removed.body, "{}");
  EXPECT_EQ(Get("/api/v1/labels/site").Error(), "404 verifier.unknown_label");
  EXPECT_EQ(Delete("/api/v1/labels/site").Error(), "404 verifier.unknown_label");
}

TEST_F(LabelsApiTest, MachinesThatCarryItFollow) {
  ASSERT_EQ(PutLabel("site", {"base"}).status, 200);
  ASSERT_EQ(EnrolLabelled("m1", {"site"}, {"web"}).status, 201);
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
  const auto view = wire::ParseMachineView(Get("/api/v1/agents/m1").document);
  ASSERT_TRUE(view) << view.error().message;
  EXPECT_EQ(view->labels, Names{"site"});
  ASSERT_EQ(view->layers.size(), 2U);
  EXPECT_EQ(view->layers[0].label, "site");
  EXPECT_EQ(view->layers[1].label, std::nullopt);
  EXPECT_EQ(Delete("/api/v1/labels/site").Error(), "409 verifier.label_in_use");
  const ApiAnswer put = PutLabel("site", {"web"});
  EXPECT_EQ(put.status, 200);
  EXPECT_EQ(put.At({"machines"}).as_int64(), 1);
  EXPECT_EQ(put.At({"machines_appraised_again"}).as_int64(), 1);
  EXPECT_FALSE(FailuresOf("m1").empty());
}

TEST_F(LabelsApiTest, WhatIsRefused) {
  EXPECT_EQ(PutLabel("a%20b", {"base"}).Error(), "400 wire.agent_id");
  EXPECT_EQ(PutLabel(std::string(129, 'a'), {"base"}).Error(), "400 wire.agent_id");
  EXPECT_EQ(PutLabel("site", {"missing"}).Error(), "404 verifier.unknown_policy");
  EXPECT_EQ(PutLabel("site", {"base", "base"}).Error(), "400 policy.layers");
  EXPECT_EQ(PutLabel("site", {}).Error(), "400 wire.label_policies.member");
  EXPECT_EQ(Put("/api/v1/labels/site", "").Error(), "400 wire.label_policies.json");
  EXPECT_EQ(EnrolLabelled("m1", {"missing"}).Error(), "404 verifier.unknown_label");
  EXPECT_EQ(EnrolLabelled("m1", {"a", "a"}).Error(), "400 wire.own_enrolment.member");
  EXPECT_TRUE(store().ListLabels()->empty());
  EXPECT_EQ(fleet().size(), 0U);
}

TEST_F(LabelsApiTest, AMachineIsBoundByOtherLabelsAndPolicies) {
  ASSERT_EQ(PutLabel("site", {"base"}).status, 200);
  ASSERT_EQ(PutLabel("other", {"web"}).status, 200);
  ASSERT_EQ(EnrolLabelled("m1", {"other"}).status, 201);
  EXPECT_FALSE(FailuresOf("m1").empty());
  const ApiAnswer answer = Patch("m1", R"({"labels":["site"],"policy_names":["web"]})");
  EXPECT_EQ(answer.status, 200);
  const auto view = wire::ParseMachineView(answer.document);
  ASSERT_TRUE(view) << view.error().message;
  EXPECT_EQ(view->labels, Names{"site"}) << "the answer says what it is held to now";
  ASSERT_EQ(view->layers.size(), 2U);
  EXPECT_EQ(view->layers[0].name, "base");
  EXPECT_EQ(view->layers[1].name, "web");
  EXPECT_TRUE(Becomes("m1", Integrity::kPass));
}

TEST_F(LabelsApiTest, ChangesThatAreRefused) {
  ASSERT_EQ(EnrolLabelled("m1", {}, {"base"}).status, 201);
  EXPECT_EQ(Patch("m2", R"({"labels":[]})").Error(), "404 verifier.unknown_agent");
  EXPECT_EQ(Patch("a%20b", R"({"labels":[]})").Error(), "400 wire.agent_id");
  EXPECT_EQ(Patch("m1", "{}").Error(), "400 wire.machine_change.member");
  EXPECT_EQ(Patch("m1", "").Error(), "400 wire.machine_change.json");
  EXPECT_EQ(Patch("m1", R"({"labels":["missing"]})").Error(), "404 verifier.unknown_label");
  EXPECT_EQ(Patch("m1", R"({"policy_names":["missing"]})").Error(), "404 verifier.unknown_policy");
  EXPECT_EQ(LayersOf("m1"), Names{"base"});
}

}  // namespace
}  // namespace limequat::verifier
