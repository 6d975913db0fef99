#include "limequat/cli/pager.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <vector>

#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace limequat::cli {

namespace {

constexpr const char* kDefaultPager = "less";

std::string_view Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

bool IsInPath(std::string_view program) {
  std::string_view path = Environment("PATH");
  while (!path.empty()) {
    const std::string_view folder = path.substr(0, path.find(':'));
    path.remove_prefix(std::min(path.size(), folder.size() + 1));
    std::string file(folder);
    (file += '/') += program;
    if (::access(file.c_str(), X_OK) == 0) return true;
  }
  return false;
}

// Signals that end the pager or that its end causes must not end this program before it
// has waited: the pager would stay behind on the terminal.
class IgnoredSignals {
 public:
  IgnoredSignals() {
    for (std::size_t i = 0; i < kSignals.size(); ++i)
      before_[i] = std::signal(kSignals[i], SIG_IGN);
  }
  ~IgnoredSignals() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) std::signal(kSignals[i], before_[i]);
  }
  IgnoredSignals(const IgnoredSignals&) = delete;
  IgnoredSignals& operator=(const IgnoredSignals&) = delete;

 private:
  static constexpr std::array kSignals = {SIGINT, SIGQUIT, SIGPIPE};
  std::array<void (*)(int), kSignals.size()> before_{};
};

}  // namespace

std::string PagerCommand() {
  if (Environment("TERM").empty() || Environment("TERM") == "dumb") return {};
  if (std::getenv("PAGER") == nullptr) return IsInPath(kDefaultPager) ? kDefaultPager : "";
  const std::string_view pager = Environment("PAGER");
  return pager == "cat" ? std::string() : std::string(pager);
}

bool IsLongerThanTerminal(std::string_view text, std::FILE* out) {
  winsize size{};
  if (::isatty(::fileno(out)) != 1 || ::ioctl(::fileno(out), TIOCGWINSZ, &size) != 0) return false;
  // The shell's next prompt takes a line.
  return size.ws_row > 1 && std::ranges::count(text, '\n') >= size.ws_row;
}

bool ShowInPager(const std::string& command, std::string_view text) {
  // Less: leave at once what fits, let colours through, do not clear the screen.
  static_cast<void>(::setenv("LESS", "FRX", 0));
  std::FILE* pager = ::popen(command.c_str(), "w");
  if (pager == nullptr) return false;
  const IgnoredSignals ignored;
  // What a pager that was left does not take is not missed.
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), pager));
  const int status = ::pclose(pager);
  constexpr int kNotExecutable = 126;
  constexpr int kNotFound = 127;
  return !(WIFEXITED(status) &&
           (WEXITSTATUS(status) == kNotFound || WEXITSTATUS(status) == kNotExecutable));
}

}  // namespace limequat::cli
