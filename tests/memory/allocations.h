#pragma once

#include <cstddef>

// Counts what `new` gives, by replacing it in the whole program: tests of memory are a
// program of their own. What OpenSSL allocates is not counted. For one thread.
namespace limequat::testing {

// The bytes that are allocated at this moment.
std::size_t Allocated();
// Begins to look for the highest value of Allocated from here on.
void ForgetPeak();
std::size_t Peak();

// How many bytes `work` has at most at one time, over what there was before.
template <class Work>
std::size_t PeakOf(const Work& work) {
  const std::size_t before = Allocated();
  ForgetPeak();
  work();
  return Peak() - before;
}

}  // namespace limequat::testing
