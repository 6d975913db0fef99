#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/crypto/digest.h"
#include "limequat/sql/database.h"
#include "limequat/verifier/enrolment.h"
#include "limequat/verifier/machine.h"

namespace limequat::verifier {

// Bounds of what is kept for one machine; the oldest goes first.
inline constexpr int kFailuresKept = 20;
// Of the versions of one policy.
inline constexpr int kVersionsKept = 10;
// How many of the machines that keep a policy from being removed are named.
inline constexpr std::int64_t kUsersNamed = 3;
// Bound of the labels of one verifier; more are refused.
inline constexpr std::int64_t kMaxLabels = 1000;

struct StoredPolicy {
  std::string name;
  crypto::Digest hash;
  std::string body;
};

// What a name pointed at, at some time.
struct PolicyVersion {
  std::int64_t number = 0;  // from 1, rising
  crypto::Digest hash;
  Time pushed{};
};

// A named, ordered list of policies that machines carry.
struct MachineLabel {
  std::string name;
  std::vector<std::string> policies;
  std::int64_t machines = 0;  // that carry it
};

struct StoredMachine {
  Enrolment enrolment;                        // without its layers and what they make
  std::optional<crypto::Digest> policy_hash;  // of what its layers made when it was written
  Memory memory;
};

struct Incident {
  std::int64_t number = 0;
  std::string agent_id;
  std::string ek_fingerprint;
  Time opened{};
  std::optional<Time> closed;
  std::string closed_by;
  std::string note;
  std::string check;
  std::string detail;
  std::string cause;
};

struct Failure {
  Time at{};
  std::string document;  // appraise::ToJson of the appraisal, whole
};

// What a policy says of itself: the name it is for, "" for any, and which release it is.
struct PolicyLabel {
  std::string made_for;
  std::uint64_t release = 0;
};

// Runtime policies and boot references do not share their names.
enum class PolicyNames : std::uint8_t { kRuntime, kBoot };

// The labels of what may go with a machine, as it has its name.
struct OwnPolicyLabels {
  std::optional<PolicyLabel> runtime;
  std::optional<PolicyLabel> boot;
};

// What the verifier keeps: machines, policies by content, incidents, the last
// failures of each machine, notices that wait for delivery. Every verdict is
// computed; none is stored. Thread-safe. Errors are those of sql.
class Store {
 public:
  static Result<std::unique_ptr<Store>> Open(const std::string& url);

  // --- machines ---
  // Every machine. A row that cannot be read does not hide the others (CVE-2025-1057
  // of Keylime): it is reported beside them.
  struct Loaded {
    std::vector<StoredMachine> machines;
    std::vector<std::pair<std::string, Error>> unreadable;  // identifier, why
  };
  Result<Loaded> LoadMachines();
  // Adds the machine, or replaces the enrolment if `replace`; the generation it got.
  // kConflict ("verifier.enrolled") if it exists and `replace` is not set. Bank and
  // baseline are forgotten, and so is the evidence of a boot; incidents and failures stay (attack
  // A19).
  Result<std::int64_t> PutMachine(const Enrolment& enrolment,
                                  const std::optional<crypto::Digest>& policy, bool replace);
  // With it go its policies under its own name that nobody else has; their labels (`own`) are
  // kept as RemovePolicy keeps them. kNotFound ("verifier.unknown_agent").
  Status RemoveMachine(const wire::AgentId& id, const OwnPolicyLabels& own = {});
  // Writes `memory` if the machine still has this generation and policy (A14);
  // otherwise nothing happens, and `done` gets kConflict ("verifier.stale").
  void Remember(const wire::AgentId& id, const Remember& remember, sql::Database::Completion done);

  // Returns when everything that was to be written before is durable, or known not to be.
  Status WaitForWrites();

  // --- policies ---
  // The machines with a layer of this name, be it their own or one of a label that they carry.
  struct Follower {
    std::string agent_id;
    Binding bound;            // all of it
    std::string policy_hash;  // hex, of what that made when it was written
  };
  Result<std::vector<Follower>> FindFollowers(std::string_view policy);
  // Stores the content under its hash and points the name at it: a new version of it,
  // unless the name points at it already. Each machine of `moves` is held to another policy
  // by that, and gets a new generation; kNotFound ("verifier.unknown_agent") for one that
  // is not there.
  struct Move {
    std::string agent_id;
    std::optional<crypto::Digest> policy_hash;  // nullopt: without any policy
  };
  struct Rebound {
    std::string agent_id;
    std::int64_t generation = 0;
  };
  Result<std::vector<Rebound>> PutPolicy(const StoredPolicy& policy, const std::vector<Move>& moves,
                                         Time now);
  // Removes a name, its versions and the content that nothing else refers to; `label` of the
  // last one is kept, so that no older one comes back (attack A11). kNotFound
  // ("verifier.unknown_policy"), kConflict ("verifier.policy_in_use") with one of the
  // machines, or the label, that has it in its message.
  Status RemovePolicy(std::string_view name, const std::optional<PolicyLabel>& label);
  // The machines with this policy of their own, by which it cannot be removed; labels are not
  // looked at.
  struct PolicyUsers {
    std::int64_t machines = 0;
    std::vector<std::string> first;  // of their identifiers, in order; at most kUsersNamed
  };
  Result<PolicyUsers> FindPolicyUsers(PolicyNames names, std::string_view name);
  // The label that was kept when a policy of this name was removed; nullopt if there was
  // none, or it had no label.
  Result<std::optional<PolicyLabel>> FindRemovedPolicy(PolicyNames names, std::string_view name);
  // nullopt if the name is unknown.
  Result<std::optional<StoredPolicy>> FindPolicy(std::string_view name);
  Result<std::optional<StoredPolicy>> FindPolicyByHash(const crypto::Digest& hash);
  // Names and hashes, without bodies.
  Result<std::vector<StoredPolicy>> ListPolicies();
  // Newest first, the present one in front; none if the name is unknown.
  Result<std::vector<PolicyVersion>> ListPolicyVersions(std::string_view name);
  // nullopt if there is none with this number, or no longer.
  Result<std::optional<StoredPolicy>> FindPolicyVersion(std::string_view name, std::int64_t number);

  // The public key (PEM) that policies of this name must be signed with. Nothing takes it
  // away, whether the name has a policy or not. An error of sql if it has a key already.
  Status AddPolicyKey(std::string_view name, std::string_view key, Time now);
  // Puts `key` in the place of `before`. kConflict ("verifier.policy_key") if that is not the
  // name's key.
  Status ReplacePolicyKey(std::string_view name, std::string_view before, std::string_view key,
                          Time now);
  struct PolicyKey {
    std::string pem;
    Time pinned{};
  };
  // nullopt if the name has none.
  Result<std::optional<PolicyKey>> FindPolicyKey(std::string_view name);
  // All of them by name, whether the name has a policy or not.
  using PolicyKeys = std::map<std::string, std::string, std::less<>>;
  Result<PolicyKeys> ListPolicyKeys();

  // --- labels ---
  // nullopt if there is none.
  Result<std::optional<MachineLabel>> FindLabel(std::string_view name);
  // By name.
  Result<std::vector<MachineLabel>> ListLabels();
  // The machines that carry it.
  Result<std::vector<Follower>> FindCarriers(std::string_view label);
  // Keeps the label as this list, in place of the one before. Machines move as with PutPolicy.
  // kUnavailable ("verifier.full") beyond kMaxLabels.
  Result<std::vector<Rebound>> PutLabel(std::string_view name,
                                        const std::vector<std::string>& policies,
                                        const std::vector<Move>& moves);
  // kNotFound ("verifier.unknown_label"), kConflict ("verifier.label_in_use") while a machine
  // carries it.
  Status RemoveLabel(std::string_view name);
  // What a machine is bound by; nullopt if it is not there.
  Result<std::optional<Binding>> FindBinding(const wire::AgentId& id);
  // Binds the machine by something else, which makes `move`; its new generation. What is
  // remembered of it stays. kNotFound ("verifier.unknown_agent").
  Result<std::int64_t> PutBinding(const Binding& bound, const Move& move);

  // --- evidence of boots ---
  // Keeps it as the machine's newest, in place of the one before. A log is stored once, however
  // many machines have it, and goes with the last of them. Writes of one machine are done in
  // the order of the calls; `done` gets kConflict ("verifier.stale"), and nothing happens, if the
  // machine is gone or has another generation (A14): evidence of a machine never becomes that of
  // another one of its name.
  void KeepBootEvidence(const wire::AgentId& id, const KeepBootEvidence& keep,
                        sql::Database::Completion done);
  struct KeptBoot {
    std::shared_ptr<const BootEvidence> evidence;
    Time verified{};  // when this evidence was first verified
  };
  // nullopt if there is none.
  Result<std::optional<KeptBoot>> FindBootEvidence(std::string_view agent_id);

  // --- measured-boot policies ---
  struct BootPolicy {
    std::string name;
    std::string hash;  // SHA-256 of body, hex; filled in by the store
    std::string body;  // as it was sent
  };
  // Stores the text under its name. The machines bound to the name follow it, and get new
  // generations; with kForAnotherText none if it is the text that was there.
  enum class Rebinds : std::uint8_t { kForAnotherText, kAlways };
  Result<std::vector<Rebound>> PutBootPolicy(const BootPolicy& policy, Time now,
                                             Rebinds rebinds = Rebinds::kForAnotherText);
  // nullopt if the name is unknown.
  Result<std::optional<BootPolicy>> FindBootPolicy(std::string_view name);
  // Names and hashes, without bodies.
  Result<std::vector<BootPolicy>> ListBootPolicies();
  // As RemovePolicy.
  Status RemoveBootPolicy(std::string_view name, const std::optional<PolicyLabel>& label);

  // --- failures and incidents ---
  // How many incidents of the machine are open. Called on the writer's thread, in
  // the order of the commits, so that an older count never overtakes a newer one.
  using Counted = std::move_only_function<void(Result<std::int64_t>)>;
  // Keeps the failure in full and opens an incident, if asked to or if none is open, in one
  // transaction: no failure is without one.
  void KeepFailure(const Enrolment& enrolment, const KeepFailure& failure, Counted done);
  void RecountOpenIncidents(const Enrolment& enrolment, Counted done);
  Result<std::vector<Failure>> LoadFailures(std::string_view agent_id);
  // Incidents of one machine or (nullopt) all, newest first, numbers below `before`
  // (0: from the newest), at most `limit`.
  Result<std::vector<Incident>> ListIncidents(const std::optional<std::string>& agent_id,
                                              bool open_only, std::int64_t before,
                                              std::size_t limit);
  Result<std::int64_t> CountOpenIncidents(std::string_view agent_id,
                                          std::string_view ek_fingerprint);
  // kNotFound ("verifier.unknown_incident"), kConflict ("verifier.incident_closed").
  Result<Incident> CloseIncident(std::int64_t number, Time now, std::string_view by,
                                 std::string_view note);

  sql::Database& database() { return *database_; }

 private:
  explicit Store(std::unique_ptr<sql::Database> database) : database_(std::move(database)) {}
  std::unique_ptr<sql::Database> database_;
};

}  // namespace limequat::verifier
