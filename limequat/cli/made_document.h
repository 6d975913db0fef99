#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "limequat/base/result.h"
#include "limequat/cli/console.h"

namespace limequat::cli {

// Where a command leaves a document that it makes: in the file --output names, or, if that
// is absent or "-", on standard output as the result.

bool KeepsToStandardOutput(const std::optional<std::string>& output);
// A usage error if the document would go to a terminal; `noun` names it: "policy".
Status CheckOutput(const std::optional<std::string>& output, std::string_view noun,
                   const Console& console);
// Into its file, whole or not at all. Errors of config::WriteFileAtomically.
Status WriteMade(const std::string& file, std::string_view text);
// `json` as the result: as it is, or as YAML if that is asked for.
Result<Ending> ShowMade(const std::string& json, Console& console);

}  // namespace limequat::cli
