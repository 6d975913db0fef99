#include "limequat/eventlog/log.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/result_macros.h"

namespace limequat::eventlog {

namespace {

using tpm::AlgorithmId;

constexpr std::size_t kSha1Size = 20;
constexpr std::size_t kSmallestPadding = 8;
// CCEL logs count the registers of a TDX module from 0, MRTD, which nobody extends:
// their header is in register 1 (RTMR 0), that of a TPM's log in PCR 0.
constexpr std::uint32_t kCcelHeaderRegister = 1;

Error Truncated(const Error& error) { return Malformed("eventlog.truncated", error.message); }

// Whether `digest`, read as the SHA-1 of a record, is in truth the beginning of a
// TPML_DIGEST_VALUES: a small count and a known algorithm. A SHA-1 digest looks like
// that once in 2^36.
bool LooksLikeDigestList(ByteView digest) {
  ByteReader in(digest);
  const auto count = in.U32Le("count");
  const auto algorithm = in.U16Le("algorithm");
  return count && algorithm && *count >= 1 && *count <= kMaxAlgorithms &&
         RegisteredDigestSize(AlgorithmId{*algorithm}).has_value();
}

}  // namespace

std::string_view FormatName(Format format) {
  return format == Format::kSha1 ? "sha1" : "crypto-agile";
}

std::string_view RegistersName(Registers registers) {
  return registers == Registers::kTpm ? "tpm" : "ccel";
}

Result<LogReader> LogReader::Open(ByteView log) {
  LogReader reader(log);
  if (log.empty() || reader.IsPadding()) {
    return Malformed("eventlog.empty",
                     fmt::format("the event log has no record ({} bytes)", log.size()));
  }
  LQ_RETURN_IF_ERROR(reader.ReadHeader());
  return reader;
}

// The first record has the SHA-1 layout in both formats.
Status LogReader::ReadHeader() {
  Event first;
  algorithms_ = {{.id = AlgorithmId::kSha1, .digest_size = kSha1Size}};
  if (auto size = ReadSha1(first); !size) {
    return std::move(size).error().In("event 0 at offset 0");
  }
  if (first.untrusted_type != EventType::kNoAction || !IsSpecId(first.data)) return {};
  LQ_ASSIGN_OR_RETURN(spec_id_, ParseSpecId(first.data));
  algorithms_ = spec_id_->algorithms;
  if (const std::size_t surplus = spec_id_->untrusted_trailing.size(); surplus != 0) {
    notes_.Add("eventlog.spec_id.trailing", 0,
               fmt::format("{} bytes follow the vendor information of the header", surplus));
  }
  if (spec_id_->kind == SpecId::Kind::kCryptoAgile) format_ = layout_ = Format::kCryptoAgile;
  if (first.pcr == kCcelHeaderRegister) registers_ = Registers::kCcel;
  return {};
}

Result<std::optional<Event>> LogReader::Next() {
  if (offset_ == log_.size()) return std::optional<Event>();
  if (IsPadding()) {
    if (!std::exchange(padding_noted_, true)) {
      notes_.Add("eventlog.padding", index_,
                 fmt::format("{} bytes of padding follow the last record", log_.size() - offset_));
    }
    return std::optional<Event>();
  }
  Result<std::optional<Event>> next(std::in_place, std::in_place);
  Event& event = **next;
  event.index = index_;
  event.offset = offset_;
  const bool is_sha1 = layout_ == Format::kSha1 || index_ == 0;
  Result<std::size_t> size = is_sha1 ? ReadSha1(event) : ReadCryptoAgile(event);
  if (!size) {
    return std::move(size).error().In(fmt::format("event {} at offset {}", index_, offset_));
  }
  if (index_ != 0) {
    NoteUnlistedDigests(event);
    NoteMissingDigests(event);
    NoteAppendedLog(event);
  }
  offset_ += *size;
  ++index_;
  return next;
}

Result<std::size_t> LogReader::ReadSha1(Event& event) const {
  ByteReader in(log_.subspan(offset_));
  const auto pcr = in.U32Le("PCR");
  if (!pcr) return Truncated(pcr.error());
  const auto type = in.U32Le("event type");
  if (!type) return Truncated(type.error());
  const auto digest = in.Take(kSha1Size, "digest");
  if (!digest) return Truncated(digest.error());
  const auto data = in.SizedU32Le("event data");
  if (!data && LooksLikeDigestList(*digest)) {
    return Malformed("eventlog.header_missing",
                     "crypto-agile records without the Spec ID event that says what is in them");
  }
  if (!data) return Truncated(data.error());
  event.pcr = *pcr;
  event.untrusted_type = EventType{*type};
  event.digests = EventDigests(AlgorithmId::kSha1, *digest);
  event.data = *data;
  return in.offset();
}

Result<std::size_t> LogReader::ReadCryptoAgile(Event& event) const {
  ByteReader in(log_.subspan(offset_));
  const auto pcr = in.U32Le("PCR");
  if (!pcr) return Truncated(pcr.error());
  const auto type = in.U32Le("event type");
  if (!type) return Truncated(type.error());
  event.pcr = *pcr;
  event.untrusted_type = EventType{*type};
  LQ_RETURN_IF_ERROR(ReadDigests(in, event));
  const auto data = in.SizedU32Le("event data");
  if (!data) return Truncated(data.error());
  event.data = *data;
  return in.offset();
}

Status LogReader::ReadDigests(ByteReader& in, Event& event) const {
  const auto count = in.U32Le("digest count");
  if (!count) return Truncated(count.error());
  if (*count > kMaxAlgorithms) {
    return Malformed("eventlog.digest_count", fmt::format("{} digests", *count));
  }
  for (std::uint32_t i = 0; i < *count; ++i) {
    const auto id = in.U16Le("digest algorithm");
    if (!id) return Truncated(id.error());
    const AlgorithmId algorithm{*id};
    const auto size = DigestSize(algorithm);
    if (!size) {
      return Malformed("eventlog.digest_algorithm",
                       fmt::format("a digest of {}, which the header does not list",
                                   tpm::AlgorithmName(algorithm)));
    }
    const auto value = in.Take(*size, "digest");
    if (!value) return Truncated(value.error());
    if (!event.digests.Add(algorithm, *value)) {
      return Malformed("eventlog.digest_duplicate",
                       fmt::format("two digests of {}", tpm::AlgorithmName(algorithm)));
    }
  }
  return {};
}

bool LogReader::IsListed(AlgorithmId algorithm) const {
  return std::ranges::find(algorithms_, algorithm, &DigestAlgorithm::id) != algorithms_.end();
}

std::optional<std::size_t> LogReader::DigestSize(AlgorithmId algorithm) const {
  const auto listed = std::ranges::find(algorithms_, algorithm, &DigestAlgorithm::id);
  if (listed != algorithms_.end()) return listed->digest_size;
  return RegisteredDigestSize(algorithm);
}

// Story: Linux hands out the whole area that ACPI reserved for the log (CCEL: filled
// with ff), and some firmware rounds its log up with zeros. A record of zeros would
// be an event of type 0 without digests; no firmware writes one. Less than a PCR and a
// type is a record that was cut short.
// Cases: CCEL_data_ovmf, uefi_event_log (46,917 bytes of ff), mutated/pad_zero_4k.
bool LogReader::IsPadding() {
  // Each byte is looked at once, however many records begin with zeros.
  if (offset_ < content_at_) return false;
  const ByteView rest = log_.subspan(offset_);
  if (rest.size() < kSmallestPadding) return false;
  const std::uint8_t fill = rest.front();
  if (fill != 0x00 && fill != 0xff) return false;
  const auto other = std::ranges::find_if(rest, [&](std::uint8_t byte) { return byte != fill; });
  if (other == rest.end()) return true;
  content_at_ = offset_ + static_cast<std::size_t>(other - rest.begin());
  return false;
}

// Story: firmware that learned to log measurements of PCIe devices (SPDM) logs them
// with the device's hash and not with those of the TPM's banks, which the header
// lists. The registry says how long the digest is. Such a digest extends no bank that
// the header lists. Case: HIRS binary_bios_measurements_addEvt11asSPDMFirmwareBlob.
void LogReader::NoteUnlistedDigests(const Event& event) {
  for (const EventDigest& digest : event.digests) {
    if (IsListed(digest.algorithm)) continue;
    notes_.Add("eventlog.digest_unlisted", event.index,
               fmt::format("a digest of {}, which the header does not list",
                           tpm::AlgorithmName(digest.algorithm)));
  }
}

// Story: a log that does not have a bank's digest for an event cannot say what that
// bank was extended with. Seen where logs were joined (NoteAppendedLog), with the
// SPDM events above, and in Windows' copy of a log, whose own events have the bank's
// digest that Windows uses and no other.
// Cases: guard-oss t480s (from event 44), go-attestation appended_empty_or_second_log,
// HIRS binary_bios_measurements_addEvt11asSPDMFirmwareBlob, data/eventlog/hostile/digest_missing.
void LogReader::NoteMissingDigests(const Event& event) {
  if (event.untrusted_type == EventType::kNoAction) return;
  for (const DigestAlgorithm& algorithm : algorithms_) {
    if (!event.digests.Find(algorithm.id).empty()) continue;
    notes_.Add("eventlog.digest_missing", event.index,
               fmt::format("no digest of {}: the event changes nothing in that bank",
                           tpm::AlgorithmName(algorithm.id)));
  }
}

// Story: kernels of 2021 (Ubuntu 21.04 on GCE) joined the log of the boot loader to
// that of the firmware, header and all. A header has the SHA-1 layout; read as
// crypto-agile it gives two records without digests, which extend nothing. That is
// how other tools read and number them, so it is kept. Behind a SHA-1 log the header
// is read as what it is, and what follows has its layout.
// Case: go-attestation appended_empty_or_second_log.
void LogReader::NoteAppendedLog(const Event& event) {
  if (!IsSpecId(event.data)) return;
  notes_.Add("eventlog.appended_log", event.index, "the header of another log in this one");
  if (layout_ != Format::kSha1) return;
  const auto spec = ParseSpecId(event.data);
  if (!spec || spec->kind != SpecId::Kind::kCryptoAgile) return;
  layout_ = Format::kCryptoAgile;
  algorithms_ = spec->algorithms;
}

}  // namespace limequat::eventlog
