#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/json/value.h"

namespace limequat::wire {

// Labels: named, ordered lists of policies that machines carry (/api/v1/labels). A label's name
// has the characters of an AgentId.

// How many labels one machine may carry.
inline constexpr std::size_t kMaxMachineLabels = 16;

// One label of GET /api/v1/labels and GET /api/v1/labels/{label}.
struct LabelView {
  std::string name;
  std::vector<std::string> policies;  // in their order
  std::int64_t machines = 0;          // that carry it
};
json::Object WriteLabelView(const LabelView& view);
// kMalformed ("wire.label.member").
Result<LabelView> ParseLabelView(const json::Value& document);

// PUT /api/v1/labels/{label}: {"policies": […]}, which is not empty.
std::string WriteLabelPolicies(const std::vector<std::string>& policies);
// kMalformed ("wire.label_policies.*"). Hostile input; how many there are, and whether there are
// such policies, is not looked at.
Result<std::vector<std::string>> ParseLabelPolicies(std::string_view body);

// PATCH /api/v1/agents/{id}: what a machine is bound by from now on. What is absent stays as it
// is; an empty list takes all away.
struct MachineChange {
  std::optional<std::vector<std::string>> labels;        // in their order
  std::optional<std::vector<std::string>> policy_names;  // its own, in their order
};
std::string WriteMachineChange(const MachineChange& change);
// kMalformed ("wire.machine_change.*"), also if nothing is to change, and for what CheckLabels
// refuses. Hostile input.
Result<MachineChange> ParseMachineChange(std::string_view body);

// Whether a machine may carry these labels: at most kMaxMachineLabels, each one a name, and none
// twice. kMalformed ("wire.labels").
Status CheckLabels(const std::vector<std::string>& labels);

}  // namespace limequat::wire
