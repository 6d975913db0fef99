#include "limequat/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace limequat {

void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "limequat: defect at %s:%d: %s does not hold\n", file, line, condition);
  std::abort();
}

}  // namespace limequat
