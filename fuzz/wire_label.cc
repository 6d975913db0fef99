// wire::ParseLabelView, and what it writes again.

#include <cstddef>
#include <cstdint>
#include <string>

#include "limequat/base/bytes.h"
#include "limequat/base/check.h"
#include "limequat/json/value.h"
#include "limequat/wire/label.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto document = json::Parse(AsText(ByteView(data, size)));
  if (!document) return 0;
  const auto view = wire::ParseLabelView(*document);
  if (!view) return 0;
  const std::string text = json::Serialize(wire::WriteLabelView(*view));
  const auto again = wire::ParseLabelView(*json::Parse(text));
  LQ_CHECK(again.has_value());
  LQ_CHECK(json::Serialize(wire::WriteLabelView(*again)) == text);
  return 0;
}

}  // namespace limequat
