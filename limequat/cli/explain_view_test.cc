#include "limequat/cli/explain_view.h"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace limequat::cli {
namespace {

json::Value Result(std::string_view verdict, std::string_view outcome, std::string_view detail) {
  return json::Object{{"verdict", verdict},
                      {"findings", json::Array{json::Object{{"check", "ima.path"},
                                                            {"outcome", outcome},
                                                            {"detail", detail},
                                                            {"cause", "tamper"},
                                                            {"next", "limequat explain AGENT"}}}},
                      {"evidence_time", "2026-11-25T09:00:00Z"},
                      {"evaluated_at", "2026-11-25T09:00:01Z"}};
}

wire::FindingsView Failing() {
  wire::FindingsView view;
  view.machine.agent_id = "web-1";
  view.machine.integrity = "fail";
  view.machine.identity = "verified";
  view.machine.baseline = "approved";
  view.machine.policy = "web (abc)";
  view.machine.open_incidents = 2;
  view.machine.evidence_age_seconds = 1.5;
  view.machine.evidence_time = "2026-11-25T09:00:00Z";
  view.current = Result("fail", "failed", "/tmp/x (sha256:ab) ran or was read");
  return view;
}

std::string Render(const wire::FindingsView& view,
                   const std::vector<wire::IncidentView>& incidents = {}, bool all = false) {
  std::optional<ResultView> current;
  if (!view.current.is_null()) {
    auto parsed = ParseResultView(view.current);
    EXPECT_TRUE(parsed) << parsed.error().message;
    if (parsed) current = *std::move(parsed);
  }
  const auto text = RenderExplanation(view, current, incidents, all, {});
  EXPECT_TRUE(text) << text.error().message;
  return text.value_or("");
}

TEST(RenderExplanation, SaysWhatWasFoundAndWhatToDo) {
  const std::string text = Render(Failing());
  EXPECT_EQ(text.find("web-1: FAIL, not trusted\n"), 0U) << text;
  for (const char* part :
       {"the newest evidence failed", "1.5 s old", "approved", "web (abc)", "FAILED  ima.path",
        "/tmp/x (sha256:ab) ran or was read", "next: limequat explain AGENT"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
}

TEST(RenderExplanation, SaysWhyAGoodBootIsNotTrusted) {
  wire::FindingsView view = Failing();
  view.machine.integrity = "pass";
  EXPECT_NE(Render(view).find("integrity passes, but an incident is open"), std::string::npos);
  view.machine.integrity = "late";
  EXPECT_NE(Render(view).find("no evidence was verified for too long"), std::string::npos);
  view.machine.integrity = "unpoliced";
  EXPECT_NE(Render(view).find("no policy says what may run"), std::string::npos);
  view.machine.integrity = "pending";
  EXPECT_NE(Render(view).find("no evidence was verified yet"), std::string::npos);
}

TEST(RenderExplanation, NothingAppraisedYet) {
  wire::FindingsView view = Failing();
  view.machine.integrity = "pending";
  view.machine.evidence_time = std::nullopt;
  view.machine.last_problem = "connection refused";
  view.current = nullptr;
  const std::string text = Render(view);
  EXPECT_NE(text.find("Nothing was appraised yet"), std::string::npos);
  EXPECT_NE(text.find("none was verified yet"), std::string::npos);
  EXPECT_NE(text.find("connection refused"), std::string::npos);
}

TEST(RenderExplanation, ManyIncidentsAndFailuresAreShortenedUnlessAllIsAsked) {
  wire::FindingsView view = Failing();
  std::vector<wire::IncidentView> incidents(7);
  for (std::size_t i = 0; i < incidents.size(); ++i) {
    incidents[i].number = static_cast<std::int64_t>(100 + i);
    view.failures.push_back(Result("fail", "failed", "failure " + std::to_string(i)));
  }
  const std::string few = Render(view, incidents);
  EXPECT_NE(few.find("#104 "), std::string::npos);
  EXPECT_EQ(few.find("#105 "), std::string::npos);
  EXPECT_NE(few.find("… and 2 more"), std::string::npos);
  EXPECT_NE(few.find("failure 2"), std::string::npos);
  EXPECT_EQ(few.find("failure 3"), std::string::npos);
  EXPECT_NE(few.find("… and 4 more"), std::string::npos);
  const std::string all = Render(view, incidents, true);
  EXPECT_NE(all.find("#106 "), std::string::npos);
  EXPECT_NE(all.find("failure 6"), std::string::npos);
}

TEST(RenderExplanation, Attack_A15_EverythingFromTheServiceIsEscaped) {
  wire::FindingsView view = Failing();
  const std::string hostile = "x\x1b[2J\ny";
  for (std::string* text : {&view.machine.agent_id, &view.machine.integrity, &view.machine.identity,
                            &view.machine.baseline, &view.machine.policy,
                            &view.machine.last_problem, &view.machine.address}) {
    *text = hostile;
  }
  view.machine.evidence_time = hostile;
  view.current = Result(hostile, "failed", hostile);
  view.failures.push_back(Result("fail", hostile, hostile));
  wire::IncidentView incident;
  incident.opened = incident.check = incident.detail = hostile;
  const std::string text = Render(view, {incident});
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find("\ny"), std::string::npos);
}

TEST(RenderExplanation, AResultThatCannotBeReadIsAnError) {
  wire::FindingsView view = Failing();
  view.failures.emplace_back("text");
  EXPECT_FALSE(RenderExplanation(view, {}, {}, false, {}));
}

}  // namespace
}  // namespace limequat::cli
