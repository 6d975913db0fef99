// eventlog::ParseSipaEvents: everything lies in the input, members in their aggregation.

#include <cstddef>
#include <cstdint>

#include "limequat/base/check.h"
#include "limequat/eventlog/wbcl.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto events = eventlog::ParseSipaEvents(ByteView(data, size));
  if (!events) return 0;
  std::size_t outermost = 0;
  for (const eventlog::SipaEvent& event : *events) {
    LQ_CHECK(event.depth <= eventlog::kMaxSipaDepth);
    if (event.depth == 0) outermost += 8 + event.data.size();
    static_cast<void>(eventlog::SipaEventName(event.type));
  }
  LQ_CHECK(outermost == size);
  return 0;
}

}  // namespace limequat
