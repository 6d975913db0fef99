#include "limequat/cli/console.h"

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "limequat/base/escape.h"
#include "limequat/cli/document.h"
#include "limequat/cli/text.h"
#include "limequat/cli/usage.h"

namespace limequat::cli {

namespace {

bool IsTerminal(std::FILE* file) { return ::isatty(::fileno(file)) == 1; }

// no-color.org: any value but an empty one.
bool ColoursWanted() {
  const char* no_colour = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal != nullptr && std::string_view(terminal) == "dumb";
  return !dumb && (no_colour == nullptr || *no_colour == '\0');
}

std::size_t TerminalWidth(std::FILE* file) {
  winsize size{};
  return ::ioctl(::fileno(file), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

}  // namespace

Result<OutputFormat> ParseOutputFormat(std::string_view text) {
  if (text == "table") return OutputFormat::kTable;
  if (text == "json") return OutputFormat::kJson;
  if (text == "yaml") return OutputFormat::kYaml;
  return UsageError(fmt::format("{} is not one of json, yaml, table", EscapeForDisplay(text, 64)));
}

Console::Console(std::FILE* out, std::FILE* err, std::optional<OutputFormat> wanted)
    : out_(out),
      err_(err),
      out_is_terminal_(IsTerminal(out)),
      err_is_terminal_(IsTerminal(err)),
      format_(wanted.value_or(out_is_terminal_ ? OutputFormat::kTable : OutputFormat::kJson)) {
  if (out_is_terminal_) look_ = {.colours = ColoursWanted(), .width = TerminalWidth(out)};
}

Status Console::Show(const json::Value& document, const std::function<std::string()>& for_people,
                     Paging paging) {
  const std::string text = TextOf(document, for_people);
  if (paging == Paging::kOnTerminal && IsLongerThanTerminal(text, out_)) {
    const std::string pager = PagerCommand();
    if (!pager.empty() && ShowInPager(pager, text)) return {};
  }
  return Write(text);
}

std::string Console::TextOf(const json::Value& document,
                            const std::function<std::string()>& for_people) const {
  switch (format_) {
    case OutputFormat::kTable:
      return for_people();
    case OutputFormat::kJson:
      return ToJsonText(document);
    case OutputFormat::kYaml:
      return ToYamlText(document);
  }
  return {};
}

Status Console::Write(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), out_) != text.size() || std::fflush(out_) != 0) {
    return Unavailable("cli.output", fmt::format("the result could not be written: {}",
                                                 std::generic_category().message(errno)));
  }
  return {};
}

void Console::Note(std::string_view line) {
  const std::string text = Shown(line) + '\n';
  // Nothing can be done about a standard error that takes nothing.
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), err_));
}

}  // namespace limequat::cli
