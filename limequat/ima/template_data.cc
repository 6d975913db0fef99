#include "limequat/ima/template_data.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace limequat::ima {

namespace {

// Those of the kernel, the common ones first. SM3 has had three names.
constexpr std::array<std::pair<std::string_view, std::size_t>, 26> kAlgorithms = {{
    {"sha256", 32},      {"sha1", 20},        {"sha512", 64},   {"sha384", 48},   {"sha224", 28},
    {"md5", 16},         {"md4", 16},         {"rmd160", 20},   {"rmd128", 16},   {"rmd256", 32},
    {"rmd320", 40},      {"wp256", 32},       {"wp384", 48},    {"wp512", 64},    {"tgr128", 16},
    {"tgr160", 20},      {"tgr192", 24},      {"sm3", 32},      {"sm3-256", 32},  {"sm3_256", 32},
    {"streebog256", 32}, {"streebog512", 64}, {"sha3-224", 28}, {"sha3-256", 32}, {"sha3-384", 48},
    {"sha3-512", 64},
}};

std::string_view ErrorName(Field field) {
  switch (field) {
    case Field::kD:
    case Field::kDNg:
    case Field::kDNgV2:
      return "file_digest";
    case Field::kN:
    case Field::kNNg:
      return "path";
    case Field::kSig:
      return "signature";
    case Field::kBuf:
      return "buffer";
    case Field::kDModsig:
      return "modsig_digest";
    case Field::kModsig:
      return "modsig";
    case Field::kEvmSig:
      return "evm_signature";
    case Field::kXattrNames:
    case Field::kXattrLengths:
    case Field::kXattrValues:
      return "xattrs";
    case Field::kUid:
    case Field::kGid:
    case Field::kMode:
      return "owner";
  }
  return "";
}

// Takes the text in front of the first ':' off `text`, with the ':'. Empty if that is not
// spelled like a name.
std::string_view TakeName(std::string_view& text) {
  if (text.starts_with(kUsualName)) {
    text.remove_prefix(kUsualName.size());
    return kUsualName.substr(0, kUsualName.size() - 1);
  }
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  if (colon == std::string_view::npos || !IsAlgorithmName(name)) return {};
  text.remove_prefix(colon + 1);
  return name;
}

bool HasRightSize(const NamedDigest& read) {
  const std::size_t size = read.digest.size();
  if (size == 0 || size > kMaxFileDigest) return false;
  const auto known = KernelDigestSize(read.algorithm);
  // Older kernels write 20 zero bytes for a violation, whatever the algorithm.
  return !known || size == *known || (size == kLegacyDigest && IsAllZero(read.digest));
}

// d-ng, d-ngv2 and d-modsig: [type, ':',] algorithm, ':', NUL, digest.
Problem ReadDigest(Field field, ByteView bytes, NamedDigest& out) {
  std::string_view text = AsText(bytes);
  if (field == Field::kDNgV2) {
    out.type = TakeName(text);
    if (out.type.empty()) return "the digest does not begin with its type and ':'";
  }
  out.algorithm = TakeName(text);
  if (out.algorithm.empty() || !text.starts_with('\0')) {
    return "the digest does not begin with an algorithm's name and ':'";
  }
  out.digest = bytes.last(text.size() - 1);
  return HasRightSize(out) ? Problem() : "the digest does not have its algorithm's size";
}

Problem ReadFileDigest(Field field, ByteView bytes, Entry& entry) {
  NamedDigest read;
  if (const Problem problem = ReadDigest(field, bytes, read); !problem.empty()) return problem;
  // d-ngv2 says most; it may stand before d-ng in a custom template.
  if (field == Field::kDNg && !entry.digest_type.empty()) return {};
  entry.digest_type = read.type;
  entry.digest_algorithm = read.algorithm;
  entry.file_digest = read.digest;
  return {};
}

Problem ReadBareDigest(ByteView bytes, Entry& entry) {
  if (bytes.size() != kLegacyDigest && bytes.size() != kLegacyMd5) {
    return "a digest without a name is neither SHA-1 nor MD5";
  }
  if (!entry.file_digest.empty()) return {};
  entry.digest_algorithm = bytes.size() == kLegacyMd5 ? "md5" : "sha1";
  entry.file_digest = bytes;
  return {};
}

// Whether `bytes` are a text and one NUL.
bool IsText(ByteView bytes) {
  const std::string_view all = AsText(bytes);
  return !all.empty() && all.find('\0') == all.size() - 1;
}

Problem ReadName(Field field, ByteView bytes, Entry& entry) {
  if (!IsText(bytes)) return "the name does not end with its only NUL";
  if (field == Field::kN) {
    if (bytes.size() > kLegacyName) return "the name is longer than 255 bytes";
    if (!entry.path.empty()) return {};
  }
  entry.path = AsText(bytes.first(bytes.size() - 1));
  return {};
}

}  // namespace

bool IsAlgorithmName(std::string_view name) {
  constexpr std::size_t kLongest = 32;
  return !name.empty() && name.size() <= kLongest && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

std::optional<std::size_t> KernelDigestSize(std::string_view name) {
  for (const auto& [known, size] : kAlgorithms) {
    if (known == name) return size;
  }
  return std::nullopt;
}

bool IsTemplateDigestSize(std::size_t size) {
  return std::ranges::find(kDigestSizes, size) != kDigestSizes.end();
}

std::size_t NumberSize(Field field) { return field == Field::kMode ? 2 : 4; }

bool IsAllZero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

Error BadField(Field field, Format form, Problem problem, std::size_t size) {
  return Malformed(fmt::format("ima.{}.{}", FormatName(form), ErrorName(field)),
                   fmt::format("{} of {} bytes: {}", FieldName(field), size, problem));
}

Problem ReadField(Field field, ByteView bytes, Entry& entry) {
  switch (field) {
    case Field::kDNg:
    case Field::kDNgV2:
      return ReadFileDigest(field, bytes, entry);
    case Field::kNNg:
    case Field::kN:
      return ReadName(field, bytes, entry);
    case Field::kSig:
      entry.signature = bytes;
      return {};
    case Field::kD:
      return ReadBareDigest(bytes, entry);
    case Field::kBuf:
      entry.buffer = bytes;
      return {};
    case Field::kDModsig: {
      NamedDigest read;
      return bytes.empty() ? Problem() : ReadDigest(field, bytes, read);
    }
    case Field::kXattrNames:
      return bytes.empty() || IsText(bytes) ? Problem()
                                            : "the names do not end with their only NUL";
    case Field::kXattrLengths:
      return bytes.size() % 4 == 0 ? Problem() : "the sizes are not of four bytes each";
    case Field::kUid:
    case Field::kGid:
    case Field::kMode:
      return bytes.empty() || bytes.size() == NumberSize(field) ? Problem() : "not a number's size";
    case Field::kModsig:
    case Field::kEvmSig:
    case Field::kXattrValues:
      return {};
  }
  return {};
}

NamedDigest DigestOf(const FieldValue& value) {
  NamedDigest digest;
  return ReadDigest(value.field, value.bytes, digest).empty() ? digest : NamedDigest();
}

Status ReadLegacy(ByteView digest, std::string_view name, Format form, Bytes& data,
                  std::span<FieldValue> values, Entry& entry) {
  if (name.size() >= kLegacyName) {
    return BadField(Field::kN, form, "the name is longer than 255 bytes", name.size());
  }
  const std::size_t size = digest.size() + kLegacyName;
  if (data.size() < size) data.resize(size);
  std::ranges::copy(digest, data.begin());
  const auto padded = std::span(data).subspan(digest.size(), kLegacyName);
  std::ranges::fill(padded, std::uint8_t{0});
  std::ranges::copy(name, padded.begin());
  const ByteView made(data.data(), size);
  values[0] = {.field = Field::kD, .bytes = made.first(digest.size())};
  values[1] = {.field = Field::kN, .bytes = made.subspan(digest.size(), name.size() + 1)};
  for (const FieldValue& value : values.first(2)) {
    const Problem problem = ReadField(value.field, value.bytes, entry);
    if (!problem.empty()) return BadField(value.field, form, problem, value.bytes.size());
  }
  entry.template_data = made;
  return {};
}

}  // namespace limequat::ima
