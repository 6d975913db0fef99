#include "limequat/registrar/store.h"

#include <future>

#include <gtest/gtest.h>

#include "limequat/registrar/testing.h"
#include "limequat/sql/temporary_folder_test.h"
#include "limequat/wire/registration.h"

namespace limequat::registrar {
namespace {

using testing::Machine;

const Time kNow = FromUnixSeconds(1'800'000'000);

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() { Reopen(); }

  void Reopen() {
    store_.reset();
    auto opened = Store::Open("sqlite:" + folder_ / "registrar.db");
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = *std::move(opened);
  }

  // Registers; the secret that the TPM would release.
  std::string Register(const Machine& machine, Time now = kNow) {
    auto candidate = Examine(machine.Request(), trust_, now);
    EXPECT_TRUE(candidate);
    std::string secret(AsText(candidate->secret.Expose()));
    last_ = Wait([&](Store::Done done) {
      store_->AddChallenge(id_, machine.Request(), candidate->record, candidate->secret.Expose(),
                           now, std::move(done));
    });
    return secret;
  }

  Status Activate(std::string_view secret, Time now = kNow) {
    return Wait([&](Store::Done done) {
      store_->Activate(id_, wire::AuthTag(AsBytes(secret), id_), now, std::move(done));
    });
  }

  template <class Start>
  static Status Wait(Start start) {
    std::promise<Status> promise;
    start([&promise](Status status) { promise.set_value(std::move(status)); });
    return promise.get_future().get();
  }

  std::optional<Record> Found() { return *store_->Find(id_.text()); }

  static std::string IdOf(const Status& status) { return status ? "ok" : status.error().id; }

  sql::TemporaryFolder folder_;
  testing::Manufacturer manufacturer_;
  tpm::EkTrust trust_{
      .anchors = {manufacturer_.certificate()}, .intermediates = {}, .require_valid_time = false};
  Machine machine_{manufacturer_};
  wire::AgentId id_ = *wire::AgentId::Parse("machine-1");
  Status last_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, ActivationMakesTheRecordAndSurvivesARestart) {
  const std::string secret = Register(machine_);
  EXPECT_FALSE(Found().has_value()) << "nothing counts before activation";
  EXPECT_TRUE(Activate(secret));
  Reopen();
  ASSERT_TRUE(Found().has_value());
  EXPECT_EQ(Found()->aik_tpm, machine_.Request().aik_tpm);
  EXPECT_EQ(Found()->regcount, 1);
  EXPECT_EQ(Found()->identity, wire::Identity::kVerified);
  EXPECT_EQ(*store_->Page("", 10), std::vector<std::string>{"machine-1"});
}

TEST_F(StoreTest, Quirk_Q2_WrongTagChangesNothing) {
  EXPECT_TRUE(Activate(Register(machine_)));
  const std::string second = Register(machine_);
  EXPECT_EQ(IdOf(Activate("wrong")), "registrar.auth_tag");
  EXPECT_TRUE(Found().has_value()) << "the active record stays";
  EXPECT_TRUE(Activate(second)) << "and so does the challenge that waits";
  EXPECT_EQ(Found()->regcount, 2);
}

TEST_F(StoreTest, Cve_2023_38201_ErrorNamesNoExpectedValue) {
  const std::string secret = Register(machine_);
  const Status status = Activate("wrong");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message.find(wire::AuthTag(AsBytes(secret), id_)), std::string::npos);
  EXPECT_EQ(status.error().message.find(secret), std::string::npos);
}

TEST_F(StoreTest, UnknownMachine) { EXPECT_EQ(IdOf(Activate("x")), "registrar.unknown_agent"); }

TEST_F(StoreTest, ChallengeIsUsedOnce) {
  const std::string secret = Register(machine_);
  EXPECT_TRUE(Activate(secret));
  EXPECT_EQ(IdOf(Activate(secret)), "registrar.auth_tag");
}

TEST_F(StoreTest, OldChallengeIsNoChallenge) {
  EXPECT_TRUE(Activate(Register(machine_)));
  const std::string secret = Register(machine_);
  EXPECT_EQ(IdOf(Activate(secret, kNow + kChallengeLifetime + std::chrono::seconds(1))),
            "registrar.auth_tag");
}

TEST_F(StoreTest, Cve_2025_13609_OfTwoTpmsUnderOneNameTheFirstActivatedWins) {
  const Machine other(manufacturer_);
  const std::string mine = Register(machine_);
  const std::string theirs = Register(other);
  EXPECT_TRUE(Activate(mine));
  EXPECT_EQ(IdOf(Activate(theirs)), "registrar.auth_tag")
      << "its challenge went with the activation";
  EXPECT_EQ(Found()->aik_tpm, machine_.Request().aik_tpm);
  Register(other);
  EXPECT_EQ(IdOf(last_), "registrar.identity_changed");
}

TEST_F(StoreTest, StrangersChallengesArePushedOutNotPiledUp) {
  std::string secret = Register(machine_);
  for (int i = 0; i < kMaxChallengesPerAgent - 1; ++i) Register(machine_);
  EXPECT_TRUE(Activate(secret)) << "the bound keeps this many";
  secret = Register(machine_);
  for (int i = 0; i < kMaxChallengesPerAgent; ++i) Register(machine_);
  EXPECT_EQ(IdOf(Activate(secret)), "registrar.auth_tag") << "one more, and the oldest is gone";
}

TEST_F(StoreTest, RemoveTakesRecordAndChallenges) {
  EXPECT_TRUE(Activate(Register(machine_)));
  const std::string secret = Register(machine_);
  EXPECT_TRUE(store_->Remove("machine-1"));
  EXPECT_EQ(IdOf(Activate(secret)), "registrar.unknown_agent");
  EXPECT_EQ(IdOf(store_->Remove("machine-1")), "registrar.unknown_agent");
}

}  // namespace
}  // namespace limequat::registrar
