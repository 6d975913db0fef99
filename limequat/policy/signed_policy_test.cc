#include "limequat/policy/signed_policy.h"

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/base/encoding.h"
#include "limequat/policy/boot_values.h"

namespace limequat::policy {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kPolicy =
    R"({"meta":{"version":1,"generator":3},"release":0,"digests":{"/a":["1111111111111111111111111111111111111111"]},"excludes":[],"keyrings":{},"ima":{"ignored_keyrings":[],"log_hash_alg":"sha1","dm_policy":null},"ima-buf":{},"verification-keys":""})";

const crypto::PrivateKey& Key() {
  static const auto key = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256);
  return key;
}

std::string Signed(std::string_view payload = kPolicy) {
  return WriteEnvelope(kKeylimePayloadType, payload,
                       {*SignPayload(kKeylimePayloadType, payload, Key())});
}

TrustedSigners Trust() {
  TrustedSigners signers;
  signers.keys = {Key().public_key()};
  return signers;
}

TEST(ReadSignedPolicy, TakesAPlainPolicyWhereNoKeyIsGiven) {
  const auto read = ReadSignedPolicy(kPolicy, {});
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->findings.empty());
  ASSERT_NE(read->policy, nullptr);
  EXPECT_EQ(read->policy->paths(), 1U);
}

TEST(ReadSignedPolicy, TakesAnEnvelopeThatTheKeySigned) {
  const auto read = ReadSignedPolicy(Signed(), Trust());
  ASSERT_TRUE(read);
  EXPECT_TRUE(AllPassed(read->findings));
  EXPECT_EQ(read->signatures.size(), 1U);
  ASSERT_NE(read->policy, nullptr);
  EXPECT_EQ(read->policy->paths(), 1U);
}

TEST(ReadSignedPolicy, Attack_A11_AKeyThatIsGivenMustHaveSigned) {
  const auto plain = ReadSignedPolicy(kPolicy, Trust());
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->policy, nullptr);
  EXPECT_NE(FindCheck(plain->findings, "policy.signature.present"), nullptr);

  TrustedSigners other;
  other.keys = {crypto::PrivateKey::GenerateEd25519().public_key()};
  const auto wrong = ReadSignedPolicy(Signed(), other);
  ASSERT_TRUE(wrong);
  EXPECT_EQ(wrong->policy, nullptr);
  EXPECT_FALSE(AllPassed(wrong->findings));
}

TEST(ReadSignedPolicy, Attack_A11_AnEnvelopeWithoutAKeyIsNotRead) {
  const auto read = ReadSignedPolicy(Signed(), {});
  ASSERT_TRUE(read);
  EXPECT_EQ(read->policy, nullptr);
  const Finding* finding = FindCheck(read->findings, "policy.signature.threshold");
  ASSERT_NE(finding, nullptr);
  EXPECT_EQ(finding->outcome, Outcome::kNotEvaluated);
}

// One reading of one text: whoever looks at the payload and whoever looks at the digests
// see the same policy.
TEST(ReadSignedPolicy, Attack_A11_TextThatIsBothIsAnEnvelope) {
  std::string both(kPolicy);
  both.pop_back();
  both += R"(,"payload":")" + Base64Encode(AsBytes(kPolicy)) +
          R"(","payloadType":"application/vnd.keylime+json","signatures":[]})";
  EXPECT_EQ(ReadSignedPolicy(both, {})->policy, nullptr);
  // Nor is it a policy for somebody who knows of no envelopes.
  EXPECT_FALSE(RuntimePolicy::Parse(both));
}

TEST(ReadSignedPolicy, ChecksWhatTheEnvelopeHolds) {
  const auto read = ReadSignedPolicy(Signed("{}"), Trust());
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().id, "policy.schema");
}

TEST(ReadSignedPolicy, SaysWhatIsWrong) {
  EXPECT_EQ(ReadSignedPolicy("{}", {}).error().id, "policy.schema");
  EXPECT_EQ(ReadSignedPolicy("", Trust()).error().id, "policy.json");
  const auto damaged = ReadSignedPolicy(
      R"({"payload":"*","payloadType":"application/vnd.keylime+json","signatures":[]})", {});
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().id, "policy.envelope");
  EXPECT_THAT(damaged.error().message, HasSubstr("payload"));
}

std::string SignedAs(std::string_view type, std::string_view payload,
                     const crypto::PrivateKey& key) {
  return WriteEnvelope(type, payload, {*SignPayload(type, payload, key)});
}

TEST(SignedBootReference, Attack_A11_IsOfItsOwnTypeAndSignedByAKeyThatCounts) {
  const auto key = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256);
  const auto other = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256);
  TrustedSigners signers;
  signers.keys = {key.public_key()};
  const auto good = ReadSignedBootReference(SignedAs(kBootValuesPayloadType, "{}", key), signers);
  EXPECT_EQ(good.text, "{}");
  EXPECT_TRUE(AllPassed(good.findings));
  EXPECT_FALSE(ReadSignedBootReference(SignedAs(kKeylimePayloadType, "{}", key), signers).text);
  EXPECT_FALSE(
      ReadSignedBootReference(SignedAs(kBootValuesPayloadType, "{}", other), signers).text);
  EXPECT_FALSE(ReadSignedBootReference(SignedAs(kBootValuesPayloadType, "{}", key), {}).text);
  const auto plain = ReadSignedBootReference("{}", signers);
  EXPECT_FALSE(plain.text);
  EXPECT_NE(FindCheck(plain.findings, "policy.signature.present"), nullptr);
  EXPECT_EQ(ReadSignedBootReference("{}", {}).text, "{}");
}

}  // namespace
}  // namespace limequat::policy
