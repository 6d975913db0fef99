// What happens between SQLite and the disk: a layer between them counts what is synced
// and fails when told to.

#include <atomic>
#include <functional>
#include <latch>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "limequat/base/result_macros.h"
#include "limequat/sql/database.h"
#include "limequat/sql/temporary_folder_test.h"

namespace limequat::sql {
namespace {

std::atomic<int> wal_syncs = 0;
std::atomic<int> wal_write_result = SQLITE_OK;
std::atomic<int> wal_sync_result = SQLITE_OK;
std::atomic<int> good_wal_writes = 0;  // before wal_write_result counts

// SQLite allocates szOsFile bytes for us; the real file follows behind this.
struct LayerFile {
  sqlite3_file base;
  bool wal;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

LayerFile* Layer(sqlite3_file* file) { return reinterpret_cast<LayerFile*>(file); }
sqlite3_file* Real(sqlite3_file* file) { return Layer(file)->real(); }

int Close(sqlite3_file* file) { return Real(file)->pMethods->xClose(Real(file)); }
int Read(sqlite3_file* file, void* buffer, int size, sqlite3_int64 at) {
  return Real(file)->pMethods->xRead(Real(file), buffer, size, at);
}
int Write(sqlite3_file* file, const void* buffer, int size, sqlite3_int64 at) {
  if (Layer(file)->wal && wal_write_result != SQLITE_OK && good_wal_writes-- <= 0) {
    return wal_write_result;
  }
  return Real(file)->pMethods->xWrite(Real(file), buffer, size, at);
}
int Truncate(sqlite3_file* file, sqlite3_int64 size) {
  return Real(file)->pMethods->xTruncate(Real(file), size);
}
int Sync(sqlite3_file* file, int flags) {
  if (Layer(file)->wal) {
    if (wal_sync_result != SQLITE_OK) return wal_sync_result;
    ++wal_syncs;
  }
  return Real(file)->pMethods->xSync(Real(file), flags);
}
int FileSize(sqlite3_file* file, sqlite3_int64* size) {
  return Real(file)->pMethods->xFileSize(Real(file), size);
}
int Lock(sqlite3_file* file, int lock) { return Real(file)->pMethods->xLock(Real(file), lock); }
int Unlock(sqlite3_file* file, int lock) { return Real(file)->pMethods->xUnlock(Real(file), lock); }
int CheckReservedLock(sqlite3_file* file, int* held) {
  return Real(file)->pMethods->xCheckReservedLock(Real(file), held);
}
int FileControl(sqlite3_file* file, int operation, void* argument) {
  return Real(file)->pMethods->xFileControl(Real(file), operation, argument);
}
int SectorSize(sqlite3_file* file) { return Real(file)->pMethods->xSectorSize(Real(file)); }
int DeviceCharacteristics(sqlite3_file* file) {
  return Real(file)->pMethods->xDeviceCharacteristics(Real(file));
}
int ShmMap(sqlite3_file* file, int page, int size, int extend, void volatile** memory) {
  return Real(file)->pMethods->xShmMap(Real(file), page, size, extend, memory);
}
int ShmLock(sqlite3_file* file, int offset, int count, int flags) {
  return Real(file)->pMethods->xShmLock(Real(file), offset, count, flags);
}
void ShmBarrier(sqlite3_file* file) { Real(file)->pMethods->xShmBarrier(Real(file)); }
int ShmUnmap(sqlite3_file* file, int remove) {
  return Real(file)->pMethods->xShmUnmap(Real(file), remove);
}

const sqlite3_io_methods kMethods = {2,
                                     Close,
                                     Read,
                                     Write,
                                     Truncate,
                                     Sync,
                                     FileSize,
                                     Lock,
                                     Unlock,
                                     CheckReservedLock,
                                     FileControl,
                                     SectorSize,
                                     DeviceCharacteristics,
                                     ShmMap,
                                     ShmLock,
                                     ShmBarrier,
                                     ShmUnmap,
                                     nullptr,
                                     nullptr};

class DiskLayer {
 public:
  DiskLayer() : original_(sqlite3_vfs_find(nullptr)), layer_(*original_) {
    layer_.zName = "layer";
    layer_.szOsFile = original_->szOsFile + static_cast<int>(sizeof(LayerFile));
    layer_.pAppData = original_;
    layer_.xOpen = [](sqlite3_vfs* self, sqlite3_filename name, sqlite3_file* file, int flags,
                      int* out) {
      auto* original = static_cast<sqlite3_vfs*>(self->pAppData);
      file->pMethods = nullptr;
      Layer(file)->wal = (flags & SQLITE_OPEN_WAL) != 0;
      const int code = original->xOpen(original, name, Real(file), flags, out);
      if (code == SQLITE_OK) file->pMethods = &kMethods;
      return code;
    };
    sqlite3_vfs_register(&layer_, 1);
  }
  ~DiskLayer() {
    sqlite3_vfs_register(original_, 1);
    sqlite3_vfs_unregister(&layer_);
  }
  DiskLayer(const DiskLayer&) = delete;
  DiskLayer& operator=(const DiskLayer&) = delete;

 private:
  sqlite3_vfs* original_;
  sqlite3_vfs layer_;
};

using RepeatableWork = std::function<Status(Connection&)>;

class SqliteFaultTest : public testing::Test {
 protected:
  void SetUp() override {
    Repair();
    DatabaseOptions options;
    options.url = "sqlite:" + folder_ / "a.db";
    options.readers = 1;
    const std::vector<Migration> schema = {
        {.version = 1,
         .name = "test: items",
         .statements = {"CREATE TABLE items (id INTEGER PRIMARY KEY, data BLOB)"}}};
    auto opened = Database::Open(options, schema);
    ASSERT_TRUE(opened) << opened.error().message;
    database_ = *std::move(opened);
  }
  void TearDown() override { Repair(); }

  static void Repair() {
    wal_write_result = SQLITE_OK;
    wal_sync_result = SQLITE_OK;
    good_wal_writes = 0;
  }

  static RepeatableWork Insert(std::int64_t id, std::size_t size = 10) {
    return [id, size](Connection& connection) -> Status {
      LQ_RETURN_IF_ERROR(
          connection.Execute("INSERT INTO items VALUES (?, ?)", {id, Bytes(size, 7)}));
      return {};
    };
  }

  std::vector<std::int64_t> Ids() {
    std::vector<std::int64_t> ids;
    const Status status = database_->Read({}, [&](Connection& connection) -> Status {
      LQ_ASSIGN_OR_RETURN(const auto rows, connection.Query("SELECT id FROM items ORDER BY id"));
      for (const Row& row : rows) ids.push_back(row.Int(0).value());
      return {};
    });
    EXPECT_TRUE(status);
    return ids;
  }

  // Queues works that then share one transaction, and gives their outcomes.
  std::vector<std::string> Together(std::vector<RepeatableWork> works) {
    std::latch runs(1);
    std::latch release(1);
    std::latch told(static_cast<std::ptrdiff_t>(works.size()) + 1);
    std::vector<std::string> outcomes(works.size());
    database_->WriteAsync(
        {},
        [&](Connection&) -> Status {
          runs.count_down();
          release.wait();
          return {};
        },
        [&](const Status&) { told.count_down(); });
    runs.wait();
    for (std::size_t i = 0; i < works.size(); ++i) {
      database_->WriteAsync({}, std::move(works[i]), [&, i](const Status& status) {
        outcomes[i] = status ? "ok" : status.error().id;
        told.count_down();
      });
    }
    release.count_down();
    told.wait();
    return outcomes;
  }

  void WaitUntilHealthy() {
    while (!database_->Health()) std::this_thread::yield();
  }

  DiskLayer layer_;
  TemporaryFolder folder_;
  std::unique_ptr<Database> database_;
};

TEST_F(SqliteFaultTest, EveryAcknowledgedWriteIsSynced) {
  for (std::int64_t i = 0; i < 5; ++i) {
    const int before = wal_syncs;
    ASSERT_TRUE(database_->Write({}, Insert(i)));
    EXPECT_GT(wal_syncs, before);
  }
}

TEST_F(SqliteFaultTest, WritesThatWaitShareOneSync) {
  std::vector<RepeatableWork> works;
  for (std::int64_t i = 0; i < 100; ++i) works.push_back(Insert(i));
  ASSERT_TRUE(database_->Write({}, Insert(1000)));
  const int before = wal_syncs;
  EXPECT_THAT(Together(std::move(works)), testing::Each("ok"));
  // The one that held the others wrote nothing.
  EXPECT_EQ(wal_syncs, before + 1);
  EXPECT_EQ(Ids().size(), 101U);
}

TEST_F(SqliteFaultTest, ASyncThatFailsIsAcknowledgedToNobody) {
  wal_sync_result = SQLITE_IOERR_FSYNC;
  EXPECT_THAT(Together({Insert(1), Insert(2)}), testing::Each("sql.outcome_unknown"));
  EXPECT_EQ(database_->Health().error().id, "sql.storage");
  Repair();
  WaitUntilHealthy();
  EXPECT_TRUE(database_->Write({}, Insert(3)));
}

TEST_F(SqliteFaultTest, AFullDiskIsToldAndSurvived) {
  ASSERT_TRUE(database_->Write({}, Insert(1)));
  wal_write_result = SQLITE_FULL;
  const Status full = database_->Write({}, Insert(2));
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(database_->Health().error().id, "sql.storage");
  EXPECT_THAT(Ids(), testing::ElementsAre(1));
  Repair();
  WaitUntilHealthy();
  EXPECT_TRUE(database_->Write({}, Insert(3)));
  EXPECT_THAT(Ids(), testing::ElementsAre(1, 3));
}

// A work too large for SQLite's cache is written before the commit. When that fails
// SQLite gives up the transaction, with works in it that have done nothing wrong.
TEST_F(SqliteFaultTest, AWorkThatFillsTheDiskTakesNoOtherWithIt) {
  const RepeatableWork large = [](Connection& connection) -> Status {
    wal_write_result = SQLITE_FULL;
    good_wal_writes = 10;
    for (std::int64_t i = 0; i < 100; ++i) {
      if (auto done =
              connection.Execute("INSERT INTO items VALUES (?, ?)", {100 + i, Bytes(100'000, 1)});
          !done) {
        Repair();
        return std::move(done).error();
      }
    }
    return {};
  };
  EXPECT_THAT(Together({Insert(1), large, Insert(3)}),
              testing::ElementsAre("ok", "sql.storage", "ok"));
  EXPECT_THAT(Ids(), testing::ElementsAre(1, 3));
  WaitUntilHealthy();
}

}  // namespace
}  // namespace limequat::sql
