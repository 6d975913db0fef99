#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "limequat/base/result.h"
#include "limequat/http/runtime.h"
#include "limequat/telemetry/log.h"

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
  std::function<Status(const std::string& config)> check;  // --check-config
  std::function<Result<std::string>(const std::string& config)>
      print;  // --print-config: the effective configuration
  std::function<Status(const std::string& config)> run;  // until a signal ends it
};

// What a service needs beside its machines: files, the database, and connections of
// operators and of machines that register.
inline constexpr std::uint64_t kOtherDescriptors = 512;

// Raises the limit of descriptors and says in the log what it is.
void RaiseDescriptors();
// Warns in the log if the limit is below kOtherDescriptors and one for each machine.
void CheckDescriptors(std::uint64_t machines);

// The actions of a service: `load` reads its configuration, `start` builds and serves
// it; what `start` returned lives until SIGINT or SIGTERM. `machines`: to how many
// machines it keeps a connection.
template <class Config, class Service>
ProgramActions ServiceActions(std::string name,
                              Result<Config> (*load)(const std::filesystem::path&),
                              Result<std::unique_ptr<Service>> (*start)(http::Runtime&,
                                                                        const Config&),
                              std::uint64_t (*machines)(Service&)) {
  return {
      .check = [load](const std::string& file) -> Status {
        const auto config = load(file);
        if (!config) return config.error();
        return {};
      },
      .print = [load](const std::string& file) -> Result<std::string> {
        const auto config = load(file);
        if (!config) return config.error();
        return ToToml(*config);
      },
      .run = [name = std::move(name), load, start, machines](const std::string& file) -> Status {
        const auto config = load(file);
        if (!config) return config.error();
        const auto level = telemetry::ParseLevel(config->log.level);
        if (!level) return level.error();
        telemetry::StartLog(name, {.level = *level, .json = config->log.format == "json"});
        RaiseDescriptors();
        // Before any thread, so that every thread has the signals blocked.
        http::StopSignal stop;
        http::Runtime runtime({});
        const auto service = start(runtime, *config);
        if (!service) return service.error();
        CheckDescriptors(machines(**service));
        telemetry::LogInfo("program.stopping", {{"signal", stop.Wait()}});
        return {};
      }};
}

// Reads the command line, does what it says, and returns the exit status.
int RunProgram(int argc, char** argv, const ProgramInfo& info, const ProgramActions& actions);

// "limequat-registrar: MESSAGE [ID]" on standard error; the exit status of `error`.
int ReportError(std::string_view program, const Error& error);

}  // namespace limequat::apps
