#include "limequat/cli/progress.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/time.h"
#include "limequat/cli/text.h"

namespace limequat::cli {

namespace {

constexpr std::string_view kClearLine = "\r\x1b[K";
// Before this an estimate is noise.
constexpr std::chrono::milliseconds kLeastElapsed{500};

void Put(std::FILE* terminal, std::string_view text) {
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), terminal));
  static_cast<void>(std::fflush(terminal));
}

}  // namespace

std::string DescribeProgress(const Amount& amount, std::chrono::milliseconds elapsed) {
  std::string text = fmt::format("{} of {} files, {} of {}", amount.files, amount.total_files,
                                 FormatBytes(amount.bytes), FormatBytes(amount.total_bytes));
  if (amount.total_bytes == 0) return text;
  const double part =
      std::min(1.0, static_cast<double>(amount.bytes) / static_cast<double>(amount.total_bytes));
  text += fmt::format(", {} %", static_cast<int>(part * 100));
  if (elapsed < kLeastElapsed || amount.bytes == 0 || part >= 1) return text;
  const auto rest = std::chrono::duration<double>(elapsed) * ((1 - part) / part);
  // Whole seconds: smaller units would only flicker.
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(rest);
  return text + fmt::format(", {} left", FormatDuration(seconds));
}

ProgressLine::ProgressLine(std::FILE* terminal, bool is_terminal, std::string what)
    : terminal_(terminal),
      is_terminal_(is_terminal),
      what_(std::move(what)),
      began_(std::chrono::steady_clock::now()) {}

ProgressLine::~ProgressLine() {
  if (is_terminal_) Put(terminal_, kClearLine);
}

void ProgressLine::Show(const Amount& amount) {
  if (!is_terminal_) return;
  const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - began_);
  Put(terminal_, fmt::format("{}{}: {}", kClearLine, what_, DescribeProgress(amount, elapsed)));
}

}  // namespace limequat::cli
