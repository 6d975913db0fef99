#include "limequat/appraise/boot_appraisal.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/eventlog/log.h"
#include "limequat/eventlog/replay.h"
#include "limequat/eventlog/verify.h"

namespace limequat::appraise {

namespace {

using crypto::HashAlgorithm;
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

}  // namespace

Result<BootAppraisal> AppraiseBootLog(ByteView log, const std::optional<tpm::PcrValues>& pcrs,
                                      const BootCriteria& criteria, Time evaluated_at) {
  BootAppraisal result;
  Appraisal& out = result.appraisal;
  out.evaluated_at = evaluated_at;
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
    criteria.Appraise(nullptr, out);
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
                                  pcrs ? criteria.pcrs() : tpm::PcrSet()));
  if (!pcrs) {
    std::erase_if(verification.findings,
                  [](const Finding& finding) { return finding.check == "eventlog.boot"; });
  }
  AddAll(std::move(verification.findings), out);
  criteria.Appraise(verification.log ? &*verification.log : nullptr, out);
  return result;
}

}  // namespace limequat::appraise
