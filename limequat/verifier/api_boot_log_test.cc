#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "limequat/policy/testing/boot_values.h"
#include "limequat/verifier/api_for_test.h"
#include "limequat/wire/boot_log_view.h"

// /api/v1/agents/{id}/boot-log: from the quote to the operator.

namespace limequat::verifier {
namespace {

using appraise::testing::FakeMachine;
using policy::testing::Boot;

constexpr const char* kTarget = "/api/v1/agents/m1/boot-log";

Boot Evil() {
  Boot boot;
  boot.At(4, 4).measured = ToBytes(std::string_view("evil kernel"));
  return boot;
}

class BootLogApiTest : public ApiTest {
 protected:
  BootLogApiTest() { BootAgain(Boot().Log()); }

  // With `shown`, the log that is shown is another than that of the boot.
  void BootAgain(Bytes log, std::optional<Bytes> shown = std::nullopt) {
    agent_.Change([&](FakeMachine& machine) {
      machine.BootFromLog(std::move(log));
      if (shown) machine.ReplaceBootLog(std::move(shown));
      machine.Run("/usr/bin/init", "init 1");
    });
  }
  void EnrolByValues() {
    ASSERT_EQ(
        Put("/api/v1/boot-policies/web", json::Serialize(policy::testing::Reference())).status,
        200);
    ASSERT_TRUE(fleet().Enrol(EnrolmentOf("m1", agent_),
                              {{.name = "m1", .body = agent_.PolicyText()}},
                              Fleet::PolicyChoice{.name = "web", .body = {}}));
  }
  wire::BootLogView Shown() {
    // Written behind the answer.
    ApiAnswer answer = Get(kTarget);
    for (int i = 0; i < 1000 && answer.status == 503; ++i) answer = Get(kTarget);
    EXPECT_EQ(answer.status, 200) << answer.body;
    const auto document = json::Parse(answer.body);
    auto view = wire::ParseBootLogView(document ? *document : json::Value());
    EXPECT_TRUE(view) << answer.body;
    return view ? *std::move(view) : wire::BootLogView();
  }

  AgentPeer agent_{verifiers_};
};

TEST_F(BootLogApiTest, TheNewestVerifiedLogIsShown) {
  EXPECT_EQ(Get(kTarget).Error(), "404 verifier.unknown_agent");
  EnrolByValues();
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  const wire::BootLogView view = Shown();
  EXPECT_EQ(view.agent_id, "m1");
  EXPECT_EQ(view.log, Boot().Log());
  EXPECT_EQ(view.boot_policy, "example");
  EXPECT_EQ(view.boot_reference, "web");
  EXPECT_EQ(view.model, "");
  const auto pcrs = tpm::PcrValues::FromJson(view.pcrs);
  ASSERT_TRUE(pcrs);
  agent_.Change([&](FakeMachine& machine) {
    EXPECT_EQ(*pcrs->Find(crypto::HashAlgorithm::kSha256, 4),
              machine.Pcr(crypto::HashAlgorithm::kSha256, 4));
  });
  EXPECT_EQ(pcrs->Find(crypto::HashAlgorithm::kSha256, tpm::kImaPcr), nullptr);

  Stop();
  Restart();
  EXPECT_EQ(Shown().log, Boot().Log());
}

TEST_F(BootLogApiTest, TheLogOfARefusedBootIsKept) {
  EnrolByValues();
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  BootAgain(Evil().Log());
  EXPECT_EQ(FailuresOf("m1"), std::vector<std::string>{"boot.image"});
  EXPECT_EQ(Shown().log, Evil().Log());
}

TEST_F(BootLogApiTest, Attack_A07_LogThatDoesNotLeadToTheQuoteDisplacesNothing) {
  EnrolByValues();
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  BootAgain(Boot().Log(), Evil().Log());
  ASSERT_TRUE(Becomes("m1", Integrity::kFail));
  EXPECT_EQ(Shown().log, Boot().Log());
  // Nor does none at all, or one that cannot be read.
  BootAgain(Boot().Log(), Bytes(7, 1));
  ASSERT_TRUE(Comes("m1", [](const MachineState& state) { return state.memory.boots == 3; }));
  EXPECT_EQ(Shown().log, Boot().Log());
}

TEST_F(BootLogApiTest, Attack_A07_LogThatNeverVerifiedIsNotKept) {
  BootAgain(Boot().Log(), Evil().Log());
  EnrolByValues();
  ASSERT_TRUE(Becomes("m1", Integrity::kFail));
  EXPECT_EQ(Get(kTarget).Error(), "404 verifier.no_boot_log");
  EXPECT_EQ(Column("SELECT COUNT(*) || '' FROM boot_logs"), "0");
}

TEST_F(BootLogApiTest, WithoutABootPolicyThereIsNone) {
  ASSERT_TRUE(Enrol("m1", agent_));
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  EXPECT_EQ(Get(kTarget).Error(), "404 verifier.no_boot_log");
}

// What is in the database is of another boot than the one that was answered for last.
TEST_F(BootLogApiTest, AnOlderLogIsNotShownInPlaceOfTheNewest) {
  EnrolByValues();
  ASSERT_TRUE(Becomes("m1", Integrity::kPass));
  ASSERT_EQ(Shown().log, Boot().Log());
  Execute("UPDATE machine_boots SET pcrs = '{}'");
  EXPECT_EQ(Get(kTarget).Error(), "503 verifier.boot_log_pending");
  Execute("DELETE FROM machine_boots");
  EXPECT_EQ(Get(kTarget).Error(), "503 verifier.boot_log_pending");
}

}  // namespace
}  // namespace limequat::verifier
