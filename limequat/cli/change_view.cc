#include "limequat/cli/change_view.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/cli/text.h"
#include "limequat/json/value.h"

namespace limequat::cli {

namespace {

Outcome OutcomeOf(std::string_view name) {
  if (name == OutcomeName(Outcome::kPassed)) return Outcome::kPassed;
  if (name == OutcomeName(Outcome::kNotEvaluated)) return Outcome::kNotEvaluated;
  return Outcome::kFailed;
}

Finding FindingOf(const ShownFinding& shown) {
  Finding finding;
  finding.check = shown.check;
  finding.outcome = OutcomeOf(shown.outcome);
  finding.found = shown.found;
  finding.subject.path = shown.path;
  if (shown.pcr && *shown.pcr <= std::numeric_limits<std::uint32_t>::max()) {
    finding.subject.pcr = static_cast<std::uint32_t>(*shown.pcr);
  }
  finding.subject.event = shown.event;
  return finding;
}

void AddDigests(std::string_view kind, const policy::DigestsByName& digests,
                std::vector<std::string>& lines) {
  for (const auto& [name, values] : digests) {
    for (const std::string& digest : values) {
      lines.push_back(fmt::format("{} {}  {}", kind, Shown(name), Shown(digest)));
    }
  }
}

// "vmlinuz sha256…": a value of a boot reference in one line; hostile.
std::string DescribeBootValue(const json::Value& value) {
  constexpr std::size_t kShown = 256;
  if (const std::string* text = value.as_string()) return EscapeForDisplay(*text, kShown);
  const json::Object* object = value.as_object();
  const json::Value* name = object == nullptr ? nullptr : object->Find("name");
  const json::Value* digest = object == nullptr ? nullptr : object->Find("digest");
  if (name != nullptr && digest != nullptr && name->as_string() && digest->as_string()) {
    return fmt::format("{} {}", EscapeForDisplay(*name->as_string(), kShown),
                       EscapeForDisplay(*digest->as_string(), kShown));
  }
  return EscapeForDisplay(json::Serialize(value), kShown);
}

std::string RenderLines(const std::vector<std::string>& lines, const FindingsStyle& style) {
  std::string text;
  const std::size_t shown = style.all ? lines.size() : std::min(style.few, lines.size());
  for (std::size_t i = 0; i < shown; ++i) text += fmt::format("    {}\n", lines[i]);
  if (shown < lines.size()) {
    text += fmt::format("    … and {} more (--all shows them)\n", lines.size() - shown);
  }
  return text;
}

std::vector<std::string> Stays(const std::vector<appraise::Unchangeable>& unchangeable) {
  std::vector<std::string> lines;
  for (const appraise::Unchangeable& one : unchangeable) {
    std::string about;
    if (!one.subject.path.empty()) {
      about = fmt::format(" {}", EscapeForDisplay(one.subject.path));
    } else if (one.subject.pcr) {
      about = fmt::format(" PCR {}", *one.subject.pcr);
    }
    lines.push_back(fmt::format("{}{}: {}", Shown(one.check), about, Shown(one.why)));
  }
  return lines;
}

// What a change does not help.
struct Rest {
  const std::vector<appraise::Unchangeable>& unchangeable;
  std::uint64_t not_covered = 0;
};

std::string Render(std::string_view what, const std::vector<std::string>& lines, const Rest& rest,
                   const FindingsStyle& style) {
  std::string text =
      fmt::format("\nWhat a {} would have to list for this to pass; nothing was changed\n", what);
  text += lines.empty() ? "    nothing: no addition is proposed\n" : RenderLines(lines, style);
  if (!rest.unchangeable.empty()) {
    text += "  What would stay\n" + RenderLines(Stays(rest.unchangeable), style);
  }
  if (rest.not_covered > 0) {
    text += fmt::format("  {} findings were counted, not kept: look again after a change\n",
                        rest.not_covered);
  }
  return text + "  next: find out what happened; listing it says that it is good\n";
}

}  // namespace

appraise::PolicyChange ChangeFor(const ResultView& result) {
  Findings findings;
  for (const ShownFinding& shown : result.findings) findings.push_back(FindingOf(shown));
  return appraise::ChangeFor(findings, result.findings_not_shown);
}

std::string RenderChange(const appraise::PolicyChange& change, const FindingsStyle& style) {
  std::vector<std::string> lines;
  AddDigests("path", change.runtime.digests, lines);
  AddDigests("keyring", change.runtime.keyrings, lines);
  AddDigests("buffer", change.runtime.buffers, lines);
  for (const auto& [pcr, values] : change.pcrs) {
    for (const std::string& value : values) {
      lines.push_back(fmt::format("PCR {}  {}", pcr, Shown(value)));
    }
  }
  return Render("policy", lines, {change.unchangeable, change.not_covered}, style);
}

std::string RenderChange(const appraise::BootChange& change, const FindingsStyle& style) {
  std::vector<std::string> lines;
  for (const appraise::BootAddition& one : change.additions) {
    lines.push_back(fmt::format("{}  {}", Shown(one.member), DescribeBootValue(one.value)));
  }
  return Render("boot reference", lines, {change.unchangeable, change.not_covered}, style);
}

}  // namespace limequat::cli
