#include <array>

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/base/result_macros.h"
#include "limequat/tpm/quote.h"

namespace limequat::tpm {

namespace {

// The field in front of the next ':', which is removed from `rest` together with it.
std::string_view TakeField(std::string_view& rest) {
  const std::size_t end = rest.find(':');
  const std::string_view field = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return field;
}

Result<Bytes> TakeBase64(std::string_view& rest, std::string_view what) {
  Result<Bytes> bytes = Base64Decode(TakeField(rest));
  if (!bytes) {
    return Malformed("tpm.quote_string.base64", fmt::format("{}: {}", what, bytes.error().message));
  }
  if (bytes->empty()) {
    return Malformed("tpm.quote_string.fields", fmt::format("{} is absent or empty", what));
  }
  return bytes;
}

}  // namespace

Result<QuoteString> ParseQuoteString(std::string_view text) {
  if (!text.starts_with('r')) {
    return Malformed("tpm.quote_string.prefix", "a quote string begins with 'r'");
  }
  std::string_view rest = text.substr(1);
  QuoteString quote;
  LQ_ASSIGN_OR_RETURN(quote.attest, TakeBase64(rest, "the first field (TPMS_ATTEST)"));
  LQ_ASSIGN_OR_RETURN(quote.signature, TakeBase64(rest, "the second field (TPMT_SIGNATURE)"));
  LQ_ASSIGN_OR_RETURN(const Bytes pcrs, TakeBase64(rest, "the third field (PCR values)"));
  LQ_ASSIGN_OR_RETURN(quote.pcrs, ParsePcrBlob(pcrs));
  return quote;
}

std::string WriteQuoteString(ByteView attest, ByteView signature, ByteView pcr_blob) {
  return fmt::format("r{}:{}:{}", Base64Encode(attest), Base64Encode(signature),
                     Base64Encode(pcr_blob));
}

}  // namespace limequat::tpm
