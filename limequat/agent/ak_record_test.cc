#include "limequat/agent/ak_record.h"

#include <gtest/gtest.h>

#include "limequat/json/value.h"

namespace limequat::agent {
namespace {

AkRecord SomeRecord() {
  return {.blob = {.public_area = {0, 1, 255}, .private_area = {7, 8}},
          .scheme = tpm::AlgorithmId::kRsaSsa,
          .hash = crypto::HashAlgorithm::kSha256,
          .ek_hash = "ab"};
}

// As Keylime's Rust agent writes it.
constexpr std::string_view kRustFile = R"({
  "ak_hash_alg": "Sha256",
  "ak_sign_alg": "RsaSsa",
  "ak_public": [
    0,
    1,
    255
  ],
  "ak_private": [
    7,
    8
  ],
  "ek_hash": [
    97,
    98
  ]
})";

TEST(AkRecord, TheRustAgentsFileIsRead) {
  const Result<AkRecord> record = ParseAkRecord(kRustFile);
  ASSERT_TRUE(record) << record.error().message;
  EXPECT_EQ(record->blob.public_area, (Bytes{0, 1, 255}));
  EXPECT_EQ(record->blob.private_area, (Bytes{7, 8}));
  EXPECT_EQ(record->scheme, tpm::AlgorithmId::kRsaSsa);
  EXPECT_EQ(record->hash, crypto::HashAlgorithm::kSha256);
  EXPECT_EQ(record->ek_hash, "ab");
}

TEST(AkRecord, TheRustAgentCanReadOurs) {
  EXPECT_EQ(*json::Parse(WriteAkRecord(SomeRecord())), *json::Parse(kRustFile));
}

TEST(AkRecord, IsReadBackWithEveryAlgorithm) {
  using crypto::HashAlgorithm;
  using tpm::AlgorithmId;
  for (const HashAlgorithm hash : {HashAlgorithm::kSha1, HashAlgorithm::kSha256,
                                   HashAlgorithm::kSha384, HashAlgorithm::kSha512}) {
    for (const AlgorithmId scheme :
         {AlgorithmId::kRsaSsa, AlgorithmId::kRsaPss, AlgorithmId::kEcdsa}) {
      AkRecord record = SomeRecord();
      record.hash = hash;
      record.scheme = scheme;
      const Result<AkRecord> parsed = ParseAkRecord(WriteAkRecord(record));
      ASSERT_TRUE(parsed);
      EXPECT_EQ(parsed->hash, hash);
      EXPECT_EQ(parsed->scheme, scheme);
    }
  }
}

TEST(AkRecord, EverythingElseIsRefused) {
  const json::Object good = *json::Parse(kRustFile)->as_object();
  const auto refused = [](const std::string& text) {
    const Result<AkRecord> record = ParseAkRecord(text);
    EXPECT_FALSE(record) << text;
    return record ? "" : record.error().id;
  };
  EXPECT_EQ(refused(""), "agent.ak_record.json");
  EXPECT_EQ(refused(std::string(kRustFile).substr(0, 60)), "agent.ak_record.json");
  EXPECT_EQ(refused("[]"), "agent.ak_record.member");
  for (const auto& [absent, ignored] : good) {
    json::Object without;
    for (const auto& [name, value] : good) {
      if (name != absent) without.Set(name, value);
    }
    EXPECT_EQ(refused(json::Serialize(without)), "agent.ak_record.member") << absent;
  }
  const auto with = [&good](std::string_view name, json::Value value) {
    json::Object changed = good;
    return json::Serialize(changed.Set(name, std::move(value)));
  };
  EXPECT_EQ(refused(with("ak_public", "AA==")), "agent.ak_record.member");
  EXPECT_EQ(refused(with("ak_public", json::Array())), "agent.ak_record.member");
  EXPECT_EQ(refused(with("ak_public", json::Array{256})), "agent.ak_record.member");
  EXPECT_EQ(refused(with("ak_public", json::Array{-1})), "agent.ak_record.member");
  EXPECT_EQ(refused(with("ak_public", json::Array{1.5})), "agent.ak_record.member");
  EXPECT_EQ(refused(with("ak_private", json::Array(5000, json::Value(1)))),
            "agent.ak_record.member");
  EXPECT_EQ(refused(with("ak_hash_alg", 1)), "agent.ak_record.member");
  EXPECT_EQ(refused(with("ak_hash_alg", "sha256")), "agent.ak_record.algorithm");
  EXPECT_EQ(refused(with("ak_hash_alg", "Sm3_256")), "agent.ak_record.algorithm");
  EXPECT_EQ(refused(with("ak_sign_alg", "EcSchnorr")), "agent.ak_record.algorithm");
}

}  // namespace
}  // namespace limequat::agent
