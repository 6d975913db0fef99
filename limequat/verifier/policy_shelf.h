#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/crypto/digest.h"
#include "limequat/policy/dsse.h"
#include "limequat/policy/policy_set.h"
#include "limequat/policy/runtime_policy.h"
#include "limequat/verifier/interned.h"

namespace limequat::verifier {

// What this verifier's own configuration asks of policies that somebody sends.
struct PolicySigning {
  // With any of them, a policy must be signed so; `at` has no meaning.
  policy::TrustedSigners signers{};
  // A policy that is not signed is refused even if no key is known.
  bool required = false;
};

// Parsed policies, one object for each content, and sets of them, one for each list of
// layers: shared by all machines bound to it, and kept as long as a machine holds it.
// Thread-safe.
class PolicyShelf {
 public:
  PolicyShelf() = default;
  explicit PolicyShelf(PolicySigning signing) : signing_(std::move(signing)) {}

  // What stands behind a policy that somebody sends, `body` and the public key `key` (PEM)
  // with it: its verified envelope, or nothing if it is not signed and need not be. Fails
  // closed (attack A11): an envelope must be of `payload_type`, so that no policy of one
  // kind is taken for one of another, and verify with the configured keys and with the one
  // that came along, whichever there are; where there is any, a policy that is not signed
  // is refused. A key that comes along with a request is no root: it never stands for a
  // configured one. Certificates are judged as of `now`.
  //
  // kUntrusted ("policy.signature.key": none is known, "policy.signature": not signed so,
  // "policy.signature.present": not signed at all), kMalformed ("policy.signature.key")
  // for a key that is none.
  Result<std::optional<policy::VerifiedEnvelope>> VerifySender(
      std::string_view body, const std::optional<std::string>& key, Time now,
      std::string_view payload_type) const;
  // The parsed form of a runtime policy that somebody sends: the one way in. Errors are
  // those of VerifySender and of RuntimePolicy::Parse.
  Result<std::shared_ptr<const policy::RuntimePolicy>> Admit(std::string_view body,
                                                             const std::optional<std::string>& key,
                                                             Time now);
  // The parsed form of `body`: of a plain policy, or of an envelope that Admit let in and
  // that somebody still holds; kUntrusted ("policy.signature") for another envelope.
  // Errors are those of RuntimePolicy::Parse.
  Result<std::shared_ptr<const policy::RuntimePolicy>> Get(std::string_view body);
  // The policy with this hash, if a machine holds it already; null otherwise.
  std::shared_ptr<const policy::RuntimePolicy> Find(const crypto::Digest& hash);
  // The same of a policy out of our database, into which only Admit lets any: an
  // envelope is not verified again.
  Result<std::shared_ptr<const policy::RuntimePolicy>> GetStored(std::string_view body);
  // The set of these layers; of one layer its name in the set is the one that the policy
  // itself has. Errors are those of PolicySet::Compose.
  Result<std::shared_ptr<const policy::PolicySet>> Compose(std::vector<policy::PolicyLayer> layers);

 private:
  const PolicySigning signing_{};
  Interned<policy::RuntimePolicy> policies_;
  Interned<policy::PolicySet> sets_;
};

}  // namespace limequat::verifier
