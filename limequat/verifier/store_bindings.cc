#include <algorithm>
#include <cstddef>
#include <iterator>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/verifier/store.h"
#include "limequat/verifier/store_internal.h"

// The tables of what machines are bound by: their labels, and policies of their own.

namespace limequat::verifier {

namespace {

using sql::Connection;
using sql::Row;

// Machines that one query asks about.
constexpr std::size_t kBindingsAtOnce = 500;

// Calls `put` with the name in each row of `table` that is about one of `ids`, in the order of
// the machine's list.
template <class Put>
Status ReadNames(Connection& connection, std::string_view table, std::string_view column,
                 std::span<const std::string> ids, Put put) {
  std::string statement;
  sql::Parameters parameters;
  for (const std::string& id : ids) {
    statement += statement.empty() ? "?" : ", ?";
    parameters.emplace_back(id);
  }
  LQ_ASSIGN_OR_RETURN(
      const auto rows,
      connection.Query(fmt::format("SELECT agent_id, {} FROM {} WHERE agent_id IN ({}) "
                                   "ORDER BY agent_id, position",
                                   column, table, statement),
                       parameters));
  for (const Row& row : rows) {
    LQ_ASSIGN_OR_RETURN(const std::string id, row.Text(0));
    LQ_ASSIGN_OR_RETURN(std::string name, row.Text(1));
    put(id, std::move(name));
  }
  return {};
}

// The machines of `rows` (agent_id, policy_hash) with what they are bound by.
Result<std::vector<Store::Follower>> ReadFollowers(Connection& connection,
                                                   const std::vector<Row>& rows) {
  std::vector<Store::Follower> followers;
  std::vector<std::string> ids;
  for (const Row& row : rows) {
    LQ_ASSIGN_OR_RETURN(std::string id, row.Text(0));
    LQ_ASSIGN_OR_RETURN(std::string hash, row.Text(1));
    followers.push_back({.agent_id = id, .bound = {}, .policy_hash = std::move(hash)});
    ids.push_back(std::move(id));
  }
  LQ_ASSIGN_OR_RETURN(auto bindings, ReadBindings(connection, ids));
  for (Store::Follower& one : followers) one.bound = std::move(bindings[one.agent_id]);
  return followers;
}

}  // namespace

Result<BindingsByMachine> ReadBindings(Connection& connection,
                                       const std::vector<std::string>& ids) {
  BindingsByMachine bindings;
  std::span<const std::string> rest(ids);
  while (!rest.empty()) {
    const auto now = rest.first(std::min(rest.size(), kBindingsAtOnce));
    rest = rest.subspan(now.size());
    LQ_RETURN_IF_ERROR(ReadNames(connection, "machine_layers", "policy_name", now,
                                 [&](const std::string& id, std::string name) {
                                   bindings[id].policies.push_back(std::move(name));
                                 }));
    LQ_RETURN_IF_ERROR(ReadNames(connection, "machine_labels", "label", now,
                                 [&](const std::string& id, std::string name) {
                                   bindings[id].labels.push_back(std::move(name));
                                 }));
  }
  return bindings;
}

Status WriteBinding(Connection& connection, const std::string& id, const Binding& bound) {
  std::int64_t position = 0;
  for (const std::string& policy : bound.policies) {
    LQ_RETURN_IF_ERROR(connection.Execute(
        "INSERT INTO machine_layers (agent_id, position, policy_name) VALUES (?, ?, ?)",
        {id, position++, policy}));
  }
  position = 0;
  for (const std::string& label : bound.labels) {
    LQ_RETURN_IF_ERROR(connection.Execute(
        "INSERT INTO machine_labels (agent_id, position, label) VALUES (?, ?, ?)",
        {id, position++, label}));
  }
  return {};
}

Status ForgetBinding(Connection& connection, const std::string& id) {
  LQ_RETURN_IF_ERROR(connection.Execute("DELETE FROM machine_layers WHERE agent_id = ?", {id}));
  LQ_RETURN_IF_ERROR(connection.Execute("DELETE FROM machine_labels WHERE agent_id = ?", {id}));
  return {};
}

Result<std::vector<Store::Rebound>> MoveMachines(Connection& connection,
                                                 const std::vector<Store::Move>& moves) {
  std::vector<Store::Rebound> rebound;
  for (const Store::Move& move : moves) {
    LQ_RETURN_IF_ERROR(connection.Execute("UPDATE machines SET policy_hash = ? WHERE agent_id = ?",
                                          {HashText(move.policy_hash), move.agent_id}));
    LQ_ASSIGN_OR_RETURN(Store::Rebound one, Rebind(connection, move.agent_id));
    rebound.push_back(std::move(one));
  }
  return rebound;
}

Result<std::vector<Store::Follower>> Store::FindFollowers(std::string_view policy) {
  std::vector<Follower> followers;
  LQ_RETURN_IF_ERROR(database_->Read(Patience(), [&](Connection& connection) -> Status {
    LQ_ASSIGN_OR_RETURN(
        const auto rows,
        connection.Query(
            "SELECT agent_id, policy_hash FROM machines WHERE agent_id IN (SELECT agent_id FROM "
            "machine_layers WHERE policy_name = ? UNION SELECT machine_labels.agent_id FROM "
            "machine_labels JOIN label_layers ON label_layers.label = machine_labels.label WHERE "
            "label_layers.policy_name = ?) ORDER BY agent_id",
            {std::string(policy), std::string(policy)}, kMaxRebound));
    LQ_ASSIGN_OR_RETURN(followers, ReadFollowers(connection, rows));
    return {};
  }));
  return followers;
}

Result<std::vector<Store::Follower>> Store::FindCarriers(std::string_view label) {
  std::vector<Follower> carriers;
  LQ_RETURN_IF_ERROR(database_->Read(Patience(), [&](Connection& connection) -> Status {
    LQ_ASSIGN_OR_RETURN(
        const auto rows,
        connection.Query("SELECT agent_id, policy_hash FROM machines WHERE agent_id IN (SELECT "
                         "agent_id FROM machine_labels WHERE label = ?) ORDER BY agent_id",
                         {std::string(label)}, kMaxRebound));
    LQ_ASSIGN_OR_RETURN(carriers, ReadFollowers(connection, rows));
    return {};
  }));
  return carriers;
}

Result<std::optional<Binding>> Store::FindBinding(const wire::AgentId& id) {
  std::optional<Binding> bound;
  LQ_RETURN_IF_ERROR(database_->Read(Patience(), [&](Connection& connection) -> Status {
    LQ_ASSIGN_OR_RETURN(
        const auto rows,
        connection.Query("SELECT agent_id, policy_hash FROM machines WHERE agent_id = ?",
                         {id.text()}));
    LQ_ASSIGN_OR_RETURN(auto found, ReadFollowers(connection, rows));
    if (!found.empty()) bound = std::move(found.front().bound);
    return {};
  }));
  return bound;
}

Result<std::int64_t> Store::PutBinding(const Binding& bound, const Move& move) {
  std::int64_t generation = 0;
  LQ_RETURN_IF_ERROR(database_->Write(Patience(), [&](Connection& connection) -> Status {
    LQ_RETURN_IF_ERROR(ForgetBinding(connection, move.agent_id));
    LQ_RETURN_IF_ERROR(WriteBinding(connection, move.agent_id, bound));
    LQ_ASSIGN_OR_RETURN(const auto rebound, MoveMachines(connection, {move}));
    generation = rebound.front().generation;
    return {};
  }));
  return generation;
}

}  // namespace limequat::verifier
