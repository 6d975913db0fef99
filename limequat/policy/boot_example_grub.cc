// What the policy `example` says to GRUB's texts.

#include <algorithm>
#include <iterator>
#include <string>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/eventlog/content.h"
#include "limequat/eventlog/pcr_use.h"
#include "limequat/policy/boot_example_internal.h"
#include "limequat/policy/grub_text_internal.h"

namespace limequat::policy {

namespace {

using eventlog::VerifiedEvent;

// GRUB puts quotes around a word of a command line that has blanks, and around none of a command.
bool BeginsWithQuote(std::string_view text) {
  return !text.empty() && std::string_view("\"'\\").contains(text.front());
}

// Without what GRUB puts around words: it quotes them in the command line and not in the
// command.
std::string Unquoted(std::string_view text) {
  std::string out;
  std::ranges::copy_if(text, std::back_inserter(out),
                       [](char c) { return c != '\\' && c != '"' && c != '\''; });
  return out;
}

Findings Object(const VerifiedEvent& event, std::string_view before, std::string_view text,
                std::string_view behind) {
  return RejectEvent(
      kCheckCommandLine,
      fmt::format("{} '{}'{}", before, EscapeForDisplay(text, kShownText), behind))(event);
}

// What is not kept would not be compared.
Findings Keep(const GrubLine& line, std::vector<GrubLine>& lines) {
  if (lines.size() == kMaxCollected) {
    return RejectEvent(kCheckCommandLine,
                       "is one more command than this policy compares")(line.event);
  }
  lines.push_back(line);
  return {};
}

}  // namespace

// The text behind the key was measured, the key was not: "kernel_cmdline" only says which text is
// to be compared, and Check holds that against what GRUB did.
Findings GrubTexts::Take(const VerifiedEvent& event) {
  const auto grub = eventlog::ParseGrubText(event.untrusted_data());
  if (!grub) return RejectEvent(kCheckEvent, "is neither a command nor a command line")(event);
  if (!event.Measures(AsBytes(grub->text))) {
    return RejectEvent(kCheckEvent, "does not have the digest of the text that it shows")(event);
  }
  const GrubLine line{.event = event, .text = grub->text};
  const GrubText kind = GrubTextOf(line.text);
  Findings findings;
  if (kind == GrubText::kLoadsKernel) findings = Keep(line, load_commands_);
  if (grub->key == "kernel_cmdline") {
    if (command_lines_.size() < kMaxCollected) command_lines_.push_back(line);
    return findings;
  }
  if (kind == GrubText::kLine || BeginsWithQuote(line.text)) {
    return Object(event, "is a command by the log, and is the command line", line.text, "");
  }
  if (EscapesMeasurement(line.text)) {
    return Object(event, "is the command", line.text,
                  ", behind which a kernel may be loaded that nothing here tells of");
  }
  return kind == GrubText::kUnknown ? Keep(line, unknown_) : findings;
}

Findings GrubTexts::Check() const {
  if (command_lines_.size() != 1) return {};  // told by the kernels
  const std::string expected = Unquoted(command_lines_.front().text);
  Findings findings;
  for (const GrubLine& command : load_commands_) {
    if (Unquoted(KernelOf(command.text)) == expected) continue;
    findings.push_back(About(
        command.event, Failed(kCheckCommandLine,
                              fmt::format("GRUB loaded a kernel by '{}', which is not what the log "
                                          "calls the command line",
                                          EscapeForDisplay(command.text, kShownText)))));
  }
  // A kernel of a block list or a network, whose words are quoted in another way.
  for (const GrubLine& command : unknown_) {
    if (Unquoted(command.text) != expected) continue;
    findings.push_back(About(
        command.event,
        Failed(kCheckCommandLine, fmt::format("'{}' is a command by the log, and is a command line",
                                              EscapeForDisplay(command.text, kShownText)))));
  }
  if (load_commands_.empty()) {
    findings.push_back(AboutPcr(
        eventlog::kGrubPcr, Failed(kCheckCommandLine,
                                   "no command of GRUB loaded a kernel with the command line that "
                                   "the log shows")));
  }
  return findings;
}

}  // namespace limequat::policy
