#include "limequat/sql/sqlite_database.h"

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "limequat/base/check.h"
#include "limequat/base/result_macros.h"
#include "limequat/sql/limits.h"
#include "limequat/sql/migrate.h"
#include "limequat/sql/sqlite_connection.h"
#include "limequat/sql/sqlite_file.h"
#include "limequat/sql/writer.h"

namespace limequat::sql {

namespace {

using ConnectionPointer = std::unique_ptr<SqliteConnection>;

// Connections that are lent one at a time.
class Readers {
 public:
  explicit Readers(std::vector<ConnectionPointer> connections) : free_(std::move(connections)) {}

  Result<ConnectionPointer> Take(const Limits& limits) {
    std::unique_lock lock(mutex_);
    LQ_RETURN_IF_ERROR(WaitWithin(limits, lock, returned_, [this] { return !free_.empty(); }));
    ConnectionPointer connection = std::move(free_.back());
    free_.pop_back();
    return connection;
  }

  void Return(ConnectionPointer connection) {
    {
      const std::lock_guard lock(mutex_);
      free_.push_back(std::move(connection));
    }
    returned_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<ConnectionPointer> free_;  // guarded by mutex_
};

class SqliteDatabase final : public Database {
 public:
  SqliteDatabase(std::vector<ConnectionPointer> readers, ConnectionPointer writer,
                 const DatabaseOptions& options)
      : readers_(std::move(readers)),
        writer_(std::move(writer),
                {.max_queued = options.max_queued_writes, .max_batch = options.max_batch}) {}

  Status Read(const Limits& limits, const std::function<Status(Connection&)>& work) override {
    LQ_RETURN_IF_ERROR(CheckLimits(limits));
    LQ_ASSIGN_OR_RETURN(ConnectionPointer connection, readers_.Take(limits));
    Status outcome = connection->BeginRead();
    if (outcome) {
      connection->SetLimits(&limits);
      outcome = work(*connection);
      connection->SetLimits(nullptr);
      connection->Rollback();
    }
    readers_.Return(std::move(connection));
    return outcome;
  }

  void WriteAsync(const Limits& limits, Work work, Completion done) override {
    writer_.WriteAsync(limits, std::move(work), std::move(done));
  }

  Status Write(const Limits& limits, Work work) override {
    return writer_.Write(limits, std::move(work));
  }

  Status Health() const override { return writer_.Health(); }

 private:
  static Writer::Options WriterOptions(const DatabaseOptions& options) {
    Writer::Options bounds;
    bounds.max_queued = options.max_queued_writes;
    bounds.max_batch = options.max_batch;
    return bounds;
  }

  Readers readers_;
  Writer writer_;
};

}  // namespace

Result<std::unique_ptr<Database>> OpenSqlite(const std::string& path,
                                             const DatabaseOptions& options,
                                             std::span<const Migration> migrations) {
  LQ_CHECK(options.readers > 0);
  // SQLite gives names like ":memory:" and "file:…" a meaning of their own, but none
  // that begins with a slash.
  std::error_code failed;
  const std::string absolute = std::filesystem::absolute(path, failed).string();
  if (failed) return Unavailable("sql.open", fmt::format("{}: {}", path, failed.message()));
  LQ_RETURN_IF_ERROR(SecureDatabaseFile(absolute));

  LQ_ASSIGN_OR_RETURN(
      ConnectionPointer writer,
      SqliteConnection::Open(absolute, SqliteConnection::Role::kWriter, options.open_timeout));
  if (auto migrated = Migrate(*writer, migrations); !migrated) {
    return std::move(migrated).error().In(absolute);
  }
  writer->SetBusyTimeout(SqliteConnection::kBusyTimeout);
  std::vector<ConnectionPointer> readers;
  for (std::size_t i = 0; i < options.readers; ++i) {
    LQ_ASSIGN_OR_RETURN(readers.emplace_back(),
                        SqliteConnection::Open(absolute, SqliteConnection::Role::kReader));
  }
  return std::make_unique<SqliteDatabase>(std::move(readers), std::move(writer), options);
}

}  // namespace limequat::sql
