#include "limequat/tpm/pcr.h"

#include <gtest/gtest.h>

namespace limequat::tpm {
namespace {

using crypto::Digest;
using crypto::HashAlgorithm;

Digest DigestOf(HashAlgorithm bank, std::uint8_t fill) {
  return *Digest::FromBytes(bank, Bytes(crypto::DigestSize(bank), fill));
}

TEST(PcrSetTest, Sets) {
  const PcrSet boot = PcrSet::Range(0, 7);
  EXPECT_TRUE(boot.Contains(0));
  EXPECT_TRUE(boot.Contains(7));
  EXPECT_FALSE(boot.Contains(8));
  EXPECT_FALSE(boot.Contains(32));
  EXPECT_EQ(boot.size(), 8);
  EXPECT_TRUE((boot | PcrSet::Of(10)).ContainsAll(boot));
  EXPECT_FALSE(boot.ContainsAll(boot | PcrSet::Of(10)));
  EXPECT_EQ((boot | PcrSet::Of(10)) - boot, PcrSet::Of(10));
  EXPECT_EQ(PcrSet(0xff000001), PcrSet::Of(0));
  EXPECT_EQ(PcrSet::Of(24), PcrSet());
  EXPECT_EQ((PcrSet::Of(3) | PcrSet::Of(23)).ToList(), (std::vector<std::uint32_t>{3, 23}));
}

TEST(PcrSetTest, Text) {
  EXPECT_EQ(PcrSet().ToString(), "");
  EXPECT_EQ((PcrSet::Range(0, 7) | PcrSet::Of(10)).ToString(), "0-7,10");
  EXPECT_EQ((PcrSet::Of(0) | PcrSet::Of(2) | PcrSet::Range(22, 23)).ToString(), "0,2,22-23");
}

TEST(PcrListTest, TextIsReadBack) {
  for (const std::uint32_t bits : {0x1U, 0x4ffU, 0xffffffU, 0x810005U}) {
    const auto parsed = ParsePcrList(PcrSet(bits).ToString());
    ASSERT_TRUE(parsed.has_value());
    EXPECT_EQ(*parsed, PcrSet(bits));
  }
  EXPECT_EQ(*ParsePcrList("10,0-7,3"), PcrSet::Range(0, 7) | PcrSet::Of(10));
}

TEST(PcrListTest, Refused) {
  for (const std::string_view text :
       {"",      ",", "0,",  ",0", "0,,1", "24", "0-24", "7-0", "-",   "0-",        "-7",
        "1-2-3", "a", "0x1", "+1", " 1",   "1 ", "01",   "00",  "123", "4294967296"}) {
    const auto parsed = ParsePcrList(text);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_EQ(parsed.error().id, "tpm.pcr_list") << text;
  }
}

TEST(PcrSelectionTextTest, OneAndSeveralBanks) {
  const PcrSelection one{{.bank = AlgorithmId::kSha256, .pcrs = PcrSet::Range(0, 7)}};
  EXPECT_EQ(*ParsePcrSelectionText("sha256:0-7"), one);
  const PcrSelection two{{.bank = AlgorithmId::kSha1, .pcrs = PcrSet::Of(10)},
                         {.bank = AlgorithmId::kSha384, .pcrs = PcrSet::Of(0) | PcrSet::Of(1)}};
  EXPECT_EQ(*ParsePcrSelectionText("sha1:10+sha384:0,1"), two);
}

TEST(PcrSelectionTextTest, Refused) {
  for (const std::string_view text : {"", "sha256", "sha256:", "sha256:0+", "md5:0", ":0",
                                      "sha256:0+sha256:1", "sha256:24", "rsassa:1", "SHA256:1"}) {
    const auto parsed = ParsePcrSelectionText(text);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_EQ(parsed.error().id, "tpm.pcr_selection") << text;
  }
}

TEST(PcrValuesTest, FindsWhatWasSet) {
  PcrValues values;
  EXPECT_TRUE(values.empty());
  values.Set(10, DigestOf(HashAlgorithm::kSha256, 1));
  values.Set(10, DigestOf(HashAlgorithm::kSha1, 2));
  values.Set(0, DigestOf(HashAlgorithm::kSha1, 3));
  EXPECT_FALSE(values.empty());
  ASSERT_NE(values.Find(HashAlgorithm::kSha256, 10), nullptr);
  EXPECT_EQ(*values.Find(HashAlgorithm::kSha256, 10), DigestOf(HashAlgorithm::kSha256, 1));
  EXPECT_EQ(values.Find(HashAlgorithm::kSha256, 0), nullptr);
  EXPECT_EQ(values.Find(HashAlgorithm::kSha384, 10), nullptr);
  EXPECT_EQ(values.Numbers(HashAlgorithm::kSha1), PcrSet::Of(0) | PcrSet::Of(10));
  EXPECT_EQ(values.Numbers(HashAlgorithm::kSha512), PcrSet());
  EXPECT_EQ(values.Banks(), (std::vector{HashAlgorithm::kSha1, HashAlgorithm::kSha256}));
}

TEST(PcrValuesTest, JsonAndBack) {
  PcrValues values;
  values.Set(10, DigestOf(HashAlgorithm::kSha1, 0xab));
  values.Set(9, DigestOf(HashAlgorithm::kSha1, 1));
  values.Set(23, DigestOf(HashAlgorithm::kSha512, 2));
  const json::Value json = values.ToJson();
  EXPECT_EQ(*json.as_object()->Find("sha1")->as_object()->Find("10")->as_string(),
            "abababababababababababababababababababab");
  const auto back = PcrValues::FromJson(json);
  ASSERT_TRUE(back.has_value()) << back.error().message;
  EXPECT_EQ(*back, values);
}

TEST(PcrValuesTest, ABankWithoutValuesIsNoBank) {
  const auto values = PcrValues::FromJson(json::Object{{"sha256", json::Object{}}});
  ASSERT_TRUE(values.has_value());
  EXPECT_EQ(*values, PcrValues());
}

TEST(PcrValuesTest, JsonRefused) {
  const std::string sha1(40, 'a');
  const auto bank = [](std::string_view name, json::Value value) {
    return json::Value(json::Object{{"sha1", json::Object{{std::string(name), std::move(value)}}}});
  };
  const std::vector<json::Value> cases = {
      json::Value("sha1"),
      json::Array{},
      json::Object{{"sha3-256", json::Object{}}},
      json::Object{{"sha1", json::Array{}}},
      bank("24", sha1),
      bank("07", sha1),
      bank("-1", sha1),
      bank("", sha1),
      bank("7", 7),
      bank("7", nullptr),
      bank("7", sha1 + "aa"),
      bank("7", sha1.substr(2)),
      bank("7", "0x" + sha1.substr(2)),
      bank("7", std::string(40, 'g')),
  };
  for (const json::Value& value : cases) {
    const auto parsed = PcrValues::FromJson(value);
    ASSERT_FALSE(parsed.has_value()) << json::Serialize(value);
    EXPECT_EQ(parsed.error().code, ErrorCode::kMalformed);
    EXPECT_EQ(parsed.error().id, "tpm.pcr_values");
  }
}

}  // namespace
}  // namespace limequat::tpm
