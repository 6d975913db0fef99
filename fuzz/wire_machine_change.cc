// wire::ParseMachineChange, and what it writes again.

#include <cstddef>
#include <cstdint>
#include <string>

#include "limequat/base/bytes.h"
#include "limequat/base/check.h"
#include "limequat/wire/label.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto change = wire::ParseMachineChange(AsText(ByteView(data, size)));
  if (!change) return 0;
  const std::string text = wire::WriteMachineChange(*change);
  const auto again = wire::ParseMachineChange(text);
  LQ_CHECK(again.has_value());
  LQ_CHECK(wire::WriteMachineChange(*again) == text);
  return 0;
}

}  // namespace limequat
