// eventlog::LogReader and eventlog::Replay: records are consecutive, errors stay, and
// the replay takes whatever comes.

#include <cstddef>
#include <cstdint>

#include "limequat/base/check.h"
#include "limequat/eventlog/log.h"
#include "limequat/eventlog/replay.h"
#include "read_to_end.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView log(data, size);
  auto reader = eventlog::LogReader::Open(log);
  if (!reader) return 0;
  eventlog::Replay replay(eventlog::ReplayedBanks(reader->algorithms()));
  ReadToEnd(*reader, [&](const eventlog::Event& event, std::size_t offset) {
    LQ_CHECK(event.offset == offset);
    LQ_CHECK(event.digests.size() <= eventlog::kMaxAlgorithms);
    replay.Extend(event);
  });
  LQ_CHECK(reader->notes().list().size() <= eventlog::Notes::kLimit);
  static_cast<void>(replay.Values());
  return 0;
}

}  // namespace limequat
