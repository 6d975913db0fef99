#include "limequat/cli/event_filter.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <fnmatch.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/arguments.h"
#include "limequat/cli/usage.h"

namespace limequat::cli {

namespace {

// systemd's tpm2-measure.log, up to version 259.
constexpr std::array<std::string_view, 9> kUserSpaceTypes = {
    "phase",   "filesystem", "volume-key",      "machine-id", "product-id",
    "keyslot", "nvpcr-init", "nvpcr-separator", "dm-verity"};

}  // namespace

Result<EventTypeFilter> EventTypeFilter::Parse(std::string_view text) {
  if (const auto type = eventlog::EventTypeFromName(text)) return EventTypeFilter(*type);
  if (std::ranges::find(kUserSpaceTypes, text) != kUserSpaceTypes.end()) {
    return EventTypeFilter(std::string(text));
  }
  return UsageError(fmt::format("'{}' is not a type of event, for example EV_IPL, 0x0000040e or {}",
                                EscapeForDisplay(text, 256), kUserSpaceTypes[0]));
}

bool EventTypeFilter::Matches(eventlog::EventType type) const {
  const auto* wanted = std::get_if<eventlog::EventType>(&type_);
  return wanted != nullptr && *wanted == type;
}

bool EventTypeFilter::Matches(std::string_view user_space_type) const {
  const auto* wanted = std::get_if<std::string>(&type_);
  return wanted != nullptr && *wanted == user_space_type;
}

Result<PathFilter> PathFilter::Parse(std::string_view text) {
  LQ_ASSIGN_OR_RETURN(std::string pattern, ParseText(text));
  const bool is_pattern = pattern.find_first_of("*?[") != std::string::npos;
  return PathFilter(std::move(pattern), is_pattern);
}

bool PathFilter::Matches(const std::string& path) const {
  if (!is_pattern_) return path.find(text_) != std::string::npos;
  return ::fnmatch(text_.c_str(), path.c_str(), 0) == 0;
}

bool ContentMatches(const PathFilter& filter, const json::Object& content) {
  constexpr std::array<std::string_view, 4> kMembers = {"device_path", "name", "description",
                                                        "text"};
  return std::ranges::any_of(kMembers, [&](std::string_view name) {
    const json::Value* value = content.Find(name);
    return value != nullptr && value->as_string() != nullptr && filter.Matches(*value->as_string());
  });
}

}  // namespace limequat::cli
