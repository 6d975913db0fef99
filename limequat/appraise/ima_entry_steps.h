#pragma once

#include <string>
#include <string_view>

#include "limequat/appraise/appraisal.h"
#include "limequat/base/finding.h"
#include "limequat/ima/entry.h"
#include "limequat/ima/keyring.h"
#include "limequat/policy/policy_set.h"

// The steps of AppraiseEntry. Internal to this module.
namespace limequat::appraise {

inline constexpr std::size_t kShownPath = 512;

// What an entry says, for details: escaped.
std::string PathOf(const ima::Entry& entry);
std::string FileDigestOf(const ima::Entry& entry);

// Adds a finding with `entry` as its subject.
void AddAbout(const ima::Entry& entry, Finding finding, Appraisal& out);
void AddFailure(const ima::Entry& entry, std::string_view check, std::string detail,
                Appraisal& out);

// A measured buffer (template ima-buf): "ima.buffer_digest", "ima.key", "ima.buffer". A
// key that the policy lists is added to `learned`. Exclude expressions are about files, as
// `digests` are: whoever may name a keyring chooses what a buffer is called.
void AppraiseBuffer(const ima::Entry& entry, const policy::PolicyAt& policy, ima::Keyring& learned,
                    Appraisal& out);

// Which key vouches for the content of `entry`, if the policy or what was learned has keys
// at all: "KEYRING ID", escaped; empty if none does. Signatures that are not good are added
// ("ima.signature"): ask only about entries that nothing else speaks for.
std::string SignerOf(const ima::Entry& entry, const policy::PolicyAt& policy,
                     const ima::Keyring& learned, Appraisal& out);

}  // namespace limequat::appraise
