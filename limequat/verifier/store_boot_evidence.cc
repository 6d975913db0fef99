#include <utility>

#include "limequat/base/result_macros.h"
#include "limequat/json/value.h"
#include "limequat/verifier/store.h"
#include "limequat/verifier/store_internal.h"

// The tables of the evidence of boots: which log and values a machine's newest boot has, and
// logs by content.

namespace limequat::verifier {

namespace {

using sql::Connection;

Status AddLog(Connection& connection, const BootEvidence& evidence) {
  const std::string hash = evidence.log_hash.hex();
  LQ_ASSIGN_OR_RETURN(const auto known,
                      connection.Query("SELECT 1 FROM boot_logs WHERE hash = ?", {hash}));
  if (!known.empty()) return {};
  LQ_RETURN_IF_ERROR(
      connection.Execute("INSERT INTO boot_logs (hash, body) VALUES (?, ?)", {hash, evidence.log}));
  return {};
}

Status Keep(Connection& connection, const std::string& id, const KeepBootEvidence& keep) {
  LQ_ASSIGN_OR_RETURN(
      const auto machine,
      connection.Query("SELECT 1 FROM machines WHERE agent_id = ? AND generation = ?",
                       {id, keep.generation}));
  if (machine.empty())
    return Conflict("verifier.stale", "the machine was removed or has another enrolment by now");
  LQ_RETURN_IF_ERROR(ForgetBootEvidence(connection, id));
  LQ_RETURN_IF_ERROR(AddLog(connection, *keep.evidence));
  LQ_RETURN_IF_ERROR(connection.Execute(
      "INSERT INTO machine_boots (agent_id, log_hash, pcrs, verified_us) VALUES (?, ?, ?, ?)",
      {id, keep.evidence->log_hash.hex(), WritePcrs(keep.evidence->pcrs), Micros(keep.verified)}));
  return {};
}

}  // namespace

Status ForgetBootEvidence(Connection& connection, const std::string& agent_id) {
  LQ_ASSIGN_OR_RETURN(
      const auto rows,
      connection.Query("SELECT log_hash FROM machine_boots WHERE agent_id = ?", {agent_id}));
  if (rows.empty()) return {};
  LQ_ASSIGN_OR_RETURN(const std::string hash, rows[0].Text(0));
  LQ_RETURN_IF_ERROR(
      connection.Execute("DELETE FROM machine_boots WHERE agent_id = ?", {agent_id}));
  LQ_RETURN_IF_ERROR(connection.Execute(
      "DELETE FROM boot_logs WHERE hash = ? AND NOT EXISTS (SELECT 1 FROM machine_boots "
      "WHERE log_hash = boot_logs.hash)",
      {hash}));
  return {};
}

void Store::KeepBootEvidence(const wire::AgentId& id, const verifier::KeepBootEvidence& keep,
                             sql::Database::Completion done) {
  database_->WriteAsync(
      {},
      [id = id.text(), keep](Connection& connection) -> Status {
        return Keep(connection, id, keep);
      },
      std::move(done));
}

Result<std::optional<Store::KeptBoot>> Store::FindBootEvidence(std::string_view agent_id) {
  std::optional<KeptBoot> kept;
  LQ_RETURN_IF_ERROR(database_->Read(Patience(), [&](Connection& connection) -> Status {
    LQ_ASSIGN_OR_RETURN(
        const auto rows,
        connection.Query("SELECT boot_logs.body, machine_boots.pcrs, machine_boots.verified_us "
                         "FROM machine_boots JOIN boot_logs ON boot_logs.hash = "
                         "machine_boots.log_hash WHERE machine_boots.agent_id = ?",
                         {std::string(agent_id)}));
    if (rows.empty()) return {};
    LQ_ASSIGN_OR_RETURN(Bytes log, rows[0].Blob(0));
    LQ_ASSIGN_OR_RETURN(const std::string pcrs_text, rows[0].Text(1));
    LQ_ASSIGN_OR_RETURN(const std::int64_t verified, rows[0].Int(2));
    LQ_ASSIGN_OR_RETURN(const json::Value document, json::Parse(pcrs_text));
    LQ_ASSIGN_OR_RETURN(tpm::PcrValues pcrs, tpm::PcrValues::FromJson(document));
    kept = KeptBoot{.evidence = MakeBootEvidence(std::move(log), std::move(pcrs)),
                    .verified = FromMicros(verified)};
    return {};
  }));
  return kept;
}

}  // namespace limequat::verifier
