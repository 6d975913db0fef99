// What a log shows, for the appraisal by reference values.

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/utf8.h"
#include "limequat/eventlog/known_data.h"
#include "limequat/eventlog/pcr_use.h"
#include "limequat/eventlog/utf16.h"
#include "limequat/policy/boot_values_checks_internal.h"
#include "limequat/policy/grub_text_internal.h"

namespace limequat::policy {

namespace {

using eventlog::kCommandLinePcr;
using eventlog::kGrubPcr;
using eventlog::kLoaderPcr;
using eventlog::MeasuredText;

bool IsWide(ByteView measured) {
  return measured.size() % 2 == 0 && measured.size() >= 2 && measured[1] == 0;
}

// UTF-8 of what systemd-boot and -stub measure as UTF-16 with its NUL, or of plain text. What
// is behind a NUL stays, so that it is no text that anybody lists.
std::string TextOf(ByteView measured) {
  std::string text =
      IsWide(measured) ? eventlog::DecodeUtf16(measured) : std::string(AsText(measured));
  while (text.ends_with('\0')) text.pop_back();
  return text;
}

void AddLine(std::uint32_t pcr, const MeasuredText& measured, std::string text,
             crypto::HashAlgorithm bank, BootEvidence& out) {
  out.lines.push_back({.pcr = pcr,
                       .event = measured.event,
                       .digest = crypto::Hash(bank, measured.text),
                       .text = std::move(text),
                       .is_wide = IsWide(measured.text)});
}

// What begins with no command that is known counts as a line: it is to be listed.
void TakeCommand(const MeasuredText& command, crypto::HashAlgorithm bank, BootEvidence& out) {
  const std::string_view text = AsText(command.text);
  switch (GrubTextOf(text)) {
    case GrubText::kHarmless:
    case GrubText::kCommand:
      out.commands.push_back(command);
      break;
    case GrubText::kLoadsKernel:
      AddLine(kGrubPcr, command, std::string(KernelOf(text)), bank, out);
      break;
    case GrubText::kLine:
    case GrubText::kUnknown:
      AddLine(kGrubPcr, command, std::string(text), bank, out);
      break;
  }
}

}  // namespace

Finding AboutEvent(std::uint32_t pcr, std::uint64_t event, Finding finding) {
  finding.subject.event = event;
  return AboutPcr(pcr, std::move(finding));
}

std::string Shown(const crypto::Digest& digest) {
  return fmt::format("{}:{}", crypto::HashName(digest.algorithm()), digest.hex());
}

bool IsAmong(const std::vector<NamedDigest>& list, const crypto::Digest& digest) {
  return std::ranges::find(list, digest, &NamedDigest::digest) != list.end();
}

bool TextJudge::IsGood(std::string_view text, const TextRule& rule) {
  if (rule.expression == nullptr) return rule.text == text;
  if (trials_ >= kMaxExpressionTrials || !IsUtf8(text)) return false;
  ++trials_;
  return rule.expression->Match(text, Expression::Effort::kTrial) == Expression::Answer::kYes;
}

bool TextJudge::IsGood(std::string_view text, const std::vector<TextRule>& rules) {
  return std::ranges::any_of(rules, [&](const TextRule& rule) { return IsGood(text, rule); });
}

Bytes LoadOptions(std::string_view ascii) {
  Bytes out;
  for (const char c : ascii) {
    out.push_back(static_cast<std::uint8_t>(c));
    out.push_back(0);
  }
  out.insert(out.end(), 2, 0);
  return out;
}

BootEvidence ReadEvidence(const eventlog::VerifiedLog& log) {
  BootEvidence out;
  out.chain = eventlog::ReadBootChain(log).chain;
  out.has_grub = !out.chain.grub_commands.empty();
  for (const MeasuredText& command : out.chain.grub_commands) {
    TakeCommand(command, log.bank(), out);
    out.grub_texts.push_back(command);
  }
  std::set<std::uint64_t> of_grub;
  eventlog::VerifiedEvents events = log.events();
  for (auto event = events.Next(); event; event = events.Next()) {
    if (event->pcr() == kGrubPcr) of_grub.insert(event->index());
    if (event->pcr() == kLoaderPcr && eventlog::SeparatorOf(*event)) {
      out.loader_separator = event->index();
    }
  }
  for (const MeasuredText& line : out.chain.kernel_command_lines) {
    if (of_grub.contains(line.event)) out.grub_texts.push_back(line);
    AddLine(of_grub.contains(line.event) ? kGrubPcr : kCommandLinePcr, line, TextOf(line.text),
            log.bank(), out);
  }
  return out;
}

}  // namespace limequat::policy
