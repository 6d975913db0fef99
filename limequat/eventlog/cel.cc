#include "limequat/eventlog/cel.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/check.h"
#include "limequat/base/encoding.h"
#include "limequat/base/result_macros.h"
#include "limequat/json/reader.h"
#include "limequat/json/value.h"
#include "limequat/tpm/pcr.h"

namespace limequat::eventlog {

namespace {

using crypto::Digest;

constexpr std::string_view kId = "eventlog.cel.record";
constexpr char kRecordSeparator = '\x1e';

Error Bad(const Error& error) { return Malformed(kId, error.message); }

// One {"hashAlg": "sha256", "digest": "…"}; algorithms that cannot be computed are
// left out.
Status ReadDigest(const json::Value& value, std::vector<Digest>& digests) {
  json::ObjectReader in(value, "digest");
  const std::string algorithm = in.String("hashAlg");
  const std::string hex = in.String("digest");
  LQ_RETURN_IF_ERROR(in.status());
  const auto hash = crypto::HashFromName(algorithm);
  if (!hash) return {};
  LQ_ASSIGN_OR_RETURN(const Digest digest, Digest::FromHex(*hash, hex));
  if (std::ranges::find(digests, *hash, &Digest::algorithm) != digests.end()) {
    return Malformed(kId, fmt::format("two digests of {}", algorithm));
  }
  digests.push_back(digest);
  return {};
}

Result<CelRecord> ReadRecord(std::string_view text) {
  constexpr json::ParseLimits kLimits{
      .max_bytes = kMaxCelRecord, .max_depth = 8, .max_values = 1000};
  LQ_ASSIGN_OR_RETURN(const json::Value value, json::Parse(text, kLimits));
  json::ObjectReader in(value, "record of a measurement");
  CelRecord record;
  const auto pcr = in.OptionalInt("pcr", 0, tpm::kPcrCount - 1);
  const json::Array* digests = in.ArrayMember("digests");
  const json::Object* content = in.OptionalObject("content");
  LQ_RETURN_IF_ERROR(in.status());
  if (pcr) record.pcr = static_cast<std::uint32_t>(*pcr);
  for (const json::Value& digest : *digests) {
    LQ_RETURN_IF_ERROR(ReadDigest(digest, record.digests));
  }
  if (content == nullptr) return record;
  const json::Value content_value(*content);
  json::ObjectReader members(content_value, "content of a measurement");
  record.text = members.OptionalString("string");
  record.untrusted_event_type = members.OptionalString("eventType").value_or("");
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

Result<std::optional<CelRecord>> CelReader::Next() {
  if (offset_ == log_.size()) return std::optional<CelRecord>();
  const std::string where = fmt::format("record {} at offset {}", index_, offset_);
  const std::string_view rest = AsText(log_.subspan(offset_));
  if (rest.front() != kRecordSeparator) {
    return Malformed(kId, "no record separator").In(where);
  }
  const std::size_t end = rest.substr(0, kMaxCelRecord + 1).find('\n');
  if (end == std::string_view::npos) {
    return (rest.size() > kMaxCelRecord
                ? Malformed(kId, fmt::format("longer than {} bytes", kMaxCelRecord))
                : Malformed("eventlog.cel.truncated", "the record does not end"))
        .In(where);
  }
  auto record = ReadRecord(rest.substr(1, end - 1));
  if (!record) return Bad(record.error()).In(where);
  record->index = index_++;
  record->offset = offset_;
  offset_ += end + 1;
  return std::optional<CelRecord>(*std::move(record));
}

}  // namespace limequat::eventlog
