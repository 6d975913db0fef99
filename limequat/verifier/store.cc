#include "limequat/verifier/store.h"

#include <array>
#include <chrono>
#include <string>
#include <utility>

#include "limequat/base/result_macros.h"
#include "limequat/notify/outbox.h"
#include "limequat/verifier/store_internal.h"

namespace limequat::verifier {

using sql::Connection;
using sql::Limits;

namespace {

const sql::Migration kFirst{
    .version = 1,
    .name = "machines, policies, incidents, failures",
    .statements = {
        "CREATE TABLE policies (hash VARCHAR(64) NOT NULL PRIMARY KEY, body TEXT NOT NULL)",
        "CREATE TABLE policy_names (name VARCHAR(255) NOT NULL PRIMARY KEY, "
        "hash VARCHAR(64) NOT NULL, "
        "pushed_us BIGINT NOT NULL)",
        "CREATE TABLE machines (agent_id VARCHAR(128) NOT NULL PRIMARY KEY, "
        "generation BIGINT NOT NULL, "
        "enrolment TEXT NOT NULL, policy_name VARCHAR(255) NOT NULL, "
        "policy_hash VARCHAR(64) NOT NULL, "
        "ek_fingerprint VARCHAR(64) NOT NULL, memory TEXT NOT NULL)",
        "CREATE INDEX machines_by_policy ON machines (policy_name)",
        // Generations never repeat, also not for a machine that was removed and added again.
        "CREATE TABLE generations (one BIGINT NOT NULL PRIMARY KEY, newest BIGINT NOT NULL)",
        "INSERT INTO generations (one, newest) VALUES (1, 0)",
        "CREATE TABLE incidents (number BIGINT NOT NULL PRIMARY KEY, "
        "agent_id VARCHAR(128) NOT NULL, "
        "ek_fingerprint VARCHAR(64) NOT NULL, opened_us BIGINT NOT NULL, closed_us BIGINT, "
        "closed_by VARCHAR(255) NOT NULL, note TEXT NOT NULL, check_name VARCHAR(128) NOT NULL, "
        "detail TEXT NOT NULL, cause VARCHAR(32) NOT NULL)",
        "CREATE INDEX incidents_by_agent ON incidents (agent_id)",
        "CREATE INDEX incidents_by_ek ON incidents (ek_fingerprint)",
        "CREATE TABLE failures (agent_id VARCHAR(128) NOT NULL, number BIGINT NOT NULL, "
        "at_us BIGINT NOT NULL, "
        "document TEXT NOT NULL, PRIMARY KEY (agent_id, number))",
        notify::kOutboxTable,
    }};

const sql::Migration kPolicyVersions{
    .version = 2,
    .name = "versions of policies",
    .statements = {
        "CREATE TABLE policy_versions (name VARCHAR(255) NOT NULL, number BIGINT NOT NULL, "
        "hash VARCHAR(64) NOT NULL, pushed_us BIGINT NOT NULL, PRIMARY KEY (name, number))",
        "INSERT INTO policy_versions (name, number, hash, pushed_us) "
        "SELECT name, 1, hash, pushed_us FROM policy_names",
    }};

const sql::Migration kBootPolicies{
    .version = 3,
    .name = "measured-boot policies",
    .statements = {
        "CREATE TABLE boot_policies (name VARCHAR(255) NOT NULL PRIMARY KEY, "
        "hash VARCHAR(64) NOT NULL, "
        "body TEXT NOT NULL, pushed_us BIGINT NOT NULL)",
        "ALTER TABLE machines ADD COLUMN boot_policy_name VARCHAR(255) NOT NULL DEFAULT ''",
        "CREATE INDEX machines_by_boot_policy ON machines (boot_policy_name)",
    }};

const sql::Migration kPolicyKeys{
    .version = 4,
    .name = "keys of policies",
    .statements = {
        "CREATE TABLE policy_keys (name VARCHAR(255) NOT NULL PRIMARY KEY, key_pem TEXT NOT NULL, "
        "pinned_us BIGINT NOT NULL)",
    }};

// The name of one policy, in the row of its machine, becomes a list in a table of its own.
// The table of machines is written anew: not every database drops an indexed column.
const sql::Migration kLayers{
    .version = 5,
    .name = "layers of policies",
    .statements = {
        "CREATE TABLE machine_layers (agent_id VARCHAR(128) NOT NULL, position BIGINT NOT NULL, "
        "policy_name VARCHAR(255) NOT NULL, PRIMARY KEY (agent_id, position))",
        "CREATE INDEX machine_layers_by_policy ON machine_layers (policy_name)",
        "INSERT INTO machine_layers (agent_id, position, policy_name) "
        "SELECT agent_id, 0, policy_name FROM machines WHERE policy_name <> ''",
        "CREATE TABLE machines_with_layers (agent_id VARCHAR(128) NOT NULL PRIMARY KEY, "
        "generation BIGINT NOT NULL, enrolment TEXT NOT NULL, policy_hash VARCHAR(64) NOT NULL, "
        "ek_fingerprint VARCHAR(64) NOT NULL, memory TEXT NOT NULL, "
        "boot_policy_name VARCHAR(255) NOT NULL)",
        "INSERT INTO machines_with_layers (agent_id, generation, enrolment, policy_hash, "
        "ek_fingerprint, memory, boot_policy_name) SELECT agent_id, generation, enrolment, "
        "policy_hash, ek_fingerprint, memory, boot_policy_name FROM machines",
        "DROP TABLE machines",
        "ALTER TABLE machines_with_layers RENAME TO machines",
        "CREATE INDEX machines_by_boot_policy ON machines (boot_policy_name)",
    }};

const sql::Migration kRemovedPolicies{
    .version = 6,
    .name = "labels of removed policies",
    .statements = {
        "CREATE TABLE removed_policies (kind VARCHAR(16) NOT NULL, name VARCHAR(255) NOT NULL, "
        "made_for VARCHAR(255) NOT NULL, release_number BIGINT NOT NULL, "
        "PRIMARY KEY (kind, name))",
    }};

const sql::Migration kBootEvidence{
    .version = 7,
    .name = "evidence of boots",
    .statements = {
        "CREATE TABLE boot_logs (hash VARCHAR(64) NOT NULL PRIMARY KEY, body BLOB NOT NULL)",
        "CREATE TABLE machine_boots (agent_id VARCHAR(128) NOT NULL PRIMARY KEY, "
        "log_hash VARCHAR(64) NOT NULL, pcrs TEXT NOT NULL, verified_us BIGINT NOT NULL)",
        "CREATE INDEX machine_boots_by_log ON machine_boots (log_hash)",
    }};

const sql::Migration kLabels{
    .version = 8,
    .name = "labels of machines",
    .statements = {
        "CREATE TABLE labels (name VARCHAR(128) NOT NULL PRIMARY KEY)",
        "CREATE TABLE label_layers (label VARCHAR(128) NOT NULL, position BIGINT NOT NULL, "
        "policy_name VARCHAR(255) NOT NULL, PRIMARY KEY (label, position))",
        "CREATE INDEX label_layers_by_policy ON label_layers (policy_name)",
        "CREATE TABLE machine_labels (agent_id VARCHAR(128) NOT NULL, position BIGINT NOT NULL, "
        "label VARCHAR(128) NOT NULL, PRIMARY KEY (agent_id, position))",
        "CREATE INDEX machine_labels_by_label ON machine_labels (label)",
    }};

const std::array kMigrations = {kFirst,  kPolicyVersions,  kBootPolicies, kPolicyKeys,
                                kLayers, kRemovedPolicies, kBootEvidence, kLabels};

}  // namespace

std::span<const sql::Migration> Migrations() { return kMigrations; }

Limits Patience() {
  return {.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10), .cancelled = {}};
}

Result<std::int64_t> NextGeneration(Connection& connection) {
  LQ_ASSIGN_OR_RETURN(
      auto changed, connection.Execute("UPDATE generations SET newest = newest + 1 WHERE one = 1"));
  if (changed != 1)
    return Internal("verifier.store.generations", "the table of generations has lost its row");
  LQ_ASSIGN_OR_RETURN(auto rows, connection.Query("SELECT newest FROM generations WHERE one = 1"));
  if (rows.size() != 1)
    return Internal("verifier.store.generations", "the table of generations has lost its row");
  return rows[0].Int(0);
}

Result<Store::Rebound> Rebind(Connection& connection, std::string agent_id) {
  LQ_ASSIGN_OR_RETURN(const std::int64_t generation, NextGeneration(connection));
  LQ_ASSIGN_OR_RETURN(auto changed,
                      connection.Execute("UPDATE machines SET generation = ? WHERE agent_id = ?",
                                         {generation, agent_id}));
  if (changed == 0) return NotFound("verifier.unknown_agent", "agent id not found");
  return Store::Rebound{.agent_id = std::move(agent_id), .generation = generation};
}

Result<std::vector<Store::Rebound>> Rebind(Connection& connection,
                                           const std::vector<sql::Row>& bound) {
  std::vector<Store::Rebound> rebound;
  for (const sql::Row& row : bound) {
    LQ_ASSIGN_OR_RETURN(std::string id, row.Text(0));
    LQ_ASSIGN_OR_RETURN(Store::Rebound one, Rebind(connection, std::move(id)));
    rebound.push_back(std::move(one));
  }
  return rebound;
}

Result<std::int64_t> CountOpen(Connection& connection, std::string_view agent_id,
                               std::string_view ek) {
  // Incidents follow the EK where it is known: a machine that comes back under
  // another name brings them along (A19).
  LQ_ASSIGN_OR_RETURN(
      auto rows, connection.Query("SELECT COUNT(*) FROM incidents WHERE closed_us IS NULL AND "
                                  "(agent_id = ? OR (ek_fingerprint <> '' AND ek_fingerprint = ?))",
                                  {std::string(agent_id), std::string(ek)}));
  return rows.at(0).Int(0);
}

Result<std::unique_ptr<Store>> Store::Open(const std::string& url) {
  LQ_ASSIGN_OR_RETURN(auto database, sql::Database::Open({.url = url}, Migrations()));
  return std::unique_ptr<Store>(new Store(std::move(database)));
}

}  // namespace limequat::verifier
