#include "limequat/verifier/store.h"

#include <future>
#include <set>

#include <gtest/gtest.h>

#include "limequat/sql/temporary_folder_test.h"
#include "limequat/verifier/testing.h"

namespace limequat::verifier {
namespace {

using testing::IdOf;

const Time kNow = FromUnixSeconds(1'800'000'000);
constexpr crypto::HashAlgorithm kSha256 = crypto::HashAlgorithm::kSha256;

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() { Reopen(); }

  void Reopen() {
    store_.reset();
    auto opened = Store::Open("sqlite:" + folder_ / "verifier.db");
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = *std::move(opened);
  }

  std::int64_t Put(bool replace = false) {
    const auto generation = store_->PutMachine(*enrolment_, {}, replace);
    EXPECT_TRUE(generation);
    return generation ? *generation : 0;
  }

  static Memory SomeMemory() {
    Memory memory;
    memory.bank = kSha256;
    tpm::PcrValues pcrs;
    pcrs.Set(0, crypto::Hash(kSha256, AsBytes("pcr 0")));
    memory.baseline = appraise::BootBaseline{.pcrs = pcrs, .approved = true};
    memory.boot = BootRecord{.reset_count = 7,
                             .restart_count = 1,
                             .entries = 42,
                             .pcr10 = crypto::Hash(kSha256, AsBytes("pcr 10")),
                             .template_digests = ima::TemplateDigests::kZeroPadded,
                             .clock = 99};
    memory.boots = 3;
    memory.last_failure = "a signature";
    return memory;
  }

  Result<std::vector<Store::Rebound>> PutPolicy(const std::string& name, const std::string& body,
                                                const std::vector<Store::Move>& moves = {}) {
    return store_->PutPolicy(
        {.name = name, .hash = crypto::Hash(kSha256, AsBytes(body)), .body = body}, moves, kNow);
  }

  Status RememberAs(std::int64_t generation, const crypto::Digest& policy_hash) {
    std::promise<Status> promise;
    store_->Remember(enrolment_->id,
                     {.generation = generation, .policy_hash = policy_hash, .memory = SomeMemory()},
                     [&](Status status) { promise.set_value(std::move(status)); });
    return promise.get_future().get();
  }

  std::int64_t Fail(bool opens_incident, std::string_view check = "ima.path") {
    auto appraisal = std::make_shared<appraise::Appraisal>();
    appraisal->evaluated_at = kNow;
    appraise::Add(*appraisal, Failed(check, "a detail"));
    std::promise<Result<std::int64_t>> promise;
    store_->KeepFailure(*enrolment_, {.appraisal = appraisal, .opens_incident = opens_incident},
                        [&](Result<std::int64_t> open) { promise.set_value(std::move(open)); });
    auto open = promise.get_future().get();
    EXPECT_TRUE(open);
    return open ? *open : -1;
  }

  Store::Loaded Loaded() { return *store_->LoadMachines(); }

  sql::TemporaryFolder folder_;
  std::shared_ptr<Enrolment> enrolment_ = testing::MakeTestEnrolment();
  crypto::Digest no_policy_{kSha256};
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, MachineAndItsMemorySurviveARestart) {
  const std::int64_t generation = Put();
  ASSERT_TRUE(RememberAs(generation, no_policy_));
  Reopen();
  const Store::Loaded loaded = Loaded();
  ASSERT_EQ(loaded.machines.size(), 1U);
  const Memory& memory = loaded.machines[0].memory;
  EXPECT_EQ(loaded.machines[0].enrolment.generation, generation);
  EXPECT_EQ(memory.bank, kSha256);
  EXPECT_TRUE(memory.baseline->approved);
  EXPECT_EQ(memory.baseline->pcrs, SomeMemory().baseline->pcrs);
  EXPECT_EQ(memory.boot->reset_count, 7U);
  EXPECT_EQ(memory.boot->entries, 42U);
  EXPECT_EQ(memory.boot->pcr10, SomeMemory().boot->pcr10);
  EXPECT_EQ(memory.boot->template_digests, ima::TemplateDigests::kZeroPadded);
  EXPECT_EQ(memory.boots, 3);
  EXPECT_EQ(memory.last_failure, "a signature");
}

// Written before failures were remembered.
TEST_F(StoreTest, MemoryWithoutAFailureIsNotOneThatPassed) {
  Put();
  EXPECT_EQ(Loaded().machines[0].memory.last_failure, std::nullopt);
}

TEST_F(StoreTest, EnrolledTwiceIsAConflict) {
  Put();
  EXPECT_EQ(store_->PutMachine(*enrolment_, {}, false).error().id, "verifier.enrolled");
}

TEST_F(StoreTest, Attack_A20_GenerationsNeverRepeat) {
  const std::int64_t first = Put();
  ASSERT_TRUE(store_->RemoveMachine(enrolment_->id));
  const std::int64_t second = Put();
  EXPECT_GT(second, first);
  EXPECT_FALSE(Loaded().machines[0].memory.baseline.has_value()) << "a new enrolment starts anew";
}

TEST_F(StoreTest, Attack_A14_StaleMemoryIsNotWritten) {
  const std::int64_t generation = Put();
  EXPECT_EQ(IdOf(RememberAs(generation + 1, no_policy_)), "verifier.stale");
  EXPECT_EQ(IdOf(RememberAs(generation, crypto::Hash(kSha256, AsBytes("another")))),
            "verifier.stale");
  EXPECT_FALSE(Loaded().machines[0].memory.boot.has_value());
  EXPECT_EQ(IdOf(RememberAs(generation, no_policy_)), "ok");
}

TEST_F(StoreTest, Attack_A14_PushedPolicyMakesOlderVerdictsStale) {
  enrolment_->bound.policies = {"base"};
  const std::int64_t generation = Put();
  const auto hash = crypto::Hash(kSha256, AsBytes("{}"));
  const auto rebound = PutPolicy("base", "{}", {{.agent_id = "machine-1", .policy_hash = hash}});
  ASSERT_TRUE(rebound);
  ASSERT_EQ(rebound->size(), 1U);
  EXPECT_EQ(rebound->at(0).agent_id, "machine-1");
  EXPECT_EQ(IdOf(RememberAs(generation, no_policy_)), "verifier.stale");
  EXPECT_EQ(IdOf(RememberAs(rebound->at(0).generation, hash)), "ok");
  EXPECT_EQ(Loaded().machines[0].policy_hash, hash);
}

TEST_F(StoreTest, LayersAreKeptInTheirOrder) {
  enrolment_->bound.policies = {"zone", "base", "team"};
  Put();
  enrolment_ = testing::MakeTestEnrolment("machine-2");
  enrolment_->bound.policies = {"base"};
  Put();
  Reopen();
  const auto names = [](const Binding& bound) {
    std::string text;
    for (const std::string& policy : bound.policies) text += policy + " ";
    return text;
  };
  EXPECT_EQ(names(Loaded().machines.at(0).enrolment.bound), "zone base team ");
  EXPECT_EQ(names(Loaded().machines.at(1).enrolment.bound), "base ");
  enrolment_->bound.policies = {"team"};
  Put(true);
  EXPECT_EQ(names(Loaded().machines.at(1).enrolment.bound), "team ") << "replaced, not added";
  ASSERT_TRUE(store_->RemoveMachine(enrolment_->id));
  Put();
  EXPECT_EQ(names(Loaded().machines.at(1).enrolment.bound), "team ") << "gone with its machine";
}

TEST_F(StoreTest, FollowersAreFoundWithAllTheirLayers) {
  enrolment_->bound.policies = {"base", "team"};
  const auto hash = crypto::Hash(kSha256, AsBytes("both"));
  ASSERT_TRUE(store_->PutMachine(*enrolment_, hash, false));
  enrolment_ = testing::MakeTestEnrolment("machine-2");
  enrolment_->bound.policies = {"team"};
  Put();
  EXPECT_EQ(store_->FindFollowers("team")->size(), 2U);
  const auto followers = store_->FindFollowers("base");
  ASSERT_EQ(followers->size(), 1U);
  EXPECT_EQ(followers->at(0).agent_id, "machine-1");
  EXPECT_EQ(followers->at(0).bound.policies, (std::vector<std::string>{"base", "team"}));
  EXPECT_EQ(followers->at(0).policy_hash, hash.hex());
  EXPECT_TRUE(store_->FindFollowers("bas")->empty());
}

TEST_F(StoreTest, MoreFollowersThanOnePageAreFoundOnceEach) {
  enrolment_->bound.policies = {"base", "team"};
  Put();
  constexpr int kMore = 1200;  // two pages of 500, and some
  ASSERT_TRUE(store_->database().Write({}, [](sql::Connection& connection) -> Status {
    for (const char* copy :
         {"INSERT INTO machines SELECT printf('m%05d', n), generation, enrolment, policy_hash, "
          "ek_fingerprint, memory, boot_policy_name FROM machines, n",
          "INSERT INTO machine_layers SELECT printf('m%05d', n), position, policy_name FROM "
          "machine_layers, n"}) {
      const auto copied = connection.Execute(
          "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1200) " +
          std::string(copy));
      if (!copied) return copied.error();
    }
    return {};
  }));
  const auto followers = store_->FindFollowers("team");
  ASSERT_EQ(followers->size(), static_cast<std::size_t>(kMore) + 1);
  std::set<std::string> ids;
  for (const Store::Follower& one : *followers) {
    EXPECT_EQ(one.bound.policies, (std::vector<std::string>{"base", "team"}));
    ids.insert(one.agent_id);
  }
  EXPECT_EQ(ids.size(), followers->size());
  const Store::Loaded loaded = Loaded();
  ASSERT_EQ(loaded.machines.size(), followers->size());
  for (const StoredMachine& machine : loaded.machines) {
    ASSERT_EQ(machine.enrolment.bound.policies.size(), 2U);
    EXPECT_EQ(machine.enrolment.bound.policies[0], "base");
  }
}

TEST_F(StoreTest, UsersOfAPolicyAreCountedAndSomeAreNamed) {
  for (int i = 5; i > 0; --i) {
    enrolment_ = testing::MakeTestEnrolment("machine-" + std::to_string(i));
    enrolment_->bound.policies = {"base", "team"};
    if (i > 1) enrolment_->boot_policy_name = "base";
    Put();
  }
  const auto runtime = store_->FindPolicyUsers(PolicyNames::kRuntime, "base");
  EXPECT_EQ(runtime->machines, 5);
  EXPECT_EQ(runtime->first, (std::vector<std::string>{"machine-1", "machine-2", "machine-3"}));
  const auto boot = store_->FindPolicyUsers(PolicyNames::kBoot, "base");
  EXPECT_EQ(boot->machines, 4);
  EXPECT_EQ(boot->first, (std::vector<std::string>{"machine-2", "machine-3", "machine-4"}));
  EXPECT_EQ(store_->FindPolicyUsers(PolicyNames::kBoot, "team")->machines, 0);
  EXPECT_TRUE(store_->FindPolicyUsers(PolicyNames::kRuntime, "other")->first.empty());
}

// A move of a machine that is not there would leave another policy in the database than the
// one that the fleet goes by.
TEST_F(StoreTest, AMoveOfNobodyRefusesThePolicy) {
  const auto hash = crypto::Hash(kSha256, AsBytes("{}"));
  const auto put = PutPolicy("base", "{}", {{.agent_id = "machine-1", .policy_hash = hash}});
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().id, "verifier.unknown_agent");
  EXPECT_FALSE(store_->FindPolicy("base")->has_value());
}

TEST_F(StoreTest, Cve_2025_1057_OneBadRowHidesNobody) {
  Put();
  enrolment_ = testing::MakeTestEnrolment("machine-2");
  Put();
  ASSERT_TRUE(store_->database().Write({}, [](sql::Connection& connection) -> Status {
    const auto changed = connection.Execute(
        "UPDATE machines SET enrolment = 'rubbish' WHERE agent_id = 'machine-1'");
    return changed ? Status() : Status(changed.error());
  }));
  const Store::Loaded loaded = Loaded();
  ASSERT_EQ(loaded.machines.size(), 1U);
  EXPECT_EQ(loaded.machines[0].enrolment.id.text(), "machine-2");
  ASSERT_EQ(loaded.unreadable.size(), 1U);
  EXPECT_EQ(loaded.unreadable[0].first, "machine-1");
}

TEST_F(StoreTest, PolicyIsFoundByNameAndByContent) {
  const auto hash = crypto::Hash(kSha256, AsBytes("{}"));
  EXPECT_FALSE(store_->FindPolicy("base")->has_value());
  ASSERT_TRUE(PutPolicy("base", "{}"));
  EXPECT_EQ((*store_->FindPolicy("base"))->body, "{}");
  EXPECT_EQ((*store_->FindPolicyByHash(hash))->body, "{}");
  EXPECT_EQ(store_->ListPolicies()->at(0).name, "base");
}

TEST_F(StoreTest, PolicyOfOneMachineGoesWithIt) {
  enrolment_->bound.policies = {"machine-1"};
  ASSERT_TRUE(PutPolicy("machine-1", "{}"));
  Put();
  ASSERT_TRUE(store_->RemoveMachine(enrolment_->id));
  EXPECT_TRUE(store_->ListPolicies()->empty());
  EXPECT_TRUE(store_->ListPolicyVersions("machine-1")->empty());
}

TEST_F(StoreTest, PolicyOfOneMachineStaysWhileAnotherHasItAsALayer) {
  ASSERT_TRUE(PutPolicy("machine-1", "{}"));
  enrolment_->bound.policies = {"machine-1"};
  Put();
  const auto first = enrolment_->id;
  enrolment_ = testing::MakeTestEnrolment("machine-2");
  enrolment_->bound.policies = {"base", "machine-1"};
  Put();
  ASSERT_TRUE(store_->RemoveMachine(first));
  EXPECT_EQ(store_->ListPolicies()->size(), 1U);
  EXPECT_EQ(store_->ListPolicyVersions("machine-1")->size(), 1U);
}

TEST_F(StoreTest, KeysOfNamesAreKept) {
  EXPECT_TRUE(store_->ListPolicyKeys()->empty());
  ASSERT_TRUE(store_->AddPolicyKey("web", "one", kNow));
  ASSERT_TRUE(store_->AddPolicyKey("base", "two", kNow));
  EXPECT_FALSE(store_->AddPolicyKey("web", "three", kNow)) << "for good";
  Reopen();
  EXPECT_EQ(*store_->ListPolicyKeys(), (Store::PolicyKeys{{"base", "two"}, {"web", "one"}}));
  EXPECT_EQ(store_->FindPolicyKey("web")->value().pem, "one");
  EXPECT_EQ(store_->FindPolicyKey("web")->value().pinned, kNow);
  EXPECT_FALSE(store_->FindPolicyKey("other")->has_value());
}

TEST_F(StoreTest, AKeyIsReplacedInThePlaceOfTheOneThatWasThere) {
  const Time later = kNow + std::chrono::seconds(1);
  EXPECT_EQ(IdOf(store_->ReplacePolicyKey("web", "one", "two", later)), "verifier.policy_key");
  ASSERT_TRUE(store_->AddPolicyKey("web", "one", kNow));
  ASSERT_TRUE(store_->AddPolicyKey("base", "one", kNow));
  EXPECT_EQ(IdOf(store_->ReplacePolicyKey("web", "other", "two", later)), "verifier.policy_key");
  EXPECT_TRUE(store_->ReplacePolicyKey("web", "one", "two", later));
  EXPECT_EQ(*store_->ListPolicyKeys(), (Store::PolicyKeys{{"base", "one"}, {"web", "two"}}));
  EXPECT_EQ(store_->FindPolicyKey("web")->value().pinned, later);
}

TEST_F(StoreTest, PoliciesHaveVersionsUpToTheirBound) {
  const auto put = [&](const std::string& body) { ASSERT_TRUE(PutPolicy("base", body)); };
  EXPECT_TRUE(store_->ListPolicyVersions("base")->empty());
  for (int i = 1; i <= kVersionsKept + 2; ++i) put(std::to_string(i));
  put(std::to_string(kVersionsKept + 2));  // what it is already
  Reopen();
  const auto versions = store_->ListPolicyVersions("base");
  ASSERT_EQ(versions->size(), static_cast<std::size_t>(kVersionsKept));
  EXPECT_EQ(versions->front().number, kVersionsKept + 2);
  EXPECT_EQ(versions->front().pushed, kNow);
  EXPECT_EQ(versions->back().number, 3);
  EXPECT_EQ((*store_->FindPolicyVersion("base", 3))->body, "3");
  EXPECT_FALSE(store_->FindPolicyVersion("base", 2)->has_value());
  EXPECT_FALSE(store_->FindPolicyVersion("other", 3)->has_value());
  const auto gone = crypto::Hash(kSha256, AsBytes("2"));
  EXPECT_FALSE(store_->FindPolicyByHash(gone)->has_value()) << "nothing refers to it";
}

TEST_F(StoreTest, FailuresAreKeptInFullUpToTheirBound) {
  for (int i = 0; i < kFailuresKept + 5; ++i) Fail(false, "check." + std::to_string(i));
  const auto failures = store_->LoadFailures("machine-1");
  ASSERT_EQ(failures->size(), static_cast<std::size_t>(kFailuresKept));
  EXPECT_NE(failures->at(0).document.find("check.24"), std::string::npos) << "newest first";
  EXPECT_NE(failures->at(0).document.find("a detail"), std::string::npos);
}

TEST_F(StoreTest, Attack_A19_IncidentsSurviveRemovalAndFollowTheEk) {
  Put();
  EXPECT_EQ(Fail(true), 1);
  ASSERT_TRUE(store_->RemoveMachine(enrolment_->id));
  EXPECT_EQ(*store_->CountOpenIncidents("machine-1", ""), 1);
  EXPECT_EQ(*store_->CountOpenIncidents("another-name", enrolment_->ek_fingerprint), 1);
  EXPECT_EQ(*store_->CountOpenIncidents("another-name", ""), 0);
}

TEST_F(StoreTest, Attack_A19_AFailureAfterItsIncidentWasClosedOpensAnother) {
  Put();
  EXPECT_EQ(Fail(true), 1);
  EXPECT_EQ(Fail(false, "ima.digest"), 1) << "the one that is open";
  ASSERT_TRUE(store_->CloseIncident(1, kNow, "operator", "explained"));
  EXPECT_EQ(Fail(false, "ima.keyring"), 1);
  const auto open = store_->ListIncidents("machine-1", true, 0, 10);
  ASSERT_EQ(open->size(), 1U);
  EXPECT_EQ(open->at(0).check, "ima.keyring");
}

TEST_F(StoreTest, IncidentIsClosedOnceByAName) {
  Fail(true);
  const auto closed = store_->CloseIncident(1, kNow, "alice", "looked at it");
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->check, "ima.path");
  EXPECT_EQ(store_->CloseIncident(1, kNow, "bob", "").error().id, "verifier.incident_closed");
  EXPECT_EQ(store_->CloseIncident(2, kNow, "bob", "").error().id, "verifier.unknown_incident");
  EXPECT_EQ(*store_->CountOpenIncidents("machine-1", ""), 0);
  Reopen();
  const auto incidents = store_->ListIncidents(std::nullopt, false, 0, 10);
  ASSERT_EQ(incidents->size(), 1U);
  EXPECT_EQ(incidents->at(0).closed_by, "alice");
  EXPECT_TRUE(store_->ListIncidents(std::nullopt, true, 0, 10)->empty());
}

TEST_F(StoreTest, IncidentsComeInPagesNewestFirst) {
  for (int i = 0; i < 5; ++i) Fail(true);
  const auto first = store_->ListIncidents("machine-1", true, 0, 2);
  ASSERT_EQ(first->size(), 2U);
  EXPECT_EQ(first->at(0).number, 5);
  const auto second = store_->ListIncidents("machine-1", true, first->at(1).number, 10);
  EXPECT_EQ(second->size(), 3U);
  EXPECT_TRUE(store_->ListIncidents("machine-2", true, 0, 10)->empty());
}

TEST_F(StoreTest, UnknownMachineCannotBeRemoved) {
  EXPECT_EQ(IdOf(store_->RemoveMachine(enrolment_->id)), "verifier.unknown_agent");
}

}  // namespace
}  // namespace limequat::verifier
