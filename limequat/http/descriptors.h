#pragma once

#include <cstdint>

namespace limequat::http {

// How many descriptors (sockets, files) a process may have open at once.
struct DescriptorLimit {
  std::uint64_t before = 0;
  std::uint64_t now = 0;
};

// Raises this process's soft limit to its hard one (RLIMIT_NOFILE, getrlimit(2)). The
// soft one is often 1024, for the sake of programs that use select(2); this module uses
// none of it. `now` is `before` if the system refuses.
DescriptorLimit RaiseDescriptorLimit();

}  // namespace limequat::http
