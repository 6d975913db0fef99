// tpm::ParseQuoteString, and VerifyQuote with what it gives.

#include <cstddef>
#include <cstdint>

#include "limequat/base/check.h"
#include "limequat/tpm/quote.h"

namespace crypto = limequat::crypto;
namespace tpm = limequat::tpm;
using limequat::AsText;
using limequat::ByteView;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto key = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256).public_key();
  const auto quote = tpm::ParseQuoteString(AsText(ByteView(data, size)));
  if (!quote) return 0;
  const auto again = tpm::ParseQuoteString(
      tpm::WriteQuoteString(quote->attest, quote->signature,
                            tpm::WritePcrBlob(quote->pcrs.selection, quote->pcrs.values)));
  LQ_CHECK(again.has_value());
  LQ_CHECK(again->attest == quote->attest && again->signature == quote->signature);
  LQ_CHECK(again->pcrs.values == quote->pcrs.values);
  const auto verification =
      tpm::VerifyQuote(key, quote->attest, ByteView(quote->signature), quote->pcrs.values, {});
  LQ_CHECK(!verification || !verification->quote);
  return 0;
}
