#include "limequat/cli/usage.h"

#include <algorithm>
#include <utility>

namespace limequat::cli {

Error UsageError(std::string message) { return Malformed(kUsageId, std::move(message)); }

Status CheckOneStandardInput(std::initializer_list<std::string_view> paths,
                             std::span<const std::string> more) {
  if (std::ranges::count(paths, "-") + std::ranges::count(more, "-") > 1) {
    return UsageError("standard input (-) can be read only once");
  }
  return {};
}

int StatusOf(const Error& error) {
  return error.id == kUsageId ? kUsageStatus : ExitStatus(error.code);
}

}  // namespace limequat::cli
