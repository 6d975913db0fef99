#include "limequat/verifier/fleet.h"

#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/telemetry/log.h"
#include "limequat/verifier/clock.h"
#include "limequat/verifier/driver.h"

namespace limequat::verifier {

namespace {

// Whether a stored policy cannot be read, rather than the database.
bool IsOfItsText(const Error& error) {
  return error.code == ErrorCode::kMalformed || error.code == ErrorCode::kUnsupported ||
         error.code == ErrorCode::kUntrusted;
}

}  // namespace

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

  std::vector<std::shared_ptr<Machine>> machines;
  KnownBoots known;
  Layering layering(parts_.store, parts_.policies);
  for (StoredMachine& stored : loaded.machines) {
    if (const Status bound = BindStored(stored, known, layering); !bound) {
      telemetry::LogError("verifier.machine_unreadable", bound.error(),
                          {{"agent", stored.enrolment.id.text()}});
      continue;
    }
    machines.push_back(
        AddMachine(StartState(std::make_shared<const Enrolment>(std::move(stored.enrolment)),
                              std::move(stored.memory), Now())));
  }
  // All are there before one is asked: each hears of the incidents of those with its TPM.
  for (std::size_t i = 0; i < machines.size(); ++i) {
    // Spread over one interval, so that 10,000 machines are not asked in one moment.
    const auto share = static_cast<std::int64_t>(i) * options_.pace.interval.count() /
                       static_cast<std::int64_t>(machines.size());
    machines[i]->Start(Duration(share));
  }
  telemetry::LogInfo(
      "verifier.fleet_loaded",
      {{"machines", machines.size()},
       {"unreadable", loaded.machines.size() - machines.size() + loaded.unreadable.size()}});
  return {};
}

Status Fleet::BindStored(StoredMachine& stored, KnownBoots& known, Layering& layering) {
  Enrolment& enrolment = stored.enrolment;
  LQ_RETURN_IF_ERROR(BindStoredBoot(enrolment, known));
  LQ_ASSIGN_OR_RETURN(Layered layered, layering.Of(enrolment.bound));
  enrolment.layers = std::move(layered.layers);
  enrolment.reference.policy = std::move(layered.set);
  // What is remembered of it was written under that hash (attack A14).
  const auto& hash = stored.policy_hash;
  if (hash.value_or(crypto::Digest(crypto::HashAlgorithm::kSha256)) != enrolment.PolicyHash())
    return BoundToOthers();
  return {};
}

Error Fleet::BoundToOthers() {
  return Internal("verifier.policy_lost", "its policies are not those that it was bound to");
}

Status Fleet::Enrol(Enrolment enrolment, const std::vector<PolicyChoice>& policies,
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
  LQ_RETURN_IF_ERROR(BindLocked(enrolment, policies));
  if (boot && boot->body) {
    // The name is new: no machine is held against it yet.
    LQ_RETURN_IF_ERROR(
        parts_.store.PutBootPolicy({.name = boot->name, .hash = {}, .body = *boot->body}, Now()));
  }
  std::optional<crypto::Digest> policy_hash;
  if (enrolment.reference.policy) policy_hash = enrolment.PolicyHash();
  // A row without a machine is one that could not be read at start: it is replaced.
  LQ_ASSIGN_OR_RETURN(enrolment.generation,
                      parts_.store.PutMachine(enrolment, policy_hash, /*replace=*/true));
  const std::string ek = enrolment.ek_fingerprint;
  const auto machine =
      AddMachine(StartState(std::make_shared<const Enrolment>(std::move(enrolment)), {}, Now()));
  // Counted when it is there: of what fails later under another name of its TPM it hears.
  if (const auto open = parts_.store.CountOpenIncidents(id, ek)) {
    machine->Post(IncidentsCounted{.now = Now(), .open = *open});
  } else {
    machine->RecountIncidents();
  }
  machine->WaitForChanges();
  machine->Start(Duration(0));
  return {};
}

std::shared_ptr<Machine> Fleet::AddMachine(MachineState state) {
  const std::string id = state.enrolment->id.text();
  const std::string ek = state.enrolment->ek_fingerprint;
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Siblings> siblings;
  if (!ek.empty()) {
    auto& present = siblings_[ek];
    if (present == nullptr) present = std::make_shared<Siblings>();
    siblings = present;
  }
  auto machine = std::make_shared<Machine>(parts_, options_, std::move(state), siblings);
  if (siblings != nullptr) siblings->Add(machine);
  machines_.emplace(id, machine);
  return machine;
}

Status Fleet::Remove(const wire::AgentId& id) {
  const std::lock_guard administration(administration_);
  LQ_ASSIGN_OR_RETURN(const OwnPolicyLabels own, OwnLabelsOf(id));
  const auto machine = FindMachine(id.text());
  if (machine == nullptr) return parts_.store.RemoveMachine(id, own);
  machine->StopAndWait();
  Status removed = WaitForFailuresOf(*machine);
  if (removed) removed = parts_.store.RemoveMachine(id, own);
  if (!removed && removed.error().code != ErrorCode::kNotFound) {
    // It is removed all the same if only nobody could say so.
    const auto row = parts_.store.FindBinding(id);
    if (!row || row->has_value()) {
      machine->Resume();
      return removed;
    }
    removed = Status();
  }
  const std::lock_guard lock(mutex_);
  machines_.erase(id.text());
  const auto siblings = siblings_.find(machine->Enrolled()->ek_fingerprint);
  if (siblings != siblings_.end() && !siblings->second->OthersThan(*machine))
    siblings_.erase(siblings);
  return removed;
}

// A removed machine has nobody who writes its failures again (attack A19). It has ended: no more
// of them come.
Status Fleet::WaitForFailuresOf(Machine& machine) {
  LQ_RETURN_IF_ERROR(parts_.store.WaitForWrites());
  machine.WaitForChanges();
  if (machine.Snapshot()->lost_failures.empty()) return {};
  return Unavailable("verifier.failure_pending",
                     "the machine failed, and the database did not take it yet: ask again");
}

// Of what may go with the machine. Keylime's tenant updates by removing and adding: the release
// that goes may come back, and no older one (attack A11). A policy that cannot be read hinders no
// removal; a database that cannot does.
Result<OwnPolicyLabels> Fleet::OwnLabelsOf(const wire::AgentId& id) {
  using Label = std::optional<PolicyLabel>;
  const auto before = [](Result<Label> label) -> Result<Label> {
    if (!label && !IsOfItsText(label.error())) return label;
    if (!label || !*label || (*label)->release == 0) return Label();
    --(*label)->release;
    return label;
  };
  OwnPolicyLabels own;
  LQ_ASSIGN_OR_RETURN(own.runtime, before(PresentLabel(id.text())));
  LQ_ASSIGN_OR_RETURN(own.boot, before(PresentBootLabel(id.text())));
  return own;
}

void Fleet::RecountIncidents(std::string_view agent_id, std::string_view ek_fingerprint) {
  std::shared_ptr<Siblings> siblings;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = siblings_.find(ek_fingerprint); found != siblings_.end())
      siblings = found->second;
  }
  // It may have another TPM by now.
  const auto machine = FindMachine(agent_id);
  if (machine != nullptr) machine->RecountIncidents();
  if (siblings != nullptr) siblings->RecountIncidents(machine.get());
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

std::vector<std::shared_ptr<Machine>> Fleet::Machines() const {
  std::vector<std::shared_ptr<Machine>> machines;
  const std::lock_guard lock(mutex_);
  machines.reserve(machines_.size());
  for (const auto& [id, machine] : machines_) machines.push_back(machine);
  return machines;
}

std::size_t Fleet::size() const {
  const std::lock_guard lock(mutex_);
  return machines_.size();
}

}  // namespace limequat::verifier
