#include "limequat/sql/migrate.h"

#include <string>
#include <vector>

#include <fmt/format.h>

#include "limequat/base/check.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"

namespace limequat::sql {

namespace {

enum class Step { kApplied, kNothingLeft };

// The number of migrations that the database has, after a comparison with ours.
Result<std::size_t> CountApplied(Session& session, std::span<const Migration> migrations) {
  LQ_ASSIGN_OR_RETURN(
      const std::vector<Row> applied,
      session.Query("SELECT version, name FROM schema_migrations ORDER BY version"));
  for (std::size_t i = 0; i < applied.size(); ++i) {
    LQ_ASSIGN_OR_RETURN(const std::int64_t version, applied[i].Int(0));
    LQ_ASSIGN_OR_RETURN(const std::string name, applied[i].Text(1));
    if (i >= migrations.size()) {
      return Conflict("sql.newer_schema",
                      fmt::format("the database was made by a newer version: it has schema {} "
                                  "({}), this program knows {}",
                                  version, EscapeForDisplay(name, 128), migrations.size()));
    }
    if (version != migrations[i].version || name != migrations[i].name) {
      return Conflict(
          "sql.other_schema",
          fmt::format(
              "the database belongs to another program: its schema {} is \"{}\", here {} is \"{}\"",
              version, EscapeForDisplay(name, 128), migrations[i].version, migrations[i].name));
    }
  }
  return applied.size();
}

// The version is read inside the transaction: another program may have migrated meanwhile.
Result<Step> ApplyNext(Session& session, std::span<const Migration> migrations) {
  LQ_RETURN_IF_ERROR(
      session.Execute("CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER NOT NULL "
                      "PRIMARY KEY, name TEXT NOT NULL)"));
  LQ_ASSIGN_OR_RETURN(const std::size_t applied, CountApplied(session, migrations));
  if (applied == migrations.size()) return Step::kNothingLeft;
  const Migration& next = migrations[applied];
  for (const std::string_view statement : next.statements) {
    if (auto done = session.Execute(statement); !done) {
      return std::move(done).error().In(fmt::format("migration {} ({})", next.version, next.name));
    }
  }
  LQ_RETURN_IF_ERROR(session.Execute("INSERT INTO schema_migrations (version, name) VALUES (?, ?)",
                                     {std::int64_t{next.version}, std::string(next.name)}));
  return Step::kApplied;
}

}  // namespace

Status Migrate(Session& session, std::span<const Migration> migrations) {
  for (std::size_t i = 0; i < migrations.size(); ++i) {
    LQ_CHECK(migrations[i].version == static_cast<int>(i) + 1);
  }
  for (;;) {
    LQ_RETURN_IF_ERROR(session.Begin());
    auto step = ApplyNext(session, migrations);
    if (!step) {
      session.Rollback();
      return std::move(step).error();
    }
    if (auto committed = session.Commit(); !committed) {
      session.Rollback();
      return std::move(committed).error();
    }
    if (*step == Step::kNothingLeft) return {};
  }
}

}  // namespace limequat::sql
