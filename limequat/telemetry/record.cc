#include "limequat/telemetry/record.h"

#include <chrono>
#include <cmath>
#include <cstdint>
#include <variant>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/json/value.h"

namespace limequat::telemetry {

namespace {

// Always three digits, so that the columns of a log stay in line.
std::string FormatMilliseconds(Time time) {
  const auto second = std::chrono::floor<std::chrono::seconds>(time);
  const auto rest = std::chrono::floor<std::chrono::milliseconds>(time - second);
  std::string text = FormatRfc3339(Time(second));
  text.insert(text.size() - 1, fmt::format(".{:03d}", rest.count()));
  return text;
}

std::string_view LevelColumn(Level level) {
  switch (level) {
    case Level::kDebug:
      return "DEBUG";
    case Level::kInfo:
      return "INFO ";
    case Level::kWarning:
      return "WARN ";
    case Level::kError:
      return "ERROR";
  }
  return "ERROR";
}

std::string_view LevelName(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarning:
      return "warning";
    case Level::kError:
      return "error";
  }
  return "error";
}

std::string Quote(std::string_view escaped) {
  std::string quoted = "\"";
  for (const char c : escaped) {
    // Backslashes are doubled by EscapeForDisplay already: the mark alone is left.
    if (c == '"') quoted.push_back('\\');
    quoted.push_back(c);
  }
  quoted.push_back('"');
  return quoted;
}

struct TextValue {
  std::string operator()(const std::string& text) const {
    std::string escaped = EscapeForDisplay(text);
    const bool plain = !escaped.empty() && escaped.find_first_of(" \"=") == std::string::npos;
    return plain ? escaped : Quote(escaped);
  }
  std::string operator()(bool truth) const { return truth ? "true" : "false"; }
  std::string operator()(std::int64_t number) const { return fmt::to_string(number); }
  std::string operator()(double number) const { return fmt::to_string(number); }
};

struct JsonValue {
  json::Value operator()(const std::string& text) const { return EscapeForDisplay(text); }
  json::Value operator()(bool truth) const { return truth; }
  json::Value operator()(std::int64_t number) const { return number; }
  json::Value operator()(double number) const {
    // JSON has no word for infinity and not-a-number.
    return std::isfinite(number) ? json::Value(number) : json::Value(fmt::to_string(number));
  }
};

}  // namespace

std::string FormatText(const Record& record) {
  std::string line = fmt::format("{} {} {}", FormatMilliseconds(record.time),
                                 LevelColumn(record.level), record.event);
  for (const Field& field : record.fields) {
    line += fmt::format(" {}={}", field.name, std::visit(TextValue(), field.value));
  }
  return line;
}

std::string FormatJson(const Record& record) {
  json::Object line{{"time", FormatMilliseconds(record.time)},
                    {"level", LevelName(record.level)},
                    {"program", record.program},
                    {"event", record.event}};
  for (const Field& field : record.fields) {
    std::string name(field.name);
    while (line.Contains(name)) name.push_back('_');
    line.Set(name, std::visit(JsonValue(), field.value));
  }
  return json::Serialize(line);
}

}  // namespace limequat::telemetry
