// tpm::ParsePcrList and ParsePcrSelectionText.

#include <cstddef>
#include <cstdint>

#include "limequat/base/check.h"
#include "limequat/tpm/pcr.h"

namespace tpm = limequat::tpm;
using limequat::AsText;
using limequat::ByteView;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = AsText(ByteView(data, size));
  if (const auto pcrs = tpm::ParsePcrList(text)) {
    const auto again = tpm::ParsePcrList(pcrs->ToString());
    LQ_CHECK(again.has_value() && *again == *pcrs);
  }
  if (const auto selection = tpm::ParsePcrSelectionText(text)) {
    LQ_CHECK(!selection->empty());
    for (const tpm::BankSelection& bank : *selection) LQ_CHECK(!bank.pcrs.empty());
  }
  return 0;
}
