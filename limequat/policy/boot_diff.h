#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/policy/policy_diff.h"

namespace limequat::policy {

// How one list of a boot reference differs.
struct BootListChange {
  std::string member;  // "kernels", "kernels.command_lines", "secure_boot.db"
  ListChange change;   // in words for people, sorted
};

// What boots the second boot reference accepts and the first does not, and the other way
// round. Names, versions, order and repetitions decide nothing and are left out.
struct BootDiff {
  std::vector<BootListChange> lists;  // by member
  std::vector<ValueChange> values;

  bool same() const { return lists.empty() && values.empty(); }
};

// Compares two documents of boot reference values, or two reference states. Hostile input;
// errors as of BootValues::Parse and BootReference::Parse, with "first policy" or "second
// policy" in front. Texts in the result come from the documents: escape them where they are
// shown.
Result<BootDiff> DiffBootValues(std::string_view first, std::string_view second);
Result<BootDiff> DiffBootReferences(std::string_view first, std::string_view second);

}  // namespace limequat::policy
