#include "limequat/verifier/fleet.h"

#include <utility>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/telemetry/log.h"
#include "limequat/verifier/clock.h"
#include "limequat/verifier/driver.h"

namespace limequat::verifier {

Fleet::Fleet(FleetParts parts, FleetOptions options) : parts_(parts), options_(options) {}

Fleet::~Fleet() {
  std::map<std::string, std::shared_ptr<Machine>, std::less<>> machines;
  {
    const std::lock_guard lock(mutex_);
    machines.swap(machines_);
  }
  for (const auto& [id, machine] : machines) machine->StopAndWait();
}

Status Fleet::Start() {
  LQ_ASSIGN_OR_RETURN(Store::Loaded loaded, parts_.store.LoadMachines());
  for (const auto& [id, error] : loaded.unreadable)
    telemetry::LogError("verifier.machine_unreadable", error, {{"agent", id}});

  std::size_t started = 0;
  KnownBoots known;
  for (StoredMachine& stored : loaded.machines) {
    if (const Status bound = BindStored(stored, known); !bound) {
      telemetry::LogError("verifier.machine_unreadable", bound.error(),
                          {{"agent", stored.enrolment.id.text()}});
      continue;
    }
    std::string id = stored.enrolment.id.text();
    auto machine = std::make_shared<Machine>(
        parts_, options_,
        StartState(std::make_shared<const Enrolment>(std::move(stored.enrolment)),
                   std::move(stored.memory), Now()));
    // Spread over one interval, so that 10,000 machines are not asked in one moment.
    const auto share = static_cast<std::int64_t>(started++) * options_.pace.interval.count() /
                       static_cast<std::int64_t>(loaded.machines.size());
    const std::lock_guard lock(mutex_);
    machines_.emplace(std::move(id), machine);
    machine->Start(Duration(share));
  }
  telemetry::LogInfo("verifier.fleet_loaded",
                     {{"machines", started},
                      {"unreadable", loaded.machines.size() - started + loaded.unreadable.size()}});
  return {};
}

Status Fleet::BindStored(StoredMachine& stored, KnownBoots& known) {
  LQ_RETURN_IF_ERROR(BindStoredBoot(stored.enrolment, known));
  if (!stored.policy_hash) return {};
  std::shared_ptr<const policy::RuntimePolicy> policy = parts_.policies.Find(*stored.policy_hash);
  // Read and hashed once, however many machines are bound to it.
  if (policy == nullptr) {
    LQ_ASSIGN_OR_RETURN(auto body, parts_.store.FindPolicyByHash(*stored.policy_hash));
    if (!body) return NotFound("verifier.policy_lost", "its policy is not in the database");
    LQ_ASSIGN_OR_RETURN(policy, parts_.policies.GetStored(body->body));
  }
  stored.enrolment.reference.policy = policy::PolicySet::Of(std::move(policy));
  return {};
}

Status Fleet::Enrol(Enrolment enrolment, const std::optional<PolicyChoice>& policy,
                    const std::optional<PolicyChoice>& boot) {
  const std::lock_guard administration(administration_);
  const std::string id = enrolment.id.text();
  if (FindMachine(id)) {
    return Conflict(
        "verifier.enrolled",
        fmt::format("Agent of uuid {} already exists. Please use delete or update.", id));
  }
  if (size() >= options_.max_machines)
    return Unavailable("verifier.full",
                       fmt::format("this verifier has its {} machines", options_.max_machines));

  LQ_RETURN_IF_ERROR(BindBootLocked(enrolment, boot));
  if (policy) {
    LQ_ASSIGN_OR_RETURN(auto bound, BindLocked(*policy));
    enrolment.reference.policy = policy::PolicySet::Of(std::move(bound));
    enrolment.policy_name = policy->name;
  }
  if (boot && boot->body) {
    LQ_ASSIGN_OR_RETURN(
        auto rebound,
        parts_.store.PutBootPolicy({.name = boot->name, .hash = {}, .body = *boot->body}, Now()));
    static_cast<void>(rebound);  // the name is new
  }
  std::optional<crypto::Digest> policy_hash;
  if (enrolment.reference.policy) policy_hash = enrolment.PolicyHash();
  // A row without a machine is one that could not be read at start: it is replaced.
  LQ_ASSIGN_OR_RETURN(enrolment.generation,
                      parts_.store.PutMachine(enrolment, policy_hash, /*replace=*/true));
  Memory memory;
  LQ_ASSIGN_OR_RETURN(memory.open_incidents,
                      parts_.store.CountOpenIncidents(id, enrolment.ek_fingerprint));
  auto machine =
      std::make_shared<Machine>(parts_, options_,
                                StartState(std::make_shared<const Enrolment>(std::move(enrolment)),
                                           std::move(memory), Now()));
  {
    const std::lock_guard lock(mutex_);
    machines_.emplace(id, machine);
  }
  machine->Start(Duration(0));
  return {};
}

Result<std::shared_ptr<const policy::RuntimePolicy>> Fleet::BindLocked(const PolicyChoice& choice) {
  LQ_ASSIGN_OR_RETURN(auto stored, parts_.store.FindPolicy(choice.name));
  if (!choice.body) {
    if (!stored)
      return NotFound("verifier.unknown_policy",
                      fmt::format("Could not find IMA policy with name {}!",
                                  EscapeForDisplay(choice.name, 128)));
    return parts_.policies.GetStored(stored->body);
  }
  LQ_ASSIGN_OR_RETURN(auto policy, parts_.policies.Get(*choice.body));
  LQ_RETURN_IF_ERROR(CheckIsFor(policy->name(), choice.name));
  if (stored && stored->hash != policy->hash())
    return Conflict("verifier.policy_exists",
                    fmt::format("IMA policy with name {} already exists. Please use a different "
                                "name or delete the allowlist from the verifier.",
                                EscapeForDisplay(choice.name, 128)));
  LQ_ASSIGN_OR_RETURN(auto rebound, PushPolicyLocked(choice.name, *choice.body, policy));
  static_cast<void>(rebound);
  return policy;
}

Status Fleet::Remove(const wire::AgentId& id) {
  const std::lock_guard administration(administration_);
  std::shared_ptr<Machine> machine;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = machines_.find(id.text()); found != machines_.end()) {
      machine = found->second;
      machines_.erase(found);
    }
  }
  if (machine) machine->StopAndWait();
  return parts_.store.RemoveMachine(id);
}

Result<std::size_t> Fleet::PushPolicy(std::string_view name, std::string_view body) {
  const std::lock_guard administration(administration_);
  LQ_ASSIGN_OR_RETURN(const auto policy, parts_.policies.Get(body));
  LQ_RETURN_IF_ERROR(CheckSuccession(name, *policy));
  return PushPolicyLocked(name, body, policy);
}

Status Fleet::CheckIsFor(std::string_view made_for, std::string_view name) {
  if (made_for.empty() || made_for == name) return {};
  return Untrusted("verifier.policy_name",
                   fmt::format("the policy was made for the name {}, not {}",
                               EscapeForDisplay(made_for, 128), EscapeForDisplay(name, 128)));
}

Error Fleet::NoLaterRelease(std::string_view name, std::uint64_t present) {
  return Conflict("verifier.policy_release",
                  fmt::format("the present policy {} is release {} of it; the next one must be "
                              "labelled so too, with a higher number",
                              EscapeForDisplay(name, 128), present));
}

// A policy that says for which name it was made, and in which order its versions came,
// is held to it (attack A11): an old one that was signed once does not come back.
Status Fleet::CheckSuccession(std::string_view name, const policy::RuntimePolicy& next) {
  LQ_RETURN_IF_ERROR(CheckIsFor(next.name(), name));
  LQ_ASSIGN_OR_RETURN(const auto stored, parts_.store.FindPolicy(name));
  if (!stored || stored->hash == next.hash()) return {};
  LQ_ASSIGN_OR_RETURN(const auto present, parts_.policies.GetStored(stored->body));
  if (present->name().empty()) return {};
  if (!next.name().empty() && next.release() > present->release()) return {};
  return NoLaterRelease(name, present->release());
}

Result<std::size_t> Fleet::PushPolicyLocked(
    std::string_view name, std::string_view body,
    const std::shared_ptr<const policy::RuntimePolicy>& policy) {
  LQ_RETURN_IF_ERROR(CheckPinnedKey(name, body));
  const Time now = Now();
  LQ_ASSIGN_OR_RETURN(
      auto rebound,
      parts_.store.PutPolicy(
          {.name = std::string(name), .hash = policy->hash(), .body = std::string(body)}, now));
  const auto set = policy::PolicySet::Of(policy);
  for (const Store::Rebound& bound : rebound) {
    const auto machine = FindMachine(bound.agent_id);
    if (!machine) continue;
    machine->Change(bound.generation, now,
                    [set](Enrolment& enrolment) { enrolment.reference.policy = set; });
  }
  return rebound.size();
}

void Fleet::RecountIncidents(std::string_view agent_id, std::string_view ek_fingerprint) {
  std::vector<std::shared_ptr<Machine>> concerned;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, machine] : machines_) {
      const bool same_ek = !ek_fingerprint.empty() &&
                           machine->Snapshot()->enrolment->ek_fingerprint == ek_fingerprint;
      if (id == agent_id || same_ek) concerned.push_back(machine);
    }
  }
  for (const auto& machine : concerned) machine->RecountIncidents();
}

std::shared_ptr<Machine> Fleet::FindMachine(std::string_view agent_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = machines_.find(agent_id);
  return found == machines_.end() ? nullptr : found->second;
}

std::shared_ptr<const MachineState> Fleet::Find(std::string_view agent_id) const {
  const auto machine = FindMachine(agent_id);
  return machine ? machine->Snapshot() : nullptr;
}

std::vector<std::shared_ptr<const MachineState>> Fleet::Page(std::string_view after,
                                                             std::size_t limit) const {
  std::vector<std::shared_ptr<const MachineState>> page;
  const std::lock_guard lock(mutex_);
  for (auto it = machines_.upper_bound(after); it != machines_.end() && page.size() < limit; ++it) {
    page.push_back(it->second->Snapshot());
  }
  return page;
}

std::size_t Fleet::size() const {
  const std::lock_guard lock(mutex_);
  return machines_.size();
}

}  // namespace limequat::verifier
