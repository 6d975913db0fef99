#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "limequat/base/time.h"

namespace limequat::appraise {

// How many moments are told apart within one boot of one machine.
inline constexpr std::size_t kMaxVerifiedMarks = 256;

// When the entries of a list were first verified in the present boot, which decides
// whether a retired digest is still good (policy::PolicyAt). Kept in memory only, by one
// mark for each quote with new entries: lost with a restart of the verifier, and then
// everything counts as verified when it is verified again.
//
// Beyond kMaxVerifiedMarks the two marks that are nearest in time become one, with the
// later time: an entry never counts as verified earlier than it was.
class FirstVerified {
 public:
  // Entries with numbers below `entries` that have no mark yet were verified `at`.
  // Nothing if there are none; a time before that of the last mark counts as that one.
  void Add(std::uint64_t entries, Time at);
  // When entry `index` was first verified; `otherwise` if nothing is known of it.
  Time Of(std::uint64_t index, Time otherwise) const;
  std::size_t marks() const { return marks_.size(); }

 private:
  struct Mark {
    std::uint64_t end = 0;  // behind its last entry; rising
    Time at{};              // not falling
  };
  std::vector<Mark> marks_;
};

}  // namespace limequat::appraise
