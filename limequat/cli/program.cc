#include "limequat/cli/program.h"

#include <cstdio>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "limequat/cli/command_line.h"
#include "limequat/cli/console.h"
#include "limequat/cli/lab.h"
#include "limequat/cli/usage.h"

namespace limequat::cli {

namespace {

int Report(Console& console, const Error& error) {
  console.Note(fmt::format("limequat: {} [{}]", error.message, error.id));
  return StatusOf(error);
}

int Run(const std::vector<std::string>& arguments) {
  if (!arguments.empty() && arguments.front() == "lab") {
    Console console(stdout, stderr, std::nullopt);
    return Report(console, BecomeLab({arguments.begin() + 1, arguments.end()}));
  }
  const Result<CommandLine> line = ParseCommandLine(arguments);
  Console console(stdout, stderr, line ? line->output : std::nullopt);
  if (!line) return Report(console, line.error());
  if (!line->run) {
    const Status written = console.Write(line->text);
    return written ? 0 : Report(console, written.error());
  }
  const Result<Ending> ending = line->run(console);
  return ending ? static_cast<int>(*ending) : Report(console, ending.error());
}

}  // namespace

int RunCommand(int argc, char** argv) {
  constexpr int kDefect = 70;
  try {
    return Run({argv + (argc > 0 ? 1 : 0), argv + argc});
  } catch (const std::exception& error) {
    // What the modules promise not to throw: running out of memory, mostly.
    std::fprintf(stderr, "limequat: defect: %s [cli.defect]\n", error.what());
    return kDefect;
  }
}

}  // namespace limequat::cli
