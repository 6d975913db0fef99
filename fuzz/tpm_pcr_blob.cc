// tpm::ParsePcrBlob and ParsePcrFile.

#include <cstddef>
#include <cstdint>

#include "limequat/base/check.h"
#include "limequat/tpm/pcr.h"

namespace tpm = limequat::tpm;
using limequat::ByteView;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const tpm::PcrSelection selection{
      {.bank = tpm::AlgorithmId::kSha1, .pcrs = tpm::PcrSet::Of(10)},
      {.bank = tpm::AlgorithmId::kSha256, .pcrs = tpm::PcrSet::Of(10)}};
  const auto file = tpm::ParsePcrFile(ByteView(data, size), selection);
  if (file) {
    const auto text = tpm::PcrValues::FromJson(file->ToJson());
    LQ_CHECK(text.has_value() && *text == *file);
  }
  const auto blob = tpm::ParsePcrBlob(ByteView(data, size));
  if (!blob) return 0;
  LQ_CHECK(file.has_value());
  // Unused memory and the split into lists are not written back, the meaning is.
  const auto again = tpm::ParsePcrBlob(tpm::WritePcrBlob(blob->selection, blob->values));
  LQ_CHECK(again.has_value());
  LQ_CHECK(again->selection == blob->selection);
  LQ_CHECK(again->values == blob->values);
  const auto json = tpm::PcrValues::FromJson(blob->values.ToJson());
  LQ_CHECK(json.has_value() && *json == blob->values);
  return 0;
}
