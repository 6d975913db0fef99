#include "limequat/cli/verdict.h"

#include <string>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/cli/findings_view.h"
#include "limequat/cli/text.h"
#include "limequat/cli/usage.h"

namespace limequat::cli {

namespace {

json::Object DocumentOf(const Error& error, Time at) {
  return {{"verdict", appraise::VerdictName(appraise::Verdict::kError)},
          {"findings", json::Array()},
          {"error", json::Object{{"id", error.id}, {"message", error.message}}},
          {"evaluated_at", FormatRfc3339(at)}};
}

// Names in `not_required`, for people.
std::string NotRequired(const json::Object& document) {
  const json::Value* member = document.Find("not_required");
  const json::Array* names = member == nullptr ? nullptr : member->as_array();
  if (names == nullptr || names->empty()) return "";
  std::string text;
  for (const json::Value& name : *names) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", *name.as_string());
  }
  return fmt::format("not asked for  {}\n", text);
}

// The findings as they are shown, with the packages of their files.
Result<ResultView> ViewOf(Result<VerdictDocument>& result, const VerdictStyle& style) {
  if (!result) return result.error();
  LQ_ASSIGN_OR_RETURN(ResultView view, ParseResultView(result->document));
  if (!style.packages.empty()) {
    LQ_RETURN_IF_ERROR(NamePackages(style.packages, view));
    result->document.Set("packages", PackagesOf(view));
  }
  return view;
}

Ending EndingOf(appraise::Verdict verdict) {
  switch (verdict) {
    case appraise::Verdict::kPass:
      return Ending::kDone;
    case appraise::Verdict::kFail:
    case appraise::Verdict::kUnpoliced:
      return Ending::kNotTrustworthy;
    case appraise::Verdict::kError:
      return Ending::kMalformed;
  }
  return Ending::kMalformed;
}

}  // namespace

VerdictDocument DocumentOf(const appraise::Appraisal& appraisal) {
  const json::Value document = appraise::ToJson(appraisal);
  return {.document = *document.as_object(), .verdict = appraisal.verdict(), .remarks = {}};
}

Result<Ending> ShowVerdict(Console& console, Result<VerdictDocument> result,
                           const VerdictStyle& style) {
  const Result<ResultView> view = ViewOf(result, style);
  if (!view) {
    if (view.error().id != kUsageId && !console.for_people()) {
      LQ_RETURN_IF_ERROR(
          console.Show(DocumentOf(view.error(), style.at), [] { return std::string(); }));
    }
    return view.error();
  }
  LQ_RETURN_IF_ERROR(console.Show(result->document, [&] {
    return RenderVerdict(*view, console.look()) + style.about +
           RenderFindings(*view, {.look = console.look(), .all = style.all}) +
           NotRequired(result->document) + result->remarks;
  }));
  return EndingOf(result->verdict);
}

}  // namespace limequat::cli
