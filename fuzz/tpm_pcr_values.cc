// tpm::PcrValues::FromJson.

#include <cstddef>
#include <cstdint>

#include "limequat/base/check.h"
#include "limequat/tpm/pcr.h"

namespace json = limequat::json;
namespace tpm = limequat::tpm;
using limequat::AsText;
using limequat::ByteView;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto json = json::Parse(AsText(ByteView(data, size)));
  if (!json) return 0;
  const auto values = tpm::PcrValues::FromJson(*json);
  if (!values) return 0;
  const auto again = tpm::PcrValues::FromJson(values->ToJson());
  LQ_CHECK(again.has_value() && *again == *values);
  return 0;
}
