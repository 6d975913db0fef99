// wire::ParseLabelPolicies, and what it writes again.

#include <cstddef>
#include <cstdint>
#include <string>

#include "limequat/base/bytes.h"
#include "limequat/base/check.h"
#include "limequat/wire/label.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto policies = wire::ParseLabelPolicies(AsText(ByteView(data, size)));
  if (!policies) return 0;
  const std::string text = wire::WriteLabelPolicies(*policies);
  const auto again = wire::ParseLabelPolicies(text);
  LQ_CHECK(again.has_value());
  LQ_CHECK(wire::WriteLabelPolicies(*again) == text);
  return 0;
}

}  // namespace limequat
