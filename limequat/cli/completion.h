#pragma once

#include <string>
#include <string_view>

#include "limequat/base/result.h"
#include "limequat/cli/command_line.h"

namespace limequat::cli {

// "bash", "zsh" or "fish"; else a usage error.
Result<std::string> ParseShell(std::string_view text);

// A script that completes commands and options of `root` in `shell`, and file names
// elsewhere.
std::string CompletionScript(std::string_view shell, const CommandInfo& root);

}  // namespace limequat::cli
