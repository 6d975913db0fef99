// eventlog::ParseSpecId and eventlog::ParseStartupLocality.

#include <cstddef>
#include <cstdint>

#include "limequat/base/check.h"
#include "limequat/eventlog/event.h"
#include "limequat/eventlog/replay.h"
#include "limequat/eventlog/spec_id.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView event(data, size);
  const auto spec = eventlog::ParseSpecId(event);
  if (spec) {
    LQ_CHECK(eventlog::IsSpecId(event));
    LQ_CHECK(!spec->algorithms.empty());
    LQ_CHECK(spec->algorithms.size() <= eventlog::kMaxAlgorithms);
    LQ_CHECK(spec->vendor_info.size() <= 255);
    LQ_CHECK(!eventlog::ParseStartupLocality(event));
  }
  return 0;
}

}  // namespace limequat
