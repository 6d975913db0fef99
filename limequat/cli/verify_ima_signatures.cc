#include "limequat/cli/verify_ima_signatures.h"

#include <utility>

#include "limequat/appraise/ima_appraisal.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/ima_signatures.h"
#include "limequat/cli/input.h"
#include "limequat/cli/usage.h"
#include "limequat/cli/verdict.h"

namespace limequat::cli {

namespace {

Result<VerdictDocument> Evaluate(const VerifyImaSignatures& asked) {
  LQ_ASSIGN_OR_RETURN(const ima::Keyring keys, ReadKeyFiles(asked.keys));
  LQ_ASSIGN_OR_RETURN(const std::string content, ReadInput(asked.list, kMaxListInput));
  const ByteView list = AsBytes(content);
  LQ_ASSIGN_OR_RETURN(const appraise::Appraisal appraisal,
                      appraise::VerifyImaSignatures(
                          list, asked.format.value_or(ima::DetectFormat(list)), keys, asked.at));
  return DocumentOf(appraisal);
}

}  // namespace

Result<Ending> VerifyImaSignatures::Run(Console& console) const {
  LQ_RETURN_IF_ERROR(CheckOneStandardInput({list}, keys));
  return ShowVerdict(console, Evaluate(*this), {.all = all, .at = at});
}

}  // namespace limequat::cli
