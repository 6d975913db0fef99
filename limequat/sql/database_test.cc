#include "limequat/sql/database.h"

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <latch>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "limequat/base/result_macros.h"
#include "limequat/sql/temporary_folder_test.h"

namespace limequat::sql {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing::HasSubstr;

const std::vector<Migration> kSchema = {
    {.version = 1,
     .name = "test: items",
     .statements = {"CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT UNIQUE)"}},
};

constexpr std::string_view kEndless =
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT COUNT(*) FROM n";

Database::Work Insert(std::int64_t id, std::string name = {}) {
  return [id, name](Connection& connection) -> Status {
    LQ_RETURN_IF_ERROR(connection.Execute("INSERT INTO items (id, name) VALUES (?, ?)",
                                          {id, name.empty() ? Value() : Value(name)}));
    return {};
  };
}

class DatabaseTest : public testing::Test {
 protected:
  std::string Url() const { return "sqlite:" + folder_ / "a.db"; }

  Result<std::unique_ptr<Database>> TryOpen(std::string url,
                                            std::span<const Migration> migrations = kSchema) {
    DatabaseOptions options;
    options.url = std::move(url);
    options.readers = 2;
    return Database::Open(options, migrations);
  }

  void Open() {
    auto opened = TryOpen(Url());
    ASSERT_TRUE(opened) << opened.error().message;
    database_ = *std::move(opened);
  }

  std::int64_t Count() {
    std::int64_t count = -1;
    const Status status = database_->Read({}, [&](Connection& connection) -> Status {
      LQ_ASSIGN_OR_RETURN(const auto rows, connection.Query("SELECT COUNT(*) FROM items"));
      LQ_ASSIGN_OR_RETURN(count, rows.at(0).Int(0));
      return {};
    });
    EXPECT_TRUE(status) << status.error().message;
    return count;
  }

  // Holds the writer until `release_`: what is written meanwhile shares a transaction.
  void Hold() {
    std::latch runs(1);
    database_->WriteAsync(
        {},
        [&](Connection&) -> Status {
          runs.count_down();
          release_.wait();
          return {};
        },
        [](const Status&) {});
    runs.wait();
  }

  TemporaryFolder folder_;
  std::latch release_{1};
  std::unique_ptr<Database> database_;  // first to go: its threads use all above
};

unsigned ModeOf(const std::string& path) {
  struct stat info = {};
  EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777U;
}

TEST_F(DatabaseTest, FilesAreForTheirOwnerOnly) {
  const mode_t before = umask(0);
  Open();
  EXPECT_TRUE(database_->Write({}, Insert(1)));
  umask(before);
  for (const char* name : {"a.db", "a.db-wal", "a.db-shm"})
    EXPECT_EQ(ModeOf(folder_ / name), 0600U) << name;
}

TEST_F(DatabaseTest, KeepsWhatWasWritten) {
  Open();
  ASSERT_TRUE(database_->Write({}, Insert(1, "one")));
  database_.reset();
  EXPECT_FALSE(std::filesystem::exists(folder_ / "a.db-wal")) << "not closed in good order";
  Open();
  EXPECT_EQ(Count(), 1);
  EXPECT_EQ(database_->Write({}, Insert(2, "one")).error().id, "sql.unique");
  EXPECT_TRUE(database_->Health());
}

TEST_F(DatabaseTest, NamesAreFiles) {
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder_.path());
  for (const char* name : {":memory:", "file:x?mode=memory", "relative.db"}) {
    EXPECT_TRUE(TryOpen(std::string("sqlite:") + name)) << name;
    EXPECT_TRUE(std::filesystem::exists(folder_ / name)) << name;
  }
  std::filesystem::current_path(before);
}

TEST_F(DatabaseTest, RefusesOtherSchemesWithoutTellingPasswords) {
  for (const char* url : {"postgresql://user:secret@host/db", "a.db", "", "SQLITE:a.db"}) {
    const auto opened = TryOpen(url);
    ASSERT_FALSE(opened) << url;
    EXPECT_EQ(opened.error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(opened.error().id, "sql.scheme");
    EXPECT_THAT(opened.error().message, HasSubstr("sqlite:PATH"));
    EXPECT_THAT(opened.error().message, testing::Not(HasSubstr("secret")));
  }
}

TEST_F(DatabaseTest, NeedsAPath) {
  const auto opened = TryOpen("sqlite:");
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kMalformed);
  EXPECT_EQ(opened.error().id, "sql.url");
}

TEST_F(DatabaseTest, SaysWhyItCannotBeOpened) {
  std::filesystem::create_directory(folder_ / "folder");
  std::ofstream(folder_ / "garbage") << std::string(8192, 'x');
  const std::pair<std::string, std::string> cases[] = {
      {folder_ / "none", "No such file or directory"},
      {folder_ / "folder", "not a regular file"},
      {folder_ / "garbage", "file is not a database"},
      {"/proc/a.db", "/proc/a.db"}};
  for (const auto& [path, message] : cases) {
    const auto opened = TryOpen("sqlite:" + path + (path.ends_with("none") ? "/a.db" : ""));
    ASSERT_FALSE(opened) << path;
    EXPECT_EQ(opened.error().code, ErrorCode::kUnavailable);
    EXPECT_EQ(ExitStatus(opened.error().code), 6);
    EXPECT_EQ(opened.error().id, "sql.open");
    EXPECT_THAT(opened.error().message, HasSubstr(path));
    EXPECT_THAT(opened.error().message, HasSubstr(message));
  }
}

// Opens as a user for whom permissions count, and ends with the exit status of the program.
[[noreturn]] void OpenAsUser(const std::string& path) {
  if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(99);
  DatabaseOptions options;
  options.url = "sqlite:" + path;
  const auto opened = Database::Open(options, kSchema);
  if (!opened) {
    std::fprintf(stderr, "%s: %s\n", opened.error().id.c_str(), opened.error().message.c_str());
  }
  _exit(opened ? 0 : ExitStatus(opened.error().code));
}

TEST_F(DatabaseTest, UnwritableFilesAndFoldersEndWithStatusSix) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto give = [](const std::string& path) {
    if (geteuid() == 0) ASSERT_EQ(chown(path.c_str(), 65534, 65534), 0);
  };
  give(folder_.path());
  EXPECT_EXIT(OpenAsUser(folder_ / "good.db"), testing::ExitedWithCode(0), "");

  std::ofstream(folder_ / "read-only.db").close();
  give(folder_ / "read-only.db");
  ASSERT_EQ(chmod((folder_ / "read-only.db").c_str(), 0400), 0);
  EXPECT_EXIT(OpenAsUser(folder_ / "read-only.db"), testing::ExitedWithCode(6),
              "sql.open: .*cannot be written");

  std::filesystem::create_directory(folder_ / "sealed");
  give(folder_ / "sealed");
  ASSERT_EQ(chmod((folder_ / "sealed").c_str(), 0500), 0);
  EXPECT_EXIT(OpenAsUser(folder_ / "sealed/a.db"), testing::ExitedWithCode(6),
              "sql.open: .*Permission denied");
}

TEST_F(DatabaseTest, OpenSaysWhichMigrationFailed) {
  const std::vector<Migration> broken = {
      {.version = 1, .name = "test: broken", .statements = {"CREATE"}}};
  const auto opened = TryOpen(Url(), broken);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().id, "sql.statement");
  EXPECT_THAT(opened.error().message, HasSubstr(folder_ / "a.db: migration 1 (test: broken)"));
}

TEST_F(DatabaseTest, OpenWaitsForOthersNoLongerThanAllowed) {
  Open();
  Hold();
  DatabaseOptions options;
  options.url = Url();
  options.open_timeout = milliseconds(20);
  EXPECT_EQ(Database::Open(options, kSchema).error().id, "sql.busy");
  release_.count_down();
}

TEST_F(DatabaseTest, WritesWaitForOthersLongerThanOpenMay) {
  Open();
  DatabaseOptions options;
  options.url = Url();
  options.open_timeout = milliseconds(1);
  auto second = Database::Open(options, kSchema);
  ASSERT_TRUE(second);
  Hold();
  std::jthread releases([&] {
    std::this_thread::sleep_for(milliseconds(50));
    release_.count_down();
  });
  EXPECT_TRUE((*second)->Write({}, Insert(1)));
}

TEST_F(DatabaseTest, ReadIsOneSnapshot) {
  Open();
  ASSERT_TRUE(database_->Write({}, Insert(1)));
  const Status status = database_->Read({}, [&](Connection& connection) -> Status {
    LQ_ASSIGN_OR_RETURN(const auto before, connection.Query("SELECT id FROM items"));
    LQ_RETURN_IF_ERROR(database_->Write({}, Insert(2)));
    LQ_ASSIGN_OR_RETURN(const auto after, connection.Query("SELECT id FROM items"));
    EXPECT_EQ(before.size(), 1U);
    EXPECT_EQ(after.size(), 1U);
    return {};
  });
  EXPECT_TRUE(status);
  EXPECT_EQ(Count(), 2);
}

TEST_F(DatabaseTest, ReadGivesTheErrorOfTheWorkAndTheConnectionBack) {
  Open();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(
        database_->Read({}, [](Connection&) -> Status { return NotFound("test.none", "none"); })
            .error()
            .id,
        "test.none");
  }
  EXPECT_EQ(database_
                ->Read({},
                       [](Connection& connection) -> Status {
                         LQ_RETURN_IF_ERROR(connection.Execute("DELETE FROM items"));
                         return {};
                       })
                .error()
                .id,
            "sql.statement");
  EXPECT_EQ(Count(), 0);
}

TEST_F(DatabaseTest, DeadlineAndCancellationStopALongQuery) {
  Open();
  const auto run = [](Connection& connection) -> Status {
    LQ_RETURN_IF_ERROR(connection.Query(kEndless));
    return {};
  };
  const Limits soon{.deadline = steady_clock::now() + milliseconds(20), .cancelled = {}};
  EXPECT_EQ(database_->Read(soon, run).error().id, "sql.deadline");
  std::atomic<int> asked = 0;
  const Limits cancelled{.deadline = Deadline::max(), .cancelled = [&] { return ++asked > 5; }};
  EXPECT_EQ(database_->Read(cancelled, run).error().id, "sql.cancelled");
  asked = 0;
  EXPECT_EQ(database_->Write(cancelled, run).error().id, "sql.cancelled");
  EXPECT_EQ(Count(), 0);
}

TEST_F(DatabaseTest, NothingIsReadBehindTheDeadline) {
  Open();
  bool ran = false;
  const Limits late{.deadline = steady_clock::now(), .cancelled = {}};
  EXPECT_EQ(database_
                ->Read(late,
                       [&](Connection&) -> Status {
                         ran = true;
                         return {};
                       })
                .error()
                .id,
            "sql.deadline");
  EXPECT_FALSE(ran);
}

TEST_F(DatabaseTest, ReadersWaitForAFreeConnectionWithinTheirLimits) {
  Open();
  std::latch busy(2);
  std::latch release(1);
  std::vector<std::jthread> holders;
  for (int i = 0; i < 2; ++i) {
    holders.emplace_back([&] {
      EXPECT_TRUE(database_->Read({}, [&](Connection&) -> Status {
        busy.count_down();
        release.wait();
        return {};
      }));
    });
  }
  busy.wait();
  const auto nothing = [](Connection&) -> Status { return {}; };
  const Limits soon{.deadline = steady_clock::now() + milliseconds(10), .cancelled = {}};
  EXPECT_EQ(database_->Read(soon, nothing).error().id, "sql.deadline");
  std::atomic<int> asked = 0;
  const Limits cancelled{.deadline = Deadline::max(), .cancelled = [&] { return ++asked > 3; }};
  EXPECT_EQ(database_->Read(cancelled, nothing).error().id, "sql.cancelled");
  // One that is allowed to wait gets its turn.
  std::jthread waits([&] { EXPECT_TRUE(database_->Read({}, nothing)); });
  release.count_down();
}

TEST_F(DatabaseTest, NobodySeesARowBeforeItIsCommitted) {
  Open();
  std::int64_t seen = -1;
  std::int64_t in_batch = -1;
  std::latch told(1);
  Hold();
  database_->WriteAsync({}, Insert(1), [](const Status&) {});
  // Runs in the same transaction behind the insert: it sees the row, readers do not yet.
  database_->WriteAsync(
      {},
      [&](Connection& connection) -> Status {
        LQ_ASSIGN_OR_RETURN(const auto rows, connection.Query("SELECT COUNT(*) FROM items"));
        LQ_ASSIGN_OR_RETURN(in_batch, rows.at(0).Int(0));
        seen = Count();
        return {};
      },
      [&](const Status& status) {
        EXPECT_TRUE(status);
        told.count_down();
      });
  release_.count_down();
  told.wait();
  EXPECT_EQ(in_batch, 1);
  EXPECT_EQ(seen, 0);
  EXPECT_EQ(Count(), 1);
}

TEST_F(DatabaseTest, AWriteThatIsStoppedTakesNoOtherWithIt) {
  Open();
  std::latch told(3);
  const auto good = [&](const Status& status) {
    EXPECT_TRUE(status) << status.error().message;
    told.count_down();
  };
  Hold();
  std::atomic<bool> started = false;
  database_->WriteAsync({}, Insert(1), good);
  database_->WriteAsync(
      {.deadline = Deadline::max(), .cancelled = [&] { return started.load(); }},
      [&](Connection& connection) -> Status {
        started = true;
        // Already cancelled: a first statement would not even begin.
        LQ_RETURN_IF_ERROR(connection.Execute("INSERT INTO items (id) VALUES (9)"));
        return {};
      },
      [&](const Status& status) {
        EXPECT_EQ(status.error().id, "sql.cancelled");
        told.count_down();
      });
  database_->WriteAsync({}, Insert(3), good);
  release_.count_down();
  told.wait();
  EXPECT_EQ(Count(), 2);

  std::atomic<int> asked = 0;
  const Limits limits{.deadline = Deadline::max(), .cancelled = [&] { return ++asked > 20; }};
  const Status stopped = database_->Write(limits, [](Connection& connection) -> Status {
    LQ_RETURN_IF_ERROR(
        connection.Execute("WITH RECURSIVE n(x) AS (SELECT 10 UNION ALL SELECT x + 1 FROM n)"
                           " INSERT INTO items (id) SELECT x FROM n"));
    return {};
  });
  EXPECT_EQ(stopped.error().id, "sql.cancelled");
  EXPECT_EQ(Count(), 2);
  EXPECT_TRUE(database_->Health());
}

TEST_F(DatabaseTest, ADeferredConstraintFailsItsOwnWorkOnly) {
  const std::vector<Migration> schema = {
      {.version = 1,
       .name = "test: deferred",
       .statements = {"CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT UNIQUE)",
                      "CREATE TABLE parts (item INTEGER REFERENCES items (id) DEFERRABLE INITIALLY "
                      "DEFERRED)"}}};
  auto opened = TryOpen(Url(), schema);
  ASSERT_TRUE(opened);
  database_ = *std::move(opened);
  std::latch told(2);
  Hold();
  database_->WriteAsync({}, Insert(1), [&](const Status& status) {
    EXPECT_TRUE(status);
    told.count_down();
  });
  database_->WriteAsync(
      {},
      [](Connection& connection) -> Status {
        LQ_RETURN_IF_ERROR(connection.Execute("INSERT INTO parts VALUES (77)"));
        return {};
      },
      [&](const Status& status) {
        EXPECT_EQ(status.error().id, "sql.constraint");
        told.count_down();
      });
  release_.count_down();
  told.wait();
  EXPECT_EQ(Count(), 1);
}

TEST_F(DatabaseTest, ADeletedFileIsNotWrittenTo) {
  Open();
  std::filesystem::remove(folder_ / "a.db");
  EXPECT_EQ(database_->Write({}, Insert(1)).error().id, "sql.storage");
  EXPECT_EQ(database_->Health().error().id, "sql.storage");
}

TEST_F(DatabaseTest, ManyThreadsReadAndWrite) {
  Open();
  constexpr int kThreads = 6;
  constexpr int kEach = 30;
  std::atomic<int> told = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kEach; ++i) {
          const std::int64_t id = t * 1000 + i;
          if (t % 2 == 0) {
            EXPECT_TRUE(database_->Write({}, Insert(id)));
          } else {
            database_->WriteAsync({}, Insert(id),
                                  [&](const Status& status) { told += status ? 1 : 0; });
          }
          EXPECT_GE(Count(), 0);
          EXPECT_TRUE(database_->Health());
        }
      });
    }
  }
  database_.reset();
  EXPECT_EQ(told, kThreads / 2 * kEach);
  Open();
  EXPECT_EQ(Count(), kThreads * kEach);
}

}  // namespace
}  // namespace limequat::sql
