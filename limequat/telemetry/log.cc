#include "limequat/telemetry/log.h"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "limequat/base/escape.h"
#include "limequat/base/time.h"
#include "limequat/telemetry/record.h"

namespace limequat::telemetry {

namespace {

spdlog::level::level_enum ToSpdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarning:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

struct Destination {
  std::string program = "limequat";
  bool json = false;
  spdlog::logger logger{"limequat", std::make_shared<spdlog::sinks::stderr_sink_mt>()};

  // Lines arrive whole: spdlog only filters, locks and writes.
  Destination() { logger.set_pattern("%v"); }
};

// Lives until the process ends, so that threads and destructors may log at any time.
Destination& Current() {
  static Destination* const destination = new Destination;
  return *destination;
}

void Write(Level level, std::string_view event, std::span<const Field> fields) {
  Destination& destination = Current();
  if (!destination.logger.should_log(ToSpdlog(level))) return;
  const Record record{.time = std::chrono::floor<Duration>(std::chrono::system_clock::now()),
                      .level = level,
                      .program = destination.program,
                      .event = event,
                      .fields = fields};
  const std::string line = destination.json ? FormatJson(record) : FormatText(record);
  destination.logger.log(ToSpdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace

void StartLog(std::string_view program, const LogOptions& options) {
  Destination& destination = Current();
  destination.program = program;
  destination.json = options.json;
  destination.logger.set_level(ToSpdlog(options.level));
}

void Log(Level level, std::string_view event, std::initializer_list<Field> fields) {
  Write(level, event, fields);
}

void LogError(std::string_view event, const Error& error, std::initializer_list<Field> fields) {
  std::vector<Field> all(fields);
  all.emplace_back("code", ErrorCodeName(error.code));
  all.emplace_back("error", error.id);
  all.emplace_back("message", error.message);
  Write(Level::kError, event, all);
}

Result<Level> ParseLevel(std::string_view name) {
  if (name == "debug") return Level::kDebug;
  if (name == "info") return Level::kInfo;
  if (name == "warning") return Level::kWarning;
  if (name == "error") return Level::kError;
  return Malformed("log.level",
                   fmt::format("log level \"{}\": expected debug, info, warning or error",
                               EscapeForDisplay(name, 64)));
}

}  // namespace limequat::telemetry
