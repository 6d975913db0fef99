// wire::ParseActivation.

#include <cstddef>
#include <cstdint>

#include "limequat/base/bytes.h"
#include "limequat/base/check.h"
#include "limequat/wire/registration.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto tag = wire::ParseActivation(AsText(ByteView(data, size)));
  if (!tag) return 0;
  const auto again = wire::ParseActivation(wire::WriteActivation(*tag));
  LQ_CHECK(again.has_value() && *again == *tag);
  return 0;
}

}  // namespace limequat
