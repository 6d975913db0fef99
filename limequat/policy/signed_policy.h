#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/finding.h"
#include "limequat/base/result.h"
#include "limequat/policy/dsse.h"
#include "limequat/policy/runtime_policy.h"

namespace limequat::policy {

// A runtime policy that may be signed, and what its signatures are worth.
struct SignedPolicy {
  // Of VerifyEnvelope, or NotSigned; empty for a policy that is not signed where no key
  // is configured.
  Findings findings;
  std::vector<SignatureOutcome> signatures;
  // Null unless every finding passed: what is not vouched for is not read any further.
  std::shared_ptr<const RuntimePolicy> policy;
};

// Reads `text`, an envelope or a plain policy. What can be read as an envelope is one,
// whatever else is in it (Keylime decides by the member `payload`). Fails closed
// (attack A11): with a key or a root in `signers` a plain policy is refused, and an
// envelope without either is not evaluated.
//
// Hostile input. Errors are those of RuntimePolicy::Parse, also for what a verified
// envelope holds; those of UnverifiedEnvelope::Parse for text that is neither and names
// a payload type.
Result<SignedPolicy> ReadSignedPolicy(std::string_view text, const TrustedSigners& signers);

// A boot reference that may be signed: text for BootValues::Parse or BootReference::Parse.
struct SignedBootReference {
  Findings findings;
  std::vector<SignatureOutcome> signatures;
  // Absent unless every finding passed.
  std::optional<std::string> text;
};

// The same for what boots are compared with. An envelope must be of kBootValuesPayloadType,
// whatever types `signers` name: a runtime policy that somebody signed is none. Hostile
// input.
SignedBootReference ReadSignedBootReference(std::string_view text, TrustedSigners signers);

}  // namespace limequat::policy
