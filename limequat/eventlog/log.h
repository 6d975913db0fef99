#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "limequat/base/byte_reader.h"
#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/eventlog/event.h"
#include "limequat/eventlog/note.h"
#include "limequat/eventlog/spec_id.h"

namespace limequat::eventlog {

// The layout of records: TCG_PCClientPCREvent (TPM 1.2), or TCG_PCR_EVENT2 behind a
// header that lists the digest algorithms (PFP 1.06, 10.2).
enum class Format : std::uint8_t { kSha1, kCryptoAgile };
std::string_view FormatName(Format format);  // "sha1", "crypto-agile"

// What extends the registers that the log names: a TPM, or a TDX module through the
// CCEL of ACPI (ccel.h). A log does not say: where its header stands tells, as OVMF
// writes it; the CCEL of td-shim looks like the log of a TPM.
enum class Registers : std::uint8_t { kTpm, kCcel };
std::string_view RegistersName(Registers registers);  // "tpm", "ccel"

// Reads a TCG event log (binary_bios_measurements, a CCEL, a WBCL) record by record
// without copying it, and no record costs an allocation. Memory, whatever the log's
// size: 1 KiB, and Notes::kLimit notes of a log that gives cause for them, half a
// mebibyte. Time is linear. Hostile input; nothing of what comes out is trusted
// (VerifyLog makes it so).
//
// Open fails with kMalformed if there is nothing to read: "eventlog.empty" (no bytes,
// or only padding), "eventlog.truncated" or "eventlog.spec_id.*" (the first record),
// "eventlog.header_missing" (crypto-agile records without their header).
//
// Next fails with kMalformed, names the record and its offset, stays there and fails
// again: "eventlog.truncated", "eventlog.digest_count" (more than kMaxAlgorithms),
// "eventlog.digest_algorithm" (not in the header and of unknown size),
// "eventlog.digest_duplicate" (one algorithm twice: which of them was extended?).
//
// What firmware is known to do and is read all the same leaves a note; each is a
// function in log.cc with its story.
class LogReader {
 public:
  static Result<LogReader> Open(ByteView log);

  // The next record, the header included; nullopt at the end or before padding.
  Result<std::optional<Event>> Next();

  Format format() const { return format_; }
  Registers registers() const { return registers_; }
  // Of the header; SHA-1 logs: sha1.
  const std::vector<DigestAlgorithm>& algorithms() const { return algorithms_; }
  // The header, if the log has one. Its views point into the log.
  const std::optional<SpecId>& spec_id() const { return spec_id_; }
  // How many records Next has given, and the offset of what it has not consumed.
  std::uint64_t index() const { return index_; }
  std::size_t offset() const { return offset_; }
  const Notes& notes() const { return notes_; }

 private:
  explicit LogReader(ByteView log) : log_(log) {}
  Status ReadHeader();
  // Read one record at offset_ and give the number of bytes it takes.
  Result<std::size_t> ReadSha1(Event& event) const;
  Result<std::size_t> ReadCryptoAgile(Event& event) const;
  Status ReadDigests(ByteReader& in, Event& event) const;
  bool IsListed(tpm::AlgorithmId algorithm) const;
  std::optional<std::size_t> DigestSize(tpm::AlgorithmId algorithm) const;

  bool IsPadding();
  void NoteUnlistedDigests(const Event& event);
  void NoteMissingDigests(const Event& event);
  void NoteAppendedLog(const Event& event);

  ByteView log_;
  Format format_ = Format::kSha1;
  Format layout_ = Format::kSha1;  // of the record at offset_
  Registers registers_ = Registers::kTpm;
  std::vector<DigestAlgorithm> algorithms_;
  std::optional<SpecId> spec_id_;
  std::size_t offset_ = 0;
  std::uint64_t index_ = 0;
  std::size_t content_at_ = 0;  // what is in front of this offset is not padding
  bool padding_noted_ = false;
  Notes notes_;
};

}  // namespace limequat::eventlog
