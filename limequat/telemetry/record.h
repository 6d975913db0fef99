#pragma once

#include <span>
#include <string>
#include <string_view>

#include "limequat/base/time.h"
#include "limequat/telemetry/log.h"

namespace limequat::telemetry {

// A log record before it is written. `event`, `program` and the names of fields are
// ours; the values of fields may be hostile.
struct Record {
  Time time;
  Level level = Level::kInfo;
  std::string_view program;
  std::string_view event;
  std::span<const Field> fields;
};

// "2026-11-25T09:00:00.123Z INFO  registrar.activated agent=… ek=…", without a line
// break at the end or anywhere else. Values are escaped (EscapeForDisplay); one that
// is empty or holds a blank, a quotation mark or '=' is quoted, so that no value can
// pass for another field.
std::string FormatText(const Record& record);

// The same as one JSON object: "time", "level", "program", "event", then the fields.
// Values are escaped as in text, so that the line is safe on a terminal too. A field
// whose name is taken gets '_' behind it.
std::string FormatJson(const Record& record);

}  // namespace limequat::telemetry
