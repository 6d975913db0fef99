#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace limequat::cli {

// Whether a long result may be shown page by page.
enum class Paging { kNever, kOnTerminal };

// The reader's pager: $PAGER, or `less` if it is in $PATH. Empty: none is wanted
// ($PAGER is empty or `cat`, the terminal is dumb) or none is there.
std::string PagerCommand();

// Whether `text` has more lines than the terminal behind `out`. False if it is none.
bool IsLongerThanTerminal(std::string_view text, std::FILE* out);

// Gives `text` to `command`, which a shell runs, and waits until the reader leaves it.
// `text` must be safe for a terminal. False if the command could not be run: then
// nothing was shown. A reader who leaves early has seen what they wanted: true.
bool ShowInPager(const std::string& command, std::string_view text);

}  // namespace limequat::cli
