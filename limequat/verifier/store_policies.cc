#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/verifier/store.h"
#include "limequat/verifier/store_internal.h"

// The tables of policies: contents by hash, and the names that point at them.

namespace limequat::verifier {

namespace {

using sql::Connection;
using sql::Row;

Status StorePolicyBody(Connection& connection, const StoredPolicy& policy) {
  LQ_ASSIGN_OR_RETURN(
      auto known, connection.Query("SELECT 1 FROM policies WHERE hash = ?", {policy.hash.hex()}));
  if (!known.empty()) return {};
  LQ_RETURN_IF_ERROR(connection.Execute("INSERT INTO policies (hash, body) VALUES (?, ?)",
                                        {policy.hash.hex(), policy.body}));
  return {};
}

// The name points at `policy` from now on. The versions that are too old go.
Status AddVersion(Connection& connection, const StoredPolicy& policy, Time now) {
  LQ_ASSIGN_OR_RETURN(auto newest,
                      connection.Query("SELECT number, hash FROM policy_versions WHERE name = ? "
                                       "ORDER BY number DESC LIMIT 1",
                                       {policy.name}));
  std::int64_t number = 1;
  if (!newest.empty()) {
    LQ_ASSIGN_OR_RETURN(const std::string hash, newest[0].Text(1));
    if (hash == policy.hash.hex()) return {};
    LQ_ASSIGN_OR_RETURN(number, newest[0].Int(0));
    ++number;
  }
  LQ_RETURN_IF_ERROR(connection.Execute(
      "INSERT INTO policy_versions (name, number, hash, pushed_us) VALUES (?, ?, ?, ?)",
      {policy.name, number, policy.hash.hex(), Micros(now)}));
  LQ_RETURN_IF_ERROR(
      connection.Execute("DELETE FROM policy_versions WHERE name = ? AND number <= ?",
                         {policy.name, number - kVersionsKept}));
  return {};
}

// Content that no version refers to is dropped.
Status DropUnused(Connection& connection) {
  LQ_RETURN_IF_ERROR(connection.Execute(
      "DELETE FROM policies WHERE hash NOT IN (SELECT hash FROM policy_names) AND hash NOT "
      "IN (SELECT hash FROM policy_versions)"));
  return {};
}

// A policy that machines are bound by, or a label names, stays.
Status CheckUnused(Connection& connection, const std::string& policy) {
  const auto refused = [](std::string_view by) {
    return Conflict("verifier.policy_in_use",
                    fmt::format("Can't delete allowlist as it's currently in use by {}", by));
  };
  LQ_ASSIGN_OR_RETURN(
      const auto machines,
      connection.Query("SELECT agent_id FROM machine_layers WHERE policy_name = ? LIMIT 1",
                       {policy}));
  if (!machines.empty()) {
    LQ_ASSIGN_OR_RETURN(const std::string id, machines[0].Text(0));
    return refused("agent " + id);
  }
  LQ_ASSIGN_OR_RETURN(
      const auto labels,
      connection.Query(
          "SELECT label FROM label_layers WHERE policy_name = ? ORDER BY label LIMIT 1", {policy}));
  if (!labels.empty()) {
    LQ_ASSIGN_OR_RETURN(const std::string label, labels[0].Text(0));
    return refused("label " + label);
  }
  return {};
}

}  // namespace

Result<std::vector<Store::Rebound>> Store::PutPolicy(const StoredPolicy& policy,
                                                     const std::vector<Move>& moves, Time now) {
  std::vector<Rebound> rebound;
  LQ_RETURN_IF_ERROR(database_->Write(Patience(), [&](Connection& connection) -> Status {
    LQ_RETURN_IF_ERROR(StorePolicyBody(connection, policy));
    LQ_ASSIGN_OR_RETURN(
        auto renamed,
        connection.Execute("UPDATE policy_names SET hash = ?, pushed_us = ? WHERE name = ?",
                           {policy.hash.hex(), Micros(now), policy.name}));
    if (renamed == 0) {
      LQ_RETURN_IF_ERROR(
          connection.Execute("INSERT INTO policy_names (name, hash, pushed_us) VALUES (?, ?, ?)",
                             {policy.name, policy.hash.hex(), Micros(now)}));
    }
    LQ_RETURN_IF_ERROR(AddVersion(connection, policy, now));
    LQ_ASSIGN_OR_RETURN(rebound, MoveMachines(connection, moves));
    return DropUnused(connection);
  }));
  return rebound;
}

Status Store::RemovePolicy(std::string_view name, const std::optional<PolicyLabel>& label) {
  return database_->Write(Patience(), [&](Connection& connection) -> Status {
    const std::string text(name);
    LQ_RETURN_IF_ERROR(CheckUnused(connection, text));
    LQ_ASSIGN_OR_RETURN(auto removed,
                        connection.Execute("DELETE FROM policy_names WHERE name = ?", {text}));
    if (removed == 0) return NotFound("verifier.unknown_policy", "no policy has this name");
    LQ_RETURN_IF_ERROR(connection.Execute("DELETE FROM policy_versions WHERE name = ?", {text}));
    LQ_RETURN_IF_ERROR(KeepLabel(connection, PolicyNames::kRuntime, text, label));
    return DropUnused(connection);
  });
}

Result<std::optional<StoredPolicy>> Store::FindPolicy(std::string_view name) {
  std::optional<StoredPolicy> found;
  LQ_RETURN_IF_ERROR(database_->Read(Patience(), [&](Connection& connection) -> Status {
    LQ_ASSIGN_OR_RETURN(
        auto rows,
        connection.Query("SELECT policies.hash, policies.body FROM policy_names JOIN policies ON "
                         "policies.hash = policy_names.hash WHERE policy_names.name = ?",
                         {std::string(name)}));
    if (rows.empty()) return {};
    LQ_ASSIGN_OR_RETURN(std::string hash, rows[0].Text(0));
    LQ_ASSIGN_OR_RETURN(std::string body, rows[0].Text(1));
    LQ_ASSIGN_OR_RETURN(crypto::Digest digest,
                        crypto::Digest::FromHex(crypto::HashAlgorithm::kSha256, hash));
    found = StoredPolicy{.name = std::string(name), .hash = digest, .body = std::move(body)};
    return {};
  }));
  return found;
}

Result<std::optional<StoredPolicy>> Store::FindPolicyByHash(const crypto::Digest& hash) {
  std::optional<StoredPolicy> found;
  LQ_RETURN_IF_ERROR(database_->Read(Patience(), [&](Connection& connection) -> Status {
    LQ_ASSIGN_OR_RETURN(auto rows,
                        connection.Query("SELECT body FROM policies WHERE hash = ?", {hash.hex()}));
    if (rows.empty()) return {};
    LQ_ASSIGN_OR_RETURN(std::string body, rows[0].Text(0));
    found = StoredPolicy{.name = {}, .hash = hash, .body = std::move(body)};
    return {};
  }));
  return found;
}

Result<std::vector<StoredPolicy>> Store::ListPolicies() {
  std::vector<StoredPolicy> policies;
  LQ_RETURN_IF_ERROR(database_->Read(Patience(), [&](Connection& connection) -> Status {
    LQ_ASSIGN_OR_RETURN(
        auto rows,
        connection.Query("SELECT name, hash FROM policy_names ORDER BY name", {}, 100'000));
    for (const Row& row : rows) {
      LQ_ASSIGN_OR_RETURN(std::string name, row.Text(0));
      LQ_ASSIGN_OR_RETURN(std::string hash, row.Text(1));
      LQ_ASSIGN_OR_RETURN(crypto::Digest digest,
                          crypto::Digest::FromHex(crypto::HashAlgorithm::kSha256, hash));
      policies.push_back({.name = std::move(name), .hash = digest, .body = {}});
    }
    return {};
  }));
  return policies;
}

Result<std::vector<PolicyVersion>> Store::ListPolicyVersions(std::string_view name) {
  std::vector<PolicyVersion> versions;
  LQ_RETURN_IF_ERROR(database_->Read(Patience(), [&](Connection& connection) -> Status {
    LQ_ASSIGN_OR_RETURN(auto rows,
                        connection.Query("SELECT number, hash, pushed_us FROM policy_versions "
                                         "WHERE name = ? ORDER BY number DESC",
                                         {std::string(name)}));
    for (const Row& row : rows) {
      LQ_ASSIGN_OR_RETURN(const std::int64_t number, row.Int(0));
      LQ_ASSIGN_OR_RETURN(const std::string hash, row.Text(1));
      LQ_ASSIGN_OR_RETURN(const crypto::Digest digest,
                          crypto::Digest::FromHex(crypto::HashAlgorithm::kSha256, hash));
      LQ_ASSIGN_OR_RETURN(const std::int64_t pushed, row.Int(2));
      versions.push_back({.number = number, .hash = digest, .pushed = FromMicros(pushed)});
    }
    return {};
  }));
  return versions;
}

Result<std::optional<StoredPolicy>> Store::FindPolicyVersion(std::string_view name,
                                                             std::int64_t number) {
  LQ_ASSIGN_OR_RETURN(const auto versions, ListPolicyVersions(name));
  for (const PolicyVersion& version : versions) {
    if (version.number == number) return FindPolicyByHash(version.hash);
  }
  return std::optional<StoredPolicy>();
}

}  // namespace limequat::verifier
