#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "limequat/appraise/appraisal.h"
#include "limequat/base/bytes.h"
#include "limequat/ima/list.h"
#include "limequat/ima/replay.h"
#include "limequat/policy/runtime_policy.h"

namespace limequat::appraise {

// Appraises one entry of a list against `policy` and adds what fails to `out`:
//   ima.pcr              the entry is for PCR 10
//   ima.template_digest  the stated digest is the hash of the template data
//   ima.violation        the kernel reported a file that changed while measured
//   ima.path             the path is not listed (cause tamper; next: investigate)
//   ima.digest           the path is listed with other digests (cause tamper or policy-lag)
//   ima.exclude_limit    an exclude expression hit its limit (counts as not excluded)
//   ima.boot_aggregate_repeated   a second boot_aggregate (attack A04: needs a policy that allows kexec)
// Entries that are fine add nothing. `policy` may be null: then only what needs no
// policy is checked. Paths in details are escaped; `next` never holds one (A15).
void AppraiseEntry(const ima::Entry& entry, const policy::RuntimePolicy* policy, Appraisal& out);

// A whole list against a policy, for `limequat appraise ima` and tests: replay (if
// `pcr` is given, "ima.replay" must reach it: the prefix that does is what counts,
// entries after it are told by "ima.unquoted" which passes), then each entry. With
// no `pcr`, "ima.replay" is not evaluated but the verdict does not fail for it: the
// caller asked about the list alone and the finding says so.
// kMalformed/kUnsupported if the list cannot be read up to the quoted entry.
struct PcrClaim {
  crypto::Digest value;
};
Result<Appraisal> AppraiseImaList(ByteView list, ima::Format format, const policy::RuntimePolicy& policy,
                                  const std::optional<PcrClaim>& pcr, Time evaluated_at);

}  // namespace limequat::appraise
