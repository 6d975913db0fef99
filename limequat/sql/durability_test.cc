// Nothing acknowledged is lost when the program is killed. The program that is killed
// is this one, started again with kWriteUntilKilled.

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include "limequat/base/result_macros.h"
#include "limequat/sql/database.h"
#include "limequat/sql/temporary_folder_test.h"

namespace limequat::sql {
namespace {

constexpr const char* kWriteUntilKilled = "--write-until-killed";
constexpr int kOutstanding = 32;

const std::vector<Migration> kSchema = {
    {.version = 1,
     .name = "test: items",
     .statements = {"CREATE TABLE items (id INTEGER PRIMARY KEY, data BLOB)"}},
};

Result<std::unique_ptr<Database>> Open(const std::string& path) {
  DatabaseOptions options;
  options.url = "sqlite:" + path;
  return Database::Open(options, kSchema);
}

// Large enough for checkpoints to happen in between, and different for each row.
Bytes DataOf(std::int64_t id) { return Bytes(3000, static_cast<std::uint8_t>(id % 251)); }

// Writes rows first, first + 1, … and each number to standard output when it is durable.
int WriteUntilKilled(const std::string& path, std::int64_t first) {
  auto database = Open(path);
  if (!database) return ExitStatus(database.error().code);
  std::atomic<int> outstanding = 0;
  for (std::int64_t id = first;; ++id) {
    for (int now = outstanding; now >= kOutstanding; now = outstanding) outstanding.wait(now);
    ++outstanding;
    (*database)->WriteAsync(
        {},
        [id](Connection& connection) -> Status {
          LQ_RETURN_IF_ERROR(
              connection.Execute("INSERT INTO items VALUES (?, ?)", {id, DataOf(id)}));
          return {};
        },
        [id, &outstanding](const Status& status) {
          if (!status || write(STDOUT_FILENO, &id, sizeof id) != sizeof id) _exit(1);
          --outstanding;
          outstanding.notify_one();
        });
  }
}

// Runs WriteUntilKilled in another process, kills it after `count` numbers, and gives all of them.
std::set<std::int64_t> Kill(const std::string& path, std::int64_t first, int count) {
  std::array<int, 2> ends = {};
  EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const std::string number = std::to_string(first);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    execl("/proc/self/exe", "sql_test", kWriteUntilKilled, path.c_str(), number.c_str(), nullptr);
    _exit(127);
  }
  close(ends[1]);
  std::set<std::int64_t> told;
  std::int64_t id = 0;
  while (read(ends[0], &id, sizeof id) == sizeof id) {
    told.insert(id);
    if (static_cast<int>(told.size()) == count) kill(child, SIGKILL);
  }
  close(ends[0]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  return told;
}

std::string IntegrityCheck(const std::string& path) {
  sqlite3* database = nullptr;
  std::string said = "cannot open";
  if (sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK) {
    sqlite3_exec(
        database, "PRAGMA integrity_check",
        [](void* out, int, char** values, char**) {
          *static_cast<std::string*>(out) = values[0];
          return 0;
        },
        &said, nullptr);
  }
  sqlite3_close(database);
  return said;
}

TEST(Durability, NothingAcknowledgedIsLostBySigkill) {
  const TemporaryFolder folder;
  const std::string path = folder / "a.db";
  std::set<std::int64_t> acknowledged;
  std::int64_t next = 1;
  // Killed in the first moments, and later in the middle of checkpoints.
  for (const int count : {1, 2, 50, 333, 700, 1000, 17, 450}) {
    const std::set<std::int64_t> told = Kill(path, next, count);
    ASSERT_GE(told.size(), static_cast<std::size_t>(count));
    acknowledged.insert(told.begin(), told.end());

    auto database = Open(path);
    ASSERT_TRUE(database) << database.error().message;
    std::set<std::int64_t> kept;
    const Status read = (*database)->Read({}, [&](Connection& connection) -> Status {
      LQ_ASSIGN_OR_RETURN(const auto rows,
                          connection.Query("SELECT id, data FROM items", {}, 1'000'000));
      for (const Row& row : rows) {
        LQ_ASSIGN_OR_RETURN(const std::int64_t id, row.Int(0));
        LQ_ASSIGN_OR_RETURN(const Bytes data, row.Blob(1));
        EXPECT_TRUE(data == DataOf(id)) << id;
        kept.insert(id);
      }
      return {};
    });
    ASSERT_TRUE(read) << read.error().message;
    for (const std::int64_t id : acknowledged) EXPECT_TRUE(kept.contains(id)) << id;
    next = kept.empty() ? next : *kept.rbegin() + 1;
  }
  EXPECT_EQ(IntegrityCheck(path), "ok");
}

}  // namespace
}  // namespace limequat::sql

int main(int argc, char** argv) {
  if (argc == 4 && std::strcmp(argv[1], limequat::sql::kWriteUntilKilled) == 0) {
    return limequat::sql::WriteUntilKilled(argv[2], std::strtoll(argv[3], nullptr, 10));
  }
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
