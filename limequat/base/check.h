#pragma once

namespace limequat {

// Ends the program with a message. For our own bugs only: input never reaches it.
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);

}  // namespace limequat

#define LQ_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::limequat::CheckFailed(#condition, __FILE__, __LINE__))
