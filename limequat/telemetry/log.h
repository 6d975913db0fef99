#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "limequat/base/error.h"
#include "limequat/base/result.h"

namespace limequat::telemetry {

enum class Level { kDebug, kInfo, kWarning, kError };

// A member of a log record. Text is escaped when it is written: a peer cannot forge
// a record (CVE-2022-23949 of Keylime) or drive a terminal.
struct Field {
  std::string_view name;
  std::variant<std::string, std::int64_t, double, bool> value;

  Field(std::string_view field, std::string_view text) : name(field), value(std::string(text)) {}
  Field(std::string_view field, const char* text) : name(field), value(std::string(text)) {}
  Field(std::string_view field, const std::string& text) : name(field), value(text) {}
  template <class T>
    requires std::is_integral_v<T> && (!std::is_same_v<T, bool>)
  Field(std::string_view field, T number) : name(field), value(static_cast<std::int64_t>(number)) {}
  Field(std::string_view field, double number) : name(field), value(number) {}
  Field(std::string_view field, bool truth) : name(field), value(truth) {}
};

struct LogOptions {
  Level level = Level::kInfo;
  bool json = false;  // one JSON object a line; otherwise text for people
};

// Sets where and how records are written (standard error). Call once, before threads.
void StartLog(std::string_view program, const LogOptions& options);

// Writes a record: `event` is a stable dotted name ("registrar.activated"), fields
// follow. Thread-safe.
void Log(Level level, std::string_view event, std::initializer_list<Field> fields = {});
inline void LogInfo(std::string_view event, std::initializer_list<Field> fields = {}) {
  Log(Level::kInfo, event, fields);
}
inline void LogWarning(std::string_view event, std::initializer_list<Field> fields = {}) {
  Log(Level::kWarning, event, fields);
}
inline void LogError(std::string_view event, std::initializer_list<Field> fields = {}) {
  Log(Level::kError, event, fields);
}
void LogError(std::string_view event, const Error& error, std::initializer_list<Field> fields = {});

// "debug", "info", "warning", "error". kMalformed ("log.level").
Result<Level> ParseLevel(std::string_view name);

}  // namespace limequat::telemetry
