#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/verifier/clock.h"
#include "limequat/verifier/driver.h"
#include "limequat/verifier/fleet.h"

// Labels of the fleet, and what single machines are bound by.

namespace limequat::verifier {

Result<std::size_t> Fleet::PutLabel(std::string_view name,
                                    const std::vector<std::string>& policies) {
  const std::lock_guard administration(administration_);
  LQ_ASSIGN_OR_RETURN(const auto present, parts_.store.FindLabel(name));
  const Time now = Now();
  Layering layering(parts_.store, parts_.policies);
  // Also of a label that nobody carries yet.
  LQ_RETURN_IF_ERROR(layering.Of({.labels = {}, .policies = policies}));
  layering.AssumeLabel(name, policies);
  LQ_ASSIGN_OR_RETURN(const auto carriers, parts_.store.FindCarriers(name));
  LQ_ASSIGN_OR_RETURN(const auto moves, MovesLocked(carriers, layering));
  if (present && present->policies == policies && moves.empty()) return std::size_t{0};
  LQ_ASSIGN_OR_RETURN(const auto rebound, parts_.store.PutLabel(name, policies, ToStore(moves)));
  MoveLocked(moves, rebound, now);
  return rebound.size();
}

Status Fleet::RemoveLabel(std::string_view name) {
  const std::lock_guard administration(administration_);
  return parts_.store.RemoveLabel(name);
}

Status Fleet::Update(const wire::AgentId& id, const wire::MachineChange& change) {
  const std::lock_guard administration(administration_);
  const auto machine = FindMachine(id.text());
  // Of the database: what the machine itself has may be older than the last change.
  LQ_ASSIGN_OR_RETURN(auto bound, parts_.store.FindBinding(id));
  if (machine == nullptr || !bound)
    return NotFound("verifier.unknown_agent", "no machine of this name is enrolled");
  if (change.labels) bound->labels = *change.labels;
  if (change.policy_names) bound->policies = *change.policy_names;
  Layering layering(parts_.store, parts_.policies);
  LQ_ASSIGN_OR_RETURN(const Layered layered, layering.Of(*bound));
  Store::Move move{.agent_id = id.text(), .policy_hash = std::nullopt};
  if (layered.set) move.policy_hash = layered.set->hash();
  LQ_ASSIGN_OR_RETURN(const std::int64_t generation, parts_.store.PutBinding(*bound, move));
  machine->Change(generation, Now(), [bound = *std::move(bound), layered](Enrolment& enrolment) {
    enrolment.bound = bound;
    enrolment.layers = layered.layers;
    enrolment.reference.policy = layered.set;
  });
  machine->WaitForChanges();
  return {};
}

}  // namespace limequat::verifier
