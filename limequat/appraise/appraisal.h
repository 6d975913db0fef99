#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "limequat/base/finding.h"
#include "limequat/base/time.h"
#include "limequat/json/value.h"

namespace limequat::appraise {

// What an appraisal comes to. kError: it could not be told; kUnpoliced: nothing is wrong,
// and no policy said what would be. Only kPass is good.
enum class Verdict { kPass, kFail, kError, kUnpoliced };
std::string_view VerdictName(Verdict verdict);  // "pass", "fail", "error", "unpoliced"

// What evidence was found to show. The verdict is computed from the findings each
// time; nothing stores it.
struct Appraisal {
  Findings findings;
  // False: there is no policy, or one that says nothing; the verdict is then
  // kUnpoliced at best, never kPass.
  bool policed = false;
  // When the nonce was issued: the moment the evidence speaks about (attack A03).
  Time evidence_time{};
  Time evaluated_at{};
  // Findings that did not pass beyond kMaxFindings: counted, not kept.
  std::uint64_t not_shown = 0;

  // kError without any finding or if nothing could be evaluated; kFail if any
  // finding did not pass, kept or counted; else kUnpoliced or kPass.
  Verdict verdict() const;
};

// How many findings one appraisal keeps; the rest is counted.
inline constexpr std::size_t kMaxFindings = 1000;

// Adds a finding; beyond kMaxFindings it is counted, or, if it passed, dropped.
void Add(Appraisal& appraisal, Finding finding);

// The result document of the command-line contract ("Results"). `show` findings at
// most (0: all), those that did not pass first; "findings_not_shown" counts the others.
// Paths are escaped. A finding that did not pass and names no next command has that of the
// catalogue (base/check_catalogue.h).
json::Value ToJson(const Appraisal& appraisal, std::size_t show = 0);
json::Value ToJson(const Finding& finding);
json::Object ToJson(const Subject& subject);  // empty if it is about nothing in particular

}  // namespace limequat::appraise
