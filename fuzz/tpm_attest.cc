// tpm::ParseAttest and ParseQuoteAttest.

#include <cstddef>
#include <cstdint>

#include "limequat/base/check.h"
#include "limequat/tpm/attest.h"

namespace tpm = limequat::tpm;
using limequat::ByteView;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto attest = tpm::ParseAttest(ByteView(data, size));
  const auto quote = tpm::ParseQuoteAttest(ByteView(data, size));
  const bool is_quote = attest && std::holds_alternative<tpm::QuoteInfo>(attest->attested);
  LQ_CHECK(quote.has_value() == is_quote);
  if (attest) {
    const auto again = tpm::ParseAttest(tpm::WriteAttest(*attest));
    LQ_CHECK(again.has_value() && *again == *attest);
  }
  if (!quote) return 0;
  // Select sizes other than three are not written back, the meaning is.
  const auto again = tpm::ParseQuoteAttest(tpm::WriteQuoteAttest(*quote));
  LQ_CHECK(again.has_value());
  LQ_CHECK(again->qualified_signer == quote->qualified_signer);
  LQ_CHECK(again->extra_data == quote->extra_data);
  LQ_CHECK(again->clock_info == quote->clock_info);
  LQ_CHECK(again->firmware_version == quote->firmware_version);
  LQ_CHECK(again->selection == quote->selection);
  LQ_CHECK(again->pcr_digest == quote->pcr_digest);
  return 0;
}
