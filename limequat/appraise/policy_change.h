#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/appraise/appraisal.h"
#include "limequat/appraise/ima_appraisal.h"
#include "limequat/base/finding.h"
#include "limequat/json/value.h"
#include "limequat/policy/policy_set.h"
#include "limequat/policy/runtime_policy.h"

namespace limequat::appraise {

// A finding that no addition to a policy makes pass, or none that is proposed, and why.
struct Unchangeable {
  std::string check;
  Subject subject;
  std::string why;  // escaped
};

// The smallest change of policies under which what was found would pass: the answer to
// "what would somebody have to vouch for?". Nothing applies it by itself, and nothing in it
// is good because it is here. It adds digests and values, never an exclude expression, a
// verification key or a rule, and never touches what a policy asks for (`ima.coverage`) or
// overlooks (`ima.ignore_violations`): where that would help, `why` says so.
struct PolicyChange {
  policy::PolicyAdditions runtime;                      // to the runtime policy
  std::map<std::uint32_t, std::set<std::string>> pcrs;  // values by PCR, for pcr.policy
  std::vector<Unchangeable> unchangeable;               // in the order of the findings
  std::uint64_t not_covered = 0;                        // findings that were only counted

  // Whether everything would pass with it.
  bool suffices() const { return unchangeable.empty() && not_covered == 0; }
};

// The change for the findings of an appraisal, also one that another program tells of:
// hostile input. A name that does not show as it is (control characters, bytes that are no
// text, a backslash) is never proposed: it is unchangeable.
// Where keys are to be added, what they sign may pass by them: ChangeForImaList looks.
PolicyChange ChangeFor(const Findings& findings, std::uint64_t not_shown);

// The change under which the list would pass AppraiseImaList with `policy`, exactly: nothing
// of it can be left out. Merged with a layer that is in effect it suffices, and as one more
// layer. Errors as of PolicySet::Compose and AppraiseImaList.
Result<PolicyChange> ChangeForImaList(ByteView list, ima::Format format,
                                      const policy::PolicyAt& policy,
                                      const std::optional<PcrClaim>& pcr);

// [{"check", "subject", "why"}], as all changes tell it.
json::Array ToJson(const std::vector<Unchangeable>& unchangeable);

// {"runtime_policy": a policy of nothing but the digests, to be merged with `limequat policy
// merge`, null if there are none; "tpm_policy": {"14": ["HEX"]}; "unchangeable": [{"check",
// "subject", "why"}]; "not_covered"; "suffices"}. `log_hash` as of policy::WriteAdditions.
Result<json::Value> ToJson(const PolicyChange& change, std::string_view log_hash);

}  // namespace limequat::appraise
