#include "program.h"

#include <cstdio>
#include <exception>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "limequat/http/descriptors.h"
#include "limequat/telemetry/log.h"

#ifndef LQ_VERSION
#define LQ_VERSION "unknown"
#endif

namespace limequat::apps {

namespace {

constexpr int kUsage = 2;
constexpr int kDefect = 70;

struct Options {
  std::string config;
  bool check_config = false;
  bool print_config = false;
};

int Perform(const Options& options, const ProgramInfo& info, const ProgramActions& actions) {
  if (options.check_config) {
    if (const Status status = actions.check(options.config); !status)
      return ReportError(info.name, status.error());
    fmt::print("{}: the configuration is valid\n", options.config);
    return 0;
  }
  if (options.print_config) {
    const auto text = actions.print(options.config);
    if (!text) return ReportError(info.name, text.error());
    fmt::print("{}", *text);
    return 0;
  }
  if (const Status status = actions.run(options.config); !status)
    return ReportError(info.name, status.error());
  return 0;
}

}  // namespace

void RaiseDescriptors() {
  const http::DescriptorLimit limit = http::RaiseDescriptorLimit();
  telemetry::LogInfo("program.descriptors", {{"limit", limit.now}, {"before", limit.before}});
}

void CheckDescriptors(std::uint64_t machines) {
  const std::uint64_t limit = http::RaiseDescriptorLimit().now;
  const std::uint64_t needed = machines + kOtherDescriptors;
  if (limit >= needed) return;
  telemetry::LogWarning("program.few_descriptors", {{"limit", limit},
                                                    {"needed", needed},
                                                    {"machines", machines},
                                                    {"next", "raise LimitNOFILE= of the unit"}});
}

int ReportError(std::string_view program, const Error& error) {
  fmt::print(stderr, "{}: {} [{}]\n", program, error.message, error.id);
  return ExitStatus(error.code);
}

int RunProgram(int argc, char** argv, const ProgramInfo& info, const ProgramActions& actions) {
  try {
    CLI::App app(info.summary, info.name);
    Options options{.config = info.default_config};
    app.add_option("--config,-c", options.config, "configuration file (TOML)")
        ->capture_default_str();
    app.add_flag("--check-config", options.check_config,
                 "read the configuration, say what is wrong with it, and end");
    app.add_flag("--print-config", options.print_config,
                 "print the effective configuration with every key, and end");
    app.set_version_flag("--version", fmt::format("{} {}", info.name, LQ_VERSION));
    app.footer(info.details);
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return app.exit(error) == 0 ? 0 : kUsage;
    }
    return Perform(options, info, actions);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: defect: {}\n", info.name, error.what());
    return kDefect;
  }
}

}  // namespace limequat::apps
