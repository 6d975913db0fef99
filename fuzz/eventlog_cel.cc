// eventlog::CelReader: records are consecutive, errors stay, and the replay takes what
// is read.

#include <cstddef>
#include <cstdint>

#include "limequat/base/check.h"
#include "limequat/eventlog/cel.h"
#include "limequat/eventlog/replay.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  eventlog::CelReader reader(ByteView(data, size));
  eventlog::Replay replay({crypto::HashAlgorithm::kSha1, crypto::HashAlgorithm::kSha256});
  while (true) {
    const std::size_t before = reader.offset();
    const auto next = reader.Next();
    if (!next) {
      LQ_CHECK(reader.offset() == before);
      LQ_CHECK(reader.Next().error().message == next.error().message);
      break;
    }
    if (!*next) {
      LQ_CHECK(reader.offset() == size);
      break;
    }
    LQ_CHECK((*next)->offset == before);
    LQ_CHECK(reader.offset() > before);
    replay.Extend(eventlog::AsEvent(**next));
  }
  return 0;
}

}  // namespace limequat
