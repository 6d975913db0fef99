#pragma once

#include <span>
#include <string_view>

namespace limequat::cli {

// What a failed check means, in one sentence for people. The same text stands in
// docs/findings.md, with causes and what to do; a test compares them.
struct CheckMeaning {
  std::string_view check;
  std::string_view meaning;
};

// Every check of this version, in the order of docs/findings.md.
std::span<const CheckMeaning> Catalogue();

// "" for a check of another version.
std::string_view MeaningOf(std::string_view check);

}  // namespace limequat::cli
