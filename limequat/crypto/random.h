#pragma once

#include <cstddef>
#include <string>

#include "limequat/base/bytes.h"

namespace limequat::crypto {

// `count` bytes of the operating system's generator. There is no seam to replace
// it (CVE-2026-6420 of Keylime was a replaced generator that shipped). Ends the
// program if the generator fails: there is nothing safe to continue with.
Bytes RandomBytes(std::size_t count);

// `count` characters of A-Z a-z 0-9, without modulo bias.
std::string RandomAlphanumeric(std::size_t count);

}  // namespace limequat::crypto
