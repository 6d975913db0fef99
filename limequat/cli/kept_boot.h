#pragma once

#include <string>
#include <string_view>

#include "limequat/appraise/boot_change.h"
#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/cli/findings_view.h"
#include "limequat/policy/boot_policy.h"
#include "limequat/tenant/client.h"
#include "limequat/tpm/pcr.h"
#include "limequat/wire/boot_log_view.h"

namespace limequat::cli {

// The newest event log of a machine that led to its quote, as the verifier keeps it, and what
// the machine's boots are held against now.
struct KeptBoot {
  Bytes log;
  tpm::PcrValues pcrs;   // signed values that the log led to
  std::string verified;  // when it was first verified, RFC 3339
  policy::BootPolicy policy = policy::BootPolicy::kExample;
  std::string reference;  // out of its envelope, if it has one; "": there is none
  std::string model;

  // Refers to this.
  appraise::BootCase CaseAt(Time at) const;
};

// Reads what a verifier answers. `reference`: the document of view.boot_reference, or "". Its
// signatures are not looked at: the verifier did before it took it. kMalformed
// ("cli.kept_boot"): values or a policy that this version does not know; kNotFound the same: the
// machine has no boot policy by now. Hostile input: the log, which nobody has verified yet.
Result<KeptBoot> ReadKeptBoot(wire::BootLogView view, std::string_view reference);

// The same of a machine, from the verifier. Errors also those of Services::FindBootLog and
// FetchPolicy.
Result<KeptBoot> FetchKeptBoot(tenant::Services& services, std::string_view agent_id);

// Whether a boot policy refuses the boot of a result: a finding "boot.*" that did not pass,
// other than that about the baseline.
bool IsBootRefused(const ResultView& result);

// kMalformed ("cli.kept_boot") if the result says that the log of its answer does not lead to its
// quote: what the verifier keeps is then of another boot.
Status CheckLogLedToQuote(const ResultView& result);

}  // namespace limequat::cli
