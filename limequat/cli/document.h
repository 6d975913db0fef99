#pragma once

#include <string>

#include "limequat/json/value.h"

namespace limequat::cli {

// `document` as JSON text, two blanks of indentation, a line feed at its end. Its
// strings may come from evidence: what a terminal would interpret or not draw is
// written as \uXXXX, so the text is safe to look at and has the same value.
std::string ToJsonText(const json::Value& document);

// The same document as YAML 1.2 block text. A string that a reader could take for
// something else (a number, "yes", "~", a date) is quoted, so both forms always carry
// the same value; what is invisible is escaped as in JSON.
std::string ToYamlText(const json::Value& document);

}  // namespace limequat::cli
