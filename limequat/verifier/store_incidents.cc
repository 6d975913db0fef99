#include <memory>
#include <utility>

#include <fmt/format.h>

#include "limequat/appraise/appraisal.h"
#include "limequat/base/result_macros.h"
#include "limequat/json/value.h"
#include "limequat/verifier/store.h"
#include "limequat/verifier/store_internal.h"

// The tables of failures and incidents.

namespace limequat::verifier {

namespace {

using sql::Connection;
using sql::Parameters;
using sql::Row;

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
  LQ_RETURN_IF_ERROR(connection.Execute(
      "INSERT INTO failures (agent_id, number, at_us, document) VALUES (?, ?, ?, ?)",
      {agent_id, newest + 1, Micros(appraisal.evaluated_at),
       json::Serialize(appraise::ToJson(appraisal))}));
  LQ_RETURN_IF_ERROR(connection.Execute("DELETE FROM failures WHERE agent_id = ? AND number <= ?",
                                        {agent_id, newest + 1 - kFailuresKept}));
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
  LQ_RETURN_IF_ERROR(connection.Execute(
      "INSERT INTO incidents (number, agent_id, ek_fingerprint, opened_us, closed_us, "
      "closed_by, "
      "note, check_name, detail, cause) VALUES (?, ?, ?, ?, NULL, '', '', ?, ?, ?)",
      {newest + 1, agent_id, ek, Micros(appraisal.evaluated_at), first.check, first.detail,
       std::string(CauseName(first.cause))}));
  return {};
}

}  // namespace

void Store::KeepFailure(const Enrolment& enrolment, const verifier::KeepFailure& failure,
                        Counted done) {
  auto open = std::make_shared<std::int64_t>(0);
  database_->WriteAsync(
      {},
      [id = enrolment.id.text(), ek = enrolment.ek_fingerprint, appraisal = failure.appraisal,
       opens = failure.opens_incident, open](Connection& connection) -> Status {
        LQ_RETURN_IF_ERROR(InsertFailure(connection, id, *appraisal));
        LQ_ASSIGN_OR_RETURN(*open, CountOpen(connection, id, ek));
        // The incident that it belongs to may have been closed meanwhile (attack A19).
        if (!opens && *open > 0) return {};
        LQ_RETURN_IF_ERROR(OpenIncident(connection, id, ek, *appraisal));
        ++*open;
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
    LQ_RETURN_IF_ERROR(connection.Execute(
        "UPDATE incidents SET closed_us = ?, closed_by = ?, note = ? WHERE number = ?",
        {Micros(now), std::string(by), std::string(note), number}));
    incident.closed = now;
    incident.closed_by = by;
    incident.note = note;
    return {};
  }));
  return incident;
}

}  // namespace limequat::verifier
