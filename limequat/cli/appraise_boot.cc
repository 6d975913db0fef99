#include "limequat/cli/appraise_boot.h"

#include <memory>
#include <utility>

#include "limequat/appraise/boot_appraisal.h"
#include "limequat/appraise/boot_change.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/change_view.h"
#include "limequat/cli/input.h"
#include "limequat/cli/made_document.h"
#include "limequat/cli/pcr_input.h"
#include "limequat/cli/text.h"
#include "limequat/cli/usage.h"
#include "limequat/cli/verdict.h"
#include "limequat/policy/signed_policy.h"

namespace limequat::cli {

namespace {

using policy::BootPolicy;

BootPolicy PolicyOf(const AppraiseBoot& asked) {
  if (asked.policy) return *asked.policy;
  return asked.reference ? BootPolicy::kExample : BootPolicy::kRejectAll;
}

Result<policy::SignedBootReference> ReadReference(const AppraiseBoot& asked) {
  LQ_ASSIGN_OR_RETURN(policy::TrustedSigners signers, LoadSigners(asked.signers, asked.at));
  policy::SignedBootReference none{.findings = {}, .signatures = {}, .text = ""};
  if (!asked.reference) return none;
  LQ_ASSIGN_OR_RETURN(const std::string text, ReadInput(*asked.reference, kMaxPolicyInput));
  return policy::ReadSignedBootReference(text, std::move(signers));
}

// What the reference would have to list goes into the document, and all of it into the file.
Status AddChange(const AppraiseBoot& asked, const appraise::BootCase& about,
                 VerdictDocument& verdict) {
  LQ_ASSIGN_OR_RETURN(const appraise::BootChange change, appraise::ChangeForBootLog(about));
  if (!change.reference.is_null()) {
    LQ_RETURN_IF_ERROR(WriteMade(*asked.change, json::Pretty(change.reference)));
  }
  verdict.document.Set("change", appraise::ToJson(change));
  verdict.remarks = RenderChange(change, {.look = {}, .all = asked.all});
  return {};
}

Result<VerdictDocument> Evaluate(const AppraiseBoot& asked) {
  LQ_ASSIGN_OR_RETURN(policy::SignedBootReference reference, ReadReference(asked));
  if (!reference.text) {
    return NotVouchedFor(std::move(reference.findings), reference.signatures, asked.at);
  }
  auto created = appraise::BootCriteria::Create(PolicyOf(asked), *reference.text, asked.model);
  if (!created) return std::move(created).error().In(Shown(asked.reference.value_or("")));
  const appraise::BootCriteria* criteria = created->get();
  std::optional<tpm::PcrValues> pcrs;
  if (asked.pcrs) {
    LQ_ASSIGN_OR_RETURN(pcrs, ReadPcrValues(*asked.pcrs));
  }
  LQ_ASSIGN_OR_RETURN(const std::string log, ReadInput(asked.log, kMaxLogInput));
  std::string user_space;
  if (asked.user_space_log) {
    LQ_ASSIGN_OR_RETURN(user_space, ReadInput(*asked.user_space_log, kMaxLogInput));
  }
  LQ_ASSIGN_OR_RETURN(
      appraise::BootAppraisal result,
      appraise::AppraiseBootLog({.firmware = AsBytes(log), .user_space = AsBytes(user_space)}, pcrs,
                                *criteria, asked.at));
  for (Finding& finding : reference.findings) appraise::Add(result.appraisal, std::move(finding));
  VerdictDocument verdict = DocumentOf(result.appraisal);
  verdict.document.Set("policy", policy::BootPolicyName(criteria->policy()));
  if (const policy::BootValues* values = criteria->values()) {
    verdict.document.Set("reference",
                         json::Object{{"name", values->name}, {"release", values->release}});
  }
  if (result.bank) verdict.document.Set("bank", crypto::HashName(*result.bank));
  json::Array not_required;
  if (!pcrs) not_required = {"eventlog.boot", "eventlog.replay"};
  verdict.document.Set("not_required", std::move(not_required));
  if (!asked.change) return verdict;
  const appraise::BootCase about{
      .logs = {.firmware = AsBytes(log), .user_space = AsBytes(user_space)},
      .pcrs = std::move(pcrs),
      .policy = PolicyOf(asked),
      .reference = *reference.text,
      .model = asked.model,
      .evaluated_at = asked.at};
  LQ_RETURN_IF_ERROR(AddChange(asked, about, verdict));
  return verdict;
}

}  // namespace

Result<Ending> AppraiseBoot::Run(Console& console) const {
  LQ_RETURN_IF_ERROR(CheckOneStandardInput(
      {log, reference.value_or(""), pcrs.value_or(""), user_space_log.value_or("")}));
  if (signers.given() && !reference) {
    return UsageError("--reference-key and --reference-trust need a --reference");
  }
  if (policy == BootPolicy::kExample && !reference) {
    return UsageError("the policy example needs a --reference");
  }
  if (change && !reference) return UsageError("--change needs a --reference");
  return ShowVerdict(console, Evaluate(*this), {.all = all, .at = at});
}

}  // namespace limequat::cli
