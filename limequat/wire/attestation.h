#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "limequat/base/result.h"
#include "limequat/json/value.h"
#include "limequat/wire/version.h"

namespace limequat::wire {

inline constexpr std::size_t kMaxNonce = 64;

// GET /v2.x/quotes/integrity?nonce=…&mask=…&partial=…&ima_ml_entry=…
struct IntegrityQuery {
  std::string nonce;       // alphanumeric, at most kMaxNonce bytes
  std::uint32_t mask = 0;  // bit i: PCR i
  bool partial = false;    // false: the answer carries the transport key
  std::uint64_t ima_entry = 0;
};
// The query's target for this version, "/v2.6/quotes/integrity?…".
std::string IntegrityTarget(const ApiVersion& version, const IntegrityQuery& query);

// results of an integrity or identity quote.
struct QuoteAnswer {
  std::string quote;  // 'r…:…:…', not yet parsed
  std::string hash_alg;
  std::string enc_alg;
  std::string sign_alg;
  std::optional<std::string> pubkey;
  std::optional<std::string> ima_measurement_list;
  std::uint64_t ima_measurement_list_entry = 0;    // 0 without a list
  std::optional<std::string> mb_measurement_list;  // base64 as received
};
json::Object WriteQuoteAnswer(const QuoteAnswer& answer);
// Reads the whole body of a quote answer. Hostile input; kMalformed
// ("wire.quote.*"), also for a member of a wrong type or given twice. `boottime` of
// old agents is ignored.
Result<QuoteAnswer> ParseQuoteAnswer(std::string_view body);

}  // namespace limequat::wire
