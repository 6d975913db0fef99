#include "limequat/verifier/views.h"

#include <gtest/gtest.h>

#include "limequat/appraise/testing/machine.h"
#include "limequat/verifier/testing.h"

namespace limequat::verifier {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::OperationalState;

constexpr crypto::HashAlgorithm kSha256 = crypto::HashAlgorithm::kSha256;
const Time kStart = FromUnixSeconds(1'800'000'000);

std::shared_ptr<const policy::PolicySet> SomePolicy() {
  appraise::testing::FakeMachine machine;
  machine.Run("/usr/bin/a", "a");
  return appraise::testing::ParsePolicy(machine.PolicyText());
}

class ViewsTest : public ::testing::Test {
 protected:
  ViewsTest() {
    enrolment_->layers = {{.policy = "base", .version = 3}};
    enrolment_->reference.policy = SomePolicy();
    Enrolled();
  }

  void Enrolled() { state_ = StartState(enrolment_, {}, kStart); }

  // Evidence verified two seconds after the enrolment, appraised with these findings.
  void Attested(Findings findings) {
    auto appraisal = std::make_shared<appraise::Appraisal>();
    for (Finding& finding : findings) appraise::Add(*appraisal, std::move(finding));
    appraisal->policed = enrolment_->reference.policy != nullptr;
    appraisal->evidence_time = kStart + seconds(2);
    state_.verified_evidence = kStart + seconds(2);
    state_.last_answer = kStart + seconds(3);
    state_.attestations = 7;
    state_.memory.boots = 2;
    state_.memory.bank = kSha256;
    state_.progress = std::make_shared<appraise::BootProgress>(
        appraise::BootProgress{.clock_info = {},
                               .replay = ima::Replay(crypto::Hash(kSha256, AsBytes("pcr 10")), 42,
                                                     ima::TemplateDigests::kNative),
                               .policy_hash = crypto::Digest(kSha256),
                               .transport_key_pem = {},
                               .failures = {},
                               .failures_not_kept = 0});
    const auto verdict = appraisal->verdict();
    state_.failing = verdict == appraise::Verdict::kFail;
    if (state_.failing == true) {
      state_.memory.open_incidents = 1;
      state_.attestations_at_failure = 5;
    } else {
      state_.last_good = appraisal->evidence_time;
    }
    state_.newest = std::move(appraisal);
  }
  void Good() { Attested({Passed("tpm.quote.signature")}); }
  void Bad() {
    Attested({Passed("tpm.quote.signature"), Failed("ima.path", "not listed"),
              Failed("ima.digest", "another")});
  }

  wire::MachineView View() const { return ViewOf(state_, pace_, now_); }
  wire::AgentStatus Status() const { return KeylimeStatusOf(state_, pace_, now_); }

  Pace pace_{.interval = seconds(2), .late_after = seconds(10), .max_retry_interval = seconds(60)};
  std::shared_ptr<Enrolment> enrolment_ = testing::MakeTestEnrolment();
  Time now_ = kStart + seconds(4);
  MachineState state_;
};

// --- our own view -------------------------------------------------------------------

TEST_F(ViewsTest, EachLayerHasItsWindowAndItsState) {
  const auto windowed = [](std::string_view window) {
    appraise::testing::FakeMachine machine;
    machine.Run("/usr/bin/b", "b");
    std::string text = machine.PolicyText();
    const std::size_t meta = text.find(R"("generator")");
    EXPECT_NE(meta, std::string::npos) << text;
    return *policy::RuntimePolicy::Parse(text.insert(meta, window));
  };
  const std::string past = FormatRfc3339(kStart - seconds(1));
  const std::string future = FormatRfc3339(kStart + seconds(60));
  enrolment_->layers = {{.policy = "base", .version = 3},
                        {.policy = "old", .version = 1},
                        {.policy = "next", .version = 2}};
  enrolment_->reference.policy = *policy::PolicySet::Compose(
      {{.name = "base", .policy = SomePolicy()->layers()[0].policy},
       {.name = "old", .policy = windowed("\"retire_after\":\"" + past + "\",")},
       {.name = "next", .policy = windowed("\"effective_from\":\"" + future + "\",")}});
  Enrolled();
  const wire::MachineView view = ViewOf(state_, Pace(), kStart);
  EXPECT_EQ(view.policy, "base, old, next (" + enrolment_->PolicyHash().hex().substr(0, 12) + ")");
  ASSERT_EQ(view.layers.size(), 3U);
  EXPECT_EQ(view.layers[0].state, "in effect");
  EXPECT_EQ(view.layers[0].retire_after, std::nullopt);
  EXPECT_EQ(view.layers[1].state, "retired");
  EXPECT_EQ(view.layers[1].retire_after, past);
  EXPECT_EQ(view.layers[2].state, "not yet");
  EXPECT_EQ(view.layers[2].effective_from, future);
}

TEST_F(ViewsTest, MachineThatPasses) {
  Good();
  state_.memory.baseline = appraise::BootBaseline{.pcrs = {}, .approved = true};
  const wire::MachineView view = View();
  EXPECT_EQ(view.agent_id, "machine-1");
  EXPECT_EQ(view.integrity, "pass");
  EXPECT_TRUE(view.trusted);
  EXPECT_EQ(view.open_incidents, 0);
  EXPECT_EQ(view.identity, "verified");
  EXPECT_EQ(view.baseline, "approved");
  EXPECT_EQ(view.policy, "base (" + enrolment_->PolicyHash().hex().substr(0, 12) + ")");
  ASSERT_EQ(view.layers.size(), 1U);
  EXPECT_EQ(view.layers[0].name, "base");
  EXPECT_EQ(view.layers[0].version, 3);
  EXPECT_EQ(view.layers[0].sha256, enrolment_->PolicyHash().hex());
  EXPECT_EQ(view.layers[0].state, "in effect");
  EXPECT_EQ(view.address, "127.0.0.1:9002");
  EXPECT_EQ(view.evidence_time, FormatRfc3339(kStart + seconds(2)));
  ASSERT_TRUE(view.evidence_age_seconds.has_value());
  EXPECT_DOUBLE_EQ(*view.evidence_age_seconds, 2.0);
  EXPECT_EQ(view.attestations, 7);
  EXPECT_EQ(view.boots, 2);
  EXPECT_EQ(view.ima_entries, 42);
  EXPECT_EQ(view.last_problem, "");
  EXPECT_TRUE(wire::ParseMachineView(wire::WriteMachineView(view)));
}

TEST_F(ViewsTest, EnrolledMachineIsPending) {
  const wire::MachineView view = View();
  EXPECT_EQ(view.integrity, "pending");
  EXPECT_FALSE(view.trusted);
  EXPECT_EQ(view.baseline, "none");
  EXPECT_FALSE(view.evidence_time.has_value());
  EXPECT_FALSE(view.evidence_age_seconds.has_value());
  EXPECT_EQ(view.attestations, 0);
  EXPECT_EQ(view.ima_entries, 0);
  EXPECT_TRUE(wire::ParseMachineView(wire::WriteMachineView(view)));
}

TEST_F(ViewsTest, MachineThatFails) {
  Bad();
  const wire::MachineView view = View();
  EXPECT_EQ(view.integrity, "fail");
  EXPECT_FALSE(view.trusted);
  EXPECT_EQ(view.open_incidents, 1);
  EXPECT_EQ(view.last_problem, "ima.path") << "the first that did not pass";
}

TEST_F(ViewsTest, LateMachine) {
  Good();
  now_ = kStart + seconds(12);
  EXPECT_EQ(View().integrity, "pass") << "as old as it may be";
  now_ += Duration(1);
  const wire::MachineView view = View();
  EXPECT_EQ(view.integrity, "late");
  EXPECT_FALSE(view.trusted);
  EXPECT_GT(*view.evidence_age_seconds, 10.0);
}

TEST_F(ViewsTest, TroubleIsShownBeforeFindings) {
  Bad();
  state_.transport_trouble = "the agent answered 503";
  EXPECT_EQ(View().last_problem, "the agent answered 503");
}

TEST_F(ViewsTest, RecoveredMachineIsNotTrustedWhileAnIncidentIsOpen) {
  Good();
  state_.memory.open_incidents = 1;
  EXPECT_EQ(View().integrity, "pass");
  EXPECT_FALSE(View().trusted);
}

TEST_F(ViewsTest, UnpolicedMachine) {
  enrolment_->reference.policy.reset();
  Enrolled();
  Good();
  const wire::MachineView view = View();
  EXPECT_EQ(view.integrity, "unpoliced");
  EXPECT_FALSE(view.trusted);
  EXPECT_EQ(view.policy, "none");
}

TEST_F(ViewsTest, UnapprovedBaseline) {
  state_.memory.baseline = appraise::BootBaseline{.pcrs = {}, .approved = false};
  EXPECT_EQ(View().baseline, "unapproved");
}

TEST_F(ViewsTest, EntriesFromBeforeARestartAreNotVerifiedOnes) {
  Good();
  state_.verified_evidence.reset();
  EXPECT_EQ(View().ima_entries, 0);
}

TEST_F(ViewsTest, ClockThatWasPutBackMakesNoNegativeAge) {
  Good();
  now_ = kStart + seconds(1);
  EXPECT_DOUBLE_EQ(View().evidence_age_seconds.value_or(-1), 0.0);
  EXPECT_TRUE(wire::ParseMachineView(wire::WriteMachineView(View())));
}

TEST_F(ViewsTest, IncidentOpenAndClosed) {
  Incident incident{.number = 3,
                    .agent_id = "machine-1",
                    .ek_fingerprint = std::string(64, 'e'),
                    .opened = kStart,
                    .closed = {},
                    .closed_by = {},
                    .note = {},
                    .check = "ima.path",
                    .detail = "not listed",
                    .cause = "tamper"};
  wire::IncidentView view = ViewOf(incident);
  EXPECT_EQ(view.number, 3);
  EXPECT_EQ(view.agent_id, "machine-1");
  EXPECT_EQ(view.opened, FormatRfc3339(kStart));
  EXPECT_FALSE(view.closed.has_value());
  EXPECT_EQ(view.check, "ima.path");
  EXPECT_EQ(view.detail, "not listed");
  EXPECT_EQ(view.cause, "tamper");
  incident.closed = kStart + seconds(1);
  incident.closed_by = "alice";
  incident.note = "looked at it";
  view = ViewOf(incident);
  EXPECT_EQ(view.closed, FormatRfc3339(kStart + seconds(1)));
  EXPECT_EQ(view.closed_by, "alice");
  EXPECT_EQ(view.note, "looked at it");
}

// --- Keylime's status ---------------------------------------------------------------

TEST_F(ViewsTest, KeylimeStatusOfAMachineThatPasses) {
  Good();
  const wire::AgentStatus status = Status();
  EXPECT_EQ(status.operational_state, OperationalState::kGetQuote);
  EXPECT_EQ(status.attestation_status, "PASS");
  EXPECT_EQ(status.ip, "127.0.0.1");
  EXPECT_EQ(status.port, 9002);
  EXPECT_EQ(status.tpm_policy, R"({"mask":"0x400"})");
  EXPECT_EQ(status.meta_data, "{}");
  EXPECT_TRUE(status.has_runtime_policy);
  EXPECT_FALSE(status.has_mb_refstate);
  EXPECT_EQ(status.accept_hash_algs, enrolment_->accept_hash_algs);
  EXPECT_EQ(status.accept_enc_algs, enrolment_->accept_enc_algs);
  EXPECT_EQ(status.accept_sign_algs, enrolment_->accept_sign_algs);
  EXPECT_EQ(status.hash_alg, "sha256");
  EXPECT_EQ(status.enc_alg, "ecc");
  EXPECT_EQ(status.sign_alg, "ecdsa");
  EXPECT_FALSE(status.severity_level.has_value());
  EXPECT_FALSE(status.last_event_id.has_value());
  EXPECT_EQ(status.attestation_count, 7);
  EXPECT_EQ(status.last_received_quote, ToUnixSeconds(kStart) + 3);
  EXPECT_EQ(status.last_successful_attestation, ToUnixSeconds(kStart) + 2);
  EXPECT_EQ(status.attestation_period_seconds, 2);
}

TEST_F(ViewsTest, KeylimeStatusBeforeTheFirstAnswer) {
  const wire::AgentStatus status = Status();
  EXPECT_EQ(status.operational_state, OperationalState::kStart);
  EXPECT_EQ(status.attestation_status, "PENDING");
  EXPECT_EQ(status.hash_alg, "");
  EXPECT_EQ(status.enc_alg, "");
  EXPECT_EQ(status.sign_alg, "");
  EXPECT_EQ(status.attestation_count, 0);
  EXPECT_EQ(status.last_received_quote, 0);
  EXPECT_EQ(status.last_successful_attestation, 0);
}

TEST_F(ViewsTest, KeylimeStatusOfAFailureFreezesTheCounters) {
  Bad();
  const wire::AgentStatus status = Status();
  EXPECT_EQ(status.operational_state, OperationalState::kInvalidQuote);
  EXPECT_EQ(status.attestation_status, "FAIL");
  EXPECT_EQ(status.severity_level, 6);
  EXPECT_EQ(status.last_event_id, "ima.validation.ima-ng.not_in_allowlist");
  EXPECT_EQ(status.attestation_count, 5);
  EXPECT_EQ(status.last_successful_attestation, 0);
}

TEST_F(ViewsTest, KeylimeStatusStaysFailedUntilTheIncidentIsClosed) {
  Bad();
  Good();
  state_.memory.open_incidents = 1;
  EXPECT_EQ(Status().operational_state, OperationalState::kInvalidQuote);
  EXPECT_EQ(Status().attestation_status, "FAIL");
  state_.memory.open_incidents = 0;
  EXPECT_EQ(Status().attestation_status, "PASS");
}

TEST_F(ViewsTest, Attack_A10_KeylimeStatusOfAnUnpolicedMachineIsNeverPass) {
  enrolment_->reference.policy.reset();
  Enrolled();
  Good();
  const wire::AgentStatus status = Status();
  EXPECT_EQ(status.operational_state, OperationalState::kGetQuote);
  EXPECT_EQ(status.attestation_status, "PENDING");
  EXPECT_FALSE(status.has_runtime_policy);
}

TEST_F(ViewsTest, Attack_A10_PolicyThatSaysNothingIsNone) {
  enrolment_->reference.policy =
      appraise::testing::ParsePolicy(appraise::testing::FakeMachine().PolicyText());
  ASSERT_TRUE(enrolment_->reference.policy->says_nothing());
  EXPECT_FALSE(Status().has_runtime_policy);
}

TEST_F(ViewsTest, KeylimeStatusOfALateMachine) {
  Good();
  now_ = kStart + seconds(13);
  EXPECT_EQ(Status().operational_state, OperationalState::kGetQuoteRetry);
  EXPECT_EQ(Status().attestation_status, "TIMEOUT");
}

TEST_F(ViewsTest, KeylimeStatusNamesTheSchemeOfTheKey) {
  const auto with = [&](appraise::testing::AkKind kind) {
    enrolment_->reference.ak = appraise::testing::FakeMachine({.ak = kind}).ak();
    Enrolled();
    Good();
    return Status().enc_alg + "/" + Status().sign_alg;
  };
  EXPECT_EQ(with(appraise::testing::AkKind::kEcdsaP256), "ecc/ecdsa");
  EXPECT_EQ(with(appraise::testing::AkKind::kRsaSsa2048), "rsa/rsassa");
  EXPECT_EQ(with(appraise::testing::AkKind::kRsaPss2048), "rsa/rsapss");
}

TEST(KeylimeEventIdTest, EveryCheckHasOne) {
  const auto id = [](std::string_view check, std::optional<std::uint32_t> pcr = {}) {
    Finding finding = Failed(check, "");
    finding.subject.pcr = pcr;
    return KeylimeEventId(finding);
  };
  EXPECT_EQ(id("ima.path"), "ima.validation.ima-ng.not_in_allowlist");
  EXPECT_EQ(id("ima.digest"), "ima.validation.ima-ng.runtime_policy_hash");
  EXPECT_EQ(id("ima.violation"), "ima.validation.tomtou");
  EXPECT_EQ(id("ima.replay"), "ima.pcr_mismatch");
  EXPECT_EQ(id("evidence.malformed"), "qoute_validation.invalid_data");
  EXPECT_EQ(id("tpm.quote.selection"), "pcr_validation.missing_pcrs");
  EXPECT_EQ(id("boot.baseline", 4), "measured_boot.invalid_pcr_4");
  EXPECT_EQ(id("pcr.policy", 22), "pcr_validation.invalid_pcr_22");
  EXPECT_EQ(id("tpm.quote.signature"), "qoute_validation.quote_validation");
  EXPECT_EQ(id("policy.unevaluated"), "internal.limequat.policy.unevaluated");
}

}  // namespace
}  // namespace limequat::verifier
