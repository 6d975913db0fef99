// What a log shows, for the appraisal by reference values.

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/utf8.h"
#include "limequat/eventlog/known_data.h"
#include "limequat/eventlog/pcr_use.h"
#include "limequat/eventlog/utf16.h"
#include "limequat/policy/boot_values_checks_internal.h"

namespace limequat::policy {

namespace {

using eventlog::kCommandLinePcr;
using eventlog::kGrubPcr;
using eventlog::kLoaderPcr;
using eventlog::MeasuredText;

constexpr std::array<std::string_view, 4> kLoadCommands = {"linux", "linux16", "linuxefi",
                                                           "linuxboot"};

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

// GRUB measures commands and command lines into one PCR, and what tells them apart is not
// measured. No command begins so, and every kernel's file does (grub_file_open).
bool BeginsWithFile(std::string_view text) {
  return text.starts_with('/') || text.starts_with('(');
}

void AddLine(std::uint32_t pcr, const MeasuredText& measured, std::string text,
             crypto::HashAlgorithm bank, BootEvidence& out) {
  out.lines.push_back({.pcr = pcr,
                       .event = measured.event,
                       .digest = crypto::Hash(bank, measured.text),
                       .text = std::move(text),
                       .is_wide = IsWide(measured.text)});
}

void TakeCommand(const MeasuredText& command, crypto::HashAlgorithm bank, BootEvidence& out) {
  const std::string_view text = AsText(command.text);
  const std::size_t space = text.find(' ');
  if (BeginsWithFile(text)) {
    AddLine(kGrubPcr, command, std::string(text), bank, out);
  } else if (std::ranges::find(kLoadCommands, text.substr(0, space)) != kLoadCommands.end()) {
    AddLine(kGrubPcr, command,
            std::string(space == std::string_view::npos ? "" : text.substr(space + 1)), bank, out);
  } else {
    out.commands.push_back(command);
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
  }
  for (const MeasuredText& line : out.chain.kernel_command_lines) {
    AddLine(out.has_grub ? kGrubPcr : kCommandLinePcr, line, TextOf(line.text), log.bank(), out);
  }
  eventlog::VerifiedEvents events = log.events();
  for (auto event = events.Next(); event; event = events.Next()) {
    if (event->pcr() == kLoaderPcr && eventlog::SeparatorOf(*event)) {
      out.loader_separator = event->index();
    }
  }
  return out;
}

}  // namespace limequat::policy
