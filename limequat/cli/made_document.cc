#include "limequat/cli/made_document.h"

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/cli/usage.h"
#include "limequat/config/files.h"
#include "limequat/json/escaped_bytes.h"
#include "limequat/json/value.h"

namespace limequat::cli {

bool KeepsToStandardOutput(const std::optional<std::string>& output) {
  return !output || *output == "-";
}

Status CheckOutput(const std::optional<std::string>& output, std::string_view noun,
                   const Console& console) {
  if (!KeepsToStandardOutput(output) || !console.for_people()) return {};
  return UsageError(fmt::format("name a file with --output, or send the {} on with -o json", noun));
}

Status WriteMade(const std::string& file, std::string_view text) {
  constexpr mode_t kReadableByAll = 0644;
  return config::WriteFileAtomically(file, text, kReadableByAll);
}

Result<Ending> ShowMade(const std::string& json, Console& console) {
  if (console.format() == OutputFormat::kJson) {
    LQ_RETURN_IF_ERROR(console.Write(json));
    return Ending::kDone;
  }
  LQ_ASSIGN_OR_RETURN(const json::Value document, json::ParseWithEscapedBytes(json));
  LQ_RETURN_IF_ERROR(console.Show(document, [] { return std::string(); }));
  return Ending::kDone;
}

}  // namespace limequat::cli
