#include "limequat/base/result_macros.h"
#include "limequat/verifier/store.h"
#include "limequat/verifier/store_internal.h"

// The table of the labels of policies that were removed.

namespace limequat::verifier {

namespace {

using sql::Connection;

std::string KindOf(PolicyNames names) { return names == PolicyNames::kBoot ? "boot" : "runtime"; }

}  // namespace

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
