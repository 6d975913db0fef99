#include "limequat/wire/version.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>

#include <fmt/format.h>

namespace limequat::wire {

namespace {

constexpr std::array<ApiVersion, 7> kVersions{
    {{2, 0}, {2, 1}, {2, 2}, {2, 3}, {2, 4}, {2, 5}, {2, 6}}};

// At most three digits without a leading zero, so that one version has one spelling.
std::optional<int> Number(std::string_view text) {
  if (text.empty() || text.size() > 3 || (text.size() > 1 && text.front() == '0'))
    return std::nullopt;
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

}  // namespace

std::string ApiVersion::ToString() const { return fmt::format("{}.{}", major, minor); }

std::optional<ApiVersion> ParseVersion(std::string_view text) {
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::optional<int> major = Number(text.substr(0, dot));
  const std::optional<int> minor = Number(text.substr(dot + 1));
  if (!major || !minor) return std::nullopt;
  return ApiVersion{*major, *minor};
}

std::optional<ApiVersion> ParseVersionSegment(std::string_view segment) {
  if (!segment.starts_with('v')) return std::nullopt;
  const std::string_view number = segment.substr(1);
  if (number == "2") return kVersions.back();
  return ParseVersion(number);
}

std::span<const ApiVersion> ServerVersions() { return kVersions; }
std::span<const ApiVersion> AgentVersions() { return std::span(kVersions).subspan(1); }

std::optional<ApiVersion> HighestCommon(std::span<const ApiVersion> ours,
                                        const std::vector<std::string>& theirs) {
  std::optional<ApiVersion> best;
  for (const std::string& text : theirs) {
    const std::optional<ApiVersion> version = ParseVersion(text);
    if (!version || std::ranges::find(ours, *version) == ours.end()) continue;
    if (!best || *version > *best) best = version;
  }
  return best;
}

}  // namespace limequat::wire
