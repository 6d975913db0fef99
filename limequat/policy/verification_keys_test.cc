#include "limequat/policy/verification_keys.h"

#include <string>

#include <gtest/gtest.h>

#include "limequat/base/encoding.h"
#include "limequat/crypto/key.h"
#include "limequat/json/value.h"

namespace limequat::policy {
namespace {

// P-256; its computed id is 0x3e144ac9.
constexpr std::string_view kKey =
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEIVTZFN4rHlHs3ooZB5mcT/HGoWe18pW8nx2LSMlkk4nk5QPLAg/"
    "CGpmZebc6SZqVtHxAPKAlYa1i4MX19yu5Eg==";

std::string Text(json::Array keys, json::Array ids) {
  return json::Serialize(json::Object{{"pubkeys", std::move(keys)}, {"keyids", std::move(ids)}});
}

ima::Keyring Read(std::string_view text) { return ParseVerificationKeys(text, "policy").value(); }

std::string ErrorOf(std::string_view text) {
  const auto read = ParseVerificationKeys(text, "policy");
  return read ? "none" : read.error().id;
}

TEST(VerificationKeys, IdsAreTakenOrComputed) {
  for (const json::Value& id : {json::Value(0), json::Value(1041517257), json::Value()}) {
    EXPECT_EQ(Read(Text({kKey}, {id})).Find(1041517257).size(), 1U);
  }
  EXPECT_EQ(Read(Text({kKey}, {})).Find(1041517257).size(), 1U);
  const ima::Keyring keyring = Read(Text({kKey}, {std::uint64_t{0xffffffff}}));
  ASSERT_EQ(keyring.Find(0xffffffff).size(), 1U);
  EXPECT_EQ(keyring.Find(0xffffffff)[0]->keyring, "policy");
  EXPECT_TRUE(keyring.Find(1041517257).empty());
}

TEST(VerificationKeys, EncodedTwice) {
  const std::string once = Text({kKey}, {0});
  EXPECT_EQ(Read(json::Serialize(json::Value(once))).size(), 1U);
  EXPECT_EQ(ErrorOf(json::Serialize(json::Value(json::Serialize(json::Value(once))))),
            "policy.verification_keys");
}

TEST(VerificationKeys, WhatIsWrittenIsRead) {
  const ima::Keyring keys = Read(Text({kKey}, {7}));
  const std::string text = WriteVerificationKeys(keys);
  EXPECT_EQ(text, Text({kKey}, {7}));
  EXPECT_EQ(Read(text).Find(7).size(), 1U);
  EXPECT_EQ(WriteVerificationKeys({}), "");
}

TEST(VerificationKeys, None) {
  EXPECT_TRUE(Read("").empty());
  EXPECT_TRUE(Read(R"({"pubkeys": [], "keyids": []})").empty());
}

TEST(VerificationKeys, WhatIsRefused) {
  for (const std::string& text :
       {std::string("x"), std::string("[]"), std::string(R"({"pubkeys": []})"),
        std::string(R"({"keyids": []})"), Text({1}, {0}), Text({"&"}, {0}), Text({"AAAA"}, {0}),
        Text({kKey}, {0, 0}), Text({kKey}, {-1}), Text({kKey}, {std::uint64_t{1} << 32U}),
        Text({kKey}, {"1"}),
        // Ed25519: a key that Keylime does not know either.
        Text({"MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="}, {0})}) {
    EXPECT_EQ(ErrorOf(text), "policy.verification_keys") << text;
  }
}

TEST(VerificationKeys, MoreKeysThanAKeyringHolds) {
  json::Array keys;
  json::Array ids;
  for (std::size_t i = 0; i <= ima::kMaxKeysOfOneId; ++i) {
    const auto key = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256);
    keys.emplace_back(Base64Encode(key.public_key().ToSpkiDer()));
    ids.emplace_back(7);
  }
  EXPECT_EQ(ErrorOf(Text(keys, ids)), "policy.verification_keys");
}

}  // namespace
}  // namespace limequat::policy
