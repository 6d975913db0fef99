#include "limequat/cli/appraise_ima.h"

#include <utility>

#include "limequat/appraise/ima_appraisal.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/change_view.h"
#include "limequat/cli/input.h"
#include "limequat/cli/made_document.h"
#include "limequat/cli/policy_layers.h"
#include "limequat/cli/usage.h"
#include "limequat/cli/verdict.h"
#include "limequat/policy/policy_set.h"

namespace limequat::cli {

namespace {

// What the policy would have to list goes into the document and into its file.
Status AddChange(const AppraiseIma& asked, const policy::PolicyAt& policy,
                 const appraise::PolicyChange& change, VerdictDocument& verdict) {
  LQ_ASSIGN_OR_RETURN(json::Value added,
                      appraise::ToJson(change, policy.set().layers().front().policy->log_hash()));
  const json::Value& fragment = *added.as_object()->Find("runtime_policy");
  if (!fragment.is_null()) {
    LQ_RETURN_IF_ERROR(WriteMade(*asked.change, json::Serialize(fragment)));
  }
  verdict.document.Set("change", std::move(added));
  verdict.remarks = RenderChange(change, {.look = {}, .all = asked.all});
  return {};
}

Result<VerdictDocument> Evaluate(const AppraiseIma& asked) {
  LQ_ASSIGN_OR_RETURN(const policy::TrustedSigners signers, LoadSigners(asked.signers, asked.at));
  LQ_ASSIGN_OR_RETURN(Layers layers, LayerReader(signers).Read(asked.policies));
  if (auto& untrusted = layers.not_vouched_for) {
    return NotVouchedFor(std::move(untrusted->findings), untrusted->signatures, asked.at);
  }
  const policy::PolicyAt policy(*layers.set, asked.at, asked.first_seen.value_or(asked.at));
  LQ_ASSIGN_OR_RETURN(const std::string content, ReadInput(asked.list, kMaxListInput));
  const ByteView list = AsBytes(content);
  const ima::Format format = asked.format.value_or(ima::DetectFormat(list));
  std::optional<appraise::PcrClaim> claim;
  if (asked.pcr) claim = appraise::PcrClaim{.value = *asked.pcr};
  LQ_ASSIGN_OR_RETURN(appraise::Appraisal appraisal,
                      appraise::AppraiseImaList(list, format, policy, claim));
  for (Finding& finding : layers.findings) appraise::Add(appraisal, std::move(finding));
  VerdictDocument verdict = DocumentOf(appraisal);
  verdict.document.Set("layers", policy::LayersToJson(policy));
  if (policy.says_nothing()) {
    verdict.document.Set("unpoliced_because", policy.why_it_says_nothing());
  }
  if (asked.change) {
    LQ_ASSIGN_OR_RETURN(const appraise::PolicyChange change,
                        appraise::ChangeForImaList(list, format, policy, claim));
    LQ_RETURN_IF_ERROR(AddChange(asked, policy, change, verdict));
  }
  return verdict;
}

}  // namespace

Result<Ending> AppraiseIma::Run(Console& console) const {
  LQ_RETURN_IF_ERROR(CheckOneStandardInput({list}, policies));
  return ShowVerdict(console, Evaluate(*this), {.all = all, .at = at});
}

}  // namespace limequat::cli
