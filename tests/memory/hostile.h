#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

#include "limequat/base/bytes.h"

namespace limequat::testing {

// A bound on memory: so many bytes for each byte of the input, and some more.
struct Bound {
  std::size_t factor = 0;
  std::size_t constant = 0;
  std::size_t Of(std::size_t size) const { return factor * size + constant; }
};

// Calls `visit` with the seeds of a fuzz target (fuzz/corpus/`target`), with many copies of
// each, and with each of them after every field that could be a length or a count has been
// made large, and cut short: the same inputs in every run. Fails the test if there is no
// seed.
void ForEachHostile(std::string_view target, const std::function<void(ByteView)>& visit);

// Expects that `parse` keeps to `bound` with all of them.
void ExpectBounded(std::string_view target, const Bound& bound,
                   const std::function<void(ByteView)>& parse);
// The same with one input.
void ExpectBounded(ByteView input, const Bound& bound, const std::function<void(ByteView)>& parse);

}  // namespace limequat::testing
