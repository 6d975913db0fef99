#include <fmt/format.h>
#include <gtest/gtest.h>

#include "limequat/verifier/api_for_test.h"
#include "limequat/wire/own_api.h"

// /api/v1/incidents.

namespace limequat::verifier {
namespace {

class IncidentsApiTest : public ApiTest {
 protected:
  // Incidents 1 … `count` of this machine.
  void PutIncidents(int count, std::string_view agent = "m1", int first = 1) {
    Execute(fmt::format(
        "WITH RECURSIVE number(n) AS (SELECT {0} UNION ALL SELECT n + 1 FROM number WHERE n < {1}) "
        "INSERT INTO incidents SELECT n, '{2}', '', n * 1000000, NULL, '', '', 'ima.path', "
        "'a detail', 'tamper' FROM number",
        first, first + count - 1, agent));
  }

  std::vector<std::int64_t> Numbers(const ApiAnswer& answer) {
    std::vector<std::int64_t> numbers;
    const json::Value incidents = answer.At({"incidents"});
    if (incidents.as_array() == nullptr) {
      ADD_FAILURE() << answer.body;
      return numbers;
    }
    for (const json::Value& value : *incidents.as_array()) {
      const auto view = wire::ParseIncidentView(value);
      numbers.push_back(view ? view->number : -1);
    }
    return numbers;
  }
  using Expected = std::vector<std::int64_t>;
};

TEST_F(IncidentsApiTest, ListsNewestFirstByMachineAndState) {
  EXPECT_EQ(Get("/api/v1/incidents").body, R"({"incidents":[]})");
  PutIncidents(2);
  PutIncidents(2, "m2", 3);
  Execute("UPDATE incidents SET closed_us = 1 WHERE number IN (1, 4)");
  EXPECT_EQ(Numbers(Get("/api/v1/incidents")), (Expected{4, 3, 2, 1}));
  EXPECT_EQ(Numbers(Get("/api/v1/incidents?agent=m2")), (Expected{4, 3}));
  EXPECT_EQ(Numbers(Get("/api/v1/incidents?open=true")), (Expected{3, 2}));
  EXPECT_EQ(Numbers(Get("/api/v1/incidents?agent=m1&open=true")), (Expected{2}));
  EXPECT_EQ(Numbers(Get("/api/v1/incidents?agent=m9")), Expected{});
  EXPECT_EQ(Numbers(Get("/api/v1/incidents?before=3")), (Expected{2, 1}));
  EXPECT_TRUE(Get("/api/v1/incidents").At({"next_before"}).is_null());
}

TEST_F(IncidentsApiTest, AllMembersAreShown) {
  PutIncidents(1);
  EXPECT_EQ(Get("/api/v1/incidents").body,
            R"({"incidents":[{"number":1,"agent_id":"m1","opened":"1970-01-01T00:00:01Z",)"
            R"("closed":null,"closed_by":"","note":"","check":"ima.path","detail":"a detail",)"
            R"("cause":"tamper"}]})");
}

TEST_F(IncidentsApiTest, LongListsComeInPages) {
  PutIncidents(501);
  const ApiAnswer first = Get("/api/v1/incidents");
  EXPECT_EQ(Numbers(first).size(), 500U);
  EXPECT_EQ(first.Int({"next_before"}), 2);
  const ApiAnswer second = Get("/api/v1/incidents?before=2");
  EXPECT_EQ(Numbers(second), Expected{1});
  EXPECT_TRUE(second.At({"next_before"}).is_null());
}

TEST_F(IncidentsApiTest, BadPageIsRefused) {
  for (const char* before : {"", "x", "-1", "1x", "99999999999999999999", "1%20"}) {
    EXPECT_EQ(Get(fmt::format("/api/v1/incidents?before={}", before)).Error(),
              "400 verifier.incident_number")
        << before;
  }
}

TEST_F(IncidentsApiTest, ClosedByTheNameInTheCertificateAndTrustedAgain) {
  AgentPeer agent(verifiers_);
  PutIncidents(1);
  ASSERT_TRUE(Enrol("m1", agent));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_FALSE(wire::ParseMachineView(Get("/api/v1/agents/m1").document)->trusted);
  const ApiAnswer closed =
      Post("/api/v1/incidents/1/close", R"({"note": "looked at it", "closed_by": "mallory"})");
  EXPECT_EQ(closed.status, 200);
  const auto view = wire::ParseIncidentView(closed.document);
  ASSERT_TRUE(view) << closed.body;
  EXPECT_EQ(view->closed_by, "alice");
  EXPECT_EQ(view->note, "looked at it");
  EXPECT_TRUE(view->closed.has_value());
  EXPECT_TRUE(http::Eventually(
      [&] { return wire::ParseMachineView(Get("/api/v1/agents/m1").document)->trusted; }));
  EXPECT_EQ(Post("/api/v1/incidents/1/close", "").Error(), "409 verifier.incident_closed");
}

TEST_F(IncidentsApiTest, ClosedWithoutANote) {
  PutIncidents(2);
  EXPECT_EQ(Post("/api/v1/incidents/1/close", "").status, 200);
  EXPECT_EQ(Post("/api/v1/incidents/2/close", "{}").status, 200);
  EXPECT_EQ(Numbers(Get("/api/v1/incidents?open=true")), Expected{});
}

TEST_F(IncidentsApiTest, WhatCannotBeClosed) {
  PutIncidents(1);
  EXPECT_EQ(Post("/api/v1/incidents/2/close", "").Error(), "404 verifier.unknown_incident");
  for (const char* number : {"x", "-1", "1x", "99999999999999999999"}) {
    EXPECT_EQ(Post(fmt::format("/api/v1/incidents/{}/close", number), "").Error(),
              "400 verifier.incident_number")
        << number;
  }
  const auto error = [&](std::string body) {
    return Post("/api/v1/incidents/1/close", std::move(body)).Error();
  };
  EXPECT_EQ(error("{"), "400 json.syntax");
  EXPECT_EQ(error("[]"), "400 json.member");
  EXPECT_EQ(error(R"({"note": 1})"), "400 json.member");
  EXPECT_EQ(error(fmt::format(R"({{"note": "{}"}})", std::string(4097, 'x'))), "400 json.member");
  EXPECT_EQ(Numbers(Get("/api/v1/incidents?open=true")), Expected{1}) << "still open";
  EXPECT_EQ(error(fmt::format(R"({{"note": "{}"}})", std::string(4096, 'x'))), "200 (no text)");
}

}  // namespace
}  // namespace limequat::verifier
