#include "limequat/telemetry/record.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/json/value.h"

namespace limequat::telemetry {
namespace {

using std::chrono::microseconds;

// 2026-11-25T09:00:00Z
constexpr std::int64_t kNine = 1'795'597'200;

std::string Text(const std::vector<Field>& fields, Level level = Level::kInfo,
                 microseconds fraction = microseconds(123'999)) {
  return FormatText({.time = FromUnixSeconds(kNine) + fraction,
                     .level = level,
                     .program = "limequat-registrar",
                     .event = "registrar.activated",
                     .fields = fields});
}

json::Object Json(const std::vector<Field>& fields, Level level = Level::kInfo) {
  const std::string line = FormatJson({.time = FromUnixSeconds(kNine),
                                       .level = level,
                                       .program = "limequat-registrar",
                                       .event = "registrar.activated",
                                       .fields = fields});
  EXPECT_THAT(line, testing::Not(testing::HasSubstr("\n")));
  const auto value = json::Parse(line);
  if (!value || value->as_object() == nullptr) {
    ADD_FAILURE() << "not a JSON object: " << line;
    return {};
  }
  return *value->as_object();
}

TEST(FormatText, HasTimeLevelEventAndFields) {
  EXPECT_EQ(Text({{"agent", "d432fbb3"}, {"ek", "verified"}}),
            "2026-11-25T09:00:00.123Z INFO  registrar.activated agent=d432fbb3 ek=verified");
}

TEST(FormatText, KeepsThreeDigitsOfFraction) {
  EXPECT_THAT(Text({}, Level::kInfo, microseconds(0)),
              testing::StartsWith("2026-11-25T09:00:00.000Z INFO "));
  EXPECT_THAT(Text({}, Level::kInfo, microseconds(7'000)),
              testing::StartsWith("2026-11-25T09:00:00.007Z INFO "));
}

TEST(FormatText, AlignsLevels) {
  EXPECT_THAT(Text({}, Level::kDebug), testing::HasSubstr("Z DEBUG registrar."));
  EXPECT_THAT(Text({}, Level::kWarning), testing::HasSubstr("Z WARN  registrar."));
  EXPECT_THAT(Text({}, Level::kError), testing::HasSubstr("Z ERROR registrar."));
}

TEST(FormatText, WritesEveryType) {
  EXPECT_THAT(Text({{"count", -7}, {"share", 0.5}, {"late", true}, {"new", false}}),
              testing::EndsWith(" count=-7 share=0.5 late=true new=false"));
}

TEST(FormatText, QuotesWhatIsNotOneWord) {
  EXPECT_THAT(Text({{"a", "two words"}}), testing::EndsWith(" a=\"two words\""));
  EXPECT_THAT(Text({{"a", ""}}), testing::EndsWith(" a=\"\""));
  EXPECT_THAT(Text({{"a", "b=c"}}), testing::EndsWith(" a=\"b=c\""));
  EXPECT_THAT(Text({{"a", "say \"x\""}}), testing::EndsWith(R"( a="say \"x\"")"));
  EXPECT_THAT(Text({{"a", R"(end\" b=c)"}}), testing::EndsWith(R"( a="end\\\" b=c")"));
}

// Keylime before 6.3.0 wrote the identifier that an agent sent into its log as it was.
TEST(FormatText, Cve_2022_23949_ValueForgesNoRecord) {
  const std::string line =
      Text({{"agent", "x\n2026-11-25T09:00:01.000Z INFO  registrar.activated agent=evil"}});
  EXPECT_THAT(line, testing::Not(testing::HasSubstr("\n")));
  EXPECT_THAT(line, testing::HasSubstr(R"(agent="x\x0a2026)"));
}

TEST(FormatText, Attack_A15_ValueDrivesNoTerminal) {
  EXPECT_THAT(Text({{"path", "/usr/bin/\x1b[2J\xc2\x9b"}}),
              testing::EndsWith(R"( path=/usr/bin/\x1b[2J\u{009b})"));
}

TEST(FormatJson, HasTimeLevelProgramEventAndFields) {
  const json::Object line =
      Json({{"agent", "d432fbb3"}, {"count", 3}, {"share", 0.5}, {"late", true}}, Level::kWarning);
  EXPECT_EQ(line, (json::Object{{"time", "2026-11-25T09:00:00.000Z"},
                                {"level", "warning"},
                                {"program", "limequat-registrar"},
                                {"event", "registrar.activated"},
                                {"agent", "d432fbb3"},
                                {"count", 3},
                                {"share", 0.5},
                                {"late", true}}));
}

TEST(FormatJson, NamesLevelsAsConfigurationDoes) {
  for (const std::string_view name : {"debug", "info", "warning", "error"}) {
    EXPECT_EQ(*Json({}, ParseLevel(name).value()).Find("level"), json::Value(name));
  }
}

TEST(FormatJson, FieldCannotReplaceTheEvent) {
  const json::Object line = Json({{"event", "other"}, {"event", "third"}});
  EXPECT_EQ(*line.Find("event"), json::Value("registrar.activated"));
  EXPECT_EQ(*line.Find("event_"), json::Value("other"));
  EXPECT_EQ(*line.Find("event__"), json::Value("third"));
}

TEST(FormatJson, EscapesTextForTerminalsAndKeepsItUtf8) {
  EXPECT_EQ(*Json({{"path", "a\x1b\xff\"\xe2\x80\xae"}}).Find("path"),
            json::Value(R"(a\x1b\xff"\u{202e})"));
}

TEST(FormatJson, WritesNumbersThatJsonLacksAsText) {
  EXPECT_EQ(*Json({{"rate", std::numeric_limits<double>::infinity()}}).Find("rate"),
            json::Value("inf"));
  EXPECT_EQ(*Json({{"rate", std::nan("")}}).Find("rate"), json::Value("nan"));
}

}  // namespace
}  // namespace limequat::telemetry
