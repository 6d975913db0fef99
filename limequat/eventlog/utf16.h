#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "limequat/base/bytes.h"

namespace limequat::eventlog {

// UTF-8 of little-endian UTF-16 (CHAR16 of UEFI). Hostile input: half a surrogate or a
// last odd byte becomes U+FFFD, so text that does is no name of anything. At most 1.5
// times the input in length.
std::string DecodeUtf16(ByteView text);

// Number of bytes of the text at the beginning of `bytes` up to its NUL, which is not
// counted; nullopt without a NUL.
std::optional<std::size_t> FindUtf16End(ByteView bytes);

}  // namespace limequat::eventlog
