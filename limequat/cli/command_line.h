#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/cli/console.h"

namespace limequat::cli {

// What a command line asks for: a command, or a text (--help, --version).
struct CommandLine {
  std::function<Result<Ending>(Console&)> run;
  std::optional<OutputFormat> output;           // -o
  std::optional<std::filesystem::path> config;  // --config before the command
  std::string text;
};

// Reads `arguments` (without the program's name). A usage error says what is wrong and
// where help is; an unknown command names those that exist.
Result<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments);

// The commands and their options, for shell completion.
struct CommandInfo {
  std::string name;
  std::string about;
  std::vector<std::string> options;  // "--format"
  std::vector<CommandInfo> commands;
};
CommandInfo DescribeCommands();

}  // namespace limequat::cli
