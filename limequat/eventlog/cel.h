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
#include "limequat/eventlog/note.h"

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
  // content.eventType ("phase", "machine-id", …), or event_type of the pcclient_std content.
  std::string untrusted_event_type;
};

// The digest of the record in that bank, or nullptr.
const crypto::Digest* FindDigest(const CelRecord& record, crypto::HashAlgorithm bank);

// The same as an event, for Replay. Points into `record`.
Event AsEvent(const CelRecord& record);

// Reads such a log record by record: JSON texts, each between U+001E and a line feed
// (RFC 7464), as systemd writes it; or one JSON array of them, as TCG's document has it.
// Memory: six times the longest record, which has at most kMaxCelRecord bytes, whatever
// the log's size, and notes as LogReader. Next fails with
// kMalformed, stays there and fails again: "eventlog.cel.truncated" (the last record or the
// array does not end), "eventlog.cel.record" (no U+001E in front, too long, no JSON, members
// of other types, a PCR above 23, an algorithm twice, a digest of another size, something
// behind the array).
//
// Notes: "eventlog.cel.digest" (of an algorithm that this library cannot compute: the record
// changes nothing in that bank), "eventlog.cel.unterminated" (the last record is whole and
// has no line feed behind it).
inline constexpr std::size_t kMaxCelRecord = 1U << 16U;
class CelReader {
 public:
  explicit CelReader(ByteView log);
  Result<std::optional<CelRecord>> Next();
  std::uint64_t index() const { return index_; }
  std::size_t offset() const { return offset_; }
  const Notes& notes() const { return notes_; }

 private:
  Result<std::optional<CelRecord>> NextOfSequence();
  Result<std::optional<CelRecord>> NextOfArray();
  // The record in `text`, whose place in the log is offset_.
  Result<std::optional<CelRecord>> Take(std::string_view text);

  ByteView log_;
  bool is_array_ = false;
  bool array_ended_ = false;
  std::size_t offset_ = 0;
  std::uint64_t index_ = 0;
  Notes notes_;
};

}  // namespace limequat::eventlog
