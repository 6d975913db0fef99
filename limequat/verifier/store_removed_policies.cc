#include <utility>

#include "limequat/base/result_macros.h"
#include "limequat/verifier/store.h"
#include "limequat/verifier/store_internal.h"

// Removed policies: who keeps one from being removed, and the labels of those that were.

namespace limequat::verifier {

namespace {

using sql::Connection;

std::string KindOf(PolicyNames names) { return names == PolicyNames::kBoot ? "boot" : "runtime"; }

}  // namespace

Result<Store::PolicyUsers> Store::FindPolicyUsers(PolicyNames names, std::string_view name) {
  const std::string users = names == PolicyNames::kBoot
                                ? "FROM machines WHERE boot_policy_name = ?"
                                : "FROM machine_layers WHERE policy_name = ?";
  PolicyUsers found;
  LQ_RETURN_IF_ERROR(database_->Read(Patience(), [&](Connection& connection) -> Status {
    found.first.clear();
    LQ_ASSIGN_OR_RETURN(
        const auto count,
        connection.Query("SELECT COUNT(DISTINCT agent_id) " + users, {std::string(name)}));
    LQ_ASSIGN_OR_RETURN(found.machines, count.at(0).Int(0));
    LQ_ASSIGN_OR_RETURN(const auto rows, connection.Query("SELECT DISTINCT agent_id " + users +
                                                              " ORDER BY agent_id LIMIT ?",
                                                          {std::string(name), kUsersNamed}));
    for (const sql::Row& row : rows) {
      LQ_ASSIGN_OR_RETURN(std::string id, row.Text(0));
      found.first.push_back(std::move(id));
    }
    return {};
  }));
  return found;
}

Status KeepLabel(Connection& connection, PolicyNames names, const std::string& name,
                 const std::optional<PolicyLabel>& label) {
  if (!label) return {};
  LQ_RETURN_IF_ERROR(connection.Execute("DELETE FROM removed_policies WHERE kind = ? AND name = ?",
                                        {KindOf(names), name}));
  LQ_RETURN_IF_ERROR(connection.Execute(
      "INSERT INTO removed_policies (kind, name, made_for, release_number) "
      "VALUES (?, ?, ?, ?)",
      {KindOf(names), name, label->made_for, static_cast<std::int64_t>(label->release)}));
  return {};
}

Result<std::optional<PolicyLabel>> Store::FindRemovedPolicy(PolicyNames names,
                                                            std::string_view name) {
  std::optional<PolicyLabel> label;
  LQ_RETURN_IF_ERROR(database_->Read(Patience(), [&](Connection& connection) -> Status {
    LQ_ASSIGN_OR_RETURN(
        const auto rows,
        connection.Query(
            "SELECT made_for, release_number FROM removed_policies WHERE kind = ? AND name = ?",
            {KindOf(names), std::string(name)}));
    if (rows.empty()) return {};
    label.emplace();
    LQ_ASSIGN_OR_RETURN(label->made_for, rows[0].Text(0));
    LQ_ASSIGN_OR_RETURN(const std::int64_t release, rows[0].Int(1));
    label->release = static_cast<std::uint64_t>(release);
    return {};
  }));
  return label;
}

}  // namespace limequat::verifier
