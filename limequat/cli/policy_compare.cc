// limequat policy diff and check.

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "limequat/appraise/appraisal.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/policy_edit.h"
#include "limequat/cli/policy_input.h"
#include "limequat/cli/text.h"
#include "limequat/cli/usage.h"
#include "limequat/cli/verdict.h"
#include "limequat/json/value.h"
#include "limequat/policy/boot_diff.h"
#include "limequat/policy/boot_lint.h"
#include "limequat/policy/dsse.h"
#include "limequat/policy/layer_lint.h"
#include "limequat/policy/policy_diff.h"
#include "limequat/policy/policy_kind.h"
#include "limequat/policy/policy_lint.h"

namespace limequat::cli {

namespace {

// How many names of one list are shown to people.
constexpr std::size_t kFew = 20;

json::Array ToArray(const std::vector<std::string>& texts) {
  json::Array array;
  for (const std::string& text : texts) array.emplace_back(text);
  return array;
}

json::Object ToJson(const policy::ListChange& change) {
  return {{"added", ToArray(change.added)}, {"removed", ToArray(change.removed)}};
}

json::Object ToJson(const std::vector<policy::NamedChange>& changes) {
  json::Object object;
  for (const policy::NamedChange& change : changes) {
    json::Object lists = ToJson(change.digests);
    lists.Set("change", !change.was_listed ? "new" : !change.is_listed ? "gone" : "changed");
    object.Set(change.name, std::move(lists));
  }
  return object;
}

json::Object ToJson(const std::vector<policy::ValueChange>& changes) {
  json::Object values;
  for (const policy::ValueChange& change : changes) {
    values.Set(change.member, json::Object{{"before", change.before}, {"after", change.after}});
  }
  return values;
}

json::Object ToJson(const policy::PolicyDiff& diff) {
  return {{"same", diff.same()},
          {"digests", ToJson(diff.digests)},
          {"excludes", ToJson(diff.excludes)},
          {"keyrings", ToJson(diff.keyrings)},
          {"ima-buf", ToJson(diff.buffers)},
          {"coverage", ToJson(diff.coverage)},
          {"command_line", ToJson(diff.command_line)},
          {"ignored_keyrings", ToJson(diff.ignored_keyrings)},
          {"values", ToJson(diff.values)}};
}

// Lines of people's text; what does not fit is counted.
class Lines {
 public:
  void Add(char sign, std::string_view what, std::string_view name) {
    if (count_++ < kFew) text_ += fmt::format("{} {} {}\n", sign, what, EscapeForDisplay(name));
  }
  std::string Text() const {
    if (count_ <= kFew) return text_;
    return text_ + fmt::format("  … and {} more (all with -o json)\n", count_ - kFew);
  }

 private:
  std::string text_;
  std::size_t count_ = 0;
};

std::string ForPeople(const std::vector<policy::NamedChange>& changes, std::string_view what) {
  Lines lines;
  for (const policy::NamedChange& change : changes) {
    lines.Add(!change.was_listed ? '+' : !change.is_listed ? '-' : '~', what, change.name);
  }
  return lines.Text();
}

std::string ForPeople(const policy::ListChange& change, std::string_view what) {
  Lines lines;
  for (const std::string& name : change.removed) lines.Add('-', what, name);
  for (const std::string& name : change.added) lines.Add('+', what, name);
  return lines.Text();
}

std::string ForPeople(const std::vector<policy::ValueChange>& changes) {
  std::string text;
  for (const policy::ValueChange& change : changes) {
    text += fmt::format("~ {}: {} -> {}\n", Shown(change.member),
                        EscapeForDisplay(change.before, 128), EscapeForDisplay(change.after, 128));
  }
  return text;
}

std::string ForPeople(const policy::PolicyDiff& diff) {
  if (diff.same()) return "the policies ask the same of machines\n";
  std::string text = ForPeople(diff.digests, "path") + ForPeople(diff.excludes, "exclude") +
                     ForPeople(diff.keyrings, "keyring") + ForPeople(diff.buffers, "buffer") +
                     ForPeople(diff.coverage, "coverage") +
                     ForPeople(diff.command_line, "kernel parameter") +
                     ForPeople(diff.ignored_keyrings, "ignored keyring");
  return text + ForPeople(diff.values);
}

struct Opened {
  std::string text;
  bool is_signed = false;
};

// The policy itself, out of its envelope if it is in one: to look at.
Result<Opened> ReadPolicyText(const PolicySource& source) {
  LQ_ASSIGN_OR_RETURN(std::string text, ReadPolicy(source));
  if (const auto envelope = policy::UnverifiedEnvelope::Parse(text)) {
    return Opened{.text = std::string(envelope->unverified_payload()), .is_signed = true};
  }
  return Opened{.text = std::move(text)};
}

// `findings` of one of several files: those that did not pass say of which.
void AddOf(const std::string& file, bool several, Findings findings, Findings& out) {
  for (Finding& finding : findings) {
    if (several && !finding.passed()) {
      finding.detail = fmt::format("{}: {}", Shown(file), finding.detail);
    }
    out.push_back(std::move(finding));
  }
}

// Of boot references, each by itself, and of the order of their releases.
Findings CheckBoots(const std::vector<std::string>& files, const std::vector<Opened>& opened,
                    policy::PolicyKind kind) {
  Findings all;
  std::vector<std::string_view> texts;
  const bool are_values = kind == policy::PolicyKind::kBootValues;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::string& text = opened[i].text;
    AddOf(files[i], files.size() > 1,
          are_values ? policy::CheckBootValues(text) : policy::CheckBootReference(text), all);
    texts.emplace_back(text);
  }
  if (are_values && files.size() > 1) all.push_back(policy::CheckReleases(texts));
  return all;
}

// Of each of several policies by itself, and of the set of them.
Result<Findings> CheckLayers(const std::vector<std::string>& files,
                             const std::vector<Opened>& opened) {
  Findings all;
  std::vector<policy::LayerText> layers;
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto findings = policy::CheckRuntimePolicy(opened[i].text);
    if (!findings) return std::move(findings).error().In(Shown(files[i]));
    AddOf(files[i], files.size() > 1, *std::move(findings), all);
    layers.push_back({.name = files[i], .text = opened[i].text});
  }
  if (files.size() == 1) return all;
  LQ_ASSIGN_OR_RETURN(Findings together, policy::CheckPolicyLayers(layers));
  std::ranges::move(together, std::back_inserter(all));
  return all;
}

Result<VerdictDocument> Evaluate(const PolicyCheck& asked) {
  std::vector<Opened> opened;
  for (const std::string& file : asked.files) {
    LQ_ASSIGN_OR_RETURN(Opened one, ReadPolicyText({.place = file,
                                                    .checksum = asked.checksum,
                                                    .authorities_file = asked.authorities_file}));
    opened.push_back(std::move(one));
  }
  std::vector<std::string_view> texts;
  for (const Opened& one : opened) texts.emplace_back(one.text);
  LQ_ASSIGN_OR_RETURN(const policy::PolicyKind kind, policy::KindOfPolicies(texts));
  Findings findings;
  if (kind == policy::PolicyKind::kRuntimePolicy) {
    LQ_ASSIGN_OR_RETURN(findings, CheckLayers(asked.files, opened));
  } else {
    findings = CheckBoots(asked.files, opened, kind);
  }
  VerdictDocument verdict = DocumentOf(appraise::Appraisal{
      .findings = std::move(findings), .policed = true, .evaluated_at = asked.at});
  verdict.document.Set("signed", std::ranges::all_of(opened, &Opened::is_signed));
  return verdict;
}

json::Object ToJson(const policy::BootDiff& diff) {
  json::Object lists;
  for (const policy::BootListChange& list : diff.lists) lists.Set(list.member, ToJson(list.change));
  return {{"same", diff.same()}, {"lists", std::move(lists)}, {"values", ToJson(diff.values)}};
}

std::string ForPeople(const policy::BootDiff& diff) {
  if (diff.same()) return "the two accept the same boots\n";
  std::string text;
  for (const policy::BootListChange& list : diff.lists) {
    text += ForPeople(list.change, Shown(list.member));
  }
  return text + ForPeople(diff.values);
}

}  // namespace

Result<Ending> PolicyDiffer::Run(Console& console) const {
  LQ_RETURN_IF_ERROR(CheckOneStandardInput({first, second}));
  if (IsUrl(first) || IsUrl(second)) {
    return UsageError("files are compared: fetch the policy with `policy convert URL --checksum`");
  }
  LQ_ASSIGN_OR_RETURN(const Opened before, ReadPolicyText({.place = first}));
  LQ_ASSIGN_OR_RETURN(const Opened after, ReadPolicyText({.place = second}));
  const std::array<std::string_view, 2> texts = {before.text, after.text};
  LQ_ASSIGN_OR_RETURN(const policy::PolicyKind kind, policy::KindOfPolicies(texts));
  if (kind != policy::PolicyKind::kRuntimePolicy) {
    LQ_ASSIGN_OR_RETURN(const policy::BootDiff diff,
                        kind == policy::PolicyKind::kBootValues
                            ? policy::DiffBootValues(before.text, after.text)
                            : policy::DiffBootReferences(before.text, after.text));
    LQ_RETURN_IF_ERROR(console.Show(ToJson(diff), [&] { return ForPeople(diff); }));
    return Ending::kDone;
  }
  LQ_ASSIGN_OR_RETURN(const policy::PolicyDiff diff,
                      policy::DiffRuntimePolicies(before.text, after.text));
  LQ_RETURN_IF_ERROR(console.Show(ToJson(diff), [&] { return ForPeople(diff); }));
  return Ending::kDone;
}

Result<Ending> PolicyCheck::Run(Console& console) const {
  if (checksum && files.size() > 1) return UsageError("--checksum is about one policy");
  LQ_RETURN_IF_ERROR(CheckOneStandardInput({}, files));
  return ShowVerdict(console, Evaluate(*this), {.all = all, .at = at});
}

}  // namespace limequat::cli
