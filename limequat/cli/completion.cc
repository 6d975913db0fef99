#include "limequat/cli/completion.h"

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/cli/usage.h"

namespace limequat::cli {

namespace {

std::string Words(const CommandInfo& info) {
  std::string words;
  for (const CommandInfo& command : info.commands) words += command.name + ' ';
  for (const std::string& option : info.options) words += option + ' ';
  if (!words.empty()) words.pop_back();
  return words;
}

// One line of a `case`: the commands typed so far, and what may follow.
void AddCases(const CommandInfo& info, const std::string& path, std::string& cases) {
  cases += fmt::format("    '{}') words='{}' ;;\n", path, Words(info));
  for (const CommandInfo& command : info.commands) {
    AddCases(command, path.empty() ? command.name : path + ' ' + command.name, cases);
  }
}

// The names of commands that have commands, as a pattern: only those words lead on.
std::string Script(const CommandInfo& root) {
  std::string cases;
  AddCases(root, "", cases);
  std::string paths;
  for (const CommandInfo& command : root.commands) {
    paths += fmt::format("|'{}'", command.name);
    for (const CommandInfo& inner : command.commands) {
      paths += fmt::format("|'{} {}'", command.name, inner.name);
      for (const CommandInfo& innermost : inner.commands) {
        paths += fmt::format("|'{} {} {}'", command.name, inner.name, innermost.name);
      }
    }
  }
  if (!paths.empty()) paths.erase(0, 1);
  return fmt::format(
      "_limequat() {{\n"
      "  local path='' word next words i\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    word=${{COMP_WORDS[i]}}\n"
      "    next=\"${{path:+$path }}$word\"\n"
      "    case \"$next\" in\n"
      "    {}) path=$next ;;\n"
      "    esac\n"
      "  done\n"
      "  case \"$path\" in\n{}"
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"${{COMP_WORDS[COMP_CWORD]}}\"))\n"
      "}}\n"
      "complete -o default -F _limequat limequat\n",
      paths, cases);
}

// Single quotes are the only characters that end a quoted word of fish.
std::string FishQuoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '\'';
}

void AddFish(const CommandInfo& info, const std::string& condition, std::string& script) {
  for (const CommandInfo& command : info.commands) {
    script += fmt::format("complete -c limequat -n {} -a {} -d {}\n", FishQuoted(condition),
                          FishQuoted(command.name), FishQuoted(command.about));
    const std::string within = fmt::format("__fish_seen_subcommand_from {}", command.name);
    AddFish(command, info.name == "limequat" ? within : condition + "; and " + within, script);
  }
  for (const std::string& option : info.options) {
    if (!option.starts_with("--")) continue;
    script += fmt::format("complete -c limequat -n {} -l {}\n", FishQuoted(condition),
                          FishQuoted(option.substr(2)));
  }
}

}  // namespace

Result<std::string> ParseShell(std::string_view text) {
  if (text == "bash" || text == "zsh" || text == "fish") return std::string(text);
  return UsageError(fmt::format("'{}' is not one of bash, zsh, fish", EscapeForDisplay(text, 64)));
}

std::string CompletionScript(std::string_view shell, const CommandInfo& root) {
  if (shell == "fish") {
    std::string script;
    AddFish(root, "__fish_use_subcommand", script);
    return script;
  }
  const std::string script = Script(root);
  // zsh reads completions made for bash.
  return shell == "zsh" ? "autoload -U +X compinit && compinit -u\n"
                          "autoload -U +X bashcompinit && bashcompinit\n" +
                              script
                        : script;
}

}  // namespace limequat::cli
