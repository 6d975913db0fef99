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
constexpr std::array kPreferred = {HashAlgorithm::kSha256,   HashAlgorithm::kSha384,
                                   HashAlgorithm::kSha512,   HashAlgorithm::kSha3_256,
                                   HashAlgorithm::kSha3_384, HashAlgorithm::kSha3_512,
                                   HashAlgorithm::kSm3_256,  HashAlgorithm::kSha1};

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

// The bank of reference values, or the first of those preferred.
std::optional<HashAlgorithm> BankOf(const BootCriteria& criteria,
                                    const std::vector<HashAlgorithm>& candidates) {
  const auto is_there = [&](HashAlgorithm bank) {
    return std::ranges::find(candidates, bank) != candidates.end();
  };
  if (criteria.values() != nullptr && is_there(criteria.values()->algorithm))
    return criteria.values()->algorithm;
  const auto* found = std::ranges::find_if(kPreferred, is_there);
  return found == kPreferred.end() ? std::nullopt : std::optional(*found);
}

}  // namespace

Result<BootAppraisal> AppraiseBootLog(const eventlog::BootLogs& logs,
                                      const std::optional<tpm::PcrValues>& pcrs,
                                      const BootCriteria& criteria, Time evaluated_at) {
  BootAppraisal result;
  Appraisal& out = result.appraisal;
  out.evaluated_at = evaluated_at;
  LQ_ASSIGN_OR_RETURN(const std::vector<HashAlgorithm> banks, BanksOf(logs.firmware));
  result.bank = BankOf(criteria, pcrs ? pcrs->Banks() : banks);
  if (!result.bank) {
    Add(out,
        NotEvaluated("eventlog.bank", pcrs ? "there are no PCR values to compare with"
                                           : "the event log has no bank that can be computed"));
    criteria.Appraise(nullptr, out);
    return result;
  }
  LQ_ASSIGN_OR_RETURN(eventlog::LogVerification verification,
                      pcrs ? eventlog::VerifyLogByValues(logs, *pcrs, *result.bank, criteria.pcrs())
                           : eventlog::VerifyLogByItself(logs, *result.bank));
  if (!pcrs) {
    std::erase_if(verification.findings,
                  [](const Finding& finding) { return finding.check == "eventlog.boot"; });
  }
  AddAll(std::move(verification.findings), out);
  criteria.Appraise(verification.log ? &*verification.log : nullptr, out);
  return result;
}

}  // namespace limequat::appraise
