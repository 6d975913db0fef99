#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/crypto/digest.h"
#include "limequat/eventlog/event.h"

namespace limequat::eventlog {

// A record of systemd's user-space log (/run/log/systemd/tpm2-measure.log), which is
// TCG's Canonical Event Log in JSON, "content_type": "systemd": what was measured after
// the firmware's log ended (boot phases into PCR 11, keys of volumes, machine and file
// system identities into PCR 15, …). All of it is hostile.
struct CelRecord {
  std::uint64_t index = 0;
  std::size_t offset = 0;
  // Absent: measured into an NV index, which no PCR covers.
  std::optional<std::uint32_t> pcr;
  // Of the banks that this library can compute, each once.
  std::vector<crypto::Digest> digests;
  // content.string: the digest of most records is the hash of it. Not of those that
  // measure a secret, by HMAC (volume keys): compare.
  std::optional<std::string> text;
  std::string untrusted_event_type;  // content.eventType: "phase", "machine-id", …
};

// The digest of the record in that bank, or nullptr.
const crypto::Digest* FindDigest(const CelRecord& record, crypto::HashAlgorithm bank);

// The same as an event, for Replay. Points into `record`.
Event AsEvent(const CelRecord& record);

// Reads such a log record by record: JSON texts, each between U+001E and a line feed
// (RFC 7464). Memory: six times the longest record, which has at most kMaxCelRecord
// bytes, whatever the log's size. Next fails with
// kMalformed, stays there and fails again: "eventlog.cel.truncated" (no line feed at
// the end), "eventlog.cel.record" (no U+001E in front, too long, no JSON, members of
// other types, a PCR above 23, an algorithm twice, a digest of another size).
inline constexpr std::size_t kMaxCelRecord = 1U << 16U;
class CelReader {
 public:
  explicit CelReader(ByteView log) : log_(log) {}
  Result<std::optional<CelRecord>> Next();
  std::uint64_t index() const { return index_; }
  std::size_t offset() const { return offset_; }

 private:
  ByteView log_;
  std::size_t offset_ = 0;
  std::uint64_t index_ = 0;
};

}  // namespace limequat::eventlog
