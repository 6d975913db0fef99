#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/result_macros.h"
#include "limequat/ima/list.h"
#include "limequat/ima/template_data.h"
#include "limequat/tpm/pcr.h"

namespace limequat::ima {

namespace {

Error Truncated(const Error& error) { return Malformed("ima.truncated", error.message); }

Result<std::uint32_t> ReadPcr(ByteReader& in) {
  const auto pcr = in.U32Le("PCR");
  if (!pcr) return Truncated(pcr.error());
  if (*pcr < tpm::kPcrCount) return *pcr;
  if ((*pcr & 0x00ffffffU) == 0 && (*pcr >> 24U) < tpm::kPcrCount) {
    return Unsupported("ima.binary.big_endian",
                       "a list in big-endian order; boot the machine with ima_canonical_fmt");
  }
  return Malformed("ima.binary.pcr", fmt::format("PCR {}", *pcr));
}

Result<std::string_view> ReadTemplateName(ByteReader& in) {
  const auto size = in.U32Le("template name");
  if (!size) return Truncated(size.error());
  if (*size == 0 || *size > kMaxTemplateName) {
    return Malformed("ima.binary.template_name", fmt::format("a template name of {} bytes", *size));
  }
  const auto name = in.Take(*size, "template name");
  if (!name) return Truncated(name.error());
  if (!std::ranges::all_of(AsText(*name), [](char c) { return c > ' ' && c < '\x7f'; })) {
    return Malformed("ima.binary.template_name", "the template name is not printable");
  }
  return AsText(*name);
}

// The size behind which the first record has the name of a template; SHA-1 if none
// has, for the sake of the message. Behind a wrong size there is a part of a digest,
// of which one value in 2^24 is the length of a name; and nothing is concluded from
// stated digests.
std::size_t FindDigestSize(ByteView list) {
  for (const std::size_t size : kDigestSizes) {
    ByteReader in(list);
    if (in.Take(sizeof(std::uint32_t) + size, "PCR and digest") && ReadTemplateName(in)) {
      return size;
    }
  }
  return kDigestSizes.front();
}

// Takes a field and its size off the front of `data`; nullopt if less is there.
std::optional<ByteView> TakeSized(ByteView& data) {
  if (data.size() < 4) return std::nullopt;
  const std::size_t size = std::uint32_t{data[0]} | std::uint32_t{data[1]} << 8U |
                           std::uint32_t{data[2]} << 16U | std::uint32_t{data[3]} << 24U;
  data = data.subspan(4);
  if (size > data.size()) return std::nullopt;
  const ByteView field = data.first(size);
  data = data.subspan(size);
  return field;
}

// What is behind the name of template `ima`.
struct LegacyData {
  ByteView digest;
  ByteView name;
};

Result<LegacyData> TakeLegacyData(ByteReader& in, std::size_t digest_size) {
  const auto digest = in.Take(digest_size, "digest");
  if (!digest) return Truncated(digest.error());
  const auto size = in.U32Le("name");
  if (!size) return Truncated(size.error());
  if (*size >= kLegacyName) {
    return BadField(Field::kN, Format::kBinary, "the name is longer than 255 bytes", *size);
  }
  const auto name = in.Take(*size, "name");
  if (!name) return Truncated(name.error());
  return LegacyData{.digest = *digest, .name = *name};
}

// Nothing says how long the digest is. Under `ima_hash=md5` those of files are of MD5,
// while boot_aggregate and violations keep 20 bytes, so every record tells for itself: read
// as SHA-1, one of MD5 has the first letters of its name for the name's length, which no
// name has. Whoever writes a record that can be read in both ways changes the template
// data, and with it the PCR that it leads to.
Result<LegacyData> ReadLegacyData(bool violation, ByteReader& in) {
  ByteReader of_md5 = in;
  Result<LegacyData> data = TakeLegacyData(in, kLegacyDigest);
  if (data || violation) return data;
  const Result<LegacyData> other = TakeLegacyData(of_md5, kLegacyMd5);
  if (!other || other->name.empty()) return data;
  in = of_md5;
  return other;
}

}  // namespace

Status ListReader::ReadTemplateData(ByteView data, Entry& entry) {
  ByteView rest = data;
  std::size_t count = 0;
  for (const Field field : template_.fields()) {
    const std::optional<ByteView> bytes = TakeSized(rest);
    if (!bytes) {
      return Malformed("ima.binary.template_data",
                       fmt::format("{} goes beyond the template data", FieldName(field)));
    }
    const Problem problem = ReadField(field, *bytes, entry);
    if (!problem.empty()) return BadField(field, Format::kBinary, problem, bytes->size());
    values_[count++] = {.field = field, .bytes = *bytes};
  }
  if (!rest.empty()) {
    return Malformed("ima.binary.template_data",
                     fmt::format("{} bytes follow the last field", rest.size()));
  }
  entry.template_data = data;
  return {};
}

// One record whose template digest has digest_size_ bytes: gives its size.
Result<std::size_t> ListReader::ReadRecord(ByteView list, Entry& entry) {
  ByteReader in(list);
  LQ_ASSIGN_OR_RETURN(entry.pcr, ReadPcr(in));
  const auto digest = in.Take(digest_size_, "template digest");
  if (!digest) return Truncated(digest.error());
  entry.template_digest = *digest;
  LQ_ASSIGN_OR_RETURN(const std::string_view name, ReadTemplateName(in));
  LQ_RETURN_IF_ERROR(FindTemplate(name, entry));
  if (template_.is_legacy()) {
    LQ_ASSIGN_OR_RETURN(const LegacyData read, ReadLegacyData(IsAllZero(*digest), in));
    LQ_RETURN_IF_ERROR(ReadLegacy(read.digest, AsText(read.name), Format::kBinary, template_data_,
                                  values_, entry));
    return in.offset();
  }
  const auto size = in.U32Le("template data");
  if (!size) return Truncated(size.error());
  if (*size > kMaxTemplateData) {
    return Malformed("ima.binary.length", fmt::format("{} bytes of template data", *size));
  }
  const auto data = in.Take(*size, "template data");
  if (!data) return Truncated(data.error());
  LQ_RETURN_IF_ERROR(ReadTemplateData(*data, entry));
  return in.offset();
}

Result<std::size_t> ListReader::ReadBinary(Entry& entry) {
  const ByteView rest = list_.subspan(offset_);
  if (digest_size_ == 0) digest_size_ = FindDigestSize(rest);
  LQ_ASSIGN_OR_RETURN(const std::size_t size, ReadRecord(rest, entry));
  entry.fields = std::span(values_).first(template_.fields().size());
  return size;
}

}  // namespace limequat::ima
