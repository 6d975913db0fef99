#pragma once

#include <span>
#include <string_view>

#include "limequat/base/finding.h"

namespace limequat {

// What is known of one check, whatever it found: docs/findings.md and `limequat findings`
// are made of it. Text in Markdown, one line each, without a line feed.
struct CheckEntry {
  std::string_view check;    // its stable name, "tpm.quote.nonce"
  Cause cause;               // the usual class of the cause; a finding may name another
  std::string_view meaning;  // what its failure says, in one sentence
  std::string_view causes;   // what usually makes it fail
  std::string_view advice;   // what to do
  // The command to run next, with words such as AGENT for what the reader puts in. Empty
  // if there is nothing to run.
  std::string_view next;
};

// Checks that belong together, and what is to be said of all of them (may be empty).
struct CheckSection {
  std::string_view title;
  std::string_view introduction;
  std::span<const CheckEntry> entries;
};

// Every check of this version. A new one is added in its check_catalogue_*.cc alone.
std::span<const CheckSection> CheckCatalogue();

// The entry of a check; nullptr for one of another version. `check` may be hostile.
const CheckEntry* FindCheckEntry(std::string_view check);

}  // namespace limequat
