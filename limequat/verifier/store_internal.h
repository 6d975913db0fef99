#pragma once

// What the sources of the store share. Included by nobody else.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/sql/database.h"
#include "limequat/verifier/store.h"

namespace limequat::verifier {

inline constexpr std::int64_t kMaxInt64 = std::numeric_limits<std::int64_t>::max();

// The most machines that one change of a policy gives new generations; beyond it fails.
inline constexpr std::size_t kMaxRebound = 1'000'000;

// Every step of the schema's history.
std::span<const sql::Migration> Migrations();

// How long an administrator's request may wait for the database.
sql::Limits Patience();

inline std::int64_t Micros(Time time) { return time.time_since_epoch().count(); }
inline Time FromMicros(std::int64_t micros) { return Time(Duration(micros)); }

// The generation of the next change of a machine; unique in this database.
Result<std::int64_t> NextGeneration(sql::Connection& connection);

// Gives the machine a new generation.
Result<Store::Rebound> Rebind(sql::Connection& connection, std::string agent_id);

// Gives each machine of `bound`, rows of agent_id, a new generation: what it is bound to has
// changed.
Result<std::vector<Store::Rebound>> Rebind(sql::Connection& connection,
                                           const std::vector<sql::Row>& bound);

// The hash as it stands in the database: "" for a machine without policies.
std::string HashText(const std::optional<crypto::Digest>& hash);

// Gives each machine its policy's hash and a new generation.
Result<std::vector<Store::Rebound>> MoveMachines(sql::Connection& connection,
                                                 const std::vector<Store::Move>& moves);

// What machines are bound by, by their identifiers; one that is bound by nothing is absent.
using BindingsByMachine = std::map<std::string, Binding, std::less<>>;
Result<BindingsByMachine> ReadBindings(sql::Connection& connection,
                                       const std::vector<std::string>& ids);
Status WriteBinding(sql::Connection& connection, const std::string& id, const Binding& bound);
Status ForgetBinding(sql::Connection& connection, const std::string& id);

// Keeps the label of a policy that is being removed, in place of one that was kept before.
Status KeepLabel(sql::Connection& connection, PolicyNames names, const std::string& name,
                 const std::optional<PolicyLabel>& label);

// Forgets the evidence of the machine's boot, if there is any.
Status ForgetBootEvidence(sql::Connection& connection, const std::string& agent_id);

// How many incidents of the machine are open, under its name or its EK ("": unknown).
Result<std::int64_t> CountOpen(sql::Connection& connection, std::string_view agent_id,
                               std::string_view ek);

}  // namespace limequat::verifier
