#include "limequat/appraise/boot_criteria.h"

#include <string>
#include <utility>

#include "limequat/base/result_macros.h"
#include "limequat/eventlog/boot_chain.h"
#include "limequat/eventlog/secure_boot.h"
#include "limequat/policy/boot_values_appraisal.h"

namespace limequat::appraise {

namespace {

using policy::BootPolicy;

constexpr std::string_view kCheckPolicy = "boot.policy";

Finding SaysNothing() {
  return Passed(kCheckPolicy, "the reference state is empty: nothing of the boot is compared");
}

void AddAll(Findings findings, Appraisal& out) {
  for (Finding& finding : findings) Add(out, std::move(finding));
}

void AppraiseMeasured(const eventlog::VerifiedLog& log, Appraisal& out) {
  AddAll(eventlog::ReadSecureBoot(log).findings, out);
  AddAll(eventlog::ReadBootChain(log).findings, out);
}

}  // namespace

Result<std::shared_ptr<const BootCriteria>> BootCriteria::Create(BootPolicy policy,
                                                                 std::string_view reference,
                                                                 std::string_view model) {
  std::shared_ptr<BootCriteria> criteria(new BootCriteria);
  if (policy::IsBootValues(reference)) {
    LQ_ASSIGN_OR_RETURN(criteria->values_, policy::BootValues::Parse(reference));
  } else {
    LQ_ASSIGN_OR_RETURN(criteria->reference_, policy::BootReference::Parse(reference));
  }
  criteria->policy_ = policy;
  criteria->model_ = model;
  criteria->hash_ = HashOf(policy, reference, model);
  return criteria;
}

crypto::Digest BootCriteria::HashOf(BootPolicy policy, std::string_view reference,
                                    std::string_view model) {
  crypto::Hasher hasher(crypto::HashAlgorithm::kSha256);
  // No policy's name has this byte, and the model's has its length in front, also if it has
  // none: or else a reference could begin like a model.
  hasher.Update(AsBytes(std::string(policy::BootPolicyName(policy)) + '\n'));
  hasher.Update(AsBytes(std::to_string(model.size()) + ' ' + std::string(model) + '\n'));
  hasher.Update(AsBytes(reference));
  return hasher.Finish();
}

bool BootCriteria::compares() const {
  return policy_ == BootPolicy::kExample && (values_ || !reference_.says_nothing);
}

tpm::PcrSet BootCriteria::pcrs() const {
  if (!looks()) return {};
  return values_ && policy_ == BootPolicy::kExample ? policy::PcrsOf(*values_)
                                                    : policy::PcrsOf(policy_);
}

const std::vector<std::string_view>& BootCriteria::checks() const {
  return values_ ? policy::BootValuesChecks() : policy::ExampleChecks();
}

void BootCriteria::Appraise(const eventlog::VerifiedLog* log, Appraisal& out) const {
  switch (policy_) {
    case BootPolicy::kAcceptAll:
      return Add(out,
                 Passed(kCheckPolicy, "accept-all: every boot is accepted and none is looked at"));
    case BootPolicy::kRejectAll:
      out.policed = true;
      return Add(out,
                 Failed(kCheckPolicy, "reject-all: no boot is accepted", Cause::kConfiguration));
    case BootPolicy::kExample:
      if (log == nullptr) return AppraiseNothing(out);
      AppraiseMeasured(*log, out);
      return AppraiseExample(*log, out);
    case BootPolicy::kMeasuredOnly:
      if (log == nullptr) return AppraiseNothing(out);
      AppraiseMeasured(*log, out);
      out.policed = true;
      return Add(out, Passed(kCheckPolicy,
                             "measured-only: what was started was measured; whether it is "
                             "good was not asked"));
  }
}

void BootCriteria::AppraiseExample(const eventlog::VerifiedLog& log, Appraisal& out) const {
  if (!compares()) return Add(out, SaysNothing());
  out.policed = true;
  policy::BootObjections objections = values_ ? policy::AppraiseByValues(*values_, log, model_)
                                              : policy::AppraiseByExample(reference_, log);
  out.not_shown += objections.not_shown;
  for (const std::string_view check : checks()) {
    if (FindCheck(objections.findings, check) == nullptr) Add(out, Passed(check));
  }
  AddAll(std::move(objections.findings), out);
}

void BootCriteria::AppraiseNothing(Appraisal& out) const {
  if (!looks()) return Add(out, SaysNothing());
  const std::string why = "no PCR is covered, so there is nothing to look at";
  if (policy_ == BootPolicy::kMeasuredOnly) return Add(out, NotEvaluated(kCheckPolicy, why));
  for (const std::string_view check : checks()) Add(out, NotEvaluated(check, why));
}

}  // namespace limequat::appraise
