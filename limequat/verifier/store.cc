#include "limequat/verifier/store.h"

#include <array>
#include <chrono>
#include <limits>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "limequat/appraise/appraisal.h"
#include "limequat/base/result_macros.h"
#include "limequat/json/reader.h"
#include "limequat/json/value.h"
#include "limequat/notify/outbox.h"

namespace limequat::verifier {

namespace {

using sql::Connection;
using sql::Limits;
using sql::Parameters;
using sql::Row;

// How long an administrator's request may wait for the database.
Limits Patience() {
  return {.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10), .cancelled = {}};
}

const std::array kMigrations = {sql::Migration{
    .version = 1,
    .name = "machines, policies, incidents, failures",
    .statements = {
        "CREATE TABLE policies (hash VARCHAR(64) NOT NULL PRIMARY KEY, body TEXT NOT NULL)",
        "CREATE TABLE policy_names (name VARCHAR(255) NOT NULL PRIMARY KEY, hash VARCHAR(64) NOT "
        "NULL, "
        "pushed_us BIGINT NOT NULL)",
        "CREATE TABLE machines (agent_id VARCHAR(128) NOT NULL PRIMARY KEY, generation BIGINT NOT "
        "NULL, "
        "enrolment TEXT NOT NULL, policy_name VARCHAR(255) NOT NULL, policy_hash VARCHAR(64) NOT "
        "NULL, "
        "ek_fingerprint VARCHAR(64) NOT NULL, memory TEXT NOT NULL)",
        "CREATE INDEX machines_by_policy ON machines (policy_name)",
        // Generations never repeat, also not for a machine that was removed and added again.
        "CREATE TABLE generations (one BIGINT NOT NULL PRIMARY KEY, newest BIGINT NOT NULL)",
        "INSERT INTO generations (one, newest) VALUES (1, 0)",
        "CREATE TABLE incidents (number BIGINT NOT NULL PRIMARY KEY, agent_id VARCHAR(128) NOT "
        "NULL, "
        "ek_fingerprint VARCHAR(64) NOT NULL, opened_us BIGINT NOT NULL, closed_us BIGINT, "
        "closed_by VARCHAR(255) NOT NULL, note TEXT NOT NULL, check_name VARCHAR(128) NOT NULL, "
        "detail TEXT NOT NULL, cause VARCHAR(32) NOT NULL)",
        "CREATE INDEX incidents_by_agent ON incidents (agent_id)",
        "CREATE INDEX incidents_by_ek ON incidents (ek_fingerprint)",
        "CREATE TABLE failures (agent_id VARCHAR(128) NOT NULL, number BIGINT NOT NULL, at_us "
        "BIGINT NOT NULL, "
        "document TEXT NOT NULL, PRIMARY KEY (agent_id, number))",
        notify::kOutboxTable,
    }}};

std::int64_t Micros(Time time) { return time.time_since_epoch().count(); }
Time FromMicros(std::int64_t micros) { return Time(Duration(micros)); }

std::string HashText(const std::optional<crypto::Digest>& hash) {
  return hash ? hash->hex() : std::string();
}

Result<std::optional<crypto::Digest>> ParseHash(const std::string& text) {
  if (text.empty()) return std::optional<crypto::Digest>();
  LQ_ASSIGN_OR_RETURN(crypto::Digest digest,
                      crypto::Digest::FromHex(crypto::HashAlgorithm::kSha256, text));
  return std::optional(digest);
}

// --- Memory as a document ---

std::string WriteMemory(const Memory& memory) {
  json::Object document;
  document.Set("boots", memory.boots);
  if (memory.bank) document.Set("bank", crypto::HashName(*memory.bank));
  if (memory.baseline) {
    document.Set("baseline", memory.baseline->pcrs.ToJson());
    document.Set("baseline_approved", memory.baseline->approved);
  }
  if (memory.boot) {
    const BootRecord& boot = *memory.boot;
    document.Set("boot", json::Object{{"reset_count", boot.reset_count},
                                      {"restart_count", boot.restart_count},
                                      {"entries", boot.entries},
                                      {"bank", crypto::HashName(boot.pcr10.algorithm())},
                                      {"pcr10", boot.pcr10.hex()},
                                      {"zero_padded",
                                       boot.template_digests == ima::TemplateDigests::kZeroPadded},
                                      {"clock", boot.clock}});
  }
  return json::Serialize(document);
}

constexpr std::int64_t kMaxInt64 = std::numeric_limits<std::int64_t>::max();

Result<BootRecord> ReadBoot(const json::Value& value) {
  json::ObjectReader in(value, "boot");
  const auto reset_count = static_cast<std::uint32_t>(in.Int("reset_count", 0, 0xffffffff));
  const auto restart_count = static_cast<std::uint32_t>(in.Int("restart_count", 0, 0xffffffff));
  const auto entries = static_cast<std::uint64_t>(in.Int("entries", 0, kMaxInt64));
  const std::string bank = in.String("bank");
  const std::string pcr10 = in.String("pcr10");
  const bool padded = in.Bool("zero_padded");
  const auto clock = static_cast<std::uint64_t>(in.Int("clock", 0, kMaxInt64));
  LQ_RETURN_IF_ERROR(in.status());
  const auto algorithm = crypto::HashFromName(bank);
  if (!algorithm) return Malformed("verifier.store.bank", "the database names an unknown bank");
  LQ_ASSIGN_OR_RETURN(crypto::Digest digest, crypto::Digest::FromHex(*algorithm, pcr10));
  return BootRecord{.reset_count = reset_count,
                    .restart_count = restart_count,
                    .entries = entries,
                    .pcr10 = digest,
                    .template_digests =
                        padded ? ima::TemplateDigests::kZeroPadded : ima::TemplateDigests::kNative,
                    .clock = clock};
}

Result<Memory> ReadMemory(std::string_view text) {
  LQ_ASSIGN_OR_RETURN(json::Value document, json::Parse(text));
  json::ObjectReader in(document, "memory");
  Memory memory;
  memory.boots = in.Int("boots", 0, kMaxInt64);
  const auto bank = in.OptionalString("bank");
  const auto approved = in.OptionalBool("baseline_approved");
  LQ_RETURN_IF_ERROR(in.status());
  if (bank) {
    memory.bank = crypto::HashFromName(*bank);
    if (!memory.bank) return Malformed("verifier.store.bank", "the database names an unknown bank");
  }
  if (const json::Value* baseline = in.Any("baseline")) {
    LQ_ASSIGN_OR_RETURN(tpm::PcrValues pcrs, tpm::PcrValues::FromJson(*baseline));
    memory.baseline =
        appraise::BootBaseline{.pcrs = std::move(pcrs), .approved = approved.value_or(false)};
  }
  if (const json::Value* boot = in.Any("boot")) {
    LQ_ASSIGN_OR_RETURN(memory.boot, ReadBoot(*boot));
  }
  return memory;
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

// Hands a count on when the transaction that made it is durable.
sql::Database::Completion Deliver(std::shared_ptr<std::int64_t> open, Store::Counted done) {
  return [open = std::move(open), done = std::move(done)](Status status) mutable {
    if (status) {
      done(*open);
    } else {
      done(std::move(status).error());
    }
  };
}

Result<StoredMachine> ReadMachine(const Row& row) {
  LQ_ASSIGN_OR_RETURN(std::string id_text, row.Text(0));
  LQ_ASSIGN_OR_RETURN(wire::AgentId id, wire::AgentId::Parse(id_text));
  LQ_ASSIGN_OR_RETURN(std::int64_t generation, row.Int(1));
  LQ_ASSIGN_OR_RETURN(std::string document, row.Text(2));
  LQ_ASSIGN_OR_RETURN(std::string policy_name, row.Text(3));
  LQ_ASSIGN_OR_RETURN(std::string hash_text, row.Text(4));
  LQ_ASSIGN_OR_RETURN(std::string memory_text, row.Text(5));
  LQ_ASSIGN_OR_RETURN(Enrolment enrolment, FromStoreForm(id, generation, document));
  LQ_ASSIGN_OR_RETURN(auto hash, ParseHash(hash_text));
  LQ_ASSIGN_OR_RETURN(Memory memory, ReadMemory(memory_text));
  enrolment.policy_name = std::move(policy_name);
  return StoredMachine{
      .enrolment = std::move(enrolment), .policy_hash = hash, .memory = std::move(memory)};
}

Result<Incident> ReadIncident(const Row& row) {
  Incident incident;
  LQ_ASSIGN_OR_RETURN(incident.number, row.Int(0));
  LQ_ASSIGN_OR_RETURN(incident.agent_id, row.Text(1));
  LQ_ASSIGN_OR_RETURN(incident.ek_fingerprint, row.Text(2));
  LQ_ASSIGN_OR_RETURN(std::int64_t opened, row.Int(3));
  LQ_ASSIGN_OR_RETURN(auto closed, row.OptionalInt(4));
  LQ_ASSIGN_OR_RETURN(incident.closed_by, row.Text(5));
  LQ_ASSIGN_OR_RETURN(incident.note, row.Text(6));
  LQ_ASSIGN_OR_RETURN(incident.check, row.Text(7));
  LQ_ASSIGN_OR_RETURN(incident.detail, row.Text(8));
  LQ_ASSIGN_OR_RETURN(incident.cause, row.Text(9));
  incident.opened = FromMicros(opened);
  if (closed) incident.closed = FromMicros(*closed);
  return incident;
}

constexpr std::string_view kIncidentColumns =
    "number, agent_id, ek_fingerprint, opened_us, closed_us, closed_by, note, check_name, detail, "
    "cause";

Status InsertFailure(Connection& connection, const std::string& agent_id,
                     const appraise::Appraisal& appraisal) {
  LQ_ASSIGN_OR_RETURN(
      auto rows,
      connection.Query("SELECT COALESCE(MAX(number), 0) FROM failures WHERE agent_id = ?",
                       {agent_id}));
  LQ_ASSIGN_OR_RETURN(std::int64_t newest, rows.at(0).Int(0));
  LQ_ASSIGN_OR_RETURN(
      auto inserted,
      connection.Execute(
          "INSERT INTO failures (agent_id, number, at_us, document) VALUES (?, ?, ?, ?)",
          {agent_id, newest + 1, Micros(appraisal.evaluated_at),
           json::Serialize(appraise::ToJson(appraisal))}));
  static_cast<void>(inserted);
  LQ_ASSIGN_OR_RETURN(auto removed,
                      connection.Execute("DELETE FROM failures WHERE agent_id = ? AND number <= ?",
                                         {agent_id, newest + 1 - kFailuresKept}));
  static_cast<void>(removed);
  return {};
}

Status OpenIncident(Connection& connection, const std::string& agent_id, const std::string& ek,
                    const appraise::Appraisal& appraisal) {
  Finding first;
  for (const Finding& finding : appraisal.findings) {
    if (finding.passed()) continue;
    first = finding;
    break;
  }
  LQ_ASSIGN_OR_RETURN(auto rows,
                      connection.Query("SELECT COALESCE(MAX(number), 0) FROM incidents"));
  LQ_ASSIGN_OR_RETURN(std::int64_t newest, rows.at(0).Int(0));
  LQ_ASSIGN_OR_RETURN(
      auto inserted,
      connection.Execute(
          "INSERT INTO incidents (number, agent_id, ek_fingerprint, opened_us, closed_us, "
          "closed_by, "
          "note, check_name, detail, cause) VALUES (?, ?, ?, ?, NULL, '', '', ?, ?, ?)",
          {newest + 1, agent_id, ek, Micros(appraisal.evaluated_at), first.check, first.detail,
           std::string(CauseName(first.cause))}));
  static_cast<void>(inserted);
  return {};
}

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

}  // namespace

Result<std::unique_ptr<Store>> Store::Open(const std::string& url) {
  LQ_ASSIGN_OR_RETURN(auto database, sql::Database::Open({.url = url}, kMigrations));
  return std::unique_ptr<Store>(new Store(std::move(database)));
}

Result<Store::Loaded> Store::LoadMachines() {
  // Read page by page: 10,000 machines must not be one result.
  constexpr std::size_t kPage = 500;
  Loaded loaded;
  std::string last;
  for (bool more = true; more;) {
    LQ_RETURN_IF_ERROR(database_->Read({}, [&](Connection& connection) -> Status {
      LQ_ASSIGN_OR_RETURN(
          auto rows, connection.Query(
                         "SELECT agent_id, generation, enrolment, policy_name, policy_hash, memory "
                         "FROM machines WHERE agent_id > ? ORDER BY agent_id LIMIT 500",
                         {last}));
      more = rows.size() == kPage;
      for (const Row& row : rows) {
        LQ_ASSIGN_OR_RETURN(last, row.Text(0));
        auto machine = ReadMachine(row);
        if (!machine) {
          loaded.unreadable.emplace_back(last, std::move(machine).error());
          continue;
        }
        LQ_ASSIGN_OR_RETURN(machine->memory.open_incidents,
                            CountOpen(connection, last, machine->enrolment.ek_fingerprint));
        loaded.machines.push_back(*std::move(machine));
      }
      return {};
    }));
  }
  return loaded;
}

Result<std::int64_t> Store::PutMachine(const Enrolment& enrolment,
                                       const std::optional<crypto::Digest>& policy, bool replace) {
  std::int64_t generation = 0;
  const std::string id = enrolment.id.text();
  LQ_RETURN_IF_ERROR(database_->Write(Patience(), [&](Connection& connection) -> Status {
    LQ_ASSIGN_OR_RETURN(auto known,
                        connection.Query("SELECT 1 FROM machines WHERE agent_id = ?", {id}));
    if (!known.empty()) {
      if (!replace)
        return Conflict(
            "verifier.enrolled",
            fmt::format("Agent of uuid {} already exists. Please use delete or update.", id));
      LQ_ASSIGN_OR_RETURN(auto removed,
                          connection.Execute("DELETE FROM machines WHERE agent_id = ?", {id}));
      static_cast<void>(removed);
    }
    LQ_ASSIGN_OR_RETURN(generation, NextGeneration(connection));
    LQ_ASSIGN_OR_RETURN(
        auto inserted,
        connection.Execute(
            "INSERT INTO machines (agent_id, generation, enrolment, policy_name, policy_hash, "
            "ek_fingerprint, memory) VALUES (?, ?, ?, ?, ?, ?, ?)",
            {id, generation, StoreForm(enrolment), enrolment.policy_name, HashText(policy),
             enrolment.ek_fingerprint, WriteMemory({})}));
    static_cast<void>(inserted);
    return {};
  }));
  return generation;
}

Status Store::RemoveMachine(const wire::AgentId& id) {
  return database_->Write(Patience(), [&](Connection& connection) -> Status {
    LQ_ASSIGN_OR_RETURN(auto removed,
                        connection.Execute("DELETE FROM machines WHERE agent_id = ?", {id.text()}));
    if (removed == 0) return NotFound("verifier.unknown_agent", "agent id not found");
    // A policy that only this machine had, under its own name, goes with it, as Keylime does.
    LQ_ASSIGN_OR_RETURN(
        auto users,
        connection.Query("SELECT 1 FROM machines WHERE policy_name = ? LIMIT 1", {id.text()}));
    if (!users.empty()) return {};
    LQ_ASSIGN_OR_RETURN(auto names,
                        connection.Execute("DELETE FROM policy_names WHERE name = ?", {id.text()}));
    static_cast<void>(names);
    return {};
  });
}

void Store::Remember(const wire::AgentId& id, const verifier::Remember& remember,
                     sql::Database::Completion done) {
  const bool policed = !remember.policy_hash.IsZero();
  database_->WriteAsync(
      {},
      [id = id.text(), generation = remember.generation,
       hash = policed ? remember.policy_hash.hex() : std::string(),
       memory = WriteMemory(remember.memory)](Connection& connection) -> Status {
        LQ_ASSIGN_OR_RETURN(auto changed,
                            connection.Execute("UPDATE machines SET memory = ? WHERE agent_id = ? "
                                               "AND generation = ? AND policy_hash = ?",
                                               {memory, id, generation, hash}));
        if (changed == 0)
          return Conflict("verifier.stale", "the machine was enrolled anew or has another policy");
        return {};
      },
      std::move(done));
}

Result<std::vector<Store::Rebound>> Store::PutPolicy(const StoredPolicy& policy, Time now) {
  std::vector<Rebound> rebound;
  LQ_RETURN_IF_ERROR(database_->Write(Patience(), [&](Connection& connection) -> Status {
    rebound.clear();
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
    LQ_ASSIGN_OR_RETURN(
        auto bound,
        connection.Query("SELECT agent_id FROM machines WHERE policy_name = ? AND policy_hash <> ?",
                         {policy.name, policy.hash.hex()}, 1'000'000));
    for (const Row& row : bound) {
      LQ_ASSIGN_OR_RETURN(std::string id, row.Text(0));
      LQ_ASSIGN_OR_RETURN(std::int64_t generation, NextGeneration(connection));
      LQ_ASSIGN_OR_RETURN(
          auto changed,
          connection.Execute(
              "UPDATE machines SET policy_hash = ?, generation = ? WHERE agent_id = ?",
              {policy.hash.hex(), generation, id}));
      static_cast<void>(changed);
      rebound.push_back({.agent_id = std::move(id), .generation = generation});
    }
    // Content that no name and no machine refers to is dropped.
    LQ_ASSIGN_OR_RETURN(
        auto dropped,
        connection.Execute(
            "DELETE FROM policies WHERE hash NOT IN (SELECT hash FROM policy_names) AND "
            "hash NOT IN (SELECT policy_hash FROM machines)"));
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

void Store::KeepFailure(const Enrolment& enrolment, const verifier::KeepFailure& failure,
                        Counted done) {
  auto open = std::make_shared<std::int64_t>(0);
  database_->WriteAsync(
      {},
      [id = enrolment.id.text(), ek = enrolment.ek_fingerprint, appraisal = failure.appraisal,
       opens = failure.opens_incident, open](Connection& connection) -> Status {
        LQ_RETURN_IF_ERROR(InsertFailure(connection, id, *appraisal));
        if (opens) LQ_RETURN_IF_ERROR(OpenIncident(connection, id, ek, *appraisal));
        LQ_ASSIGN_OR_RETURN(*open, CountOpen(connection, id, ek));
        return {};
      },
      Deliver(open, std::move(done)));
}

void Store::RecountOpenIncidents(const Enrolment& enrolment, Counted done) {
  auto open = std::make_shared<std::int64_t>(0);
  database_->WriteAsync(
      {},
      [id = enrolment.id.text(), ek = enrolment.ek_fingerprint,
       open](Connection& connection) -> Status {
        LQ_ASSIGN_OR_RETURN(*open, CountOpen(connection, id, ek));
        return {};
      },
      Deliver(open, std::move(done)));
}

Result<std::vector<Failure>> Store::LoadFailures(std::string_view agent_id) {
  std::vector<Failure> failures;
  LQ_RETURN_IF_ERROR(database_->Read(Patience(), [&](Connection& connection) -> Status {
    LQ_ASSIGN_OR_RETURN(
        auto rows,
        connection.Query(
            "SELECT at_us, document FROM failures WHERE agent_id = ? ORDER BY number DESC",
            {std::string(agent_id)}));
    for (const Row& row : rows) {
      LQ_ASSIGN_OR_RETURN(std::int64_t at, row.Int(0));
      LQ_ASSIGN_OR_RETURN(std::string document, row.Text(1));
      failures.push_back({.at = FromMicros(at), .document = std::move(document)});
    }
    return {};
  }));
  return failures;
}

Result<std::vector<Incident>> Store::ListIncidents(const std::optional<std::string>& agent_id,
                                                   bool open_only, std::int64_t before,
                                                   std::size_t limit) {
  std::vector<Incident> incidents;
  LQ_RETURN_IF_ERROR(database_->Read(Patience(), [&](Connection& connection) -> Status {
    std::string statement =
        fmt::format("SELECT {} FROM incidents WHERE number < ?", kIncidentColumns);
    Parameters parameters{before > 0 ? before : kMaxInt64};
    if (agent_id) {
      statement += " AND agent_id = ?";
      parameters.emplace_back(*agent_id);
    }
    if (open_only) statement += " AND closed_us IS NULL";
    statement += " ORDER BY number DESC LIMIT ?";
    parameters.emplace_back(static_cast<std::int64_t>(limit));
    LQ_ASSIGN_OR_RETURN(auto rows, connection.Query(statement, parameters));
    for (const Row& row : rows) {
      LQ_ASSIGN_OR_RETURN(Incident incident, ReadIncident(row));
      incidents.push_back(std::move(incident));
    }
    return {};
  }));
  return incidents;
}

Result<std::int64_t> Store::CountOpenIncidents(std::string_view agent_id,
                                               std::string_view ek_fingerprint) {
  std::int64_t open = 0;
  LQ_RETURN_IF_ERROR(database_->Read(Patience(), [&](Connection& connection) -> Status {
    LQ_ASSIGN_OR_RETURN(open, CountOpen(connection, agent_id, ek_fingerprint));
    return {};
  }));
  return open;
}

Result<Incident> Store::CloseIncident(std::int64_t number, Time now, std::string_view by,
                                      std::string_view note) {
  Incident incident;
  LQ_RETURN_IF_ERROR(database_->Write(Patience(), [&](Connection& connection) -> Status {
    LQ_ASSIGN_OR_RETURN(
        auto rows,
        connection.Query(fmt::format("SELECT {} FROM incidents WHERE number = ?", kIncidentColumns),
                         {number}));
    if (rows.empty())
      return NotFound("verifier.unknown_incident", fmt::format("there is no incident {}", number));
    LQ_ASSIGN_OR_RETURN(incident, ReadIncident(rows[0]));
    if (incident.closed)
      return Conflict("verifier.incident_closed",
                      fmt::format("incident {} was closed before", number));
    LQ_ASSIGN_OR_RETURN(
        auto changed,
        connection.Execute(
            "UPDATE incidents SET closed_us = ?, closed_by = ?, note = ? WHERE number = ?",
            {Micros(now), std::string(by), std::string(note), number}));
    static_cast<void>(changed);
    incident.closed = now;
    incident.closed_by = by;
    incident.note = note;
    return {};
  }));
  return incident;
}

}  // namespace limequat::verifier
