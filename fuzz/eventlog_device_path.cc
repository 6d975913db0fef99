// eventlog::FormatDevicePath: always ends, with text of bounded length.

#include <cstddef>
#include <cstdint>

#include "limequat/base/check.h"
#include "limequat/eventlog/device_path.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text = eventlog::FormatDevicePath(ByteView(data, size));
  LQ_CHECK(text.size() <= 10 * size + 16);
  return 0;
}

}  // namespace limequat
