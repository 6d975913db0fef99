#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "limequat/sql/temporary_folder_test.h"
#include "limequat/verifier/store.h"
#include "limequat/verifier/testing.h"

// Labels, and the machines that carry them.

namespace limequat::verifier {
namespace {

using testing::IdOf;
using Names = std::vector<std::string>;

class StoreLabelsTest : public ::testing::Test {
 protected:
  StoreLabelsTest() { Reopen(); }

  void Reopen() {
    store_.reset();
    auto opened = Store::Open("sqlite:" + folder_ / "verifier.db");
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = *std::move(opened);
  }
  void Put(std::string_view id, Binding bound, bool replace = false) {
    const auto enrolment = testing::MakeTestEnrolment(id);
    enrolment->bound = std::move(bound);
    EXPECT_TRUE(store_->PutMachine(*enrolment, {}, replace));
  }
  void PutPolicy(const std::string& name) {
    ASSERT_TRUE(store_->PutPolicy({.name = name, .hash = HashOf(name), .body = name}, {}, Time()));
  }
  static crypto::Digest HashOf(std::string_view text) {
    return crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(text));
  }
  void Execute(const std::string& statement) {
    ASSERT_TRUE(store_->database().Write({}, [&](sql::Connection& connection) -> Status {
      const auto changed = connection.Execute(statement);
      return changed ? Status() : Status(changed.error());
    }));
  }

  sql::TemporaryFolder folder_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreLabelsTest, LabelsAreKeptInOrderWithTheirMachinesCounted) {
  EXPECT_FALSE(store_->FindLabel("web")->has_value());
  ASSERT_TRUE(store_->PutLabel("web", {"zone", "base"}, {}));
  ASSERT_TRUE(store_->PutLabel("eu", {"eu"}, {}));
  Put("m1", {.labels = {"web", "eu"}, .policies = {"node"}});
  Put("m2", {.labels = {"web"}, .policies = {}});
  Reopen();
  const auto web = *store_->FindLabel("web");
  EXPECT_EQ(web->policies, (Names{"zone", "base"}));
  EXPECT_EQ(web->machines, 2);
  const auto labels = *store_->ListLabels();
  ASSERT_EQ(labels.size(), 2U);
  EXPECT_EQ(labels[0].name, "eu");
  EXPECT_EQ(labels[0].machines, 1);
  ASSERT_TRUE(store_->PutLabel("web", {"base"}, {}));
  EXPECT_EQ((*store_->FindLabel("web"))->policies, Names{"base"}) << "replaced, not added";
}

TEST_F(StoreLabelsTest, MachinesCarryTheirLabelsInOrder) {
  Put("m1", {.labels = {"web", "eu"}, .policies = {"node", "base"}});
  Put("m2", {.labels = {}, .policies = {"base"}});
  Reopen();
  const auto bound = [&](std::size_t i) {
    return store_->LoadMachines()->machines.at(i).enrolment.bound;
  };
  EXPECT_EQ(bound(0), (Binding{.labels = {"web", "eu"}, .policies = {"node", "base"}}));
  EXPECT_EQ(bound(1), (Binding{.labels = {}, .policies = {"base"}}));
  EXPECT_EQ(*store_->FindBinding(*wire::AgentId::Parse("m1")), bound(0));
  EXPECT_FALSE(store_->FindBinding(*wire::AgentId::Parse("m3"))->has_value());
  Put("m1", {.labels = {"eu"}, .policies = {}}, true);
  EXPECT_EQ(bound(0), (Binding{.labels = {"eu"}, .policies = {}})) << "replaced, not added";
  ASSERT_TRUE(store_->RemoveMachine(*wire::AgentId::Parse("m1")));
  Put("m1", {});
  EXPECT_EQ(bound(0), Binding()) << "gone with its machine";
  EXPECT_EQ((*store_->FindCarriers("eu")).size(), 0U);
}

TEST_F(StoreLabelsTest, FollowersAreFoundThroughLabelsToo) {
  ASSERT_TRUE(store_->PutLabel("web", {"base", "web"}, {}));
  Put("m1", {.labels = {"web"}, .policies = {"base"}});
  Put("m2", {.labels = {"web"}, .policies = {}});
  Put("m3", {.labels = {}, .policies = {"base"}});
  Put("m4", {.labels = {"eu"}, .policies = {"web"}});
  const auto ids = [](const auto& followers) {
    Names ids;
    for (const Store::Follower& one : *followers) ids.push_back(one.agent_id);
    return ids;
  };
  EXPECT_EQ(ids(store_->FindFollowers("base")), (Names{"m1", "m2", "m3"})) << "once each";
  EXPECT_EQ(ids(store_->FindFollowers("web")), (Names{"m1", "m2", "m4"}));
  EXPECT_EQ(ids(store_->FindFollowers("eu")), Names());
  EXPECT_EQ(ids(store_->FindCarriers("web")), (Names{"m1", "m2"}));
  EXPECT_EQ(store_->FindFollowers("base")->at(0).bound,
            (Binding{.labels = {"web"}, .policies = {"base"}}));
}

TEST_F(StoreLabelsTest, MoreCarriersThanOneQueryAsksAboutAreFoundOnceEach) {
  Put("m", {.labels = {"web", "eu"}, .policies = {"node"}});
  for (const char* copy :
       {"INSERT INTO machines SELECT printf('m%05d', n), generation, enrolment, policy_hash, "
        "ek_fingerprint, memory, boot_policy_name FROM machines, n",
        "INSERT INTO machine_labels SELECT printf('m%05d', n), position, label FROM "
        "machine_labels, n",
        "INSERT INTO machine_layers SELECT printf('m%05d', n), position, policy_name FROM "
        "machine_layers, n"}) {
    Execute("WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1200) " +
            std::string(copy));
  }
  const auto carriers = store_->FindCarriers("eu");
  ASSERT_EQ(carriers->size(), 1201U);
  std::set<std::string> ids;
  for (const Store::Follower& one : *carriers) {
    EXPECT_EQ(one.bound, (Binding{.labels = {"web", "eu"}, .policies = {"node"}}));
    ids.insert(one.agent_id);
  }
  EXPECT_EQ(ids.size(), 1201U);
}

TEST_F(StoreLabelsTest, ALabelStaysWhileAMachineCarriesIt) {
  EXPECT_EQ(IdOf(store_->RemoveLabel("web")), "verifier.unknown_label");
  ASSERT_TRUE(store_->PutLabel("web", {"base"}, {}));
  Put("m1", {.labels = {"eu", "web"}, .policies = {}});
  const Status refused = store_->RemoveLabel("web");
  EXPECT_EQ(IdOf(refused), "verifier.label_in_use");
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  ASSERT_TRUE(store_->RemoveMachine(*wire::AgentId::Parse("m1")));
  EXPECT_EQ(IdOf(store_->RemoveLabel("web")), "ok");
  EXPECT_FALSE(store_->FindLabel("web")->has_value());
  PutPolicy("base");
  EXPECT_EQ(IdOf(store_->RemovePolicy("base", {})), "ok") << "its list went with it";
}

TEST_F(StoreLabelsTest, APolicyOfALabelIsNotRemoved) {
  PutPolicy("base");
  ASSERT_TRUE(store_->PutLabel("web", {"other", "base"}, {}));
  Status refused = store_->RemovePolicy("base", {});
  EXPECT_EQ(IdOf(refused), "verifier.policy_in_use");
  EXPECT_NE(refused.error().message.find("label web"), std::string::npos)
      << refused.error().message;
  Put("m1", {.labels = {}, .policies = {"base"}});
  refused = store_->RemovePolicy("base", {});
  EXPECT_NE(refused.error().message.find("agent m1"), std::string::npos) << refused.error().message;
  EXPECT_TRUE(store_->FindPolicy("base")->has_value());
}

// The policy of a machine goes with it, but not out of a label.
TEST_F(StoreLabelsTest, APolicyOfALabelStaysWhenTheMachineOfItsNameGoes) {
  PutPolicy("m1");
  ASSERT_TRUE(store_->PutLabel("web", {"m1"}, {}));
  Put("m1", {.labels = {}, .policies = {"m1"}});
  ASSERT_TRUE(store_->RemoveMachine(*wire::AgentId::Parse("m1")));
  EXPECT_TRUE(store_->FindPolicy("m1")->has_value());
  EXPECT_EQ(store_->ListPolicyVersions("m1")->size(), 1U);
}

TEST_F(StoreLabelsTest, LabelAndMachinesChangeTogetherOrNotAtAll) {
  ASSERT_TRUE(store_->PutLabel("web", {"base"}, {}));
  Put("m1", {.labels = {"web"}, .policies = {}});
  const auto put = store_->PutLabel("web", {"team"},
                                    {{.agent_id = "m1", .policy_hash = HashOf("team")},
                                     {.agent_id = "nobody", .policy_hash = HashOf("team")}});
  EXPECT_EQ(IdOf(put), "verifier.unknown_agent");
  EXPECT_EQ((*store_->FindLabel("web"))->policies, Names{"base"});
  EXPECT_FALSE(store_->LoadMachines()->machines.at(0).policy_hash.has_value());
  const auto moved =
      store_->PutLabel("web", {"team"}, {{.agent_id = "m1", .policy_hash = HashOf("team")}});
  ASSERT_TRUE(moved) << moved.error().message;
  const StoredMachine machine = store_->LoadMachines()->machines.at(0);
  EXPECT_EQ(machine.policy_hash, HashOf("team"));
  EXPECT_EQ(machine.enrolment.generation, moved->at(0).generation);
}

TEST_F(StoreLabelsTest, AnotherBindingIsAnotherGenerationAndTheSameMemory) {
  Put("m1", {.labels = {"web"}, .policies = {"node"}});
  const auto id = *wire::AgentId::Parse("m1");
  const std::int64_t before = store_->LoadMachines()->machines.at(0).enrolment.generation;
  Execute("UPDATE machines SET memory = '{\"boots\":7}'");
  const Binding next{.labels = {}, .policies = {"base"}};
  const auto put = store_->PutBinding(next, {.agent_id = "m1", .policy_hash = HashOf("base")});
  ASSERT_TRUE(put) << put.error().message;
  EXPECT_GT(*put, before);
  StoredMachine machine = store_->LoadMachines()->machines.at(0);
  EXPECT_EQ(machine.enrolment.bound, next);
  EXPECT_EQ(machine.enrolment.generation, *put);
  EXPECT_EQ(machine.policy_hash, HashOf("base"));
  EXPECT_EQ(machine.memory.boots, 7);
  ASSERT_TRUE(store_->PutBinding({}, {.agent_id = "m1", .policy_hash = {}}));
  machine = store_->LoadMachines()->machines.at(0);
  EXPECT_EQ(machine.policy_hash, std::nullopt);
  EXPECT_EQ(IdOf(store_->PutBinding(next, {.agent_id = "m2", .policy_hash = {}})),
            "verifier.unknown_agent");
  EXPECT_TRUE(store_->FindFollowers("base")->empty()) << "nothing is left of what was refused";
}

TEST_F(StoreLabelsTest, LabelsHaveABound) {
  Execute(fmt::format(
      "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {}) INSERT INTO "
      "labels SELECT printf('l%05d', n) FROM n",
      kMaxLabels - 1));
  EXPECT_EQ(IdOf(store_->PutLabel("last", {"base"}, {})), "ok");
  EXPECT_EQ(IdOf(store_->PutLabel("one-more", {"base"}, {})), "verifier.full");
  EXPECT_FALSE(store_->FindLabel("one-more")->has_value());
  EXPECT_EQ(IdOf(store_->PutLabel("last", {"team"}, {})), "ok") << "it is there already";
  EXPECT_EQ(store_->ListLabels()->size(), static_cast<std::size_t>(kMaxLabels));
}

}  // namespace
}  // namespace limequat::verifier
