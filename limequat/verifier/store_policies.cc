#include <utility>

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
  LQ_ASSIGN_OR_RETURN(auto inserted,
                      connection.Execute("INSERT INTO policies (hash, body) VALUES (?, ?)",
                                         {policy.hash.hex(), policy.body}));
  static_cast<void>(inserted);
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
  LQ_ASSIGN_OR_RETURN(
      auto inserted,
      connection.Execute(
          "INSERT INTO policy_versions (name, number, hash, pushed_us) VALUES (?, ?, ?, ?)",
          {policy.name, number, policy.hash.hex(), Micros(now)}));
  LQ_ASSIGN_OR_RETURN(
      auto dropped, connection.Execute("DELETE FROM policy_versions WHERE name = ? AND number <= ?",
                                       {policy.name, number - kVersionsKept}));
  static_cast<void>(inserted);
  static_cast<void>(dropped);
  return {};
}

}  // namespace

Result<std::vector<Store::Rebound>> Store::PutPolicy(const StoredPolicy& policy, Time now) {
  std::vector<Rebound> rebound;
  LQ_RETURN_IF_ERROR(database_->Write(Patience(), [&](Connection& connection) -> Status {
    LQ_RETURN_IF_ERROR(StorePolicyBody(connection, policy));
    LQ_ASSIGN_OR_RETURN(
        auto renamed,
        connection.Execute("UPDATE policy_names SET hash = ?, pushed_us = ? WHERE name = ?",
                           {policy.hash.hex(), Micros(now), policy.name}));
    if (renamed == 0) {
      LQ_ASSIGN_OR_RETURN(
          auto inserted,
          connection.Execute("INSERT INTO policy_names (name, hash, pushed_us) VALUES (?, ?, ?)",
                             {policy.name, policy.hash.hex(), Micros(now)}));
      static_cast<void>(inserted);
    }
    LQ_RETURN_IF_ERROR(AddVersion(connection, policy, now));
    LQ_ASSIGN_OR_RETURN(
        auto bound,
        connection.Query("SELECT agent_id FROM machines WHERE policy_name = ? AND policy_hash <> ?",
                         {policy.name, policy.hash.hex()}, kMaxRebound));
    LQ_ASSIGN_OR_RETURN(
        auto followed,
        connection.Execute("UPDATE machines SET policy_hash = ? WHERE policy_name = ?",
                           {policy.hash.hex(), policy.name}));
    static_cast<void>(followed);
    LQ_ASSIGN_OR_RETURN(rebound, Rebind(connection, bound));
    // Content that no version and no machine refers to is dropped.
    LQ_ASSIGN_OR_RETURN(
        auto dropped,
        connection.Execute(
            "DELETE FROM policies WHERE hash NOT IN (SELECT hash FROM policy_names) AND hash NOT "
            "IN (SELECT hash FROM policy_versions) AND hash NOT IN (SELECT policy_hash FROM "
            "machines)"));
    static_cast<void>(dropped);
    return {};
  }));
  return rebound;
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
