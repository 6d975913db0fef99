#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"

namespace limequat::eventlog {

// What Windows measures (wbcl.h of the Windows SDK): events of EV_EVENT_TAG in PCR 11
// to 14, and EV_NO_ACTION in "PCR" 0xffffffff, carry a list of SIPA events, of which
// some hold a list themselves. The digest of an EV_EVENT_TAG is of the whole data.

// One SIPA event; points into the data. Covered as far as the EV_EVENT_TAG is.
struct SipaEvent {
  std::uint32_t type = 0;
  int depth = 0;  // 0: of the outermost list; members of an aggregation follow it
  ByteView data;  // of an aggregation: all its members
  bool is_aggregation() const { return (type & 0x40000000U) != 0; }
};

// "LOADEDMODULE_AGGREGATION", "OSKERNELDEBUG"; "0x000a0001" for types without a name
// here.
std::string SipaEventName(std::uint32_t type);

// The events of `data` in its order, aggregations unfolded. Hostile input; kMalformed
// ("eventlog.sipa"): an event longer than what it is in, or deeper than
// kMaxSipaDepth. Memory: at most eight times the input and 512 bytes.
inline constexpr int kMaxSipaDepth = 4;
Result<std::vector<SipaEvent>> ParseSipaEvents(ByteView data);

}  // namespace limequat::eventlog
