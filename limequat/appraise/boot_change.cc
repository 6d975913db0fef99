#include "limequat/appraise/boot_change.h"

#include <utility>

#include "limequat/appraise/boot_appraisal.h"
#include "limequat/appraise/boot_change_internal.h"
#include "limequat/base/result_macros.h"

namespace limequat::appraise {

namespace {

std::uint64_t ObjectionsOf(const Appraisal& appraisal) {
  std::uint64_t count = appraisal.not_shown;
  for (const Finding& finding : appraisal.findings) count += finding.passed() ? 0U : 1U;
  return count;
}

Result<BootAppraisal> AppraiseWith(const BootCase& about, std::string_view reference) {
  LQ_ASSIGN_OR_RETURN(const auto criteria,
                      BootCriteria::Create(about.policy, reference, about.model));
  return AppraiseBootLog(about.logs, about.pcrs, *criteria, about.evaluated_at);
}

json::Object WithAll(const json::Object& reference, const std::vector<Candidate>& candidates) {
  json::Object changed = reference;
  for (const Candidate& candidate : candidates) AddCandidate(candidate, changed);
  return changed;
}

std::string_view WhyUnchangeable(const Finding& finding) {
  const std::string_view check = finding.check;
  if (check == "boot.policy") return "the policy itself, whatever a reference lists";
  if (check.starts_with("policy.")) return "about the reference itself: it has to be put right";
  if (check.starts_with("eventlog.")) {
    return "no reference accepts it: the log has to be there, to lead to the PCRs, and to show "
           "what was measured";
  }
  if (finding.outcome == Outcome::kNotEvaluated) {
    return "no addition: what it needs is not covered, or not known";
  }
  return "no addition: the log does not show what it needs, or a rule of the reference forbids it";
}

void Conclude(const Appraisal& appraisal, BootChange& change) {
  change.not_covered = appraisal.not_shown;
  for (const Finding& finding : appraisal.findings) {
    if (finding.passed()) continue;
    change.unchangeable.push_back({.check = finding.check,
                                   .subject = finding.subject,
                                   .why = std::string(WhyUnchangeable(finding))});
  }
}

// Takes back what is not needed, and leaves `best` as what is found with the rest.
void Reduce(const BootCase& about, const json::Object& reference,
            std::vector<Candidate>& candidates, Appraisal& best) {
  for (std::size_t i = candidates.size(); i-- > 0;) {
    std::vector<Candidate> fewer = candidates;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    auto tried = AppraiseWith(about, json::Serialize(WithAll(reference, fewer)));
    if (!tried || ObjectionsOf(tried->appraisal) > ObjectionsOf(best)) continue;
    best = std::move(tried->appraisal);
    candidates = std::move(fewer);
  }
}

}  // namespace

Result<BootChange> ChangeForBootLog(const BootCase& about) {
  LQ_ASSIGN_OR_RETURN(BootAppraisal now, AppraiseWith(about, about.reference));
  BootChange change;
  const auto parsed = json::Parse(about.reference);
  const json::Object* reference = parsed ? parsed->as_object() : nullptr;
  std::vector<Candidate> candidates;
  if (now.bank && reference != nullptr && ObjectionsOf(now.appraisal) > 0) {
    candidates = CandidatesOf(about, *reference, *now.bank);
  }
  Appraisal best = std::move(now.appraisal);
  if (!candidates.empty() && candidates.size() <= kMaxBootAdditions) {
    auto tried = AppraiseWith(about, json::Serialize(WithAll(*reference, candidates)));
    if (tried && ObjectionsOf(tried->appraisal) < ObjectionsOf(best)) {
      best = std::move(tried->appraisal);
      Reduce(about, *reference, candidates, best);
      json::Object changed = WithAll(*reference, candidates);
      const json::Value* release = reference->Find("release");
      if (release != nullptr && release->as_uint64()) {
        changed.Set("release", *release->as_uint64() + 1);
      }
      change.reference = std::move(changed);
      for (Candidate& one : candidates) {
        change.additions.push_back({.member = NameOf(one.place), .value = std::move(one.value)});
      }
    }
  }
  Conclude(best, change);
  return change;
}

json::Value ToJson(const BootChange& change) {
  json::Array additions;
  for (const BootAddition& one : change.additions) {
    additions.emplace_back(json::Object{{"member", one.member}, {"value", one.value}});
  }
  return json::Object{{"additions", std::move(additions)},
                      {"boot_reference", change.reference},
                      {"unchangeable", ToJson(change.unchangeable)},
                      {"not_covered", change.not_covered},
                      {"suffices", change.suffices()}};
}

}  // namespace limequat::appraise
