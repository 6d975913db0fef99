// wire::ParsePolicies, and what it writes again.

#include <cstddef>
#include <cstdint>
#include <string>

#include "limequat/base/bytes.h"
#include "limequat/base/check.h"
#include "limequat/json/value.h"
#include "limequat/wire/policy_view.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto document = json::Parse(AsText(ByteView(data, size)));
  if (!document) return 0;
  const auto policies = wire::ParsePolicies(*document);
  if (!policies) return 0;
  const std::string text = json::Serialize(wire::WritePolicies(*policies));
  const auto again = wire::ParsePolicies(*json::Parse(text));
  LQ_CHECK(again.has_value());
  LQ_CHECK(json::Serialize(wire::WritePolicies(*again)) == text);
  return 0;
}

}  // namespace limequat
