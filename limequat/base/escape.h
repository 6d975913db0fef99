#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace limequat {

// `text` in a form that is safe on a terminal and in a log: control characters,
// escape sequences, bytes that are not UTF-8, bidirectional and other invisible
// format characters become \xHH (bytes) or \u{HHHH}; a backslash becomes \\.
// Longer than `limit` bytes after escaping: cut at a character, with "…".
// The input is always hostile.
std::string EscapeForDisplay(std::string_view text, std::size_t limit = 4096);

}  // namespace limequat
