#pragma once

#include "limequat/base/time.h"

namespace limequat::verifier {

// The system's clock. There is no seam to set another one (attack A17); pure code
// gets the time as an argument.
inline Time Now() {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

}  // namespace limequat::verifier
