#include "limequat/cli/command_line.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/cli/command_tree_internal.h"
#include "limequat/cli/text.h"
#include "limequat/cli/usage.h"

#ifndef LQ_VERSION
#define LQ_VERSION "unknown"
#endif

namespace limequat::cli {

namespace {

constexpr const char* kAbout = "Limequat: remote attestation for fleets.";
constexpr const char* kFooter =
    "Every command has --help with an example.\n"
    "Exit status: 0 done or trustworthy, 1 not trustworthy, 2 wrong usage, 3 malformed input,\n"
    "4 not found, 5 refused, 6 not available, 70 a defect.";

std::unique_ptr<CLI::App> MakeTree(CommandLine& line) {
  auto root = std::make_unique<CLI::App>(kAbout, "limequat");
  root->get_formatter()->column_width(34);
  root->set_help_flag("--help,-h", "this text");
  root->set_version_flag("--version", fmt::format("limequat {}", LQ_VERSION));
  root->footer(kFooter);
  AddValue(*root, "--config", line.config, ParseText, "FILE", kConfigAbout);
  root->require_subcommand(1);
  DeclareEvidenceCommands(*root, line);
  DeclareFleetCommands(*root, line);
  return root;
}

std::vector<const CLI::App*> CommandsOf(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::string NamesOf(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : CommandsOf(app)) names.push_back(command->get_name());
  std::ranges::sort(names);
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// The command that was meant, as far as it was understood.
const CLI::App& Deepest(const CLI::App& root, std::string& path) {
  const CLI::App* app = &root;
  path = root.get_name();
  while (!app->get_subcommands().empty()) {
    app = app->get_subcommands().front();
    path += ' ' + app->get_name();
  }
  return *app;
}

Error ExplainUsage(const CLI::App& root, const std::string& what) {
  std::string path;
  const CLI::App& app = Deepest(root, path);
  const std::vector<std::string> rest = root.remaining(true);
  if (CommandsOf(app).empty()) {
    return UsageError(fmt::format("{}; see {} --help", Shown(what), path));
  }
  if (rest.empty()) {
    return UsageError(fmt::format("{} what? Commands: {}", path, NamesOf(app)));
  }
  return UsageError(fmt::format("there is no {} '{} {}'. Commands: {}",
                                rest.front().starts_with('-') ? "option" : "command", path,
                                EscapeForDisplay(rest.front(), 64), NamesOf(app)));
}

CommandInfo Describe(const CLI::App& app) {
  CommandInfo info{
      .name = app.get_name(), .about = app.get_description(), .options = {}, .commands = {}};
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) info.options.push_back("--" + name);
  }
  for (const CLI::App* command : CommandsOf(app)) info.commands.push_back(Describe(*command));
  return info;
}

}  // namespace

Result<CommandLine> ParseCommandLine(const std::vector<std::string>& arguments) {
  // The declared commands write into it, so it has one place from the beginning.
  auto line = std::make_unique<CommandLine>();
  const auto root = MakeTree(*line);
  // CLI11 takes arguments from the back.
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    root->parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    line->text = root->help();
  } catch (const CLI::CallForVersion& version) {
    line->text = fmt::format("{}\n", version.what());
  } catch (const CLI::ParseError& error) {
    return ExplainUsage(*root, error.what());
  }
  return std::move(*line);
}

CommandInfo DescribeCommands() {
  CommandLine line;
  return Describe(*MakeTree(line));
}

}  // namespace limequat::cli
