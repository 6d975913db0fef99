#include "limequat/cli/inspect_quote.h"

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/base/result_macros.h"
#include "limequat/base/time.h"
#include "limequat/cli/input.h"
#include "limequat/cli/quote_json.h"
#include "limequat/cli/usage.h"
#include "limequat/tpm/attest.h"
#include "limequat/tpm/signature.h"

namespace limequat::cli {

namespace {

std::string ForPeople(const tpm::UnverifiedQuote& quote,
                      const std::optional<tpm::Signature>& signature, const Look& look) {
  const tpm::ClockInfo& clock = quote.clock_info;
  const std::string nonce = HexEncode(quote.extra_data);
  std::string scheme;
  if (signature) {
    scheme = fmt::format("{} with {}", tpm::AlgorithmName(signature->scheme),
                         crypto::HashName(signature->hash));
  }
  std::string text = "what the message claims, nothing was verified:\n";
  text += RenderPairs(
      {{"type", "quote"},
       {"selection", SelectionText(quote.selection)},
       {"pcr digest", HexEncode(quote.pcr_digest)},
       {"extra data", nonce.empty() ? "(none)" : nonce},
       {"qualified signer", HexEncode(quote.qualified_signer)},
       {"clock", fmt::format("{} ({}), {}", clock.clock,
                             FormatDuration(std::chrono::milliseconds(clock.clock)),
                             clock.safe ? "safe" : "not safe")},
       {"resets", fmt::format("{}, restarts {}", clock.reset_count, clock.restart_count)},
       {"firmware", fmt::format("{:016x}", quote.firmware_version)},
       {"signature", scheme}},
      look, 2);
  return text;
}

}  // namespace

Result<Ending> InspectQuote::Run(Console& console) const {
  LQ_RETURN_IF_ERROR(CheckOneStandardInput({message, signature.value_or("")}));
  LQ_ASSIGN_OR_RETURN(const std::string attest, ReadInput(message, kMaxSmallInput));
  LQ_ASSIGN_OR_RETURN(const tpm::UnverifiedQuote quote, tpm::ParseQuoteAttest(AsBytes(attest)));
  std::optional<tpm::Signature> parsed;
  json::Object document = ToJson(quote);
  if (signature) {
    LQ_ASSIGN_OR_RETURN(const std::string bytes, ReadInput(*signature, kMaxSmallInput));
    LQ_ASSIGN_OR_RETURN(parsed, tpm::ParseSignature(AsBytes(bytes)));
    document.Set("signature", ToJson(*parsed));
  }
  LQ_RETURN_IF_ERROR(
      console.Show(document, [&] { return ForPeople(quote, parsed, console.look()); }));
  return Ending::kDone;
}

}  // namespace limequat::cli
