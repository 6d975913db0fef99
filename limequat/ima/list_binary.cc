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

constexpr std::array<std::size_t, 4> kDigestSizes = {20, 32, 48, 64};

// d-ng: algorithm, ':', NUL, digest.
Status ReadDigestField(ByteView field, Entry& entry) {
  const std::string_view text = AsText(field);
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || !IsAlgorithmName(text.substr(0, colon)) ||
      colon + 1 >= text.size() || text[colon + 1] != '\0') {
    return Malformed("ima.binary.file_digest",
                     "the file digest does not begin with an algorithm's name, ':' and NUL");
  }
  entry.digest_algorithm = text.substr(0, colon);
  entry.file_digest = field.subspan(colon + 2);
  if (entry.file_digest.empty() || entry.file_digest.size() > kMaxFileDigest) {
    return Malformed("ima.binary.file_digest",
                     fmt::format("a file digest of {} bytes", entry.file_digest.size()));
  }
  return {};
}

// n-ng: the name and one NUL.
Status ReadNameField(ByteView field, Entry& entry) {
  const std::string_view text = AsText(field);
  if (text.empty() || text.find('\0') != text.size() - 1) {
    return Malformed("ima.binary.path", "the name does not end with its only NUL");
  }
  entry.path = text.substr(0, text.size() - 1);
  return {};
}

Status ReadTemplateData(Template kind, Entry& entry) {
  ByteReader in(entry.template_data);
  const auto digest = in.SizedU32Le("d-ng");
  if (!digest) return Malformed("ima.binary.template_data", digest.error().message);
  LQ_RETURN_IF_ERROR(ReadDigestField(*digest, entry));
  const auto name = in.SizedU32Le("n-ng");
  if (!name) return Malformed("ima.binary.template_data", name.error().message);
  LQ_RETURN_IF_ERROR(ReadNameField(*name, entry));
  if (kind == Template::kImaSig) {
    const auto signature = in.SizedU32Le("sig");
    if (!signature) return Malformed("ima.binary.template_data", signature.error().message);
    entry.signature = *signature;
  }
  if (!in.empty()) {
    return Malformed("ima.binary.template_data",
                     fmt::format("{} bytes follow the last field", in.remaining()));
  }
  return {};
}

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

// One record whose template digest has `digest_size` bytes: gives its size.
Result<std::size_t> ReadRecord(ByteView list, std::size_t digest_size, Entry& entry) {
  ByteReader in(list);
  LQ_ASSIGN_OR_RETURN(entry.pcr, ReadPcr(in));
  const auto digest = in.Take(digest_size, "template digest");
  if (!digest) return Truncated(digest.error());
  entry.template_digest = *digest;
  LQ_ASSIGN_OR_RETURN(entry.template_name, ReadTemplateName(in));
  LQ_ASSIGN_OR_RETURN(const Template kind, TemplateFromName(entry.template_name));
  const auto size = in.U32Le("template data");
  if (!size) return Truncated(size.error());
  if (*size > kMaxTemplateData) {
    return Malformed("ima.binary.length", fmt::format("{} bytes of template data", *size));
  }
  const auto data = in.Take(*size, "template data");
  if (!data) return Truncated(data.error());
  entry.template_data = *data;
  LQ_RETURN_IF_ERROR(ReadTemplateData(kind, entry));
  return in.offset();
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

}  // namespace

Result<std::size_t> ListReader::ReadBinary(Entry& entry) {
  const ByteView rest = list_.subspan(offset_);
  if (digest_size_ == 0) digest_size_ = FindDigestSize(rest);
  return ReadRecord(rest, digest_size_, entry);
}

}  // namespace limequat::ima
