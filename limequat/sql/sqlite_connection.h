#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/sql/database.h"
#include "limequat/sql/session.h"
#include "limequat/sql/value.h"

struct sqlite3;
struct sqlite3_stmt;

namespace limequat::sql {

// One connection to a SQLite file. Text that is not UTF-8 is kMalformed ("sql.text"),
// not-a-number is kMalformed ("sql.number"): SQLite would keep the one and turn the
// other into NULL.
//
// Transactions belong to the owner of the connection: BEGIN, COMMIT, SAVEPOINT,
// ATTACH and PRAGMA in Execute or Query are kInternal ("sql.statement").
class SqliteConnection final : public Session {
 public:
  enum class Role { kReader, kWriter };
  static constexpr std::chrono::milliseconds kBusyTimeout{5'000};

  // `path` is absolute and exists (SecureDatabaseFile). Write-ahead log, every commit
  // synced, foreign keys enforced: kUnavailable ("sql.open") if any of it is not so.
  // Waits at most `busy_timeout` for locks of other processes.
  static Result<std::unique_ptr<SqliteConnection>> Open(
      const std::string& path, Role role, std::chrono::milliseconds busy_timeout = kBusyTimeout);
  ~SqliteConnection() override;

  Result<std::int64_t> Execute(std::string_view statement,
                               const Parameters& parameters = {}) override;
  Result<std::vector<Row>> Query(std::string_view statement, const Parameters& parameters = {},
                                 std::size_t limit = 10'000) override;
  Result<std::int64_t> Now() override;

  // A transaction that only reads, in one snapshot.
  Status BeginRead();

  Status Begin() override;
  Status Commit() override;
  void Rollback() override;
  bool InTransaction() const override;
  Status Savepoint() override;
  Status ReleaseSavepoint() override;
  Status RollbackToSavepoint() override;
  Status Probe() override;
  void SetLimits(const Limits* limits) override { limits_ = limits; }
  void SetBusyTimeout(std::chrono::milliseconds timeout) { busy_timeout_ = timeout; }

 private:
  struct CloseDatabase {
    void operator()(sqlite3* database) const;
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  using StatementHandle = std::unique_ptr<sqlite3_stmt, Finalize>;
  class Run;  // one use of a cached statement

  SqliteConnection(Role role, std::chrono::milliseconds busy_timeout)
      : role_(role), busy_timeout_(busy_timeout) {}

  Status Configure(const std::string& path);
  Status ExpectPragma(std::string_view pragma, std::string_view expected);
  // Runs a statement about transactions or the connection.
  Status Control(const char* statement);
  Result<sqlite3_stmt*> Prepare(std::string_view statement);
  Error Failure(int code);
  // Whether the limits are reached; remembers which one.
  bool Stop();

  static int OnProgress(void* self);
  static int OnBusy(void* self, int calls);
  static int OnAuthorize(void* self, int action, const char*, const char*, const char*,
                         const char*);

  const Role role_;
  std::chrono::milliseconds busy_timeout_;
  std::unique_ptr<sqlite3, CloseDatabase> database_;
  std::unordered_map<std::string, StatementHandle> statements_;
  const Limits* limits_ = nullptr;
  bool in_control_ = false;
  std::optional<Error> stopped_;
  std::chrono::steady_clock::time_point busy_since_;
};

}  // namespace limequat::sql
