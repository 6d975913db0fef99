#include "limequat/telemetry/log.h"

#include <algorithm>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace limequat::telemetry {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

// What `body` writes to standard error.
std::string Captured(const std::function<void()>& body) {
  testing::internal::CaptureStderr();
  body();
  return testing::internal::GetCapturedStderr();
}

TEST(Log, WritesOneLineToStandardError) {
  const std::string text = Captured([] {
    StartLog("limequat-registrar", {});
    LogInfo("registrar.activated", {{"agent", "d432"}});
  });
  EXPECT_THAT(text, MatchesRegex("[0-9]+-[0-9]+-[0-9]+T[0-9:]+\\.[0-9][0-9][0-9]Z INFO  "
                                 "registrar.activated agent=d432\n"));
}

TEST(Log, WritesJsonWhenAsked) {
  const std::string text = Captured([] {
    StartLog("limequat-registrar", {.level = Level::kInfo, .json = true});
    LogWarning("registrar.slow", {{"seconds", 3}});
  });
  EXPECT_THAT(text, MatchesRegex("\\{.*\"program\":\"limequat-registrar\".*\"seconds\":3\\}\n"));
  EXPECT_THAT(text, HasSubstr("\"level\":\"warning\""));
}

TEST(Log, LeavesOutWhatIsBelowTheLevel) {
  const std::string text = Captured([] {
    StartLog("x", {.level = Level::kWarning, .json = false});
    Log(Level::kDebug, "a.debug");
    LogInfo("a.info");
    LogWarning("a.warning");
    LogError("a.error");
  });
  EXPECT_THAT(text, Not(HasSubstr("a.debug")));
  EXPECT_THAT(text, Not(HasSubstr("a.info")));
  EXPECT_THAT(text, HasSubstr("WARN  a.warning\n"));
  EXPECT_THAT(text, HasSubstr("ERROR a.error\n"));
}

TEST(Log, WritesDebugWhenAsked) {
  EXPECT_THAT(Captured([] {
                StartLog("x", {.level = Level::kDebug, .json = false});
                Log(Level::kDebug, "a.debug");
              }),
              HasSubstr("DEBUG a.debug\n"));
}

TEST(Log, TextIsNeverAFormat) {
  EXPECT_THAT(Captured([] {
                StartLog("x", {});
                LogInfo("a.format", {{"text", "{}{0}%s%v"}});
              }),
              HasSubstr(" text={}{0}%s%v\n"));
}

TEST(Log, WritesAnErrorWithCodeIdAndMessage) {
  EXPECT_THAT(
      Captured([] {
        StartLog("x", {});
        LogError("registrar.start", Unavailable("sql.open", "no such folder"),
                 {{"path", "/var/x"}});
      }),
      HasSubstr(" path=/var/x code=unavailable error=sql.open message=\"no such folder\"\n"));
}

TEST(Log, LinesOfThreadsStayWhole) {
  constexpr int kThreads = 4;
  constexpr int kLines = 50;
  const std::string text = Captured([] {
    StartLog("x", {});
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([t] {
        for (int i = 0; i < kLines; ++i)
          LogInfo("a.line", {{"thread", t}, {"text", std::string(200, 'x')}, {"end", 1}});
      });
    }
  });
  int whole = 0;
  std::size_t begin = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos;
       begin = end + 1, end = text.find('\n', begin)) {
    const std::string line = text.substr(begin, end - begin);
    EXPECT_TRUE(line.starts_with("2") && line.ends_with(" end=1")) << line;
    ++whole;
  }
  EXPECT_EQ(whole, kThreads * kLines);
}

TEST(ParseLevel, KnowsFourNames) {
  EXPECT_EQ(ParseLevel("debug").value(), Level::kDebug);
  EXPECT_EQ(ParseLevel("info").value(), Level::kInfo);
  EXPECT_EQ(ParseLevel("warning").value(), Level::kWarning);
  EXPECT_EQ(ParseLevel("error").value(), Level::kError);
}

TEST(ParseLevel, RefusesOthers) {
  for (const std::string_view name : {"", "INFO", "warn", "info "}) {
    const auto level = ParseLevel(name);
    ASSERT_FALSE(level) << name;
    EXPECT_EQ(level.error().code, ErrorCode::kMalformed);
    EXPECT_EQ(level.error().id, "log.level");
  }
}

}  // namespace
}  // namespace limequat::telemetry
