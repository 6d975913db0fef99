#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/json/reader.h"
#include "limequat/json/value.h"
#include "limequat/verifier/store.h"
#include "limequat/verifier/store_internal.h"

// The table of machines: enrolments, and what is remembered about each.

namespace limequat::verifier {

namespace {

using sql::Connection;
using sql::Row;

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
  if (memory.last_failure) document.Set("last_failure", *memory.last_failure);
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
  memory.last_failure = in.OptionalString("last_failure");
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

Result<std::optional<crypto::Digest>> ReadBootEvidenceId(const Row& row) {
  LQ_ASSIGN_OR_RETURN(const auto log_hash, row.OptionalText(6));
  LQ_ASSIGN_OR_RETURN(const auto pcrs, row.OptionalText(7));
  std::optional<crypto::Digest> id;
  if (log_hash && pcrs) {
    LQ_ASSIGN_OR_RETURN(const crypto::Digest log,
                        crypto::Digest::FromHex(crypto::HashAlgorithm::kSha256, *log_hash));
    id = BootEvidenceId(log, *pcrs);
  }
  return id;
}

Result<StoredMachine> ReadMachine(const Row& row) {
  LQ_ASSIGN_OR_RETURN(std::string id_text, row.Text(0));
  LQ_ASSIGN_OR_RETURN(wire::AgentId id, wire::AgentId::Parse(id_text));
  LQ_ASSIGN_OR_RETURN(std::int64_t generation, row.Int(1));
  LQ_ASSIGN_OR_RETURN(std::string document, row.Text(2));
  LQ_ASSIGN_OR_RETURN(std::string hash_text, row.Text(3));
  LQ_ASSIGN_OR_RETURN(std::string memory_text, row.Text(4));
  LQ_ASSIGN_OR_RETURN(std::string boot_policy_name, row.Text(5));
  LQ_ASSIGN_OR_RETURN(Enrolment enrolment, FromStoreForm(id, generation, document));
  LQ_ASSIGN_OR_RETURN(auto hash, ParseHash(hash_text));
  LQ_ASSIGN_OR_RETURN(Memory memory, ReadMemory(memory_text));
  LQ_ASSIGN_OR_RETURN(memory.boot_evidence, ReadBootEvidenceId(row));
  enrolment.boot_policy_name = std::move(boot_policy_name);
  return StoredMachine{
      .enrolment = std::move(enrolment), .policy_hash = hash, .memory = std::move(memory)};
}

Result<std::vector<std::string>> IdsOf(const std::vector<Row>& rows) {
  std::vector<std::string> ids;
  for (const Row& row : rows) {
    LQ_ASSIGN_OR_RETURN(std::string id, row.Text(0));
    ids.push_back(std::move(id));
  }
  return ids;
}

}  // namespace

std::string HashText(const std::optional<crypto::Digest>& hash) {
  return hash ? hash->hex() : std::string();
}

Result<Store::Loaded> Store::LoadMachines() {
  // Read page by page: 10,000 machines must not be one result.
  constexpr std::size_t kPage = 500;
  Loaded loaded;
  std::string last;
  for (bool more = true; more;) {
    LQ_RETURN_IF_ERROR(database_->Read({}, [&](Connection& connection) -> Status {
      LQ_ASSIGN_OR_RETURN(
          auto rows,
          connection.Query(
              "SELECT machines.agent_id, generation, enrolment, policy_hash, memory, "
              "boot_policy_name, log_hash, pcrs FROM machines LEFT JOIN machine_boots ON "
              "machine_boots.agent_id = machines.agent_id WHERE machines.agent_id > ? "
              "ORDER BY machines.agent_id LIMIT 500",
              {last}));
      LQ_ASSIGN_OR_RETURN(const auto ids, IdsOf(rows));
      LQ_ASSIGN_OR_RETURN(auto bindings, ReadBindings(connection, ids));
      more = rows.size() == kPage;
      for (const Row& row : rows) {
        LQ_ASSIGN_OR_RETURN(last, row.Text(0));
        auto machine = ReadMachine(row);
        if (!machine) {
          loaded.unreadable.emplace_back(last, std::move(machine).error());
          continue;
        }
        machine->enrolment.bound = std::move(bindings[last]);
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
      LQ_RETURN_IF_ERROR(
          connection.Execute("DELETE FROM machines WHERE agent_id = ?", {enrolment.id.text()}));
      LQ_RETURN_IF_ERROR(ForgetBinding(connection, id));
      LQ_RETURN_IF_ERROR(ForgetBootEvidence(connection, id));
    }
    LQ_ASSIGN_OR_RETURN(generation, NextGeneration(connection));
    LQ_RETURN_IF_ERROR(connection.Execute(
        "INSERT INTO machines (agent_id, generation, enrolment, policy_hash, "
        "ek_fingerprint, memory, boot_policy_name) VALUES (?, ?, ?, ?, ?, ?, ?)",
        {id, generation, StoreForm(enrolment), HashText(policy), enrolment.ek_fingerprint,
         WriteMemory({}), enrolment.boot_policy_name}));
    return WriteBinding(connection, id, enrolment.bound);
  }));
  return generation;
}

Status Store::RemoveMachine(const wire::AgentId& id, const OwnPolicyLabels& own) {
  return database_->Write(Patience(), [&](Connection& connection) -> Status {
    LQ_ASSIGN_OR_RETURN(auto removed,
                        connection.Execute("DELETE FROM machines WHERE agent_id = ?", {id.text()}));
    if (removed == 0) return NotFound("verifier.unknown_agent", "agent id not found");
    LQ_RETURN_IF_ERROR(ForgetBinding(connection, id.text()));
    LQ_RETURN_IF_ERROR(ForgetBootEvidence(connection, id.text()));
    // Policies that only this machine had, under its own name, go with it, as with Keylime.
    LQ_ASSIGN_OR_RETURN(
        const auto policies,
        connection.Execute("DELETE FROM policy_names WHERE name = ? AND NOT EXISTS (SELECT 1 "
                           "FROM machine_layers WHERE policy_name = policy_names.name) AND NOT "
                           "EXISTS (SELECT 1 FROM label_layers WHERE policy_name = "
                           "policy_names.name)",
                           {id.text()}));
    if (policies > 0)
      LQ_RETURN_IF_ERROR(KeepLabel(connection, PolicyNames::kRuntime, id.text(), own.runtime));
    LQ_RETURN_IF_ERROR(
        connection.Execute("DELETE FROM policy_versions WHERE name = ? AND NOT EXISTS (SELECT 1 "
                           "FROM policy_names WHERE policy_names.name = policy_versions.name)",
                           {id.text()}));
    LQ_ASSIGN_OR_RETURN(
        const auto boots,
        connection.Execute("DELETE FROM boot_policies WHERE name = ? AND NOT EXISTS (SELECT 1 FROM "
                           "machines WHERE boot_policy_name = boot_policies.name)",
                           {id.text()}));
    if (boots > 0)
      LQ_RETURN_IF_ERROR(KeepLabel(connection, PolicyNames::kBoot, id.text(), own.boot));
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

Status Store::WaitForWrites() {
  return database_->Write(Patience(), [](Connection&) { return Status(); });
}

}  // namespace limequat::verifier
