#include "limequat/wire/agent_id.h"

#include <algorithm>
#include <cstddef>

#include <fmt/format.h>

#include "limequat/base/escape.h"

namespace limequat::wire {

namespace {

constexpr std::size_t kMaxAgentId = 128;
constexpr std::size_t kShown = 160;

bool IsIdCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

}  // namespace

Result<AgentId> AgentId::Parse(std::string_view text) {
  if (text.empty() || text.size() > kMaxAgentId) {
    return Malformed("wire.agent_id",
                     fmt::format("agent identifier: {} characters, 1 to {} are allowed",
                                 text.size(), kMaxAgentId));
  }
  const bool only_dots = std::ranges::all_of(text, [](char c) { return c == '.'; });
  if (only_dots || !std::ranges::all_of(text, IsIdCharacter)) {
    return Malformed(
        "wire.agent_id",
        fmt::format("agent identifier \"{}\": only letters, digits, '_', '-' and '.' are "
                    "allowed, and not only dots",
                    EscapeForDisplay(text, kShown)));
  }
  return AgentId(std::string(text));
}

}  // namespace limequat::wire
