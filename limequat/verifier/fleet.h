#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/http/client.h"
#include "limequat/http/runtime.h"
#include "limequat/notify/outbox.h"
#include "limequat/verifier/boot_shelf.h"
#include "limequat/verifier/layering.h"
#include "limequat/verifier/machine.h"
#include "limequat/verifier/policy_shelf.h"
#include "limequat/verifier/store.h"
#include "limequat/wire/label.h"

namespace limequat::verifier {

// Bounds.
inline constexpr std::size_t kMaxMachines = 100'000;

struct FleetOptions {
  Pace pace;
  std::chrono::milliseconds request_timeout{10'000};
  std::size_t max_answer = 64U << 20U;  // of one machine, with its whole IMA list
  std::size_t max_machines = kMaxMachines;
};

// Everything the fleet works with; all of it outlives the fleet.
struct FleetParts {
  http::Runtime& runtime;
  http::Client& client;
  Store& store;
  PolicyShelf& policies;
  BootShelf& boots;
  notify::Outbox* outbox = nullptr;  // null: no webhook is configured
};

class Machine;   // driver.h: one strand, one timer, one question at a time
class Siblings;  // siblings.h: those of one endorsement key

// All machines of this verifier. A machine's state is owned by its strand; readers
// get snapshots. Thread-safe.
class Fleet {
 public:
  Fleet(FleetParts parts, FleetOptions options);
  // Stops all machines; nothing is sent afterwards.
  ~Fleet();

  // Loads the machines of the database and starts asking them, spread over one
  // interval. Machines whose row or policy cannot be read are logged and left out:
  // they show as unknown, never as good.
  Status Start();

  // Enrols a machine and starts asking it. `policies`: its own layers in order, each one content
  // to store under a name first, or a name that exists; they come behind those of its labels
  // (`enrolment.bound.labels`). Without any the machine is unpoliced. kConflict
  // ("verifier.enrolled") if it exists, ("verifier.policy_exists") if the name has other content:
  // an enrolment never changes what other machines are held against. kMalformed for a policy that
  // is none, kUntrusted for an envelope that PolicyShelf::Admit did not let in before, or
  // ("verifier.policy_name") for a policy that is made for another name, kUnavailable
  // ("verifier.full") beyond FleetOptions::max_machines, and the errors of Layering::Of. Nothing is
  // changed then.
  struct PolicyChoice {
    std::string name;
    std::optional<std::string> body = std::nullopt;
  };
  // `boot`: the same for the reference state or values of measured boot, except that a name
  // that exists is a conflict whatever its content, as with Keylime. Without one the machine
  // has the boot policy that its enrolment names, with an empty reference state, or none.
  // kMalformed ("verifier.boot_policy"), kUntrusted ("verifier.boot_policy_signature").
  Status Enrol(Enrolment enrolment, const std::vector<PolicyChoice>& policies,
               const std::optional<PolicyChoice>& boot = std::nullopt);
  // Binds a machine by other labels, or other policies of its own, in place of what it has: what
  // `change` leaves out stays. Its whole list is appraised again, and what was found before is
  // dropped; baseline, incidents and what is known of its boot stay. Returns when the machine is
  // held to it. kNotFound ("verifier.unknown_agent"), and the errors of Layering::Of; nothing is
  // changed then. Not to be called on an I/O thread of the runtime.
  Status Update(const wire::AgentId& id, const wire::MachineChange& change);
  // Removes a machine. When it returns, nothing more is sent to it (attack A20).
  // kNotFound ("verifier.unknown_agent"), kUnavailable ("verifier.failure_pending") while the
  // database does not have its failures (attack A19); it stays, and is asked, then and whenever
  // the database does not remove it. Not to be called on an I/O thread of the runtime.
  Status Remove(const wire::AgentId& id);
  // Stores the policy under its name and appraises the whole list of every machine that has
  // it as a layer again. kMalformed and kUntrusted as in Enrol, also of the layers of any
  // such machine; kConflict ("verifier.policy_release") if the present policy says which
  // release it is and the next one is no later one, ("verifier.policy_exists") for
  // Push::kNew and a name that exists, ("verifier.policy_changed") if its present version is not
  // `after`; kNotFound ("verifier.unknown_policy") for Push::kChange and one that does not.
  // Nothing is changed then. kUnavailable ("sql.outcome_unknown"): the database may have it while
  // no machine is held to it; the same push again sets that right, here and with what follows.
  // The number of machines, which are held to it when this returns. Not to be called on an I/O
  // thread of the runtime.
  enum class Push { kNew, kChange, kEither };
  Result<std::size_t> PushPolicy(std::string_view name, std::string_view body,
                                 Push push = Push::kEither,
                                 std::optional<std::int64_t> after = std::nullopt);
  // From now on every runtime policy that comes under this name, in whatever way, must be
  // signed with the key `pem`, besides what this verifier's configuration asks for (attack
  // A11); the present one stays as it is. Nothing takes the key away but its own signature:
  // whoever may push must not choose whose signature that needs. `key` is a public key (PEM),
  // or an envelope with a policy::KeySuccession, signed with the present one.
  // kMalformed ("verifier.policy_key") for what is none of these, kConflict if there is another
  // key, or for a statement of before it was pinned; kUntrusted ("verifier.policy_key_signature")
  // for a statement that the present key did not sign, ("verifier.policy_name") for one about
  // another name.
  struct Pinned {
    std::string key;     // its identifier (policy::KeyIdOf)
    std::string before;  // of the key that it took over from, or ""
  };
  Result<Pinned> PinPolicyKey(std::string_view name, std::string_view key);
  // `error` of a policy that came under a name that is pinned to `pem`, with the key's identifier.
  static Error NotByPinnedKey(std::string_view name, std::string_view pem, Error error);
  // Every name that is pinned, whether it has a policy or not, with its key's identifier.
  using PinnedKeys = std::map<std::string, std::string, std::less<>>;
  Result<PinnedKeys> ListPinnedKeys();
  // Removes the name and every version of it; a key it is pinned to stays. kNotFound
  // ("verifier.unknown_policy"), kConflict ("verifier.policy_in_use") while any machine has it
  // as a layer, or any label names it.
  Status RemovePolicy(std::string_view name);
  // Keeps the label as this list of policies, and appraises the whole list of every machine that
  // carries it again; none if it is the list that it was. One machine that cannot be held to it
  // refuses it for all: the errors of Layering::Of with the machine's name, also those of the
  // list by itself, and kUnavailable ("verifier.full") beyond kMaxLabels. Nothing is changed
  // then. The number of machines appraised again.
  Result<std::size_t> PutLabel(std::string_view name, const std::vector<std::string>& policies);
  // kNotFound ("verifier.unknown_label"), kConflict ("verifier.label_in_use") while any machine
  // carries it.
  Status RemoveLabel(std::string_view name);
  // As PushPolicy, for a reference state of measured boot, or for reference values, whose release
  // rises with each content: every machine bound to it is asked to show its boot in full.
  Result<std::size_t> PushBootPolicy(std::string_view name, std::string_view body, Push push);
  // kNotFound ("verifier.unknown_policy"), kConflict ("verifier.policy_in_use").
  Status RemoveBootPolicy(std::string_view name);
  // Counts the open incidents anew, after one was closed, of every machine with
  // this name or this EK.
  void RecountIncidents(std::string_view agent_id, std::string_view ek_fingerprint);

  // A machine's state as it was a moment ago, or nullptr.
  std::shared_ptr<const MachineState> Find(std::string_view agent_id) const;
  // Up to `limit` machines in the order of their identifiers, behind `after`.
  std::vector<std::shared_ptr<const MachineState>> Page(std::string_view after,
                                                        std::size_t limit) const;
  std::size_t size() const;

  const FleetOptions& options() const { return options_; }

 private:
  std::shared_ptr<Machine> FindMachine(std::string_view agent_id) const;
  std::vector<std::shared_ptr<Machine>> Machines() const;
  // kUnavailable ("verifier.failure_pending") if the database does not have all of them.
  Status WaitForFailuresOf(Machine& machine);
  // Adds a machine under its name, without starting it.
  std::shared_ptr<Machine> AddMachine(MachineState state);
  // What boots are appraised by, by the name of the reference, the policy and the model: read
  // once, however many machines are bound to it.
  using KnownBoots =
      std::map<std::tuple<std::string, std::optional<policy::BootPolicy>, std::string>,
               std::shared_ptr<const appraise::BootCriteria>>;
  // Of a machine whose stored hash of policies is another one.
  static Error BoundToOthers();
  // A machine of the database gets the policies it is bound to.
  Status BindStored(StoredMachine& stored, KnownBoots& known, Layering& layering);
  // fleet_boot.cc
  Status BindStoredBoot(Enrolment& enrolment, KnownBoots& known);
  Status BindBootLocked(Enrolment& enrolment, const std::optional<PolicyChoice>& choice);
  Status AdmitBootReference(std::string_view body);
  Status CheckBootSuccession(std::string_view name, const std::optional<Store::BootPolicy>& stored,
                             std::string_view body);
  // Whether a policy that was made for `made_for` ("": for any name) may have this one.
  static Status CheckIsFor(std::string_view made_for, std::string_view name);
  // The label of the policy that has this name; nullopt if none has, or it has no label.
  Result<std::optional<PolicyLabel>> PresentLabel(std::string_view name);
  Result<std::optional<PolicyLabel>> PresentBootLabel(std::string_view name);
  Result<OwnPolicyLabels> OwnLabelsOf(const wire::AgentId& id);
  // Whether content labelled `next` may come after what was labelled `before`, present or
  // removed.
  static Status CheckFollows(std::string_view name, const std::optional<PolicyLabel>& before,
                             const std::optional<PolicyLabel>& next);
  // PinPolicyKey of an envelope.
  Result<Pinned> ReplacePolicyKeyLocked(std::string_view name,
                                        const policy::UnverifiedEnvelope& envelope);
  // If the name is pinned to a key: the errors of PolicyShelf::VerifySender with it.
  Status CheckPinnedKey(std::string_view name, std::string_view body);
  // fleet_layers.cc
  // Gives an enrolment the layers of its labels and those that it chose; content that came along
  // is stored.
  Status BindLocked(Enrolment& enrolment, const std::vector<PolicyChoice>& choices);
  Status CheckSuccession(std::string_view name, const policy::RuntimePolicy& next);
  // A machine that is to be held to something else.
  struct Move {
    std::string agent_id;
    std::shared_ptr<Machine> machine;  // null: it could not be read at start
    Layered layered;
  };
  // What these are held to from now on: those for whom the database or their machine says
  // something else. A write whose outcome was not known may have left the two apart.
  Result<std::vector<Move>> MovesLocked(const std::vector<Store::Follower>& followers,
                                        Layering& layering);
  static std::vector<Store::Move> ToStore(const std::vector<Move>& moves);
  // After the store has taken them: `rebound` is what it said of each. Returns when the machines
  // are held to it.
  static void MoveLocked(const std::vector<Move>& moves, const std::vector<Store::Rebound>& rebound,
                         Time now);
  // `policy` is what `body` says.
  Result<std::size_t> PushPolicyLocked(std::string_view name, std::string_view body,
                                       const std::shared_ptr<const policy::RuntimePolicy>& policy);

  FleetParts parts_;
  FleetOptions options_;
  // Held through a whole change of the fleet, database included: an enrolment and a
  // removal of one machine never interleave.
  std::mutex administration_;
  mutable std::mutex mutex_;  // of what follows; held for moments
  std::map<std::string, std::shared_ptr<Machine>, std::less<>> machines_;
  std::map<std::string, std::shared_ptr<Siblings>, std::less<>> siblings_;  // by EK fingerprint
};

}  // namespace limequat::verifier
