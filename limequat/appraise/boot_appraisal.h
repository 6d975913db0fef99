#pragma once

#include <optional>
#include <string_view>

#include "limequat/appraise/appraisal.h"
#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/crypto/digest.h"
#include "limequat/policy/boot_policy.h"
#include "limequat/policy/boot_reference.h"
#include "limequat/tpm/pcr.h"

namespace limequat::appraise {

// What a boot is appraised by.
struct BootCriteria {
  policy::BootPolicy policy = policy::BootPolicy::kRejectAll;
  // Used by the policy `example` alone; nullptr is a reference that says nothing.
  const policy::BootReference* reference = nullptr;
};

// The verdict on a boot, and what it was compared in.
struct BootAppraisal {
  Appraisal appraisal;
  // The bank whose digests were compared. Absent if the log or the values have none.
  std::optional<crypto::HashAlgorithm> bank;
};

// Appraises a firmware's event log, for `limequat appraise boot` and tests. `pcrs` are
// values of a verified quote, if the caller says so: rules see the events of those PCRs
// that replay to them and nothing else (attack A07), and every PCR that the policy needs
// has to. Without them nothing vouches for the log, and the caller asked about its text
// alone: the findings eventlog.boot and eventlog.replay, which would be about PCRs, are
// then absent.
//   eventlog.*           as of VerifyLog, ReadSecureBoot and ReadBootChain
//   boot.policy          what the policy does, where it does not compare: measured-only
//                        passes, accept-all passes and leaves the boot unpoliced, reject-all
//                        fails; a reference state that says nothing is unpoliced as well
//   boot.*               as of AppraiseByExample
// kMalformed if the log cannot be read to its end. Hostile input: log, pcrs.
Result<BootAppraisal> AppraiseBootLog(ByteView log, const std::optional<tpm::PcrValues>& pcrs,
                                      const BootCriteria& criteria, Time evaluated_at);

}  // namespace limequat::appraise
