#include "limequat/cli/appraise_ima.h"

#include <utility>

#include "limequat/appraise/ima_appraisal.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/change_view.h"
#include "limequat/cli/input.h"
#include "limequat/cli/made_document.h"
#include "limequat/cli/pcr_input.h"
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

// `log` keeps the event log that the claim points into.
Result<std::optional<appraise::PcrClaim>> ReadClaim(const AppraiseIma& asked, std::string& log) {
  std::optional<appraise::PcrClaim> claim;
  if (asked.pcr) claim = appraise::PcrClaim{.value = *asked.pcr};
  if (!asked.boot_log || !asked.pcrs) return claim;
  LQ_ASSIGN_OR_RETURN(tpm::PcrValues pcrs, ReadPcrValues(*asked.pcrs));
  LQ_ASSIGN_OR_RETURN(log, ReadInput(*asked.boot_log, kMaxLogInput));
  const crypto::Digest* pcr = ImaPcrOf(pcrs);
  if (pcr == nullptr) {
    return UsageError("--pcrs has no PCR 10: there is nothing to hold the list against");
  }
  claim = appraise::PcrClaim{
      .value = *pcr, .boot = appraise::BootClaim{.pcrs = std::move(pcrs), .log = AsBytes(log)}};
  return claim;
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
  std::string log;
  LQ_ASSIGN_OR_RETURN(const std::optional<appraise::PcrClaim> claim, ReadClaim(asked, log));
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
  LQ_RETURN_IF_ERROR(
      CheckOneStandardInput({list, pcrs.value_or(""), boot_log.value_or("")}, policies));
  if (pcrs.has_value() != boot_log.has_value()) {
    return UsageError("--boot-log and --pcrs go together");
  }
  if (pcr && pcrs) return UsageError("--pcr is in --pcrs already");
  return ShowVerdict(console, Evaluate(*this), {.all = all, .at = at, .packages = packages});
}

}  // namespace limequat::cli
