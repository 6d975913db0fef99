#include "limequat/policy/key_succession.h"

#include <gtest/gtest.h>

#include "limequat/json/value.h"

namespace limequat::policy {
namespace {

const crypto::PublicKey& Key() {
  static const crypto::PublicKey key = crypto::PrivateKey::GenerateEd25519().public_key();
  return key;
}

json::Object Document() {
  return {{"policy_name", "web"}, {"key", Key().ToPem()}, {"signed_at", "2026-11-29T09:00:00Z"}};
}

Status Read(const json::Value& document) {
  const auto read = ParseKeySuccession(json::Serialize(document));
  if (!read) return read.error();
  return {};
}

TEST(KeySuccessionTest, IsReadAsItWasWritten) {
  const KeySuccession made{
      .policy_name = "a b", .key = Key(), .signed_at = FromUnixSeconds(1'800'000'000)};
  const auto read = ParseKeySuccession(WriteKeySuccession(made));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->policy_name, "a b");
  EXPECT_TRUE(read->key == Key());
  EXPECT_EQ(read->signed_at, made.signed_at);
  EXPECT_TRUE(Read(Document()));
}

TEST(KeySuccessionTest, EachMemberIsThereAndOfItsKind) {
  for (const char* member : {"policy_name", "key", "signed_at"}) {
    for (const json::Value& value : {json::Value(7), json::Value()}) {
      const Status read = Read(Document().Set(member, value));
      ASSERT_FALSE(read) << member;
      EXPECT_EQ(read.error().id, "policy.key_succession");
      EXPECT_EQ(read.error().code, ErrorCode::kMalformed);
    }
  }
  EXPECT_FALSE(Read(Document().Set("signed_at", "yesterday")));
  EXPECT_FALSE(Read(Document().Set("key", "alice")));
  EXPECT_FALSE(Read(Document().Set("release", 1))) << "a policy is none";
  EXPECT_FALSE(Read(json::Array()));
  EXPECT_FALSE(ParseKeySuccession("{"));
}

TEST(KeySuccessionTest, KeysThatSignNoPoliciesAreRefused) {
  const auto weak = crypto::PrivateKey::GenerateRsa(1024).public_key();
  EXPECT_FALSE(Read(Document().Set("key", weak.ToPem())));
}

TEST(KeySuccessionTest, IsNoLongerThanItsBound) {
  const std::string text = json::Serialize(Document());
  EXPECT_TRUE(ParseKeySuccession(text + std::string(kMaxKeySuccessionBytes - text.size(), ' ')));
  EXPECT_FALSE(
      ParseKeySuccession(text + std::string(kMaxKeySuccessionBytes - text.size() + 1, ' ')));
}

}  // namespace
}  // namespace limequat::policy
