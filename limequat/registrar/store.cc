#include "limequat/registrar/store.h"

#include <array>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/base/result_macros.h"
#include "limequat/crypto/mac.h"
#include "limequat/json/reader.h"
#include "limequat/json/value.h"

namespace limequat::registrar {

namespace {

using sql::Connection;
using sql::Limits;
using sql::Row;

Limits Patience() {
  return {.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10), .cancelled = {}};
}

const std::array kMigrations = {
    sql::Migration{.version = 1,
                   .name = "agents and challenges",
                   .statements = {
                       "CREATE TABLE agents (agent_id VARCHAR(128) NOT NULL PRIMARY KEY, record "
                       "TEXT NOT NULL, activated_us BIGINT NOT NULL)",
                       "CREATE TABLE challenges (number BIGINT NOT NULL PRIMARY KEY, agent_id "
                       "VARCHAR(128) NOT NULL, made_us BIGINT NOT NULL, "
                       "secret VARCHAR(128) NOT NULL, record TEXT NOT NULL)",
                       "CREATE INDEX challenges_by_agent ON challenges (agent_id)",
                       "CREATE INDEX challenges_by_age ON challenges (made_us)",
                   }}};

std::int64_t Micros(Time time) { return time.time_since_epoch().count(); }

std::string WriteRecord(const Record& record) {
  json::Object document{{"ek_tpm", Base64Encode(record.ek_tpm)},
                        {"aik_tpm", Base64Encode(record.aik_tpm)},
                        {"regcount", record.regcount},
                        {"verified", record.identity == wire::Identity::kVerified},
                        {"why", record.identity_why},
                        {"findings", record.identity_findings}};
  if (record.ek_certificate_der) document.Set("ekcert", Base64Encode(*record.ek_certificate_der));
  if (record.ip) document.Set("ip", *record.ip);
  if (record.port) document.Set("port", std::int64_t{*record.port});
  if (record.transport_certificate) document.Set("mtls_cert", *record.transport_certificate);
  return json::Serialize(document);
}

Result<Record> ParseRecord(std::string_view text) {
  LQ_ASSIGN_OR_RETURN(json::Value document, json::Parse(text));
  json::ObjectReader in(document, "stored record");
  Record record;
  record.ek_tpm = in.Base64("ek_tpm");
  record.aik_tpm = in.Base64("aik_tpm");
  record.regcount = in.Int("regcount", 0, std::numeric_limits<std::int64_t>::max());
  record.identity = in.Bool("verified") ? wire::Identity::kVerified : wire::Identity::kUnverified;
  record.identity_why = in.String("why");
  record.identity_findings = in.String("findings");
  record.ek_certificate_der = in.OptionalBase64("ekcert");
  record.ip = in.OptionalString("ip");
  if (const auto port = in.OptionalInt("port", 0, 65535))
    record.port = static_cast<std::uint16_t>(*port);
  record.transport_certificate = in.OptionalString("mtls_cert");
  LQ_RETURN_IF_ERROR(in.status());
  return record;
}

// Written by us: what cannot be read is no fault of the caller's request.
Result<Record> ReadRecord(std::string_view text) {
  auto record = ParseRecord(text);
  if (record) return record;
  return Internal("registrar.store.record",
                  "a stored record cannot be read: " + std::move(record).error().message);
}

Result<std::optional<Record>> Load(Connection& connection, std::string_view id) {
  LQ_ASSIGN_OR_RETURN(auto rows, connection.Query("SELECT record FROM agents WHERE agent_id = ?",
                                                  {std::string(id)}));
  if (rows.empty()) return std::optional<Record>();
  LQ_ASSIGN_OR_RETURN(std::string text, rows[0].Text(0));
  LQ_ASSIGN_OR_RETURN(Record record, ReadRecord(text));
  return std::optional(std::move(record));
}

Result<std::int64_t> Single(Connection& connection, std::string_view statement,
                            const sql::Parameters& parameters) {
  LQ_ASSIGN_OR_RETURN(auto rows, connection.Query(statement, parameters));
  if (rows.size() != 1) return Internal("registrar.store", "a count has no row");
  return rows[0].Int(0);
}

// Makes room for one more challenge of `id`: what is too old or too many goes.
Status MakeRoom(Connection& connection, const std::string& id, Time now) {
  LQ_RETURN_IF_ERROR(connection.Execute("DELETE FROM challenges WHERE made_us < ?",
                                        {Micros(now - kChallengeLifetime)}));
  LQ_ASSIGN_OR_RETURN(const std::int64_t all,
                      Single(connection, "SELECT COUNT(*) FROM challenges", {}));
  if (all >= kMaxChallenges)
    return Unavailable("registrar.busy", "too many registrations wait for their activation");
  LQ_ASSIGN_OR_RETURN(
      auto own,
      connection.Query("SELECT number FROM challenges WHERE agent_id = ? ORDER BY number", {id}));
  for (std::size_t i = 0; i + static_cast<std::size_t>(kMaxChallengesPerAgent) <= own.size(); ++i) {
    LQ_ASSIGN_OR_RETURN(const std::int64_t number, own[i].Int(0));
    LQ_RETURN_IF_ERROR(connection.Execute("DELETE FROM challenges WHERE number = ?", {number}));
  }
  return {};
}

// The candidate whose secret gives `tag`. All are compared, whatever fits.
Result<std::optional<Record>> Match(const std::vector<Row>& challenges, const wire::AgentId& id,
                                    std::string_view tag) {
  std::optional<Record> matched;
  for (const Row& row : challenges) {
    LQ_ASSIGN_OR_RETURN(const std::string secret, row.Text(0));
    LQ_ASSIGN_OR_RETURN(const std::string text, row.Text(1));
    if (!crypto::ConstantTimeEqual(AsBytes(wire::AuthTag(AsBytes(secret), id)), AsBytes(tag)))
      continue;
    LQ_ASSIGN_OR_RETURN(matched, ReadRecord(text));
  }
  return matched;
}

Status ActivateIn(Connection& connection, const wire::AgentId& id, std::string_view tag, Time now,
                  Status& outcome) {
  outcome = {};
  LQ_ASSIGN_OR_RETURN(const auto known, Load(connection, id.text()));
  LQ_ASSIGN_OR_RETURN(
      auto challenges,
      connection.Query("SELECT secret, record FROM challenges WHERE agent_id = ? AND made_us >= ?",
                       {id.text(), Micros(now - kChallengeLifetime)}));
  if (challenges.empty() && !known) {
    outcome =
        NotFound("registrar.unknown_agent", fmt::format("Agent with ID '{}' not found", id.text()));
    return {};
  }
  LQ_ASSIGN_OR_RETURN(auto matched, Match(challenges, id, tag));
  if (!matched) {
    // Nothing is dropped: a stranger's wrong tag must not end an honest activation
    // (quirk Q2), and 32 random characters are not guessed. The answer says nothing
    // about what was expected (CVE-2023-38201 of Keylime).
    outcome = Malformed(
        "registrar.auth_tag",
        fmt::format("Auth tag for agent '{}' does not match any challenge that waits for it",
                    id.text()));
    return {};
  }
  LQ_RETURN_IF_ERROR(connection.Execute("DELETE FROM challenges WHERE agent_id = ?", {id.text()}));
  if (known) {
    if (Status same = CheckSameTpm(*known, *matched); !same) {
      outcome = std::move(same);
      return {};
    }
    LQ_RETURN_IF_ERROR(connection.Execute("DELETE FROM agents WHERE agent_id = ?", {id.text()}));
  }
  LQ_RETURN_IF_ERROR(
      connection.Execute("INSERT INTO agents (agent_id, record, activated_us) VALUES (?, ?, ?)",
                         {id.text(), WriteRecord(*matched), Micros(now)}));
  return {};
}

}  // namespace

Result<std::unique_ptr<Store>> Store::Open(const std::string& url) {
  LQ_ASSIGN_OR_RETURN(auto database, sql::Database::Open({.url = url}, kMigrations));
  return std::unique_ptr<Store>(new Store(std::move(database)));
}

void Store::AddChallenge(const wire::AgentId& id, wire::RegistrationRequest request, Record record,
                         ByteView secret, Time now, Done done) {
  database_->WriteAsync(
      Patience(),
      [id = id.text(), request = std::move(request), record = std::move(record),
       secret = std::string(AsText(secret)), now](Connection& connection) -> Status {
        LQ_ASSIGN_OR_RETURN(const auto known, Load(connection, id));
        Record candidate = record;
        LQ_RETURN_IF_ERROR(Reconcile(request, known, candidate));
        LQ_RETURN_IF_ERROR(MakeRoom(connection, id, now));
        LQ_ASSIGN_OR_RETURN(
            const std::int64_t newest,
            Single(connection, "SELECT COALESCE(MAX(number), 0) FROM challenges", {}));
        LQ_RETURN_IF_ERROR(connection.Execute(
            "INSERT INTO challenges (number, agent_id, made_us, secret, record) VALUES (?, "
            "?, ?, ?, ?)",
            {newest + 1, id, Micros(now), secret, WriteRecord(candidate)}));
        return {};
      },
      std::move(done));
}

void Store::Activate(const wire::AgentId& id, std::string auth_tag, Time now, Done done) {
  // The outcome is apart from the work's status: when another TPM has won, the used
  // challenges go although the activation is refused.
  auto outcome = std::make_shared<Status>();
  database_->WriteAsync(
      Patience(),
      [id, tag = std::move(auth_tag), now, outcome](Connection& connection) {
        return ActivateIn(connection, id, tag, now, *outcome);
      },
      [outcome, done = std::move(done)](Status status) mutable {
        done(status ? std::move(*outcome) : std::move(status));
      });
}

Result<std::optional<Record>> Store::Find(std::string_view agent_id) {
  std::optional<Record> found;
  LQ_RETURN_IF_ERROR(database_->Read(Patience(), [&](Connection& connection) -> Status {
    LQ_ASSIGN_OR_RETURN(found, Load(connection, agent_id));
    return {};
  }));
  return found;
}

Result<Store::Waiting> Store::HasChallenge(std::string_view agent_id) {
  Waiting waiting = Waiting::kNo;
  LQ_RETURN_IF_ERROR(database_->Read(Patience(), [&](Connection& connection) -> Status {
    LQ_ASSIGN_OR_RETURN(const std::int64_t count,
                        Single(connection, "SELECT COUNT(*) FROM challenges WHERE agent_id = ?",
                               {std::string(agent_id)}));
    waiting = count > 0 ? Waiting::kYes : Waiting::kNo;
    return {};
  }));
  return waiting;
}

Result<std::vector<std::string>> Store::Page(std::string_view after, std::size_t limit) {
  std::vector<std::string> page;
  LQ_RETURN_IF_ERROR(database_->Read(Patience(), [&](Connection& connection) -> Status {
    LQ_ASSIGN_OR_RETURN(
        auto rows,
        connection.Query("SELECT agent_id FROM agents WHERE agent_id > ? ORDER BY agent_id LIMIT ?",
                         {std::string(after), static_cast<std::int64_t>(limit)}));
    for (const Row& row : rows) {
      LQ_ASSIGN_OR_RETURN(std::string id, row.Text(0));
      page.push_back(std::move(id));
    }
    return {};
  }));
  return page;
}

Status Store::Remove(std::string_view agent_id) {
  return database_->Write(Patience(), [&](Connection& connection) -> Status {
    const std::string id(agent_id);
    LQ_ASSIGN_OR_RETURN(const std::int64_t removed,
                        connection.Execute("DELETE FROM agents WHERE agent_id = ?", {id}));
    LQ_ASSIGN_OR_RETURN(const std::int64_t waiting,
                        connection.Execute("DELETE FROM challenges WHERE agent_id = ?", {id}));
    if (removed + waiting == 0)
      return NotFound("registrar.unknown_agent", fmt::format("Agent with ID '{}' not found", id));
    return {};
  });
}

}  // namespace limequat::registrar
