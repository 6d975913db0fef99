#pragma once

#include <optional>

#include "limequat/appraise/appraisal.h"
#include "limequat/appraise/boot_criteria.h"
#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/crypto/digest.h"
#include "limequat/eventlog/verify.h"
#include "limequat/tpm/pcr.h"

namespace limequat::appraise {

// The verdict on a boot, and what it was compared in.
struct BootAppraisal {
  Appraisal appraisal;
  // The bank whose digests were compared. Absent if the log or the values have none.
  std::optional<crypto::HashAlgorithm> bank;
};

// Appraises the event logs of a boot, for `limequat appraise boot` and tests. `pcrs` are
// values of a verified quote, if the caller says so: rules see the events of those PCRs
// that replay to them and nothing else (attack A07), and every PCR that the policy needs
// has to. Without them nothing vouches for the log, and the caller asked about its text
// alone: the findings eventlog.boot and eventlog.replay, which would be about PCRs, are
// then absent.
//   eventlog.*           as of VerifyLog
//   boot.*, eventlog.*   as of BootCriteria::Appraise
// kMalformed if a log cannot be read to its end. Hostile input: logs, pcrs.
Result<BootAppraisal> AppraiseBootLog(const eventlog::BootLogs& logs,
                                      const std::optional<tpm::PcrValues>& pcrs,
                                      const BootCriteria& criteria, Time evaluated_at);

}  // namespace limequat::appraise
