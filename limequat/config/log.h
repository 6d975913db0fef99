#pragma once

#include <string>

namespace limequat::config {

// [log] of every long-running program.
struct LogConfig {
  std::string level = "info";   // debug, info, warning, error
  std::string format = "text";  // text, json
};

}  // namespace limequat::config
