#include "limequat/cli/appraise_ima.h"

#include <utility>

#include "limequat/appraise/ima_appraisal.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/input.h"
#include "limequat/cli/text.h"
#include "limequat/cli/usage.h"
#include "limequat/cli/verdict.h"
#include "limequat/policy/signed_policy.h"

namespace limequat::cli {

namespace {

// The list is not held against a policy that nobody vouches for.
VerdictDocument NotVouchedFor(policy::SignedPolicy policy, Time at) {
  VerdictDocument verdict = DocumentOf(appraise::Appraisal{
      .findings = std::move(policy.findings), .policed = true, .evaluated_at = at});
  verdict.document.Set("signatures", ToJson(policy.signatures));
  return verdict;
}

Result<VerdictDocument> Evaluate(const AppraiseIma& asked) {
  LQ_ASSIGN_OR_RETURN(const policy::TrustedSigners signers, LoadSigners(asked.signers, asked.at));
  LQ_ASSIGN_OR_RETURN(const std::string text, ReadInput(asked.policy, kMaxPolicyInput));
  auto read = policy::ReadSignedPolicy(text, signers);
  if (!read) return std::move(read).error().In(Shown(asked.policy));
  if (read->policy == nullptr) return NotVouchedFor(*std::move(read), asked.at);
  const policy::RuntimePolicy& policy = *read->policy;
  LQ_ASSIGN_OR_RETURN(const std::string content, ReadInput(asked.list, kMaxListInput));
  const ByteView list = AsBytes(content);
  std::optional<appraise::PcrClaim> claim;
  if (asked.pcr) claim = appraise::PcrClaim{.value = *asked.pcr};
  LQ_ASSIGN_OR_RETURN(
      appraise::Appraisal appraisal,
      appraise::AppraiseImaList(list, asked.format.value_or(ima::DetectFormat(list)), policy, claim,
                                asked.at));
  for (Finding& finding : read->findings) appraise::Add(appraisal, std::move(finding));
  VerdictDocument verdict = DocumentOf(appraisal);
  if (policy.says_nothing()) {
    verdict.document.Set("unpoliced_because", policy.why_it_says_nothing());
  }
  return verdict;
}

}  // namespace

Result<Ending> AppraiseIma::Run(Console& console) const {
  LQ_RETURN_IF_ERROR(CheckOneStandardInput({list, policy}));
  return ShowVerdict(console, Evaluate(*this), {.all = all, .at = at});
}

}  // namespace limequat::cli
