#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/verifier/store.h"
#include "limequat/verifier/store_internal.h"

// The table of measured-boot policies: reference states by name.

namespace limequat::verifier {

namespace {

using sql::Connection;
using sql::Row;

Status WriteBody(Connection& connection, const Store::BootPolicy& policy, const std::string& hash,
                 Time now) {
  LQ_ASSIGN_OR_RETURN(
      auto changed, connection.Execute(
                        "UPDATE boot_policies SET hash = ?, body = ?, pushed_us = ? WHERE name = ?",
                        {hash, policy.body, Micros(now), policy.name}));
  if (changed > 0) return {};
  LQ_RETURN_IF_ERROR(connection.Execute(
      "INSERT INTO boot_policies (name, hash, body, pushed_us) VALUES (?, ?, ?, ?)",
      {policy.name, hash, policy.body, Micros(now)}));
  return {};
}

}  // namespace

Result<std::vector<Store::Rebound>> Store::PutBootPolicy(const BootPolicy& policy, Time now,
                                                         Rebinds rebinds) {
  const std::string hash = crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(policy.body)).hex();
  std::vector<Rebound> rebound;
  LQ_RETURN_IF_ERROR(database_->Write(Patience(), [&](Connection& connection) -> Status {
    rebound.clear();
    LQ_ASSIGN_OR_RETURN(auto same,
                        connection.Query("SELECT 1 FROM boot_policies WHERE name = ? AND hash = ?",
                                         {policy.name, hash}));
    if (same.empty()) {
      LQ_RETURN_IF_ERROR(WriteBody(connection, policy, hash, now));
    } else if (rebinds == Rebinds::kForAnotherText) {
      return {};
    }
    LQ_ASSIGN_OR_RETURN(auto bound,
                        connection.Query("SELECT agent_id FROM machines WHERE boot_policy_name = ?",
                                         {policy.name}, kMaxRebound));
    LQ_ASSIGN_OR_RETURN(rebound, Rebind(connection, bound));
    return {};
  }));
  return rebound;
}

Result<std::optional<Store::BootPolicy>> Store::FindBootPolicy(std::string_view name) {
  std::optional<BootPolicy> found;
  LQ_RETURN_IF_ERROR(database_->Read(Patience(), [&](Connection& connection) -> Status {
    LQ_ASSIGN_OR_RETURN(auto rows,
                        connection.Query("SELECT hash, body FROM boot_policies WHERE name = ?",
                                         {std::string(name)}));
    if (rows.empty()) return {};
    found = BootPolicy{.name = std::string(name), .hash = {}, .body = {}};
    LQ_ASSIGN_OR_RETURN(found->hash, rows[0].Text(0));
    LQ_ASSIGN_OR_RETURN(found->body, rows[0].Text(1));
    return {};
  }));
  return found;
}

Result<std::vector<Store::BootPolicy>> Store::ListBootPolicies() {
  std::vector<BootPolicy> policies;
  LQ_RETURN_IF_ERROR(database_->Read(Patience(), [&](Connection& connection) -> Status {
    LQ_ASSIGN_OR_RETURN(
        auto rows,
        connection.Query("SELECT name, hash FROM boot_policies ORDER BY name", {}, 100'000));
    for (const Row& row : rows) {
      BootPolicy policy;
      LQ_ASSIGN_OR_RETURN(policy.name, row.Text(0));
      LQ_ASSIGN_OR_RETURN(policy.hash, row.Text(1));
      policies.push_back(std::move(policy));
    }
    return {};
  }));
  return policies;
}

Status Store::RemoveBootPolicy(std::string_view name, const std::optional<PolicyLabel>& label) {
  return database_->Write(Patience(), [&](Connection& connection) -> Status {
    LQ_ASSIGN_OR_RETURN(
        auto users,
        connection.Query("SELECT agent_id FROM machines WHERE boot_policy_name = ? LIMIT 1",
                         {std::string(name)}));
    if (!users.empty()) {
      LQ_ASSIGN_OR_RETURN(const std::string user, users[0].Text(0));
      return Conflict(
          "verifier.policy_in_use",
          fmt::format("Can't delete mb_policy as it's currently in use by agent {}", user));
    }
    LQ_ASSIGN_OR_RETURN(auto removed, connection.Execute("DELETE FROM boot_policies WHERE name = ?",
                                                         {std::string(name)}));
    if (removed == 0) {
      return NotFound("verifier.unknown_policy", "no measured-boot policy has this name");
    }
    return KeepLabel(connection, PolicyNames::kBoot, std::string(name), label);
  });
}

}  // namespace limequat::verifier
