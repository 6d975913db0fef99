#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace limequat::cli {

// `text` of another program (a service's answer, an operator's argument) in a form
// that is safe on a terminal: as EscapeForDisplay, but what is escaped already stays
// as it is, so that applying it twice changes nothing. Text out of evidence goes
// through EscapeForDisplay itself. Never shortened; hostile input.
std::string Shown(std::string_view text);

// How many columns a terminal needs for `text`, which is printable UTF-8: East Asian
// wide characters and emoji take two, combining marks none.
std::size_t DisplayWidth(std::string_view text);

// `text` with blanks behind it up to `width` columns.
std::string PadTo(std::string_view text, std::size_t width);

// `text` cut to `width` columns (at least one), the last of them "…" if anything is
// missing.
std::string CutTo(std::string_view text, std::size_t width);

// "1 file", "2 files": `noun` with a plural s.
std::string Counted(std::size_t count, std::string_view noun);

// "12.3 MB": for people, powers of 1000.
std::string FormatBytes(std::uint64_t bytes);

}  // namespace limequat::cli
