#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "limequat/base/error.h"
#include "limequat/base/result.h"

namespace limequat::cli {

// Wrong usage: the program ends with 2 for errors with this identifier.
inline constexpr std::string_view kUsageId = "cli.usage";
inline constexpr int kUsageStatus = 2;
Error UsageError(std::string message);

// Standard input can be read once: a usage error if more than one of `paths` and `more`
// is "-".
Status CheckOneStandardInput(std::initializer_list<std::string_view> paths,
                             std::span<const std::string> more = {});

// Status of the program for `error`.
int StatusOf(const Error& error);

}  // namespace limequat::cli
