#include "limequat/cli/quote_json.h"

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/tpm/algorithm.h"

namespace limequat::cli {

json::Object ToJson(const tpm::UnverifiedQuote& quote) {
  const tpm::ClockInfo& clock = quote.clock_info;
  return {{"type", "quote"},
          {"qualified_signer", HexEncode(quote.qualified_signer)},
          {"extra_data", HexEncode(quote.extra_data)},
          {"clock_info", json::Object{{"clock", clock.clock},
                                      {"reset_count", clock.reset_count},
                                      {"restart_count", clock.restart_count},
                                      {"safe", clock.safe}}},
          {"firmware_version", fmt::format("{:016x}", quote.firmware_version)},
          {"selection", ToJson(quote.selection)},
          {"pcr_digest", HexEncode(quote.pcr_digest)}};
}

json::Object ToJson(const tpm::Signature& signature) {
  return {{"scheme", tpm::AlgorithmName(signature.scheme)},
          {"hash", crypto::HashName(signature.hash)}};
}

json::Object ToJson(const tpm::PcrSelection& selection) {
  json::Object banks;
  for (const tpm::BankSelection& bank : selection) {
    json::Array numbers;
    for (const std::uint32_t pcr : bank.pcrs.ToList()) numbers.emplace_back(pcr);
    banks.Set(tpm::AlgorithmName(bank.bank), std::move(numbers));
  }
  return banks;
}

std::string SelectionText(const tpm::PcrSelection& selection) {
  std::string text;
  for (const tpm::BankSelection& bank : selection) {
    text += fmt::format("{}{}:{}", text.empty() ? "" : "+", tpm::AlgorithmName(bank.bank),
                        bank.pcrs.ToString());
  }
  return text;
}

}  // namespace limequat::cli
