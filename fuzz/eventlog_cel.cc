// eventlog::CelReader: records are consecutive, errors stay, and the replay takes what
// is read.

#include <cstddef>
#include <cstdint>

#include "limequat/base/check.h"
#include "limequat/eventlog/cel.h"
#include "limequat/eventlog/replay.h"
#include "read_to_end.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  eventlog::CelReader reader(ByteView(data, size));
  eventlog::Replay replay({crypto::HashAlgorithm::kSha1, crypto::HashAlgorithm::kSha256});
  const Ended ended = ReadToEnd(reader, [&](const eventlog::CelRecord& record, std::size_t offset) {
    // Of an array, a comma and blanks stand in front of it.
    LQ_CHECK(record.offset >= offset && record.offset < size);
    replay.Extend(eventlog::AsEvent(record));
  });
  LQ_CHECK(ended == Ended::kWithAnError || reader.offset() == size);
  return 0;
}

}  // namespace limequat
