#include "limequat/base/bytes.h"

#include <algorithm>

namespace limequat {

ByteView AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string_view AsText(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Bytes ToBytes(ByteView view) { return Bytes(view.begin(), view.end()); }

Bytes ToBytes(std::string_view text) { return ToBytes(AsBytes(text)); }

bool Equal(ByteView a, ByteView b) { return std::ranges::equal(a, b); }

void Append(Bytes& bytes, ByteView tail) { bytes.insert(bytes.end(), tail.begin(), tail.end()); }

}  // namespace limequat
