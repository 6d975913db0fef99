// eventlog::LogReader and eventlog::Replay: records are consecutive, errors stay, and
// the replay takes whatever comes.

#include <cstddef>
#include <cstdint>

#include "limequat/base/check.h"
#include "limequat/eventlog/log.h"
#include "limequat/eventlog/replay.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView log(data, size);
  auto reader = eventlog::LogReader::Open(log);
  if (!reader) return 0;
  eventlog::Replay replay(eventlog::ReplayedBanks(reader->algorithms()));
  while (true) {
    const std::size_t before = reader->offset();
    const auto next = reader->Next();
    if (!next) {
      LQ_CHECK(reader->offset() == before);
      LQ_CHECK(reader->Next().error().message == next.error().message);
      break;
    }
    if (!*next) {
      LQ_CHECK(!*reader->Next());
      break;
    }
    LQ_CHECK((*next)->offset == before);
    LQ_CHECK(reader->offset() > before);
    LQ_CHECK((*next)->digests.size() <= eventlog::kMaxAlgorithms);
    replay.Extend(**next);
  }
  LQ_CHECK(reader->notes().list().size() <= eventlog::Notes::kLimit);
  static_cast<void>(replay.Values());
  return 0;
}

}  // namespace limequat
