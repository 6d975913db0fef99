// The evidence of boots in the database.

#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "limequat/sql/temporary_folder_test.h"
#include "limequat/verifier/store.h"
#include "limequat/verifier/testing.h"

namespace limequat::verifier {
namespace {

using testing::IdOf;

constexpr crypto::HashAlgorithm kSha256 = crypto::HashAlgorithm::kSha256;
const Time kNow = FromUnixSeconds(1'800'000'000);

std::shared_ptr<const BootEvidence> Evidence(std::string_view log, std::string_view pcr0 = "0") {
  tpm::PcrValues pcrs;
  pcrs.Set(0, crypto::Hash(kSha256, AsBytes(pcr0)));
  pcrs.Set(14, crypto::Hash(kSha256, AsBytes("14")));
  return MakeBootEvidence(ToBytes(log), pcrs);
}

class StoreBootEvidenceTest : public ::testing::Test {
 protected:
  StoreBootEvidenceTest() { Reopen(); }

  void Reopen() {
    store_.reset();
    auto opened = Store::Open("sqlite:" + folder_ / "verifier.db");
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = *std::move(opened);
  }
  void Put(std::string_view id, bool replace = false) {
    const auto generation = store_->PutMachine(*testing::MakeTestEnrolment(id), {}, replace);
    ASSERT_TRUE(generation);
    generations_[std::string(id)] = *generation;
  }
  Status Keep(std::string_view id, std::shared_ptr<const BootEvidence> evidence) {
    std::promise<Status> promise;
    store_->KeepBootEvidence(*wire::AgentId::Parse(id),
                             {.generation = generations_[std::string(id)],
                              .evidence = std::move(evidence),
                              .verified = kNow},
                             [&](Status status) { promise.set_value(std::move(status)); });
    return promise.get_future().get();
  }
  // The log that is kept, or "none".
  std::string LogOf(std::string_view id) {
    const auto kept = store_->FindBootEvidence(id);
    EXPECT_TRUE(kept) << kept.error().message;
    return kept && *kept ? std::string(AsText((*kept)->evidence->log)) : "none";
  }
  std::int64_t Count(const std::string& table) {
    std::int64_t count = -1;
    EXPECT_TRUE(store_->database().Read({}, [&](sql::Connection& connection) -> Status {
      const auto rows = connection.Query("SELECT COUNT(*) FROM " + table);
      if (!rows) return rows.error();
      count = *rows->at(0).Int(0);
      return {};
    }));
    return count;
  }
  void Execute(const std::string& statement) {
    ASSERT_TRUE(store_->database().Write({}, [&](sql::Connection& connection) -> Status {
      const auto changed = connection.Execute(statement, {});
      return changed ? Status() : Status(changed.error());
    }));
  }
  // "INSERT ON table" fails from now on.
  void Refuse(const std::string& what) {
    Execute("CREATE TRIGGER refuses BEFORE " + what + " BEGIN SELECT RAISE(ABORT, 'refused'); END");
  }
  std::optional<crypto::Digest> RememberedOf(std::string_view id) {
    const auto loaded = store_->LoadMachines();
    EXPECT_TRUE(loaded && loaded->unreadable.empty());
    for (const StoredMachine& machine : loaded->machines) {
      if (machine.enrolment.id.text() == id) return machine.memory.boot_evidence;
    }
    return std::nullopt;
  }

  // Of each machine, as it was enrolled last.
  std::map<std::string, std::int64_t> generations_;
  sql::TemporaryFolder folder_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreBootEvidenceTest, SurvivesARestart) {
  Put("m1");
  Put("m2");
  EXPECT_EQ(LogOf("m1"), "none");
  EXPECT_FALSE(RememberedOf("m1").has_value());
  const std::string log("log with a NUL\0and \xff", 20);
  ASSERT_EQ(IdOf(Keep("m1", Evidence(log))), "ok");
  Reopen();
  const auto kept = store_->FindBootEvidence("m1");
  ASSERT_TRUE(kept && kept->has_value());
  EXPECT_EQ(AsText((*kept)->evidence->log), log);
  EXPECT_EQ((*kept)->evidence->pcrs, Evidence(log)->pcrs);
  EXPECT_EQ((*kept)->evidence->id, Evidence(log)->id);
  EXPECT_EQ((*kept)->verified, kNow);
  EXPECT_EQ(RememberedOf("m1"), Evidence(log)->id);
  EXPECT_FALSE(RememberedOf("m2").has_value());
  EXPECT_EQ(LogOf("m2"), "none");
}

TEST_F(StoreBootEvidenceTest, EvidenceIsToldByItsLogAndByItsValues) {
  EXPECT_EQ(Evidence("a")->id, Evidence("a")->id);
  EXPECT_NE(Evidence("a")->id, Evidence("b")->id);
  EXPECT_NE(Evidence("a")->id, Evidence("a", "another")->id);
}

TEST_F(StoreBootEvidenceTest, TheNewestReplacesTheOneBefore) {
  Put("m1");
  ASSERT_EQ(IdOf(Keep("m1", Evidence("first"))), "ok");
  ASSERT_EQ(IdOf(Keep("m1", Evidence("second"))), "ok");
  EXPECT_EQ(LogOf("m1"), "second");
  EXPECT_EQ(Count("boot_logs"), 1);
  ASSERT_EQ(IdOf(Keep("m1", Evidence("second", "other values"))), "ok");
  EXPECT_EQ(RememberedOf("m1"), Evidence("second", "other values")->id);
}

TEST_F(StoreBootEvidenceTest, EqualLogsAreStoredOnce) {
  for (const char* id : {"m1", "m2", "m3"}) {
    Put(id);
    ASSERT_EQ(IdOf(Keep(id, Evidence("same", id))), "ok");
  }
  EXPECT_EQ(Count("boot_logs"), 1);
  EXPECT_EQ(Count("machine_boots"), 3);
  ASSERT_EQ(IdOf(Keep("m1", Evidence("another"))), "ok");
  ASSERT_TRUE(store_->RemoveMachine(*wire::AgentId::Parse("m2")));
  EXPECT_EQ(LogOf("m3"), "same") << "somebody has it still";
  EXPECT_EQ(Count("boot_logs"), 2);
}

TEST_F(StoreBootEvidenceTest, GoesWithItsMachine) {
  Put("m1");
  ASSERT_EQ(IdOf(Keep("m1", Evidence("log"))), "ok");
  ASSERT_TRUE(store_->RemoveMachine(*wire::AgentId::Parse("m1")));
  EXPECT_EQ(LogOf("m1"), "none");
  EXPECT_EQ(Count("machine_boots"), 0);
  EXPECT_EQ(Count("boot_logs"), 0);
}

// Whoever is enrolled under the name now may be another machine with another TPM.
TEST_F(StoreBootEvidenceTest, Attack_A20_NothingIsLeftForAMachineOfTheSameName) {
  Put("m1");
  ASSERT_EQ(IdOf(Keep("m1", Evidence("log"))), "ok");
  Put("m1", /*replace=*/true);
  EXPECT_EQ(LogOf("m1"), "none");
  EXPECT_FALSE(RememberedOf("m1").has_value());
  EXPECT_EQ(Count("boot_logs"), 0);
  ASSERT_TRUE(store_->RemoveMachine(*wire::AgentId::Parse("m1")));
  EXPECT_EQ(IdOf(Keep("m1", Evidence("late"))), "verifier.stale");
  EXPECT_EQ(Count("boot_logs"), 0) << "nor is its log";
  Put("m1");
  EXPECT_EQ(LogOf("m1"), "none");
}

// The answer of the machine before was on its way when the other one was enrolled.
TEST_F(StoreBootEvidenceTest, Attack_A14_EvidenceOfAnEarlierEnrolmentIsDropped) {
  Put("m1");
  const std::int64_t before = generations_["m1"];
  Put("m1", /*replace=*/true);
  ASSERT_EQ(IdOf(Keep("m1", Evidence("of this one"))), "ok");
  generations_["m1"] = before;
  EXPECT_EQ(IdOf(Keep("m1", Evidence("of the one before"))), "verifier.stale");
  EXPECT_EQ(LogOf("m1"), "of this one");
}

TEST_F(StoreBootEvidenceTest, ValuesThatCannotBeReadAreAnError) {
  Put("m1");
  ASSERT_EQ(IdOf(Keep("m1", Evidence("log"))), "ok");
  for (const char* damage : {"{", R"({"sha256": {"99": ""}})"}) {
    ASSERT_TRUE(store_->database().Write({}, [&](sql::Connection& connection) -> Status {
      const auto changed =
          connection.Execute("UPDATE machine_boots SET pcrs = ?", {std::string(damage)});
      return changed ? Status() : Status(changed.error());
    }));
    EXPECT_FALSE(store_->FindBootEvidence("m1")) << damage;
  }
}

// Evidence is kept whole or not at all, and a machine goes with all of it.
TEST_F(StoreBootEvidenceTest, AWriteThatFailsChangesNothing) {
  Put("m1");
  ASSERT_EQ(IdOf(Keep("m1", Evidence("log"))), "ok");
  for (const char* refused :
       {"INSERT ON boot_logs", "DELETE ON boot_logs", "INSERT ON machine_boots"}) {
    Refuse(refused);
    EXPECT_NE(IdOf(Keep("m1", Evidence("another"))), "ok") << refused;
    EXPECT_EQ(LogOf("m1"), "log") << refused;
    EXPECT_EQ(Count("boot_logs"), 1) << refused;
    Execute("DROP TRIGGER refuses");
  }
  Refuse("DELETE ON machine_boots");
  EXPECT_FALSE(store_->RemoveMachine(*wire::AgentId::Parse("m1")));
  EXPECT_EQ(LogOf("m1"), "log");
}

}  // namespace
}  // namespace limequat::verifier
