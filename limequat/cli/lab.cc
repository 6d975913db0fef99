#include "limequat/cli/lab.h"

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include <fmt/format.h>
#include <unistd.h>

#include "limequat/cli/text.h"

namespace limequat::cli {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kDriver = "limequat-lab";

bool IsFile(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

}  // namespace

std::optional<fs::path> FindLabDriver(const fs::path& program) {
  if (const char* named = std::getenv("LIMEQUAT_LAB"); named != nullptr && *named != '\0') {
    return IsFile(named) ? std::optional(fs::path(named)) : std::nullopt;
  }
  const fs::path folder = program.parent_path();
  const fs::path tree = folder.parent_path().parent_path().parent_path() / "tools" / "lab";
  if (folder.filename() == "apps" && folder.parent_path().parent_path().filename() == "build" &&
      IsFile(tree / kDriver)) {
    return tree / kDriver;
  }
  const fs::path installed = folder.parent_path() / "share" / "limequat" / "lab" / kDriver;
  return IsFile(installed) ? std::optional(installed) : std::nullopt;
}

Error BecomeLab(const std::vector<std::string>& arguments) {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const auto driver = error ? std::nullopt : FindLabDriver(program);
  if (!driver) {
    return Unavailable("cli.lab",
                       "the lab's driver is not there: it comes with the source tree "
                       "(tools/lab/limequat-lab), or $LIMEQUAT_LAB names it");
  }
  std::string name = driver->string();
  std::vector<std::string> copies = arguments;
  std::vector<char*> argv{name.data()};
  for (std::string& argument : copies) argv.push_back(argument.data());
  argv.push_back(nullptr);
  ::setenv("LIMEQUAT_BIN", program.parent_path().c_str(), 1);
  ::execv(name.c_str(), argv.data());
  return Unavailable("cli.lab",
                     fmt::format("{}: {}", Shown(name), std::generic_category().message(errno)));
}

}  // namespace limequat::cli
