#include "limequat/ima/buffer.h"

#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include "limequat/crypto/der.h"
#include "limequat/crypto/digest.h"
#include "limequat/ima/critical_data.h"
#include "limequat/ima/device_mapper.h"
#include "limequat/ima/kernel_hash.h"

namespace limequat::ima {

namespace {

constexpr std::uint8_t kVersion = 0xa0;

// The next SEQUENCE. Keys are short: a length of more than three bytes is none of theirs.
std::optional<ByteView> SequenceIn(crypto::DerReader& in) {
  constexpr std::size_t kLongestHeader = 5;
  const auto element = in.NextIf(crypto::kDerSequence);
  if (!element || element->whole.size() - element->content.size() > kLongestHeader) {
    return std::nullopt;
  }
  return element->content;
}

std::optional<BufferKind> KeyIn(ByteView buffer) {
  crypto::DerReader in(buffer);
  const auto outer = SequenceIn(in);
  // Nothing follows a key.
  if (!outer || !in.empty()) return std::nullopt;
  crypto::DerReader inside(*outer);
  const auto inner = SequenceIn(inside);
  if (!inner || inner->empty()) return std::nullopt;
  switch (inner->front()) {
    case kVersion:
    case crypto::kDerInteger:
      return BufferKind::kCertificate;
    case crypto::kDerOid:
      return BufferKind::kPublicKey;
    default:
      return std::nullopt;
  }
}

// Up to the first of `ends` that no backslash escapes; npos if there is none.
std::size_t FindEnd(std::string_view text, std::string_view ends) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (ends.contains(text[i])) {
      return i;
    }
  }
  return std::string_view::npos;
}

}  // namespace

std::string_view BufferKindName(BufferKind kind) {
  switch (kind) {
    case BufferKind::kCertificate:
      return "certificate";
    case BufferKind::kPublicKey:
      return "public-key";
    case BufferKind::kDeviceMapper:
      return "device-mapper";
    case BufferKind::kData:
      break;
  }
  return "data";
}

BufferKind KindOfBuffer(const Entry& entry) {
  if (const auto key = KeyIn(entry.buffer)) return *key;
  return DeviceMapperEventOf(entry.path) ? BufferKind::kDeviceMapper : BufferKind::kData;
}

bool HoldsKey(const Entry& entry, const Result<Key>& key) {
  if (entry.path == kKexecCommandLineName) return false;
  return key || key.error().code == ErrorCode::kUnsupported;
}

BufferDigest CheckBufferDigest(const Entry& entry) {
  const auto hash = HashOfKernelName(entry.digest_algorithm);
  if (!hash) return BufferDigest::kUnknownAlgorithm;
  return Equal(crypto::Hash(*hash, entry.buffer).bytes(), entry.file_digest)
             ? BufferDigest::kMatches
             : BufferDigest::kDiffers;
}

Result<std::optional<DeviceMapperField>> DeviceMapperReader::Next() {
  constexpr std::string_view kError = "ima.device_mapper";
  if (size_ > kMaxDeviceMapperText) {
    return Malformed(kError, fmt::format("an event of {} bytes", size_));
  }
  if (rest_.empty()) return std::optional<DeviceMapperField>();
  const std::size_t end = FindEnd(rest_, ",;");
  if (end == std::string_view::npos) {
    return Malformed(kError,
                     fmt::format("the event ends with {} bytes behind the last ';'", rest_.size()));
  }
  const std::string_view field = rest_.substr(0, end);
  const std::size_t equals = FindEnd(field, "=");
  if (equals == 0 || equals == std::string_view::npos) {
    return Malformed(kError, fmt::format("no key and '=' at byte {}", size_ - rest_.size()));
  }
  DeviceMapperField read{
      .part = part_, .key = field.substr(0, equals), .value = field.substr(equals + 1)};
  if (rest_[end] == ';') ++part_;
  rest_.remove_prefix(end + 1);
  return std::optional<DeviceMapperField>(read);
}

std::string UnescapeDeviceMapper(std::string_view value) {
  std::string text;
  text.reserve(value.size());
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '\\' && i + 1 < value.size()) ++i;
    text.push_back(value[i]);
  }
  return text;
}

}  // namespace limequat::ima
