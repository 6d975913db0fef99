#include "limequat/appraise/boot_appraisal.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/eventlog/boot_chain.h"
#include "limequat/eventlog/log.h"
#include "limequat/eventlog/replay.h"
#include "limequat/eventlog/secure_boot.h"
#include "limequat/eventlog/verify.h"

namespace limequat::appraise {

namespace {

using crypto::HashAlgorithm;
using policy::BootPolicy;

constexpr std::string_view kCheckPolicy = "boot.policy";
// Reference states have digests of SHA-256; the others are for policies without one.
constexpr std::array kPreferred = {HashAlgorithm::kSha256, HashAlgorithm::kSha384,
                                   HashAlgorithm::kSha512, HashAlgorithm::kSha1};

void AddAll(Findings findings, Appraisal& out) {
  for (Finding& finding : findings) Add(out, std::move(finding));
}

// The banks that the log names; SHA-256 of an empty one, which VerifyLog then tells.
Result<std::vector<HashAlgorithm>> BanksOf(ByteView log) {
  auto reader = eventlog::LogReader::Open(log);
  if (!reader) {
    if (reader.error().id == "eventlog.empty") return std::vector{HashAlgorithm::kSha256};
    return std::move(reader).error();
  }
  return eventlog::ReplayedBanks(reader->algorithms());
}

// What the log itself leads to.
Result<tpm::PcrValues> OwnValues(ByteView log, HashAlgorithm bank) {
  tpm::PcrValues values;
  eventlog::Replay replay({bank});
  auto reader = eventlog::LogReader::Open(log);
  if (!reader && reader.error().id != "eventlog.empty") return std::move(reader).error();
  while (reader) {
    LQ_ASSIGN_OR_RETURN(const std::optional<eventlog::Event> event, reader->Next());
    if (!event) break;
    replay.Extend(*event);
  }
  for (std::uint32_t pcr = 0; pcr < tpm::kPcrCount; ++pcr) values.Set(pcr, replay.Pcr(bank, pcr));
  return values;
}

void AppraiseExample(const policy::BootReference* reference, const eventlog::VerifiedLog& log,
                     Appraisal& out) {
  if (reference == nullptr || reference->says_nothing) {
    Add(out, Passed(kCheckPolicy, "the reference state is empty: nothing of the boot is compared"));
    return;
  }
  out.policed = true;
  policy::BootObjections objections = policy::AppraiseByExample(*reference, log);
  out.not_shown += objections.not_shown;
  for (const std::string_view check : policy::ExampleChecks()) {
    if (FindCheck(objections.findings, check) == nullptr) Add(out, Passed(check));
  }
  AddAll(std::move(objections.findings), out);
}

void AppraiseMeasured(const eventlog::VerifiedLog& log, Appraisal& out) {
  AddAll(eventlog::ReadSecureBoot(log).findings, out);
  AddAll(eventlog::ReadBootChain(log).findings, out);
}

void AppraiseCovered(const BootCriteria& criteria, const eventlog::VerifiedLog& log,
                     Appraisal& out) {
  switch (criteria.policy) {
    case BootPolicy::kExample:
      AppraiseMeasured(log, out);
      AppraiseExample(criteria.reference, log, out);
      break;
    case BootPolicy::kMeasuredOnly:
      AppraiseMeasured(log, out);
      out.policed = true;
      Add(out, Passed(kCheckPolicy,
                      "measured-only: what was started was measured; whether it is "
                      "good was not asked"));
      break;
    case BootPolicy::kAcceptAll:
    case BootPolicy::kRejectAll:
      break;
  }
}

// No PCR replays, so that no rule has anything to look at.
void AppraiseNothing(const BootCriteria& criteria, Appraisal& out) {
  constexpr std::string_view kWhy = "no PCR is covered, so there is nothing to look at";
  if (criteria.policy == BootPolicy::kMeasuredOnly)
    Add(out, NotEvaluated(kCheckPolicy, std::string(kWhy)));
  if (criteria.policy != BootPolicy::kExample) return;
  for (const std::string_view check : policy::ExampleChecks()) {
    Add(out, NotEvaluated(check, std::string(kWhy)));
  }
}

// Policies that look at nothing say so first.
void AppraiseBlindly(BootPolicy policy, Appraisal& out) {
  if (policy == BootPolicy::kAcceptAll) {
    Add(out, Passed(kCheckPolicy, "accept-all: every boot is accepted and none is looked at"));
  } else if (policy == BootPolicy::kRejectAll) {
    out.policed = true;
    Add(out, Failed(kCheckPolicy, "reject-all: no boot is accepted", Cause::kConfiguration));
  }
}

}  // namespace

Result<BootAppraisal> AppraiseBootLog(ByteView log, const std::optional<tpm::PcrValues>& pcrs,
                                      const BootCriteria& criteria, Time evaluated_at) {
  BootAppraisal result;
  Appraisal& out = result.appraisal;
  out.evaluated_at = evaluated_at;
  AppraiseBlindly(criteria.policy, out);
  LQ_ASSIGN_OR_RETURN(const std::vector<HashAlgorithm> banks, BanksOf(log));
  const std::vector<HashAlgorithm> candidates = pcrs ? pcrs->Banks() : banks;
  for (const HashAlgorithm bank : kPreferred) {
    if (result.bank || std::ranges::find(candidates, bank) == candidates.end()) continue;
    result.bank = bank;
  }
  if (!result.bank) {
    Add(out,
        NotEvaluated("eventlog.bank", pcrs ? "there are no PCR values to compare with"
                                           : "the event log has no bank that can be computed"));
    return result;
  }
  tpm::PcrValues values;
  if (pcrs) {
    values = *pcrs;
  } else {
    LQ_ASSIGN_OR_RETURN(values, OwnValues(log, *result.bank));
  }
  LQ_ASSIGN_OR_RETURN(
      eventlog::LogVerification verification,
      eventlog::VerifyLogByValues({.firmware = log, .user_space = {}}, values, *result.bank,
                                  pcrs ? policy::PcrsOf(criteria.policy) : tpm::PcrSet()));
  if (!pcrs) {
    std::erase_if(verification.findings,
                  [](const Finding& finding) { return finding.check == "eventlog.boot"; });
  }
  AddAll(std::move(verification.findings), out);
  if (verification.log) {
    AppraiseCovered(criteria, *verification.log, out);
  } else {
    AppraiseNothing(criteria, out);
  }
  return result;
}

}  // namespace limequat::appraise
