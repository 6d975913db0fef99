#include "limequat/cli/simulation.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "limequat/base/escape.h"

namespace limequat::cli {
namespace {

using appraise::Effect;
using appraise::PolicyEffect;
using appraise::Verdict;

Finding Unlisted(const std::string& path) {
  Finding finding =
      Comparing(Failed("ima.path", "not listed"), {}, "sha256:" + std::string(64, '1'));
  finding.subject.path = path;
  return finding;
}

PolicyEffect Failing(Findings added) {
  return {.now = Verdict::kPass,
          .then = Verdict::kFail,
          .effect = Effect::kNewlyFailing,
          .added = std::move(added)};
}

PolicyEffect Staying() {
  return {.now = Verdict::kPass, .then = Verdict::kPass, .effect = Effect::kStaysPassing};
}

std::string Text(const Simulation& simulation, bool all = false) {
  return simulation.Render({}, all);
}

TEST(Simulation, CountsMachinesNotFindings) {
  Simulation simulation(20);
  simulation.Add("a", "a", Failing({Unlisted("/bin/x"), Unlisted("/bin/x"), Unlisted("/bin/y")}));
  simulation.Add("b", "b", Failing({Unlisted("/bin/x")}));
  simulation.Add("c", "c", Staying());
  EXPECT_EQ(simulation.Count(Effect::kNewlyFailing), 2U);
  EXPECT_TRUE(simulation.harms());
  const json::Object document = simulation.ToJson();
  const json::Array& causes = *document.Find("causes")->as_array();
  ASSERT_EQ(causes.size(), 2U);
  EXPECT_EQ(*causes[0].as_object()->Find("machines"), json::Value(std::uint64_t{2}));
  const std::string text = Text(simulation);
  EXPECT_NE(text.find("2 of 3 machines would newly fail"), std::string::npos) << text;
  EXPECT_NE(text.find("    /bin/x (2)\n    /bin/y (1)\n"), std::string::npos) << text;
  EXPECT_NE(text.find("The others stay: 1 passing, 0 failing, 0 unpoliced"), std::string::npos);
}

TEST(Simulation, BeingHeldToNothingIsWorse) {
  Simulation simulation(20);
  simulation.Add(
      "a", "a",
      {.now = Verdict::kFail, .then = Verdict::kUnpoliced, .effect = Effect::kNewlyUnpoliced});
  EXPECT_TRUE(simulation.harms());
  EXPECT_NE(Text(simulation).find("1 of 1 machine would be held to no policy"), std::string::npos);
}

TEST(Simulation, WhoStaysIsNotHarmed) {
  Simulation simulation(20);
  simulation.Add("a", "a", Staying());
  simulation.Add("b", "b",
                 {.now = Verdict::kFail,
                  .then = Verdict::kFail,
                  .effect = Effect::kStaysFailing,
                  .added = {Unlisted("/bin/x")}});
  EXPECT_FALSE(simulation.harms());
  EXPECT_TRUE(simulation.ToJson().Find("causes")->as_array()->empty());
}

TEST(Simulation, ManyFilesAreShownByTheirFolders) {
  Simulation simulation(20);
  Findings findings;
  for (int i = 0; i < 214; ++i) findings.push_back(Unlisted("/usr/lib/p/" + std::to_string(i)));
  simulation.Add("a", "a", Failing(findings));
  EXPECT_NE(Text(simulation).find("    214 files in /usr/lib/p (1)\n"), std::string::npos);
  EXPECT_NE(Text(simulation, true).find("    /usr/lib/p/213 (1)\n"), std::string::npos);
}

TEST(Simulation, CausesWithoutAPathAreToldApartByTheirWords) {
  const auto line = [](std::string_view text) {
    Finding finding = Failed("boot.command_line", std::string(text));
    finding.found = text;
    return finding;
  };
  Simulation simulation(20);
  simulation.Add("a", "a", Failing({line("quiet"), line("debug")}));
  simulation.Add("b", "b", Failing({line("quiet")}));
  const std::string text = Text(simulation);
  EXPECT_NE(text.find("    quiet (2)\n"), std::string::npos) << text;
  EXPECT_NE(text.find("    debug (1)\n"), std::string::npos) << text;
}

TEST(Simulation, NobodyNewlyFailsNothingIsNeeded) {
  Simulation simulation(20);
  simulation.Add("a", "a", Staying());
  EXPECT_EQ(simulation.RenderNeeded({}, false), "");
}

TEST(Simulation, KeepsAFewFindingsOfEachMachineAndCountsTheRest) {
  Simulation simulation(2);
  simulation.Add("a", "a", Failing({Unlisted("/1"), Unlisted("/2"), Unlisted("/3")}));
  const json::Object document = simulation.ToJson();
  const json::Object& machine = *document.Find("machines")->as_array()->at(0).as_object();
  EXPECT_EQ(machine.Find("added")->as_array()->size(), 2U);
  EXPECT_EQ(*machine.Find("added_not_shown"), json::Value(std::uint64_t{1}));
  EXPECT_EQ(document.Find("causes")->as_array()->size(), 3U) << "causes are of the whole fleet";
}

TEST(Simulation, CausesAreBounded) {
  Simulation simulation(1);
  Findings findings;
  for (std::size_t i = 0; i < kMaxCauses + 5; ++i) {
    findings.push_back(Unlisted("/" + std::to_string(i)));
  }
  simulation.Add("a", "a", Failing(findings));
  const json::Object document = simulation.ToJson();
  EXPECT_EQ(document.Find("causes")->as_array()->size(), kMaxCauses);
  EXPECT_EQ(*document.Find("causes_not_shown"), json::Value(std::uint64_t{5}));
}

TEST(Simulation, FindingsThatAnAppraisalDidNotKeepAreTold) {
  Simulation simulation(20);
  PolicyEffect effect = Failing({Unlisted("/bin/x")});
  effect.not_compared = 4000;
  simulation.Add("a", "a", effect);
  PolicyEffect stays = Staying();
  stays.not_compared = 7;  // of nobody who would newly fail
  simulation.Add("b", "b", stays);
  EXPECT_EQ(*simulation.ToJson().Find("causes_not_shown"), json::Value(std::uint64_t{4000}));
  const std::string text = Text(simulation);
  EXPECT_NE(text.find("  and 4000 findings that were counted, not kept\n"), std::string::npos);
  EXPECT_NE(simulation.RenderNeeded({}, false).find("look again after a change"),
            std::string::npos);
}

TEST(Simulation, WhatIsWorstComesFirst) {
  Simulation simulation(20);
  simulation.Add("a", "a", Staying());
  simulation.Add("c", "c", Failing({Unlisted("/1")}));
  simulation.Add("b", "b", Failing({Unlisted("/1")}));
  simulation.Sort();
  const json::Object document = simulation.ToJson();
  std::string order;
  for (const json::Value& machine : *document.Find("machines")->as_array()) {
    order += *machine.as_object()->Find("name")->as_string();
  }
  EXPECT_EQ(order, "bca");
}

TEST(Simulation, NamesWhoCouldNotBeEvaluated) {
  Simulation simulation(20);
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g"}) {
    simulation.AddError(name, name, Malformed("ima.ascii.pcr", "no PCR"));
  }
  EXPECT_EQ(simulation.evaluated(), 0U);
  const auto few = simulation.Problems(false);
  ASSERT_EQ(few.size(), 6U);
  EXPECT_EQ(few.front(), "not evaluated: a: no PCR [ima.ascii.pcr]");
  EXPECT_EQ(few.back(), "not evaluated: 2 more (named with -o json)");
  EXPECT_EQ(simulation.Problems(true).size(), 7U);
  EXPECT_EQ(simulation.ToJson().Find("not_evaluated")->as_array()->size(), 7U);
}

TEST(Simulation, Attack_A15_HostileNamesAreEscaped) {
  Simulation simulation(20);
  simulation.Add("web\x1b[2J", "web\x1b[2J", Failing({Unlisted("/bin/\x1b[31mx")}));
  simulation.AddError("bad\n1", "bad\n1", Malformed("ima.ascii.pcr", "no PCR"));
  EXPECT_EQ(Text(simulation, true).find('\x1b'), std::string::npos);
  EXPECT_EQ(simulation.Problems(true).front().find('\n'), std::string::npos);
  const json::Object document = simulation.ToJson();
  const json::Value& name = *document.Find("machines")->as_array()->at(0).as_object()->Find("name");
  EXPECT_EQ(*name.as_string(), EscapeForDisplay("web\x1b[2J"));
}

}  // namespace
}  // namespace limequat::cli
