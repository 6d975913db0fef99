#include "limequat/appraise/policy_effect.h"

#include <cstdint>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "limequat/base/result_macros.h"

namespace limequat::appraise {

namespace {

// What makes two findings the same: what was judged, and how. Not their words: these name
// what the policy lists instead.
using Key = std::tuple<std::string_view, Outcome, const std::string&, std::optional<std::uint32_t>,
                       std::optional<std::uint64_t>, const std::string&>;

Key KeyOf(const Finding& finding) {
  return {finding.check,       finding.outcome,       finding.subject.path,
          finding.subject.pcr, finding.subject.event, finding.found};
}

std::set<Key> NotPassed(const Appraisal& appraisal) {
  std::set<Key> keys;
  for (const Finding& finding : appraisal.findings) {
    if (!finding.passed()) keys.insert(KeyOf(finding));
  }
  return keys;
}

// What does not pass in `of` and is not in `known`.
Findings Without(const Appraisal& of, const std::set<Key>& known) {
  Findings rest;
  for (const Finding& finding : of.findings) {
    if (!finding.passed() && !known.contains(KeyOf(finding))) rest.push_back(finding);
  }
  return rest;
}

Effect EffectOf(Verdict now, Verdict then) {
  const bool failed = now == Verdict::kFail || now == Verdict::kError;
  switch (then) {
    case Verdict::kPass:
      return now == Verdict::kPass ? Effect::kStaysPassing : Effect::kNewlyPassing;
    case Verdict::kUnpoliced:
      return now == Verdict::kUnpoliced ? Effect::kStaysUnpoliced : Effect::kNewlyUnpoliced;
    case Verdict::kFail:
    case Verdict::kError:
      break;
  }
  return failed ? Effect::kStaysFailing : Effect::kNewlyFailing;
}

}  // namespace

std::string_view EffectName(Effect effect) {
  switch (effect) {
    case Effect::kNewlyFailing:
      return "newly_failing";
    case Effect::kNewlyUnpoliced:
      return "newly_unpoliced";
    case Effect::kStaysFailing:
      return "stays_failing";
    case Effect::kStaysUnpoliced:
      return "stays_unpoliced";
    case Effect::kNewlyPassing:
      return "newly_passing";
    case Effect::kStaysPassing:
      return "stays_passing";
  }
  return "newly_failing";
}

PolicyEffect CompareAppraisals(const Appraisal& now, const Appraisal& then) {
  PolicyEffect out{.now = now.verdict(), .then = then.verdict()};
  out.effect = EffectOf(out.now, out.then);
  out.added = Without(then, NotPassed(now));
  out.removed = Without(now, NotPassed(then));
  out.not_compared = now.not_shown + then.not_shown;
  return out;
}

Result<Appraisal> AppraiseForSimulation(ByteView list, ima::Format format,
                                        const policy::PolicyAt& policy,
                                        const std::optional<PcrClaim>& pcr) {
  policy::PolicyAt asked = policy;
  if (!pcr || !pcr->boot) asked.LeaveOutCommandLine();
  LQ_ASSIGN_OR_RETURN(Appraisal appraisal, AppraiseImaList(list, format, asked, pcr));
  std::erase_if(appraisal.findings, [](const Finding& finding) {
    return finding.check == "ima.boot_aggregate" && finding.outcome == Outcome::kNotEvaluated;
  });
  return appraisal;
}

}  // namespace limequat::appraise
