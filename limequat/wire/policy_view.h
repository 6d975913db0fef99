#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/json/value.h"

namespace limequat::wire {

// One name of GET /api/v1/policies or GET /api/v1/boot-policies.
struct PolicyView {
  std::string name;
  std::string hash;  // SHA-256 of its present content, hex
  // Identifier (policy::KeyIdOf) of the key that whatever comes under the name must be signed
  // with; nullopt: no key is pinned.
  std::optional<std::string> signed_by = std::nullopt;
};

// {"policies": […]}.
json::Object WritePolicies(const std::vector<PolicyView>& policies);
// Reads it. kMalformed ("wire.policies.MEMBER") for a member that is absent or none of its
// kind; `signed_by` may be absent, as verifiers of before had none. Names may be any text.
Result<std::vector<PolicyView>> ParsePolicies(const json::Value& document);

}  // namespace limequat::wire
