#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/verifier/store.h"
#include "limequat/verifier/store_internal.h"

// The tables of labels: named, ordered lists of policies.

namespace limequat::verifier {

namespace {

using sql::Connection;
using sql::Row;

Result<std::int64_t> CountCarriers(Connection& connection, const std::string& label) {
  LQ_ASSIGN_OR_RETURN(
      const auto rows,
      connection.Query("SELECT COUNT(*) FROM machine_labels WHERE label = ?", {label}));
  return rows.at(0).Int(0);
}

Status AddName(Connection& connection, const std::string& label) {
  LQ_ASSIGN_OR_RETURN(const auto known,
                      connection.Query("SELECT 1 FROM labels WHERE name = ?", {label}));
  if (!known.empty()) return {};
  LQ_ASSIGN_OR_RETURN(const auto rows, connection.Query("SELECT COUNT(*) FROM labels"));
  LQ_ASSIGN_OR_RETURN(const std::int64_t count, rows.at(0).Int(0));
  if (count >= kMaxLabels)
    return Unavailable("verifier.full", fmt::format("this verifier has its {} labels", kMaxLabels));
  LQ_RETURN_IF_ERROR(connection.Execute("INSERT INTO labels (name) VALUES (?)", {label}));
  return {};
}

// The labels of `rows` (name), with their policies and how many machines carry each.
Result<std::vector<MachineLabel>> ReadLabels(Connection& connection, const std::vector<Row>& rows) {
  std::vector<MachineLabel> labels;
  for (const Row& row : rows) {
    MachineLabel label;
    LQ_ASSIGN_OR_RETURN(label.name, row.Text(0));
    LQ_ASSIGN_OR_RETURN(
        const auto policies,
        connection.Query("SELECT policy_name FROM label_layers WHERE label = ? ORDER BY position",
                         {label.name}));
    for (const Row& policy : policies) {
      LQ_ASSIGN_OR_RETURN(std::string name, policy.Text(0));
      label.policies.push_back(std::move(name));
    }
    LQ_ASSIGN_OR_RETURN(label.machines, CountCarriers(connection, label.name));
    labels.push_back(std::move(label));
  }
  return labels;
}

}  // namespace

Result<std::optional<MachineLabel>> Store::FindLabel(std::string_view name) {
  std::optional<MachineLabel> found;
  LQ_RETURN_IF_ERROR(database_->Read(Patience(), [&](Connection& connection) -> Status {
    LQ_ASSIGN_OR_RETURN(const auto rows, connection.Query("SELECT name FROM labels WHERE name = ?",
                                                          {std::string(name)}));
    LQ_ASSIGN_OR_RETURN(auto labels, ReadLabels(connection, rows));
    if (!labels.empty()) found = std::move(labels.front());
    return {};
  }));
  return found;
}

Result<std::vector<MachineLabel>> Store::ListLabels() {
  std::vector<MachineLabel> labels;
  LQ_RETURN_IF_ERROR(database_->Read(Patience(), [&](Connection& connection) -> Status {
    LQ_ASSIGN_OR_RETURN(const auto rows, connection.Query("SELECT name FROM labels ORDER BY name"));
    LQ_ASSIGN_OR_RETURN(labels, ReadLabels(connection, rows));
    return {};
  }));
  return labels;
}

Result<std::vector<Store::Rebound>> Store::PutLabel(std::string_view name,
                                                    const std::vector<std::string>& policies,
                                                    const std::vector<Move>& moves) {
  const std::string label(name);
  std::vector<Rebound> rebound;
  LQ_RETURN_IF_ERROR(database_->Write(Patience(), [&](Connection& connection) -> Status {
    LQ_RETURN_IF_ERROR(AddName(connection, label));
    LQ_RETURN_IF_ERROR(connection.Execute("DELETE FROM label_layers WHERE label = ?", {label}));
    std::int64_t position = 0;
    for (const std::string& policy : policies) {
      LQ_RETURN_IF_ERROR(connection.Execute(
          "INSERT INTO label_layers (label, position, policy_name) VALUES (?, ?, ?)",
          {label, position++, policy}));
    }
    LQ_ASSIGN_OR_RETURN(rebound, MoveMachines(connection, moves));
    return {};
  }));
  return rebound;
}

Status Store::RemoveLabel(std::string_view name) {
  const std::string label(name);
  return database_->Write(Patience(), [&](Connection& connection) -> Status {
    LQ_ASSIGN_OR_RETURN(const std::int64_t machines, CountCarriers(connection, label));
    if (machines > 0) {
      return Conflict(
          "verifier.label_in_use",
          fmt::format("the label {} stays while machines carry it: {} do", label, machines));
    }
    LQ_RETURN_IF_ERROR(connection.Execute("DELETE FROM label_layers WHERE label = ?", {label}));
    LQ_ASSIGN_OR_RETURN(const auto removed,
                        connection.Execute("DELETE FROM labels WHERE name = ?", {label}));
    if (removed == 0) return NotFound("verifier.unknown_label", "there is no label of this name");
    return {};
  });
}

}  // namespace limequat::verifier
