#include "limequat/ima/buffer.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include <fmt/format.h>

namespace limequat::ima {

namespace {

// Linux 5.15 and later; the second half are the names before that.
constexpr std::array<std::string_view, 11> kDeviceMapperEvents = {
    "dm_table_load",    "dm_device_resume", "dm_device_remove", "dm_table_clear",
    "dm_device_rename", "dm_target_update", "table_load",       "device_resume",
    "device_remove",    "table_clear",      "device_rename"};

constexpr std::uint8_t kSequence = 0x30;
constexpr std::uint8_t kInteger = 0x02;
constexpr std::uint8_t kObjectIdentifier = 0x06;
constexpr std::uint8_t kVersion = 0xa0;

// Takes the tag and size off the front of `der`, and gives the contents if they are a
// SEQUENCE; nullopt otherwise, or if less is there.
std::optional<ByteView> Sequence(ByteView der) {
  if (der.size() < 2 || der[0] != kSequence) return std::nullopt;
  std::size_t size = der[1];
  der = der.subspan(2);
  if (size >= 0x80) {
    const std::size_t digits = size & 0x7fU;
    if (digits == 0 || digits > 3 || digits > der.size()) return std::nullopt;
    size = 0;
    for (const std::uint8_t byte : der.first(digits)) size = (size << 8U) | byte;
    der = der.subspan(digits);
  }
  if (size > der.size()) return std::nullopt;
  return der.first(size);
}

std::optional<BufferKind> KeyIn(ByteView buffer) {
  const auto outer = Sequence(buffer);
  // Nothing follows a key.
  if (!outer || outer->data() + outer->size() != buffer.data() + buffer.size()) return std::nullopt;
  const auto inner = Sequence(*outer);
  if (!inner || inner->empty()) return std::nullopt;
  switch (inner->front()) {
    case kVersion:
    case kInteger:
      return BufferKind::kCertificate;
    case kObjectIdentifier:
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
  const bool named =
      std::ranges::find(kDeviceMapperEvents, entry.path) != kDeviceMapperEvents.end();
  return named ? BufferKind::kDeviceMapper : BufferKind::kData;
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
