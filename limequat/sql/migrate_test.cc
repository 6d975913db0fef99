#include "limequat/sql/migrate.h"

#include <latch>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/sql/sqlite_connection.h"
#include "limequat/sql/sqlite_file.h"
#include "limequat/sql/temporary_folder_test.h"

namespace limequat::sql {
namespace {

using testing::HasSubstr;

const std::vector<Migration> kThree = {
    {.version = 1,
     .name = "test: machines",
     .statements = {"CREATE TABLE machines (id TEXT PRIMARY KEY)"}},
    {.version = 2,
     .name = "test: size",
     .statements = {"ALTER TABLE machines ADD COLUMN size INTEGER",
                    "UPDATE machines SET size = 7"}},
    {.version = 3,
     .name = "test: index",
     .statements = {"CREATE INDEX by_size ON machines (size)"}},
};

class MigrateTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(SecureDatabaseFile(folder_ / "a.db"));
    session_ = Open();
    ASSERT_NE(session_, nullptr);
  }

  std::unique_ptr<SqliteConnection> Open() {
    auto opened = SqliteConnection::Open(folder_ / "a.db", SqliteConnection::Role::kWriter);
    return opened ? *std::move(opened) : nullptr;
  }

  Status Apply(std::size_t count) { return Migrate(*session_, std::span(kThree).first(count)); }

  std::int64_t Version() {
    const auto rows = session_->Query("SELECT MAX(version) FROM schema_migrations");
    return rows ? rows->at(0).OptionalInt(0).value().value_or(0) : -1;
  }

  TemporaryFolder folder_;
  std::unique_ptr<SqliteConnection> session_;
};

TEST_F(MigrateTest, AppliesAllInOrder) {
  ASSERT_TRUE(Apply(3));
  EXPECT_EQ(Version(), 3);
  EXPECT_TRUE(session_->Execute("INSERT INTO machines (id, size) VALUES ('a', 1)"));
  EXPECT_FALSE(session_->InTransaction());
}

TEST_F(MigrateTest, AppliesEachOnce) {
  ASSERT_TRUE(Apply(1));
  ASSERT_TRUE(session_->Execute("INSERT INTO machines (id) VALUES ('a')"));
  ASSERT_TRUE(Apply(2));
  ASSERT_TRUE(session_->Execute("UPDATE machines SET size = 9"));
  ASSERT_TRUE(Apply(3));
  ASSERT_TRUE(Apply(3));
  EXPECT_EQ(session_->Query("SELECT size FROM machines").value().at(0).Int(0).value(), 9);
}

TEST_F(MigrateTest, NoneIsASchemaToo) {
  ASSERT_TRUE(Apply(0));
  EXPECT_EQ(Version(), 0);
}

TEST_F(MigrateTest, RefusesANewerSchema) {
  ASSERT_TRUE(Apply(3));
  const Status status = Apply(2);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kConflict);
  EXPECT_EQ(status.error().id, "sql.newer_schema");
  EXPECT_THAT(status.error().message,
              HasSubstr("it has schema 3 (test: index), this program knows 2"));
  EXPECT_FALSE(session_->InTransaction());
}

TEST_F(MigrateTest, RefusesTheDatabaseOfAnotherProgram) {
  ASSERT_TRUE(Apply(3));
  const std::vector<Migration> other = {{.version = 1, .name = "other: agents", .statements = {}}};
  const Status status = Migrate(*session_, other);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kConflict);
  EXPECT_EQ(status.error().id, "sql.other_schema");
}

TEST_F(MigrateTest, AFailureLeavesTheVersionBefore) {
  std::vector<Migration> broken = {kThree[0], kThree[1]};
  broken[1].statements.push_back("UPDATE nothing SET a = 1");
  const Status status = Migrate(*session_, broken);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().id, "sql.statement");
  EXPECT_THAT(status.error().message, testing::StartsWith("migration 2 (test: size): "));
  EXPECT_FALSE(session_->InTransaction());
  EXPECT_EQ(Version(), 1);
  EXPECT_FALSE(session_->Query("SELECT size FROM machines"));

  // And it can be done again when it is repaired.
  ASSERT_TRUE(Apply(3));
  EXPECT_EQ(Version(), 3);
}

TEST_F(MigrateTest, AFailureAtTheCommitLeavesTheVersionBefore) {
  const std::vector<Migration> broken = {
      {.version = 1,
       .name = "test: parent",
       .statements = {"CREATE TABLE parent (id INTEGER PRIMARY KEY)"}},
      {.version = 2,
       .name = "test: orphan",
       .statements = {
           "CREATE TABLE child (p INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)",
           "INSERT INTO child VALUES (1)"}}};
  EXPECT_EQ(Migrate(*session_, broken).error().id, "sql.constraint");
  EXPECT_FALSE(session_->InTransaction());
  EXPECT_EQ(Version(), 1);
}

TEST_F(MigrateTest, TwoProgramsMayMigrateAtOnce) {
  const auto other = Open();
  ASSERT_NE(other, nullptr);
  std::latch start(2);
  Status first;
  Status second;
  {
    std::jthread one([&] {
      start.arrive_and_wait();
      first = Migrate(*session_, kThree);
    });
    std::jthread two([&] {
      start.arrive_and_wait();
      second = Migrate(*other, kThree);
    });
  }
  EXPECT_TRUE(first) << first.error().message;
  EXPECT_TRUE(second) << second.error().message;
  EXPECT_EQ(Version(), 3);
}

TEST_F(MigrateTest, VersionsCountFromOne) {
  const std::vector<Migration> gap = {{.version = 2, .name = "test: gap", .statements = {}}};
  EXPECT_DEATH(static_cast<void>(Migrate(*session_, gap)), "does not hold");
}

}  // namespace
}  // namespace limequat::sql
