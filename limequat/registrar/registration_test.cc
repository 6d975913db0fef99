#include "limequat/registrar/registration.h"

#include <gtest/gtest.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/encoding.h"
#include "limequat/crypto/key.h"
#include "limequat/registrar/testing.h"
#include "limequat/tpm/credential.h"

namespace limequat::registrar {
namespace {

using testing::Machine;

std::string IdOf(const Result<Candidate>& result) {
  return result ? "accepted" : result.error().id;
}
std::string IdOf(const Status& status) { return status ? "accepted" : status.error().id; }

const Time kNow = FromUnixSeconds(1'800'000'000);

class RegistrationTest : public ::testing::Test {
 protected:
  Result<Candidate> Examined(const wire::RegistrationRequest& request) const {
    return Examine(request, trust_, kNow);
  }

  testing::Manufacturer manufacturer_;
  tpm::EkTrust trust_{
      .anchors = {manufacturer_.certificate()}, .intermediates = {}, .require_valid_time = false};
  Machine machine_{manufacturer_};
};

TEST_F(RegistrationTest, GenuineTpmIsVerified) {
  const auto candidate = Examined(machine_.Request());
  ASSERT_TRUE(candidate) << candidate.error().message;
  EXPECT_EQ(candidate->record.identity, wire::Identity::kVerified)
      << candidate->record.identity_why;
  EXPECT_EQ(candidate->secret.size(), 32U);
  EXPECT_TRUE(tpm::ParseCredentialBlob(candidate->blob));
}

TEST_F(RegistrationTest, ChallengesDiffer) {
  EXPECT_FALSE(Equal(Examined(machine_.Request())->secret.Expose(),
                     Examined(machine_.Request())->secret.Expose()));
}

TEST_F(RegistrationTest, StrangersTpmIsAcceptedButNotVerified) {
  const testing::Manufacturer stranger;
  const auto candidate = Examined(Machine(stranger).Request());
  ASSERT_TRUE(candidate);
  EXPECT_EQ(candidate->record.identity, wire::Identity::kUnverified);
  EXPECT_NE(candidate->record.identity_why, "");
}

TEST_F(RegistrationTest, TpmWithoutCertificateIsNotVerified) {
  auto request = machine_.Request();
  request.ek_certificate = {};
  EXPECT_EQ(Examined(request)->record.identity, wire::Identity::kUnverified);
}

TEST_F(RegistrationTest, Attack_A12_CertificateOfAnotherKeyIsRefused) {
  auto request = machine_.Request();
  request.ek_certificate = Machine(manufacturer_).Request().ek_certificate;
  EXPECT_EQ(IdOf(Examined(request)), "registrar.ek_mismatch");
}

TEST_F(RegistrationTest, Attack_A12_EkThatIsNoEndorsementKeyIsNotVerified) {
  const Machine lax(manufacturer_,
                    /*ek_attributes=*/0x00020072);  // a decryption key of anybody, not restricted
  const auto candidate = Examined(lax.Request());
  if (candidate) EXPECT_EQ(candidate->record.identity, wire::Identity::kUnverified);
}

TEST_F(RegistrationTest, Attack_A12_AkThatSignsAnythingIsRefused) {
  for (const std::uint32_t attributes :
       {0x00040072U /* not restricted */, 0x00050070U /* not fixedTPM */,
        0x00070072U /* decrypts */}) {
    const Machine forger(manufacturer_, testing::kEkAttributes, attributes);
    EXPECT_EQ(IdOf(Examined(forger.Request())), "registrar.ak_attributes") << attributes;
  }
}

TEST_F(RegistrationTest, KeysAreRequired) {
  auto request = machine_.Request();
  request.ek_tpm = {};
  request.ek_certificate = {};
  EXPECT_EQ(IdOf(Examined(request)), "registrar.ek_missing");
  request.has_device_identity = true;
  EXPECT_EQ(IdOf(Examined(request)), "registrar.device_identity");
  request = machine_.Request();
  request.aik_tpm = {1, 2, 3};
  EXPECT_NE(IdOf(Examined(request)), "accepted");
}

TEST_F(RegistrationTest, OldAgentLeavesOutTheEkItHasACertificateFor) {
  auto request = machine_.Request();
  const Bytes ek = *request.ek_tpm.value;
  request.ek_tpm = {};
  const auto candidate = Examined(request);
  ASSERT_TRUE(candidate) << candidate.error().message;
  EXPECT_EQ(HexEncode(candidate->record.ek_tpm), HexEncode(ek))
      << "the template is rebuilt to the byte";
}

// --- Reconcile ---

class ReconcileTest : public RegistrationTest {
 protected:
  Record Known() { return Examined(machine_.Request())->record; }
  Status Reconciled(const wire::RegistrationRequest& request, Record& candidate) {
    return Reconcile(request, Known(), candidate);
  }
};

TEST_F(ReconcileTest, FirstRegistrationCountsOne) {
  Record candidate = Known();
  EXPECT_TRUE(Reconcile(machine_.Request(), std::nullopt, candidate));
  EXPECT_EQ(candidate.regcount, 1);
}

TEST_F(ReconcileTest, SameTpmMayComeAgainFromAnotherAddress) {
  auto request = machine_.Request();
  request.ip = {.present = true, .value = "10.1.2.3"};
  Record candidate = Examined(request)->record;
  EXPECT_TRUE(Reconciled(request, candidate));
  EXPECT_EQ(candidate.ip, "10.1.2.3");
}

TEST_F(ReconcileTest, Cve_2025_13609_AnotherTpmUnderAKnownNameIsRefused) {
  const auto request = Machine(manufacturer_).Request();
  Record candidate = Examined(request)->record;
  EXPECT_EQ(IdOf(Reconciled(request, candidate)), "registrar.identity_changed");
}

TEST_F(ReconcileTest, Attack_A12_AnotherAkIsAConflict) {
  auto request = machine_.Request();
  request.aik_tpm = Machine(manufacturer_).Request().aik_tpm;
  Record candidate = Examined(request)->record;
  EXPECT_EQ(IdOf(Reconciled(request, candidate)), "registrar.identity_changed");
}

TEST_F(ReconcileTest, ClearingTheCertificateIsAChangeLeavingItOutIsNone) {
  auto request = machine_.Request();
  request.ek_certificate = {.present = true, .value = {}};
  Record cleared = Examined(request)->record;
  EXPECT_EQ(IdOf(Reconciled(request, cleared)), "registrar.identity_changed");

  request.ek_certificate = {};
  Record left_out = Examined(request)->record;
  EXPECT_TRUE(Reconciled(request, left_out));
  EXPECT_EQ(left_out.ek_certificate_der, Known().ek_certificate_der);
  EXPECT_EQ(left_out.identity, wire::Identity::kVerified)
      << "what was found about the certificate stays (quirk A22)";
}

TEST_F(ReconcileTest, ClearingTheEkIsAChange) {
  auto request = machine_.Request();
  request.ek_tpm = {.present = true, .value = {}};
  Record candidate = Known();
  EXPECT_EQ(IdOf(Reconciled(request, candidate)), "registrar.identity_changed");
}

}  // namespace
}  // namespace limequat::registrar
