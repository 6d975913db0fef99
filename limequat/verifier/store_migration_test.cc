// Databases that earlier versions of this program made.

#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "limequat/sql/temporary_folder_test.h"
#include "limequat/verifier/store_internal.h"
#include "limequat/verifier/testing.h"

namespace limequat::verifier {
namespace {

constexpr const char* kPolicyText = "policy";
constexpr const char* kReference = R"({"kernels": []})";
constexpr const char* kMemory = R"({"boots":3,"bank":"sha256"})";

std::string HashOf(std::string_view text) {
  return crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(text)).hex();
}

class StoreMigrationTest : public ::testing::TestWithParam<int> {
 protected:
  // A database of schema version `version` with two machines, as that version wrote them: m1
  // under the policy "base", m2 under none.
  void Make(int version) {
    auto opened =
        sql::Database::Open({.url = Url()}, Migrations().first(static_cast<std::size_t>(version)));
    ASSERT_TRUE(opened) << opened.error().message;
    database_ = *std::move(opened);
    Run("INSERT INTO policies (hash, body) VALUES (?, ?)", {HashOf(kPolicyText), kPolicyText});
    Run("INSERT INTO policy_names (name, hash, pushed_us) VALUES ('base', ?, 7)",
        {HashOf(kPolicyText)});
    if (version >= 2) {
      Run("INSERT INTO policy_versions (name, number, hash, pushed_us) VALUES ('base', 1, ?, 7)",
          {HashOf(kPolicyText)});
    }
    Machine(version, "m1", "base", HashOf(kPolicyText), 5);
    Machine(version, "m2", "", "", 6);
    Run("UPDATE generations SET newest = 6", {});
    Run("INSERT INTO incidents (number, agent_id, ek_fingerprint, opened_us, closed_us, closed_by, "
        "note, check_name, detail, cause) VALUES (1, 'm1', '', 0, NULL, '', '', 'x', '', '')",
        {});
    if (version >= 3) {
      Run("INSERT INTO boot_policies (name, hash, body, pushed_us) VALUES ('boots', ?, ?, 7)",
          {HashOf(kReference), kReference});
      Run("UPDATE machines SET boot_policy_name = 'boots' WHERE agent_id = 'm2'", {});
    }
    database_.reset();
  }

  void Machine(int version, const std::string& id, const std::string& policy,
               const std::string& hash, std::int64_t generation) {
    if (version >= 5) {
      Run("INSERT INTO machines (agent_id, generation, enrolment, policy_hash, ek_fingerprint, "
          "memory, boot_policy_name) VALUES (?, ?, ?, ?, ?, ?, '')",
          {id, generation, StoreForm(*testing::MakeTestEnrolment(id)), hash, std::string(64, 'e'),
           kMemory});
      if (policy.empty()) return;
      Run("INSERT INTO machine_layers (agent_id, position, policy_name) VALUES (?, 0, ?)",
          {id, policy});
      return;
    }
    Run("INSERT INTO machines (agent_id, generation, enrolment, policy_name, policy_hash, "
        "ek_fingerprint, memory) VALUES (?, ?, ?, ?, ?, ?, ?)",
        {id, generation, StoreForm(*testing::MakeTestEnrolment(id)), policy, hash,
         std::string(64, 'e'), kMemory});
  }

  void Run(const std::string& statement, const sql::Parameters& parameters) {
    const Status done = database_->Write({}, [&](sql::Connection& connection) -> Status {
      const auto changed = connection.Execute(statement, parameters);
      return changed ? Status() : Status(changed.error());
    });
    ASSERT_TRUE(done) << done.error().message;
  }

  std::string Url() const { return "sqlite:" + folder_ / "verifier.db"; }

  sql::TemporaryFolder folder_;
  std::unique_ptr<sql::Database> database_;
};

TEST_P(StoreMigrationTest, MachinesPoliciesAndReferencesAreKept) {
  const int version = GetParam();
  Make(version);
  auto opened = Store::Open(Url());
  ASSERT_TRUE(opened) << opened.error().message;
  Store& store = **opened;

  const auto loaded = store.LoadMachines();
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_TRUE(loaded->unreadable.empty());
  ASSERT_EQ(loaded->machines.size(), 2U);
  const StoredMachine& first = loaded->machines[0];
  const StoredMachine& second = loaded->machines[1];
  EXPECT_EQ(first.enrolment.id.text(), "m1");
  EXPECT_EQ(first.enrolment.generation, 5);
  EXPECT_EQ(first.enrolment.identity, "verified");
  EXPECT_EQ(first.enrolment.bound.policies, std::vector<std::string>{"base"});
  EXPECT_TRUE(first.enrolment.bound.labels.empty());
  EXPECT_EQ(first.policy_hash->hex(), HashOf(kPolicyText));
  EXPECT_EQ(first.memory.boots, 3);
  EXPECT_EQ(first.memory.bank, crypto::HashAlgorithm::kSha256);
  EXPECT_EQ(first.memory.open_incidents, 1);
  EXPECT_TRUE(second.enrolment.bound.policies.empty());
  EXPECT_FALSE(second.policy_hash.has_value());
  EXPECT_EQ(second.enrolment.boot_policy_name, version >= 3 ? "boots" : "");

  EXPECT_EQ((*store.FindPolicy("base"))->body, kPolicyText);
  const auto versions = store.ListPolicyVersions("base");
  ASSERT_EQ(versions->size(), 1U);
  EXPECT_EQ(versions->at(0).number, 1);
  EXPECT_EQ(versions->at(0).pushed, FromMicros(7));
  EXPECT_EQ(store.FindBootPolicy("boots")->has_value(), version >= 3);
  EXPECT_EQ(store.FindFollowers("base")->at(0).agent_id, "m1");
  EXPECT_TRUE(store.ListLabels()->empty());
  EXPECT_FALSE(first.memory.boot_evidence.has_value());
  EXPECT_FALSE(store.FindBootEvidence("m1")->has_value()) << "no log was kept then";
}

// The machines of then are followed, remembered and replaced as those of now.
TEST_P(StoreMigrationTest, WhatIsKeptCanBeChanged) {
  Make(GetParam());
  auto opened = Store::Open(Url());
  ASSERT_TRUE(opened) << opened.error().message;
  Store& store = **opened;
  const auto hash = crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes("next"));
  const auto rebound = store.PutPolicy({.name = "base", .hash = hash, .body = "next"},
                                       {{.agent_id = "m1", .policy_hash = hash}}, Time());
  ASSERT_TRUE(rebound) << rebound.error().message;
  EXPECT_EQ(rebound->at(0).generation, 7);
  EXPECT_EQ(store.ListPolicyVersions("base")->at(0).number, 2);
  const auto put = store.PutMachine(*testing::MakeTestEnrolment("m2"), std::nullopt, true);
  EXPECT_EQ(put.value_or(0), 8);
  ASSERT_TRUE(store.PutLabel("web", {"base"}, {}));
  const auto labelled = store.PutBinding({.labels = {"web"}, .policies = {}},
                                         {.agent_id = "m1", .policy_hash = hash});
  EXPECT_EQ(labelled.value_or(0), 9);
  opened->reset();
  opened = Store::Open(Url());
  ASSERT_TRUE(opened) << "the second start migrates nothing";
  EXPECT_EQ((*opened)->LoadMachines()->machines.at(0).policy_hash, hash);
}

INSTANTIATE_TEST_SUITE_P(FromEveryVersion, StoreMigrationTest, ::testing::Range(1, 8),
                         [](const auto& version) { return fmt::format("v{}", version.param); });

}  // namespace
}  // namespace limequat::verifier
