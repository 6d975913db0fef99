#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "limequat/appraise/appraisal.h"
#include "limequat/appraise/ima_appraisal.h"
#include "limequat/base/bytes.h"
#include "limequat/base/finding.h"
#include "limequat/base/result.h"
#include "limequat/ima/list.h"
#include "limequat/policy/policy_set.h"

namespace limequat::appraise {

// What another policy would make of a machine. Only kStaysPassing and kNewlyPassing are
// good: a machine that is newly unpoliced is no longer held to anything.
enum class Effect {
  kNewlyFailing,
  kNewlyUnpoliced,
  kStaysFailing,
  kStaysUnpoliced,
  kNewlyPassing,
  kStaysPassing,
};
// "newly_failing", "stays_passing", ... as in results.
std::string_view EffectName(Effect effect);

// The same evidence under the policy of now and under a draft.
struct PolicyEffect {
  Verdict now = Verdict::kUnpoliced;
  Verdict then = Verdict::kUnpoliced;
  Effect effect = Effect::kStaysUnpoliced;
  // What does not pass under the draft, and did pass before, and the other way round.
  Findings added{};
  Findings removed{};
  // Findings of either appraisal that were counted, not kept (kMaxFindings): with any of
  // them `added` and `removed` are a part, and may name what is in both.
  std::uint64_t not_compared = 0;
};

// Compares two appraisals of the same evidence: pure, and cannot fail. An appraisal that
// comes to an error counts as failing.
PolicyEffect CompareAppraisals(const Appraisal& now, const Appraisal& then);

// A list as AppraiseImaList appraises it, but for `ima.boot_aggregate` that is not
// evaluated, and for the command line that a layer needs (`ima.coverage`) unless `pcr` has
// a boot: a verifier has them from the quote and the event log, of which there is none here.
// They would fail every list and hide what a draft changes. Nothing else is left out; the result
// says what a policy would do, never that a machine is good. Hostile input; errors of
// AppraiseImaList.
Result<Appraisal> AppraiseForSimulation(ByteView list, ima::Format format,
                                        const policy::PolicyAt& policy,
                                        const std::optional<PcrClaim>& pcr);

}  // namespace limequat::appraise
