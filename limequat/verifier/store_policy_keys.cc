#include <utility>

#include "limequat/base/result_macros.h"
#include "limequat/verifier/store.h"
#include "limequat/verifier/store_internal.h"

// The table of keys that names of policies are pinned to.

namespace limequat::verifier {

using sql::Connection;

Status Store::AddPolicyKey(std::string_view name, std::string_view key, Time now) {
  return database_->Write(Patience(), [&](Connection& connection) -> Status {
    LQ_RETURN_IF_ERROR(
        connection.Execute("INSERT INTO policy_keys (name, key_pem, pinned_us) VALUES (?, ?, ?)",
                           {std::string(name), std::string(key), Micros(now)}));
    return {};
  });
}

Status Store::ReplacePolicyKey(std::string_view name, std::string_view before, std::string_view key,
                               Time now) {
  return database_->Write(Patience(), [&](Connection& connection) -> Status {
    LQ_ASSIGN_OR_RETURN(
        const auto changed,
        connection.Execute(
            "UPDATE policy_keys SET key_pem = ?, pinned_us = ? WHERE name = ? AND key_pem = ?",
            {std::string(key), Micros(now), std::string(name), std::string(before)}));
    if (changed == 1) return {};
    return Conflict("verifier.policy_key", "the name is pinned to another key by now");
  });
}

Result<std::optional<Store::PolicyKey>> Store::FindPolicyKey(std::string_view name) {
  std::optional<PolicyKey> key;
  LQ_RETURN_IF_ERROR(database_->Read(Patience(), [&](Connection& connection) -> Status {
    LQ_ASSIGN_OR_RETURN(
        const auto rows,
        connection.Query("SELECT key_pem, pinned_us FROM policy_keys WHERE name = ?",
                         {std::string(name)}));
    if (rows.empty()) return {};
    key.emplace();
    LQ_ASSIGN_OR_RETURN(key->pem, rows[0].Text(0));
    LQ_ASSIGN_OR_RETURN(const std::int64_t pinned, rows[0].Int(1));
    key->pinned = FromMicros(pinned);
    return {};
  }));
  return key;
}

Result<Store::PolicyKeys> Store::ListPolicyKeys() {
  PolicyKeys keys;
  LQ_RETURN_IF_ERROR(database_->Read(Patience(), [&](Connection& connection) -> Status {
    keys.clear();
    LQ_ASSIGN_OR_RETURN(const auto rows,
                        connection.Query("SELECT name, key_pem FROM policy_keys", {}, 100'000));
    for (const sql::Row& row : rows) {
      LQ_ASSIGN_OR_RETURN(std::string name, row.Text(0));
      LQ_ASSIGN_OR_RETURN(keys[std::move(name)], row.Text(1));
    }
    return {};
  }));
  return keys;
}

}  // namespace limequat::verifier
