#include "limequat/eventlog/cel.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/check.h"
#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/json/reader.h"
#include "limequat/json/value.h"
#include "limequat/tpm/algorithm.h"
#include "limequat/tpm/pcr.h"

namespace limequat::eventlog {

namespace {

using crypto::Digest;

constexpr std::string_view kId = "eventlog.cel.record";
constexpr std::string_view kTruncated = "eventlog.cel.truncated";
constexpr char kRecordSeparator = '\x1e';
constexpr std::string_view kBlanks = " \t\r\n";

Error Bad(const Error& error) { return Malformed(kId, error.message); }
Error TooLong() { return Malformed(kId, fmt::format("longer than {} bytes", kMaxCelRecord)); }

// How many bytes of `text`, which begins with a brace, its JSON object takes; npos if it
// does not end. Whether it is one is the parser's to say.
std::size_t SizeOfObject(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

// One {"hashAlg": "sha256", "digest": "…"}; an algorithm that cannot be computed is
// noted.
Status ReadDigest(const json::Value& value, std::uint64_t index, std::vector<Digest>& digests,
                  Notes& notes) {
  json::ObjectReader in(value, "digest");
  const std::string algorithm = in.String("hashAlg");
  const std::string hex = in.String("digest");
  LQ_RETURN_IF_ERROR(in.status());
  const auto hash = tpm::BankFromName(algorithm);
  if (!hash) {
    constexpr std::size_t kShownName = 32;
    notes.Add("eventlog.cel.digest", index,
              fmt::format("a digest of {}, which cannot be computed here: the record changes "
                          "nothing in that bank",
                          EscapeForDisplay(algorithm, kShownName)));
    return {};
  }
  LQ_ASSIGN_OR_RETURN(const Digest digest, Digest::FromHex(*hash, hex));
  if (std::ranges::find(digests, *hash, &Digest::algorithm) != digests.end()) {
    return Malformed(kId, fmt::format("two digests of {}", algorithm));
  }
  digests.push_back(digest);
  return {};
}

// TCG's content of an event of the firmware names its type, systemd's its own.
std::string TypeOf(json::ObjectReader& content) {
  if (auto type = content.OptionalString("eventType")) return *std::move(type);
  const json::Value* type = content.Any("event_type");
  return type != nullptr && type->as_string() != nullptr ? *type->as_string() : "";
}

Result<CelRecord> ReadRecord(std::string_view text, std::uint64_t index, Notes& notes) {
  constexpr json::ParseLimits kLimits{
      .max_bytes = kMaxCelRecord, .max_depth = 8, .max_values = 1000};
  LQ_ASSIGN_OR_RETURN(const json::Value value, json::Parse(text, kLimits));
  json::ObjectReader in(value, "record of a measurement");
  CelRecord record;
  record.index = index;
  const auto pcr = in.OptionalInt("pcr", 0, tpm::kPcrCount - 1);
  const json::Array* digests = in.ArrayMember("digests");
  const json::Object* content = in.OptionalObject("content");
  LQ_RETURN_IF_ERROR(in.status());
  if (pcr) record.pcr = static_cast<std::uint32_t>(*pcr);
  for (const json::Value& digest : *digests) {
    LQ_RETURN_IF_ERROR(ReadDigest(digest, index, record.digests, notes));
  }
  if (content == nullptr) return record;
  const json::Value content_value(*content);
  json::ObjectReader members(content_value, "content of a measurement");
  record.text = members.OptionalString("string");
  record.untrusted_event_type = TypeOf(members);
  LQ_RETURN_IF_ERROR(members.status());
  return record;
}

}  // namespace

const Digest* FindDigest(const CelRecord& record, crypto::HashAlgorithm bank) {
  const auto found = std::ranges::find(record.digests, bank, &Digest::algorithm);
  return found == record.digests.end() ? nullptr : &*found;
}

Event AsEvent(const CelRecord& record) {
  Event event;
  event.index = record.index;
  event.offset = record.offset;
  event.pcr = record.pcr.value_or(tpm::kPcrCount);
  event.untrusted_type = EventType::kIpl;
  for (const Digest& digest : record.digests) {
    LQ_CHECK(event.digests.Add(tpm::IdOf(digest.algorithm()), digest.bytes()));
  }
  if (record.text) event.data = AsBytes(*record.text);
  return event;
}

CelReader::CelReader(ByteView log) : log_(log) {
  const std::size_t begin = AsText(log).find_first_not_of(kBlanks);
  is_array_ = begin != std::string_view::npos && AsText(log)[begin] == '[';
}

Result<std::optional<CelRecord>> CelReader::Take(std::string_view text) {
  // A record that is refused is read again by the next call: its notes would be twice.
  Notes notes;
  auto record = ReadRecord(text, index_, notes);
  if (!record) return Bad(record.error());
  for (const Note& note : notes.list()) notes_.Add(note.id, note.event, note.detail);
  record->offset = offset_;
  ++index_;
  return std::optional<CelRecord>(*std::move(record));
}

Result<std::optional<CelRecord>> CelReader::NextOfSequence() {
  const std::string_view rest = AsText(log_.subspan(offset_));
  if (rest.front() != kRecordSeparator) return Malformed(kId, "no record separator");
  const std::size_t end = rest.substr(0, kMaxCelRecord + 1).find('\n');
  if (end != std::string_view::npos) {
    auto record = Take(rest.substr(1, end - 1));
    if (record) offset_ += end + 1;
    return record;
  }
  if (rest.size() > kMaxCelRecord) return TooLong();
  // An object says where it ends (RFC 7464, 2.4): it is whole, or it is no JSON.
  auto record = Take(rest.substr(1));
  if (!record) return Malformed(kTruncated, "the record does not end");
  notes_.Add("eventlog.cel.unterminated", (*record)->index, "no line feed follows the last record");
  offset_ = log_.size();
  return record;
}

Result<std::optional<CelRecord>> CelReader::NextOfArray() {
  const std::string_view log = AsText(log_);
  std::size_t at = log.find_first_not_of(kBlanks, offset_);
  if (at == std::string_view::npos) return Malformed(kTruncated, "the list does not end");
  bool ends = log[at] == ']';
  if (!ends && log[at] != (index_ == 0 ? '[' : ',')) {
    return Malformed(kId, "neither another record nor the end of the list");
  }
  if (!ends) {
    at = log.find_first_not_of(kBlanks, at + 1);
    if (at == std::string_view::npos) return Malformed(kTruncated, "the list does not end");
    ends = index_ == 0 && log[at] == ']';
  }
  if (ends) {
    if (log.find_first_not_of(kBlanks, at + 1) != std::string_view::npos) {
      return Malformed(kId, "something follows the list");
    }
    offset_ = log_.size();
    array_ended_ = true;
    return std::optional<CelRecord>();
  }
  if (log[at] != '{') return Malformed(kId, "a list of something else than records");
  const std::string_view rest = log.substr(at);
  const std::size_t size = SizeOfObject(rest.substr(0, kMaxCelRecord));
  if (size == std::string_view::npos) {
    if (rest.size() > kMaxCelRecord) return TooLong();
    return Malformed(kTruncated, "the record does not end");
  }
  auto record = Take(rest.substr(0, size));
  if (!record) return record;
  (*record)->offset = at;
  offset_ = at + size;
  return record;
}

Result<std::optional<CelRecord>> CelReader::Next() {
  if (offset_ == log_.size() && is_array_ == array_ended_) return std::optional<CelRecord>();
  auto next = is_array_ ? NextOfArray() : NextOfSequence();
  if (next) return next;
  return std::move(next).error().In(fmt::format("record {} at offset {}", index_, offset_));
}

}  // namespace limequat::eventlog
