#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "limequat/appraise/appraisal.h"
#include "limequat/appraise/learned.h"
#include "limequat/base/finding.h"
#include "limequat/eventlog/verify.h"
#include "limequat/ima/entry.h"
#include "limequat/ima/keyring.h"
#include "limequat/ima/replay.h"
#include "limequat/policy/policy_set.h"
#include "limequat/tpm/pcr.h"

// The steps of AppraiseEntry. Internal to this module.
namespace limequat::appraise {

inline constexpr std::size_t kShownPath = 512;

// What an entry says, for details: escaped.
std::string PathOf(const ima::Entry& entry);
std::string FileDigestOf(const ima::Entry& entry);

// Whether a policy can list digests of files by what the kernel calls this hash. It lists bytes
// and names no algorithm, so only SHA-1, which Keylime's policies have, and hashes in which no
// file can be made that has another's digest.
bool IsListableHash(std::string_view name);
// Whether a policy can list the digest at all; an fs-verity digest is one of a file's description.
bool IsListable(const ima::Entry& entry);

// Adds a finding with `entry` as its subject.
void AddAbout(const ima::Entry& entry, Finding finding, Appraisal& out);
void AddFailure(const ima::Entry& entry, std::string_view check, std::string detail,
                Appraisal& out);
// The same with what the policy lists, and the digest of the entry as what was found.
void AddUnlisted(const ima::Entry& entry, Finding finding, const std::vector<std::string>& listed,
                 Appraisal& out);

// AppraiseEntry for who has told the policy that the path comes, and CheckStatedDigest says
// `stated` of the entry.
void AppraiseChecked(const ima::Entry& entry, ima::StatedDigest stated,
                     const policy::PolicyAt* policy, Learned& learned, Appraisal& out);

// A measured buffer (template ima-buf): "ima.buffer_digest", "ima.key", "ima.buffer". A
// key that the policy lists is added to `learned`. Exclude expressions are about files, as
// `digests` are: whoever may name a keyring chooses what a buffer is called.
void AppraiseBuffer(const ima::Entry& entry, const policy::PolicyAt& policy, Learned& learned,
                    Appraisal& out);

// Whether the entry has the name of an event of the device mapper.
bool IsDeviceMapperEvent(const ima::Entry& entry);
// Such an event, whose buffer has its digest, against the rules that the policy must have and
// what `learned` knows of the devices: "ima.device_mapper.*".
void AppraiseDeviceMapper(const ima::Entry& entry, const policy::PolicyAt& policy, Learned& learned,
                          Appraisal& out);
// "ima.device_mapper.required": a device is in use for each rule that is required. Nothing
// without such rules.
void AppraiseRequiredDevices(const policy::PolicyAt& policy, const Learned& learned,
                             Appraisal& out);

// What of the policy's coverage an entry proves, in `learned`.
void NoteCoverage(const ima::Entry& entry, const policy::PolicyAt& policy, Learned& learned);
// What the boot proves of the command line that the policy needs, in `learned`; nothing if it
// needs none. `first`: the first entry of the list. `log`: nullptr if no PCR is covered.
void NoteCommandLine(const ima::Entry& first, const tpm::PcrValues& quoted,
                     const eventlog::VerifiedLog* log, const policy::PolicyAt& policy,
                     Learned& learned);
// "ima.coverage", if the policy needs any.
void AppraiseCoverage(const policy::PolicyAt& policy, const Learned& learned, Appraisal& out);

// Behind the last entry, what they come to together: AppraiseRequiredDevices, "ima.coverage"
// and "ima.violations_ignored". Nothing of a policy that says nothing.
void AppraiseTogether(const policy::PolicyAt& policy, const Learned& learned, Appraisal& out);

// Which key vouches for the content of `entry`, if the policy or what was learned has keys
// at all: "KEYRING ID", escaped; empty if none does. Signatures that are not good are added
// ("ima.signature"): ask only about entries that nothing else speaks for.
std::string SignerOf(const ima::Entry& entry, const policy::PolicyAt& policy,
                     const ima::Keyring& learned, Appraisal& out);

}  // namespace limequat::appraise
