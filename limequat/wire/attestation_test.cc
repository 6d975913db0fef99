#include "limequat/wire/attestation.h"

#include <gtest/gtest.h>

#include "limequat/wire/envelope.h"
#include "limequat/wire/testing.h"

namespace limequat::wire {
namespace {

json::Object GoodResults() {
  return {{"quote", "rAAAA:BBBB:CCCC"},    {"hash_alg", "sha256"},
          {"enc_alg", "rsa2048"},          {"sign_alg", "rsassa"},
          {"pubkey", "-----BEGIN"},        {"ima_measurement_list", "10 a\n"},
          {"mb_measurement_list", "AA=="}, {"ima_measurement_list_entry", 5}};
}

std::string Body(const json::Object& results) {
  return WriteEnvelope({.code = 200, .status = "Success", .results = results});
}

Parses Reads(std::string_view body) {
  const Result<QuoteAnswer> answer = ParseQuoteAnswer(body);
  if (!answer) {
    EXPECT_EQ(answer.error().code, ErrorCode::kMalformed);
    EXPECT_TRUE(answer.error().id.starts_with("wire.quote.")) << answer.error().id;
  }
  return answer ? Parses::kYes : Parses::kNo;
}

TEST(IntegrityTarget, IsKeylimes) {
  EXPECT_EQ(
      IntegrityTarget({2, 6}, {.nonce = "abc1", .mask = 0x400, .partial = false, .ima_entry = 0}),
      "/v2.6/quotes/integrity?nonce=abc1&mask=0x400&partial=0&ima_ml_entry=0");
  EXPECT_EQ(IntegrityTarget({2, 1}, {.nonce = "Z", .mask = 0, .partial = true, .ima_entry = 54}),
            "/v2.1/quotes/integrity?nonce=Z&mask=0x0&partial=1&ima_ml_entry=54");
}

TEST(QuoteAnswer, IsReadBack) {
  QuoteAnswer answer{.quote = "rA:B:C",
                     .hash_alg = "sha256",
                     .enc_alg = "rsa",
                     .sign_alg = "rsassa",
                     .pubkey = "key",
                     .ima_measurement_list = "10 x\n",
                     .ima_measurement_list_entry = 7,
                     .mb_measurement_list = "AAAA"};
  Result<QuoteAnswer> parsed = ParseQuoteAnswer(Body(WriteQuoteAnswer(answer)));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->quote, answer.quote);
  EXPECT_EQ(parsed->hash_alg, answer.hash_alg);
  EXPECT_EQ(parsed->enc_alg, answer.enc_alg);
  EXPECT_EQ(parsed->sign_alg, answer.sign_alg);
  EXPECT_EQ(parsed->pubkey, answer.pubkey);
  EXPECT_EQ(parsed->ima_measurement_list, answer.ima_measurement_list);
  EXPECT_EQ(parsed->ima_measurement_list_entry, 7U);
  EXPECT_EQ(parsed->mb_measurement_list, answer.mb_measurement_list);

  answer.pubkey.reset();
  answer.ima_measurement_list.reset();
  answer.mb_measurement_list.reset();
  parsed = ParseQuoteAnswer(Body(WriteQuoteAnswer(answer)));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->pubkey, std::nullopt);
  EXPECT_EQ(parsed->ima_measurement_list, std::nullopt);
  EXPECT_EQ(parsed->ima_measurement_list_entry, 0U);
  EXPECT_EQ(parsed->mb_measurement_list, std::nullopt);
}

TEST(QuoteAnswer, AnEmptyListIsNotAnAbsentOne) {
  json::Object results = GoodResults();
  results.Set("ima_measurement_list", "");
  EXPECT_EQ(ParseQuoteAnswer(Body(results))->ima_measurement_list, "");
}

// The order of the members is the Rust agent's.
TEST(QuoteAnswer, ANumberWithoutAListIsNone) {
  json::Object results = GoodResults();
  results.Set("ima_measurement_list_entry", 5);
  results.Set("ima_measurement_list", nullptr);
  const Result<QuoteAnswer> parsed = ParseQuoteAnswer(Body(results));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_FALSE(parsed->ima_measurement_list);
  EXPECT_EQ(parsed->ima_measurement_list_entry, 0U);
}

TEST(QuoteAnswer, IsWrittenAsAgentsDo) {
  const QuoteAnswer answer{.quote = "q",
                           .hash_alg = "h",
                           .enc_alg = "e",
                           .sign_alg = "s",
                           .pubkey = "p",
                           .ima_measurement_list = "",
                           .ima_measurement_list_entry = 0,
                           .mb_measurement_list = "m"};
  EXPECT_EQ(
      json::Serialize(WriteQuoteAnswer(answer)),
      R"({"quote":"q","hash_alg":"h","enc_alg":"e","sign_alg":"s","pubkey":"p",)"
      R"("ima_measurement_list":"","mb_measurement_list":"m","ima_measurement_list_entry":0})");
}

TEST(QuoteAnswer, EveryMemberHasItsType) {
  ExpectWhole(Body(GoodResults()), Reads);
  ExpectTyped(GoodResults(),
              {{"quote"},
               {"hash_alg"},
               {"enc_alg"},
               {"sign_alg"},
               {"pubkey", false, {"null"}},
               {"ima_measurement_list", false, {"null"}},
               {"mb_measurement_list", false, {"null"}},
               {"ima_measurement_list_entry", false, {"null"}}},
              [](const json::Object& results) { return Reads(Body(results)); });
}

TEST(QuoteAnswer, EveryMemberHasItsBound) {
  const auto with = [](std::string_view name, json::Value value) {
    json::Object results = GoodResults();
    results.Set(name, std::move(value));
    return Reads(Body(results));
  };
  EXPECT_EQ(with("quote", std::string(300'000, 'r')), Parses::kNo);
  EXPECT_EQ(with("quote", ""), Parses::kNo);
  EXPECT_EQ(with("hash_alg", std::string(33, 'h')), Parses::kNo);
  EXPECT_EQ(with("enc_alg", std::string(33, 'h')), Parses::kNo);
  EXPECT_EQ(with("sign_alg", std::string(33, 'h')), Parses::kNo);
  EXPECT_EQ(with("pubkey", std::string(20'000, 'p')), Parses::kNo);
  EXPECT_EQ(with("ima_measurement_list_entry", -1), Parses::kNo);
  EXPECT_EQ(with("ima_measurement_list_entry", 1.0), Parses::kNo);
  EXPECT_EQ(with("ima_measurement_list_entry", ~std::uint64_t{0}), Parses::kNo);
}

TEST(QuoteAnswer, AMemberGivenTwiceIsRefused) {
  EXPECT_EQ(Reads(R"({"code":200,"status":"Success","results":{"quote":"a","quote":"b",)"
                  R"("hash_alg":"h","enc_alg":"e","sign_alg":"s"}})"),
            Parses::kNo);
}

TEST(QuoteAnswer, AnErrorIsNoAnswer) {
  EXPECT_EQ(Reads(WriteEnvelope({.code = 500, .status = "x", .results = GoodResults()})),
            Parses::kNo);
  EXPECT_EQ(Reads(WriteEnvelope({.code = 200, .status = "x", .results = nullptr})), Parses::kNo);
  EXPECT_EQ(Reads(WriteEnvelope({.code = 200, .status = "x", .results = json::Object()})),
            Parses::kNo);
}

TEST(QuoteAnswer, RecordedAnswersAreRead) {
  int seen = 0;
  for (const Exchange& exchange : Recorded("server-agent")) {
    if (exchange.path.find("/quotes/") == std::string::npos || exchange.status != 200) continue;
    const Result<QuoteAnswer> answer = ParseQuoteAnswer(exchange.response);
    ASSERT_TRUE(answer) << exchange.where << answer.error().message;
    EXPECT_EQ(answer->hash_alg, "sha256");
    EXPECT_EQ(answer->quote.front(), 'r');
    EXPECT_EQ(answer->pubkey.has_value(), exchange.query.find("partial=1") == std::string::npos)
        << exchange.where;
    const bool integrity = exchange.path.ends_with("/integrity");
    EXPECT_EQ(answer->ima_measurement_list.has_value(), integrity) << exchange.where;
    const bool boot_log = exchange.query.find("mask=0xffff") != std::string::npos;
    EXPECT_EQ(answer->mb_measurement_list.has_value(), boot_log) << exchange.where;
    ++seen;
  }
  if (seen == 0) GTEST_SKIP() << kNoRecordings;
}

}  // namespace
}  // namespace limequat::wire
