#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace limequat {

// Bytes that belong to the holder, and a view of bytes that belong to somebody else, who
// must outlive the view.
using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

// The bytes of `text`, without a copy.
ByteView AsBytes(std::string_view text);

// The characters of `bytes`, without a copy and without a check of the encoding.
std::string_view AsText(ByteView bytes);

// A copy.
Bytes ToBytes(ByteView view);
Bytes ToBytes(std::string_view text);

// Whether sizes and contents are equal. The time tells where they differ: secrets are
// compared with crypto::ConstantTimeEqual.
bool Equal(ByteView a, ByteView b);

// Adds `tail` at the end of `bytes`.
void Append(Bytes& bytes, ByteView tail);

}  // namespace limequat
