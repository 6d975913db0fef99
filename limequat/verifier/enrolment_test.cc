#include "limequat/verifier/enrolment.h"

#include <gtest/gtest.h>

#include "limequat/base/encoding.h"
#include "limequat/json/value.h"
#include "limequat/verifier/testing.h"

namespace limequat::verifier {
namespace {

using testing::MakeEnrolRequest;

Result<Enrolment> Make(const wire::EnrolRequest& request, const EnrolmentExtras& extras = {}) {
  return MakeEnrolment(*wire::AgentId::Parse("m1"), request, extras);
}

std::string IdOf(const Result<Enrolment>& result) {
  return result ? "accepted" : result.error().id;
}

TEST(EnrolmentTest, TakesWhatKeylimesTenantSends) {
  const auto enrolment = Make(MakeEnrolRequest());
  ASSERT_TRUE(enrolment) << enrolment.error().message;
  EXPECT_EQ(enrolment->host, "127.0.0.1");
  EXPECT_TRUE(enrolment->reference.requested.Contains(10));
  EXPECT_FALSE(enrolment->reference.baseline.has_value());
  EXPECT_FALSE(enrolment->reference.bank.has_value());
}

TEST(EnrolmentTest, StoreFormIsRead) {
  wire::EnrolRequest request = MakeEnrolRequest();
  request.tpm_policy.pcrs = {{7, {std::string(64, 'a')}}};
  const auto enrolment = Make(request, {.identity = "waived",
                                        .ek_fingerprint = "ab",
                                        .approve_first_boot = true,
                                        .waivers = {.sha1 = true, .boot_aggregate_bank = true},
                                        .boot_policy = policy::BootPolicy::kExample,
                                        .model = "R640"});
  ASSERT_TRUE(enrolment);
  const auto again = FromStoreForm(enrolment->id, 5, StoreForm(*enrolment));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->generation, 5);
  EXPECT_EQ(again->reference.ak.tpmt(), enrolment->reference.ak.tpmt());
  EXPECT_EQ(*again->transport_certificate, *enrolment->transport_certificate);
  EXPECT_EQ(again->reference.pcr_policy, enrolment->reference.pcr_policy);
  EXPECT_TRUE(again->reference.waivers.sha1);
  EXPECT_TRUE(again->reference.waivers.boot_aggregate_bank);
  EXPECT_TRUE(again->approve_first_boot);
  EXPECT_EQ(again->identity, "waived");
  EXPECT_EQ(again->boot_policy, policy::BootPolicy::kExample);
  EXPECT_EQ(again->model, "R640");
}

TEST(EnrolmentTest, AddressIsRequired) {
  wire::EnrolRequest request = MakeEnrolRequest();
  request.ip.reset();
  EXPECT_EQ(IdOf(Make(request)), "verifier.enrol.address");
  request = MakeEnrolRequest();
  request.port.reset();
  EXPECT_EQ(IdOf(Make(request)), "verifier.enrol.address");
  for (const char* host : {"", "a b", "host/path", "user@host", "h\r\nX: y"}) {
    request = MakeEnrolRequest();
    request.ip = host;
    EXPECT_EQ(IdOf(Make(request)), "verifier.enrol.address") << host;
  }
}

TEST(EnrolmentTest, TransportCertificateIsRequired) {
  for (const std::optional<std::string>& certificate :
       {std::optional<std::string>(), std::optional<std::string>("disabled")}) {
    wire::EnrolRequest request = MakeEnrolRequest();
    request.transport_certificate = certificate;
    EXPECT_EQ(IdOf(Make(request)), "verifier.enrol.mtls");
  }
}

TEST(EnrolmentTest, Attack_A12_AkThatMaySignAnythingIsRefused) {
  wire::EnrolRequest request = MakeEnrolRequest();
  request.ak_tpm =
      testing::MakeAkTpm2b(0x00040072);  // not restricted: it would sign a forged TPMS_ATTEST
  EXPECT_EQ(IdOf(Make(request)), "verifier.enrol.ak");
  request.ak_tpm = testing::MakeAkTpm2b(0x00050070);  // not fixedTPM
  EXPECT_EQ(IdOf(Make(request)), "verifier.enrol.ak");
}

TEST(EnrolmentTest, Attack_A08_Sha1NeedsAWaiverNotAList) {
  wire::EnrolRequest request = MakeEnrolRequest();
  request.accept_hash_algs = {"sha1"};
  EXPECT_EQ(IdOf(Make(request)), "verifier.enrol.hash");
  EXPECT_TRUE(Make(request, {.identity = {},
                             .ek_fingerprint = {},
                             .approve_first_boot = false,
                             .waivers = {.sha1 = true}}));
  request.accept_hash_algs = {"sha1", "sha256"};
  EXPECT_EQ(Make(request)->reference.accepted_hashes, std::vector{crypto::HashAlgorithm::kSha256});
}

// Keylime goes on without any key if it cannot read them.
TEST(EnrolmentTest, KeysForSignaturesAreReadOrRefused) {
  wire::EnrolRequest request = MakeEnrolRequest();
  EXPECT_EQ(Make(request)->reference.verification_keys, nullptr);
  for (const char* bad : {"{", "[]", "{}", "x", R"({"pubkeys": ["AAAA"], "keyids": [0]})"}) {
    request.ima_sign_verification_keys = bad;
    EXPECT_EQ(IdOf(Make(request)), "verifier.enrol.verification_keys") << bad;
  }
  // A keyring without keys is one: nobody vouches, whatever the policy has.
  request.ima_sign_verification_keys = R"({"pubkeys": [], "keyids": []})";
  ASSERT_NE(Make(request)->reference.verification_keys, nullptr);
  EXPECT_TRUE(Make(request)->reference.verification_keys->empty());
}

TEST(EnrolmentTest, KeysForSignaturesAreStored) {
  wire::EnrolRequest request = MakeEnrolRequest();
  const auto key = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256).public_key();
  request.ima_sign_verification_keys = json::Serialize(json::Object{
      {"pubkeys", json::Array{Base64Encode(key.ToSpkiDer())}}, {"keyids", json::Array{0}}});
  const auto enrolment = Make(request);
  ASSERT_TRUE(enrolment);
  const auto loaded = FromStoreForm(enrolment->id, 1, StoreForm(*enrolment));
  ASSERT_TRUE(loaded);
  ASSERT_NE(loaded->reference.verification_keys, nullptr);
  ASSERT_EQ(loaded->reference.verification_keys->size(), 1U);
  EXPECT_EQ(loaded->reference.verification_keys->members()[0].key.key, key);
}

TEST(EnrolmentTest, WhatSaysNothingOfTheBootIsNone) {
  wire::EnrolRequest request;
  for (const char* empty : {"{}", "null"}) {
    request = MakeEnrolRequest();
    request.mb_policy = empty;
    EXPECT_TRUE(Make(request)) << empty;
  }
}

TEST(EnrolmentTest, DamagedStoreFormIsRefused) {
  const auto id = *wire::AgentId::Parse("m1");
  EXPECT_FALSE(FromStoreForm(id, 1, ""));
  EXPECT_FALSE(FromStoreForm(id, 1, "{}"));
  EXPECT_FALSE(FromStoreForm(id, 1, "[]"));
}

}  // namespace
}  // namespace limequat::verifier
