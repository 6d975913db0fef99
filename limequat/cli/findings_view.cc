#include "limequat/cli/findings_view.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <limits>
#include <string_view>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/check_catalogue.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/file_groups.h"
#include "limequat/cli/text.h"
#include "limequat/json/reader.h"

namespace limequat::cli {

namespace {

constexpr std::int64_t kMostInt = std::numeric_limits<std::int64_t>::max();

std::optional<std::uint64_t> Number(json::ObjectReader& in, std::string_view name) {
  const auto number = in.OptionalInt(name, 0, kMostInt);
  return number ? std::optional(static_cast<std::uint64_t>(*number)) : std::nullopt;
}

Result<ShownFinding> ParseFinding(const json::Value& document) {
  json::ObjectReader in(document, "finding");
  ShownFinding finding;
  finding.check = in.String("check");
  finding.outcome = in.String("outcome");
  finding.detail = in.OptionalString("detail").value_or("");
  finding.cause = in.OptionalString("cause").value_or("");
  finding.next = in.OptionalString("next").value_or("");
  finding.found = in.OptionalString("found").value_or("");
  finding.expected = in.OptionalStrings("expected").value_or(std::vector<std::string>());
  const json::Value* subject = in.Any("subject");
  LQ_RETURN_IF_ERROR(in.status());
  if (subject == nullptr || subject->is_null()) return finding;
  json::ObjectReader about(*subject, "subject of a finding");
  finding.path = about.OptionalString("path").value_or("");
  finding.pcr = Number(about, "pcr");
  finding.event = Number(about, "event");
  LQ_RETURN_IF_ERROR(about.status());
  return finding;
}

constexpr int kFailedOrder = 0;
constexpr int kNotEvaluatedOrder = 1;
constexpr int kPassedOrder = 2;

// An outcome of another version is as bad as a failure.
int Order(std::string_view outcome) {
  if (outcome == "passed") return kPassedOrder;
  return outcome == "not_evaluated" ? kNotEvaluatedOrder : kFailedOrder;
}

std::string_view OutcomeWord(std::string_view outcome) {
  if (outcome == "failed") return "FAILED";
  return outcome == "not_evaluated" ? "NOT EVALUATED" : outcome;
}

// "entry 612" or "PCR 4": where to look, if the sentence does not say it.
std::string Place(const ShownFinding& finding) {
  if (finding.event) return fmt::format("entry {}", *finding.event);
  if (finding.pcr) return fmt::format("PCR {}", *finding.pcr);
  return "";
}

std::string InBrackets(const std::string& text) {
  return text.empty() ? "" : fmt::format(" ({})", text);
}

bool IsAboutAFile(const ShownFinding* finding) { return finding->path.starts_with('/'); }
bool HasOwner(const ShownFinding* finding) { return finding->owner.has_value(); }

// "sha256:6f05…", as checks of files have it; nothing for what is no digest of a file.
std::optional<crypto::Digest> FoundDigest(std::string_view found) {
  const std::size_t colon = std::min(found.find(':'), found.size());
  const auto algorithm = crypto::HashFromName(found.substr(0, colon));
  if (!algorithm || colon == found.size()) return std::nullopt;
  auto digest = crypto::Digest::FromHex(*algorithm, found.substr(colon + 1));
  return digest ? std::optional(*digest) : std::nullopt;
}

std::string_view ContentName(collect::OwnedContent content) {
  switch (content) {
    case collect::OwnedContent::kSame:
      return "same";
    case collect::OwnedContent::kOther:
      return "other";
    case collect::OwnedContent::kUnknown:
      return "unknown";
  }
  return "unknown";
}

std::string RenderOne(const ShownFinding& finding) {
  if (finding.detail.empty()) return "";
  std::string where = Place(finding);
  if (finding.owner) {
    where += fmt::format("{}{}", where.empty() ? "" : ", ", DescribeOwner(*finding.owner));
  }
  return fmt::format("    - {}{}\n", Shown(finding.detail), InBrackets(where));
}

std::string RenderFirst(const std::vector<const ShownFinding*>& findings, std::size_t few) {
  std::string text;
  const std::size_t shown = std::min(few, findings.size());
  for (std::size_t i = 0; i < shown; ++i) text += RenderOne(*findings[i]);
  if (shown < findings.size()) {
    text += fmt::format("    … and {} more (--all shows them)\n", findings.size() - shown);
  }
  return text;
}

// A line for each package and each folder, with the first that was found there.
std::string RenderFiles(const FindingGroup& group, std::size_t few) {
  std::string text;
  std::size_t shown = 0;
  std::size_t packages = 0;
  std::size_t folders = 0;
  bool together = false;
  for (const FileGroup& files : GroupFiles(group.findings, few)) {
    const ShownFinding& first = *files.findings.front();
    if (first.owner ? packages++ >= kFewPackages : folders++ >= few) continue;
    shown += files.findings.size();
    if (files.findings.size() == 1) {
      text += RenderOne(first);
      continue;
    }
    together = true;
    text += fmt::format("    - {} {}, the first: {}{}\n", Counted(files.findings.size(), "file"),
                        files.title, Shown(first.detail), InBrackets(Place(first)));
  }
  const std::size_t rest = group.findings.size() - shown;
  if (rest > 0) {
    text += fmt::format("    … and {} more elsewhere (--all shows each)\n", rest);
  } else if (together) {
    text += "    (--all shows each)\n";
  }
  return text;
}

std::string RenderGroup(const FindingGroup& group, const FindingsStyle& style) {
  std::string title = Tinted(OutcomeWord(group.outcome), Tint::kBad, style.look);
  title += fmt::format("  {}", Shown(group.check));
  if (group.findings.size() > 1) title += fmt::format("  {} findings", group.findings.size());
  if (!group.cause.empty()) {
    title += Tinted(fmt::format("  cause: {}", Shown(group.cause)), Tint::kFaint, style.look);
  }
  std::string text = title + '\n';
  // The catalogue says what a failure means; a check that did not run has not failed.
  const CheckEntry* known =
      Order(group.outcome) == kNotEvaluatedOrder ? nullptr : FindCheckEntry(group.check);
  if (known != nullptr) text += fmt::format("    {}\n", known->meaning);
  const bool in_groups =
      group.findings.size() > style.few || std::ranges::any_of(group.findings, HasOwner);
  text += in_groups && !style.all && std::ranges::all_of(group.findings, IsAboutAFile)
              ? RenderFiles(group, style.few)
              : RenderFirst(group.findings, style.all ? group.findings.size() : style.few);
  if (!group.next.empty()) text += fmt::format("    next: {}\n", Shown(group.next));
  return text;
}

std::string Upper(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return upper;
}

}  // namespace

Result<ResultView> ParseResultView(const json::Value& document) {
  json::ObjectReader in(document, "result");
  ResultView result;
  result.verdict = in.String("verdict");
  const json::Array* findings = in.ArrayMember("findings");
  result.findings_not_shown = Number(in, "findings_not_shown").value_or(0);
  result.evidence_time = in.OptionalString("evidence_time").value_or("");
  result.evaluated_at = in.OptionalString("evaluated_at").value_or("");
  LQ_RETURN_IF_ERROR(in.status());
  for (const json::Value& finding : *findings) {
    LQ_ASSIGN_OR_RETURN(ShownFinding parsed, ParseFinding(finding));
    result.findings.push_back(std::move(parsed));
  }
  return result;
}

Status NamePackages(const std::vector<std::string>& sources, ResultView& result) {
  std::vector<ShownFinding*> findings;
  std::vector<collect::OwnedFile> files;
  for (ShownFinding& finding : result.findings) {
    if (finding.passed() || !IsAboutAFile(&finding)) continue;
    findings.push_back(&finding);
    files.push_back({.path = finding.path, .digest = FoundDigest(finding.found)});
  }
  const std::vector<std::filesystem::path> places(sources.begin(), sources.end());
  LQ_ASSIGN_OR_RETURN(auto owners, collect::FindOwners(places, files));
  for (std::size_t i = 0; i < findings.size(); ++i) findings[i]->owner = std::move(owners[i]);
  return {};
}

json::Value PackagesOf(const ResultView& result) {
  std::vector<const ShownFinding*> owned;
  for (const ShownFinding& finding : result.findings) {
    if (HasOwner(&finding)) owned.push_back(&finding);
  }
  json::Array packages;
  for (const FileGroup& group : GroupFiles(owned, 1)) {
    const collect::Owner& owner = *group.findings.front()->owner;
    json::Array paths;
    for (const ShownFinding* finding : group.findings) paths.emplace_back(finding->path);
    packages.push_back(json::Object{{"package", owner.package},
                                    {"content", ContentName(owner.content)},
                                    {"paths", std::move(paths)}});
  }
  return packages;
}

std::vector<FindingGroup> GroupFindings(const std::vector<ShownFinding>& findings) {
  std::vector<FindingGroup> groups;
  for (const ShownFinding& finding : findings) {
    const auto key = std::tie(finding.check, finding.outcome, finding.cause, finding.next);
    auto group = std::ranges::find_if(groups, [&](const FindingGroup& known) {
      return std::tie(known.check, known.outcome, known.cause, known.next) == key;
    });
    if (group == groups.end()) {
      groups.push_back({.check = finding.check,
                        .outcome = finding.outcome,
                        .cause = finding.cause,
                        .next = finding.next,
                        .findings = {}});
      group = groups.end() - 1;
    }
    group->findings.push_back(&finding);
  }
  std::vector<FindingGroup> sorted;
  for (const int order : {kFailedOrder, kNotEvaluatedOrder, kPassedOrder}) {
    for (FindingGroup& group : groups) {
      if (Order(group.outcome) == order) sorted.push_back(std::move(group));
    }
  }
  return sorted;
}

std::string RenderFindings(const ResultView& result, const FindingsStyle& style) {
  std::string text;
  std::string passed;
  for (const FindingGroup& group : GroupFindings(result.findings)) {
    if (group.outcome != "passed") {
      text += RenderGroup(group, style);
      continue;
    }
    passed += fmt::format("{}{}", passed.empty() ? "" : ", ", Shown(group.check));
  }
  if (result.findings_not_shown > 0) {
    text += fmt::format("{} more findings were counted, not kept\n", result.findings_not_shown);
  }
  if (!passed.empty()) {
    text += fmt::format("{}  {}\n", Tinted("passed", Tint::kGood, style.look), passed);
  }
  return text;
}

std::string RenderVerdict(const ResultView& result, const Look& look) {
  std::string text = Tinted(Upper(Shown(result.verdict)), TintOf(result.verdict), look);
  if (!result.evidence_time.empty()) {
    text += fmt::format("  evidence of {}", Shown(result.evidence_time));
  } else if (!result.evaluated_at.empty()) {
    text += fmt::format("  evaluated at {}", Shown(result.evaluated_at));
  }
  return text + '\n';
}

Tint TintOf(std::string_view verdict) {
  if (verdict == "pass") return Tint::kGood;
  if (verdict == "fail" || verdict == "error") return Tint::kBad;
  return Tint::kWarning;
}

}  // namespace limequat::cli
