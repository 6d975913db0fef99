#include "limequat/device/der.h"

#include <cstddef>
#include <optional>

namespace limequat::device {

namespace {

constexpr std::uint8_t kSequence = 0x30;

// Size of the element at the front, header included (X.690, 8.1.3); nullopt if it is
// no SEQUENCE or longer than `bytes`.
std::optional<std::size_t> SequenceSize(ByteView bytes) {
  if (bytes.size() < 2 || bytes[0] != kSequence) return std::nullopt;
  std::size_t header = 2;
  std::size_t length = bytes[1];
  if (length >= 0x80) {
    // NV indices hold less than 64 KiB: two bytes are enough for every length.
    const std::size_t count = length & 0x7fU;
    if (count == 0 || count > 2 || bytes.size() < 2 + count) return std::nullopt;
    length = 0;
    for (const std::uint8_t byte : bytes.subspan(2, count)) length = (length << 8U) | byte;
    header += count;
  }
  if (length == 0 || length > bytes.size() - header) return std::nullopt;
  return header + length;
}

}  // namespace

std::vector<Bytes> SplitDer(ByteView bytes) {
  std::vector<Bytes> elements;
  while (const std::optional<std::size_t> size = SequenceSize(bytes)) {
    elements.push_back(ToBytes(bytes.first(*size)));
    bytes = bytes.subspan(*size);
  }
  return elements;
}

}  // namespace limequat::device
