#include "limequat/wire/attestation.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/check.h"
#include "limequat/base/result_macros.h"
#include "limequat/json/reader.h"
#include "limequat/wire/document.h"
#include "limequat/wire/envelope.h"

namespace limequat::wire {

namespace {

// The three parts of a quote with every bank and the largest signature fit easily.
constexpr std::size_t kMaxQuote = 256U << 10U;
constexpr std::size_t kMaxAlgorithm = 32;
constexpr std::size_t kMaxPublicKey = 16U << 10U;

bool IsAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

std::string IntegrityTarget(const ApiVersion& version, const IntegrityQuery& query) {
  LQ_CHECK(query.nonce.size() <= kMaxNonce && std::ranges::all_of(query.nonce, IsAlphanumeric));
  return fmt::format("/v{}/quotes/integrity?nonce={}&mask={:#x}&partial={:d}&ima_ml_entry={}",
                     version.ToString(), query.nonce, query.mask, query.partial, query.ima_entry);
}

json::Object WriteQuoteAnswer(const QuoteAnswer& answer) {
  json::Object results{{"quote", answer.quote},
                       {"hash_alg", answer.hash_alg},
                       {"enc_alg", answer.enc_alg},
                       {"sign_alg", answer.sign_alg}};
  if (answer.pubkey) results.Set("pubkey", *answer.pubkey);
  if (answer.ima_measurement_list)
    results.Set("ima_measurement_list", *answer.ima_measurement_list);
  if (answer.mb_measurement_list) results.Set("mb_measurement_list", *answer.mb_measurement_list);
  if (answer.ima_measurement_list) {
    results.Set("ima_measurement_list_entry", answer.ima_measurement_list_entry);
  }
  return results;
}

Result<QuoteAnswer> ParseQuoteAnswer(std::string_view body) {
  Result<Envelope> envelope = ParseEnvelope(body);
  if (!envelope) return Malformed("wire.quote.envelope", std::move(envelope).error().message);
  if (envelope->code != 200) {
    return Malformed(
        "wire.quote.code",
        fmt::format("quote answer: code {} in an answer that succeeded", envelope->code));
  }
  json::ObjectReader in(envelope->results, "quote answer");
  QuoteAnswer answer;
  answer.quote = BoundedString(in, "quote", kMaxQuote);
  answer.hash_alg = BoundedString(in, "hash_alg", kMaxAlgorithm);
  answer.enc_alg = BoundedString(in, "enc_alg", kMaxAlgorithm);
  answer.sign_alg = BoundedString(in, "sign_alg", kMaxAlgorithm);
  answer.pubkey = OptionalBoundedString(in, "pubkey", kMaxPublicKey);
  answer.ima_measurement_list = in.OptionalString("ima_measurement_list");
  const std::optional<std::int64_t> entry =
      in.OptionalInt("ima_measurement_list_entry", 0, std::numeric_limits<std::int64_t>::max());
  // Without a list there is nothing that it would be the number of.
  if (answer.ima_measurement_list) {
    answer.ima_measurement_list_entry = static_cast<std::uint64_t>(entry.value_or(0));
  }
  answer.mb_measurement_list = in.OptionalString("mb_measurement_list");
  LQ_RETURN_IF_ERROR(MemberStatus(in, "wire.quote"));
  return answer;
}

}  // namespace limequat::wire
