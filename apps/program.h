#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "limequat/base/result.h"

// What the long-running programs have in common: their options, how they report an
// error, and how they wait for the end.

namespace limequat::apps {

struct ProgramInfo {
  std::string name;            // "limequat-registrar"
  std::string summary;         // one sentence for --help
  std::string default_config;  // "/etc/limequat/limequat-registrar.toml"
  std::string details;         // further text for --help: example, files, exit status
};

// What a program does with its configuration file.
struct ProgramActions {
  std::function<Status(const std::string& config)> check;               // --check-config
  std::function<Result<std::string>(const std::string& config)> print;  // --print-config: the effective configuration
  std::function<Status(const std::string& config)> run;                 // until a signal ends it
};

// Reads the command line, does what it says, and returns the exit status.
int RunProgram(int argc, char** argv, const ProgramInfo& info, const ProgramActions& actions);

// "limequat-registrar: MESSAGE [ID]" on standard error; the exit status of `error`.
int ReportError(std::string_view program, const Error& error);

}  // namespace limequat::apps
