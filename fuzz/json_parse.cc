// json::Parse: what is accepted is written in a form that is read as the same value.

#include "limequat/base/bytes.h"
#include "limequat/base/check.h"
#include "limequat/json/value.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace limequat;
  const Result<json::Value> value = json::Parse(AsText(ByteView(data, size)));
  if (!value) return 0;
  const Result<json::Value> compact = json::Parse(json::Serialize(*value));
  LQ_CHECK(compact && *compact == *value);
  const Result<json::Value> pretty = json::Parse(json::Pretty(*value, 4));
  LQ_CHECK(pretty && *pretty == *value);
  return 0;
}
