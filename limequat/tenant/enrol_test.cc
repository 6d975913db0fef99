#include "limequat/tenant/enrol.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "limequat/crypto/certificate.h"
#include "limequat/crypto/key.h"
#include "limequat/json/value.h"
#include "limequat/tenant/fake_services_test.h"
#include "limequat/wire/enrolment.h"
#include "limequat/wire/own_api.h"
#include "limequat/wire/registration.h"

namespace limequat::tenant {
namespace {

constexpr std::string_view kAtRegistrar = "GET /api/v1/agents/web-1";
constexpr std::string_view kAtVerifier = "POST /api/v1/agents/web-1";

const std::string kPcrValue(64, 'b');

// A certificate as an agent makes it for itself.
const std::string kCertificate = [] {
  const auto key = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256);
  const crypto::CertificateRequest request{.common_name = "web-1",
                                           .organization = {},
                                           .dns_names = {},
                                           .ip_addresses = {},
                                           .not_before = FromUnixSeconds(1'700'000'000),
                                           .not_after = FromUnixSeconds(4'000'000'000)};
  return crypto::Issue(request, key.public_key(), nullptr, key)->ToPem();
}();

class EnrolTest : public ::testing::Test {
 protected:
  EnrolTest() {
    registered_.agent.agent_id = "web-1";
    registered_.agent.ek_tpm = Bytes(280, 1);
    registered_.agent.aik_tpm = Bytes(280, 2);
    registered_.agent.ip = "192.0.2.7";
    registered_.agent.port = 9002;
    registered_.agent.transport_certificate = kCertificate;
    registered_.identity = wire::Identity::kVerified;
    registered_.ek_fingerprint = std::string(64, 'a');
    fake_.Answer(kAtVerifier, 201, R"({"agent_id": "web-1"})");
  }

  Result<Added> Add(const AddOptions& options = {}) {
    fake_.Answer(kAtRegistrar, 200, json::Serialize(wire::WriteRegistrarIdentity(registered_)));
    return AddMachine(*services_, *wire::AgentId::Parse("web-1"), options);
  }
  // What the verifier was sent, if anything.
  std::optional<wire::OwnEnrolment> Sent() const {
    for (const Asked& asked : fake_.asked()) {
      if (asked.method_and_target == kAtVerifier) return *wire::ParseOwnEnrolment(asked.body);
    }
    return std::nullopt;
  }
  wire::EnrolRequest SentRequest() const {
    auto request = wire::ParseEnrolRequest(Sent()->enrolment);
    EXPECT_TRUE(request) << request.error().message;
    return request.value_or(wire::EnrolRequest{});
  }

  FakeServices fake_;
  std::unique_ptr<Services> services_ = *fake_.Connect();
  wire::RegistrarIdentity registered_;
};

TEST_F(EnrolTest, KeysAndCertificateComeFromTheRegistrar) {
  const auto added = Add({.policy_names = {"base", "web"}});
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_EQ(added->identity, "verified");
  EXPECT_EQ(added->address, "192.0.2.7:9002");
  EXPECT_EQ(Sent()->identity, "verified");
  EXPECT_EQ(Sent()->ek_fingerprint, std::string(64, 'a'));
  EXPECT_EQ(Sent()->policy_names, (std::vector<std::string>{"base", "web"}));
  EXPECT_FALSE(Sent()->waive_identity);
  EXPECT_FALSE(Sent()->approve_current_boot);
  const wire::EnrolRequest request = SentRequest();
  EXPECT_EQ(request.ak_tpm, Bytes(280, 2));
  EXPECT_EQ(request.transport_certificate, kCertificate);
  EXPECT_EQ(request.ip, "192.0.2.7");
  EXPECT_EQ(request.port, 9002);
}

TEST_F(EnrolTest, AMachineThatIsNotRegisteredIsNamed) {
  const auto added = AddMachine(*services_, *wire::AgentId::Parse("web-1"), {});
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().id, "tenant.not_registered");
  EXPECT_EQ(added.error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(Sent());
}

TEST_F(EnrolTest, ARegistrarInTroubleIsNotAnUnknownMachine) {
  fake_.Answer(kAtRegistrar, 503, "{}");
  const auto added = AddMachine(*services_, *wire::AgentId::Parse("web-1"), {});
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::kUnavailable);
}

// The registrar stores what it cannot verify; enrolment is what refuses it.
TEST_F(EnrolTest, Attack_A12_UnverifiedIdentityIsRefusedUnlessWaivedForThisMachine) {
  registered_.identity = wire::Identity::kUnverified;
  registered_.why = "no trusted path";
  const auto refused = Add();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().id, "tenant.identity_unverified");
  EXPECT_EQ(refused.error().code, ErrorCode::kPermissionDenied);
  EXPECT_NE(refused.error().message.find("no trusted path"), std::string::npos);
  EXPECT_FALSE(Sent());
  const auto waived = Add({.waive_identity = true});
  ASSERT_TRUE(waived) << waived.error().message;
  EXPECT_EQ(waived->identity, "waived");
  EXPECT_EQ(waived->identity_detail, "no trusted path");
  EXPECT_EQ(Sent()->identity, "unverified");
  EXPECT_TRUE(Sent()->waive_identity);
}

TEST_F(EnrolTest, AWaiverDoesNotMakeAVerifiedIdentityWorse) {
  const auto added = Add({.waive_identity = true});
  ASSERT_TRUE(added);
  EXPECT_EQ(added->identity, "verified");
}

TEST_F(EnrolTest, EvidenceIsOnlyTakenOverTls) {
  for (const auto& certificate :
       {std::optional<std::string>(), std::optional<std::string>("disabled")}) {
    registered_.agent.transport_certificate = certificate;
    const auto added = Add();
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().id, "tenant.no_tls");
    EXPECT_FALSE(Sent());
  }
}

TEST_F(EnrolTest, AnAddressIsNeeded) {
  registered_.agent.ip.reset();
  auto added = Add();
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().id, "tenant.no_address");
  registered_.agent.ip = "192.0.2.7";
  registered_.agent.port.reset();
  added = Add();
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().id, "tenant.no_address");
  EXPECT_FALSE(Sent());
}

TEST_F(EnrolTest, TheContactIsUsedInsteadOfWhatWasRegistered) {
  const auto added = Add({.contact_host = "h.example", .contact_port = 1234});
  ASSERT_TRUE(added);
  EXPECT_EQ(added->address, "h.example:1234");
  EXPECT_EQ(SentRequest().ip, "h.example");
  EXPECT_EQ(SentRequest().port, 1234);
}

TEST_F(EnrolTest, Attack_A08_Sha1OnlyIfWaived) {
  ASSERT_TRUE(Add());
  EXPECT_EQ(SentRequest().accept_hash_algs,
            (std::vector<std::string>{"sha512", "sha384", "sha256"}));
  EXPECT_FALSE(Sent()->waive_sha1);
}

TEST_F(EnrolTest, WaiversAndApprovalAreSentAsSaid) {
  ASSERT_TRUE(
      Add({.approve_current_boot = true, .waive_sha1 = true, .waive_boot_aggregate_bank = true}));
  EXPECT_TRUE(Sent()->approve_current_boot);
  EXPECT_TRUE(Sent()->waive_sha1);
  EXPECT_TRUE(Sent()->waive_boot_aggregate_bank);
  EXPECT_EQ(SentRequest().accept_hash_algs.back(), "sha1");
}

TEST_F(EnrolTest, BootReferenceAndModelAreSentAsSaid) {
  ASSERT_TRUE(Add({.boot_reference_name = "fleet", .model = "R640"}));
  EXPECT_EQ(Sent()->boot_reference_name, "fleet");
  EXPECT_EQ(Sent()->model, "R640");
}

TEST_F(EnrolTest, LabelsGoAlong) {
  ASSERT_TRUE(Add({.labels = {"web", "eu"}}));
  EXPECT_EQ(Sent()->labels, (std::vector<std::string>{"web", "eu"}));
}

TEST_F(EnrolTest, APolicyOfItsOwnGoesAlong) {
  ASSERT_TRUE(Add({.policy_text = R"({"digests": {}})"}));
  EXPECT_EQ(SentRequest().runtime_policy, R"({"digests": {}})");
  EXPECT_TRUE(Sent()->policy_names.empty());
}

TEST_F(EnrolTest, APolicyOfItsOwnGoesAlongBesideNamesUnderANameOfItsOwn) {
  ASSERT_TRUE(Add({.policy_names = {"base"}, .policy_text = "{}", .policy_name = "node"}));
  EXPECT_EQ(Sent()->policy_names, std::vector<std::string>{"base"});
  EXPECT_EQ(SentRequest().runtime_policy, "{}");
  EXPECT_EQ(SentRequest().runtime_policy_name, "node");
}

TEST_F(EnrolTest, ATpmPolicyIsSentWithItsPcrsInTheMask) {
  const auto policy = wire::ParseTpmPolicy(fmt::format(R"({{"14": "{}"}})", kPcrValue));
  ASSERT_TRUE(Add({.tpm_policy = *policy}));
  EXPECT_EQ(SentRequest().tpm_policy.pcrs, policy->pcrs);
  EXPECT_EQ(SentRequest().tpm_policy.mask, 1U << 14U | 1U << 10U);
}

TEST_F(EnrolTest, ATpmPolicyThatNoMachineCanMeetIsRefused) {
  const std::vector<std::string> values = {kPcrValue};
  for (const auto& [pcr, good] : {std::pair(10U, values), {16U, values}, {14U, {}}}) {
    const auto added = Add({.tpm_policy = {.pcrs = {{pcr, good}}}});
    ASSERT_FALSE(added) << pcr;
    EXPECT_EQ(added.error().id, "tenant.tpm_policy");
    EXPECT_NE(added.error().message.find(fmt::format("PCR {}", pcr)), std::string::npos);
    EXPECT_FALSE(Sent());
  }
}

TEST_F(EnrolTest, TheVerifiersRefusalIsHandedOn) {
  fake_.Answer(kAtVerifier, 409, R"({"error": {"id": "verifier.enrolled", "message": "m"}})");
  const auto added = Add();
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().id, "verifier.enrolled");
  EXPECT_EQ(added.error().code, ErrorCode::kConflict);
}

}  // namespace
}  // namespace limequat::tenant
