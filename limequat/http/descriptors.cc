#include "limequat/http/descriptors.h"

#include <sys/resource.h>

#include "limequat/base/check.h"

namespace limequat::http {

DescriptorLimit RaiseDescriptorLimit() {
  rlimit limit{};
  LQ_CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  DescriptorLimit result{.before = limit.rlim_cur, .now = limit.rlim_cur};
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) == 0) result.now = limit.rlim_cur;
  return result;
}

}  // namespace limequat::http
