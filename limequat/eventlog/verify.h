#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "limequat/base/bytes.h"
#include "limequat/base/finding.h"
#include "limequat/base/result.h"
#include "limequat/crypto/digest.h"
#include "limequat/eventlog/cel.h"
#include "limequat/eventlog/event.h"
#include "limequat/eventlog/log.h"
#include "limequat/tpm/pcr.h"
#include "limequat/tpm/quote.h"

namespace limequat::eventlog {

// The logs of one boot: the firmware's (log.h) and the one that systemd goes on with
// (cel.h), which is empty on most machines.
struct BootLogs {
  ByteView firmware;
  ByteView user_space;
};

// An event that a signed PCR covers: its PCR, its digest and its place among the
// events of this PCR. Not its type, not its place among events of other PCRs, and its
// data only in so far as the digest is of it. Made by VerifiedLog alone.
class VerifiedEvent {
 public:
  std::uint64_t index() const { return event_.index; }
  std::uint32_t pcr() const { return event_.pcr; }
  const crypto::Digest& digest() const { return digest_; }

  // What the log says. An attacker who can change the log can exchange both.
  EventType untrusted_type() const { return event_.untrusted_type; }
  ByteView untrusted_data() const { return event_.data; }

  // Whether the digest is the hash of `bytes`: then they were measured, whoever says so.
  bool Measures(ByteView bytes) const;
  // The data if the digest is the hash of all of it.
  std::optional<ByteView> MeasuredData() const;

 private:
  friend class VerifiedEvents;
  VerifiedEvent(const Event& event, const crypto::Digest& digest)
      : event_(event), digest_(digest) {}
  Event event_;
  crypto::Digest digest_;
};

// Goes through the covered events of a log in its order. No copy, no allocation.
class VerifiedEvents {
 public:
  // nullopt at the end.
  std::optional<VerifiedEvent> Next();

 private:
  friend class VerifiedLog;
  VerifiedEvents(LogReader reader, crypto::HashAlgorithm bank, tpm::PcrSet pcrs)
      : reader_(std::move(reader)), bank_(bank), pcrs_(pcrs) {}
  LogReader reader_;
  crypto::HashAlgorithm bank_;
  tpm::PcrSet pcrs_;
};

// A record of user space that a signed PCR covers.
class VerifiedRecord {
 public:
  std::uint64_t index() const { return record_.index; }
  std::uint32_t pcr() const { return *record_.pcr; }
  const crypto::Digest& digest() const { return digest_; }
  const std::string& untrusted_event_type() const { return record_.untrusted_event_type; }
  // The text if the digest is the hash of it.
  std::optional<std::string_view> MeasuredText() const;

 private:
  friend class VerifiedRecords;
  VerifiedRecord(CelRecord record, const crypto::Digest& digest)
      : record_(std::move(record)), digest_(digest) {}
  CelRecord record_;
  crypto::Digest digest_;
};

// How many records of user space each PCR covers: as many of its own as lead from the
// firmware's log to the signed value.
using CoveredRecords = std::array<std::uint64_t, tpm::kPcrCount>;

// Goes through the covered records of user space in their order.
class VerifiedRecords {
 public:
  // nullopt at the end.
  std::optional<VerifiedRecord> Next();

 private:
  friend class VerifiedLog;
  VerifiedRecords(ByteView log, crypto::HashAlgorithm bank, const CoveredRecords& left)
      : reader_(log), bank_(bank), left_(left) {}
  CelReader reader_;
  crypto::HashAlgorithm bank_;
  CoveredRecords left_;
};

// The part of a log that a verified quote covers: the events of those PCRs that
// replay to their signed value, in one bank. Only VerifyLog makes one. Points into
// the log, which must outlive it.
class VerifiedLog {
 public:
  crypto::HashAlgorithm bank() const { return bank_; }
  // PCRs that are signed and replay. One without an event was not extended in this
  // boot: that is proven too.
  tpm::PcrSet pcrs() const { return pcrs_; }
  // The signed value of one of them.
  const crypto::Digest& Value(std::uint32_t pcr) const { return *values_.Find(bank_, pcr); }
  VerifiedEvents events() const { return {*LogReader::Open(logs_.firmware), bank_, pcrs_}; }
  VerifiedRecords user_space_records() const { return {logs_.user_space, bank_, covered_}; }

 private:
  friend class LogVerifier;
  VerifiedLog(const BootLogs& logs, const tpm::PcrValues& values, crypto::HashAlgorithm bank,
              tpm::PcrSet pcrs, const CoveredRecords& covered)
      : logs_(logs), values_(values), bank_(bank), pcrs_(pcrs), covered_(covered) {}
  BootLogs logs_;
  tpm::PcrValues values_;
  crypto::HashAlgorithm bank_;
  tpm::PcrSet pcrs_;
  CoveredRecords covered_;
};

// What VerifyLog found.
struct LogVerification {
  Findings findings;
  // Given if at least one PCR replays, whatever the findings: rules see only what is
  // covered (attack A07), and what they need and do not see fails them.
  std::optional<VerifiedLog> log;
};

// Replays `log` in `bank` and compares with the values that `quote` signs. All of
// these are reported:
//   eventlog.present  the log has an event that is measured (an absent log is given
//                     as an empty one)
//   eventlog.bank     the log has digests of the bank, and the bank is in use: a signed
//                     PCR 0 of zeros means that nobody extends it (attack A08). Not
//                     evaluated for a CCEL (ccel.h), of which nothing is covered then
//   eventlog.startup  what the log says about the start of PCR 0 is possible and does
//                     not contradict itself
//   eventlog.boot     some PCR that the log extends replays; if none does, the log is
//                     of another boot or another machine
//   eventlog.replay   for each PCR of `required`, with it as the subject: signed, and
//                     the log leads to the signed value; not evaluated if not signed
//
// Records of user space go on where the firmware's log ends. They are appended while the
// machine runs, so those behind the signed value are not looked at (attack A06); the
// firmware's log does not grow and must lead to the value as a whole, or with records.
//
// Some machines never replay: their firmware measures what it does not log. That is
// reported and not repaired. A log that cannot be read to its end is an Error
// (kMalformed, LogReader or CelReader). Hostile input: logs.
Result<LogVerification> VerifyLog(const BootLogs& logs, const tpm::VerifiedQuote& quote,
                                  crypto::HashAlgorithm bank, tpm::PcrSet required);
// The same without a log of user space.
Result<LogVerification> VerifyLog(ByteView log, const tpm::VerifiedQuote& quote,
                                  crypto::HashAlgorithm bank, tpm::PcrSet required);
// The same against values that no quote of this call signs: for a command whose user
// says where they come from. The log that comes out is worth what the values are worth;
// where a quote is at hand, this is the wrong function. `values` may be hostile.
Result<LogVerification> VerifyLogByValues(const BootLogs& logs, const tpm::PcrValues& values,
                                          crypto::HashAlgorithm bank, tpm::PcrSet required);
// The same against the values that the logs themselves lead to: for looking at a log that
// is all there is. Every PCR is covered, and nothing vouches for any of it.
Result<LogVerification> VerifyLogByItself(const BootLogs& logs, crypto::HashAlgorithm bank);

}  // namespace limequat::eventlog
