#include "limequat/policy/command_line_coverage.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/eventlog/pcr_use.h"
#include "limequat/policy/boot_values_checks_internal.h"
#include "limequat/policy/grub_text_internal.h"

namespace limequat::policy {

namespace {

constexpr std::size_t kShown = 128;

// What the kernel's EFI stub measures into PCR 9: its options, then the initrd.
constexpr std::size_t kStubEvents = 2;

bool IsPlain(char c) { return c >= ' ' && c <= '~'; }

// The next parameter of `rest`, as the kernel divides a line: blanks inside of quotes do not
// end one. Empty at the end.
std::string_view NextParameter(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  bool quoted = false;
  std::size_t end = 0;
  for (; end < rest.size() && (quoted || rest[end] != ' '); ++end) {
    if (rest[end] == '"') quoted = !quoted;
  }
  const std::string_view parameter = rest.substr(0, end);
  rest.remove_prefix(end);
  return parameter;
}

// As the kernel compares names: it takes '-' for '_', and leaves out a quote in front.
std::string NameOf(std::string_view parameter) {
  std::string name(parameter.substr(0, parameter.find('=')));
  if (name.starts_with('"')) name.erase(0, 1);
  std::ranges::replace(name, '-', '_');
  return name;
}

std::string_view ValueOf(std::string_view parameter) {
  const std::size_t equals = parameter.find('=');
  return equals == std::string_view::npos ? std::string_view() : parameter.substr(equals + 1);
}

std::string WhyUnreadable(std::string_view line) {
  if (line.size() > kMaxKernelCommandLine) {
    return fmt::format("the command line has {} bytes: kernels read {}", line.size(),
                       kMaxKernelCommandLine);
  }
  if (!std::ranges::all_of(line, IsPlain)) {
    return "the command line has characters that kernels do not all read alike";
  }
  return {};
}

// Texts that GRUB measured have no NUL; systemd-boot's command line has one.
std::string ObjectToText(std::string_view text, GrubText kind, const ParameterValues& needed) {
  if (text.find('\0') != std::string_view::npos) return "PCR 8 has a text that is not of GRUB";
  // GRUB measures "FILE ARGUMENTS", and gives the kernel "BOOT_IMAGE=FILE ARGUMENTS".
  switch (kind) {
    case GrubText::kHarmless:
      return {};
    case GrubText::kLoadsKernel:
      return ObjectToCommandLine(fmt::format("BOOT_IMAGE={}", KernelOf(text)), needed);
    case GrubText::kLine:
      return ObjectToCommandLine(fmt::format("BOOT_IMAGE={}", text), needed);
    case GrubText::kCommand:
    case GrubText::kUnknown:
      break;
  }
  return fmt::format("GRUB ran '{}', which may have started something else than its kernel",
                     EscapeForDisplay(text, kShown));
}

// What a PCR was extended with, in its order. PCRs 8 and 9 have no separators: what looks like one
// may be an empty command line.
std::vector<crypto::Digest> DigestsOf(const eventlog::VerifiedLog& log, std::uint32_t pcr) {
  std::vector<crypto::Digest> digests;
  eventlog::VerifiedEvents events = log.events();
  for (auto event = events.Next(); event; event = events.Next()) {
    if (event->pcr() == pcr) digests.push_back(event->digest());
  }
  return digests;
}

std::string ObjectToGrub(const BootEvidence& evidence, const ParameterValues& needed) {
  if (!evidence.chain.unexplained.empty()) {
    return fmt::format("the log does not show what event {} measured, which may be a command line",
                       evidence.chain.unexplained.front().event);
  }
  const auto is_other = [](const MeasuredLine& line) { return line.pcr != eventlog::kGrubPcr; };
  if (std::ranges::any_of(evidence.lines, is_other)) {
    return "PCR 12 has a command line, which is not of GRUB";
  }
  bool has_line = false;
  for (const eventlog::MeasuredText& measured : evidence.grub_texts) {
    const std::string_view text = AsText(measured.text);
    const GrubText kind = GrubTextOf(text);
    if (std::string why = ObjectToText(text, kind, needed); !why.empty()) return why;
    has_line = has_line || kind == GrubText::kLine;
  }
  return has_line ? "" : "GRUB measured no command line";
}

// Text of eight bits that the digest is of would not be what the stub made of it: it reads UTF-16.
// A stub that measures the initrd alone (Linux 5.17 to 6.0) has one event, of a content that is
// anybody's choice.
std::string ObjectToStub(const eventlog::VerifiedLog& log, const BootEvidence& evidence,
                         const ParameterValues& needed) {
  constexpr const char* kNoText =
      "no log shows the text of the command line that the kernel's EFI "
      "stub measured into PCR 9 (it may be inside of its image)";
  const std::vector<crypto::Digest> measured = DigestsOf(log, eventlog::kFilePcr);
  if (measured.empty()) return "nothing measured a command line into PCR 8 or 9";
  const auto line = std::ranges::find_if(evidence.lines, [&](const MeasuredLine& one) {
    return one.digest == measured.front() &&
           crypto::Hash(log.bank(), LoadOptions(one.text)) == measured.front();
  });
  if (line == evidence.lines.end()) return kNoText;
  if (measured.size() != kStubEvents) {
    return fmt::format(
        "PCR 9 has {} events, not a command line and an initrd: which of them the "
        "kernel's EFI stub measured as its command line is not known",
        measured.size());
  }
  return ObjectToCommandLine(line->text, needed);
}

}  // namespace

bool IsImaParameter(std::string_view name) {
  return name == "ima" || name.starts_with("ima_") || name.starts_with("ima.");
}

bool IsPlainParameterText(std::string_view value) {
  return value.size() <= kMaxParameterText &&
         std::ranges::all_of(value, [](char c) { return IsPlain(c) && c != ' ' && c != '"'; });
}

std::string ObjectToCommandLine(std::string_view line, const ParameterValues& needed) {
  if (std::string why = WhyUnreadable(line); !why.empty()) return why;
  std::set<std::string> found;
  bool is_for_init = false;
  std::string_view rest = line;
  for (std::string_view one = NextParameter(rest); !one.empty(); one = NextParameter(rest)) {
    if (one == "--" || one == "\"--\"") is_for_init = true;
    std::string name = NameOf(one);
    if (name == "bootconfig") return "the initrd may add to the command line (bootconfig)";
    if (name == "initcall_blacklist") {
      return "the kernel was told to leave out parts of itself (initcall_blacklist)";
    }
    if (!IsImaParameter(name)) continue;
    const auto good = needed.find(name);
    if (good == needed.end() || !good->second.contains(std::string(ValueOf(one)))) {
      return fmt::format("the kernel was started with '{}', which the policy does not list",
                         EscapeForDisplay(one, kShown));
    }
    if (!is_for_init) found.insert(std::move(name));
  }
  for (const auto& [name, values] : needed) {
    if (!found.contains(name)) return fmt::format("the kernel was started without {}", name);
  }
  return {};
}

std::string ObjectToBoot(const eventlog::VerifiedLog& log, const ParameterValues& needed) {
  for (const std::uint32_t pcr : {eventlog::kGrubPcr, eventlog::kFilePcr}) {
    if (!log.pcrs().Contains(pcr)) {
      return fmt::format("PCR {} is not quoted, or the event log does not lead to it", pcr);
    }
  }
  const BootEvidence evidence = ReadEvidence(log);
  return DigestsOf(log, eventlog::kGrubPcr).empty() ? ObjectToStub(log, evidence, needed)
                                                    : ObjectToGrub(evidence, needed);
}

}  // namespace limequat::policy
