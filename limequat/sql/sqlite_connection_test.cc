#include "limequat/sql/sqlite_connection.h"

#include <atomic>
#include <limits>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "limequat/sql/sqlite_file.h"
#include "limequat/sql/temporary_folder_test.h"

namespace limequat::sql {
namespace {

using std::chrono::steady_clock;
using testing::HasSubstr;
using Role = SqliteConnection::Role;

// A statement that runs until it is stopped.
constexpr std::string_view kEndless =
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT COUNT(*) FROM n";

class SqliteConnectionTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = folder_ / "a.db";
    ASSERT_TRUE(SecureDatabaseFile(path_));
    writer_ = Open(Role::kWriter);
    ASSERT_NE(writer_, nullptr);
    Run("CREATE TABLE t (id INTEGER PRIMARY KEY, value BLOB)");
  }

  std::unique_ptr<SqliteConnection> Open(Role role) {
    auto opened = SqliteConnection::Open(path_, role);
    if (!opened) {
      ADD_FAILURE() << opened.error().message;
      return nullptr;
    }
    return *std::move(opened);
  }

  std::int64_t Run(std::string_view statement, const Parameters& parameters = {}) {
    const auto changed = writer_->Execute(statement, parameters);
    if (!changed) {
      ADD_FAILURE() << statement << ": " << changed.error().id << " " << changed.error().message;
      return -1;
    }
    return *changed;
  }

  Error RunError(std::string_view statement, const Parameters& parameters = {}) {
    auto changed = writer_->Execute(statement, parameters);
    if (changed) {
      ADD_FAILURE() << statement << " went well";
      return {};
    }
    return std::move(changed).error();
  }

  std::int64_t Count(SqliteConnection& connection) {
    const auto rows = connection.Query("SELECT COUNT(*) FROM t");
    return rows ? rows->at(0).Int(0).value() : -1;
  }

  TemporaryFolder folder_;
  std::string path_;
  std::unique_ptr<SqliteConnection> writer_;
};

TEST_F(SqliteConnectionTest, EveryValueComesBackAsItWas) {
  const std::int64_t least = std::numeric_limits<std::int64_t>::min();
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  Bytes all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<std::uint8_t>(i));
  Run("CREATE TABLE v (a, b, c, d, e, f, g, h, i)");
  const Parameters values = {least,
                             most,
                             0.1,
                             std::string("a\0b", 3),
                             std::string(),
                             all,
                             Bytes(),
                             std::monostate(),
                             std::string("\xf0\x9f\x8d\x8b\xed\x9f\xbf")};
  EXPECT_EQ(Run("INSERT INTO v VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values), 1);

  const auto rows = writer_->Query("SELECT * FROM v");
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 1U);
  const Row& row = rows->at(0);
  EXPECT_EQ(row.Int(0).value(), least);
  EXPECT_EQ(row.Int(1).value(), most);
  EXPECT_EQ(row.Int(2).error().id, "sql.column");
  EXPECT_EQ(row.Text(3).value(), std::string("a\0b", 3));
  EXPECT_EQ(row.Text(4).value(), "");
  EXPECT_EQ(row.Blob(5).value(), all);
  EXPECT_EQ(row.Blob(6).value(), Bytes());
  EXPECT_TRUE(row.IsNull(7));
  EXPECT_EQ(row.Text(8).value(), "\xf0\x9f\x8d\x8b\xed\x9f\xbf");

  const auto same = writer_->Query("SELECT 1 FROM v WHERE c = ? AND d = ? AND f = ?",
                                   {0.1, std::string("a\0b", 3), all});
  ASSERT_TRUE(same);
  EXPECT_EQ(same->size(), 1U);
}

TEST_F(SqliteConnectionTest, RefusesTextThatIsNotUtf8) {
  for (const std::string text :
       {"\xff", "a\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "ok\xe2\x82", "\xe0\x80\x80"}) {
    const Error error = RunError("INSERT INTO t (value) VALUES (?)", {text});
    EXPECT_EQ(error.code, ErrorCode::kMalformed);
    EXPECT_EQ(error.id, "sql.text");
  }
  EXPECT_EQ(Count(*writer_), 0);
}

TEST_F(SqliteConnectionTest, RefusesNotANumber) {
  const Error error =
      RunError("INSERT INTO t (value) VALUES (?)", {std::numeric_limits<double>::quiet_NaN()});
  EXPECT_EQ(error.code, ErrorCode::kMalformed);
  EXPECT_EQ(error.id, "sql.number");
}

TEST_F(SqliteConnectionTest, CountsTheRowsOfThisStatement) {
  EXPECT_EQ(Run("INSERT INTO t (value) VALUES (1), (2), (3)"), 3);
  EXPECT_EQ(Run("CREATE TABLE u (id INTEGER)"), 0);
  EXPECT_EQ(Run("UPDATE t SET value = 4 WHERE id = 77"), 0);
  EXPECT_EQ(Run("DELETE FROM t WHERE id < 3"), 2);
}

TEST_F(SqliteConnectionTest, StatementsAreUsedAgainWithOtherValues) {
  for (std::int64_t i = 0; i < 3; ++i)
    EXPECT_EQ(Run("INSERT INTO t (value) VALUES (?)", {i * 10}), 1);
  for (std::int64_t i = 0; i < 3; ++i) {
    const auto rows = writer_->Query("SELECT value FROM t WHERE id = ?", {i + 1});
    ASSERT_TRUE(rows && rows->size() == 1);
    EXPECT_EQ(rows->at(0).Int(0).value(), i * 10);
  }
}

TEST_F(SqliteConnectionTest, CacheOfStatementsIsBounded) {
  const auto write = [&](int first, int last) {
    for (int i = first; i < last; ++i)
      Run("INSERT INTO t (value) VALUES (" + std::to_string(i) + ")");
  };
  ASSERT_TRUE(writer_->Begin());
  write(0, 1000);
  const sqlite3_int64 before = sqlite3_memory_used();
  write(1000, 4000);
  ASSERT_TRUE(writer_->Commit());
  // A statement takes more than a kilobyte.
  EXPECT_LT(sqlite3_memory_used() - before, 1'000'000);
  EXPECT_EQ(Count(*writer_), 4000);
}

TEST_F(SqliteConnectionTest, NamesUniqueAndOtherConstraints) {
  Run("CREATE TABLE c (id INTEGER PRIMARY KEY, name TEXT UNIQUE, size INTEGER NOT NULL CHECK (size "
      "> 0),"
      " t INTEGER REFERENCES t (id))");
  Run("INSERT INTO c VALUES (1, 'a', 1, NULL)");
  for (const std::string_view statement :
       {"INSERT INTO c VALUES (1, 'b', 1, NULL)", "INSERT INTO c VALUES (2, 'a', 1, NULL)"}) {
    const Error error = RunError(statement);
    EXPECT_EQ(error.code, ErrorCode::kConflict);
    EXPECT_EQ(error.id, "sql.unique");
    EXPECT_THAT(error.message, HasSubstr("c."));
  }
  for (const std::string_view statement :
       {"INSERT INTO c VALUES (2, 'b', NULL, NULL)", "INSERT INTO c VALUES (2, 'b', 0, NULL)",
        "INSERT INTO c VALUES (2, 'b', 1, 99)"}) {
    const Error error = RunError(statement);
    EXPECT_EQ(error.code, ErrorCode::kConflict);
    EXPECT_EQ(error.id, "sql.constraint");
  }
}

TEST_F(SqliteConnectionTest, WrongStatementsAreOurDefect) {
  const std::string_view statements[] = {"SELEC 1",
                                         "SELECT nothing FROM t",
                                         "",
                                         "  ",
                                         "SELECT 1; SELECT 2",
                                         "INSERT INTO t (value) VALUES (1); DELETE FROM t",
                                         std::string_view("SELECT 1\0DELETE FROM t", 22)};
  for (const std::string_view statement : statements) {
    const auto rows = writer_->Query(statement);
    ASSERT_FALSE(rows) << statement;
    EXPECT_EQ(rows.error().code, ErrorCode::kInternal);
    EXPECT_EQ(rows.error().id, "sql.statement");
  }
  EXPECT_EQ(RunError("SELECT 1").id, "sql.statement");
  EXPECT_EQ(RunError("INSERT INTO t (value) VALUES (?)").id, "sql.statement");
  EXPECT_EQ(RunError("INSERT INTO t (value) VALUES (?)", {std::int64_t{1}, std::int64_t{2}}).id,
            "sql.statement");
}

TEST_F(SqliteConnectionTest, TransactionsBelongToTheOwner) {
  ASSERT_TRUE(writer_->Begin());
  for (const std::string_view statement :
       {"COMMIT", "ROLLBACK", "SAVEPOINT x", "BEGIN", "PRAGMA synchronous = OFF",
        "ATTACH ':memory:' AS other"}) {
    EXPECT_EQ(RunError(statement).id, "sql.statement") << statement;
  }
  EXPECT_TRUE(writer_->InTransaction());
  EXPECT_TRUE(writer_->Commit());
  EXPECT_EQ(RunError("DETACH main").id, "sql.statement");
}

TEST_F(SqliteConnectionTest, LimitIsAnErrorAndNotACut) {
  Run("INSERT INTO t (value) VALUES (1), (2), (3)");
  EXPECT_EQ(writer_->Query("SELECT id FROM t", {}, 3).value().size(), 3U);
  const auto rows = writer_->Query("SELECT id FROM t", {}, 2);
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code, ErrorCode::kInternal);
  EXPECT_EQ(rows.error().id, "sql.limit");
}

TEST_F(SqliteConnectionTest, BytesOfAResultAreBounded) {
  const auto half = static_cast<std::int64_t>(kMaxQueryBytes / 2);
  EXPECT_TRUE(writer_->Query("SELECT zeroblob(?)", {half}));
  const auto rows = writer_->Query("SELECT zeroblob(?), zeroblob(?)", {half, half});
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().id, "sql.limit");
  EXPECT_EQ(writer_->Query("SELECT CAST(zeroblob(?) AS TEXT)", {2 * half}).error().id, "sql.limit");
}

TEST_F(SqliteConnectionTest, NowIsInMicroseconds) {
  const auto now = [] {
    return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now())
        .time_since_epoch()
        .count();
  };
  const std::int64_t before = now();
  const std::int64_t said = writer_->Now().value();
  EXPECT_LE(before, said);
  EXPECT_LE(said, now());
}

TEST_F(SqliteConnectionTest, UpdateCountsWhatItsConditionMatched) {
  Run("INSERT INTO t (id, value) VALUES (1, 5), (2, 5)");
  EXPECT_EQ(Run("UPDATE t SET value = 5 WHERE value = 5"), 2);
}

TEST_F(SqliteConnectionTest, ProbeWritesAndLeavesNothingOpen) {
  EXPECT_TRUE(writer_->Probe());
  EXPECT_FALSE(writer_->InTransaction());
}

TEST_F(SqliteConnectionTest, NoticesThatTheFileIsGone) {
  std::filesystem::remove(path_);
  const Status begun = writer_->Begin();
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(begun.error().id, "sql.storage");
  EXPECT_EQ(writer_->Probe().error().id, "sql.storage");
}

TEST_F(SqliteConnectionTest, WaitForAnotherWriterIsBounded) {
  const auto other = Open(Role::kWriter);
  ASSERT_TRUE(other->Begin());
  writer_->SetBusyTimeout(std::chrono::milliseconds(20));
  EXPECT_EQ(writer_->Begin().error().id, "sql.busy");
}

TEST_F(SqliteConnectionTest, SavepointUndoesItsPartOnly) {
  ASSERT_TRUE(writer_->Begin());
  ASSERT_TRUE(writer_->Savepoint());
  Run("INSERT INTO t (id) VALUES (1)");
  ASSERT_TRUE(writer_->ReleaseSavepoint());
  ASSERT_TRUE(writer_->Savepoint());
  Run("INSERT INTO t (id) VALUES (2)");
  ASSERT_TRUE(writer_->RollbackToSavepoint());
  ASSERT_TRUE(writer_->Commit());
  EXPECT_FALSE(writer_->InTransaction());
  EXPECT_EQ(Count(*writer_), 1);
}

TEST_F(SqliteConnectionTest, ReaderSeesOneSnapshot) {
  const auto reader = Open(Role::kReader);
  Run("INSERT INTO t (id) VALUES (1)");
  ASSERT_TRUE(reader->BeginRead());
  EXPECT_EQ(Count(*reader), 1);
  Run("INSERT INTO t (id) VALUES (2)");
  EXPECT_EQ(Count(*reader), 1);
  reader->Rollback();
  EXPECT_EQ(Count(*reader), 2);
}

TEST_F(SqliteConnectionTest, ReaderCannotWrite) {
  const auto reader = Open(Role::kReader);
  const auto changed = reader->Execute("INSERT INTO t (id) VALUES (1)");
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().code, ErrorCode::kInternal);
  EXPECT_EQ(changed.error().id, "sql.statement");
}

TEST_F(SqliteConnectionTest, ForeignKeysAreEnforcedOnEveryConnection) {
  const auto second = Open(Role::kWriter);
  Run("CREATE TABLE child (t INTEGER REFERENCES t (id))");
  EXPECT_EQ(second->Execute("INSERT INTO child VALUES (5)").error().id, "sql.constraint");
}

TEST_F(SqliteConnectionTest, DeadlineStopsALongQuery) {
  const Limits limits{.deadline = steady_clock::now() + std::chrono::milliseconds(30),
                      .cancelled = {}};
  writer_->SetLimits(&limits);
  const auto rows = writer_->Query(kEndless);
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(rows.error().id, "sql.deadline");
  // Nothing begins behind a deadline, and the connection is good again afterwards.
  EXPECT_EQ(writer_->Query("SELECT 1").error().id, "sql.deadline");
  writer_->SetLimits(nullptr);
  EXPECT_EQ(Count(*writer_), 0);
}

TEST_F(SqliteConnectionTest, CancellationStopsALongQuery) {
  int asked = 0;
  const Limits limits{.deadline = Deadline::max(), .cancelled = [&] { return ++asked > 3; }};
  writer_->SetLimits(&limits);
  const auto rows = writer_->Query(kEndless);
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(rows.error().id, "sql.cancelled");
  EXPECT_EQ(asked, 4);
}

// SQLite gives up the whole transaction with a write: the writer must see that.
TEST_F(SqliteConnectionTest, CancellationStopsALongWriteAndItsTransaction) {
  ASSERT_TRUE(writer_->Begin());
  Run("INSERT INTO t (id) VALUES (1)");
  int asked = 0;
  const Limits limits{.deadline = Deadline::max(), .cancelled = [&] { return ++asked > 3; }};
  writer_->SetLimits(&limits);
  EXPECT_EQ(RunError("WITH RECURSIVE n(x) AS (SELECT 2 UNION ALL SELECT x + 1 FROM n)"
                     " INSERT INTO t (id) SELECT x FROM n")
                .id,
            "sql.cancelled");
  EXPECT_FALSE(writer_->InTransaction());
  writer_->SetLimits(nullptr);
  EXPECT_EQ(Count(*writer_), 0);
}

TEST_F(SqliteConnectionTest, WaitsForAnotherWriter) {
  const auto other = Open(Role::kWriter);
  ASSERT_TRUE(other->Begin());
  std::atomic<bool> waited = false;
  const Limits limits{.deadline = Deadline::max(), .cancelled = [&] {
                        waited = true;
                        waited.notify_all();
                        return false;
                      }};
  writer_->SetLimits(&limits);
  std::jthread ends([&] {
    waited.wait(false);
    EXPECT_TRUE(other->Commit());
  });
  EXPECT_TRUE(writer_->Begin());
}

TEST_F(SqliteConnectionTest, LimitsEndTheWaitForAnotherWriter) {
  const auto other = Open(Role::kWriter);
  ASSERT_TRUE(other->Begin());
  const Limits limits{.deadline = steady_clock::now() + std::chrono::milliseconds(20),
                      .cancelled = {}};
  writer_->SetLimits(&limits);
  EXPECT_EQ(writer_->Begin().error().id, "sql.deadline");
}

TEST_F(SqliteConnectionTest, MigrationsMayAlterTables) {
  Run("INSERT INTO t (id) VALUES (1)");
  EXPECT_EQ(Run("ALTER TABLE t ADD COLUMN size INTEGER NOT NULL DEFAULT 0 CHECK (size >= 0)"), 0);
  EXPECT_EQ(Run("ALTER TABLE t RENAME COLUMN size TO length"), 0);
  EXPECT_EQ(Run("ALTER TABLE t DROP COLUMN length"), 0);
  EXPECT_EQ(Run("CREATE INDEX i ON t (value)"), 0);
}

}  // namespace
}  // namespace limequat::sql
