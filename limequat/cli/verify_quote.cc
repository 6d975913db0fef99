#include "limequat/cli/verify_quote.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "limequat/appraise/appraisal.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/quote_json.h"
#include "limequat/cli/usage.h"
#include "limequat/cli/verdict.h"
#include "limequat/json/value.h"

namespace limequat::cli {

namespace {

// Takes the findings of checks that nobody asked for out of `findings`.
json::Array TakeNotRequired(const QuoteInput& asked, Findings& findings) {
  json::Array names;
  if (!asked.nonce) names.emplace_back("tpm.quote.nonce");
  if (asked.pcrs) return names;
  for (const std::string_view check : {"tpm.quote.pcr_values", "tpm.quote.pcr_digest"}) {
    names.emplace_back(check);
    std::erase_if(findings, [&](const Finding& finding) { return finding.check == check; });
  }
  return names;
}

// The verdict and, beside it, what the quote says.
Result<VerdictDocument> Evaluate(const VerifyQuote& asked) {
  LQ_ASSIGN_OR_RETURN(CheckedQuote checked, CheckQuote(asked.quote, asked.require_pcrs));
  appraise::Appraisal appraisal{
      .findings = std::move(checked.findings), .policed = true, .evaluated_at = asked.at};
  json::Array not_required = TakeNotRequired(asked.quote, appraisal.findings);
  VerdictDocument verdict = DocumentOf(appraisal);
  json::Object about = ToJson(checked.claims);
  about.Set("signature", ToJson(checked.signature));
  verdict.document.Set("not_required", std::move(not_required));
  verdict.document.Set("quote", std::move(about));
  return verdict;
}

}  // namespace

Result<Ending> VerifyQuote::Run(Console& console) const {
  LQ_RETURN_IF_ERROR(CheckOneStandardInput({}, quote.Files()));
  return ShowVerdict(console, Evaluate(*this), {.all = all, .at = at});
}

}  // namespace limequat::cli
