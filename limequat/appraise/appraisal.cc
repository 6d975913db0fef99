#include "limequat/appraise/appraisal.h"

#include <algorithm>
#include <utility>

#include "limequat/base/check_catalogue.h"
#include "limequat/base/escape.h"

namespace limequat::appraise {

namespace {

bool NothingEvaluated(const Findings& findings) {
  return std::ranges::all_of(
      findings, [](const Finding& finding) { return finding.outcome == Outcome::kNotEvaluated; });
}

// Its own next command, or else what the catalogue has for its check.
std::string_view NextOf(const Finding& finding) {
  if (finding.passed() || !finding.next.empty()) return finding.next;
  const CheckEntry* known = FindCheckEntry(finding.check);
  return known == nullptr ? std::string_view() : known->next;
}

// The findings that are shown: all, or `show` of them, those that did not pass first.
std::vector<const Finding*> Shown(const Findings& findings, std::size_t show) {
  std::vector<const Finding*> shown;
  const bool all = show == 0 || show >= findings.size();
  for (const Finding& finding : findings) {
    if (all || !finding.passed()) shown.push_back(&finding);
  }
  if (all) return shown;
  for (const Finding& finding : findings) {
    if (finding.passed()) shown.push_back(&finding);
  }
  shown.resize(show);
  return shown;
}

}  // namespace

std::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass:
      return "pass";
    case Verdict::kFail:
      return "fail";
    case Verdict::kError:
      return "error";
    case Verdict::kUnpoliced:
      return "unpoliced";
  }
  return "error";
}

Verdict Appraisal::verdict() const {
  if (not_shown > 0) return Verdict::kFail;
  if (NothingEvaluated(findings)) return Verdict::kError;
  if (!AllPassed(findings)) return Verdict::kFail;
  return policed ? Verdict::kPass : Verdict::kUnpoliced;
}

void Add(Appraisal& appraisal, Finding finding) {
  if (appraisal.findings.size() < kMaxFindings) {
    appraisal.findings.push_back(std::move(finding));
  } else if (!finding.passed()) {
    ++appraisal.not_shown;
  }
}

json::Object ToJson(const Subject& subject) {
  json::Object object;
  if (!subject.path.empty()) object.Set("path", EscapeForDisplay(subject.path));
  if (subject.pcr) object.Set("pcr", *subject.pcr);
  if (subject.event) object.Set("event", *subject.event);
  return object;
}

json::Value ToJson(const Finding& finding) {
  json::Object object{{"check", finding.check},
                      {"outcome", OutcomeName(finding.outcome)},
                      {"detail", finding.detail}};
  json::Object subject = ToJson(finding.subject);
  if (!subject.empty()) object.Set("subject", std::move(subject));
  if (!finding.expected.empty()) {
    json::Array expected;
    for (const std::string& value : finding.expected) expected.push_back(value);
    object.Set("expected", std::move(expected));
  }
  if (!finding.found.empty()) object.Set("found", finding.found);
  if (finding.cause != Cause::kNone) object.Set("cause", CauseName(finding.cause));
  const std::string_view next = NextOf(finding);
  if (!next.empty()) object.Set("next", next);
  return object;
}

json::Value ToJson(const Appraisal& appraisal, std::size_t show) {
  const std::vector<const Finding*> shown = Shown(appraisal.findings, show);
  json::Array findings;
  for (const Finding* finding : shown) findings.push_back(ToJson(*finding));
  json::Object object{{"verdict", VerdictName(appraisal.verdict())},
                      {"findings", std::move(findings)}};
  const std::uint64_t hidden = appraisal.not_shown + (appraisal.findings.size() - shown.size());
  if (hidden > 0) object.Set("findings_not_shown", hidden);
  if (appraisal.evidence_time != Time{}) {
    object.Set("evidence_time", FormatRfc3339(appraisal.evidence_time));
  }
  object.Set("evaluated_at", FormatRfc3339(appraisal.evaluated_at));
  return object;
}

}  // namespace limequat::appraise
