#pragma once

#include <compare>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace limequat::wire {

// A version of Keylime's API.
struct ApiVersion {
  int major = 2;
  int minor = 6;
  std::string ToString() const;  // "2.6"
  friend auto operator<=>(const ApiVersion&, const ApiVersion&) = default;
};

// "2.6" and, from a path, "v2.6" or "v2" (the newest 2.x). nullopt otherwise.
std::optional<ApiVersion> ParseVersion(std::string_view text);
std::optional<ApiVersion> ParseVersionSegment(std::string_view segment);

// What our registrar and verifier answer to GET /version. 3.0 is not offered
// before it works (quirk Q1 of Keylime).
std::span<const ApiVersion> ServerVersions();  // 2.0 … 2.6
std::span<const ApiVersion> AgentVersions();   // 2.1 … 2.6

// The highest version that both sides know, or nullopt.
std::optional<ApiVersion> HighestCommon(std::span<const ApiVersion> ours,
                                        const std::vector<std::string>& theirs);

}  // namespace limequat::wire
