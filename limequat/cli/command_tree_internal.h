#pragma once

// What the files that declare commands share. It shows CLI11, which is costly to
// compile: for command_line.cc and command_tree_*.cc only.

#include <chrono>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "limequat/cli/arguments.h"
#include "limequat/cli/command_line.h"
#include "limequat/cli/policy_signers.h"
#include "limequat/cli/quote_input.h"

namespace limequat::cli {

// An option or argument with a value, read by one of the parsers of arguments.h.
// Giving it twice is wrong usage, and so is an empty value: CLI11 by itself would take
// `--nonce ""` for "no nonce", and the nonce would not be compared.
template <class T, class Parse>
CLI::Option* AddValue(CLI::App& app, const std::string& name, T& target, Parse parse,
                      const std::string& type, const std::string& about) {
  const auto take = [&target, parse, name](const std::string& text) {
    auto value = parse(text);
    if (!value) throw CLI::ValidationError(name, value.error().message);
    target = *std::move(value);
  };
  return app.add_option_function<std::string>(name, take, about)->type_name(type);
}

// The same, given any number of times; each time one value.
template <class T, class Parse>
CLI::Option* AddValues(CLI::App& app, const std::string& name, std::vector<T>& target, Parse parse,
                       const std::string& type, const std::string& about) {
  const auto take = [&target, parse, name](const std::vector<std::string>& texts) {
    target.clear();
    for (const std::string& text : texts) {
      auto value = parse(text);
      if (!value) throw CLI::ValidationError(name, value.error().message);
      target.push_back(*std::move(value));
    }
  };
  return app.add_option_function<std::vector<std::string>>(name, take, about)
      ->type_name(type)
      ->allow_extra_args(false);
}

inline constexpr const char* kConfigAbout =
    "configuration; default: $LIMEQUAT_CONFIG, ~/.config/limequat/limequat.toml";

inline constexpr const char* kPackagesAbout =
    "tell the packages of files that do not pass: a .deb or .rpm file, or a folder that is the "
    "root of a system with dpkg; may be given again";

inline constexpr const char* kVerificationKeyAbout =
    "certificate or public key (PEM or DER), or Keylime's keyring, that may sign any file; may be "
    "given again";

inline Time Now() {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

template <class Command>
struct Declared {
  CLI::App& app;
  Command& command;
};

// Declares a command: its -o, --config and --at, as far as it has them, and what
// happens when it is chosen. `example` closes its help.
template <class Command>
Declared<Command> Declare(CLI::App& parent, CommandLine& line, const std::string& name,
                          const std::string& about, const std::string& example) {
  auto command = std::make_shared<Command>();
  CLI::App& app = *parent.add_subcommand(name, about);
  app.footer("Example:\n" + example);
  app.callback([&line, command] {
    // Before the command or behind it; behind it wins.
    if constexpr (requires { command->config; }) {
      if (!command->config) command->config = line.config;
    }
    line.run = [command](Console& console) { return command->Run(console); };
  });
  AddValue(app, "-o", line.output, ParseOutputFormat, "FORMAT",
           "json, yaml or table; default: table on a terminal, else json");
  if constexpr (requires { command->config; }) {
    AddValue(app, "--config", command->config, ParseText, "FILE", kConfigAbout);
  }
  if constexpr (requires { command->at; }) {
    command->at = Now();
    AddValue(app, "--at", command->at, ParseTime, "TIME",
             "evaluate as of this time (RFC 3339); default: now");
  }
  return {app, *command};
}

// A command that only has commands of its own.
inline CLI::App& DeclareGroup(CLI::App& parent, const std::string& name, const std::string& about) {
  CLI::App& app = *parent.add_subcommand(name, about);
  app.require_subcommand(1);
  return app;
}

// Options that name whose signatures on a policy count: --PREFIXkey, --PREFIXtrust and
// --PREFIXthreshold.
void AddSigners(CLI::App& app, SignerOptions& signers, const std::string& prefix);

// What goes with a policy that may be at a URL: --PREFIXchecksum and --url-ca.
void AddSource(CLI::App& app, std::optional<crypto::Digest>& checksum,
               std::optional<std::string>& authorities_file, const std::string& prefix = "");

// Options that give a quote: --ak, `message`, --signature, --nonce, --pcrs, --allow-sha1.
void AddQuote(CLI::App& app, QuoteInput& quote, const std::string& message);

// What the commands of each file add to the tree.
void DeclarePolicyFiles(CLI::App& policy, CommandLine& line);
void DeclarePolicyCreateBootValues(CLI::App& create, CommandLine& line);
void DeclareEvidenceCommands(CLI::App& root, CommandLine& line);
void DeclareFleetCommands(CLI::App& root, CommandLine& line);

}  // namespace limequat::cli
