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
// kUnavailable ("sql.cancelled"). Bind it to an http::CancelToken. It must not block.
using Cancelled = std::function<bool()>;

// What a caller allows a piece of database work to take.
struct Limits {
  Deadline deadline = Deadline::max();
  Cancelled cancelled;
};

inline constexpr std::size_t kMaxQueryBytes = 64U << 20U;

// One connection, lent for a moment. SQL is written in the subset that SQLite,
// PostgreSQL and MariaDB share, with "?" for every value: values never become part
// of the text.
//
// Transactions are not its business: BEGIN, COMMIT and the like are refused.
//
// Errors of every call: kConflict ("sql.unique", "sql.constraint"), kUnavailable
// ("sql.busy", "sql.connection", "sql.storage": disk full, damaged or gone,
// "sql.deadline", "sql.cancelled"), kMalformed ("sql.text": a value that is not UTF-8,
// "sql.number": not-a-number), kInternal ("sql.statement": the statement or the schema
// is wrong, "sql.limit").
class Connection {
 public:
  virtual ~Connection() = default;
  // Runs a statement without a result; the number of rows its condition matched
  // (what compare-and-set relies on).
  virtual Result<std::int64_t> Execute(std::string_view statement,
                                       const Parameters& parameters = {}) = 0;
  // All rows, at most `limit` and kMaxQueryBytes (kInternal "sql.limit" beyond:
  // page by key instead).
  virtual Result<std::vector<Row>> Query(std::string_view statement,
                                         const Parameters& parameters = {},
                                         std::size_t limit = 10'000) = 0;
  // The database's own clock, microseconds since 1970: for leases that several
  // verifiers share.
  virtual Result<std::int64_t> Now() = 0;
};

// One step of a schema's history. Applied once, in order, each in a transaction of
// its own. A database from a newer version is refused (kConflict "sql.newer_schema"),
// and so is one whose steps have other names: it is another program's
// ("sql.other_schema").
//
// Constraints are better not deferred: when one fails at the commit, the works that
// share it are run again one by one.
struct Migration {
  int version = 0;        // 1, 2, 3, ...
  std::string_view name;  // stays as it is for ever; names the program, "registrar: agents"
  std::vector<std::string_view> statements;
};

struct DatabaseOptions {
  // "sqlite:PATH". Other schemes are kUnsupported ("sql.scheme") and name what exists;
  // without a path kMalformed ("sql.url").
  std::string url;
  std::size_t readers = 4;  // connections for Read
  std::size_t max_queued_writes = 4096;
  std::size_t max_batch = 256;  // writes that share one commit
  // Connecting, and waiting for another program that migrates. A migration of ours is
  // not cut short: it would never get done.
  std::chrono::milliseconds open_timeout{10'000};
};

// A database with many readers and one writer. Thread-safe. Once a connection is
// known to be lost, calls fail at once with "sql.connection" until a probe in the
// background succeeds: workers are not held by a dead server. Cancellation is
// noticed within 100 ms, also inside a running statement. Migrations hold a lock of
// the whole database.
class Database {
 public:
  // Opens and applies `migrations`. kUnavailable ("sql.open") with the path and
  // what the system said if it cannot be opened or written (exit status 6).
  // A file gets mode 0600; one that others may use and that is not ours, and a folder
  // that others may write to, are kPermissionDenied ("sql.mode").
  static Result<std::unique_ptr<Database>> Open(const DatabaseOptions& options,
                                                std::span<const Migration> migrations);
  // Finishes the writes that are queued. No call may be under way.
  virtual ~Database() = default;

  // Runs `work` on a reading connection, in one snapshot; waits for a free
  // connection within the limits, and statements that exceed them are stopped. `work`
  // must not keep the connection and must not call Read (it could wait for itself).
  virtual Status Read(const Limits& limits, const std::function<Status(Connection&)>& work) = 0;

  // Runs with its statements under the limits of the call. It may run more than once
  // (a lost connection, a deadlock with another verifier, a batch that failed):
  // it resets its outputs when it begins and has no other effect.
  using Work = std::move_only_function<Status(Connection&)>;
  using Completion = std::move_only_function<void(Status)>;

  // Queues `work` for the writer. Works that wait together share one transaction
  // and one commit; each runs in a savepoint of its own, so that one that fails is
  // rolled back alone. `done` is called exactly once, never inside WriteAsync, on a
  // thread of the database, after the commit is durable: with what `work` returned, or
  // why it was not made durable: kUnavailable "sql.queue_full", "sql.stopped",
  // "sql.deadline", "sql.cancelled", "sql.storage", "sql.connection", or
  // "sql.outcome_unknown" (COMMIT itself failed: such work is not run again, read
  // before you repeat it). `done` must not block. When it runs, `work` neither runs nor
  // will run, and what it captured is destroyed.
  virtual void WriteAsync(const Limits& limits, Work work, Completion done) = 0;

  // WriteAsync and wait. When the limits end the wait, work that has not begun is
  // removed and never runs; work that runs is waited for. So `work` may refer to
  // the caller's variables. Work that has run and waits for its commit is
  // kUnavailable "sql.outcome_unknown". Not to be called from a Work or a Completion
  // (checked).
  virtual Status Write(const Limits& limits, Work work) = 0;

  // The last known state, renewed in the background; never blocks. For health.
  virtual Status Health() const = 0;
};

}  // namespace limequat::sql
