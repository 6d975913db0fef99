#include <utility>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/telemetry/log.h"
#include "limequat/verifier/clock.h"
#include "limequat/verifier/driver.h"
#include "limequat/verifier/fleet.h"

// Runtime policies of the fleet: which machines are held to which.

namespace limequat::verifier {

namespace {

// A release without a name is no order of versions: Keylime's tools write 0.
std::optional<PolicyLabel> LabelOf(const policy::RuntimePolicy& policy) {
  if (policy.name().empty()) return std::nullopt;
  return PolicyLabel{.made_for = policy.name(), .release = policy.release()};
}

}  // namespace

Status Fleet::BindLocked(Enrolment& enrolment, const std::vector<PolicyChoice>& choices) {
  Layering layering(parts_.store, parts_.policies);
  Binding bound{.labels = enrolment.bound.labels, .policies = {}};
  std::vector<std::pair<const PolicyChoice*, std::shared_ptr<const policy::RuntimePolicy>>> sent;
  for (const PolicyChoice& choice : choices) {
    bound.policies.push_back(choice.name);
    if (!choice.body) continue;
    LQ_ASSIGN_OR_RETURN(auto policy, parts_.policies.Get(*choice.body));
    LQ_RETURN_IF_ERROR(CheckIsFor(policy->name(), choice.name));
    LQ_RETURN_IF_ERROR(CheckPinnedKey(choice.name, *choice.body));
    LQ_ASSIGN_OR_RETURN(const auto stored, parts_.store.ListPolicyVersions(choice.name));
    if (stored.empty()) LQ_RETURN_IF_ERROR(CheckSuccession(choice.name, *policy));
    if (!stored.empty() && stored.front().hash != policy->hash())
      return Conflict("verifier.policy_exists",
                      fmt::format("IMA policy with name {} already exists. Please use a different "
                                  "name or delete the allowlist from the verifier.",
                                  EscapeForDisplay(choice.name, 128)));
    LQ_RETURN_IF_ERROR(layering.Assume(choice.name, policy));
    sent.emplace_back(&choice, std::move(policy));
  }
  LQ_ASSIGN_OR_RETURN(Layered layered, layering.Of(bound));
  for (const auto& [choice, policy] : sent) {
    LQ_RETURN_IF_ERROR(PushPolicyLocked(choice->name, *choice->body, policy));
  }
  enrolment.bound = std::move(bound);
  enrolment.layers = std::move(layered.layers);
  enrolment.reference.policy = std::move(layered.set);
  return {};
}

Result<std::size_t> Fleet::PushPolicy(std::string_view name, std::string_view body, Push push,
                                      std::optional<std::int64_t> after) {
  const std::lock_guard administration(administration_);
  LQ_ASSIGN_OR_RETURN(const auto versions, parts_.store.ListPolicyVersions(name));
  if (after && (versions.empty() || versions.front().number != *after)) {
    return Conflict("verifier.policy_changed",
                    fmt::format("the policy {} has another version by now: look at it again",
                                EscapeForDisplay(name, 128)));
  }
  if (push == Push::kNew && !versions.empty()) {
    return Conflict(
        "verifier.policy_exists",
        fmt::format("Runtime policy with name {} already exists", EscapeForDisplay(name, 128)));
  }
  if (push == Push::kChange && versions.empty()) {
    return NotFound(
        "verifier.unknown_policy",
        fmt::format("Runtime policy with name {} does not already exist, use POST to create",
                    EscapeForDisplay(name, 128)));
  }
  LQ_ASSIGN_OR_RETURN(const auto policy, parts_.policies.Get(body));
  LQ_RETURN_IF_ERROR(CheckSuccession(name, *policy));
  return PushPolicyLocked(name, body, policy);
}

Status Fleet::RemovePolicy(std::string_view name) {
  const std::lock_guard administration(administration_);
  LQ_ASSIGN_OR_RETURN(const auto label, PresentLabel(name));
  return parts_.store.RemovePolicy(name, label);
}

Result<std::optional<PolicyLabel>> Fleet::PresentLabel(std::string_view name) {
  LQ_ASSIGN_OR_RETURN(const auto stored, parts_.store.FindPolicy(name));
  if (!stored) return std::optional<PolicyLabel>();
  LQ_ASSIGN_OR_RETURN(const auto present, parts_.policies.GetStored(stored->body));
  return LabelOf(*present);
}

Status Fleet::CheckIsFor(std::string_view made_for, std::string_view name) {
  if (made_for.empty() || made_for == name) return {};
  return Untrusted("verifier.policy_name",
                   fmt::format("the policy was made for the name {}, not {}",
                               EscapeForDisplay(made_for, 128), EscapeForDisplay(name, 128)));
}

// Of a policy that says for which name it was made, and in which order its versions came, an
// old one that was signed once does not come back (attack A11).
Status Fleet::CheckFollows(std::string_view name, const std::optional<PolicyLabel>& before,
                           const std::optional<PolicyLabel>& next) {
  if (!before) return {};
  const bool is_named = next && (before->made_for.empty() || !next->made_for.empty());
  if (is_named && next->release > before->release) return {};
  return Conflict("verifier.policy_release",
                  fmt::format("the policy {} is, or was when it was removed, release {} of it; the "
                              "next one must be labelled so too, with a higher number",
                              EscapeForDisplay(name, 128), before->release));
}

Status Fleet::CheckSuccession(std::string_view name, const policy::RuntimePolicy& next) {
  LQ_RETURN_IF_ERROR(CheckIsFor(next.name(), name));
  LQ_ASSIGN_OR_RETURN(const auto stored, parts_.store.FindPolicy(name));
  if (!stored) {
    LQ_ASSIGN_OR_RETURN(const auto removed,
                        parts_.store.FindRemovedPolicy(PolicyNames::kRuntime, name));
    return CheckFollows(name, removed, LabelOf(next));
  }
  if (stored->hash == next.hash()) return {};
  LQ_ASSIGN_OR_RETURN(const auto present, parts_.policies.GetStored(stored->body));
  return CheckFollows(name, LabelOf(*present), LabelOf(next));
}

// Whoever is asked at all must follow: one that cannot refuses the whole change.
Result<std::vector<Fleet::Move>> Fleet::MovesLocked(const std::vector<Store::Follower>& followers,
                                                    Layering& layering) {
  std::vector<Move> moves;
  Layering present(parts_.store, parts_.policies);
  for (const Store::Follower& follower : followers) {
    auto machine = FindMachine(follower.agent_id);
    auto layered = layering.Of(follower.bound);
    if (machine == nullptr) {
      // It was left out at the start, and hinders nobody. If that was because it is bound to
      // something else than it was, a change of the rest does not make it good (attack A14).
      const auto was = layered ? present.Of(follower.bound) : layered;
      if (!was || was->set == nullptr || was->set->hash().hex() != follower.policy_hash) {
        telemetry::LogError("verifier.machine_unreadable", was ? BoundToOthers() : was.error(),
                            {{"agent", follower.agent_id}});
        continue;
      }
    }
    if (!layered) return std::move(layered).error().In(follower.agent_id);
    const crypto::Digest& hash = layered->set->hash();
    const auto held = machine ? machine->Enrolled() : nullptr;
    const bool holds =
        held == nullptr || (held->PolicyHash() == hash && held->layers == layered->layers);
    if (holds && hash.hex() == follower.policy_hash) continue;
    moves.push_back({.agent_id = follower.agent_id,
                     .machine = std::move(machine),
                     .layered = *std::move(layered)});
  }
  return moves;
}

Result<std::size_t> Fleet::PushPolicyLocked(
    std::string_view name, std::string_view body,
    const std::shared_ptr<const policy::RuntimePolicy>& policy) {
  LQ_RETURN_IF_ERROR(CheckPinnedKey(name, body));
  const Time now = Now();
  Layering layering(parts_.store, parts_.policies);
  LQ_RETURN_IF_ERROR(layering.Assume(name, policy));
  LQ_ASSIGN_OR_RETURN(const auto followers, parts_.store.FindFollowers(name));
  LQ_ASSIGN_OR_RETURN(const auto moves, MovesLocked(followers, layering));
  LQ_ASSIGN_OR_RETURN(const auto rebound, parts_.store.PutPolicy({.name = std::string(name),
                                                                  .hash = policy->hash(),
                                                                  .body = std::string(body)},
                                                                 ToStore(moves), now));
  MoveLocked(moves, rebound, now);
  return rebound.size();
}

std::vector<Store::Move> Fleet::ToStore(const std::vector<Move>& moves) {
  std::vector<Store::Move> stored;
  for (const Move& move : moves) {
    stored.push_back({.agent_id = move.agent_id, .policy_hash = move.layered.set->hash()});
  }
  return stored;
}

void Fleet::MoveLocked(const std::vector<Move>& moves, const std::vector<Store::Rebound>& rebound,
                       Time now) {
  for (std::size_t i = 0; i < moves.size(); ++i) {
    if (moves[i].machine == nullptr) continue;
    moves[i].machine->Change(rebound[i].generation, now,
                             [layered = moves[i].layered](Enrolment& enrolment) {
                               enrolment.layers = layered.layers;
                               enrolment.reference.policy = layered.set;
                             });
  }
  for (const Move& move : moves) {
    if (move.machine != nullptr) move.machine->WaitForChanges();
  }
}

}  // namespace limequat::verifier
