#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/cli/console.h"

namespace limequat::cli {

// limequat policy create boot: boot reference values of event logs, for every boot path; or,
// with --update, values that accept more than before: the next kernel by its file, another
// firmware by the log of a machine that has it.
struct PolicyCreateBoot {
  std::vector<std::string> logs;
  std::vector<std::string> pcrs;  // of each log, in their order
  std::optional<std::string> user_space_log;
  std::optional<std::string> update;
  std::vector<std::string> kernels;
  std::vector<std::string> unified_images;
  std::vector<std::string> initrds;
  std::vector<std::string> command_lines;
  std::string kernel_name;
  std::string kernel_version;
  std::string model;
  std::string firmware_version;
  std::optional<std::string> name;
  std::optional<std::uint64_t> release;
  std::optional<std::string> output;  // absent or "-": the values are the result

  Result<Ending> Run(Console& console) const;
};

}  // namespace limequat::cli
