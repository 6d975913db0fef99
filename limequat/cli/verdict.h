#pragma once

#include <string>
#include <vector>

#include "limequat/appraise/appraisal.h"
#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/cli/console.h"
#include "limequat/json/value.h"

namespace limequat::cli {

// What `verify` and `appraise` commands answer: the result document, to which a
// command may add members, and the verdict in it.
struct VerdictDocument {
  json::Object document;
  appraise::Verdict verdict = appraise::Verdict::kError;
  std::string remarks{};  // for people, behind the findings: whole lines
};
VerdictDocument DocumentOf(const appraise::Appraisal& appraisal);

struct VerdictStyle {
  bool all = false;                     // show every finding
  Time at{};                            // for a document about an error
  std::string about{};                  // for people: what it is about, in whole lines
  std::vector<std::string> packages{};  // whose files what did not pass is about; see NamePackages
};

// Shows the document and gives the status that goes with its verdict: only "pass" is
// kDone; "error", where nothing could be evaluated, is kMalformed. If there is no
// document but an error, one with the verdict "error" is shown and the error
// returned, so that a program that reads the output meets a verdict in every case;
// wrong usage is the error alone.
Result<Ending> ShowVerdict(Console& console, Result<VerdictDocument> result,
                           const VerdictStyle& style);

}  // namespace limequat::cli
