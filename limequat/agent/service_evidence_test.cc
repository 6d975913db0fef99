// Quotes and lists that the agent sends.

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/agent/service_for_test.h"
#include "limequat/base/encoding.h"

namespace limequat::agent {
namespace {

using crypto::HashAlgorithm;
using testing::HasSubstr;

TEST_F(ServiceTest, AnIdentityQuoteBindsTheTransportKey) {
  const Answer answer = Get("/v2.6/quotes/identity?nonce=abcDEF0123456789wxyz");
  ASSERT_EQ(answer.status, 200) << answer.text;
  const Result<wire::QuoteAnswer> quote = wire::ParseQuoteAnswer(answer.body);
  ASSERT_TRUE(quote) << quote.error().message;
  EXPECT_EQ(quote->hash_alg, "sha256");
  EXPECT_EQ(quote->enc_alg, "rsa2048");
  EXPECT_EQ(quote->sign_alg, "rsassa");
  EXPECT_EQ(quote->ima_measurement_list, std::nullopt);
  EXPECT_EQ(quote->mb_measurement_list, std::nullopt);
  ASSERT_TRUE(quote->pubkey);
  const auto verified = Verify(*quote, "abcDEF0123456789wxyz", tpm::PcrSet::Of(16));
  ASSERT_TRUE(verified);
  const crypto::Digest key_digest = crypto::Hash(HashAlgorithm::kSha256, AsBytes(*quote->pubkey));
  EXPECT_EQ(*verified->Pcr(HashAlgorithm::kSha256, 16),
            crypto::Extend(crypto::Digest(HashAlgorithm::kSha256), key_digest.bytes()));
  EXPECT_EQ(*Get("/v2.6/keys/pubkey").results.as_object()->Find("pubkey"),
            json::Value(*quote->pubkey));
  EXPECT_EQ(*Get("/v2.1/quotes/identity?nonce=").results.as_object()->Find("enc_alg"),
            json::Value("rsa"));
}

TEST_F(ServiceTest, AnIntegrityQuoteHasPcrsAndLogs) {
  const Answer answer = Get("/v2.6/quotes/integrity?nonce=n1&mask=0x400&partial=0&ima_ml_entry=0");
  ASSERT_EQ(answer.status, 200) << answer.text;
  const Result<wire::QuoteAnswer> quote = wire::ParseQuoteAnswer(answer.body);
  ASSERT_TRUE(quote) << quote.error().message;
  EXPECT_TRUE(Verify(*quote, "n1", tpm::PcrSet::Of(10) | tpm::PcrSet::Of(16)));
  EXPECT_TRUE(quote->pubkey);
  EXPECT_EQ(quote->ima_measurement_list_entry, 0U);
  EXPECT_EQ(quote->mb_measurement_list, std::nullopt) << "PCR 0 was not asked for";
}

TEST_F(ServiceTest, APartialQuoteHasNoKey) {
  const Result<wire::QuoteAnswer> quote =
      wire::ParseQuoteAnswer(Get("/v2.6/quotes/integrity?nonce=n&mask=0&partial=1").body);
  ASSERT_TRUE(quote);
  EXPECT_EQ(quote->pubkey, std::nullopt);
  EXPECT_TRUE(Verify(*quote, "n", tpm::PcrSet::Of(16)));
}

TEST_F(ServiceTest, TheBootLogComesWithPcrZero) {
  const Result<wire::QuoteAnswer> quote = wire::ParseQuoteAnswer(
      Get("/v2.6/quotes/integrity?nonce=n&mask=0xffff&partial=1&ima_ml_entry=3").body);
  ASSERT_TRUE(quote);
  EXPECT_TRUE(Verify(*quote, "n", tpm::PcrSet::Range(0, 16)));
  EXPECT_EQ(quote->mb_measurement_list, Base64Encode(AsBytes(kBootLog)));
}

TEST_F(ServiceTest, TheMeasurementListIsSentFromAnEntry) {
  const auto list = [this](const std::string& entry) {
    return wire::ParseQuoteAnswer(
        Get("/v2.6/quotes/integrity?nonce=n&mask=0x400&partial=1" + entry).body);
  };
  const std::size_t second = kImaList.find('\n') + 1;
  const std::size_t third = kImaList.find('\n', second) + 1;
  EXPECT_EQ(list("&ima_ml_entry=1")->ima_measurement_list->substr(0, third - second),
            kImaList.substr(second, third - second));
  EXPECT_EQ(list("&ima_ml_entry=1")->ima_measurement_list_entry, 1U);
  EXPECT_EQ(list("&ima_ml_entry=3")->ima_measurement_list, "");
  EXPECT_EQ(list("&ima_ml_entry=3")->ima_measurement_list_entry, 3U);
  const std::string whole = *list("")->ima_measurement_list;
  // A bookmark behind the end, and what is no number (quirk A38).
  for (const std::string& entry : {"&ima_ml_entry=4", "&ima_ml_entry=", "&ima_ml_entry=x",
                                   "&ima_ml_entry=-1", "&ima_ml_entry=99999999999999999999999"}) {
    EXPECT_EQ(list(entry)->ima_measurement_list, whole) << entry;
    EXPECT_EQ(list(entry)->ima_measurement_list_entry, 0U) << entry;
  }
  std::ofstream(folder_.path() / "ima", std::ios::app) << "10 new\n";
  EXPECT_EQ(list("&ima_ml_entry=3")->ima_measurement_list, "10 new\n");
}

// JSON cannot carry such a name; the verifier must see that something is wrong.
TEST_F(ServiceTest, Quirk_A39_ANameThatIsNotUtf8IsSentVisiblyChanged) {
  const Result<wire::QuoteAnswer> quote =
      wire::ParseQuoteAnswer(Get("/v2.6/quotes/integrity?nonce=n&mask=0x400&partial=1").body);
  ASSERT_TRUE(quote) << quote.error().message;
  EXPECT_THAT(*quote->ima_measurement_list, HasSubstr("/bin/\xef\xbf\xbdt\xef\xbf\xbd\n"));
}

TEST_F(ServiceTest, BadQuestionsAreRefusedInKeylimesWords) {
  const std::string identity = "/v2.6/quotes/identity";
  const std::string integrity = "/v2.6/quotes/integrity";
  const std::string long_nonce(65, 'n');
  ExpectRefused(identity, 400, "Query deserialize error: missing field `nonce`");
  ExpectRefused(identity + "?nonce=a&nonce=b", 400,
                "Query deserialize error: duplicate field `nonce`");
  ExpectRefused(identity + "?nonce=a-b", 400, "Parameters should be strictly alphanumeric: a-b");
  ExpectRefused(identity + "?nonce=a%0ab", 400, "Parameters should be strictly alphanumeric: a\nb");
  ExpectRefused(identity + "?nonce=" + long_nonce, 400,
                "Nonce is too long (max size 64): " + long_nonce);
  ExpectRefused(integrity, 400, "Query deserialize error: missing field `nonce`");
  ExpectRefused(integrity + "?nonce=a&partial=0", 400,
                "Query deserialize error: missing field `mask`");
  ExpectRefused(integrity + "?nonce=a&mask=0x0", 400,
                "Query deserialize error: missing field `partial`");
  ExpectRefused(integrity + "?nonce=a&mask=0x0&mask=0x1&partial=0", 400,
                "Query deserialize error: duplicate field `mask`");
  ExpectRefused(integrity + "?nonce=a&mask=0x0&partial=0&ima_ml_entry=0&ima_ml_entry=1", 400,
                "Query deserialize error: duplicate field `ima_ml_entry`");
  ExpectRefused(integrity + "?nonce=a.b&mask=!&partial=2", 400,
                "nonce should be strictly alphanumeric: a.b");
  ExpectRefused(integrity + "?nonce=" + long_nonce + "&mask=0x-1&partial=2", 400,
                "mask should be strictly alphanumeric: 0x-1");
  ExpectRefused(integrity + "?nonce=a&mask=0xg&partial=2", 400,
                "mask should be a hex encoded 32-bit integer: 0xg");
  ExpectRefused(integrity + "?nonce=a&mask=&partial=2", 400,
                "mask should be a hex encoded 32-bit integer: ");
  ExpectRefused(integrity + "?nonce=a&mask=0x100000000&partial=0", 400,
                "mask should be a hex encoded 32-bit integer: 0x100000000");
  ExpectRefused(integrity + "?nonce=" + long_nonce + "&mask=0x0&partial=2", 400,
                "Nonce is too long (max size: 64): 65");
  ExpectRefused(integrity + "?nonce=a&mask=0x0&partial=2", 400,
                "uri must contain key 'partial' and value '0' or '1'");
  ExpectRefused(integrity + "?nonce=a&mask=0x0&partial=true", 400,
                "uri must contain key 'partial' and value '0' or '1'");
}

TEST_F(ServiceTest, Quirk_A25_AMaskOfNoRegisterTouchesNothing) {
  ExpectRefused("/v2.6/quotes/integrity?nonce=a&mask=0x1000000&partial=0", 500,
                "Unable to retrieve quote");
  ExpectRefused("/v2.6/quotes/integrity?nonce=a&mask=0xffffffff&partial=0", 500,
                "Unable to retrieve quote");
}

TEST_F(ServiceTest, ANonceOfTheMostBytesIsQuoted) {
  const std::string nonce(wire::kMaxNonce, 'n');
  const Answer answer = Get("/v2.6/quotes/identity?nonce=" + nonce);
  ASSERT_EQ(answer.status, 200) << answer.text;
  EXPECT_TRUE(Verify(*wire::ParseQuoteAnswer(answer.body), nonce, tpm::PcrSet::Of(16)));
}

TEST_F(ServiceTest, TroubleOfTheTpmIsFiveHundredAndPasses) {
  swtpm_->Stop();
  ExpectRefused("/v2.6/quotes/integrity?nonce=a&mask=0x400&partial=0", 500,
                "Unable to retrieve quote");
  ExpectRefused("/v2.6/quotes/identity?nonce=a", 500, "Unable to retrieve quote");
  EXPECT_EQ(Get("/version").status, 200) << "and the rest goes on";
  // A power cycle of the TPM: all that was loaded is gone.
  ASSERT_TRUE(swtpm_->Resume());
  const Answer answer = Get("/v2.6/quotes/identity?nonce=abc");
  ASSERT_EQ(answer.status, 200) << answer.text;
  EXPECT_TRUE(Verify(*wire::ParseQuoteAnswer(answer.body), "abc", tpm::PcrSet::Of(16)))
      << "the same attestation key";
}

TEST_F(ServiceTest, AListThatCannotBeReadIsFiveHundred) {
  std::filesystem::resize_file(folder_.path() / "ima", device::ImaLog::kMaxPart + 1);
  ExpectRefused("/v2.6/quotes/integrity?nonce=a&mask=0x400&partial=0", 500,
                "Unable to retrieve quote");
}

TEST_F(ServiceTest, ABootLogThatCannotBeReadIsLeftOut) {
  std::filesystem::resize_file(folder_.path() / "boot", device::BootLog::kMaxSize + 1);
  const Result<wire::QuoteAnswer> quote =
      wire::ParseQuoteAnswer(Get("/v2.6/quotes/integrity?nonce=n&mask=0x1&partial=0").body);
  ASSERT_TRUE(quote);
  EXPECT_EQ(quote->mb_measurement_list, std::nullopt);
}

// Many at once: one after another in front of the TPM, all of them right.
TEST_F(ServiceTest, QuotesWaitForEachOther) {
  std::vector<std::thread> askers;
  for (int i = 0; i < 8; ++i) {
    askers.emplace_back([this, i] {
      const std::string nonce = "nonce" + std::to_string(i);
      const Answer answer = Get("/v2.6/quotes/integrity?nonce=" + nonce + "&mask=0x7ff&partial=0");
      ASSERT_EQ(answer.status, 200) << answer.text;
      EXPECT_TRUE(Verify(*wire::ParseQuoteAnswer(answer.body), nonce,
                         tpm::PcrSet::Range(0, 10) | tpm::PcrSet::Of(16)));
    });
  }
  for (std::thread& asker : askers) asker.join();
}

}  // namespace
}  // namespace limequat::agent
