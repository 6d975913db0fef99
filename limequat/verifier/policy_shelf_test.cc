#include "limequat/verifier/policy_shelf.h"

#include <string>

#include <gtest/gtest.h>

#include "limequat/verifier/fleet_for_test.h"

namespace limequat::verifier {
namespace {

using crypto::PrivateKey;

const PrivateKey& Mine() {
  static const PrivateKey key = PrivateKey::GenerateEc(crypto::Curve::kP256);
  return key;
}
const PrivateKey& Theirs() {
  static const PrivateKey key = PrivateKey::GenerateEc(crypto::Curve::kP256);
  return key;
}

std::string Signed(const PrivateKey& key, std::string_view path = "/usr/bin/a") {
  const std::string policy = PolicyListing(path);
  return policy::WriteEnvelope(policy::kKeylimePayloadType, policy,
                               {*policy::SignPayload(policy::kKeylimePayloadType, policy, key)});
}

std::string PemOf(const PrivateKey& key) { return key.public_key().ToPem(); }

PolicySigning Configured(const PrivateKey& key) {
  PolicySigning signing;
  signing.signers.keys = {key.public_key()};
  return signing;
}

// "" if it was let in, else the error's identifier.
std::string Admitted(PolicyShelf& shelf, const std::string& body,
                     const std::optional<std::string>& key = std::nullopt) {
  const auto policy = shelf.Admit(body, key, Time());
  return policy ? "" : policy.error().id;
}

TEST(PolicyShelf, LetsPlainPoliciesInWhereNothingIsAsked) {
  PolicyShelf shelf;
  EXPECT_EQ(Admitted(shelf, PolicyListing("/usr/bin/a")), "");
  EXPECT_EQ(Admitted(shelf, "{}"), "policy.schema");
  const auto first = shelf.Admit(PolicyListing("/usr/bin/a"), std::nullopt, Time());
  const auto second = shelf.Get(PolicyListing("/usr/bin/a"));
  ASSERT_TRUE(first && second);
  EXPECT_EQ(*first, *second) << "one object for one content";
}

TEST(PolicyShelf, LetsInWhatTheKeyOfTheRequestSigned) {
  PolicyShelf shelf;
  const std::string envelope = Signed(Theirs());
  const auto policy = shelf.Admit(envelope, PemOf(Theirs()), Time());
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_EQ((*policy)->paths(), 1U);
  EXPECT_EQ((*policy)->hash(), crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(envelope)));
}

TEST(PolicyShelf, Attack_A11_RefusesWhatNobodyVouchesFor) {
  PolicyShelf shelf;
  const std::string envelope = Signed(Theirs());
  EXPECT_EQ(Admitted(shelf, envelope), "policy.signature.key");
  EXPECT_EQ(Admitted(shelf, envelope, PemOf(Mine())), "policy.signature");
  EXPECT_EQ(Admitted(shelf, PolicyListing("/usr/bin/a"), PemOf(Mine())),
            "policy.signature.present");
  EXPECT_EQ(Admitted(shelf, envelope, "no key"), "policy.signature.key");
  EXPECT_EQ(Admitted(shelf, envelope, PrivateKey::GenerateRsa(1024).public_key().ToPem()),
            "policy.signature.key");
}

// It was let in with its key once: that says nothing about another request.
TEST(PolicyShelf, Attack_A11_VerifiesWhatItKnowsAgain) {
  PolicyShelf shelf;
  const std::string envelope = Signed(Theirs());
  EXPECT_EQ(shelf.Get(envelope).error().id, "policy.signature");
  const auto held = shelf.Admit(envelope, PemOf(Theirs()), Time());
  ASSERT_TRUE(held);
  EXPECT_EQ(*shelf.Get(envelope), *held);
  EXPECT_EQ(Admitted(shelf, envelope), "policy.signature.key");
  EXPECT_EQ(Admitted(shelf, envelope, PemOf(Mine())), "policy.signature");
}

TEST(PolicyShelf, Attack_A11_TheKeyOfARequestIsNoRoot) {
  PolicyShelf shelf(Configured(Mine()));
  EXPECT_EQ(Admitted(shelf, Signed(Mine())), "");
  EXPECT_EQ(Admitted(shelf, Signed(Mine()), PemOf(Mine())), "");
  EXPECT_EQ(Admitted(shelf, Signed(Theirs())), "policy.signature");
  EXPECT_EQ(Admitted(shelf, Signed(Theirs()), PemOf(Theirs())), "policy.signature");
  EXPECT_EQ(Admitted(shelf, Signed(Mine()), PemOf(Theirs())), "policy.signature");
  EXPECT_EQ(Admitted(shelf, PolicyListing("/usr/bin/a")), "policy.signature.present");
}

TEST(PolicyShelf, ASignatureMayBeRequiredWithoutAKey) {
  PolicyShelf shelf(PolicySigning{.signers = {}, .required = true});
  EXPECT_EQ(Admitted(shelf, PolicyListing("/usr/bin/a")), "policy.signature.present");
  EXPECT_EQ(Admitted(shelf, Signed(Mine())), "policy.signature.key");
  EXPECT_EQ(Admitted(shelf, Signed(Mine()), PemOf(Mine())), "");
}

TEST(PolicyShelf, ChecksWhatTheEnvelopeHolds) {
  PolicyShelf shelf;
  const std::string envelope =
      policy::WriteEnvelope(policy::kKeylimePayloadType, "{}",
                            {*policy::SignPayload(policy::kKeylimePayloadType, "{}", Mine())});
  EXPECT_EQ(Admitted(shelf, envelope, PemOf(Mine())), "policy.schema");
}

TEST(PolicyShelf, TakesWhatWasStoredAsItWasVerified) {
  PolicyShelf shelf;
  const auto stored = shelf.GetStored(Signed(Theirs()));
  ASSERT_TRUE(stored) << stored.error().message;
  EXPECT_EQ((*stored)->paths(), 1U);
  const auto plain = shelf.GetStored(PolicyListing("/usr/bin/a"));
  ASSERT_TRUE(plain);
  EXPECT_EQ(*shelf.Get(PolicyListing("/usr/bin/a")), *plain);
}

}  // namespace
}  // namespace limequat::verifier
