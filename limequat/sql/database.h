#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/sql/value.h"

namespace limequat::sql {

using Deadline = std::chrono::steady_clock::time_point;

// Asked between steps of long work and while waiting; true: give up with
// kUnavailable ("sql.cancelled"). Bind it to an http::CancelToken.
using Cancelled = std::function<bool()>;

// What a caller allows a piece of database work to take.
struct Limits {
  Deadline deadline = Deadline::max();
  Cancelled cancelled;
};

// One connection, lent for a moment. SQL is written in the subset that SQLite,
// PostgreSQL and MariaDB share, with "?" for every value: values never become part
// of the text.
//
// Errors of every call: kConflict ("sql.unique", "sql.constraint"), kUnavailable
// ("sql.busy", "sql.connection", "sql.deadline", "sql.cancelled"), kInternal
// ("sql.statement": the statement or the schema is wrong).
class Connection {
 public:
  virtual ~Connection() = default;
  // Runs a statement without a result; the number of rows it changed.
  virtual Result<std::int64_t> Execute(std::string_view statement, const Parameters& parameters = {}) = 0;
  // All rows, at most `limit` (kInternal "sql.limit" beyond: page by key instead).
  virtual Result<std::vector<Row>> Query(std::string_view statement, const Parameters& parameters = {}, std::size_t limit = 10'000) = 0;
};

// One step of a schema's history. Applied once, in order, each in a transaction of
// its own. A database from a newer version is refused (kConflict "sql.newer_schema").
struct Migration {
  int version = 0;  // 1, 2, 3, ...
  std::string_view name;
  std::vector<std::string_view> statements;
};

struct DatabaseOptions {
  // "sqlite:PATH". Other schemes are kUnsupported ("sql.scheme") and name what exists.
  std::string url;
  std::size_t readers = 4;            // connections for Read
  std::size_t max_queued_writes = 4096;
  std::size_t max_batch = 256;        // writes that share one commit
};

// A database with many readers and one writer. Thread-safe.
class Database {
 public:
  // Opens and applies `migrations`. kUnavailable ("sql.open") with the path and
  // what the system said if it cannot be opened or written (exit status 6).
  static Result<std::unique_ptr<Database>> Open(const DatabaseOptions& options, std::span<const Migration> migrations);
  virtual ~Database() = default;

  // Runs `work` on a reading connection, in one snapshot; waits for a free
  // connection within the limits. `work` must not keep the connection.
  virtual Status Read(const Limits& limits, const std::function<Status(Connection&)>& work) = 0;

  using Work = std::move_only_function<Status(Connection&)>;
  using Completion = std::move_only_function<void(Status)>;

  // Queues `work` for the writer. Works that wait together share one transaction
  // and one commit; each runs in a savepoint of its own, so that one that fails is
  // rolled back alone. `done` is called once, on the writer's thread, after the
  // commit is durable, with what `work` returned or why it could not be made
  // durable; it must not block. A full queue: kUnavailable ("sql.queue_full") is
  // given to `done` at once, on the caller's thread.
  virtual void WriteAsync(Work work, Completion done) = 0;

  // WriteAsync and wait. When the limits end the wait, the work may still be done.
  virtual Status Write(const Limits& limits, Work work) = 0;

  // Whether the database answers now; for health.
  virtual Status Ping(const Limits& limits) = 0;
};

}  // namespace limequat::sql
