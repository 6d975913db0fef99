#include "limequat/cli/appraise_ima.h"

#include <memory>

#include "limequat/appraise/ima_appraisal.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/input.h"
#include "limequat/cli/text.h"
#include "limequat/cli/usage.h"
#include "limequat/cli/verdict.h"
#include "limequat/policy/runtime_policy.h"

namespace limequat::cli {

namespace {

Result<VerdictDocument> Evaluate(const AppraiseIma& asked) {
  LQ_ASSIGN_OR_RETURN(const std::string text, ReadInput(asked.policy, kMaxPolicyInput));
  auto policy = policy::RuntimePolicy::Parse(text);
  if (!policy) return std::move(policy).error().In(Shown(asked.policy));
  LQ_ASSIGN_OR_RETURN(const std::string content, ReadInput(asked.list, kMaxListInput));
  const ByteView list = AsBytes(content);
  std::optional<appraise::PcrClaim> claim;
  if (asked.pcr) claim = appraise::PcrClaim{.value = *asked.pcr};
  LQ_ASSIGN_OR_RETURN(
      const appraise::Appraisal appraisal,
      appraise::AppraiseImaList(list, asked.format.value_or(ima::DetectFormat(list)), **policy,
                                claim, asked.at));
  VerdictDocument verdict = DocumentOf(appraisal);
  if ((*policy)->says_nothing()) {
    verdict.document.Set("unpoliced_because", (*policy)->why_it_says_nothing());
  }
  return verdict;
}

}  // namespace

Result<Ending> AppraiseIma::Run(Console& console) const {
  LQ_RETURN_IF_ERROR(CheckOneStandardInput({list, policy}));
  return ShowVerdict(console, Evaluate(*this), {.all = all, .at = at});
}

}  // namespace limequat::cli
