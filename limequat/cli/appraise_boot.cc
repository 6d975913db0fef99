#include "limequat/cli/appraise_boot.h"

#include <memory>
#include <utility>

#include "limequat/appraise/boot_appraisal.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/input.h"
#include "limequat/cli/pcr_input.h"
#include "limequat/cli/text.h"
#include "limequat/cli/usage.h"
#include "limequat/cli/verdict.h"

namespace limequat::cli {

namespace {

using policy::BootPolicy;

BootPolicy PolicyOf(const AppraiseBoot& asked) {
  if (asked.policy) return *asked.policy;
  return asked.reference ? BootPolicy::kExample : BootPolicy::kRejectAll;
}

Result<std::shared_ptr<const appraise::BootCriteria>> ReadCriteria(const AppraiseBoot& asked) {
  if (!asked.reference) return appraise::BootCriteria::Create(PolicyOf(asked), {});
  LQ_ASSIGN_OR_RETURN(const std::string text, ReadInput(*asked.reference, kMaxPolicyInput));
  auto criteria = appraise::BootCriteria::Create(PolicyOf(asked), text);
  if (!criteria) return std::move(criteria).error().In(Shown(*asked.reference));
  return criteria;
}

Result<VerdictDocument> Evaluate(const AppraiseBoot& asked) {
  LQ_ASSIGN_OR_RETURN(const auto criteria, ReadCriteria(asked));
  std::optional<tpm::PcrValues> pcrs;
  if (asked.pcrs) {
    LQ_ASSIGN_OR_RETURN(pcrs, ReadPcrValues(*asked.pcrs));
  }
  LQ_ASSIGN_OR_RETURN(const std::string log, ReadInput(asked.log, kMaxLogInput));
  LQ_ASSIGN_OR_RETURN(const appraise::BootAppraisal result,
                      appraise::AppraiseBootLog(AsBytes(log), pcrs, *criteria, asked.at));
  VerdictDocument verdict = DocumentOf(result.appraisal);
  verdict.document.Set("policy", policy::BootPolicyName(criteria->policy()));
  if (result.bank) verdict.document.Set("bank", crypto::HashName(*result.bank));
  json::Array not_required;
  if (!pcrs) not_required = {"eventlog.boot", "eventlog.replay"};
  verdict.document.Set("not_required", std::move(not_required));
  return verdict;
}

}  // namespace

Result<Ending> AppraiseBoot::Run(Console& console) const {
  LQ_RETURN_IF_ERROR(CheckOneStandardInput({log, reference.value_or(""), pcrs.value_or("")}));
  if (policy == BootPolicy::kExample && !reference) {
    return UsageError("the policy example needs a --reference");
  }
  return ShowVerdict(console, Evaluate(*this), {.all = all, .at = at});
}

}  // namespace limequat::cli
