// json::Parse: what is accepted is written in a form that is read as the same value, and the
// reading of escaped bytes takes what is taken without, and writes what it can read.

#include <cstddef>
#include <cstdint>

#include "limequat/base/bytes.h"
#include "limequat/base/check.h"
#include "limequat/json/escaped_bytes.h"
#include "limequat/json/value.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = AsText(ByteView(data, size));
  const Result<json::Value> value = json::Parse(text);
  if (const Result<json::Value> bytes = json::ParseWithEscapedBytes(text)) {
    const auto again = json::ParseWithEscapedBytes(json::SerializeWithEscapedBytes(*bytes));
    LQ_CHECK(again && *again == *bytes);
    LQ_CHECK(!value || *value == *bytes);
  } else {
    LQ_CHECK(!value);
  }
  if (!value) return 0;
  const Result<json::Value> compact = json::Parse(json::Serialize(*value));
  LQ_CHECK(compact && *compact == *value);
  const Result<json::Value> pretty = json::Parse(json::Pretty(*value, 4));
  LQ_CHECK(pretty && *pretty == *value);
  return 0;
}

}  // namespace limequat
