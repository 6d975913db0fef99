#include "limequat/cli/kept_boot.h"

#include <string>

#include <gtest/gtest.h>

#include "limequat/base/encoding.h"
#include "limequat/json/value.h"
#include "limequat/policy/boot_values.h"

namespace limequat::cli {
namespace {

wire::BootLogView View() {
  return {.agent_id = "m1",
          .verified = "2026-11-29T03:00:00Z",
          .log = {1, 2, 3},
          .pcrs = json::Object{{"sha256", json::Object{{"0", std::string(64, 'a')}}}},
          .boot_policy = "example",
          .boot_reference = "fleet",
          .model = "R640"};
}

std::string IdOf(const Result<KeptBoot>& kept) { return kept ? "ok" : kept.error().id; }

TEST(KeptBootTest, IsHeldAgainstWhatTheVerifierHas) {
  const auto kept = ReadKeptBoot(View(), R"({"kernels": []})");
  ASSERT_TRUE(kept) << kept.error().message;
  const Time at = FromUnixSeconds(1'800'000'000);
  const appraise::BootCase about = kept->CaseAt(at);
  EXPECT_EQ(ToBytes(AsText(about.logs.firmware)), (Bytes{1, 2, 3}));
  EXPECT_TRUE(about.logs.user_space.empty());
  ASSERT_TRUE(about.pcrs.has_value()) << "without values nothing would vouch for the log";
  EXPECT_NE(about.pcrs->Find(crypto::HashAlgorithm::kSha256, 0), nullptr);
  EXPECT_EQ(about.policy, policy::BootPolicy::kExample);
  EXPECT_EQ(about.reference, R"({"kernels": []})");
  EXPECT_EQ(about.model, "R640");
  EXPECT_EQ(about.evaluated_at, at);
}

TEST(KeptBootTest, AReferenceComesOutOfItsEnvelope) {
  const json::Object envelope{
      {"payload", Base64Encode(AsBytes(std::string_view(R"({"kernels": [1]})")))},
      {"payloadType", policy::kBootValuesPayloadType},
      {"signatures", json::Array{}}};
  const auto kept = ReadKeptBoot(View(), json::Serialize(envelope));
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_EQ(kept->reference, R"({"kernels": [1]})");
}

TEST(KeptBootTest, WhatIsNotKnownIsAnError) {
  wire::BootLogView view = View();
  view.boot_policy = "";
  EXPECT_EQ(ReadKeptBoot(view, "").error().code, ErrorCode::kNotFound);
  view.boot_policy = "accept-some";
  EXPECT_EQ(IdOf(ReadKeptBoot(view, "")), "cli.kept_boot");
  EXPECT_EQ(ReadKeptBoot(view, "").error().code, ErrorCode::kMalformed);
  view = View();
  view.pcrs = json::Object{{"sha256", json::Object{{"99", ""}}}};
  EXPECT_EQ(IdOf(ReadKeptBoot(view, "")), "cli.kept_boot");
}

ResultView Failing(std::string_view check, std::string_view outcome = "failed") {
  ShownFinding finding;
  finding.check = check;
  finding.outcome = outcome;
  ResultView result;
  result.findings = {finding};
  return result;
}

TEST(KeptBootTest, ABootIsRefusedByItsPolicy) {
  EXPECT_TRUE(IsBootRefused(Failing("boot.command_line")));
  EXPECT_TRUE(IsBootRefused(Failing("boot.kernel", "not_evaluated")));
  EXPECT_FALSE(IsBootRefused(Failing("boot.command_line", "passed")));
  EXPECT_FALSE(IsBootRefused(Failing("boot.baseline")));
  EXPECT_FALSE(IsBootRefused(Failing("ima.path")));
}

TEST(KeptBootTest, Attack_A07_WhatIsKeptIsNotTakenForALogThatDidNotVerify) {
  for (const char* check : {"eventlog.readable", "eventlog.present", "eventlog.bank",
                            "eventlog.startup", "eventlog.boot", "eventlog.replay"}) {
    EXPECT_FALSE(CheckLogLedToQuote(Failing(check))) << check;
    EXPECT_FALSE(CheckLogLedToQuote(Failing(check, "not_evaluated"))) << check;
    EXPECT_TRUE(CheckLogLedToQuote(Failing(check, "passed"))) << check;
  }
  EXPECT_TRUE(CheckLogLedToQuote(Failing("boot.command_line")));
}

}  // namespace
}  // namespace limequat::cli
