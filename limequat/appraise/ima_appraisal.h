#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "limequat/appraise/appraisal.h"
#include "limequat/appraise/learned.h"
#include "limequat/base/bytes.h"
#include "limequat/ima/keyring.h"
#include "limequat/ima/list.h"
#include "limequat/ima/replay.h"
#include "limequat/policy/policy_set.h"
#include "limequat/tpm/pcr.h"

namespace limequat::appraise {

// Appraises one entry of a list against `policy` and adds what fails to `out`:
//   ima.pcr              the entry is for PCR 10
//   ima.template_digest  the stated digest is the hash of the template data
//   ima.violation        the kernel reported a file that changed while measured; a policy may
//                        ignore that, but not in the place of the first entry (attack A09)
//   ima.path             the path is not listed (cause tamper; next: investigate)
//   ima.digest           the path is listed with other digests (cause tamper), or with this
//                        one, which was retired before the entry was verified (policy-lag)
//   ima.digest_kind      not evaluated: the path is listed, but its digest is of an algorithm
//                        or a kind (fs-verity) that no policy lists
//   ima.signature        nothing else speaks for the file, and its signature is bad, or cannot be
//                        verified (see ima::VerifyEntry)
//   ima.key              a key was added to a keyring for which the policy does not list it
//   ima.buffer           another measured buffer (ima-buf) that the policy does not list
//   ima.buffer_digest    the digest of a measured buffer is not that of the buffer
//   ima.device_mapper.*  an event of a block device that the policy's rules do not allow, or
//                        that does not follow from those in front of it; a policy that has
//                        such rules does not look these buffers up in its lists
//   ima.template         not evaluated: the template has no name or no digest, or is a custom
//                        one (attack A07: its name, which tells the fields, is not covered)
//   ima.exclude_limit    an exclude expression hit its limit (counts as not excluded)
//   ima.boot_aggregate_repeated   a second boot_aggregate (attack A04: needs a policy that
//                        allows kexec)
// Entries that are fine add nothing. `policy` as it is in effect for this entry; it may be null:
// then only what needs no policy is checked. Paths in details are escaped; `next` never holds one
// (A15).
//
// A file that the policy does not list is fine if a key vouches for its content: one of
// the policy's verification keys, or of `learned`. Where the policy lists other digests of
// the path, these are meant, and a good signature does not help (Keylime accepts it). Keys
// that the policy lists for their keyrings are added to `learned`; keys of keyrings that it
// ignores never are.
void AppraiseEntry(const ima::Entry& entry, const policy::PolicyAt* policy, Learned& learned,
                   Appraisal& out);

// A whole list against a policy, for `limequat appraise ima` and tests:
//   ima.replay           if `pcr` is given: a prefix of the list leads to it (native or
//                        zero-padded template digests), and only that prefix counts
//   ima.unquoted         entries behind it exist; passes
//   ima.list             there is an entry; says so if there was no PCR to compare with
//   ima.boot_aggregate   with a boot claim: see ima::CheckBootAggregate. Without: not
//                        evaluated, unless the policy lists boot_aggregate, as there are no
//                        quoted PCRs to compute it from
// then each entry, and
//   ima.device_mapper.required   if the policy has rules that require a device: there is one
//   ima.coverage                 not evaluated: the policy names what proves what the kernel
//                                measures, entries or a command line, and it is not there
//                                (attack A02). The command line is that of the boot claim
//   ima.violations_ignored       the policy ignores violations, and there are; passes
// Without `pcr` nothing vouches for the list: the caller asked about
// its text alone. kMalformed/kUnsupported if the list cannot be read up to the quoted
// entry.
// Every entry counts as first verified when `policy` says, and the appraisal as made then.
// A boot claim's log that cannot be read to its end is an error, too.
struct BootClaim {
  tpm::PcrValues pcrs;  // of the quote that signs the PCR, with PCRs 0-9 and 12 of its bank
  ByteView log;         // the firmware's event log; must outlive the call
};
struct PcrClaim {
  crypto::Digest value;
  std::optional<BootClaim> boot = std::nullopt;
};
Result<Appraisal> AppraiseImaList(ByteView list, ima::Format format, const policy::PolicyAt& policy,
                                  const std::optional<PcrClaim>& pcr);

// The signatures of a list alone, for `limequat verify ima-signatures`. One finding
// "ima.signature" for each that is not good, and one for the list: passed if there are
// signatures and all are good. Digests and HMACs are no signatures. Errors as of
// AppraiseImaList. Nothing is said of the list itself, nor of files without a signature.
Result<Appraisal> VerifyImaSignatures(ByteView list, ima::Format format, const ima::Keyring& keys,
                                      Time evaluated_at);

}  // namespace limequat::appraise
