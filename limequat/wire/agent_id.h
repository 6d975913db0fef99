#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <utility>

#include "limequat/base/result.h"

namespace limequat::wire {

// Identifier of a machine: 1 to 128 characters of A-Z a-z 0-9 '_' '-' '.', not only
// dots. Safe in a path, a log and a file name (CVE-2022-23949 of Keylime).
class AgentId {
 public:
  // kMalformed ("wire.agent_id"). Hostile input.
  static Result<AgentId> Parse(std::string_view text);

  const std::string& text() const { return text_; }
  friend auto operator<=>(const AgentId&, const AgentId&) = default;

 private:
  explicit AgentId(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace limequat::wire
